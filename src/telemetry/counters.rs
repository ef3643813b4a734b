//! Sums since the start of the process.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why something did not reach the graph, or reached it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Reason {
    /// A record that is not what its format says: truncated, random bytes, another format.
    Malformed,
    /// A record above `kafka.max_record_size`.
    TooLarge,
    /// A record whose bytes look like no known format.
    UnknownFormat,
    /// A span without a trace id, or with one of zeros.
    NoTraceId,
    /// A span without an id, or with one of zeros.
    NoSpanId,
    /// A span that an ignore rule names.
    Ignored,
    /// A span that Linchpin made itself.
    OwnSpan,
    /// A span of a trace that already has `sessions.max_spans`.
    SessionFull,
    /// A span that was shed under overload, as part of a whole trace; the weights of the others make up for it.
    Shed,
    /// A span of a log second with more than twice the budget.
    Overload,
    /// A span that names no service: it belongs to the service above it, and to none where there is none.
    NoService,
    /// The same span again within its session.
    Duplicate,
}

impl Reason {
    /// All reasons, by number.
    pub const ALL: [Reason; 12] = [
        Reason::Malformed,
        Reason::TooLarge,
        Reason::UnknownFormat,
        Reason::NoTraceId,
        Reason::NoSpanId,
        Reason::Ignored,
        Reason::OwnSpan,
        Reason::SessionFull,
        Reason::Shed,
        Reason::Overload,
        Reason::NoService,
        Reason::Duplicate,
    ];

    /// The name in JSON and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Malformed => "malformed",
            Reason::TooLarge => "too_large",
            Reason::UnknownFormat => "unknown_format",
            Reason::NoTraceId => "no_trace_id",
            Reason::NoSpanId => "no_span_id",
            Reason::Ignored => "ignored",
            Reason::OwnSpan => "own_span",
            Reason::SessionFull => "session_full",
            Reason::Shed => "shed",
            Reason::Overload => "overload",
            Reason::NoService => "no_service",
            Reason::Duplicate => "duplicate",
        }
    }

    /// False where dropping is what was asked for, or costs nothing.
    pub fn is_loss(self) -> bool {
        !matches!(self, Reason::Ignored | Reason::OwnSpan | Reason::Duplicate)
    }
}

/// Sums since the start of the process.
#[derive(Default)]
pub struct Counters {
    /// Records read.
    pub records: Counter,
    /// Bytes of record values read.
    pub bytes: Counter,
    /// Spans decoded, before anything is dropped.
    pub spans: Counter,
    /// Spans whose end lay before their start; they count with a duration of zero.
    pub negative_durations: Counter,
    /// Names longer than `names.max_length`; they were cut.
    pub names_truncated: Counter,
    /// Strings that were not UTF-8; the bad bytes were replaced.
    pub invalid_utf8: Counter,
    /// Traces whose event time lay outside the clamp around their log time.
    pub clamped_times: Counter,
    /// Records behind the watermark: taken at it.
    pub behind: Counter,
    /// Producer times that jumped forward and were refuted.
    pub refuted_jumps: Counter,
    /// Records whose key is not the trace id of their spans, where lanes are partitions.
    pub key_violations: Counter,
    /// Holes in the log: offsets that retention took before they were read.
    pub log_gaps: Counter,
    /// Traces closed.
    pub traces: Counter,
    /// What did not reach the graph, by reason.
    dropped: [Counter; Reason::ALL.len()],
}

impl Counters {
    /// Adds `n` to what was dropped for `reason`.
    pub fn drop(&self, reason: Reason, n: u64) {
        self.dropped[reason as usize].add(n);
    }

    /// What was dropped for `reason`.
    pub fn dropped(&self, reason: Reason) -> u64 {
        self.dropped[reason as usize].get()
    }
}
