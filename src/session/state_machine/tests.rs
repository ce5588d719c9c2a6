//! The machine's walks, and what no sequence of inputs may do.

use proptest::prelude::*;

use super::*;
use crate::{
    config::PresenceMode,
    page::{SocketState, StreamMode},
};

fn keepalive() -> Keepalive {
    Keepalive {
        heartbeat_s: 30,
        ping_s: 3,
        watchdog_s: 12,
        watchdog_loading_s: 60,
        socket_grace_s: 15,
        socket_patience_s: 180,
        acks_s: 45,
        activity_s: 240,
        presence: PresenceMode::AroundSends,
        presence_linger_s: 20,
        ready_timeout_s: 120,
        logout_timeout_s: 8,
        qr_timeout_s: 600,
        attempts: 3,
        backoff_s: 2,
        backoff_max_s: 300,
        slow_retry_s: 1_800,
        quarantine_crashes: 3,
        quarantine_pause_s: 600,
        screenshots: 5,
    }
}

/// A session with a clock and a browser that answers as the real one does.
struct Bench {
    machine: Machine,
    now_ms: i64,
    effects: Vec<Effect>,
}

impl Bench {
    fn new() -> Self {
        Self {
            machine: Machine::resting(Desired::Stopped, SessionState::Stopped, None),
            now_ms: 1_000,
            effects: Vec::new(),
        }
    }

    fn step(&mut self, input: Input) -> &mut Self {
        let keepalive = keepalive();
        let context = Context { now_ms: self.now_ms, jitter: 0.0, keepalive: &keepalive, load_limit_s: 30 };
        let (machine, effects) = step(self.machine.clone(), input, &context);
        self.machine = machine;
        self.effects = effects;
        self
    }

    fn sees(&self, state: SessionState, effects: &[Effect]) {
        assert_eq!((self.machine.state, self.effects.as_slice()), (state, effects), "{:?}", self.machine);
    }

    fn reason(&self) -> &str {
        self.machine.reason.as_ref().map_or("", |reason| reason.code.as_str())
    }

    /// Time passes, while the page answers every 3 s.
    fn live(&mut self, seconds: i64, snapshot: &Snapshot) -> &mut Self {
        for _ in 0..seconds / 3 {
            self.now_ms += 3_000;
            self.step(Input::Answer(snapshot.clone()));
            while self.machine.next_deadline_ms().is_some_and(|due_ms| due_ms <= self.now_ms) {
                self.step(Input::Tick);
                if !self.effects.is_empty() {
                    return self;
                }
            }
        }
        self
    }

    fn wait_for_deadline(&mut self) -> &mut Self {
        self.now_ms = self.machine.next_deadline_ms().expect("a deadline runs");
        self.step(Input::Tick)
    }

    /// Ended, archived, and launched anew; then only a scan makes it ready.
    fn ready_after_archive(&mut self) {
        self.step(Input::BrowserEnded).sees(SessionState::LoggedOut, &[Effect::Archive]);
        self.step(Input::Archived).sees(SessionState::Launching, &[Effect::Launch]);
        self.step(Input::Launched).step(Input::Answer(can_send())).sees(SessionState::Loading, &[]);
        self.step(Input::Qr).step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
    }

    fn ready(&mut self) -> &mut Self {
        self.step(Input::Start).step(Input::Launched).step(Input::Status(can_send()))
    }
}

fn can_send() -> Snapshot {
    Snapshot {
        state: SocketState::Connected,
        stream_connected: true,
        has_synced: true,
        mode: StreamMode::Main,
        registered: true,
        ..Snapshot::default()
    }
}

fn linked() -> Snapshot {
    Snapshot { has_synced: false, stream_connected: false, mode: StreamMode::Syncing, ..can_send() }
}

fn unlinked() -> Snapshot {
    Snapshot { state: SocketState::Unpaired, mode: StreamMode::Qr, ..Snapshot::default() }
}

/// Ready, but the stream ended.
fn replaced() -> Snapshot {
    Snapshot { stream_connected: false, ..can_send() }
}

