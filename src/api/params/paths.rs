//! Query strings to questions about critical paths.

use axum::http::Uri;
use serde::Deserialize;
use utoipa::IntoParams;

use super::names::{check_names, names, read};
use super::{ScopeParams, choice, parse_count, value};
use crate::api::error::ApiError;
use crate::model::UnixNanos;
use crate::query::shared::Sort;
use crate::query::{FlowQuery, Level, PathQuery};

/// What a node of a path stands for, and what counts as shared.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct PathParams {
    /// What a node of a path stands for.
    #[param(example = "operation", default = "operation", pattern = "^(operation|service)$")]
    level: Option<String>,
    /// Requests in the range below which a flow is left out; `shared.min_requests` of the configuration.
    #[param(value_type = Option<u64>, example = 10)]
    min_requests: Option<String>,
}

/// How the list of shared paths is made.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct SharedParams {
    /// By breadth (`score`) or by share of all critical time (`volume`).
    #[param(example = "score", default = "score", pattern = "^(score|volume)$")]
    sort: Option<String>,
    /// Flows that must share a segment; `shared.min_flows` of the configuration.
    #[param(value_type = Option<u64>, example = 2)]
    min_flows: Option<String>,
    /// Rows listed.
    #[param(value_type = Option<u64>, example = 20, default = 20)]
    limit: Option<String>,
}

/// The shape of a list of shared paths.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct SharedFormatParams {
    /// `markdown` is a table for a wiki, `text` one for a terminal, `river` the picture; by `Accept` where it is absent.
    #[param(example = "json", pattern = "^(json|markdown|text|river)$")]
    format: Option<String>,
}

/// The shape of a flow's critical path.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct FlowFormatParams {
    /// `folded` is for flame graph tools, `speedscope` for speedscope.app; by `Accept` where it is absent.
    #[param(example = "json", pattern = "^(json|markdown|text|folded|speedscope)$")]
    format: Option<String>,
}

/// The shape of a trace's critical path.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct TraceFormatParams {
    /// `text` is a timeline; by `Accept` where it is absent.
    #[param(example = "json", pattern = "^(json|text)$")]
    format: Option<String>,
}

/// A shape of an answer about critical paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::api) enum PathFormat {
    #[default]
    Json,
    Markdown,
    Text,
    River,
    Folded,
    Speedscope,
}

const SHARED_FORMATS: [(&str, PathFormat); 4] = [
    ("json", PathFormat::Json),
    ("markdown", PathFormat::Markdown),
    ("text", PathFormat::Text),
    ("river", PathFormat::River),
];
const FLOW_FORMATS: [(&str, PathFormat); 5] = [
    ("json", PathFormat::Json),
    ("markdown", PathFormat::Markdown),
    ("text", PathFormat::Text),
    ("folded", PathFormat::Folded),
    ("speedscope", PathFormat::Speedscope),
];
const TRACE_FORMATS: [(&str, PathFormat); 2] = [("json", PathFormat::Json), ("text", PathFormat::Text)];
const SORTS: [(&str, Sort); 2] = [("score", Sort::Score), ("volume", Sort::Volume)];

/// The question of a river, or of a list in the format that is given beside it.
pub(in crate::api) fn shared_query(
    uri: &Uri,
    now: UnixNanos,
    with_format: bool,
) -> Result<(PathQuery, Option<PathFormat>), ApiError> {
    let mut known = [names::<ScopeParams>(), names::<PathParams>(), names::<SharedParams>()].concat();
    if with_format {
        known.extend(names::<SharedFormatParams>());
    }
    check_names(uri, &known)?;
    let shared: SharedParams = read(uri)?;
    let format: SharedFormatParams = read(uri)?;
    let query = PathQuery {
        sort: choice("sort", &shared.sort, &SORTS)?,
        min_flows: number("min_flows", &shared.min_flows, 1)?,
        limit: number("limit", &shared.limit, 1)?,
        ..path_query(uri, now)?
    };
    Ok((query, format_of(&format.format, &SHARED_FORMATS)?))
}

/// The question for the critical path of one flow.
pub(in crate::api) fn flow_path_query(
    uri: &Uri,
    now: UnixNanos,
) -> Result<(PathQuery, Option<PathFormat>), ApiError> {
    let known = [names::<ScopeParams>(), names::<PathParams>(), names::<FlowFormatParams>()].concat();
    check_names(uri, &known)?;
    let format: FlowFormatParams = read(uri)?;
    Ok((path_query(uri, now)?, format_of(&format.format, &FLOW_FORMATS)?))
}

