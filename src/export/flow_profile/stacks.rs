//! A flow's critical time as stacks with a length each, for flame graphs.
//!
//! What is no node's own time has a frame of its own: the way into a node, and what is not listed below it.
//! So the width of a frame is the inclusive time, and all stacks together are the flow's whole critical time.

use super::FlowProfileDocument;

/// The frame of the way into a node.
pub(super) const NETWORK: &str = "(network)";
/// The frame of what is not listed.
pub(super) const OTHER: &str = "(other)";

/// A stack: places in the list of contexts from the root on, a last frame that is none of them, microseconds.
pub(super) struct Stack {
    pub contexts: Vec<usize>,
    pub extra: Option<&'static str>,
    pub micros: u64,
}

/// All stacks with at least half a microsecond, in the order of the tree.
pub(super) fn stacks(profile: &FlowProfileDocument) -> Vec<Stack> {
    let micros = |share: f64| (share * profile.total_ms * 1e3).round() as u64;
    let mut stacks = Vec::new();
    let mut path: Vec<usize> = Vec::new();
    for (place, context) in profile.contexts.iter().enumerate() {
        path.truncate(context.depth);
        path.push(place);
        let times = [(None, context.exclusive), (Some(NETWORK), context.gap), (Some(OTHER), context.other)];
        stacks.extend(times.map(|(extra, share)| Stack {
            contexts: path.clone(),
            extra,
            micros: micros(share),
        }));
    }
    let listed: f64 = profile.contexts.iter().map(|context| context.other).sum();
    let rest = micros((profile.other - listed).max(0.0));
    stacks.push(Stack { contexts: Vec::new(), extra: Some(OTHER), micros: rest });
    stacks.retain(|stack| stack.micros > 0);
    stacks
}
