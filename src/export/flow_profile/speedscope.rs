//! A flow's critical time for speedscope, as a sampled profile
//! (<https://www.speedscope.app/file-format-schema.json>).

use std::collections::HashMap;

use serde::Serialize;

use super::super::name::visible;
use super::FlowProfileDocument;
use super::stacks::stacks;

#[derive(Serialize)]
struct File<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    shared: Shared<'a>,
    profiles: [Sampled; 1],
    name: String,
    #[serde(rename = "activeProfileIndex")]
    active_profile_index: usize,
    exporter: &'static str,
}

#[derive(Serialize)]
struct Shared<'a> {
    frames: Vec<Frame<'a>>,
}

#[derive(Serialize)]
struct Frame<'a> {
    name: std::borrow::Cow<'a, str>,
}

#[derive(Serialize)]
struct Sampled {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    unit: &'static str,
    #[serde(rename = "startValue")]
    start_value: u64,
    #[serde(rename = "endValue")]
    end_value: u64,
    samples: Vec<Vec<usize>>,
    weights: Vec<u64>,
}

/// Writes the profile as one line of JSON, without a line break at the end.
pub fn to_speedscope(profile: &FlowProfileDocument) -> String {
    let mut frames: Vec<Frame> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut samples = Vec::new();
    let mut weights = Vec::new();
    for stack in stacks(profile) {
        let nodes = stack.contexts.iter().map(|place| &profile.contexts[*place].node);
        let named = nodes.map(|node| (node.id.as_str(), node.label.as_str()));
        let stack_frames = named.chain(stack.extra.map(|extra| (extra, extra)));
        samples.push(
            stack_frames
                .map(|(id, label)| {
                    *known.entry(id).or_insert_with(|| {
                        frames.push(Frame { name: visible(label) });
                        frames.len() - 1
                    })
                })
                .collect(),
        );
        weights.push(stack.micros);
    }
    let name = format!("{} ({})", visible(&profile.name), visible(&profile.service));
    let file = File {
        schema: "https://www.speedscope.app/file-format-schema.json",
        shared: Shared { frames },
        profiles: [Sampled {
            kind: "sampled",
            name: format!("critical path of {name}"),
            unit: "microseconds",
            start_value: 0,
            end_value: weights.iter().sum(),
            samples,
            weights,
        }],
        name,
        active_profile_index: 0,
        exporter: concat!("linchpin ", env!("CARGO_PKG_VERSION")),
    };
    serde_json::to_string(&file).expect("a profile has only string keys")
}