/// Where to look for one trace, and how to answer.
pub(in crate::api) fn trace_query(
    uri: &Uri,
    now: UnixNanos,
) -> Result<(FlowQuery, Option<PathFormat>), ApiError> {
    check_names(uri, &[names::<ScopeParams>(), names::<TraceFormatParams>()].concat())?;
    let format: TraceFormatParams = read(uri)?;
    Ok((path_query(uri, now)?.flows, format_of(&format.format, &TRACE_FORMATS)?))
}

/// The question in the query string of `/api/v1/critical-paths/shared`, for those who ask without HTTP.
///
/// # Errors
/// The message of the answer that the same query string would get.
pub fn parse_path_query(query: &str, now: UnixNanos) -> Result<PathQuery, String> {
    let uri: Uri = format!("/?{query}").parse().map_err(|error| format!("`{query}`: {error}"))?;
    shared_query(&uri, now, false).map(|(query, _)| query).map_err(|error| error.to_string())
}

fn path_query(uri: &Uri, now: UnixNanos) -> Result<PathQuery, ApiError> {
    let scope: ScopeParams = read(uri)?;
    let params: PathParams = read(uri)?;
    let as_of = scope.as_of(now)?;
    let range = scope.range(as_of.unwrap_or(now))?;
    let level = params.level.clone().or(Some("operation".to_owned()));
    Ok(PathQuery {
        flows: FlowQuery { range, as_of, environment: scope.env, namespace: scope.namespace },
        level: choice("level", &level, &[("operation", Level::Operation), ("service", Level::Service)])?,
        min_requests: value("min_requests", &params.min_requests, parse_count)?,
        ..PathQuery::default()
    })
}

fn format_of(given: &Option<String>, offered: &[(&str, PathFormat)]) -> Result<Option<PathFormat>, ApiError> {
    given.is_some().then(|| choice("format", given, offered)).transpose()
}

fn number(name: &str, given: &Option<String>, least: usize) -> Result<Option<usize>, ApiError> {
    let parse = |text: &str| {
        let number = usize::try_from(parse_count(text)?).unwrap_or(usize::MAX);
        if number < least { Err(format!("`{text}` is too small: give at least {least}")) } else { Ok(number) }
    };
    value(name, given, parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixNanos = 2_000_000_000_000_000_000;

    fn shared(query: &str) -> Result<(PathQuery, Option<PathFormat>), String> {
        let uri = format!("/shared?{query}").parse().unwrap();
        shared_query(&uri, NOW, true).map_err(|error| error.to_string())
    }

    #[test]
    fn every_parameter_reaches_the_question() {
        let (query, format) =
            shared("env=prod&namespace=shop&level=service&sort=volume&min_flows=3&min_requests=5&limit=7&format=markdown")
                .unwrap();
        assert_eq!(
            (query.flows.environment.as_deref(), query.flows.namespace.as_deref()),
            (Some("prod"), Some("shop"))
        );
        assert_eq!((query.level, query.sort), (Level::Service, Sort::Volume));
        assert_eq!((query.min_flows, query.min_requests, query.limit), (Some(3), Some(5), Some(7)));
        assert_eq!(format, Some(PathFormat::Markdown));
        let (usual, format) = shared("").unwrap();
        assert_eq!((usual.level, usual.min_flows, format), (Level::Operation, None, None));
    }

    #[test]
    fn bad_values_are_refused_with_the_cure() {
        for (query, cure) in [
            ("sort=size", "give `score`, `volume`"),
            ("level=namespace", "give `operation`, `service`"),
            ("min_flows=0", "give at least 1"),
            ("limit=many", "is no count"),
            ("format=folded", "give `json`, `markdown`, `text`, `river`"),
            ("hops=2", "`hops` is no parameter"),
        ] {
            let problem = shared(query).unwrap_err();
            assert!(problem.contains(cure), "{query}: {problem}");
        }
        let uri = "/traces/a?format=folded".parse().unwrap();
        assert!(trace_query(&uri, NOW).unwrap_err().to_string().contains("give `json`, `text`"));
        let uri = "/flows/a/critical-path?sort=score".parse().unwrap();
        assert!(flow_path_query(&uri, NOW).unwrap_err().to_string().contains("`sort` is no parameter"));
    }
}
