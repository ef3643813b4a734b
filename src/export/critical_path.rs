//! The critical path of one trace as a document, and as JSON.
//!
//! Times are nanoseconds since 1970 in the root's clock, as decimal strings: numbers of JSON lose digits there.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::analyze::{CriticalPath, Flag, Leg, Section, SectionKind};
use crate::model::{Symbol, Symbols, TraceId, UnixNanos};

/// The critical path of one trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CriticalPathDocument {
    /// The trace, 32 hex digits.
    pub trace_id: String,
    /// Whose wait is explained.
    pub root: RootDocument,
    /// The response path, in the order of time; the sections tile the root's interval.
    pub sections: Vec<SectionDocument>,
    /// What to know about the path, sorted.
    #[schema(value_type = Vec<String>)]
    pub flags: Vec<&'static str>,
    /// The path to the end of the asynchronous work that ended last, if it outlived the response; shown as text only.
    #[serde(skip)]
    pub completion: Vec<SectionDocument>,
}

/// The root of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RootDocument {
    /// Its service.
    pub service: String,
    /// Its operation.
    pub operation: String,
}

/// A time that the path spent in one span itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SectionDocument {
    /// The span, 16 hex digits.
    pub span_id: String,
    /// The span's service.
    pub service: String,
    /// The span's operation.
    pub operation: String,
    /// `exclusive`, `gap`, `queue`, `remote` or `send`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// First instant.
    #[serde(serialize_with = "decimal")]
    #[schema(value_type = String)]
    pub start_unix_nanos: UnixNanos,
    /// First instant after it.
    #[serde(serialize_with = "decimal")]
    #[schema(value_type = String)]
    pub end_unix_nanos: UnixNanos,
    /// In an attempt that had to be repeated, or between two attempts.
    pub retry: bool,
    /// `request` or `response` of a gap, where the clocks allow to tell.
    #[serde(skip)]
    pub leg: Option<&'static str>,
    /// Calls between the root and the span.
    #[serde(skip)]
    pub depth: u32,
}

impl SectionDocument {
    /// Length in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.end_unix_nanos - self.start_unix_nanos
    }
}

fn decimal<S: Serializer>(nanos: &UnixNanos, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(nanos)
}

/// The document of a path, with names instead of numbers.
pub fn critical_path_document(
    trace: TraceId,
    path: &CriticalPath,
    symbols: &Symbols,
) -> CriticalPathDocument {
    let text = |symbol: Symbol| symbols.text(symbol).to_string();
    let root = symbols.nodes.get(path.root.0);
    let section = |section: &Section| SectionDocument {
        span_id: section.span.to_string(),
        service: text(section.service),
        operation: text(section.operation),
        kind: kind_name(section.kind),
        start_unix_nanos: section.start,
        end_unix_nanos: section.end,
        retry: section.is_retry,
        leg: leg_name(section.kind),
        depth: section.depth,
    };
    CriticalPathDocument {
        trace_id: trace.to_string(),
        root: RootDocument { service: text(root.name), operation: text(root.operation) },
        sections: path.response.iter().map(section).collect(),
        flags: path.flags.iter().copied().map(flag_name).collect(),
        completion: path.completion.iter().map(section).collect(),
    }
}

/// Writes the document as JSON, indented by two spaces, without a line break at the end.
pub fn to_json(path: &CriticalPathDocument) -> String {
    serde_json::to_string_pretty(path).expect("a document has only string keys")
}

fn kind_name(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Exclusive => "exclusive",
        SectionKind::Gap(_) => "gap",
        SectionKind::Queue => "queue",
        SectionKind::Remote => "remote",
        SectionKind::Send => "send",
    }
}

fn leg_name(kind: SectionKind) -> Option<&'static str> {
    match kind {
        SectionKind::Gap(Leg::Request) => Some("request"),
        SectionKind::Gap(Leg::Response) => Some("response"),
        _ => None,
    }
}

fn flag_name(flag: Flag) -> &'static str {
    match flag {
        Flag::SkewCorrected => "skew_corrected",
        Flag::Drift => "drift",
        Flag::SkewSensitive => "skew_sensitive",
        Flag::Abandoned => "abandoned",
        Flag::Incomplete => "incomplete",
        Flag::SeveralRoots => "several_roots",
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::export::fixture::assert_golden;
    use crate::model::{Node, NodeId, SpanId};

    /// A shop's call of its prices, tried twice, on clocks that disagree; an order is shipped later.
    pub fn price() -> CriticalPathDocument {
        let symbols = Symbols::new(100);
        let (shop, prices) = (symbols.intern("shop"), symbols.intern("prices"));
        let [checkout, get, price, send, ship] =
            ["POST /checkout", "GET", "GET /price/{id}", "send orders", "ship"]
                .map(|text| symbols.intern(text));
        let root = Node { name: shop, operation: checkout, ..Node::default() };
        let root = NodeId(symbols.nodes.intern(root));
        let start = 1_700_000_000_000_000_000;
        let mut at = start;
        let mut section = |span: u64, (service, operation), kind, length_us: u64, depth, is_retry| {
            at += length_us * 1_000;
            let start = at - length_us * 1_000;
            let span = SpanId(span);
            Section { span, service, operation, node: root, kind, start, end: at, is_retry, depth }
        };
        let unknown = SectionKind::Gap(Leg::Unknown);
        let response = vec![
            section(1, (shop, checkout), SectionKind::Exclusive, 5_000, 0, false),
            section(2, (shop, get), SectionKind::Remote, 20_500, 0, true),
            section(1, (shop, checkout), SectionKind::Exclusive, 10_000, 0, true),
            section(3, (shop, get), unknown, 2_250, 0, false),
            section(4, (prices, price), SectionKind::Exclusive, 80_000, 1, false),
            section(3, (shop, get), unknown, 2_250, 0, false),
            section(5, (shop, send), SectionKind::Send, 400, 0, false),
        ];
        let completion = vec![
            section(6, (prices, ship), SectionKind::Queue, 30_000, 1, false),
            section(6, (prices, ship), SectionKind::Exclusive, 50_000, 1, false),
        ];
        let completion = response.iter().copied().chain(completion).collect();
        let path = CriticalPath { root, response, completion, flags: vec![Flag::SkewCorrected] };
        critical_path_document(TraceId(0xabc), &path, &symbols)
    }

    #[test]
    fn a_path_is_written_as_agreed() {
        assert_golden("tests/golden/critical-path.json", &format!("{}\n", to_json(&price())));
    }
}
