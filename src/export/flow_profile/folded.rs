//! A flow's critical time as folded stacks, `a;b;c 123`: what flame-graph tools read.

use super::super::name::visible;
use super::FlowProfileDocument;
use super::stacks::stacks;

/// Writes a line per stack, with its microseconds over all requests.
pub fn to_folded(profile: &FlowProfileDocument) -> String {
    let mut text = String::new();
    for stack in stacks(profile) {
        let contexts = stack.contexts.iter().map(|place| frame(&profile.contexts[*place].node.label));
        let frames: Vec<String> = contexts.chain(stack.extra.map(str::to_owned)).collect();
        text.push_str(&format!("{} {}\n", frames.join(";"), stack.micros));
    }
    text
}

/// A name as a frame: `;` would end it.
fn frame(label: &str) -> String {
    visible(label).replace('%', "%25").replace(';', "%3B")
}
