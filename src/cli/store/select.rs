//! Which buckets of a store a command is about.

use super::super::Failure;
use crate::api::parse_instant;
use crate::graph::sealed::{BucketKey, Width};
use crate::store::EmbeddedStore;

/// Filters; a bucket passes all of them.
#[derive(clap::Args)]
pub(super) struct Selection {
    /// Only this lane: `merged`, or `topic/partition`.
    #[arg(long)]
    lane: Option<String>,
    /// Only buckets of this width: 1m, 10m, 1h or 1d.
    #[arg(long)]
    width: Option<String>,
    /// Only buckets that end after this instant (RFC 3339 or Unix seconds).
    #[arg(long, value_name = "INSTANT")]
    from: Option<String>,
    /// Only buckets that begin before this instant.
    #[arg(long, value_name = "INSTANT")]
    to: Option<String>,
}

impl Selection {
    /// The buckets that pass, with their sizes, by time, then by width and lane.
    ///
    /// # Errors
    /// [`Failure::Usage`] where a value is none.
    pub fn of(&self, store: &EmbeddedStore) -> Result<Vec<(BucketKey, u64)>, Failure> {
        let instant = |name: &str, text: &Option<String>| {
            let read = text.as_deref().map(parse_instant).transpose();
            read.map_err(|error| Failure::Usage(format!("--{name}: {error}")))
        };
        let (from, to) = (instant("from", &self.from)?, instant("to", &self.to)?);
        let width = self.width.as_deref().map(width_of).transpose()?;
        let mut buckets = store.list();
        buckets.retain(|(key, _)| {
            self.lane.as_deref().is_none_or(|lane| *lane == *key.lane)
                && width.is_none_or(|width| width == key.width)
                && from.is_none_or(|from| key.end().start_nanos() > from)
                && to.is_none_or(|to| key.start.start_nanos() < to)
        });
        buckets.sort_by(|(a, _), (b, _)| (a.start, a.width, &a.lane).cmp(&(b.start, b.width, &b.lane)));
        Ok(buckets)
    }
}

fn width_of(name: &str) -> Result<Width, Failure> {
    let found = Width::ALL.into_iter().find(|width| width.name() == name);
    found.ok_or_else(|| Failure::Usage(format!("--width: `{name}` is none of 1m, 10m, 1h, 1d")))
}
