//! Which session or tail fragment a record of a trace belongs to (ALGORITHMS 7, *Sessions*).

use crate::model::{LogMillis, Minute};

/// G and M, in milliseconds of log time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spans {
    pub gap: LogMillis,
    pub max_life: LogMillis,
}

/// A run of records of one trace without a gap of silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub start: LogMillis,
    pub last: LogMillis,
    /// Further records still belong to the session.
    pub is_open: bool,
}

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belongs {
    /// It begins a session; what was open before is closed.
    NewSession,
    /// To the open session.
    Session,
    /// To the tail fragment of this log minute.
    Tail(Minute),
}

impl Chain {
    /// Places the next record in log time; `chain` is the trace's, `None` before its first.
    pub fn place(chain: &mut Option<Chain>, at: LogMillis, spans: Spans) -> Belongs {
        match chain {
            Some(chain) if at - chain.last < spans.gap => {
                chain.last = at;
                if chain.is_open && at <= chain.start + spans.max_life {
                    return Belongs::Session;
                }
                chain.is_open = false;
                Belongs::Tail(Minute::of_millis(at))
            }
            _ => {
                *chain = Some(Chain { start: at, last: at, is_open: true });
                Belongs::NewSession
            }
        }
    }

    /// The last log time at which the session may still get a record.
    pub fn closes_after(&self, spans: Spans) -> LogMillis {
        (self.last + spans.gap).min(self.start + spans.max_life)
    }
}
