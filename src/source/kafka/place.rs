//! Where a partition is, by name, and the numbers that inputs get.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::model::{InputId, LogMillis};

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number in it.
    pub partition: i32,
}

impl Place {
    /// A partition by topic and number.
    pub fn new(topic: &str, partition: i32) -> Place {
        Place { topic: topic.into(), partition }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// How far a partition was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadTo {
    /// The next offset to read.
    pub offset: i64,
    /// No record that was read is later, but for single clocks that are ahead; `None` where nothing is known of times.
    pub newest: Option<LogMillis>,
}

/// How far each partition was read.
pub type Positions = BTreeMap<Place, ReadTo>;

/// Gives out input numbers: a partition that comes back gets its old one.
#[derive(Default)]
pub(super) struct Inputs(BTreeMap<Place, InputId>);

impl Inputs {
    pub(super) fn of(&mut self, place: &Place) -> InputId {
        let next = InputId::try_from(self.0.len()).expect("fewer partitions than u32 holds");
        *self.0.entry(place.clone()).or_insert(next)
    }
}
