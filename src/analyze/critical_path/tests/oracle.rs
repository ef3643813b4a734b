//! A second, naive implementation: recursive, millisecond by millisecond, sharing no code with the first.

use proptest::prelude::*;

use crate::analyze::Analyzer;
use crate::config::Config;
use crate::model::time::NANOS_PER_MILLI;
use crate::model::{Span, SpanId, SpanKind, Symbols};

/// A span of the only service, times in milliseconds; the first one is the root.
#[derive(Clone, Debug)]
struct Work {
    parent: usize,
    start: i64,
    end: i64,
    is_error: bool,
}

/// Who had each millisecond of the root.
struct Oracle<'a> {
    works: &'a [Work],
    owners: Vec<usize>,
}

impl Oracle<'_> {
    fn owners(works: &[Work]) -> Vec<usize> {
        let root = &works[0];
        let mut oracle = Oracle { works, owners: vec![usize::MAX; (root.end - root.start) as usize] };
        oracle.explain(0, (root.start, root.end), root.end);
        oracle.owners
    }

    /// Explains the time from `until` back to the start of `idx`, which counts from `start` to `end`.
    fn explain(&mut self, idx: usize, (start, end): (i64, i64), until: i64) {
        let children = self.children(idx, (start, end));
        // One per cent of up to 2 ms is no millisecond; from 100 ms on it is one.
        let jitter = i64::from(end - start >= 100);
        let mut now = until;
        while now > start {
            let ended_now = children.iter().filter(|(_, (begun, ended))| {
                let ended = (*ended).min(until);
                *begun < now && now <= ended && ended <= now + jitter
            });
            match ended_now.max_by_key(|(child, (begun, ended))| (*ended, -begun, -(*child as i64))) {
                Some((child, interval)) => {
                    self.explain(*child, *interval, now);
                    now = interval.0;
                }
                None => {
                    now -= 1;
                    self.owners[(now - self.works[0].start) as usize] = idx;
                }
            }
        }
    }

    /// The children that are waited for, cut to what counts of their parent.
    fn children(&self, idx: usize, (start, end): (i64, i64)) -> Vec<(usize, (i64, i64))> {
        let parent = &self.works[idx];
        let is_waited_for = |child: &Work| {
            let has_failed = parent.is_error || child.is_error;
            let grace = ((parent.end - parent.start) as f64 / 100.0).max(1.0);
            let is_apart = child.end < parent.start || child.start > parent.end;
            !is_apart && (has_failed || (child.end - parent.end) as f64 <= grace)
        };
        let below = (1..self.works.len()).filter(|child| self.works[*child].parent == idx);
        below
            .filter(|child| is_waited_for(&self.works[*child]))
            .map(|child| {
                let begun = self.works[child].start.max(start).min(end);
                (child, (begun, self.works[child].end.min(end).max(begun)))
            })
            .collect()
    }
}

/// The same by the real implementation.
fn owners(works: &[Work]) -> Vec<usize> {
    let at = |ms: i64| ms as u64 * NANOS_PER_MILLI;
    let span = |(idx, work): (usize, &Work)| Span {
        id: SpanId(idx as u64 + 1),
        parent: if idx == 0 { SpanId::NONE } else { SpanId(work.parent as u64 + 1) },
        start: at(work.start),
        end: at(work.end),
        kind: SpanKind::Internal,
        is_error: work.is_error,
        ..Span::default()
    };
    let spans = works.iter().enumerate().map(span).collect();
    let path = Analyzer::new(Symbols::new(100), &Config::default()).critical_path(spans).unwrap();
    let of_section = path.response.iter().flat_map(|section| {
        assert!(section.duration_ns().is_multiple_of(NANOS_PER_MILLI));
        (0..section.duration_ns() / NANOS_PER_MILLI).map(|_| section.span.0 as usize - 1)
    });
    of_section.collect()
}

/// Random works; many end with their parent, or just as a sibling begins, where the rules differ by a millisecond.
fn any_works() -> impl Strategy<Value = Vec<Work>> {
    let child = (any::<usize>(), any::<u16>(), any::<u16>(), 0..4_u8, prop::bool::weighted(0.15));
    (0..250_i64, prop::collection::vec(child, 0..14)).prop_map(|(length, children)| {
        let mut works = vec![Work { parent: 0, start: 1_000, end: 1_000 + length, is_error: false }];
        for (parent, start, length, place, is_error) in children {
            let parent = parent % works.len();
            let Work { start: above, end, .. } = works[parent];
            let sibling = works.iter().skip(1).rfind(|work| work.parent == parent);
            let start = match sibling {
                Some(sibling) if place >= 2 => sibling.end - i64::from(start) % 3,
                _ => above - 2 + i64::from(start) % (end - above + 5),
            };
            let is_to_the_end = place % 2 == 1 && start <= end;
            let length = if is_to_the_end { end - start } else { i64::from(length) % (end - above + 4) };
            works.push(Work { parent, start, end: start + length, is_error });
        }
        works
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn oracle_agrees_on_small_traces(works in any_works()) {
        prop_assert_eq!(owners(&works), Oracle::owners(&works));
    }
}
