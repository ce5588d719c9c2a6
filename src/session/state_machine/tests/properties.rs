//! What no sequence of inputs may do.

use proptest::prelude::*;

use super::*;

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
        Just(Input::Hibernate(reason())),
        Just(Input::Recycle(reason())),
        Just(Input::Resume),
        Just(Input::Wake(WakeCause::Message)),
        Just(Input::Wake(WakeCause::Visit)),
        Just(Input::Suspend),
        Just(Input::Qr),
        Just(Input::LoggingOut),
        Just(Input::LoggedOut(None)),
        Just(Input::LoggedOut(Some(2))),
        Just(Input::Gone(reason())),
        Just(Input::Tick),
        Just(Input::NotAsked),
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

            if bench.machine.state == SessionState::Hibernated {
                prop_assert!(scanned_since_logout, "asleep without a login");
                let may_run = matches!(bench.machine.browser, BrowserPhase::None | BrowserPhase::Closing);
                prop_assert!(may_run, "asleep with a browser");
            }
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
