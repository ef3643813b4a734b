//! Dependency graphs as data: read from tab-separated rows, or made at random.

use super::random::Random;
use crate::model::FastMap;

/// An edge of a [`Topology`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopologyEdge {
    /// Position of the caller in [`Topology::services`].
    pub caller: usize,
    /// Position of the callee.
    pub callee: usize,
    /// How often it is called, relative to the other edges; above zero.
    pub calls: u64,
}

/// Which service calls which, how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// Names, unique.
    pub services: Vec<String>,
    /// Edges between different services, each pair once.
    pub edges: Vec<TopologyEdge>,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// Not three columns.
    #[error(
        "line {line}: `{text}` has {columns} column(s): give caller, callee and calls, separated by tabs"
    )]
    Columns {
        /// Number of the line, from 1.
        line: usize,
        /// Its text.
        text: String,
        /// Columns found.
        columns: usize,
    },
    /// An empty name.
    #[error("line {line}: `{text}` has an empty name: give caller, callee and calls, separated by tabs")]
    Name {
        /// Number of the line, from 1.
        line: usize,
        /// Its text.
        text: String,
    },
    /// Not a number of calls.
    #[error("line {line}: calls is `{value}`: give a whole number from 1 to {MAX_CALLS}")]
    Calls {
        /// Number of the line, from 1.
        line: usize,
        /// What stands there.
        value: String,
    },
    /// No row at all.
    #[error("there is no edge in it: give lines of caller, callee and calls, separated by tabs")]
    Empty,
}

/// More calls than this make no sense as a proportion, and products of them must fit.
pub const MAX_CALLS: u64 = 1 << 48;

impl Topology {
    /// From rows `caller<TAB>callee<TAB>calls`; lines that start with `#` and empty ones are skipped.
    /// Rows of one pair are added up; a service that calls itself has no edge.
    pub fn parse(text: &str) -> Result<Topology, TopologyError> {
        let mut topology = Topology::default();
        let mut numbers = FastMap::default();
        let mut pairs = FastMap::default();
        for (line, row) in text.lines().enumerate().map(|(at, row)| (at + 1, row)) {
            if row.is_empty() || row.starts_with('#') {
                continue;
            }
            let (caller, callee, calls) = parse_row(line, row)?;
            let [caller, callee] = [caller, callee].map(|name| topology.number(name, &mut numbers));
            if caller != callee {
                topology.add(&mut pairs, TopologyEdge { caller, callee, calls });
            }
        }
        if topology.edges.is_empty() {
            return Err(TopologyError::Empty);
        }
        Ok(topology)
    }

    fn number(&mut self, name: &str, numbers: &mut FastMap<String, usize>) -> usize {
        if let Some(number) = numbers.get(name) {
            return *number;
        }
        self.services.push(name.to_owned());
        numbers.insert(name.to_owned(), self.services.len() - 1);
        self.services.len() - 1
    }

    fn add(&mut self, pairs: &mut FastMap<(usize, usize), usize>, edge: TopologyEdge) {
        let at = *pairs.entry((edge.caller, edge.callee)).or_insert(self.edges.len());
        match self.edges.get_mut(at) {
            Some(known) => known.calls = known.calls.saturating_add(edge.calls).min(MAX_CALLS),
            None => self.edges.push(edge),
        }
    }

    /// A random system of `services` services (at least 2) in six layers: few entries, many in the middle,
    /// and hubs further down that many share. Every service is called or calls.
    pub fn layered(services: usize, seed: u64) -> Topology {
        let mut random = Random::for_item(seed, u64::MAX);
        let services = services.max(2);
        let mut topology = Topology {
            services: (0..services).map(|number| format!("service-{number:05}")).collect(),
            edges: Vec::new(),
        };
        let mut pairs = FastMap::default();
        let starts = LAYERS.map(|share| (services * share / 100).clamp(1, services - 1));
        for callee in starts[0]..services {
            let layer = starts.partition_point(|start| *start <= callee);
            let end = starts[layer - 1];
            // In a small system layers may be empty.
            let above = starts.iter().rev().copied().find(|start| *start < end).unwrap_or(0);
            let caller = above + random.position(end - above);
            topology.add(&mut pairs, TopologyEdge { caller, callee, calls: random_calls(&mut random) });
        }
        for caller in 0..starts[LAYERS.len() - 1] {
            let below = starts[starts.partition_point(|start| *start <= caller)];
            let at_least = u64::from(caller < starts[0]);
            for _ in 0..at_least + random.below(5) {
                let callee = below + skewed(&mut random, services - below);
                topology.add(&mut pairs, TopologyEdge { caller, callee, calls: random_calls(&mut random) });
            }
        }
        topology
    }
}

