//! The policy step by step, and what holds whatever comes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules { idle_min_ms: 60_000, idle_hibernate_after_ms: 0, yield_after_ms: 10_000, turn_ms: 60_000 };
const BUDGET: Budget = Budget { bytes: 1_000, warning: 70, critical: 85 };

fn name(number: usize) -> SessionName {
    format!("s{number}").parse().expect("a name")
}

fn idle(number: usize, idle_ms: i64) -> Candidate {
    Candidate {
        name: name(number),
        idle_ms,
        awake_ms: idle_ms + 1_000,
        has_work: false,
        guard: Guard::default(),
        is_visit: false,
    }
}

const RELIEF: Need = Need { relief: true, room: false };
const ROOM: Need = Need { relief: false, room: true };

#[test]
fn a_level_ends_some_way_below_where_it_began() {
    let mut level = Level::Normal;
    for (used, expected) in [
        (699, Level::Normal),
        (700, Level::Warning),
        (660, Level::Warning),
        (850, Level::Critical),
        (801, Level::Critical),
        (799, Level::Warning),
        (849, Level::Warning),
        (649, Level::Normal),
    ] {
        level = BUDGET.level(used, level);
        assert_eq!(level, expected, "{used}");
    }
    assert_eq!(BUDGET.level(0, Level::Critical), Level::Normal);
    let endless = Budget { bytes: u64::MAX, ..BUDGET };
    assert_eq!(endless.level(1 << 40, Level::Normal), Level::Normal);
}

#[test]
fn under_pressure_the_one_idle_longest_sleeps_and_nobody_who_has_just_been_used() {
    let two = [idle(1, 70_000), idle(2, 90_000), idle(3, 59_999)];
    assert_eq!(next_to_sleep(&two, RELIEF, &RULES), Some((name(2), Cause::Pressure)));
    assert_eq!(next_to_sleep(&[idle(3, 59_999)], RELIEF, &RULES), None);
    let works = Candidate { has_work: true, awake_ms: 1 << 40, ..idle(1, 100_000) };
    assert_eq!(next_to_sleep(&[works], RELIEF, &RULES), None);
}

#[test]
fn whoever_waits_for_room_gets_it_from_the_idle_first_and_then_from_who_had_its_turn() {
    let works = |number, awake_ms| Candidate { has_work: true, awake_ms, ..idle(number, 0) };
    let all = [works(1, 80_000), works(2, 70_000), idle(3, 11_000)];
    assert_eq!(next_to_sleep(&all, ROOM, &RULES), Some((name(3), Cause::Room)));
    assert_eq!(next_to_sleep(&all[..2], ROOM, &RULES), Some((name(1), Cause::Turn)));
    assert_eq!(next_to_sleep(&[works(1, 59_999)], ROOM, &RULES), None);
}

#[test]
fn who_looked_for_what_came_in_sleeps_again_and_who_rests_only_if_that_is_wanted() {
    let visits = Candidate { is_visit: true, ..idle(1, 30_000) };
    assert_eq!(next_to_sleep(&[visits], Need::default(), &RULES), Some((name(1), Cause::Visited)));
    let rests = [idle(1, 1_000_000)];
    assert_eq!(next_to_sleep(&rests, Need::default(), &RULES), None);
    let rules = Rules { idle_hibernate_after_ms: 900_000, ..RULES };
    assert_eq!(next_to_sleep(&rests, Need::default(), &rules), Some((name(1), Cause::Idle)));
}

#[test]
fn the_order_shows_who_would_go_first_and_nobody_who_never_does() {
    let pinned = Candidate { guard: Guard { is_pinned: true, ..Guard::default() }, ..idle(1, 1 << 40) };
    let works = Candidate { has_work: true, ..idle(2, 80_000) };
    let all = [pinned, works, idle(3, 30_000), idle(4, 61_000), idle(5, 90_000)];
    assert_eq!(eviction_order(&all, &RULES), [name(5), name(4), name(3), name(2)]);
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (0_usize..50, 0_i64..200_000, 0_i64..200_000, flags).prop_map(|(number, idle_ms, awake_ms, flags)| {
        let (has_work, is_not_up, is_sending, is_pinned, is_visit) = flags;
        let guard = Guard { is_not_up, is_sending, is_pinned };
        Candidate { name: name(number), idle_ms, awake_ms, has_work, guard, is_visit }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nobody_sleeps_who_must_not(
        candidates in proptest::collection::vec(any_candidate(), 0..12),
        relief: bool,
        room: bool,
        idle_hibernate_after_ms in prop_oneof![Just(0_i64), Just(120_000)],
    ) {
        let mut candidates = candidates;
        candidates.sort_by(|one, other| one.name.cmp(&other.name));
        candidates.dedup_by(|one, other| one.name == other.name);
        let rules = Rules { idle_hibernate_after_ms, ..RULES };
        if let Some((chosen, cause)) = next_to_sleep(&candidates, Need { relief, room }, &rules) {
            let chosen = candidates.iter().find(|candidate| candidate.name == chosen).expect("one of them");
            prop_assert!(!chosen.guard.forbids(), "{chosen:?}");
            prop_assert!(chosen.has_work == (cause == Cause::Turn), "{chosen:?} {cause:?}");
            prop_assert!(room || cause != Cause::Turn, "nobody waits for room");
        }
        for shown in eviction_order(&candidates, &rules) {
            let shown = candidates.iter().find(|candidate| candidate.name == shown).expect("one of them");
            prop_assert!(!shown.guard.forbids());
        }
    }

    /// Sessions with more work than they ever finish, and room for some of them: seconds pass, whoever is out and has work waits in
    /// line, whoever makes room goes to its end.
    #[test]
    fn all_get_their_turn(sessions in 2_usize..31, room in 1_usize..8, busy in 1_usize..31) {
        let (room, busy) = (room.min(sessions), busy.min(sessions));
        let mut waiting: std::collections::VecDeque<usize> = (0..sessions).collect();
        let mut awake: BTreeMap<usize, i64> = BTreeMap::new();
        let mut turns = vec![0_u32; sessions];
        for second in 0_i64..4_000 {
            let now_ms = second * 1_000;
            let candidates: Vec<Candidate> = awake
                .iter()
                .map(|(number, since_ms)| {
                    let awake_ms = now_ms - since_ms;
                    // Those after the busy ones have one message, and then nothing.
                    let has_work = *number < busy;
                    Candidate { awake_ms, has_work, ..idle(*number, if has_work { 0 } else { awake_ms }) }
                })
                .collect();
            let need = Need { relief: false, room: awake.len() >= room && !waiting.is_empty() };
            if let Some((chosen, _)) = next_to_sleep(&candidates, need, &RULES) {
                let number: usize = chosen.as_str()[1..].parse().expect("its number");
                awake.remove(&number);
                if number < busy {
                    waiting.push_back(number);
                }
            }
            if awake.len() < room && let Some(number) = waiting.pop_front() {
                awake.insert(number, now_ms);
                turns[number] += 1;
            }
            prop_assert!(awake.len() <= room);
        }
        prop_assert!(turns.iter().all(|turns| *turns >= 1), "{turns:?}");
        if busy > room {
            let of_busy = &turns[..busy];
            let (most, least) = (of_busy.iter().max(), of_busy.iter().min());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{turns:?}");
        }
    }
}
