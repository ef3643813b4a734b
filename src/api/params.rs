//! Query strings to questions.
//!
//! Enters: a URI. Leaves: a checked [`GraphQuery`] or [`FlowQuery`], or an error with the value and the cure.
//! Guaranteed: a parameter that has no effect is refused, never ignored;
//! what is known is read off the structs that also document it.

mod drawing;
mod names;
mod paths;

use std::num::IntErrorKind;
use std::str::FromStr;

use axum::http::Uri;
use serde::Deserialize;
use utoipa::IntoParams;

pub(super) use self::drawing::{DotParams, Drawing, Drawn, SvgParams, refuse_labels};
use self::names::{check_names, names, read};
pub use self::paths::parse_path_query;
pub(super) use self::paths::{
    FlowFormatParams, PathFormat, PathParams, SharedFormatParams, SharedParams, TraceFormatParams,
    flow_path_query, shared_query, trace_query,
};
use super::error::{ApiError, excerpt};
use super::instant::{parse_instant, parse_window};
use crate::model::UnixNanos;
use crate::model::time::rfc3339;
use crate::query::{Direction, FlowQuery, GraphQuery, Level, QueryError, TimeRange};

const MAX_HOPS: u32 = 64;

/// What time and which part of the system; without a range the last 15 minutes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ScopeParams {
    /// First instant, RFC 3339 or Unix seconds; alone it reaches up to now.
    #[param(example = "2026-10-01T12:00:00Z")]
    from: Option<String>,
    /// First instant after the range, RFC 3339 or Unix seconds; with `from` or `window`.
    #[param(example = "2026-10-01T12:15:00Z")]
    to: Option<String>,
    /// Length of the range, up to now or from `from` or up to `to`; `all` for all that is kept.
    #[param(example = "15m", default = "15m")]
    window: Option<String>,
    /// Answers from sealed minutes alone, up to this instant (RFC 3339 or Unix seconds): the answer never changes.
    /// A range counts back from it.
    #[param(example = "2026-10-01T12:20:00Z")]
    as_of: Option<String>,
    /// Only this environment; empty for what names none.
    #[param(example = "production")]
    env: Option<String>,
    /// Only what has an end in this namespace; empty for what names none.
    #[param(example = "shop")]
    namespace: Option<String>,
}

/// Which graph.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GraphParams {
    /// What a node stands for.
    #[param(example = "service", default = "service", pattern = "^(operation|service|namespace)$")]
    level: Option<String>,
    /// Only the calls that the requests of this flow made, with their own numbers (latencies are not known by flow), and
    /// its critical path marked: its id, or its name where only one flow has it.
    #[param(example = "checkout")]
    flow: Option<String>,
    /// Only what lies around the nodes with this name or id.
    #[param(example = "cart")]
    focus: Option<String>,
    /// Which way to walk from the focus.
    #[param(example = "both", default = "both", pattern = "^(callers|callees|both)$")]
    direction: Option<String>,
    /// How far to walk from the focus.
    #[param(value_type = Option<u32>, example = 1, default = 1, minimum = 1, maximum = 64)]
    hops: Option<String>,
    /// Only edges with at least so many calls.
    #[param(value_type = Option<u64>, example = 0, default = 0)]
    min_calls: Option<String>,
    /// Only edges with errors.
    #[param(value_type = Option<bool>, example = false, default = false)]
    errors_only: Option<String>,
    /// `messaging`: producer to consumer instead of producer to destination to consumer.
    #[param(example = "messaging", pattern = "^messaging$")]
    collapse: Option<String>,
}

/// Which rows of the status.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatusParams {
    /// Only the rows of this service under `missing`, also those without a gap; empty for spans without service.
    #[param(example = "cart")]
    pub(super) service: Option<String>,
}

/// The question in a graph's query string, and how to draw the answer, where that is what is done.
pub(super) fn graph_query(
    uri: &Uri,
    now: UnixNanos,
    drawn: Drawn,
) -> Result<(GraphQuery, Drawing), ApiError> {
    check_names(uri, &[names::<ScopeParams>(), names::<GraphParams>(), drawn.names()].concat())?;
    let scope: ScopeParams = read(uri)?;
    let params: GraphParams = read(uri)?;
    Ok((params.query(scope, now)?, Drawing::of(uri)?))
}

/// The question in the query string of `/api/v1/graph.json`, for those who ask without HTTP.
///
/// # Errors
/// The message of the answer that the same query string would get.
pub fn parse_graph_query(query: &str, now: UnixNanos) -> Result<GraphQuery, String> {
    let uri: Uri = format!("/?{query}").parse().map_err(|error| format!("`{query}`: {error}"))?;
    graph_query(&uri, now, Drawn::Nothing).map(|(query, _)| query).map_err(|error| error.to_string())
}

/// The question in a query string for flows.
pub(super) fn flow_query(uri: &Uri, now: UnixNanos) -> Result<FlowQuery, ApiError> {
    check_names(uri, &names::<ScopeParams>())?;
    let scope: ScopeParams = read(uri)?;
    let as_of = scope.as_of(now)?;
    let range = scope.range(as_of.unwrap_or(now))?;
    Ok(FlowQuery { range, as_of, environment: scope.env, namespace: scope.namespace })
}

