//! Where a command gets its answers: trace files, a store, or a running server.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::config::ConfigArgs;
use super::pipeline::Shared;
use super::store::open_to_read;
use super::{Failure, Outcome, files, now_nanos};
use crate::config::Config;
use crate::export::Freshness;
use crate::model::time::rfc3339;
use crate::model::{Minute, UnixNanos};
use crate::query::{Coverage, QueryError};
use crate::store::{History, Policy, Resume, Timeline};
use crate::telemetry::Telemetry;

/// Where the spans are, or what was counted of them.
#[derive(clap::Args)]
pub(super) struct SourceArgs {
    /// Trace files (OTLP JSON or protobuf, plain or .gz), or `-` for standard input.
    #[arg(value_name = "FILE", required_unless_present_any = ["server", "store"])]
    pub files: Vec<String>,
    /// Ask a running linchpin instead, as http://127.0.0.1:7171.
    #[arg(long, value_name = "URL", conflicts_with_all = ["files", "store"])]
    pub server: Option<String>,
    /// Read a store instead, also while a linchpin writes to it; `auto` is `linchpin` in the platform's data folder.
    #[arg(long, value_name = "PATH", conflicts_with = "files")]
    pub store: Option<String>,
    /// Most spans taken from files; above it the command ends instead of filling the memory.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    pub max_spans: u64,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What time and which part of the system; the same names and values as the parameters of /api/v1/graph.
#[derive(clap::Args)]
pub(super) struct ScopeArgs {
    /// First instant (RFC 3339 or Unix seconds).
    #[arg(long)]
    from: Option<String>,
    /// First instant after the range.
    #[arg(long)]
    to: Option<String>,
    /// The last so long, as 15m, of files before the end of the last minute in them; `all` for everything. Files and
    /// stores: all, a server: 15m.
    #[arg(long)]
    window: Option<String>,
    /// Of sealed minutes alone, up to this instant: the answer never changes.
    #[arg(long, value_name = "INSTANT", conflicts_with = "files")]
    as_of: Option<String>,
    /// Only this environment.
    #[arg(long)]
    env: Option<String>,
    /// Only what has an end in this namespace.
    #[arg(long)]
    namespace: Option<String>,
}

/// Files or a store.
pub(super) struct Local {
    pub timeline: Arc<Timeline>,
    pub config: Config,
    /// The time of the answer; of files the end of the last minute in them, so that they answer the same at any time.
    pub now: UnixNanos,
    /// What an answer says beside its range.
    pub freshness: Freshness,
    /// What was not read.
    problems: Vec<String>,
    is_store: bool,
}

impl SourceArgs {
    /// The server to ask, without a slash at its end.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref().map(|url| url.trim_end_matches('/'))
    }

    /// Opens the files or the store, and reads the question to them; files are read to their end.
    ///
    /// # Errors
    /// [`Failure`], where nothing can be read; [`Failure::Usage`] with what `parse` says, before anything is read.
    pub fn ask<Q>(
        &self,
        question: &str,
        parse: impl Fn(&str, UnixNanos) -> Result<Q, String>,
    ) -> Result<(Local, Q), Failure> {
        let parse = |now| parse(question, now).map_err(Failure::Usage);
        parse(now_nanos())?;
        let local = self.open()?;
        let question = parse(local.now)?;
        Ok((local, question))
    }

    fn open(&self) -> Result<Local, Failure> {
        let config = self.config.loader().load().map_err(Failure::Config)?.config;
        let Some(path) = &self.store else {
            let read = files::read(&self.files, config.clone(), self.max_spans)?;
            let (dropped, notes) = (Some(read.dropped()), read.problems.clone());
            let freshness = Freshness { now: None, lag_ms: None, dropped, notes };
            let (timeline, problems) = (read.timeline, read.problems);
            let now = timeline.ends().map_or(0, |(_, last)| Minute(last.0 + 1).start_nanos());
            return Ok(Local { timeline, config, now, freshness, problems, is_store: false });
        };
        let history = History::new(Some(open_to_read(path)?), Policy::from_config(&config));
        let timeline = Shared::new(config.clone(), Telemetry::new(), history, Resume::default()).timeline;
        let now = now_nanos();
        let freshness = Freshness { now: Some(now), ..Freshness::default() };
        Ok(Local { timeline, config, now, freshness, problems: Vec::new(), is_store: true })
    }
}

