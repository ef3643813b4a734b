//! Sealed buckets: what goes in comes out, equal contents are equal bytes, and bad content is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::analyze::fixture::{CHECKOUT, spans_after};
use crate::analyze::{Analyzer, Scope};
use crate::config::Config;
use crate::graph::bucket::{Bucket, Caps};
use crate::graph::fixture::{Row, facts, rows, shown};
use crate::graph::hashes::Hashes;
use crate::graph::stats::Sign;
use crate::graph::{PathContext, PathSums};
use crate::lane::{Gap, GapCause, InputCounts, Inputs, Position, ShedState};
use crate::model::{Minute, NodeId, Symbols, TraceId};

const CAPS: Caps = Caps {
    operations_per_service: 2,
    nodes: 4,
    edges: 6,
    flows: 4,
    refined_flows: 2,
    paths: 6,
    traces: 2,
    calls: 3,
};

fn header() -> Header {
    let key = BucketKey { lane: Arc::from("merged"), width: Width::Minute, start: Minute(7) };
    Header { algorithm: ALGORITHM_VERSION, config: 1, key, marks: Marks::GAP }
}

fn sum<'a>(symbols: &Arc<Symbols>, rows: impl Iterator<Item = &'a Row>) -> (Bucket, Hashes) {
    let mut hashes = Hashes::new(symbols.clone());
    let mut bucket = Bucket::default();
    rows.for_each(|row| bucket.apply(Sign::Plus, &facts(symbols, row), &CAPS, &mut hashes));
    (bucket, hashes)
}

fn attachments() -> Attachments {
    let counts = InputCounts {
        first_offset: -3,
        last_offset: 9,
        records: 4,
        bytes: 77,
        behind: 1,
        ..InputCounts::default()
    };
    let gap = Gap { input: "t/0".into(), cause: GapCause::Lost, since: Some(-5), until: 60_000, offsets: 12 };
    let position = Position {
        offset: 5,
        newest: Some(1_000),
        shed: ShedState { second: 1, spans: 7, kept: Some(u32::MAX) },
        ..Position::default()
    };
    let idle = Position { doubtful_to: Some(-9), ..Position::default() };
    Attachments {
        members: 0,
        positions: Positions {
            look_back: 150_000,
            inputs: [("t/0".into(), position), ("t/1".into(), idle)].into(),
        },
        counts: Inputs([(Arc::from("t/0"), counts)].into()),
        gaps: BTreeSet::from([gap]),
    }
}

