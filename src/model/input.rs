//! What a source hands over: batches of records with their position and log time, and what it knows of its inputs.
//!
//! An *input* is one ordered log: a partition of a topic, or a file.
//! All events of one input arrive in its order; between inputs there is no order.

use std::sync::Arc;

use super::ids::TraceId;
use super::time::LogMillis;

/// An input by number, given out by the source in the order in which it first saw them.
pub type InputId = u32;

/// A wire format of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `ExportTraceServiceRequest` as protobuf: the collector's `otlp_proto`.
    OtlpProto,
    /// The same as JSON: the collector's `otlp_json`.
    OtlpJson,
}

/// A producer's time further ahead of others than this, milliseconds, is taken for that of a wrong clock.
pub const CLOCK_TOLERANCE_MS: LogMillis = 5 * 60_000;

/// A record's time as Kafka gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordTime {
    /// Set by the producer: may jump.
    Create(LogMillis),
    /// Set by the broker: believed.
    LogAppend(LogMillis),
    /// None: the record counts as of its predecessor's time.
    Missing,
}

impl RecordTime {
    /// A producer's time that no right clock can have given yet, where the local one says `now`.
    pub fn is_in_future(self, now: LogMillis) -> bool {
        matches!(self, RecordTime::Create(at) if at > now.saturating_add(CLOCK_TOLERANCE_MS))
    }
}

/// What a record's key says of its spans; checked where lanes are partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHint {
    /// No key.
    Absent,
    /// The key is a trace id in hex (32 or 16 digits) or as 16 raw bytes.
    Trace(TraceId),
    /// A key that is no trace id.
    Other,
}

/// One record of a [`RecordBatch`].
#[derive(Clone, Debug)]
pub struct RecordMeta {
    /// Position in its input.
    pub offset: i64,
    /// Record time.
    pub time: RecordTime,
    /// Its key.
    pub key: KeyHint,
    /// Format named by a header or by the topic's configuration; `None`: detect it.
    pub format: Option<Format>,
    /// End of its value in [`RecordBatch::bytes`]; it starts where the previous one ends.
    pub end: usize,
    /// Size of a value that was too large to be taken along, in bytes; its part of `bytes` is empty.
    pub oversize: Option<usize>,
}

/// Some consecutive records of one input; their values lie one behind the other in one buffer.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    /// Where they come from.
    pub input: InputId,
    /// All values.
    pub bytes: Vec<u8>,
    /// The records in log order.
    pub records: Vec<RecordMeta>,
}

impl RecordBatch {
    /// The records with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&RecordMeta, &[u8])> {
        let mut start = 0;
        self.records.iter().map(move |record| {
            let value = &self.bytes[start..record.end];
            start = record.end;
            (record, value)
        })
    }
}

/// What a source says, in order per input.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// An input is read from now on; lanes wait for it.
    Assigned {
        /// Its number.
        input: InputId,
        /// `topic/partition`, or a file's name.
        name: Arc<str>,
        /// Inputs that there are in all: nothing is decided before each of them was assigned.
        expected: usize,
    },
    /// It is known where the input is read from; before its first record.
    Started {
        /// Its number.
        input: InputId,
        /// Offset of the next record.
        offset: i64,
        /// How much of the log lies before it.
        beginning: Beginning,
    },
    /// Records between the last one and `first` are gone.
    Hole {
        /// Its number.
        input: InputId,
        /// Offset of the next record.
        first: i64,
    },
    /// Records.
    Records(RecordBatch),
    /// Nothing more is there for now: the input stands at `at` instead of at its last record.
    Standing {
        /// Its number.
        input: InputId,
        /// Local clock less the margin.
        at: LogMillis,
    },
    /// The input is not read for now: the group hands it out anew, or another instance has it.
    Revoked {
        /// Its number.
        input: InputId,
    },
    /// The input does not exist any more; nobody waits for it.
    Gone {
        /// Its number.
        input: InputId,
    },
}

/// What lies before the place where an input is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// Nothing: it is the beginning of the log.
    OfLog,
    /// Records that are not read; from this log time on all are.
    At(LogMillis),
    /// Records that are gone.
    OfWhatIsLeft,
    /// Records that were read before.
    Resumed,
}
