//! The demo's summary on the terminal: renewed in place once a second; elsewhere a line every ten seconds.

use std::io::{IsTerminal, Write as _};
use std::time::Duration;

use super::super::terminal_width;
use crate::api::AppState;
use crate::export::document::{EdgeDocument, GraphDocument};
use crate::export::shared_paths::SharedPathsDocument;
use crate::export::{clip, number, shorten, visible, width};
use crate::query::{FlowQuery, GraphQuery, PathQuery, QueryError, TimeRange};

const EVERY: Duration = Duration::from_secs(1);
/// Seconds between two lines where the summary cannot be renewed in place.
const PLAIN_EVERY: u64 = 10;
/// What the summary looks back on.
const WINDOW: Duration = Duration::from_secs(5 * 60);
const BUSIEST: usize = 5;
const WORST: usize = 5;
const MOST_SHARED: usize = 3;
/// Columns where standard output is no terminal.
const USUAL_WIDTH: usize = 80;
/// Columns of a number.
const NUMBER: usize = 9;
/// Names need no more room than this leaves them, and numbers shall not stand far from them.
const WIDEST: usize = 120;

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
        let columns = if is_terminal { terminal_width() } else { None }.unwrap_or(USUAL_WIDTH);
        let text = match is_terminal {
            true => table(&graph, &shared, (rate, seconds), &reason, columns),
            false => line(&graph, rate) + &shared_lines(&shared, columns),
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
    PathQuery { flows, limit: Some(2 * MOST_SHARED), ..PathQuery::default() }
}

/// The segments that flows share the most; entries are where requests come in, which says nothing.
fn shared_lines(shared: &SharedPathsDocument, columns: usize) -> String {
    let segments = shared.segments.iter().filter(|segment| !segment.entry).take(MOST_SHARED);
    let rows: Vec<String> = segments
        .map(|segment| {
            let labels: Vec<_> = segment.nodes.iter().map(|node| visible(&node.label)).collect();
            let flows = number::count(segment.flows.len() as u64);
            row(&labels.join(" › "), [flows, number::percent(segment.volume)], columns)
        })
        .collect();
    match rows.is_empty() {
        true => String::new(),
        false => heading("most shared critical paths", ["flows", "time"], columns) + &rows.concat(),
    }
}

fn heading<const N: usize>(title: &str, numbers: [&str; N], columns: usize) -> String {
    aligned("", title, &numbers.map(str::to_owned), columns)
}

fn row<const N: usize>(name: &str, numbers: [String; N], columns: usize) -> String {
    aligned("  ", name, &numbers, columns)
}

/// A line as wide as the terminal at most, or it would take two and could not be renewed in place: the name is
/// shortened, the numbers stand to the right.
fn aligned(indent: &str, name: &str, numbers: &[String], columns: usize) -> String {
    let room = columns.min(WIDEST).saturating_sub(indent.len() + numbers.len() * NUMBER);
    let name = shorten(name, room);
    let blank = " ".repeat(room - width(&name));
    let numbers: String = numbers.iter().map(|number| format!("{number:>NUMBER$}")).collect();
    format!("{}\n", clip(format!("{indent}{name}{blank}{numbers}").trim_end(), columns))
}

fn services(graph: &GraphDocument) -> usize {
    graph.nodes.iter().filter(|node| node.kind == "service").count()
}

fn table(
    graph: &GraphDocument,
    shared: &SharedPathsDocument,
    (spans_per_second, seconds): (u64, f64),
    reason: &str,
    columns: usize,
) -> String {
    let mut text = line(graph, spans_per_second);
    let mut edges: Vec<&EdgeDocument> = graph.edges.iter().collect();
    let name = |id: &str| {
        let node = graph.nodes.iter().find(|node| node.id == id);
        visible(node.map_or(id, |node| &node.name)).into_owned()
    };
    let mut add = |title: &str, edges: &[&EdgeDocument]| {
        text += &heading(title, ["rate", "errors", "p95"], columns);
        for edge in edges {
            let errors = number::percent(edge.errors.either as f64 / edge.calls.max(1) as f64);
            let p95 = edge.seen_latency().p95.map_or(number::NONE.to_string(), number::millis);
            let pair = format!("{} › {}", name(&edge.caller), name(&edge.callee));
            text += &row(&pair, [number::rate(edge.calls as f64 / seconds), errors, p95], columns);
        }
    };
    edges.sort_by_key(|edge| (std::cmp::Reverse(edge.calls), edge.caller.clone(), edge.callee.clone()));
    add("busiest", &edges[..edges.len().min(BUSIEST)]);
    edges.retain(|edge| edge.errors.either > 0);
    let share = |edge: &EdgeDocument| edge.errors.either as f64 / edge.calls.max(1) as f64;
    edges.sort_by(|a, b| share(b).total_cmp(&share(a)).then_with(|| a.caller.cmp(&b.caller)));
    add("worst", &edges[..edges.len().min(WORST)]);
    text += &shared_lines(shared, columns);
    text + &format!("{}\n", clip(reason, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_no_wider_than_the_terminal() {
        let path = "gateway /api › order-service GET /api/v1/order/{orderId} › postgresql/orders";
        let numbers = || ["10".to_owned(), "3.5 %".to_owned()];
        for (columns, expected) in [
            (80, "  gateway /api › order-servic…er/{orderId} › postgresql/orders       10    3.5 %\n"),
            (50, "  gateway /api › …tgresql/orders       10    3.5 %\n"),
            (12, "         10…\n"),
        ] {
            let line = row(path, numbers(), columns);
            assert!(width(line.trim_end()) <= columns, "{columns}: {line}");
            assert!(line.ends_with('\n') && !line.trim_end_matches('\n').contains('\n'), "{line}");
            assert_eq!(line, expected);
        }
        let titles = heading("most shared", ["flows", "time"], 40);
        assert_eq!(titles, "most shared               flows     time\n");
    }
}