proptest! {
    #[test]
    fn equal_contents_are_equal_bytes_whatever_the_order_and_the_numbers_of_names(rows in rows()) {
        let symbols = Symbols::new(10_000);
        let (bucket, hashes) = sum(&symbols, rows.iter());
        let bytes = encode(&header(), &bucket, &attachments(), &hashes);
        // Another process has seen other names before.
        let others = Symbols::new(10_000);
        (0..50).for_each(|n| {
            others.intern(&format!("f{}", 50 - n));
        });
        let (again, hashes) = sum(&others, rows.iter().rev());
        prop_assert_eq!(encode(&header(), &again, &attachments(), &hashes), bytes);
    }

    #[test]
    fn a_bucket_survives_its_bytes(rows in rows()) {
        let symbols = Symbols::new(10_000);
        let (bucket, mut hashes) = sum(&symbols, rows.iter());
        let bytes = encode(&header(), &bucket, &attachments(), &hashes);
        let frame = Frame::open(&bytes).unwrap();
        prop_assert!(frame.is_digest_right());
        let mut back = Bucket::default();
        frame.add_to(&mut back, &mut hashes).unwrap();
        let mut read = Bucket::default();
        read.add(&bucket, &mut hashes, &|_| true);
        prop_assert_eq!(shown(&back), shown(&read));
        prop_assert_eq!(&back.inputs, &attachments().counts);
        prop_assert_eq!(&back.gaps, &attachments().gaps);
        prop_assert_eq!(frame.positions().unwrap(), attachments().positions);
        // Read and sealed again it is the same: a roll-up of one.
        let again = encode(&header(), &back, &Attachments { positions: attachments().positions, ..Attachments::default() }, &hashes);
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn content_that_was_tampered_with_never_panics(rows in rows(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let symbols = Symbols::new(10_000);
        let (bucket, mut hashes) = sum(&symbols, rows.iter());
        let mut bytes = encode(&header(), &bucket, &attachments(), &hashes);
        let end = bytes.len() - 4;
        let at = at.index(end);
        bytes[at] ^= 1 << bit;
        let checksum = crc32fast::hash(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum.to_le_bytes());
        if let Ok(frame) = Frame::open(&bytes) {
            let _ = frame.add_to(&mut Bucket::default(), &mut hashes);
            let _ = (frame.positions(), frame.members(), frame.totals(), frame.inputs());
        }
    }
}

/// The tree of the only flow: nodes by depth, in milliseconds own time, gap, retry and all.
fn only_flow(bucket: &Bucket, symbols: &Symbols) -> Vec<String> {
    let name = |node: NodeId| symbols.text(symbols.nodes.get(node.0).name);
    let [stats] = &bucket.flows.values().collect::<Vec<_>>()[..] else { panic!("it has one flow") };
    assert_eq!((stats.paths.requests, stats.paths.weight >> 16), (1, 1));
    let line = |context: &PathContext| {
        let PathSums { exclusive, gap, retry, inclusive, .. } = context.sums;
        let ms = [exclusive, gap, retry, inclusive, context.other].map(|sum| (sum >> 16) / 1_000_000);
        format!("{}{} {ms:?}", "  ".repeat(context.depth), name(context.node))
    };
    stats.paths.tree_by_node(name).contexts.iter().map(line).collect()
}

#[test]
fn worked_example_is_counted_sealed_and_read_again() {
    let symbols = Symbols::new(10_000);
    let mut hashes = Hashes::new(symbols.clone());
    let mut analyzer = Analyzer::new(symbols.clone(), &Config::default());
    let facts = analyzer.analyze(TraceId(1), spans_after(&symbols, 1_000, CHECKOUT), Scope::WHOLE);
    let mut bucket = Bucket::default();
    bucket.apply(Sign::Plus, &facts, &Caps::from_config(&Config::default()), &mut hashes);
    let expected = [
        "A [15, 0, 4, 100, 0]",
        "  B [8, 6, 0, 30, 0]",
        "    mysql/cart [16, 0, 0, 16, 0]",
        "  C [26, 8, 0, 34, 0]",
        "  E [11, 9, 8, 20, 0]",
        "  kafka/orders [1, 0, 0, 1, 0]",
    ];
    assert_eq!(only_flow(&bucket, &symbols), expected);
    let bytes = encode(&header(), &bucket, &attachments(), &hashes);
    let others = Symbols::new(10_000);
    let mut back = Bucket::default();
    Frame::open(&bytes).unwrap().add_to(&mut back, &mut Hashes::new(others.clone())).unwrap();
    assert_eq!(only_flow(&back, &others), expected);
}

#[test]
fn sections_of_later_versions_are_skipped() {
    let symbols = Symbols::new(10_000);
    let row =
        Row { minute: 7, lane: 0, caller: (1, 1), callee: (2, 1), nanos: 100, is_error: false, trace: 1 };
    let (bucket, mut hashes) = sum(&symbols, [row].iter());
    let bytes = encode(&header(), &bucket, &attachments(), &hashes);
    let frame = Frame::open(&bytes).unwrap();
    let mut sections: Vec<(u32, Vec<u8>)> =
        frame.sections().map(|(id, _)| (id, frame.section(id).to_vec())).collect();
    let at = sections.partition_point(|(id, _)| *id < 63);
    sections.insert(at, (63, b"later".to_vec()));
    let later = frame::write(&header(), &sections);
    let later = Frame::open(&later).unwrap();
    assert!(later.has_unknown_sections() && later.is_digest_right());
    let mut back = Bucket::default();
    later.add_to(&mut back, &mut hashes).unwrap();
    assert_eq!(shown(&back), shown(&bucket));
}

#[test]
fn a_minute_without_spans_is_small_and_whole() {
    let hashes = Hashes::new(Symbols::new(100));
    let bytes = encode(&header(), &Bucket::default(), &attachments(), &hashes);
    assert!(bytes.len() < 300, "{}", bytes.len());
    assert_eq!(Frame::open(&bytes).unwrap().inputs().unwrap(), attachments().counts);
}
