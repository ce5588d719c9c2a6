//! The watchdog's deadlines, and what follows from each kind of trouble.

use super::*;

#[test]
fn a_stream_that_ended_costs_a_reload_and_then_the_browser() {
    let mut bench = Bench::new();
    bench.ready().step(Input::Status(replaced())).sees(SessionState::Reconnecting, &[]);
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
    bench.step(Input::Status(replaced())).live(15, &replaced()).sees(SessionState::Loading, &[Effect::Reload]);
    assert_eq!(bench.reason(), "conflict");
    bench.step(Input::Status(linked())).sees(SessionState::Syncing, &[]);
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
    bench.step(Input::Status(replaced())).live(15, &replaced()).sees(SessionState::Loading, &[Effect::Reload]);
    bench.step(Input::ReloadFailed(Reason::new("reload_failed", "it hangs")));
    bench.sees(SessionState::Reconnecting, &[Effect::Kill]);
}

#[test]
fn a_page_that_tries_by_itself_is_left_to_try_for_longer() {
    let mut bench = Bench::new();
    bench.ready().step(Input::Status(replaced())).live(9, &replaced());
    bench.live(168, &reconnects()).sees(SessionState::Reconnecting, &[]);
    assert_eq!(bench.reason(), "socket_lost");
    bench.live(9, &reconnects()).sees(SessionState::Loading, &[Effect::Reload]);
    // The server still refuses: the page that was loaded anew tries as long again.
    bench.step(Input::Status(reconnects())).live(177, &reconnects()).sees(SessionState::Syncing, &[]);
    bench.live(9, &reconnects()).sees(SessionState::Reconnecting, &[Effect::KillAfterScreenshot]);
    assert_eq!((bench.reason(), bench.machine.trouble.attempts), ("never_ready", 1));
}

#[test]
fn a_kept_login_that_never_gets_ready_has_a_shorter_deadline() {
    let mut bench = Bench::new();
    bench.step(Input::Start).step(Input::Launched).step(Input::Status(linked()));
    bench.live(117, &linked()).sees(SessionState::Syncing, &[]);
    bench.live(9, &linked()).sees(SessionState::Reconnecting, &[Effect::KillAfterScreenshot]);
    assert_eq!(bench.reason(), "never_ready");
}

#[test]
fn a_page_that_hangs_is_restarted_at_its_deadline() {
    let mut bench = Bench::new();
    bench.ready();
    bench.now_ms += 6_000;
    bench.step(Input::Answer(can_send()));
    assert_eq!(bench.machine.next_deadline_ms(), Some(bench.now_ms + 12_000));
    bench.wait_for_deadline().sees(SessionState::Reconnecting, &[Effect::Kill]);
    assert_eq!(bench.reason(), "page_hung");
}

#[test]
fn a_drover_that_stood_still_asks_before_it_judges() {
    let mut bench = Bench::new();
    bench.ready().step(Input::Sends { waiting_since_ms: Some(1_000), is_acked: false });
    bench.now_ms += 3_600_000;
    bench.step(Input::Tick).sees(SessionState::Ready, &[]);
    assert_eq!(bench.machine.signals.page_due_ms, Some(bench.now_ms + 12_000));
    assert_eq!(bench.machine.signals.acks_due_ms, Some(bench.now_ms + 45_000));
    bench.wait_for_deadline().sees(SessionState::Reconnecting, &[Effect::Kill]);
}

#[test]
fn a_page_that_loads_or_syncs_may_be_slow() {
    let mut bench = Bench::new();
    bench.step(Input::Start).step(Input::Launched).step(Input::Status(linked()));
    bench.now_ms += 59_000;
    bench.step(Input::Tick).sees(SessionState::Syncing, &[]);
    bench.now_ms += 1_000;
    bench.step(Input::Tick).sees(SessionState::Reconnecting, &[Effect::Kill]);
}