/// The parameters of a status.
pub(super) fn status_params(uri: &Uri) -> Result<StatusParams, ApiError> {
    check_names(uri, &names::<StatusParams>())?;
    read(uri)
}

impl ScopeParams {
    fn as_of(&self, now: UnixNanos) -> Result<Option<UnixNanos>, ApiError> {
        let as_of = value("as_of", &self.as_of, parse_instant)?;
        match as_of.filter(|as_of| *as_of > now) {
            Some(later) => {
                let later = rfc3339(later);
                Err(ApiError::invalid(format!(
                    "`as_of`: {later} is not over yet: give an instant of the past"
                )))
            }
            None => Ok(as_of),
        }
    }

    fn range(&self, now: UnixNanos) -> Result<TimeRange, ApiError> {
        let from = value("from", &self.from, parse_instant)?;
        let to = value("to", &self.to, parse_instant)?;
        if self.window.as_deref() == Some("all") {
            return match (from, to) {
                (None, None) => Ok(TimeRange::All),
                _ => Err(ApiError::invalid("`window=all` has no ends: leave out `from` and `to`".into())),
            };
        }
        let window = value("window", &self.window, parse_window)?;
        let length = window.map(|window| u64::try_from(window.as_nanos()).unwrap_or(u64::MAX));
        match (from, to, length) {
            (None, None, None) => Ok(GraphQuery::default().range),
            (None, None, Some(_)) => Ok(TimeRange::Window(window.unwrap_or_default())),
            (Some(from), to, None) => between(from, to.unwrap_or(now)),
            (Some(from), None, Some(length)) => between(from, from.saturating_add(length)),
            (None, Some(to), Some(length)) => between(to.saturating_sub(length), to),
            (None, Some(_), None) => {
                Err(ApiError::invalid("`to` alone has no beginning: add `from` or `window`".into()))
            }
            (Some(_), Some(_), Some(_)) => {
                Err(ApiError::invalid("`from`, `to` and `window` are one too many: leave one out".into()))
            }
        }
    }
}

fn between(from: UnixNanos, to: UnixNanos) -> Result<TimeRange, ApiError> {
    if to <= from {
        return Err(QueryError::EmptyRange { from: rfc3339(from), to: rfc3339(to) }.into());
    }
    Ok(TimeRange::Between { from, to })
}

impl GraphParams {
    fn query(self, scope: ScopeParams, now: UnixNanos) -> Result<GraphQuery, ApiError> {
        self.check_focus()?;
        let base = GraphQuery::default();
        let as_of = scope.as_of(now)?;
        Ok(GraphQuery {
            range: scope.range(as_of.unwrap_or(now))?,
            as_of,
            environment: scope.env,
            namespace: scope.namespace,
            level: choice("level", &self.level, &LEVELS)?,
            hops: value("hops", &self.hops, parse_hops)?.unwrap_or(base.hops),
            direction: choice("direction", &self.direction, &DIRECTIONS)?,
            min_calls: value("min_calls", &self.min_calls, parse_count)?.unwrap_or(base.min_calls),
            errors_only: value("errors_only", &self.errors_only, parse_flag)?.unwrap_or(base.errors_only),
            collapse_messaging: choice("collapse", &self.collapse, &[("messaging", true)])?,
            flow: self.flow,
            focus: self.focus,
        })
    }

    fn check_focus(&self) -> Result<(), ApiError> {
        if self.focus.as_deref() == Some("") {
            return Err(ApiError::invalid("`focus` is empty: give the name or id of a node".into()));
        }
        for (name, given) in [("hops", &self.hops), ("direction", &self.direction)] {
            if given.is_some() && self.focus.is_none() {
                return Err(ApiError::invalid(format!("`{name}` starts from a node: add `focus`")));
            }
        }
        Ok(())
    }
}

const LEVELS: [(&str, Level); 3] =
    [("operation", Level::Operation), ("service", Level::Service), ("namespace", Level::Namespace)];
const DIRECTIONS: [(&str, Direction); 3] =
    [("callers", Direction::Callers), ("callees", Direction::Callees), ("both", Direction::Both)];
fn value<T>(
    name: &str,
    given: &Option<String>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, ApiError> {
    let parsed = given.as_deref().map(parse).transpose();
    parsed.map_err(|problem| ApiError::invalid(format!("`{name}`: {problem}")))
}

fn choice<T: Copy + Default>(
    name: &str,
    given: &Option<String>,
    offered: &[(&str, T)],
) -> Result<T, ApiError> {
    let Some(given) = given else { return Ok(T::default()) };
    match offered.iter().find(|(word, _)| word == given) {
        Some((_, value)) => Ok(*value),
        None => {
            let words: Vec<String> = offered.iter().map(|(word, _)| format!("`{word}`")).collect();
            let (given, words) = (excerpt(given), words.join(", "));
            Err(ApiError::invalid(format!("`{name}`: `{given}` is not offered: give {words}")))
        }
    }
}

fn parse_hops(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|hops| (1..=MAX_HOPS).contains(hops))
        .ok_or_else(|| format!("`{}` is out of range: give 1 to {MAX_HOPS}", excerpt(text)))
}

