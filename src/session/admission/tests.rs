//! The policy step by step, and what holds whatever comes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    starts: 2,
    memory_per_start_bytes: 200,
    memory_reserve_bytes: 100,
    tasks_per_start: 50,
    spacing_ms: 10,
    hold_ms: 1_000,
    link_ms: 5_000,
    history_ms: 3_000,
};

const PLENTY: Headroom = Headroom { memory_bytes: None, tasks: None };

fn why(verdict: Verdict) -> Option<Wait> {
    match verdict {
        Verdict::Go => None,
        Verdict::Wait { why, .. } => Some(why),
    }
}

#[test]
fn places_are_given_in_order_spaced_and_given_back() {
    let mut admission = Admission::new(LIMITS);
    let [a, b, c] = std::array::from_fn(|_| admission.join(Priority::Background));
    assert_eq!(why(admission.ask(b, 0, PLENTY, true)), Some(Wait::Turn));
    assert_eq!(admission.ask(a, 0, PLENTY, true), Verdict::Go);
    assert_eq!(admission.ask(b, 5, PLENTY, true), Verdict::Wait { why: Wait::Turn, again_at_ms: 10 });
    assert_eq!(admission.ask(b, 10, PLENTY, true), Verdict::Go);
    assert_eq!(admission.ask(c, 50, PLENTY, true), Verdict::Wait { why: Wait::Turn, again_at_ms: 1_000 });
    admission.leave(a);
    assert_eq!(admission.ask(c, 60, PLENTY, true), Verdict::Go);
}

#[test]
fn one_that_hangs_holds_its_place_for_so_long_only() {
    let mut admission = Admission::new(Limits { starts: 1, ..LIMITS });
    let [stuck, next] = std::array::from_fn(|_| admission.join(Priority::Background));
    assert_eq!(admission.ask(stuck, 0, PLENTY, true), Verdict::Go);
    assert_eq!(why(admission.ask(next, 999, PLENTY, true)), Some(Wait::Turn));
    assert_eq!(admission.ask(next, 1_000, PLENTY, true), Verdict::Go);
}

#[test]
fn an_operator_comes_first_but_not_twice_past_the_same() {
    let mut admission = Admission::new(Limits { starts: 9, spacing_ms: 0, ..LIMITS });
    let background = admission.join(Priority::Background);
    let [first, second] = std::array::from_fn(|_| admission.join(Priority::Operator));
    assert_eq!(why(admission.ask(background, 0, PLENTY, true)), Some(Wait::Turn));
    assert_eq!(admission.ask(first, 0, PLENTY, true), Verdict::Go);
    assert_eq!(why(admission.ask(second, 0, PLENTY, true)), Some(Wait::Turn));
    assert_eq!(admission.ask(background, 0, PLENTY, true), Verdict::Go);
    assert_eq!(admission.ask(second, 0, PLENTY, true), Verdict::Go);
}

#[test]
fn what_is_short_is_named_and_starts_under_way_count() {
    let mut admission = Admission::new(Limits { spacing_ms: 0, ..LIMITS });
    let [a, b] = std::array::from_fn(|_| admission.join(Priority::Background));
    let memory = |bytes| Headroom { memory_bytes: Some(bytes), ..PLENTY };
    let tasks = |count| Headroom { tasks: Some(count), ..PLENTY };
    assert_eq!(why(admission.ask(a, 0, memory(299), true)), Some(Wait::Memory));
    assert_eq!(why(admission.ask(a, 0, tasks(49), true)), Some(Wait::Tasks));
    assert_eq!(admission.ask(a, 0, memory(300), true), Verdict::Go);
    assert_eq!(why(admission.ask(b, 0, memory(499), true)), Some(Wait::Memory));
    assert_eq!(why(admission.ask(b, 0, tasks(99), true)), Some(Wait::Tasks));
    assert_eq!(admission.ask(b, 0, tasks(100), true), Verdict::Go);
}

#[test]
fn pages_that_were_just_linked_take_places_and_go_before_all() {
    let mut admission = Admission::new(Limits { spacing_ms: 0, ..LIMITS });
    let [a, b] = std::array::from_fn(|_| admission.join(Priority::Operator));
    let linked = admission.link(0);
    assert_eq!(admission.ask(a, 0, PLENTY, true), Verdict::Go);
    assert_eq!(why(admission.ask(b, 0, PLENTY, true)), Some(Wait::Linking));
    admission.leave(linked);
    assert_eq!(admission.ask(b, 0, PLENTY, true), Verdict::Go);
    // More of them than places: everybody else waits, at the longest until they have unlinked themselves.
    let _linked: [Ticket; 3] = std::array::from_fn(|_| admission.link(1_000));
    let c = admission.join(Priority::Operator);
    assert_eq!(why(admission.ask(c, 2_000, PLENTY, true)), Some(Wait::Linking));
    assert_eq!(admission.ask(c, 6_000, PLENTY, true), Verdict::Go);
}

