//! Sleeping and waking.

use super::*;

fn hibernate() -> Input {
    Input::Hibernate(Reason::new("idle", "nothing to do"))
}

fn asleep() -> Bench {
    let mut bench = Bench::new();
    bench.ready().step(hibernate()).sees(SessionState::Hibernated, &[Effect::Close]);
    bench.step(Input::BrowserEnded).sees(SessionState::Hibernated, &[]);
    assert_eq!(bench.machine.desired, Desired::Running);
    bench
}

#[test]
fn one_that_sleeps_wakes_for_a_message_and_only_once() {
    let mut bench = asleep();
    bench.step(Input::Wake(WakeCause::Message)).sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Wake(WakeCause::Call)).sees(SessionState::Launching, &[]);
    bench.step(Input::Launched).step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
    assert_eq!(bench.machine.woken, Some(WakeCause::Message));
    bench.step(Input::Wake(WakeCause::Call)).sees(SessionState::Ready, &[]);
}

#[test]
fn a_wake_while_the_browser_closes_waits_for_its_end() {
    let mut bench = Bench::new();
    bench.ready().step(hibernate()).step(Input::Wake(WakeCause::Call)).sees(SessionState::Launching, &[]);
    bench.step(Input::BrowserEnded).sees(SessionState::Launching, &[Effect::Launch]);
    // And a sleep while it is launched gives the launch up.
    bench.step(hibernate()).sees(SessionState::Hibernated, &[Effect::AbandonLaunch]);
    bench.step(Input::BrowserEnded).sees(SessionState::Hibernated, &[]);
}

#[test]
fn it_looks_for_what_came_in_every_so_often() {
    let mut bench = asleep();
    assert_eq!(bench.machine.next_deadline_ms(), Some(bench.now_ms + 21_600_000));
    bench.wait_for_deadline().sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Launched).step(Input::Status(can_send()));
    assert_eq!(bench.machine.woken, Some(WakeCause::Visit));
}

#[test]
fn what_is_being_linked_never_sleeps() {
    let mut bench = Bench::new();
    bench.step(Input::Start).step(Input::Launched).step(Input::Qr);
    bench.step(hibernate()).sees(SessionState::AwaitingScan, &[]);
    bench.step(Input::Status(linked())).step(hibernate()).sees(SessionState::Syncing, &[]);
    bench.step(Input::Status(can_send())).step(hibernate()).sees(SessionState::Ready, &[]);
    bench.step(Input::Recycle(Reason::new("recycled", ""))).sees(SessionState::Ready, &[]);
    bench.live(180, &can_send()).step(hibernate()).sees(SessionState::Hibernated, &[Effect::Close]);
    let mut bench = Bench::new();
    bench.step(hibernate()).sees(SessionState::Stopped, &[]);
}

#[test]
fn it_sleeps_on_over_a_restart_of_drover() {
    let mut bench = asleep();
    bench.step(Input::Suspend).sees(SessionState::Hibernated, &[]);
    bench.machine = Machine::resting(Desired::Running, SessionState::Hibernated, bench.machine.reason.take());
    bench.step(Input::Resume).sees(SessionState::Hibernated, &[]);
    assert_eq!(bench.machine.next_deadline_ms(), Some(bench.now_ms + 1_000), "the jitter spreads them");
    bench.step(Input::Start).sees(SessionState::Launching, &[Effect::Launch]);
}

#[test]
fn orders_mean_what_they_mean_for_one_that_is_awake() {
    let mut bench = asleep();
    bench.step(Input::Stop).sees(SessionState::Stopped, &[]);
    bench.step(Input::Wake(WakeCause::Message)).sees(SessionState::Stopped, &[]);
    let mut bench = asleep();
    bench.step(Input::Restart).sees(SessionState::Launching, &[Effect::Launch]);
    let mut bench = asleep();
    bench.step(Input::LogOut).sees(SessionState::LoggedOut, &[Effect::Archive]);
}

#[test]
fn one_that_was_never_started_is_started_by_what_needs_its_page_until_somebody_stops_it() {
    let registered = || Bench {
        machine: Machine::resting(Desired::Stopped, SessionState::Stopped, Some(Reason::not_started())),
        ..Bench::new()
    };
    let mut bench = registered();
    bench.step(Input::Resume).sees(SessionState::Stopped, &[]);
    bench.step(Input::Wake(WakeCause::Visit)).sees(SessionState::Stopped, &[]);
    bench.step(Input::Wake(WakeCause::Message)).sees(SessionState::Launching, &[Effect::Launch]);
    assert_eq!(bench.machine.desired, Desired::Running);
    let mut bench = registered();
    bench.step(Input::Stop).step(Input::Wake(WakeCause::Message)).sees(SessionState::Stopped, &[]);
}

#[test]
fn one_that_is_recycled_three_times_an_hour_is_quarantined() {
    let mut bench = Bench::new();
    bench.ready();
    for _ in 0..2 {
        bench.now_ms += 600_000;
        bench.step(Input::Recycle(Reason::new("recycled", "large"))).sees(SessionState::Launching, &[Effect::Close]);
        bench.step(Input::BrowserEnded).sees(SessionState::Launching, &[Effect::Launch]);
        bench.step(Input::Launched).step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
        assert!(!bench.machine.trouble.quarantined);
    }
    bench.now_ms += 600_000;
    bench.step(Input::Recycle(Reason::new("recycled", "large"))).sees(SessionState::Reconnecting, &[Effect::Close]);
    assert!(bench.machine.trouble.quarantined);
    assert_eq!(bench.reason(), "recycled_too_often");
    bench.step(Input::BrowserEnded).sees(SessionState::Reconnecting, &[]);
    assert_eq!(bench.machine.deadline_ms, Some(bench.now_ms + 600_000));
    bench.wait_for_deadline().sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Launched).step(Input::Status(can_send())).live(3_000, &can_send());
    assert!(!bench.machine.trouble.quarantined, "an hour passed without one");
}