fn parse_count(text: &str) -> Result<u64, String> {
    u64::from_str(text).map_err(|problem| match problem.kind() {
        IntErrorKind::PosOverflow => format!("`{}` is too large: give less than 2^64", excerpt(text)),
        _ => format!("`{}` is no count: give a whole number from 0", excerpt(text)),
    })
}

/// A flag may stand without value: `?errors_only`.
fn parse_flag(text: &str) -> Result<bool, String> {
    match text {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(format!("`{}` is neither true nor false", excerpt(other))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: UnixNanos = 2_000_000_000_000_000_000;
    const SECOND: u64 = 1_000_000_000;

    fn parse(query: &str) -> Result<GraphQuery, ApiError> {
        let uri = format!("/graph?{query}").parse().unwrap();
        graph_query(&uri, NOW, Drawn::Nothing).map(|(query, _)| query)
    }

    fn refused(query: &str) -> String {
        parse(query).unwrap_err().to_string()
    }

    #[test]
    fn nothing_asked_is_the_default() {
        assert_eq!(parse("").unwrap(), GraphQuery::default());
    }

    #[test]
    fn every_parameter_reaches_the_question() {
        let all = "window=1h&as_of=1700000000&env=prod&namespace=shop%20a&level=operation&focus=cart%2F1&direction=callees\
                   &flow=GET%20%2Fa&hops=64&min_calls=7&errors_only&collapse=messaging";
        let expected = GraphQuery {
            range: TimeRange::Window(Duration::from_secs(3600)),
            as_of: Some(1_700_000_000 * SECOND),
            environment: Some("prod".into()),
            namespace: Some("shop a".into()),
            level: Level::Operation,
            flow: Some("GET /a".into()),
            focus: Some("cart/1".into()),
            hops: 64,
            direction: Direction::Callees,
            min_calls: 7,
            errors_only: true,
            collapse_messaging: true,
        };
        assert_eq!(parse(all).unwrap(), expected);
    }

    #[test]
    fn two_of_from_to_and_window_make_a_range() {
        let between = |from, to| TimeRange::Between { from: from * SECOND, to: to * SECOND };
        let cases = [
            ("from=100&to=200", between(100, 200)),
            ("from=100", TimeRange::Between { from: 100 * SECOND, to: NOW }),
            ("from=100&window=1m", between(100, 160)),
            ("to=100&window=1m", between(40, 100)),
            ("to=30&window=1m", between(0, 30)),
            ("window=2m", TimeRange::Window(Duration::from_secs(120))),
            ("window=all", TimeRange::All),
        ];
        for (query, range) in cases {
            assert_eq!(parse(query).unwrap().range, range, "{query}");
        }
    }

    #[test]
    fn bad_values_are_refused_with_the_cure() {
        let cases = [
            ("to=100", "add `from` or `window`"),
            ("from=1&to=2&window=1m", "leave one out"),
            ("window=all&from=1", "leave out `from`"),
            ("from=200&to=200", "is empty: give a `to` after `from`"),
            ("from=soon", "`from`: `soon` is no instant"),
            ("window=-5m", "`window`: `-5m` is no span of time"),
            ("level=team", "`level`: `team` is not offered: give `operation`, `service`, `namespace`"),
            ("focus=a&direction=up", "give `callers`, `callees`, `both`"),
            ("focus=a&hops=0", "give 1 to 64"),
            ("focus=a&hops=65", "give 1 to 64"),
            ("hops=2", "add `focus`"),
            ("direction=both", "add `focus`"),
            ("focus=", "give the name or id"),
            ("min_calls=-1", "is no count"),
            ("min_calls=99999999999999999999", "is too large"),
            ("errors_only=perhaps", "is neither true nor false"),
            ("collapse=all", "give `messaging`"),
            ("env=a&env=b", "`env` is given twice"),
            ("level=service&env=%ff", "`env=%ff` is no escaped text"),
            ("env=%e2%82", "`env=%e2%82` is no escaped text"),
            ("env=100%", "`env=100%` is no escaped text"),
            ("focus=%zz", "% itself as %25"),
            ("as_of=9999999999", "is not over yet"),
        ];
        for (query, cure) in cases {
            let problem = refused(query);
            assert!(problem.contains(cure), "{query}: {problem}");
        }
    }

    #[test]
    fn unknown_names_are_answered_with_the_nearest() {
        let cases = [
            ("windw=1h", "`windw` is no parameter: did you mean `window`?"),
            ("environment=prod", "did you mean `env`?"),
            ("mincalls=1", "did you mean `min_calls`?"),
            ("service=cart", "`service` is no parameter"),
            ("version=2", "`version` is not offered yet"),
        ];
        for (query, hint) in cases {
            let problem = refused(query);
            assert!(problem.contains(hint), "{query}: {problem}");
        }
    }

    #[test]
    fn a_long_value_is_cut_in_the_answer() {
        let problem = refused(&format!("level={}", "x".repeat(5000)));
        assert!(problem.len() < 400, "{} bytes", problem.len());
    }
}