/// Ready, but the page has no socket and opens one.
fn reconnects() -> Snapshot {
    Snapshot { state: SocketState::Opening, ..replaced() }
}

fn gone() -> Input {
    Input::Gone(Reason::new("browser_gone", "it died"))
}

#[test]
fn a_first_link_goes_through_every_state() {
    let mut bench = Bench::new();
    bench.step(Input::Start).sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Launched).sees(SessionState::Loading, &[]);
    bench.step(Input::Status(unlinked())).sees(SessionState::Loading, &[]);
    bench.step(Input::Qr).sees(SessionState::AwaitingScan, &[]);
    bench.step(Input::Status(Snapshot {
        state: SocketState::Opening,
        mode: StreamMode::Syncing,
        ..Snapshot::default()
    }));
    bench.sees(SessionState::Pairing, &[]);
    bench.step(Input::Status(linked())).sees(SessionState::Syncing, &[]);
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
}

#[test]
fn a_page_that_was_just_linked_is_left_alone_for_both_its_syncs() {
    let mut bench = Bench::new();
    bench.step(Input::Start).step(Input::Launched).step(Input::Qr).step(Input::Status(linked()));
    bench.now_ms += 359_000;
    bench.step(Input::Tick).sees(SessionState::Syncing, &[]);
    bench.step(Input::Status(Snapshot { state: SocketState::Opening, ..linked() })).sees(SessionState::Syncing, &[]);
    assert_eq!(bench.machine.next_deadline_ms(), Some(381_000), "not even its socket shortens that");
    bench.wait_for_deadline().sees(SessionState::Reconnecting, &[Effect::KillAfterScreenshot]);
}

#[test]
fn a_kept_login_is_ready_without_a_qr() {
    let mut bench = Bench::new();
    bench.step(Input::Start).step(Input::Launched).step(Input::Status(linked())).sees(SessionState::Syncing, &[]);
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
}

#[test]
fn stopping_closes_and_starting_meanwhile_waits_for_the_end() {
    let mut bench = Bench::new();
    bench.ready().step(Input::Stop).sees(SessionState::Stopped, &[Effect::Close]);
    bench.step(Input::Start).sees(SessionState::Launching, &[]);
    bench.step(Input::BrowserEnded).sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Stop).sees(SessionState::Stopped, &[Effect::AbandonLaunch]);
    bench.step(Input::Launched).sees(SessionState::Stopped, &[]);
    bench.step(Input::BrowserEnded).sees(SessionState::Stopped, &[]);
    assert!(!bench.machine.holds_browser());
}

#[test]
fn a_dead_browser_comes_back_with_a_growing_pause_and_at_last_slowly() {
    let mut bench = Bench::new();
    bench.ready();
    for pause_s in [2, 4, 8] {
        bench.step(gone()).sees(SessionState::Reconnecting, &[Effect::Kill]);
        assert_eq!(bench.machine.deadline_ms, Some(bench.now_ms + pause_s * 1_000));
        bench.step(Input::BrowserEnded).sees(SessionState::Reconnecting, &[]);
        bench.wait_for_deadline().sees(SessionState::Launching, &[Effect::Launch]);
        bench.step(Input::Launched);
    }
    bench.step(gone()).sees(SessionState::Failed, &[Effect::KillAfterScreenshot]);
    bench.step(Input::BrowserEnded).sees(SessionState::Failed, &[]);
    bench.wait_for_deadline().sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Launched).step(Input::Status(can_send()));
    assert_eq!(bench.machine.trouble.attempts, 0, "being ready forgives");
}

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
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
    assert_eq!(bench.machine.signals.page_due_ms, Some(bench.now_ms + 24_000));
    bench.step(Input::Sends { waiting_since_ms: Some(bench.now_ms), is_acked: false });
    bench.live(177, &can_send()).sees(SessionState::Ready, &[]);
    bench.live(9, &can_send()).sees(SessionState::Loading, &[Effect::Reload]);
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

