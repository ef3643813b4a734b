//! Every bucket that was ever written is read, and written again as it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::config::Config;
use crate::export::fixture::assert_golden;
use crate::graph::LiveGraph;
use crate::graph::fixture::{Row, facts};
use crate::graph::sealed::{Attachments, BucketKey, Marks, Positions, Width, encode};
use crate::lane::{GapCause, Inputs, ShedState};
use crate::model::Minute;

/// Buckets of format 1 that were written once, and have to be readable for ever: one of before there were paths,
/// one with them, one that keeps traces too, and one with calls by flow; each with its number of optional sections.
const VERSION_1: [(&str, usize); 4] =
    [("bucket-v1", 0), ("bucket-v1-paths", 1), ("bucket-v1-traces", 2), ("bucket-v1-calls", 3)];

/// UPDATE_GOLDEN=1 writes a file that is not there yet; one that is stays.
fn file(name: &str, optional: usize) -> Vec<u8> {
    let path = format!("{}/tests/golden/{name}.bucket", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !std::path::Path::new(&path).exists() {
        std::fs::write(&path, version_1(optional)).unwrap();
    }
    std::fs::read(path).unwrap()
}

/// The contents of those files: something in every section.
fn version_1(optional: usize) -> Vec<u8> {
    let symbols = Symbols::new(1_000);
    let minute = Minute(29_933_401);
    let mut config = Config::default();
    if optional < 3 {
        config.flows.max_calls = 0;
    }
    let live = LiveGraph::new(symbols.clone(), &config);
    live.add_lane(0, 0);
    let mut writer = live.writer();
    for n in 0..20u32 {
        let row = Row {
            minute: minute.0,
            lane: 0,
            caller: (1 + n % 2, n % 3),
            callee: (3, 1 + n % 2),
            nanos: 700 + u64::from(n) * u64::from(n) * 997_331,
            is_error: n % 5 == 0,
            trace: u128::from(n) << 64 | 7,
        };
        let mut facts = facts(&symbols, &row);
        facts.flows.iter_mut().filter(|_| optional == 0).for_each(|flow| flow.path = None);
        facts.spans.retain(|_| optional >= 2);
        writer.record(0, &facts);
    }
    writer.finish(0, 0, minute);
    let bucket = live.finals()[&(0, minute)].clone();
    let key = BucketKey { lane: Arc::from("otlp_spans/12"), width: Width::Minute, start: minute };
    let header = Header { algorithm: 1, config: 0xfeed_c0de_0123_4567, key, marks: Marks::GAP };
    let mut counts = InputCounts {
        first_offset: 9_007_199_254_740_993,
        last_offset: 9_007_199_254_741_012,
        records: 20,
        bytes: 4_711,
        behind: 2,
        refuted_jumps: 1,
        ..InputCounts::default()
    };
    counts.dropped[Reason::Malformed as usize] = 3;
    counts.dropped[Reason::Duplicate as usize] = 1;
    let until = minute.end_millis() - 59_000;
    let gap = |cause, since, offsets| Gap { input: "otlp_spans/12".into(), cause, since, until, offsets };
    let position = Position {
        offset: 9_007_199_254_740_900,
        newest: Some(until),
        shed: ShedState { second: until / 1_000, spans: 40, kept: Some(1 << 31) },
        ..Position::default()
    };
    let shed = ShedState { second: -1, spans: 0, kept: None };
    let idle = Position { shed, ..Position::default() };
    let attached = Attachments {
        members: 0,
        positions: Positions {
            look_back: 150_000,
            inputs: [("otlp_spans/12".into(), position), ("otlp_spans/13".into(), idle)].into(),
        },
        counts: Inputs([(Arc::from("otlp_spans/12"), counts)].into()),
        gaps: BTreeSet::from([gap(GapCause::Start, None, 0), gap(GapCause::Lost, Some(until - 5_000), 12)]),
    };
    encode(&header, &bucket, &attached, &Hashes::new(symbols))
}

#[test]
fn a_bucket_of_format_1_stays_readable_for_ever() {
    for (name, optional) in VERSION_1 {
        let bytes = file(name, optional);
        let frame = Frame::open(&bytes).unwrap();
        assert!(frame.is_digest_right());
        let is_optional = |id| matches!(section_name(id), Some("paths" | "traces" | "calls"));
        assert_eq!(frame.sections().filter(|(id, _)| is_optional(*id)).count(), optional);
        let json = to_json(&frame, true).unwrap();
        assert_golden(&format!("tests/golden/{name}.json"), &format!("{json}\n"));
        assert_eq!(to_json(&frame, false).unwrap().lines().count(), 1);
    }
}

/// To be removed, with `version_1`, once the format has a second version.
#[test]
fn format_1_is_written_as_ever() {
    for (name, optional) in VERSION_1 {
        let bytes = version_1(optional);
        assert_eq!(Frame::open(&bytes).unwrap().sealed_again().as_ref(), Ok(&bytes));
        assert!(
            bytes == file(name, optional),
            "{name}: the bytes of equal contents changed without a new version"
        );
    }
}

#[test]
fn numbers_that_json_would_round_are_strings() {
    let json = |count| serde_json::to_string(&Count(count)).unwrap();
    assert_eq!(json(1 << 53), "9007199254740992");
    assert_eq!(json((1 << 53) + 1), "\"9007199254740993\"");
}
