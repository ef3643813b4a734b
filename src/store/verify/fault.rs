//! What a verification finds, each with its cure.

use std::path::PathBuf;

use crate::graph::sealed::{BucketKey, Width};

/// What kind of thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file is not the whole bucket of its name.
    Damaged,
    /// The system does not let it be read.
    Unreadable,
    /// A newer version of Linchpin wrote it.
    FutureVersion,
    /// Its digest is not that of its content.
    Digest,
    /// Its content cannot be read.
    Content,
    /// Its content, sealed again, gives other bytes.
    NotCanonical,
    /// It is not the sum of what it was rolled up of.
    RollUp,
    /// A file that was set aside as damaged, of a bucket that is missing.
    SetAside,
    /// Another version of a bucket.
    Conflict,
    /// A file that was set aside as damaged, of a bucket that is there again; only noted.
    Superseded,
    /// Offsets that are in no bucket; only noted.
    Hole,
}

impl Fault {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Damaged => "damaged",
            Fault::Unreadable => "unreadable",
            Fault::FutureVersion => "future_version",
            Fault::Digest => "digest",
            Fault::Content => "content",
            Fault::NotCanonical => "not_canonical",
            Fault::RollUp => "roll_up",
            Fault::SetAside => "set_aside",
            Fault::Conflict => "conflict",
            Fault::Superseded => "superseded",
            Fault::Hole => "hole",
        }
    }

    /// What to do about it in a bucket of this width, if it is one's; `can_be_read_again` where a start can go on
    /// before it.
    pub(super) fn cure(self, width: Option<Width>, can_be_read_again: bool) -> &'static str {
        match (self, width) {
            (Fault::Damaged | Fault::SetAside, Some(Width::Minute)) if can_be_read_again => {
                "bring it back from a copy; or stop `linchpin serve`, move it and all later minutes of its lane out of \
                 `buckets`, and start: they are read again, as far as the log still goes back (docs/OPERATIONS.md)"
            }
            (Fault::Damaged, Some(Width::Minute)) => {
                "the next `linchpin serve` that reads it sets it aside; bring the file back from a copy, or do without"
            }
            (Fault::Damaged | Fault::RollUp, _) => {
                "delete the file of the roll-up while nothing writes: the next `linchpin serve` makes it again of its \
                 parts, if they are there; else bring it back from a copy"
            }
            (Fault::SetAside, _) => "it holds what is missing; delete it when you need it no more",
            (Fault::Unreadable, _) => "give this process the right to read it, or look at its disk",
            (Fault::FutureVersion, _) => "read it with a newer linchpin",
            (Fault::Digest | Fault::Content | Fault::NotCanonical, _) => {
                "its writer had a fault: keep the file and report it"
            }
            (Fault::Conflict, _) => {
                "compare it with the bucket that stayed by `linchpin store export`, report it, then delete it"
            }
            (Fault::Superseded, _) => "delete it when you like",
            (Fault::Hole, _) => {
                "a minute before it was removed, unless the topic itself lacks them, as one that is compacted or written \
                 in transactions does; bring the minute back from a copy, or do without"
            }
        }
    }
}

/// Something that is wrong with a store, or worth a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub fault: Fault,
    /// The bucket; `None` for files that stand for none.
    pub bucket: Option<BucketKey>,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub cure: &'static str,
}

/// The outcome of a look at a whole store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Buckets that were read.
    pub buckets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Roll-ups that were compared with their parts.
    pub roll_ups_compared: u64,
    /// What is wrong, by bucket and then by file.
    pub problems: Vec<Problem>,
    /// What is worth a word and may be as it should.
    pub notes: Vec<Problem>,
}