#[test]
fn an_unlink_archives_the_login_and_shows_a_new_qr() {
    let mut bench = Bench::new();
    bench.ready().step(Input::LoggingOut).sees(SessionState::LoggedOut, &[]);
    bench.step(Input::Status(linked())).sees(SessionState::LoggedOut, &[]);
    bench.step(Input::LoggedOut(None)).sees(SessionState::LoggedOut, &[Effect::KillAfterScreenshot]);
    assert_eq!(bench.machine.reason.as_ref().map(|reason| reason.code.as_str()), Some("unlinked"));
    bench.step(Input::BrowserEnded).sees(SessionState::LoggedOut, &[Effect::Archive]);
    bench.step(Input::Start).sees(SessionState::LoggedOut, &[]);
    bench.step(Input::Archived).sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Launched).step(Input::Status(can_send())).sees(SessionState::Loading, &[]);
    bench.step(Input::Qr).step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
}

#[test]
fn a_logout_that_hangs_is_ended() {
    let mut bench = Bench::new();
    bench.ready().step(Input::LogOut).sees(SessionState::LoggedOut, &[Effect::LogOutOnPage]);
    assert_eq!(bench.machine.next_deadline_ms(), Some(bench.now_ms + 8_000), "the watchdog leaves it alone");
    bench.wait_for_deadline().sees(SessionState::LoggedOut, &[Effect::KillAfterScreenshot]);
    assert_eq!(bench.reason(), "logout_hung");
    bench.ready_after_archive();
}

#[test]
fn an_unlinked_page_that_hangs_or_dies_while_it_clears_its_storage_is_still_unlinked() {
    for end in [Input::Tick, gone()] {
        let mut bench = Bench::new();
        bench.ready().step(Input::LoggingOut);
        bench.now_ms += 8_000;
        bench.step(end).sees(SessionState::LoggedOut, &[Effect::KillAfterScreenshot]);
        assert_eq!(bench.reason(), "unlinked");
    }
}

#[test]
fn a_logout_without_a_page_archives_at_once() {
    let mut bench = Bench::new();
    bench.step(Input::LogOut).sees(SessionState::LoggedOut, &[Effect::Archive]);
    bench.step(Input::ArchiveFailed(Reason::new("profile_unusable", "read-only"))).sees(SessionState::LoggedOut, &[]);
}

#[test]
fn a_qr_that_nobody_scans_stops_the_session_and_refs_that_ran_out_are_renewed() {
    let mut bench = Bench::new();
    bench.step(Input::Start).step(Input::Launched).step(Input::Qr);
    let idle = Snapshot { state: SocketState::UnpairedIdle, ..unlinked() };
    bench.step(Input::Status(idle)).sees(SessionState::AwaitingScan, &[Effect::RefreshQr]);
    for _ in 0..7 {
        bench.now_ms += 80_000;
        bench.step(Input::Answer(unlinked())).step(Input::Qr).sees(SessionState::AwaitingScan, &[]);
    }
    bench.wait_for_deadline().sees(SessionState::Stopped, &[Effect::Close]);
    assert_eq!(bench.machine.desired, Desired::Stopped);
}

#[test]
fn suspending_closes_but_remembers_what_is_wanted() {
    let mut bench = Bench::new();
    bench.ready().step(Input::Suspend).sees(SessionState::Stopped, &[Effect::Close]);
    bench.step(Input::BrowserEnded).step(Input::Start).sees(SessionState::Stopped, &[]);
    assert_eq!(bench.machine.desired, Desired::Running);
}

#[test]
fn what_a_person_must_mend_is_not_retried() {
    let mut bench = Bench::new();
    bench.step(Input::Start);
    bench.step(Input::LaunchFailed(ErrorClass::Fatal, Reason::new("no_browser", "install one")));
    bench.sees(SessionState::Failed, &[]);
    assert_eq!(bench.machine.next_deadline_ms(), None);
    bench.step(Input::Start).sees(SessionState::Launching, &[Effect::Launch]);
}

