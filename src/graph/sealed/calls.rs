//! The calls of each flow's own requests as bytes and back.
//!
//! There are many of them, and most say little: of each only those sums are written that are not 0.

use std::hash::Hash;

use super::Damage;
use super::inputs::list;
use super::names::{Names, Ranks};
use super::wire::{Reader, Writer};
use crate::graph::bucket::Bucket;
use crate::graph::flow_calls::{CallSums, FlowCall, FlowCalls};
use crate::graph::stats::{FlowKey, FlowStats};
use crate::model::FastMap;

/// Bits of what is written of a call; the first four are its kinds of evidence.
const REQUESTS: u64 = 1 << 4;
const ERRORS: u64 = 1 << 5;
const KNOWN_SAMPLING: u64 = 1 << 6;
const LEFT_OUT: u64 = 1 << 7;
const RETRIES: u64 = 1 << 8;

/// The section; no byte where of no flow the calls are known, so that buckets of before they were stay what they are.
pub(super) fn write(flows: &FastMap<FlowKey, FlowStats>, ranks: &Ranks) -> Vec<u8> {
    let known = flows.iter().filter(|(_, stats)| stats.calls.requests > 0);
    let mut known: Vec<([u32; 2], &FlowCalls)> =
        known.map(|(key, stats)| ([ranks.node(key.service), ranks.symbol(key.name)], &stats.calls)).collect();
    if known.is_empty() {
        return Vec::new();
    }
    known.sort_unstable_by_key(|(key, _)| *key);
    let mut out = Writer::default();
    out.number(known.len() as u64);
    for (key, calls) in known {
        key.iter().for_each(|part| out.number(u64::from(*part)));
        out.number(calls.requests);
        let mut lists = Writer::default();
        write_list(&mut lists, &calls.calls, |key| ranks.edge(key));
        write_list(&mut lists, &calls.joined, |key| ranks.joined(key));
        write_list(&mut lists, &calls.arrivals, |node| [ranks.node(*node)]);
        out.number(lists.0.len() as u64);
        out.0.append(&mut lists.0);
    }
    out.0
}

fn write_list<K: Ord, const N: usize>(out: &mut Writer, list: &CallSums<K>, rank: impl Fn(&K) -> [u32; N]) {
    let mut known: Vec<([u32; N], &FlowCall)> = list.known().map(|(key, call)| (rank(key), call)).collect();
    known.sort_unstable_by_key(|(key, _)| *key);
    out.number(list.other);
    out.number(known.len() as u64);
    for (key, call) in known {
        key.iter().for_each(|part| out.number(u64::from(*part)));
        write_call(out, call);
    }
}

fn write_call(out: &mut Writer, call: &FlowCall) {
    let calls = call.calls();
    let errors = [call.caller_errors, call.callee_errors, call.either_errors];
    let is_written = [
        (REQUESTS, call.requests != calls),
        (ERRORS, errors != [0; 3]),
        (KNOWN_SAMPLING, call.known_sampling > 0),
        (LEFT_OUT, call.left_out > 0),
        (RETRIES, call.retries > 0),
    ];
    let evidence = (0..).zip(call.evidence).filter(|(_, count)| *count > 0);
    let bits = evidence.clone().map(|(kind, _)| 1 << kind);
    let bits = bits.chain(is_written.into_iter().filter(|(_, is_set)| *is_set).map(|(bit, _)| bit));
    let bits: u64 = bits.sum();
    out.number(bits);
    evidence.for_each(|(_, count)| out.number(count));
    if bits & REQUESTS != 0 {
        out.number(call.requests);
    }
    if bits & ERRORS != 0 {
        errors.into_iter().for_each(|count| out.number(count));
    }
    if bits & KNOWN_SAMPLING != 0 {
        out.number(call.known_sampling);
    }
    if bits & LEFT_OUT != 0 {
        out.wide(call.left_out);
    }
    if bits & RETRIES != 0 {
        out.number(call.retries);
    }
}

/// Adds the calls of a section to the flows that they are of and that are wanted.
pub(super) fn add(
    section: &[u8],
    bucket: &mut Bucket,
    names: &Names,
    is_wanted: &dyn Fn(&FlowKey) -> bool,
) -> Result<(), Damage> {
    let mut input = Reader(section);
    for _ in 0..list(&mut input)? {
        let key = FlowKey { service: names.node(&mut input)?, name: names.symbol(&mut input)? };
        let requests = input.number()?;
        let length = input.count()?;
        let mut lists = Reader(input.bytes(length)?);
        if !is_wanted(&key) {
            continue;
        }
        let flow = bucket.flows.get_mut(&key);
        let flow = flow.ok_or(Damage::Malformed("calls of a flow that is not there"))?;
        let calls = &mut flow.calls;
        calls.requests = calls.requests.saturating_add(requests);
        add_list(&mut lists, &mut calls.calls, |input| names.edge(input))?;
        add_list(&mut lists, &mut calls.joined, |input| names.joined(input))?;
        add_list(&mut lists, &mut calls.arrivals, |input| names.node(input))?;
    }
    Ok(())
}

fn add_list<K: Ord + Hash>(
    input: &mut Reader<'_>,
    list: &mut CallSums<K>,
    key: impl Fn(&mut Reader<'_>) -> Result<K, Damage>,
) -> Result<(), Damage> {
    list.other = list.other.saturating_add(input.number()?);
    for _ in 0..input.count()? {
        let key = key(input)?;
        list.sums.entry(key).or_default().add(&read_call(input)?);
    }
    Ok(())
}

fn read_call(input: &mut Reader<'_>) -> Result<FlowCall, Damage> {
    let bits = input.number()?;
    if bits >= RETRIES << 1 {
        return Err(Damage::Malformed("a call says what no version knows"));
    }
    let mut call = FlowCall::default();
    for (_, count) in call.evidence.iter_mut().enumerate().filter(|(kind, _)| bits & (1 << kind) != 0) {
        *count = input.number()?;
    }
    call.requests = if bits & REQUESTS != 0 { input.number()? } else { call.calls() };
    if bits & ERRORS != 0 {
        for count in [&mut call.caller_errors, &mut call.callee_errors, &mut call.either_errors] {
            *count = input.number()?;
        }
    }
    if bits & KNOWN_SAMPLING != 0 {
        call.known_sampling = input.number()?;
    }
    if bits & LEFT_OUT != 0 {
        call.left_out = input.wide()?;
    }
    if bits & RETRIES != 0 {
        call.retries = input.number()?;
    }
    Ok(call)
}
