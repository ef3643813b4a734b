//! Which jumps of offsets are told as holes, and which are not.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::holes::Offsets;
use crate::graph::sealed::{ALGORITHM_VERSION, Attachments, BucketKey, Frame, Header, Marks, Width, encode};
use crate::graph::{Bucket, Hashes};
use crate::lane::{Gap, GapCause, InputCounts};
use crate::model::time::MILLIS_PER_MINUTE;
use crate::model::{Minute, Symbols};

/// Begins a day.
const START: u32 = 28_400 * 1440;

/// A bucket with records of one input.
#[derive(Clone)]
struct Row {
    lane: &'static str,
    width: Width,
    minute: u32,
    first: i64,
    last: i64,
    records: u64,
    members: u32,
    marks: Marks,
    config: u64,
    gap: Option<(GapCause, u32, u32)>,
}

fn minute(minute: u32, first: i64, last: i64) -> Row {
    Row {
        lane: "merged",
        width: Width::Minute,
        minute,
        first,
        last,
        records: last.abs_diff(first) + 1,
        members: 0,
        marks: Marks::default(),
        config: 1,
        gap: None,
    }
}

fn ten_minutes(start: u32, first: i64, last: i64, members: u32) -> Row {
    Row { width: Width::TenMinutes, members, ..minute(start, first, last) }
}

/// Ten offsets a minute, without some minutes.
fn minutes(without: &[u32]) -> Vec<Row> {
    let there = (0..20).filter(|n| !without.contains(n));
    there.map(|n| minute(n, i64::from(n) * 10, i64::from(n) * 10 + 9)).collect()
}

fn with(mut rows: Vec<Row>, at: usize, change: impl Fn(&mut Row)) -> Vec<Row> {
    change(&mut rows[at]);
    rows
}

fn key(lane: &str, width: Width, minute: u32) -> BucketKey {
    BucketKey { lane: Arc::from(lane), width, start: Minute(START + minute) }
}

fn offsets(rows: &[Row]) -> Offsets {
    let mut offsets = Offsets::default();
    for row in rows {
        let input: Arc<str> = "spans/0".into();
        let header = Header {
            algorithm: ALGORITHM_VERSION,
            config: row.config,
            key: key(row.lane, row.width, row.minute),
            marks: row.marks,
        };
        let counts = InputCounts {
            first_offset: row.first,
            last_offset: row.last,
            records: row.records,
            ..InputCounts::default()
        };
        let millis = |minute: u32| i64::from(START + minute) * MILLIS_PER_MINUTE;
        let gap = |(cause, since, until)| Gap {
            input: input.clone(),
            cause,
            since: (cause != GapCause::Start).then_some(millis(since)),
            until: millis(until),
            offsets: 0,
        };
        let mut attached = Attachments { members: row.members, ..Attachments::default() };
        attached.counts.0.insert(input.clone(), counts);
        attached.gaps = row.gap.map(gap).into_iter().collect::<BTreeSet<Gap>>();
        let bytes = encode(&header, &Bucket::default(), &attached, &Hashes::new(Symbols::new(10)));
        offsets.see(&Frame::open(&bytes).unwrap()).unwrap();
    }
    offsets
}

/// Holes as (minute behind it, first offset, last offset).
fn holes(rows: &[Row], missing: &[BucketKey]) -> Vec<(u32, i64, i64)> {
    let found = offsets(rows).holes(missing);
    found.iter().map(|hole| (hole.next.start.0 - START, hole.inputs[0].1, hole.inputs[0].2)).collect()
}

#[test]
fn minutes_that_were_removed_are_holes() {
    assert_eq!(holes(&minutes(&[]), &[]), []);
    assert_eq!(holes(&minutes(&[5]), &[]), [(6, 50, 59)]);
    assert_eq!(holes(&minutes(&[5, 6, 12]), &[]), [(7, 50, 69), (13, 120, 129)]);
    assert_eq!(holes(&minutes(&[0, 1, 18, 19]), &[]), [], "what was dropped at the ends leaves no hole");
    let quiet = [minutes(&[]), vec![minute(60, 200, 209)]].concat();
    assert_eq!(holes(&quiet, &[]), [], "a minute without records has no bucket");
}