fn any_input() -> impl Strategy<Value = Input> {
    let reason = || Reason::new("any", "any");
    prop_oneof![
        Just(Input::Start),
        Just(Input::Stop),
        Just(Input::Restart),
        Just(Input::LogOut),
        Just(Input::Launched),
        Just(Input::LaunchFailed(ErrorClass::Recoverable, reason())),
        Just(Input::LaunchFailed(ErrorClass::Fatal, reason())),
        Just(Input::BrowserEnded),
        Just(Input::Archived),
        Just(Input::ArchiveFailed(reason())),
        Just(Input::Status(can_send())),
        Just(Input::Status(linked())),
        Just(Input::Status(unlinked())),
        Just(Input::Status(Snapshot { state: SocketState::UnpairedIdle, ..unlinked() })),
        Just(Input::Answer(can_send())),
        Just(Input::Answer(linked())),
        Just(Input::Status(replaced())),
        Just(Input::Status(reconnects())),
        Just(Input::Answer(reconnects())),
        Just(Input::Status(Snapshot { state: SocketState::TosBlock, ..can_send() })),
        Just(Input::Status(Snapshot { mode: StreamMode::DeprecatedVersion, ..linked() })),
        Just(Input::Unreadable(reason())),
        Just(Input::ReloadFailed(reason())),
        (any::<bool>(), -60_000_i64..1).prop_map(|(is_acked, ago_ms)| Input::Sends {
            waiting_since_ms: (!is_acked).then_some(1_000 + ago_ms),
            is_acked,
        }),
        Just(Input::Suspend),
        Just(Input::Qr),
        Just(Input::LoggingOut),
        Just(Input::LoggedOut(None)),
        Just(Input::LoggedOut(Some(2))),
        Just(Input::Gone(reason())),
        Just(Input::Tick),
    ]
}

/// Whether an answer of the actor's is still to come, given what it was asked.
fn answers(bench: &Bench, input: &Input) -> bool {
    match input {
        Input::Launched | Input::LaunchFailed(..) => bench.machine.browser == BrowserPhase::Starting,
        Input::BrowserEnded => bench.machine.browser == BrowserPhase::Closing,
        Input::Archived | Input::ArchiveFailed(_) => bench.machine.login == Login::Archiving,
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_sequence_gets_stuck_or_starts_two_browsers_or_skips_the_scan(
        inputs in proptest::collection::vec((any_input(), 0_i64..700_000), 1..60)
    ) {
        let mut bench = Bench::new();
        let mut browsers = 0_i32;
        let mut scanned_since_logout = true;
        for (input, pause_ms) in inputs {
            if !answers(&bench, &input) {
                continue;
            }
            bench.now_ms += pause_ms;
            let ended = matches!(input, Input::BrowserEnded | Input::LaunchFailed(..));
            bench.step(input);
            browsers -= i32::from(ended);
            browsers += bench.effects.iter().filter(|effect| **effect == Effect::Launch).count() as i32;
            prop_assert!((0..=1).contains(&browsers), "{browsers} browsers");

            match bench.machine.state {
                SessionState::LoggedOut => scanned_since_logout = false,
                SessionState::AwaitingScan => scanned_since_logout = true,
                SessionState::Ready => {
                    prop_assert!(scanned_since_logout, "ready without a scan");
                    prop_assert!(bench.machine.signals.page_due_ms.is_some(), "ready, and nobody watches the page");
                    let waits = bench.machine.signals.waiting_since_ms.is_some();
                    prop_assert_eq!(bench.machine.signals.acks_due_ms.is_some(), waits, "a send is pending");
                }
                _ => {}
            }
            prop_assert!(bench.machine.browser == BrowserPhase::Up || bench.machine.state != SessionState::Ready);

            let an_answer_is_due = matches!(bench.machine.browser, BrowserPhase::Starting | BrowserPhase::Closing)
                || bench.machine.login == Login::Archiving;
            let is_down = !bench.machine.holds_browser();
            let needs_a_person = bench.machine.state == SessionState::Failed && bench.machine.trouble.given_up == GivenUp::Fatal;
            let rests = is_down && (bench.machine.desired == Desired::Stopped || bench.machine.suspended || needs_a_person);
            prop_assert!(
                bench.machine.next_deadline_ms().is_some() || an_answer_is_due || rests,
                "stuck: {:?}", bench.machine
            );
        }
    }
}
