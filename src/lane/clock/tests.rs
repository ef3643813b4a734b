//! The guard against wrong clocks, record by record.

use proptest::prelude::*;

use super::*;

const JUMP_MS: LogMillis = CLOCK_TOLERANCE_MS;
/// A local clock that no time of these tests is ahead of.
const LATER: LogMillis = LogMillis::MAX / 2;

/// Log times of all records that are not held back, in order.
fn stamps(clock: &mut InputClock, times: &[LogMillis]) -> Vec<LogMillis> {
    let mut found = Vec::new();
    for at in times {
        let observed = clock.observe(RecordTime::Create(*at), LATER);
        found.extend(observed.released.iter().chain(&observed.own).map(|stamp| stamp.at));
    }
    found
}

fn own(observed: Observed) -> Stamp {
    observed.own.unwrap()
}

#[test]
fn time_never_runs_back() {
    let mut clock = InputClock::default();
    assert_eq!(stamps(&mut clock, &[1000, 900, 1100]), [1000, 1000, 1100]);
    assert_eq!(own(clock.observe(RecordTime::Missing, LATER)).at, 1100);
}

#[test]
fn a_jump_is_held_until_three_agree_and_then_they_count_at_their_own_times() {
    let far = 1000 + 2 * JUMP_MS;
    let mut clock = InputClock::default();
    assert_eq!(stamps(&mut clock, &[1000, far, far + 1]), [1000]);
    assert_eq!(clock.now(), Some(1000), "nobody is told of a time that is not believed");
    assert_eq!(stamps(&mut clock, &[far + 2, far + 3]), [far, far + 1, far + 2, far + 3]);
}

#[test]
fn a_refuted_jump_counts_at_the_time_before_it() {
    let far = 1000 + 2 * JUMP_MS;
    let mut clock = InputClock::default();
    stamps(&mut clock, &[1000, far, far]);
    let observed = clock.observe(RecordTime::Create(1001), LATER);
    let ahead = far - 1000;
    assert!(
        observed.released.iter().all(|stamp| (stamp.at, stamp.ahead) == (1000, ahead) && stamp.is_refuted)
    );
    assert_eq!(observed.released.len(), 2);
    let expected = Stamp { at: 1001, newest: Some(1001), is_reproducible: true, ..Stamp::default() };
    assert_eq!(own(observed), expected);
    assert_eq!(stamps(&mut clock, &[far, 3 * far, 1002]), [1001, 1001, 1002], "two that do not agree");
}

#[test]
fn records_that_are_far_apart_are_no_wrong_clocks() {
    let mut clock = InputClock::default();
    let times = [1000, 1000 + 2 * JUMP_MS, 1000 + 4 * JUMP_MS, 1000 + 6 * JUMP_MS, 1001 + 6 * JUMP_MS];
    assert_eq!(stamps(&mut clock, &times), times, "a replay of a quiet topic reads them without pauses");
}

#[test]
fn what_a_local_clock_decided_is_marked() {
    let far = 1000 + 2 * JUMP_MS;
    let mut clock = InputClock::resumed(Some(1000));
    assert!(own(clock.observe(RecordTime::Create(1500), LATER)).is_reproducible);
    stamps(&mut clock, &[far]);
    assert!(!clock.stand(far + 1000)[0].is_reproducible);
    let behind = own(clock.observe(RecordTime::Create(far + 1), LATER));
    assert_eq!((behind.at, behind.newest, behind.is_reproducible), (far + 1000, Some(far + 1), false));
    assert!(own(clock.observe(RecordTime::Create(far + 1001), LATER)).is_reproducible);
}

#[test]
fn the_brokers_time_is_believed() {
    let mut clock = InputClock::default();
    clock.observe(RecordTime::LogAppend(1000), LATER);
    let at = 1000 + 10 * JUMP_MS;
    assert_eq!(own(clock.observe(RecordTime::LogAppend(at), LATER)).at, at);
}

#[test]
fn a_record_behind_the_promise_counts_at_it() {
    let mut clock = InputClock::default();
    clock.observe(RecordTime::Create(1000), LATER);
    clock.stand(5000);
    let stamp = own(clock.observe(RecordTime::Create(2000), LATER));
    assert_eq!((stamp.at, stamp.is_behind), (5000, true));
    assert_eq!(own(clock.observe(RecordTime::Create(6000), LATER)).at, 6000);
    clock.stand(4000);
    assert_eq!(clock.now(), Some(6000), "a promise is never taken back");
}

