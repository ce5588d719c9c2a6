//! The machine's walks, and what no sequence of inputs may do.

use proptest::prelude::*;

use super::*;
use crate::page::{SocketState, StreamMode};

fn keepalive() -> Keepalive {
    Keepalive {
        heartbeat_s: 30,
        watchdog_s: 90,
        socket_grace_s: 45,
        ready_timeout_s: 120,
        qr_timeout_s: 600,
        attempts: 3,
        backoff_s: 2,
        backoff_max_s: 300,
        slow_retry_s: 1_800,
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

    fn wait_for_deadline(&mut self) -> &mut Self {
        self.now_ms = self.machine.next_deadline_ms().expect("a deadline runs");
        self.step(Input::Tick)
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
    bench.wait_for_deadline().sees(SessionState::Reconnecting, &[Effect::Kill]);
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
    bench.step(gone()).sees(SessionState::Failed, &[Effect::Kill]);
    bench.step(Input::BrowserEnded).sees(SessionState::Failed, &[]);
    bench.wait_for_deadline().sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Launched).step(Input::Status(can_send()));
    assert_eq!(bench.machine.attempts, 0, "being ready forgives");
}

#[test]
fn a_lost_socket_may_come_back_and_otherwise_costs_the_browser() {
    let mut bench = Bench::new();
    bench.ready().step(Input::Status(linked())).sees(SessionState::Reconnecting, &[]);
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[]);
    bench.step(Input::Status(linked())).wait_for_deadline().sees(SessionState::Reconnecting, &[Effect::Kill]);
}

#[test]
fn a_hung_page_is_restarted_when_its_heartbeats_stop() {
    let mut bench = Bench::new();
    bench.ready();
    bench.now_ms += 60_000;
    bench.step(Input::Heartbeat(can_send()));
    assert_eq!(bench.machine.next_deadline_ms(), Some(bench.now_ms + 90_000));
    bench.wait_for_deadline().sees(SessionState::Reconnecting, &[Effect::Kill]);
    assert_eq!(bench.machine.reason.as_ref().map(|reason| reason.code.as_str()), Some("page_hung"));
}

#[test]
fn an_unlink_archives_the_login_and_shows_a_new_qr() {
    let mut bench = Bench::new();
    bench.ready().step(Input::LoggingOut).sees(SessionState::LoggedOut, &[]);
    bench.step(Input::Status(linked())).sees(SessionState::LoggedOut, &[]);
    bench.step(Input::LoggedOut(None)).sees(SessionState::LoggedOut, &[Effect::Kill]);
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
    bench.wait_for_deadline().sees(SessionState::LoggedOut, &[Effect::Kill]);
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
        bench.step(Input::Heartbeat(unlinked())).step(Input::Qr).sees(SessionState::AwaitingScan, &[]);
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
fn what_a_person_must_mend_is_retried_slowly() {
    let mut bench = Bench::new();
    bench.step(Input::Start);
    bench.step(Input::LaunchFailed(ErrorClass::Fatal, Reason::new("no_browser", "install one")));
    bench.sees(SessionState::Failed, &[]);
    assert_eq!(bench.machine.deadline_ms, Some(bench.now_ms + 1_800_000));
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
        Just(Input::Heartbeat(can_send())),
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
                SessionState::Ready => prop_assert!(scanned_since_logout, "ready without a scan"),
                _ => {}
            }

            let an_answer_is_due = matches!(bench.machine.browser, BrowserPhase::Starting | BrowserPhase::Closing)
                || bench.machine.login == Login::Archiving;
            let rests = bench.machine.desired == Desired::Stopped && !bench.machine.holds_browser();
            prop_assert!(
                bench.machine.next_deadline_ms().is_some() || an_answer_is_due || rests,
                "stuck: {:?}", bench.machine
            );
        }
    }
}
