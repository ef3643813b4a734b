//! Critical call paths of flows as bytes and back.

use super::Damage;
use super::inputs::list;
use super::names::{Names, Ranks};
use super::wire::{Reader, Writer};
use crate::graph::bucket::Bucket;
use crate::graph::hashes::Hashes;
use crate::graph::paths::{FlowPaths, PathSums, PathTree};
use crate::graph::stats::{FlowKey, FlowStats};
use crate::model::{FastMap, NodeId, WEIGHT_ONE};

/// Most low bits that are left out of all sums of a flow: of weights and weighted times of unsampled requests they are 0.
const MAX_SCALE: u32 = WEIGHT_ONE.trailing_zeros();

/// The section; no byte where no flow has a path, so that buckets of before there were any stay what they are.
pub(super) fn write(flows: &FastMap<FlowKey, FlowStats>, ranks: &Ranks) -> Vec<u8> {
    let known = flows.iter().filter(|(_, stats)| stats.paths.requests > 0);
    let mut known: Vec<([u32; 2], &FlowPaths)> =
        known.map(|(key, stats)| ([ranks.node(key.service), ranks.symbol(key.name)], &stats.paths)).collect();
    if known.is_empty() {
        return Vec::new();
    }
    known.sort_unstable_by_key(|(key, _)| *key);
    let mut out = Writer::default();
    out.number(known.len() as u64);
    for (key, paths) in known {
        key.iter().for_each(|part| out.number(u64::from(*part)));
        write_flow(&mut out, paths, ranks);
    }
    out.0
}

fn write_flow(out: &mut Writer, paths: &FlowPaths, ranks: &Ranks) {
    let tree = paths.tree_by_node(|node| ranks.node(node));
    let scale = scale(paths, &tree);
    out.number(u64::from(scale));
    out.number(paths.requests);
    out.wide(paths.weight >> scale);
    out.wide(paths.weight_squares);
    out.wide(paths.duration >> scale);
    out.number(tree.contexts.len() as u64);
    for context in &tree.contexts {
        out.number(context.depth as u64);
        out.number(u64::from(ranks.node(context.node)));
        out.number(context.sums.requests);
        sums(&context.sums, context.other).into_iter().for_each(|sum| out.wide(sum >> scale));
    }
}

/// Low bits that are 0 in all sums of a flow.
fn scale(paths: &FlowPaths, tree: &PathTree) -> u32 {
    let of_contexts = tree.contexts.iter().flat_map(|context| sums(&context.sums, context.other));
    let all = of_contexts.chain([paths.weight, paths.duration]).fold(0, |bits, sum| bits | sum);
    all.trailing_zeros().min(MAX_SCALE)
}

/// What is written of a context; its inclusive time follows from them.
fn sums(sums: &PathSums, other: u128) -> [u128; 5] {
    [sums.weight, sums.exclusive, sums.gap, sums.retry, other]
}

/// Adds the paths of a section to the flows that they are of.
pub(super) fn add(
    section: &[u8],
    bucket: &mut Bucket,
    names: &Names,
    hashes: &mut Hashes,
) -> Result<(), Damage> {
    let mut input = Reader(section);
    for _ in 0..list(&mut input)? {
        let key = FlowKey { service: names.node(&mut input)?, name: names.symbol(&mut input)? };
        let flow =
            bucket.flows.get_mut(&key).ok_or(Damage::Malformed("paths of a flow that is not there"))?;
        add_flow(&mut input, &mut flow.paths, names, hashes)?;
    }
    Ok(())
}

/// A context as it is read: its caller's position, and its node.
struct Row {
    parent: Option<usize>,
    node: NodeId,
    sums: PathSums,
}

fn add_flow(
    input: &mut Reader<'_>,
    paths: &mut FlowPaths,
    names: &Names,
    hashes: &mut Hashes,
) -> Result<(), Damage> {
    let scale = input.number()?;
    if scale > u64::from(MAX_SCALE) {
        return Err(Damage::Malformed("a scale is too large"));
    }
    let scale = scale as u32;
    let (requests, weight) = (input.number()?, scaled(input, scale)?);
    let (weight_squares, duration) = (input.wide()?, scaled(input, scale)?);
    paths.add_requests(requests, weight, weight_squares, duration);
    let mut rows: Vec<Row> = Vec::new();
    let mut callers: Vec<usize> = Vec::new();
    for _ in 0..input.count()? {
        let depth = input.number()?;
        if depth > callers.len() as u64 {
            return Err(Damage::Malformed("a call path without its caller"));
        }
        callers.truncate(depth as usize);
        let parent = callers.last().copied();
        callers.push(rows.len());
        let (node, requests) = (names.node(input)?, input.number()?);
        let mut next = || scaled(input, scale);
        let (weight, exclusive, gap, retry, other) = (next()?, next()?, next()?, next()?, next()?);
        let inclusive = exclusive.saturating_add(gap).saturating_add(other);
        rows.push(Row {
            parent,
            node,
            sums: PathSums { requests, weight, exclusive, gap, retry, inclusive },
        });
    }
    for at in (0..rows.len()).rev() {
        if let Some(parent) = rows[at].parent {
            let inclusive = rows[at].sums.inclusive;
            let above = &mut rows[parent].sums.inclusive;
            *above = above.saturating_add(inclusive);
        }
    }
    let mut keys: Vec<u128> = Vec::with_capacity(rows.len());
    for Row { parent, node, sums } in rows {
        let parent = parent.map(|parent| keys[parent]);
        keys.push(paths.add(parent, (node, hashes.node_wide(node)), &sums));
    }
    Ok(())
}

fn scaled(input: &mut Reader<'_>, scale: u32) -> Result<u128, Damage> {
    let sum = input.wide()?;
    match sum.leading_zeros() >= scale {
        true => Ok(sum << scale),
        false => Err(Damage::Malformed("a number has more than 128 bits")),
    }
}
