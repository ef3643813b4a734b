//! What flows are said to call, from spans to sums: each its own calls, whatever the others do.

use std::sync::Arc;

use super::*;
use crate::analyze::fixture::spans;
use crate::analyze::{Analyzer, Scope};
use crate::config::Config;
use crate::graph::bucket::{Bucket, Caps};
use crate::graph::hashes::Hashes;
use crate::model::{Minute, Symbols, TraceId};

/// One flow only enters B through A, the other one only calls C from B.
pub(crate) const A_TO_B: &str = "
    A server /a 0..100
      A client b 10..60
        B server /b 20..50
      A client c 60..90
        C server /c 65..85";
pub(crate) const B_TO_C: &str = "
    B server /own 0..100
      B client c 10..60
        C server /c 20..50 !err
      B client c 60..90
        C server /c 65..85";

struct Bench {
    symbols: Arc<Symbols>,
    hashes: Hashes,
    analyzer: Analyzer,
    caps: Caps,
    bucket: Bucket,
}

impl Bench {
    fn new() -> Bench {
        let symbols = Symbols::new(10_000);
        Bench {
            hashes: Hashes::new(symbols.clone()),
            analyzer: Analyzer::new(symbols.clone(), &Config::default()),
            symbols,
            caps: Caps::from_config(&Config::default()),
            bucket: Bucket::default(),
        }
    }

    fn facts(&mut self, trace: &str, scope: Scope) -> Facts {
        self.analyzer.analyze(TraceId(7), spans(&self.symbols, trace), scope)
    }

    fn count(&mut self, trace: &str) {
        let facts = self.facts(trace, Scope::WHOLE);
        self.bucket.apply(Sign::Plus, &facts, &self.caps, &mut self.hashes);
    }

    fn name(&self, id: NodeId) -> String {
        let node = self.symbols.nodes.get(id.0);
        let (name, operation) = (self.symbols.text(node.name), self.symbols.text(node.operation));
        if operation.is_empty() { name.to_string() } else { format!("{name}:{operation}") }
    }

    /// `caller -> callee requests/calls/failed`, `producer => consumer …` and `* -> node …` of what arrived.
    fn calls(&self, flow: &str) -> Vec<String> {
        let of_flow = self.bucket.flows.iter().find(|(key, _)| *self.symbols.text(key.name) == *flow);
        let calls = &of_flow.unwrap_or_else(|| panic!("no flow {flow}")).1.calls;
        let numbers = |call: &FlowCall| format!("{}/{}/{}", call.requests, call.calls(), call.either_errors);
        let mut lines: Vec<String> = Vec::new();
        for (key, call) in calls.calls.known() {
            lines.push(format!("{} -> {} {}", self.name(key.caller), self.name(key.callee), numbers(call)));
        }
        for (key, call) in calls.joined.known() {
            lines.push(format!("{} => {} {}", self.name(key.caller), self.name(key.callee), numbers(call)));
        }
        for (node, call) in calls.arrivals.known() {
            lines.push(format!("* -> {} {}", self.name(*node), numbers(call)));
        }
        lines.sort();
        lines
    }
}

#[test]
fn a_flow_has_its_own_calls_alone() {
    let mut bench = Bench::new();
    [A_TO_B, A_TO_B, B_TO_C].into_iter().for_each(|trace| bench.count(trace));
    assert_eq!(bench.calls("/a"), ["* -> A:/a 2/2/0", "A:/a -> B:/b 2/2/0", "A:/a -> C:/c 2/2/0"]);
    assert_eq!(
        bench.calls("/own"),
        ["* -> B:/own 1/1/0", "B:/own -> C:/c 1/2/1"],
        "two calls of one request"
    );
}

