//! The expected edges, counted by the simulator while it makes the calls, not derived from the spans.
//!
//! What is counted follows the rules of linking: a call counts once per attempt, both sides' errors apart;
//! of what no span can tell (a lost client without a trace of its name) there is no row.

use std::fmt;

use crate::model::FastMap;

/// What an edge connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// Service to database.
    Database,
    /// Service to a peer that reports no spans.
    External,
    /// Producer to destination, exchange to queue, destination to consumer.
    Messaging,
    /// Service to service, without messages.
    Service,
}

impl EdgeKind {
    /// The first column of a row.
    pub fn name(self) -> &'static str {
        match self {
            EdgeKind::Database => "db",
            EdgeKind::External => "ext",
            EdgeKind::Messaging => "msg",
            EdgeKind::Service => "svc",
        }
    }
}

/// A node's name by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameId(u32);

/// Calls of one edge, unweighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeCounts {
    /// Calls.
    pub calls: u64,
    /// Of these, with an error on the caller's span.
    pub errors_caller: u64,
    /// Of these, with an error on the callee's span.
    pub errors_callee: u64,
}

/// A row: kind, caller, callee and counts.
pub type Row<'a> = (EdgeKind, &'a str, &'a str, EdgeCounts);

/// All expected edges of what was generated so far.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    names: Vec<String>,
    numbers: FastMap<String, NameId>,
    edges: FastMap<(EdgeKind, NameId, NameId), EdgeCounts>,
}

impl Truth {
    /// The number of a name.
    pub fn name(&mut self, name: &str) -> NameId {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = NameId(self.names.len() as u32);
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// Counts one call. Calls of a service to itself have no edge.
    pub fn count(&mut self, kind: EdgeKind, (caller, callee): (NameId, NameId), errors: (bool, bool)) {
        if kind == EdgeKind::Service && caller == callee {
            return;
        }
        let counts = self.edges.entry((kind, caller, callee)).or_default();
        counts.calls += 1;
        counts.errors_caller += u64::from(errors.0);
        counts.errors_callee += u64::from(errors.1);
    }

    /// All rows, sorted by kind, caller and callee.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let name = |id: NameId| self.names[id.0 as usize].as_str();
        let mut rows: Vec<Row<'_>> = self
            .edges
            .iter()
            .map(|((kind, caller, callee), counts)| (*kind, name(*caller), name(*callee), *counts))
            .collect();
        rows.sort_unstable_by_key(|(kind, caller, callee, _)| (*kind, *caller, *callee));
        rows
    }
}

/// Tab-separated rows `kind caller callee calls errors_caller errors_callee`, sorted, a line each.
impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, caller, callee, counts) in self.rows() {
            let EdgeCounts { calls, errors_caller, errors_callee } = counts;
            let kind = kind.name();
            writeln!(f, "{kind}\t{caller}\t{callee}\t{calls}\t{errors_caller}\t{errors_callee}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_a_service_does_not_depend_on_itself() {
        let mut truth = Truth::default();
        let [web, bank, store] = ["web", "bank", "mysql/shop"].map(|name| truth.name(name));
        truth.count(EdgeKind::Service, (web, bank), (true, false));
        truth.count(EdgeKind::Service, (web, bank), (true, true));
        truth.count(EdgeKind::Service, (web, web), (false, false));
        truth.count(EdgeKind::Database, (web, store), (false, false));
        assert_eq!(truth.to_string(), "db\tweb\tmysql/shop\t1\t0\t0\nsvc\tweb\tbank\t2\t2\t1\n");
        assert_eq!(truth.name("web"), web);
    }
}