#[test]
fn at_the_end_of_the_log_the_local_clock_decides_on_what_is_held() {
    let far = 1000 + 2 * JUMP_MS;
    let mut clock = InputClock::default();
    stamps(&mut clock, &[1000, far]);
    assert_eq!(clock.stand(far + 1000)[0].at, far);
    stamps(&mut clock, &[3 * far]);
    let refuted = clock.stand(far + 2000)[0];
    assert_eq!((refuted.at, refuted.is_refuted), (far + 1000, true));
    assert_eq!(own(clock.observe(RecordTime::Create(far + 3000), LATER)).at, far + 3000);
}

/// What becomes of records while the local clock says `now`: (log time, is refuted), in order.
fn told(clock: &mut InputClock, times: &[LogMillis], now: LogMillis) -> Vec<(LogMillis, bool)> {
    let observe = |at: &LogMillis| {
        let observed = clock.observe(RecordTime::Create(*at), now);
        observed.released.into_iter().chain(observed.own)
    };
    times.iter().flat_map(observe).map(|stamp| (stamp.at, stamp.is_refuted)).collect()
}

#[test]
fn a_time_in_the_future_is_refuted_however_many_agree() {
    let now = 5000;
    let wrong = now + JUMP_MS + 1;
    let mut clock = InputClock::default();
    let times = [4000, wrong, wrong, wrong, wrong, 4500, wrong, now + JUMP_MS];
    let expected = [4000, 4000, 4000, 4000, 4000, 4500, 4500, now + JUMP_MS];
    let refuted = [false, true, true, true, true, false, true, false];
    let found = told(&mut clock, &times, now);
    // The last is as far ahead as clocks may differ, and so no more than that from 4500: it is a jump and held back.
    assert_eq!(found, expected[..7].iter().copied().zip(refuted).collect::<Vec<_>>());
    let stamp = clock.observe(RecordTime::Create(4600), now).released[0];
    assert_eq!((stamp.at, stamp.is_reproducible), (4500, true), "the log alone refuted this one");
}

#[test]
fn what_the_local_clock_refutes_is_marked_and_says_how_far_it_was_ahead() {
    let mut clock = InputClock::resumed(Some(4000));
    let stamp = own(clock.observe(RecordTime::Create(3 * JUMP_MS), 5000));
    let expected = Stamp {
        at: 4000,
        is_refuted: true,
        ahead: 3 * JUMP_MS - 4000,
        newest: Some(4000),
        ..Stamp::default()
    };
    assert_eq!(stamp, expected);
    clock.stand(4500);
    let stamp = own(clock.observe(RecordTime::Create(3 * JUMP_MS), 5000));
    assert_eq!(
        (stamp.at, stamp.newest, stamp.is_behind),
        (4500, Some(4000), false),
        "lanes were promised 4500"
    );
}

#[test]
fn the_brokers_time_is_believed_against_the_local_clock() {
    let mut clock = InputClock::resumed(Some(4000));
    let stamp = own(clock.observe(RecordTime::LogAppend(9 * JUMP_MS), 5000));
    assert_eq!((stamp.at, stamp.is_refuted, stamp.is_reproducible), (9 * JUMP_MS, false, true));
}

#[test]
fn a_first_time_in_the_future_counts_with_the_first_that_is_believed() {
    let (now, wrong) = (100 * JUMP_MS, 200 * JUMP_MS);
    let mut clock = InputClock::default();
    assert_eq!(told(&mut clock, &[wrong, wrong + 1, wrong + 2, wrong], now), []);
    assert_eq!(clock.now(), None, "an old log goes on with an old time");
    let observed = clock.observe(RecordTime::Create(1000), now);
    let expected = Stamp { at: 1000, is_refuted: true, ahead: wrong - 1000, ..Stamp::default() };
    assert_eq!((observed.released.len(), observed.released[0]), (4, expected));
    let stamp = observed.own.unwrap();
    assert_eq!((stamp.at, stamp.newest, stamp.is_reproducible), (1000, Some(1000), true));
}

