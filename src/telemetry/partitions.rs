//! What the source knows of its partitions and of its connection, for the status, the metrics and `/readyz`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::model::{InputId, LogMillis};

/// State of one partition.
#[derive(Clone, Debug, Default)]
pub struct PartitionStatus {
    /// `topic/partition`.
    pub name: String,
    /// Offset that is read next.
    pub position: i64,
    /// Offset behind the last record in the log, as last heard from the broker.
    pub end: i64,
    /// Log time of the last record read; a producer's time in the future does not move it.
    pub log_time: Option<LogMillis>,
    /// True while it stands at its end or without leader, and the local clock stands for its time.
    pub is_standing: bool,
    /// What is wrong with it, in words.
    pub problem: Option<String>,
    /// Offsets lost to retention before they were read.
    pub lost_offsets: u64,
}

impl PartitionStatus {
    /// Records not yet read.
    pub fn lag(&self) -> u64 {
        u64::try_from(self.end - self.position).unwrap_or(0)
    }
}

/// State of the source.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// True once partitions are assigned and read.
    pub is_connected: bool,
    /// What is wrong and what to do, in words; set while it is not connected, or not complete.
    pub problem: Option<String>,
    /// Partitions of the topics.
    pub partitions_known: usize,
    /// Partitions assigned to this instance.
    pub partitions_assigned: usize,
}

/// States shared between the source (writer) and the answers (readers).
#[derive(Default)]
pub struct Partitions {
    partitions: Mutex<BTreeMap<InputId, PartitionStatus>>,
    connection: Mutex<Connection>,
}

impl Partitions {
    /// Changes the state of one partition.
    pub fn update(&self, input: InputId, change: impl FnOnce(&mut PartitionStatus)) {
        let mut partitions = self.partitions.lock().expect("no panic happens while it is locked");
        change(partitions.entry(input).or_default());
    }

    /// Forgets a partition that went to another instance.
    pub fn remove(&self, input: InputId) {
        self.partitions.lock().expect("no panic happens while it is locked").remove(&input);
    }

    /// Changes the state of the connection.
    pub fn update_connection(&self, change: impl FnOnce(&mut Connection)) {
        change(&mut self.connection.lock().expect("no panic happens while it is locked"));
    }

    /// All partitions, by input.
    pub fn all(&self) -> BTreeMap<InputId, PartitionStatus> {
        self.partitions.lock().expect("no panic happens while it is locked").clone()
    }

    /// State of the connection.
    pub fn connection(&self) -> Connection {
        self.connection.lock().expect("no panic happens while it is locked").clone()
    }
}