impl ScopeArgs {
    /// True where anything of it was given.
    pub fn is_given(&self) -> bool {
        let all = [&self.from, &self.to, &self.window, &self.as_of, &self.env, &self.namespace];
        all.into_iter().any(Option::is_some)
    }

    /// Names and values of the parameters that are given; a source that is all there is asked for all of it.
    pub fn parameters(&self, source: &SourceArgs) -> Vec<(&'static str, Option<String>)> {
        let has_range = self.from.is_some() || self.to.is_some() || self.window.is_some();
        let all = (!has_range && source.server.is_none()).then(|| "all".to_string());
        vec![
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("window", self.window.clone().or(all)),
            ("as_of", self.as_of.clone()),
            ("env", self.env.clone()),
            ("namespace", self.namespace.clone()),
        ]
    }
}

/// Parameters as a query string; those without a value are left out.
pub(super) fn query_string(parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", encoded(value))));
    given.collect::<Vec<_>>().join("&")
}

/// A text as one part of a path or a query string.
pub(super) fn encoded(value: &str) -> impl std::fmt::Display {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
}

impl Local {
    /// All of the input of files is there: nothing of the answer will change.
    pub fn settle(&self, coverage: &mut Coverage) {
        if !self.is_store {
            coverage.provisional_from = None;
        }
    }

    /// What there is, where nothing matched.
    pub fn hint(&self) -> String {
        match (self.is_store, self.timeline.ends()) {
            (false, _) => String::new(),
            (true, None) => "; the store has no sealed minute yet".to_string(),
            (true, Some((first, last))) => format!(
                "; the store has minutes from {} to {}",
                rfc3339(first.start_nanos()),
                rfc3339(Minute(last.0 + 1).start_nanos())
            ),
        }
    }

    /// Says what was not read of the range: of a store as warnings, as the rest of it answers.
    ///
    /// # Errors
    /// [`Failure::Usage`] for files that were not read to their end.
    pub fn report(&self, from: Minute, to: Minute) -> Outcome {
        for (key, problem) in self.timeline.history.damaged_in(&(from.0..to.0)) {
            eprintln!("linchpin: {key}: {problem}");
        }
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(Failure::Usage(self.problems.join("\n"))),
        }
    }
}

/// A question that has no answer, as the end of a command.
pub(super) fn refused(error: QueryError) -> Failure {
    match error {
        QueryError::EmptyRange { .. } | QueryError::BeyondAsOf { .. } => Failure::Usage(error.to_string()),
        QueryError::Store(_) => Failure::Internal(anyhow::Error::from(error)),
        _ => Failure::Unmet(error.to_string()),
    }
}

/// The body of a server's answer.
///
/// # Errors
/// [`Failure::Usage`] with what the server says.
pub(super) fn fetch(url: &str) -> Result<String, Failure> {
    let agent =
        ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build());
    let asked = agent.get(url).call();
    let mut response =
        asked.map_err(|error| Failure::Usage(format!("{url}: {error}; is linchpin serving there?")))?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(1 << 30).read_to_string()?;
    if !status.is_success() {
        let document: Option<serde_json::Value> = serde_json::from_str(&body).ok();
        let message = document.as_ref().and_then(|document| document["error"]["message"].as_str());
        return Err(Failure::Usage(message.map_or(format!("{url}: answered {status}"), str::to_string)));
    }
    Ok(body)
}

/// A server's answer as the document that it is.
///
/// # Errors
/// [`Failure::Usage`].
pub(super) fn fetch_document<T: DeserializeOwned>(url: &str) -> Result<T, Failure> {
    serde_json::from_str(&fetch(url)?)
        .map_err(|error| Failure::Usage(format!("{url}: the answer is no document of linchpin: {error}")))
}
