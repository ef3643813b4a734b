//! The calls of a flow's own requests as JSON.

use super::document::{Count, FlowCallDocument, FlowCallsDocument};
use super::{Names, evidence};
use crate::graph::{EdgeKey, FlowCall, FlowCalls, JoinedKey};
use crate::model::NodeId;

impl Names<'_> {
    pub(super) fn flow_calls(&self, calls: &FlowCalls) -> FlowCallsDocument {
        let FlowCalls { requests, calls, joined, arrivals } = calls;
        let edge = |(key, call): (&EdgeKey, &FlowCall)| {
            let kind = (key.protocol as u8, key.is_async);
            ((self.node(key.caller), self.node(key.callee), kind), self.flow_call(key, call))
        };
        let pair = |(key, call): (&JoinedKey, &FlowCall)| {
            let nodes = [key.caller, key.callee, key.sent_to, key.taken_from];
            (nodes.map(|node| self.node(node)), self.flow_joined(key, call))
        };
        let arrival = |(node, call): (&NodeId, &FlowCall)| (self.node(*node), self.arrival(*node, call));
        FlowCallsDocument {
            requests: Count(*requests),
            calls: sorted(calls.known().map(edge)),
            other_calls: Count(calls.other),
            joined: sorted(joined.known().map(pair)),
            other_joined: Count(joined.other),
            arrivals: sorted(arrivals.known().map(arrival)),
            other_arrivals: Count(arrivals.other),
        }
    }

    fn flow_call(&self, key: &EdgeKey, call: &FlowCall) -> FlowCallDocument {
        FlowCallDocument {
            caller: Some(self.node(key.caller)),
            protocol: Some(key.protocol.name()),
            is_async: Some(key.is_async),
            ..self.arrival(key.callee, call)
        }
    }

    fn flow_joined(&self, key: &JoinedKey, call: &FlowCall) -> FlowCallDocument {
        FlowCallDocument {
            caller: Some(self.node(key.caller)),
            sent_to: Some(self.node(key.sent_to)),
            taken_from: Some(self.node(key.taken_from)),
            ..self.arrival(key.callee, call)
        }
    }

    fn arrival(&self, node: NodeId, call: &FlowCall) -> FlowCallDocument {
        let stats = call.stats();
        FlowCallDocument {
            caller: None,
            callee: self.node(node),
            protocol: None,
            is_async: None,
            sent_to: None,
            taken_from: None,
            requests: Count(call.requests),
            calls: Count(stats.calls),
            adjusted_65536ths: stats.adjusted.to_string(),
            unknown_sampling: Count(stats.unknown_sampling),
            caller_errors: Count(stats.caller_errors),
            callee_errors: Count(stats.callee_errors),
            either_errors: Count(stats.either_errors),
            first_attempts: Count(stats.first_attempts),
            evidence: evidence(&call.evidence),
        }
    }
}

/// As their keys are in the file.
fn sorted<K: Ord>(calls: impl Iterator<Item = (K, FlowCallDocument)>) -> Vec<FlowCallDocument> {
    let mut calls: Vec<(K, FlowCallDocument)> = calls.collect();
    calls.sort_by(|(a, _), (b, _)| a.cmp(b));
    calls.into_iter().map(|(_, call)| call).collect()
}