#[test]
fn a_page_that_brings_in_the_history_may_be_slow_and_is_not_restarted_for_acks() {
    let mut bench = Bench::new();
    bench.step(Input::Start).step(Input::Launched).step(Input::Qr).step(Input::Status(linked()));
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[Effect::KeepLogin]);
    assert_eq!(bench.machine.signals.page_due_ms, Some(bench.now_ms + 180_000));
    let waiting_since_ms = Some(bench.now_ms);
    bench.step(Input::Sends { waiting_since_ms, is_acked: false });
    bench.live(177, &can_send()).sees(SessionState::Ready, &[]);
    bench.live(9, &can_send()).sees(SessionState::Loading, &[Effect::Reload]);
}

#[test]
fn a_page_that_hangs_while_it_brings_in_the_history_is_restarted_only_after_that() {
    let mut bench = Bench::new();
    bench.step(Input::Start).step(Input::Launched).step(Input::Qr).step(Input::Status(linked()));
    bench.step(Input::Status(can_send())).live(30, &can_send());
    for _ in 0..149 {
        bench.now_ms += 1_000;
        bench.step(Input::Tick).sees(SessionState::Ready, &[]);
    }
    bench.now_ms += 1_000;
    bench.step(Input::Tick).sees(SessionState::Reconnecting, &[Effect::Kill]);
    assert_eq!(bench.reason(), "page_hung");
}

#[test]
fn a_page_in_which_whatsapp_web_went_away_has_to_load_again() {
    let mut bench = Bench::new();
    let unreadable = || Input::Unreadable(Reason::new("page_unreadable", "it navigated"));
    bench.ready().step(unreadable()).sees(SessionState::Loading, &[]);
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
    bench.step(unreadable());
    for _ in 0..9 {
        bench.now_ms += 3_000;
        bench.step(unreadable()).sees(SessionState::Loading, &[]);
    }
    bench.wait_for_deadline().sees(SessionState::Reconnecting, &[Effect::KillAfterScreenshot]);
    assert_eq!(bench.reason(), "load_timeout");
}

#[test]
fn sends_that_nobody_acknowledges_cost_readiness_and_more_each_time() {
    let mut bench = Bench::new();
    bench.ready();
    let send = |bench: &mut Bench| {
        let waiting_since_ms = Some(bench.now_ms);
        bench.step(Input::Sends { waiting_since_ms, is_acked: false }).live(42, &can_send());
        bench.sees(SessionState::Ready, &[]);
        bench.live(3, &can_send());
    };
    send(&mut bench);
    bench.sees(SessionState::Loading, &[Effect::Reload]);
    assert_eq!(bench.reason(), "no_acks");
    for attempt in 1..=3 {
        bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
        send(&mut bench);
        bench.sees(SessionState::Reconnecting, &[Effect::Kill]);
        assert_eq!(bench.machine.trouble.attempts, attempt, "being ready is not believed any more");
        bench.step(Input::BrowserEnded).wait_for_deadline().step(Input::Launched);
    }
    bench.step(Input::Status(can_send()));
    send(&mut bench);
    bench.sees(SessionState::Failed, &[Effect::KillAfterScreenshot]);
    assert_eq!(bench.machine.trouble.given_up, GivenUp::Spent);
    bench.step(Input::BrowserEnded).wait_for_deadline().step(Input::Launched).step(Input::Status(can_send()));
    assert_eq!(bench.machine.trouble.given_up, GivenUp::Spent, "not yet proven");
    bench.step(Input::Sends { waiting_since_ms: None, is_acked: true });
    assert_eq!((bench.machine.trouble.given_up, bench.machine.trouble.attempts), (GivenUp::No, 0));
}

#[test]
fn a_send_counts_from_when_it_could_go() {
    let mut bench = Bench::new();
    bench.ready().step(Input::Sends { waiting_since_ms: Some(1_000), is_acked: false });
    bench.step(Input::Status(reconnects()));
    assert_eq!(bench.machine.signals.acks_due_ms, None, "without a socket nothing is owed");
    bench.now_ms += 10_000;
    bench.step(Input::Status(can_send()));
    assert_eq!(bench.machine.signals.acks_due_ms, Some(bench.now_ms + 45_000));
    bench.step(gone()).step(Input::BrowserEnded).wait_for_deadline().step(Input::Launched);
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
    assert_eq!(bench.machine.signals.acks_due_ms, None, "another page was told nothing yet");
    let waiting_since_ms = Some(bench.now_ms);
    bench.step(Input::Sends { waiting_since_ms, is_acked: false });
    bench.step(Input::Sends { waiting_since_ms: None, is_acked: true });
    assert_eq!(bench.machine.signals.acks_due_ms, None);
}