#[test]
fn a_hole_is_one_only_where_no_roll_up_holds_it() {
    let with = |without: &[u32], roll_up| [minutes(without), vec![roll_up]].concat();
    assert_eq!(holes(&with(&[5], ten_minutes(0, 0, 99, 10)), &[]), []);
    assert_eq!(holes(&with(&[5], ten_minutes(0, 0, 99, 9)), &[]), [(6, 50, 59)]);
    let aged: Vec<u32> = (0..10).collect();
    assert_eq!(holes(&with(&aged, ten_minutes(0, 0, 99, 10)), &[]), []);
    let without_its_neighbour = [&aged[..], &[10]].concat();
    assert_eq!(holes(&with(&without_its_neighbour, ten_minutes(0, 0, 99, 10)), &[]), [(11, 100, 109)]);
}

#[test]
fn what_accounts_for_missing_offsets_is_believed() {
    let gap = |cause| with(minutes(&[5]), 5, |row| row.gap = Some((cause, 4, 6)));
    assert_eq!(holes(&gap(GapCause::Lost), &[]), []);
    assert_eq!(holes(&gap(GapCause::Start), &[]), []);
    let other = with(minutes(&[5]), 9, |row| row.gap = Some((GapCause::Lost, 10, 10)));
    assert_eq!(holes(&other, &[]), [(6, 50, 59)], "of another time");
    let doubtful = with(minutes(&[5]), 5, |row| row.marks = Marks::IRREPRODUCIBLE);
    assert_eq!(holes(&doubtful, &[]), []);
    let mut configured = minutes(&[5]);
    configured[5..].iter_mut().for_each(|row| row.config = 2);
    assert_eq!(holes(&configured, &[]), []);
    assert_eq!(holes(&minutes(&[5]), &[key("merged", Width::Minute, 5)]), [], "it is told as damaged");
    assert_eq!(holes(&minutes(&[5]), &[key("merged", Width::Minute, 7)]), [(6, 50, 59)]);
}

#[test]
fn a_topic_that_lacks_offsets_by_nature_is_not_judged() {
    let compacted = with(minutes(&[5]), 9, |row| row.records -= 1);
    assert_eq!(holes(&compacted, &[]), []);
    // A transaction a minute, whose marker lies between the records of two minutes.
    let transactions: Vec<Row> =
        (0..20).map(|n| minute(n, i64::from(n) * 11, i64::from(n) * 11 + 9)).collect();
    assert_eq!(holes(&transactions, &[]), []);
}

#[test]
fn a_topic_made_anew_and_other_lanes_are_followed() {
    let mut anew = minutes(&[]);
    anew[10..].iter_mut().for_each(|row| (row.first, row.last) = (row.first - 100, row.last - 100));
    let anew = with(anew, 10, |row| row.gap = Some((GapCause::Recreated, 9, 10)));
    assert_eq!(holes(&anew, &[]), []);
    let mut elsewhere = minutes(&[]);
    elsewhere[8..12].iter_mut().for_each(|row| row.lane = "spans/0");
    assert_eq!(holes(&elsewhere, &[]), [], "the lanes' mode was another one for a while");
}

#[test]
fn a_roll_up_stands_for_what_it_was_made_with() {
    let stands = |members: u32, is_partial: bool| {
        let rows = [minutes(&[5]), vec![ten_minutes(0, 0, 99, members)]].concat();
        offsets(&rows).is_stood_for(&key("merged", Width::Minute, 5), |_| is_partial)
    };
    assert!(stands(10, false));
    assert!(!stands(9, false), "it was made of those that are there");
    assert!(!stands(10, true), "something was missing when it was made");
    assert!(!offsets(&minutes(&[5])).is_stood_for(&key("merged", Width::Minute, 5), |_| false));
}
