//! How a span says that it was sampled (ALGORITHMS 6).
//!
//! First of: `ot=th:` and `ot=p:` in `tracestate`, Honeycomb's `SampleRate`, Jaeger's probabilistic sampler,
//! `sampling.probability`, the operator's configuration; else unknown.
//! Values that make no sense (a probability of 0, `th` that is no hex) count as not given.

use super::raw::{Slots, Value};
use super::semconv::{Key, SAMPLING};
use crate::model::Sampling;

/// OpenTelemetry's thresholds have 14 hex digits; shorter ones are filled with zeros on the right.
const THRESHOLD_DIGITS: usize = 14;
/// `p:63` means a probability of zero, so it says nothing of a span that is there.
const MAX_P: u32 = 62;

/// How the span was sampled, as far as it says so itself or `fallback` does.
#[inline]
pub(super) fn sampling(trace_state: &[u8], attributes: &Slots<'_>, fallback: Sampling) -> Sampling {
    if !trace_state.is_empty()
        && let Some(known) = from_trace_state(trace_state)
    {
        return known;
    }
    if attributes.has(&SAMPLING)
        && let Some(known) = from_attributes(attributes)
    {
        return known;
    }
    fallback
}

/// From the probability with which spans were kept; `None` unless it is over 0 and at most 1.
pub(super) fn from_probability(probability: f64) -> Option<Sampling> {
    if probability > 0.0 { Sampling::from_adjusted_count(1.0 / probability) } else { None }
}

fn from_trace_state(trace_state: &[u8]) -> Option<Sampling> {
    let text = std::str::from_utf8(trace_state).ok()?;
    let ours = text.split(',').find_map(|member| member.trim().strip_prefix("ot="))?;
    let field = |name: &str| ours.split(';').find_map(|field| field.trim().strip_prefix(name));
    field("th:").and_then(from_threshold).or_else(|| field("p:").and_then(from_p))
}

fn from_threshold(digits: &str) -> Option<Sampling> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_hex || digits.is_empty() || digits.len() > THRESHOLD_DIGITS {
        return None;
    }
    let threshold = u64::from_str_radix(digits, 16).ok()?;
    Some(Sampling::from_threshold(threshold << (4 * (THRESHOLD_DIGITS - digits.len()))))
}

fn from_p(digits: &str) -> Option<Sampling> {
    let p = digits.parse::<u32>().ok().filter(|p| *p <= MAX_P)?;
    Sampling::from_adjusted_count((1u64 << p) as f64)
}

fn from_attributes(attributes: &Slots<'_>) -> Option<Sampling> {
    let number = |key| attributes.get(key).number();
    number(Key::SampleRate)
        .and_then(Sampling::from_adjusted_count)
        .or_else(|| {
            let is_probabilistic = attributes.get(Key::SamplerType) == Value::Text(b"probabilistic");
            let of_span = number(Key::SamplerParam).filter(|_| is_probabilistic).and_then(from_probability);
            // Jaeger's samplers decide at the root and tell it on that span alone.
            of_span.map(Sampling::of_whole_trace)
        })
        .or_else(|| number(Key::SamplingProbability).and_then(from_probability))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(trace_state: &str, attributes: &[(Key, Value<'static>)]) -> Option<f64> {
        let mut slots = Slots::new(Default::default());
        for (key, value) in attributes {
            slots.set((*key).into(), *value);
        }
        let sampling = sampling(trace_state.as_bytes(), &slots, Sampling::UNKNOWN);
        sampling.is_known().then(|| (sampling.weight() as f64 / 65536.0 * 1000.0).round() / 1000.0)
    }

    #[test]
    fn trace_state_gives_the_threshold() {
        let table = [
            ("ot=th:c", Some(4.0)),
            ("ot=th:8;rv:0123456789abcd", Some(2.0)),
            ("ot=rv:0123456789abcd;th:0", Some(1.0)),
            ("vendor=x, ot=th:c , b=y", Some(4.0)),
            ("ot=p:3", Some(8.0)),
            ("ot=p:3;th:8", Some(2.0)),
            ("ot=p:63", None),
            ("ot=p:-1", None),
            ("ot=th:", None),
            ("ot=th:+8", None),
            ("ot=th:xyz", None),
            ("ot=th:000000000000000", None),
            ("ot=th:zz;p:1", Some(2.0)),
            ("not=th:8", None),
            ("", None),
        ];
        for (trace_state, expected) in table {
            assert_eq!(weight(trace_state, &[]), expected, "{trace_state}");
        }
    }

    #[test]
    fn the_first_that_speaks_is_believed() {
        let rate = (Key::SampleRate, Value::Int(10));
        let sampler = (Key::SamplerType, Value::Text(b"probabilistic"));
        let param = (Key::SamplerParam, Value::Double(0.25));
        let probability = (Key::SamplingProbability, Value::Text(b"0.5"));
        assert_eq!(weight("ot=th:8", &[rate, sampler, param, probability]), Some(2.0));
        assert_eq!(weight("", &[rate, sampler, param, probability]), Some(10.0));
        assert_eq!(weight("", &[sampler, param, probability]), Some(4.0));
        assert_eq!(weight("", &[param, probability]), Some(2.0));
        assert_eq!(weight("", &[(Key::SamplerType, Value::Text(b"ratelimiting")), param]), None);
        assert_eq!(weight("", &[(Key::SampleRate, Value::Int(0)), probability]), Some(2.0));
        assert_eq!(weight("", &[(Key::SamplingProbability, Value::Double(0.0))]), None);
        assert_eq!(weight("", &[(Key::SamplingProbability, Value::Double(f64::NAN))]), None);
    }

    #[test]
    fn only_what_the_root_decided_holds_for_the_trace() {
        let mut slots = Slots::new(Default::default());
        slots.set(Key::SamplingProbability.into(), Value::Double(0.5));
        assert!(!sampling(b"", &slots, Sampling::UNKNOWN).is_of_whole_trace());
        slots.set(Key::SamplerType.into(), Value::Text(b"probabilistic"));
        slots.set(Key::SamplerParam.into(), Value::Double(0.25));
        assert!(sampling(b"", &slots, Sampling::UNKNOWN).is_of_whole_trace());
        assert!(!sampling(b"ot=th:8", &slots, Sampling::UNKNOWN).is_of_whole_trace());
    }

    #[test]
    fn the_operator_speaks_last() {
        let tenth = from_probability(0.1).unwrap();
        assert_eq!(sampling(b"", &Slots::new(Default::default()), tenth), tenth);
        assert_eq!(sampling(b"ot=th:0", &Slots::new(Default::default()), tenth), Sampling::ALL);
    }
}