#[test]
fn a_log_with_nothing_but_times_in_the_future_counts_as_of_now() {
    let (now, wrong) = (1000, 2 * JUMP_MS);
    let mut stood = InputClock::default();
    assert_eq!(told(&mut stood, &[wrong, wrong], now), []);
    let stamps = stood.stand(900);
    assert!(stamps.iter().all(|stamp| (stamp.at, stamp.newest, stamp.is_refuted) == (900, None, true)));
    assert_eq!((stamps.len(), stood.now()), (2, Some(900)));
    assert_eq!(told(&mut stood, &[wrong], now), [(900, true)]);

    let mut busy = InputClock::default();
    let found = told(&mut busy, &[wrong; MAX_HELD + 5], now);
    assert_eq!(found, [(now, true); MAX_HELD + 5], "so many are not kept in memory");
    assert_eq!(busy.now(), Some(now));
}

#[test]
fn a_time_in_the_future_waits_behind_those_held_back_before_it() {
    let (now, wrong) = (100 * JUMP_MS, 200 * JUMP_MS);
    let far = 1000 + 2 * JUMP_MS;
    let mut clock = InputClock::resumed(Some(1000));
    let found = told(&mut clock, &[far, wrong, far + 1, wrong, far + 2], now);
    let expected = [(far, false), (far, true), (far + 1, false), (far + 1, true), (far + 2, false)];
    assert_eq!(found, expected);
    let further = far + 3 * JUMP_MS;
    assert_eq!(
        told(&mut clock, &[further, wrong, far + 3], now),
        [(far + 2, true), (far + 2, true), (far + 3, false)]
    );
    // Nobody agrees or disagrees for long: the one that is held back is not believed.
    let mut times = vec![wrong; MAX_HELD];
    times.insert(0, further);
    let found = told(&mut clock, &times, now);
    assert_eq!(found, vec![(far + 3, true); MAX_HELD + 1]);
}

#[test]
fn brokers_times_after_producers_settle_what_is_held_back() {
    let (now, wrong, jump) = (100 * JUMP_MS, 200 * JUMP_MS, 5 * JUMP_MS);
    for (broker, is_believed) in [(4 * JUMP_MS, true), (4 * JUMP_MS - 1, false)] {
        let mut clock = InputClock::resumed(Some(1000));
        told(&mut clock, &[jump, wrong], now);
        let observed = clock.observe(RecordTime::LogAppend(broker), now);
        let refuted: Vec<bool> = observed.released.iter().map(|stamp| stamp.is_refuted).collect();
        assert_eq!(refuted, [!is_believed, true]);
        assert_eq!(own(observed).at, if is_believed { jump } else { broker });
    }
}

proptest! {
    /// Whatever else happens, times in the future change nothing for the others, and nobody's order.
    #[test]
    fn times_in_the_future_change_nothing_for_the_others(
        steps in proptest::collection::vec((0..40u32, -3..12i64, any::<bool>()), 1..200),
    ) {
        let now = 10_000 * JUMP_MS;
        let (mut without, mut with) = (InputClock::default(), InputClock::default());
        let (mut expected, mut found, mut in_future) = (Vec::new(), Vec::new(), 0);
        let mut at = 500 * JUMP_MS;
        for (dice, step, is_in_future) in steps {
            if dice == 0 {
                at += JUMP_MS;
                expected.extend(without.stand(at));
                found.extend(with.stand(at));
                continue;
            }
            if is_in_future && with.now().is_some() {
                in_future += 1;
                let observed = with.observe(RecordTime::Create(now + JUMP_MS * (2 + step.abs())), now);
                found.extend(observed.released.into_iter().chain(observed.own));
            }
            at += step * JUMP_MS / 4;
            for (clock, stamps) in [(&mut without, &mut expected), (&mut with, &mut found)] {
                let observed = clock.observe(RecordTime::Create(at), now);
                stamps.extend(observed.released.into_iter().chain(observed.own));
            }
            prop_assert_eq!(without.now(), with.now());
        }
        expected.extend(without.stand(at));
        found.extend(with.stand(at));
        prop_assert!(found.is_sorted_by_key(|stamp| stamp.at));
        let refuted = |stamps: &[Stamp]| stamps.iter().filter(|stamp| stamp.is_refuted).count();
        prop_assert_eq!(refuted(&found), refuted(&expected) + in_future);
        found.retain(|stamp| !(stamp.is_refuted && stamp.ahead > 0 && stamp.at + stamp.ahead > now + JUMP_MS));
        prop_assert_eq!(found, expected);
    }
}
