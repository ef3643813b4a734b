//! Sealed minutes to ten minutes, hours, days: the same encoding, fewer and larger buckets.

use super::history::History;
use super::timeline::Timeline;
use crate::graph::sealed::{Attachments, BucketKey, Frame, Header, Marks, Width, encode};
use crate::graph::{Bucket, Hashes};
use crate::model::Minute;
use std::sync::Arc;

/// Makes the roll-ups of a lane that end by `through` (its last sealed minute) and are not there yet.
pub(super) fn roll_up(timeline: &Timeline, lane: &Arc<str>, through: Minute, hashes: &mut Hashes) {
    let history = &timeline.history;
    for (finer, width) in Width::ALL.into_iter().zip(Width::ALL.into_iter().skip(1)) {
        let ended = width.start_of(Minute(through.0 + 1)).0;
        let mut starts: Vec<u32> = history
            .starts(lane, finer, 0..ended)
            .iter()
            .map(|start| start - start % width.minutes())
            .collect();
        starts.dedup();
        let known = history.starts(lane, width, 0..ended);
        // What the retention has cut into would say that there was nothing before.
        let whole = history.oldest_kept().map_or(0, |oldest| oldest.0);
        let missing = |start: &u32| *start >= whole && known.binary_search(start).is_err();
        for start in starts.into_iter().filter(missing) {
            let key = BucketKey { lane: lane.clone(), width, start: Minute(start) };
            merge(history, finer, &key, hashes);
        }
    }
}

/// Makes one roll-up; none where the disk cannot be read, which is tried again with the next minute.
fn merge(history: &History, finer: Width, key: &BucketKey, hashes: &mut Hashes) {
    let span = key.start.0..key.end().0;
    let mut bucket = Bucket::default();
    let mut header: Option<Header> = None;
    let mut marks = Marks::default();
    let mut members = 0;
    for start in history.starts(&key.lane, finer, span.clone()) {
        let member = BucketKey { width: finer, start: Minute(start), ..key.clone() };
        let bytes = match history.load(&member) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            Err(error) => return tracing::warn!(bucket = %key, %error, "not rolled up"),
        };
        let added = Frame::open(&bytes).and_then(|frame| {
            frame.add_to(&mut bucket, hashes)?;
            Ok(frame.header)
        });
        match added {
            Ok(added) => {
                marks = marks.with(added.marks);
                header = Some(added);
                members += 1;
            }
            // What it had added already may be in the sum, so it is made anew without it.
            Err(damage) => {
                history.set_aside(&member, damage.to_string());
                return merge(history, finer, key, hashes);
            }
        }
    }
    // Of the last member, should versions or configurations differ.
    let Some(header) = header else { return };
    if !history.damaged_in(&span).is_empty() {
        marks = marks.with(Marks::PARTIAL);
    }
    let header = Header { key: key.clone(), marks, ..header };
    let attached = Attachments { members, ..Attachments::default() };
    history.insert(key, encode(&header, &bucket, &attached, hashes), members);
}
