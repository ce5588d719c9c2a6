//! The machine's walks; `sleep` and `trouble` have those of sleep and of the watchdog, `properties` what no sequence of inputs may do.

mod properties;
mod sleep;
mod trouble;

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
        let context =
            Context { now_ms: self.now_ms, jitter: 0.0, keepalive: &keepalive, load_limit_s: 30, wake_every_s: 21_600 };
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
        self.step(Input::Qr).step(Input::Status(can_send())).sees(SessionState::Ready, &[Effect::KeepLogin]);
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
    bench.step(Input::Status(linked())).sees(SessionState::Syncing, &[Effect::KeepLogin]);
    bench.step(Input::Status(can_send())).sees(SessionState::Ready, &[Effect::KeepLogin]);
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
fn an_unlink_archives_the_login_and_shows_a_new_qr() {
    let mut bench = Bench::new();
    bench.ready().step(Input::LoggingOut).sees(SessionState::LoggedOut, &[]);
    assert_eq!(bench.reason(), "unlinking", "why is not known before its end");
    bench.step(Input::Status(linked())).sees(SessionState::LoggedOut, &[]);
    bench.step(Input::LoggedOut(None)).sees(SessionState::LoggedOut, &[Effect::KillAfterScreenshot]);
    assert_eq!(bench.machine.reason.as_ref().map(|reason| reason.code.as_str()), Some("unlinked"));
    bench.step(Input::BrowserEnded).sees(SessionState::LoggedOut, &[Effect::Archive]);
    bench.step(Input::Start).sees(SessionState::LoggedOut, &[]);
    bench.step(Input::Archived).sees(SessionState::Launching, &[Effect::Launch]);
    bench.step(Input::Launched).step(Input::Status(can_send())).sees(SessionState::Loading, &[]);
    bench.step(Input::Qr).step(Input::Status(can_send())).sees(SessionState::Ready, &[Effect::KeepLogin]);
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
fn a_logout_goes_on_although_something_else_is_asked_for_meanwhile() {
    for (order, state) in [(Input::Restart, SessionState::Launching), (Input::Stop, SessionState::LoggedOut)] {
        let mut bench = Bench::new();
        bench.ready().step(Input::LogOut).sees(SessionState::LoggedOut, &[Effect::LogOutOnPage]);
        bench.step(order).sees(state, &[Effect::Close]);
        bench.step(Input::Hibernate(Reason::new("any", "any"))).sees(state, &[]);
        bench.step(Input::BrowserEnded).sees(state, &[Effect::Archive]);
        assert_eq!(bench.machine.login, Login::Archiving, "the login that was given up is not used again");
    }
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
