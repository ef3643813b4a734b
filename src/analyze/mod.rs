//! One trace in, facts out: calls, nodes, flows. Pure: no clock, no I/O, no order of arrival.
//!
//! ```text
//! spans ──► tree (duplicates, parents, units) ──► link (calls, messages, retries) ──► flow ──► Facts
//!                                                                               └──► critical_path ──┘
//!                                                                                    └──► CriticalPath
//! ```

mod critical_path;
mod facts;
mod flow;
mod link;
mod messaging;
mod names;
mod retry;
mod share;
mod tree;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use critical_path::{CriticalPath, Flag, Leg, Section, SectionKind};
pub use facts::{Call, CallPath, Evidence, Facts, FlowRequest, Joined, PathPlace, Share, Tally, Visit};
pub use flow::{FlowRules, is_generic};

use std::sync::Arc;

use crate::config::Config;
use crate::model::{Minute, Span, Symbols, TraceId, UnixNanos};
use critical_path::{CallPaths, Scratch};
use link::{Linker, Seen};
use messaging::Messages;
use names::Names;
use tree::{Parent, TraceTree};

/// Which part of a trace is analysed, and where its times may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Earliest event time that counts as such; earlier ones count as this.
    pub earliest: UnixNanos,
    /// Latest event time for the trace's minute; later ones count as this.
    pub latest: UnixNanos,
    /// Latest event time of a call.
    pub latest_call: UnixNanos,
    /// For a tail fragment the log minute it counts in.
    pub tail_minute: Option<Minute>,
    /// True where spans beyond the limit of a session were cut.
    pub is_cut: bool,
}

impl Scope {
    /// A whole trace in its own time: files have no log time.
    pub const WHOLE: Scope = Scope {
        earliest: 0,
        latest: UnixNanos::MAX,
        latest_call: UnixNanos::MAX,
        tail_minute: None,
        is_cut: false,
    };
}

/// Analyses traces, one after the other; one per thread.
pub struct Analyzer {
    names: Names,
    self_calls: bool,
    flow_rules: FlowRules,
    tree: TraceTree,
    paths: Scratch,
}

impl Analyzer {
    /// An analyzer over the shared symbols.
    pub fn new(symbols: Arc<Symbols>, config: &Config) -> Analyzer {
        let flow_rules = FlowRules { refine: config.flows.refine, generic: config.flows.generic.clone() };
        let names = Names::new(symbols);
        Analyzer {
            names,
            self_calls: config.linking.self_calls,
            flow_rules,
            tree: TraceTree::default(),
            paths: Scratch::default(),
        }
    }

    /// The facts of one trace. The order of `spans` does not matter; duplicates count once.
    pub fn analyze(&mut self, trace: TraceId, spans: Vec<Span>, scope: Scope) -> Facts {
        let mut tree = std::mem::take(&mut self.tree);
        tree.grow(spans, &mut self.names);
        let Linker { mut seen, joined, mut tallies, .. } = self.link(&tree);
        let repetitions = retry::repetitions(&tree, &seen);
        retry::mark_attempts(&mut seen, &repetitions);
        let is_tail = scope.tail_minute.is_some();
        let flows = match is_tail {
            true => Vec::new(),
            false => {
                let is_profiled = !scope.is_cut && critical_path::is_profiled(&tree);
                let (names, scratch) = (&mut self.names, &mut self.paths);
                let paths = is_profiled.then(|| CallPaths::new(&tree, &seen, &repetitions, names, scratch));
                flow::requests(&tree, &seen, &joined, paths, &self.flow_rules, &mut self.names)
            }
        };
        // LINK-LATE: what came after its trace's session counts for edges only.
        if is_tail {
            tallies.iter_mut().for_each(|(_, tally)| tally.tail_spans = tally.spans);
        }
        // LINK-MINUTE: the root's start, within the clamp around its log time.
        let start = start_of(&tree);
        let at = start.clamp(scope.earliest, scope.latest);
        let mut facts = Facts {
            minute: scope.tail_minute.unwrap_or(Minute::of(at)),
            trace,
            is_tail,
            is_incomplete: tree.parents.contains(&Parent::Missing) || !tree.parents.contains(&Parent::Root),
            is_clamped: at != start,
            duplicates: tree.duplicates,
            is_cut: scope.is_cut,
            visits: self.visits(&tree, &seen),
            calls: seen.into_iter().map(|seen| seen.call).collect(),
            joined: joined.into_iter().map(|seen| seen.joined).collect(),
            spans: if Facts::may_keep(&flows, &tree.spans) {
                std::mem::take(&mut tree.spans)
            } else {
                Vec::new()
            },
            flows,
            tallies,
        };
        let joined = facts.joined.iter_mut().map(|joined| &mut joined.call);
        for call in facts.calls.iter_mut().chain(joined) {
            call.start = call.start.clamp(scope.earliest, scope.latest_call);
        }
        self.tree = tree;
        facts
    }

    /// The spans of a trace as [`Facts::spans`] has them.
    pub fn distinct(&mut self, spans: Vec<Span>) -> Vec<Span> {
        tree::merge_duplicates(spans, &mut self.names).0
    }

    /// The critical path of one trace, the earliest root's where it has several; `None` for no spans.
    /// The order of `spans` does not matter; duplicates count once.
    pub fn critical_path(&mut self, spans: Vec<Span>) -> Option<CriticalPath> {
        let mut tree = TraceTree::default();
        tree.grow(spans, &mut self.names);
        let seen = self.link(&tree).seen;
        let repetitions = retry::repetitions(&tree, &seen);
        critical_path::critical_path(&tree, &seen, &repetitions, &mut self.names)
    }

    fn link<'a>(&'a mut self, tree: &'a TraceTree) -> Linker<'a> {
        let mut linker = Linker::new(tree, &mut self.names, self.self_calls);
        if let Some(further_takes) = linker.link_calls() {
            Messages::new(&mut linker).link(further_takes);
        }
        linker.link_leaves();
        linker
    }

    fn visits(&mut self, tree: &TraceTree, seen: &[Seen]) -> Vec<Visit> {
        let mut is_called = vec![false; tree.spans.len()];
        seen.iter().filter_map(|seen| seen.callee_unit).for_each(|unit| is_called[unit] = true);
        let mut visits = Vec::with_capacity(tree.spans.len());
        for (idx, span) in tree.spans.iter().enumerate() {
            let Some(node) = tree.nodes[idx] else { continue };
            visits.push(Visit {
                node,
                version: self.names.resource(span.resource).version,
                is_error: span.is_error,
                duration_ns: link::duration_ns(span),
                is_called: is_called[idx],
            });
        }
        visits
    }
}

/// Event start of the root, else of the earliest span; of several roots the earliest.
fn start_of(tree: &TraceTree) -> UnixNanos {
    let roots = tree.spans.iter().zip(&tree.parents).filter(|(_, parent)| **parent == Parent::Root);
    let root = roots.map(|(span, _)| span.start).min();
    root.or_else(|| tree.spans.iter().map(|span| span.start).min()).unwrap_or(0)
}
