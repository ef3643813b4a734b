//! Query strings to how a graph is drawn.

use axum::http::Uri;
use serde::Deserialize;
use utoipa::IntoParams;

use super::names::{names, read};
use super::{choice, value};
use crate::api::error::{ApiError, excerpt};
use crate::export::dot::{DotOptions, EdgeLabels};
use crate::export::overview::MaxNodes;
use crate::export::svg::SvgOptions;

/// How to draw; for DOT and pictures.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct DotParams {
    /// Labels on edges; `auto` leaves them out of large graphs.
    #[param(example = "auto", default = "auto", pattern = "^(auto|on|off)$")]
    labels: Option<String>,
}

/// How much to draw; for pictures.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct SvgParams {
    /// Most nodes drawn: a number, `all`, or `auto`: all up to 100, of more the 60 that matter most. They are those
    /// with the most critical time (without it: requests), and what leads to them; the picture says what is left out.
    #[param(example = "auto", default = "auto", pattern = "^(auto|all|[0-9]+)$")]
    max_nodes: Option<String>,
}

/// What an answer can be, and so which parameters have an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Drawn {
    /// JSON alone.
    Nothing,
    /// DOT.
    Dot,
    /// A picture.
    Svg,
}

/// How to draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::api) struct Drawing {
    labels: EdgeLabels,
    max_nodes: MaxNodes,
}

impl Drawn {
    /// The parameters that have an effect.
    pub(super) fn names(self) -> Vec<String> {
        match self {
            Drawn::Nothing => Vec::new(),
            Drawn::Dot => names::<DotParams>(),
            Drawn::Svg => [names::<DotParams>(), names::<SvgParams>()].concat(),
        }
    }
}

impl Drawing {
    /// How the query string wants it.
    pub(super) fn of(uri: &Uri) -> Result<Drawing, ApiError> {
        let (dot, svg): (DotParams, SvgParams) = (read(uri)?, read(uri)?);
        let max_nodes = |text: &str| {
            text.parse::<MaxNodes>()
                .map_err(|cure| format!("`{}` is no number of nodes: {cure}", excerpt(text)))
        };
        Ok(Drawing {
            labels: choice("labels", &dot.labels, &LABELS)?,
            max_nodes: value("max_nodes", &svg.max_nodes, max_nodes)?.unwrap_or_default(),
        })
    }

    /// For DOT.
    pub(in crate::api) fn dot(self) -> DotOptions {
        DotOptions { labels: self.labels }
    }

    /// For a picture.
    pub(in crate::api) fn svg(self) -> SvgOptions {
        SvgOptions { labels: self.labels, max_nodes: self.max_nodes, ..SvgOptions::default() }
    }
}

const LABELS: [(&str, EdgeLabels); 3] =
    [("auto", EdgeLabels::Auto), ("on", EdgeLabels::On), ("off", EdgeLabels::Off)];

/// Refuses a choice of labels where JSON is answered: it would have no effect.
pub(in crate::api) fn refuse_labels(uri: &Uri) -> Result<(), ApiError> {
    let drawing: DotParams = read(uri)?;
    match drawing.labels {
        Some(_) => Err(ApiError::invalid(
            "`labels` is for DOT alone, and this answer is JSON: ask for /api/v1/graph.dot, or with \
             `accept: text/vnd.graphviz`"
                .into(),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::params::graph_query;

    fn drawing(query: &str, drawn: Drawn) -> Result<Drawing, String> {
        let uri = format!("/graph?{query}").parse().unwrap();
        graph_query(&uri, 1, drawn).map(|(_, drawing)| drawing).map_err(|error| error.to_string())
    }

    #[test]
    fn a_drawing_is_as_asked() {
        let plain = Drawing::default();
        for (query, expected) in [
            ("", plain),
            ("labels=off", Drawing { labels: EdgeLabels::Off, ..plain }),
            ("max_nodes=auto", plain),
            ("max_nodes=all", Drawing { max_nodes: MaxNodes::All, ..plain }),
            ("max_nodes=250&labels=on", Drawing { labels: EdgeLabels::On, max_nodes: MaxNodes::Most(250) }),
        ] {
            assert_eq!(drawing(query, Drawn::Svg), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_has_no_effect_or_no_sense_is_refused_with_the_cure() {
        for (query, drawn, cure) in [
            ("labels=yes", Drawn::Dot, "give `auto`, `on`, `off`"),
            ("labels=on", Drawn::Nothing, "`labels` is no parameter"),
            ("max_nodes=60", Drawn::Dot, "`max_nodes` is no parameter"),
            ("max_nodes=60", Drawn::Nothing, "`max_nodes` is no parameter"),
            (
                "max_nodes=0",
                Drawn::Svg,
                "`max_nodes`: `0` is no number of nodes: give a number from 1, `auto` or `all`",
            ),
            ("max_nodes=-3", Drawn::Svg, "`-3` is no number"),
            ("max_nodes=", Drawn::Svg, "`` is no number"),
        ] {
            let problem = drawing(query, drawn).unwrap_err();
            assert!(problem.contains(cure), "{query}: {problem}");
        }
    }
}