/// Ends of the layers but the last, in percent of all services.
const LAYERS: [usize; 5] = [4, 16, 40, 66, 86];

/// A position where small ones are far likelier: these become the hubs.
fn skewed(random: &mut Random, len: usize) -> usize {
    random.position(len).min(random.position(len)).min(random.position(len))
}

/// From 1 to about 65,000 calls, each power of two as likely as the next.
fn random_calls(random: &mut Random) -> u64 {
    let power = random.below(16);
    (1 << power) + random.below(1 << power)
}

fn parse_row(line: usize, row: &str) -> Result<(&str, &str, u64), TopologyError> {
    let columns: Vec<&str> = row.trim_end_matches('\r').split('\t').collect();
    let [caller, callee, calls] = columns[..] else {
        return Err(TopologyError::Columns { line, text: row.to_owned(), columns: columns.len() });
    };
    if caller.trim().is_empty() || callee.trim().is_empty() {
        return Err(TopologyError::Name { line, text: row.to_owned() });
    }
    match calls.trim().parse() {
        Ok(calls) if (1..=MAX_CALLS).contains(&calls) => Ok((caller, callee, calls)),
        _ => Err(TopologyError::Calls { line, value: calls.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_added_up_and_comments_skipped() {
        let topology =
            Topology::parse("# caller\tcallee\tcalls\na\tb\t3\n\nb\ta\t1\r\na\tb\t2\na\ta\t9\n").unwrap();
        assert_eq!(topology.services, ["a", "b"]);
        let edges: Vec<_> =
            topology.edges.iter().map(|edge| (edge.caller, edge.callee, edge.calls)).collect();
        assert_eq!(edges, [(0, 1, 5), (1, 0, 1)]);
    }

    #[test]
    fn a_bad_row_is_named_with_its_line_and_the_cure() {
        let table = [
            ("a\tb\n", "line 1: `a\tb` has 2 column(s): give caller, callee and calls, separated by tabs"),
            (
                "a\tb\t1\na b 3\n",
                "line 2: `a b 3` has 1 column(s): give caller, callee and calls, separated by tabs",
            ),
            (
                "a\t\t1\n",
                "line 1: `a\t\t1` has an empty name: give caller, callee and calls, separated by tabs",
            ),
            ("a\tb\t-4\n", "line 1: calls is `-4`: give a whole number from 1 to 281474976710656"),
            ("a\tb\t0\n", "line 1: calls is `0`: give a whole number from 1 to 281474976710656"),
            (
                "# nothing\n",
                "there is no edge in it: give lines of caller, callee and calls, separated by tabs",
            ),
        ];
        for (text, message) in table {
            assert_eq!(Topology::parse(text).unwrap_err().to_string(), message, "{text:?}");
        }
    }

    #[test]
    fn a_random_system_is_acyclic_and_leaves_no_service_alone() {
        for services in [2, 3, 7, 100, 2_000] {
            let topology = Topology::layered(services, 5);
            assert_eq!(topology.services.len(), services);
            assert!(topology.edges.iter().all(|edge| edge.caller < edge.callee && edge.calls > 0));
            let mut is_used = vec![false; services];
            topology.edges.iter().for_each(|edge| {
                is_used[edge.caller] = true;
                is_used[edge.callee] = true;
            });
            assert!(is_used.iter().all(|used| *used), "of {services} services one is in no edge");
            assert_eq!(topology, Topology::layered(services, 5));
            assert!(services < 100 || topology != Topology::layered(services, 6));
        }
    }
}
