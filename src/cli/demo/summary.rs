//! The demo's summary on the terminal: renewed in place once a second; elsewhere a line every ten seconds.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use crate::api::AppState;
use crate::export::document::{EdgeDocument, GraphDocument};
use crate::export::shared_paths::SharedPathsDocument;
use crate::export::{clip_middle, number};
use crate::query::{FlowQuery, GraphQuery, PathQuery, QueryError, TimeRange};

const EVERY: Duration = Duration::from_secs(1);
/// Seconds between two lines where the summary cannot be renewed in place.
const PLAIN_EVERY: u64 = 10;
/// What the summary looks back on.
const WINDOW: Duration = Duration::from_secs(5 * 60);
const BUSIEST: usize = 5;
const WORST: usize = 5;
const MOST_SHARED: usize = 3;
const PATH_COLUMNS: usize = 70;

/// Shows the summary until it is aborted.
pub(super) async fn show(state: AppState) {
    let is_terminal = std::io::stdout().is_terminal();
    let mut ticks = tokio::time::interval(EVERY);
    let (mut shown_lines, mut spans_before, mut ticked) = (0, 0, 0);
    loop {
        ticks.tick().await;
        let spans = state.telemetry.counters.spans.get();
        let rate = spans - spans_before;
        spans_before = spans;
        ticked += 1;
        if !is_terminal && ticked % PLAIN_EVERY != 0 {
            continue;
        }
        let answers = state.answers.clone();
        let query = GraphQuery { range: TimeRange::Window(WINDOW), ..GraphQuery::default() };
        let asked =
            move || Ok::<_, QueryError>((answers.graph(&query)?, answers.shared_paths(&most_shared())?.0));
        let Ok(Ok((graph, shared))) = tokio::task::spawn_blocking(asked).await else {
            continue;
        };
        let reason = state.observe().reason;
        // The demo is younger than its window at first.
        let seconds = state.uptime().min(WINDOW).as_secs_f64().max(1.0);
        let text = match is_terminal {
            true => table(&graph, &shared, rate, seconds, &reason),
            false => line(&graph, rate) + &shared_lines(&shared),
        };
        let back = if shown_lines > 0 { format!("\x1b[{shown_lines}A\x1b[J") } else { String::new() };
        shown_lines = if is_terminal { text.lines().count() } else { 0 };
        // A terminal that is gone is no reason to stop serving.
        let _ = write!(std::io::stdout(), "{back}{text}");
        let _ = std::io::stdout().flush();
    }
}

fn line(graph: &GraphDocument, spans_per_second: u64) -> String {
    format!(
        "{} spans/s, {} services, {} edges\n",
        number::count(spans_per_second),
        services(graph),
        graph.edges.len()
    )
}

fn most_shared() -> PathQuery {
    let flows = FlowQuery { range: TimeRange::Window(WINDOW), ..FlowQuery::default() };
    PathQuery { flows, limit: Some(MOST_SHARED), ..PathQuery::default() }
}

/// The segments that flows share the most; entries are where requests come in, which says nothing.
fn shared_lines(shared: &SharedPathsDocument) -> String {
    let mut text = String::new();
    for segment in shared.segments.iter().filter(|segment| !segment.entry) {
        let labels: Vec<&str> = segment.nodes.iter().map(|node| node.label.as_str()).collect();
        let (path, flows) = (labels.join(" › "), segment.flows.len());
        let share = number::percent(segment.volume);
        let path = clip_middle(&path, PATH_COLUMNS);
        let _ = writeln!(text, "  {path:<PATH_COLUMNS$} {flows:>3} flows {share:>7} of critical time");
    }
    match text.is_empty() {
        true => text,
        false => format!("most shared critical paths\n{text}"),
    }
}

fn services(graph: &GraphDocument) -> usize {
    graph.nodes.iter().filter(|node| node.kind == "service").count()
}

fn table(
    graph: &GraphDocument,
    shared: &SharedPathsDocument,
    spans_per_second: u64,
    seconds: f64,
    reason: &str,
) -> String {
    let mut text = line(graph, spans_per_second);
    let mut edges: Vec<&EdgeDocument> = graph.edges.iter().collect();
    let name = |id: &str| {
        let node = graph.nodes.iter().find(|node| node.id == id);
        node.map_or_else(|| id.to_string(), |node| node.name.clone())
    };
    let mut add = |title: &str, edges: &[&EdgeDocument]| {
        let _ = writeln!(text, "{title}");
        for edge in edges {
            let errors = number::percent(edge.errors.either as f64 / edge.calls.max(1) as f64);
            let p95 = edge.seen_latency().p95.map_or(number::NONE.to_string(), number::millis);
            let pair = format!("{} → {}", name(&edge.caller), name(&edge.callee));
            let rate = number::rate(edge.calls as f64 / seconds);
            let _ = writeln!(text, "  {pair:<44.44} {rate:>9} {errors:>7} errors  p95 {p95}");
        }
    };
    edges.sort_by_key(|edge| (std::cmp::Reverse(edge.calls), edge.caller.clone(), edge.callee.clone()));
    add("busiest", &edges[..edges.len().min(BUSIEST)]);
    edges.retain(|edge| edge.errors.either > 0);
    let share = |edge: &EdgeDocument| edge.errors.either as f64 / edge.calls.max(1) as f64;
    edges.sort_by(|a, b| share(b).total_cmp(&share(a)).then_with(|| a.caller.cmp(&b.caller)));
    add("worst", &edges[..edges.len().min(WORST)]);
    text += &shared_lines(shared);
    let _ = writeln!(text, "{reason}");
    text
}