#[test]
fn one_that_crashes_too_often_is_quarantined_until_an_hour_passes_or_somebody_restarts_it() {
    let crashed = || {
        let mut bench = Bench::new();
        bench.ready();
        for _ in 0..4 {
            assert!(!bench.machine.trouble.quarantined);
            bench.step(gone()).step(Input::BrowserEnded);
            let is_last = bench.machine.trouble.quarantined;
            if !is_last {
                bench.wait_for_deadline().step(Input::Launched).step(Input::Status(can_send()));
            }
        }
        assert!(bench.machine.trouble.quarantined);
        bench
    };
    let mut bench = crashed();
    assert_eq!(bench.machine.deadline_ms, Some(bench.now_ms + 600_000));
    bench.wait_for_deadline().sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Launched).step(Input::Status(can_send()));
    assert!(bench.machine.trouble.quarantined, "being ready is not enough");
    bench.live(3_600, &can_send());
    assert!(!bench.machine.trouble.quarantined);

    let mut bench = crashed();
    bench.step(Input::Start).sees(SessionState::Launching, &[Effect::Launch]);
    assert!(!bench.machine.trouble.quarantined);
}

#[test]
fn a_network_that_is_down_is_no_crash() {
    let mut bench = Bench::new();
    bench.ready().step(Input::Gone(Reason::new("navigation_failed", "no DNS")));
    assert_eq!((bench.machine.trouble.crashes_ms.len(), bench.machine.trouble.attempts), (0, 1));
}

#[test]
fn what_is_permanent_waits_for_a_person_and_keeps_a_picture() {
    let blocked = Snapshot { state: SocketState::TosBlock, ..can_send() };
    let by_mode = Snapshot { mode: StreamMode::SmbTosBlock, ..linked() };
    let deprecated = Snapshot { mode: StreamMode::DeprecatedVersion, ..can_send() };
    for (snapshot, code) in [(blocked, "banned"), (by_mode, "banned"), (deprecated, "deprecated_version")] {
        let mut bench = Bench::new();
        bench.ready().step(Input::Status(snapshot)).sees(SessionState::Failed, &[Effect::KillAfterScreenshot]);
        assert_eq!((bench.reason(), bench.machine.trouble.given_up), (code, GivenUp::Fatal));
        bench.step(Input::BrowserEnded).sees(SessionState::Failed, &[]);
        assert_eq!(bench.machine.next_deadline_ms(), None, "no retry helps");
        bench.step(Input::Start).sees(SessionState::Launching, &[Effect::Launch]);
    }
}

#[test]
fn a_proxy_that_is_blocked_is_tried_again() {
    let mut bench = Bench::new();
    let blocked = Snapshot { state: SocketState::ProxyBlock, mode: StreamMode::ProxyBlock, ..replaced() };
    bench.ready().step(Input::Status(blocked.clone())).sees(SessionState::Reconnecting, &[]);
    bench.live(15, &blocked).sees(SessionState::Loading, &[Effect::Reload]);
    assert_eq!(bench.reason(), "proxy_block");
}

#[test]
fn what_an_earlier_run_gave_up_is_over_when_it_is_ready() {
    let record = |code: &str| Machine::resting(Desired::Running, SessionState::Failed, Some(Reason::new(code, "")));
    assert_eq!(record("banned").trouble.given_up, GivenUp::Fatal);
    assert_eq!(record("never_ready").trouble.given_up, GivenUp::Spent);
    let mut bench = Bench { machine: record("never_ready"), ..Bench::new() };
    bench.ready();
    assert_eq!(bench.machine.trouble.given_up, GivenUp::No);
}