#[test]
fn pages_that_bring_in_their_history_leave_one_start_at_a_time() {
    let mut admission = Admission::new(Limits { spacing_ms: 0, starts: 3, ..LIMITS });
    let [a, b, c] = std::array::from_fn(|_| admission.join(Priority::Operator));
    let [one, _two, _three] = std::array::from_fn(|_| admission.bring_in_history(0));
    assert_eq!(admission.ask(a, 0, PLENTY, true), Verdict::Go);
    assert_eq!(why(admission.ask(b, 0, PLENTY, true)), Some(Wait::Linking));
    admission.leave(a);
    assert_eq!(admission.ask(b, 0, PLENTY, true), Verdict::Go, "the next one");
    admission.leave(one);
    assert_eq!(why(admission.ask(c, 1, PLENTY, true)), Some(Wait::Linking));
    assert_eq!(admission.ask(c, 3_000, PLENTY, true), Verdict::Go, "they are over");
    // Beside one that was just linked.
    let mut admission = Admission::new(Limits { spacing_ms: 0, starts: 1, ..LIMITS });
    let a = admission.join(Priority::Operator);
    admission.bring_in_history(0);
    let linking = admission.link(0);
    assert_eq!(why(admission.ask(a, 0, PLENTY, true)), Some(Wait::Linking));
    admission.leave(linking);
    assert_eq!(admission.ask(a, 0, PLENTY, true), Verdict::Go);
}

#[derive(Debug, Clone)]
enum Step {
    Join(bool),
    Link,
    BringIn,
    /// Ask with this much left.
    Ask(usize, u64, u64),
    Leave(usize),
    Pass(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(Step::Join),
        Just(Step::Link),
        Just(Step::BringIn),
        (0usize..8, 0u64..1_500, 0u64..300).prop_map(|(who, memory, tasks)| Step::Ask(who, memory, tasks)),
        (0usize..8).prop_map(Step::Leave),
        (0i64..2_000).prop_map(Step::Pass),
    ]
}

fn priority(is_operator: bool) -> Priority {
    if is_operator { Priority::Operator } else { Priority::Background }
}

proptest! {
    #[test]
    fn never_above_the_limits(steps in prop::collection::vec(any_step(), 0..80)) {
        let mut admission = Admission::new(LIMITS);
        let (mut now_ms, mut known, mut starts) = (0, Vec::new(), Vec::<(Ticket, i64)>::new());
        for step in steps {
            match step {
                Step::Join(is_operator) => known.push(admission.join(priority(is_operator))),
                Step::Link => known.push(admission.link(now_ms)),
                Step::BringIn => known.push(admission.bring_in_history(now_ms)),
                Step::Pass(ms) => now_ms += ms,
                Step::Leave(who) if who < known.len() => {
                    let ticket = known.swap_remove(who);
                    admission.leave(ticket);
                    starts.retain(|(started, _)| *started != ticket);
                }
                Step::Ask(who, memory, tasks) if who < known.len() => {
                    let left = Headroom { memory_bytes: Some(memory), tasks: Some(tasks) };
                    match admission.ask(known[who], now_ms, left, true) {
                        Verdict::Go => {
                            starts.push((known[who], now_ms));
                            starts.retain(|(_, at_ms)| at_ms + LIMITS.hold_ms > now_ms);
                            let under_way = u64::try_from(starts.len()).unwrap();
                            prop_assert!(starts.len() <= LIMITS.starts);
                            prop_assert!(memory >= under_way * LIMITS.memory_per_start_bytes + LIMITS.memory_reserve_bytes);
                            prop_assert!(tasks >= under_way * LIMITS.tasks_per_start);
                        }
                        Verdict::Wait { again_at_ms, .. } => prop_assert!(again_at_ms > now_ms),
                    }
                }
                _ => {}
            }
        }
    }

    /// However they come: all start, each once, none later than twice its place in the queue.
    #[test]
    fn nobody_starves(queue in prop::collection::vec(any::<bool>(), 1..40), late in 0usize..20, histories in 0usize..4) {
        let mut admission = Admission::new(LIMITS);
        for _ in 0..histories {
            admission.bring_in_history(0);
        }
        let mut waiting: Vec<Ticket> = queue.iter().map(|is_operator| admission.join(priority(*is_operator))).collect();
        let first = waiting.clone();
        let (mut now_ms, mut order) = (0, Vec::new());
        let mut to_come = late;
        while !waiting.is_empty() {
            now_ms += 1_000;
            // Operators that keep coming.
            if to_come > 0 {
                to_come -= 1;
                waiting.push(admission.join(Priority::Operator));
            }
            let started: Vec<Ticket> =
                waiting.iter().copied().filter(|ticket| admission.ask(*ticket, now_ms, PLENTY, true) == Verdict::Go).collect();
            prop_assert!(!started.is_empty(), "places come back by themselves");
            waiting.retain(|ticket| !started.contains(ticket));
            order.extend(started);
        }
        prop_assert_eq!(order.iter().map(|ticket| ticket.0).collect::<BTreeSet<_>>().len(), queue.len() + late);
        for (place, ticket) in first.iter().enumerate() {
            let at = order.iter().position(|started| started == ticket).unwrap();
            prop_assert!(at <= 2 * place + 1, "number {} started as number {}", place, at);
        }
    }
}

#[test]
fn without_room_in_the_budget_nobody_passes_the_one_whose_turn_it_is() {
    let mut admission = Admission::new(Limits { spacing_ms: 0, ..LIMITS });
    let [large, small] = std::array::from_fn(|_| admission.join(Priority::Background));
    assert_eq!(why(admission.ask(large, 0, PLENTY, false)), Some(Wait::Budget));
    assert_eq!(why(admission.ask(small, 0, PLENTY, true)), Some(Wait::Turn));
    assert_eq!(why(admission.ask(small, 0, PLENTY, false)), Some(Wait::Budget), "that is what it waits for, too");
    assert_eq!(admission.ask(large, 0, PLENTY, true), Verdict::Go);
    assert_eq!(admission.ask(small, 0, PLENTY, true), Verdict::Go);
}