/// A consumer that is linked only is a root of its own; the pair is of the flow whose message it was.
#[test]
fn each_of_several_roots_has_its_own_calls() {
    let mut bench = Bench::new();
    bench.count(
        "
        A server /a 0..100
          A client b 10..60
            B server /b 20..50
              B client q 22..30 db=mysql/x
          A producer p 60..61 msg=kafka/t #sent
        D consumer take 200..300 msg=kafka/t links=#sent
          D client b 210..260
            B server /b 220..250
        E server /late 300..400 orphan
          E client b 310..360
            B server /b 320..350",
    );
    assert_eq!(
        bench.calls("/a"),
        [
            "* -> A:/a 1/1/0",
            "A:/a -> B:/b 1/1/0",
            "A:/a -> kafka/t 1/1/0",
            "A:/a => D:take 1/1/0",
            "B:/b -> mysql/x 1/1/0"
        ]
    );
    assert_eq!(bench.calls("take"), ["D:take -> B:/b 1/1/0", "kafka/t -> D:take 1/1/0"]);
    assert_eq!(bench.bucket.flows.len(), 2, "an orphan and what it called are of no flow");
}

#[test]
fn the_only_root_of_a_trace_has_all_of_it() {
    let mut bench = Bench::new();
    bench.count(
        "
        A server /a 0..100
          A client own 10..60
            A server /again 20..50
              A client b 22..30
                B server /b 23..29
        C server /c 60..70 orphan
          C client q 61..62 db=mysql/x",
    );
    let expected = [
        "* -> A:/a 1/1/0",
        "* -> A:/again 1/1/0",
        "* -> C:/c 1/1/0",
        "A:/again -> B:/b 1/1/0",
        "C:/c -> mysql/x 1/1/0",
    ];
    assert_eq!(bench.calls("/a"), expected, "what no call led to is there too");
}

#[test]
fn tail_fragments_are_of_no_flow() {
    let mut bench = Bench::new();
    bench.count(A_TO_B);
    let before = bench.calls("/a");
    let tail = Scope { tail_minute: Some(Minute(0)), ..Scope::WHOLE };
    let facts = bench.facts(A_TO_B, tail);
    bench.bucket.apply(Sign::Plus, &facts, &bench.caps, &mut bench.hashes);
    assert_eq!(bench.bucket.edges.values().map(|stats| stats.calls).sum::<u64>(), 4, "they count for edges");
    assert_eq!(bench.calls("/a"), before);
}

#[test]
fn what_is_taken_back_leaves_nothing() {
    let mut bench = Bench::new();
    bench.count(A_TO_B);
    let before = bench.bucket.clone();
    let other = "
        A server /a 0..100 th=8
          A client b 10..60 !err th=8
            B server /b 20..50 th=8
          A client d 60..90 ext=d.example th=8";
    let facts = bench.facts(other, Scope::WHOLE);
    for (sign, failed) in [(Sign::Plus, "A:/a -> B:/b 2/2/1"), (Sign::Minus, "A:/a -> B:/b 1/1/0")] {
        bench.bucket.apply(sign, &facts, &bench.caps, &mut bench.hashes);
        assert!(bench.calls("/a").contains(&failed.to_string()), "{:?}", bench.calls("/a"));
    }
    let known = |bucket: &Bucket| {
        let calls = bucket.flows.values().next().unwrap().calls.clone();
        let known = calls.calls.known().map(|(key, call)| (*key, *call));
        (calls.requests, known.collect::<std::collections::BTreeMap<_, _>>())
    };
    assert_eq!(known(&bench.bucket), known(&before));
}

#[test]
fn what_is_beyond_the_cap_is_counted_and_with_no_cap_nothing_is_known() {
    for (max, kept, other) in [(1_024, 2, 0), (1, 1, 1), (0, 0, 0)] {
        let mut bench = Bench::new();
        bench.caps.calls = max;
        bench.count(A_TO_B);
        let calls = &bench.bucket.flows.values().next().unwrap().calls;
        assert_eq!((calls.calls.known().count(), calls.calls.other), (kept, other), "with at most {max}");
        assert_eq!(calls.requests, u64::from(max > 0));
    }
}
