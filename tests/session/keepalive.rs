//! The keepalive against a page that does what the test says: presence, the small input events, and the watchdog's deadlines.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use drover::{
    config::PresenceMode,
    model::{MessageState, Reason, SessionState},
    page::{PageEvent, SendOutcome, Snapshot, SocketState},
};

use crate::scripted::{Bench, Stir, Told, ready};

const LIMIT: Duration = Duration::from_secs(60);

async fn started(change: impl FnOnce(&mut drover::config::Config)) -> Bench {
    let bench = Bench::start(change).await;
    bench.registry.create(bench.session.clone(), serde_json::json!({}), true).await.unwrap();
    until(&bench, "ready", |bench| state(bench) == SessionState::Ready).await;
    bench
}

async fn until(bench: &Bench, what: &str, holds: impl Fn(&Bench) -> bool) {
    let began = Instant::now();
    while !holds(bench) {
        let view = bench.registry.view(&bench.session).unwrap();
        assert!(began.elapsed() < LIMIT, "waited in vain: {what}; {view:?}, {:?}", bench.script.stirred());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn state(bench: &Bench) -> SessionState {
    bench.registry.view(&bench.session).unwrap().state
}

fn reason(bench: &Bench) -> Option<String> {
    bench.registry.view(&bench.session).unwrap().reason.map(|reason| reason.code)
}

fn launches(bench: &Bench) -> usize {
    bench.script.launches.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_a_later_start_overtakes_is_answered_with_what_is() {
    let bench = started(|_| {}).await;
    let held = bench.script.closing.lock().await;
    let (registry, session) = (bench.registry.clone(), bench.session.clone());
    let stop = tokio::spawn(async move { registry.stop(&session).await });
    until(&bench, "it is stopping", |bench| state(bench) != SessionState::Ready).await;
    bench.registry.start(&bench.session).await.unwrap();
    let view = tokio::time::timeout(Duration::from_secs(5), stop).await.expect("it is answered").unwrap().unwrap();
    assert_ne!(view.state, SessionState::Ready, "its browser is still ending");
    drop(held);
    until(&bench, "ready again", |bench| state(bench) == SessionState::Ready).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_sends_shows_the_account_online_once() {
    let bench = started(|config| config.keepalive.presence_linger_s = 1).await;
    until(&bench, "offline at first", |bench| bench.script.stirred() == [Stir::Available(false)]).await;
    for number in 0..5 {
        let message = bench.accept(&format!("message {number}")).await;
        bench.until_state(&message.id, MessageState::Sent).await;
    }
    let once = [Stir::Available(false), Stir::Available(true), Stir::Available(false)];
    until(&bench, "online once", |bench| bench.script.stirred() == once).await;
    // The page was told before the session's own view says so.
    until(&bench, "seen offline", |bench| bench.registry.view(&bench.session).unwrap().health.is_online == Some(false))
        .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_may_be_never_or_always() {
    for (mode, available) in [(PresenceMode::Never, false), (PresenceMode::Always, true)] {
        let bench = started(|config| {
            config.keepalive.presence = mode;
            config.keepalive.presence_linger_s = 1;
        })
        .await;
        let message = bench.accept("hello").await;
        bench.until_state(&message.id, MessageState::Sent).await;
        until(&bench, "told", |bench| !bench.script.stirred().is_empty()).await;
        assert_eq!(bench.script.stirred(), [Stir::Available(available)]);
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_to_be_online_stays_so_until_it_is_taken_back() {
    let bench = started(|config| {
        config.keepalive.presence_linger_s = 1;
        config.keepalive.activity_s = 1;
    })
    .await;
    until(&bench, "offline at first", |bench| bench.script.stirred().contains(&Stir::Available(false))).await;
    bench.registry.set_available(&bench.session, true).await.unwrap();
    let asked_at = bench.script.stirred().len();
    let message = bench.accept("hello").await;
    bench.until_state(&message.id, MessageState::Sent).await;
    let touches =
        |bench: &Bench| bench.script.stirred()[asked_at..].iter().filter(|stir| **stir == Stir::Touch).count();
    until(&bench, "three small input events", |bench| touches(bench) >= 3).await;
    assert!(!bench.script.stirred()[asked_at..].contains(&Stir::Available(false)), "{:?}", bench.script.stirred());
    bench.registry.set_available(&bench.session, false).await.unwrap();
    let taken_back_at = bench.script.stirred().len();
    until(&bench, "told again", |bench| bench.script.stirred()[taken_back_at..].contains(&Stir::Available(false)))
        .await;
    assert!(!bench.script.stirred()[taken_back_at..].contains(&Stir::Available(true)), "{:?}", bench.script.stirred());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_stirred_again_and_again_and_told_each_time_that_nobody_is_there() {
    let bench = started(|config| config.keepalive.activity_s = 1).await;
    until(&bench, "two small input events", |bench| {
        let after_touch = [Stir::Touch, Stir::Available(false)];
        bench.script.stirred().windows(2).filter(|pair| *pair == after_touch).count() >= 2
    })
    .await;
    assert!(bench.registry.view(&bench.session).unwrap().health.last_activity_at_ms.is_some());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_answer_is_degraded_and_then_replaced() {
    let bench = started(|config| {
        // Degraded before the question after the one that is not answered: then the page has been replaced.
        config.keepalive.ping_s = 4;
        config.keepalive.watchdog_s = 7;
        config.quality.unanswered_s = 1;
    })
    .await;
    *bench.script.snapshot.lock().unwrap() = None;
    until(&bench, "degraded", |bench| {
        let view = bench.registry.view(&bench.session).unwrap();
        assert_eq!(launches(bench), 1, "degraded first: {view:?}");
        !view.health.degraded.is_empty()
    })
    .await;
    until(&bench, "not ready", |bench| state(bench) != SessionState::Ready).await;
    *bench.script.snapshot.lock().unwrap() = Some(ready());
    until(&bench, "another browser", |bench| launches(bench) >= 2 && state(bench) == SessionState::Ready).await;
    until(&bench, "no longer degraded", |bench| {
        bench.registry.view(&bench.session).unwrap().health.degraded.is_empty()
    })
    .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_answers_heartbeats_is_not_pinged() {
    let bench = started(|config| {
        config.keepalive.heartbeat_s = 2;
        config.keepalive.ping_s = 3;
    })
    .await;
    let looked_at = |bench: &Bench| bench.script.looked_at.lock().unwrap().clone();
    until(&bench, "five heartbeats", |bench| looked_at(bench).len() >= 5).await;
    // A ping would come half way between two of them, or with one.
    let gaps: Vec<Duration> = looked_at(&bench).windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap > Duration::from_millis(1_500)), "{gaps:?}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_reloaded_and_a_page_that_reconnects_is_left_alone() {
    let bench = started(|config| {
        config.keepalive.ping_s = 1;
        config.keepalive.socket_grace_s = 2;
    })
    .await;
    let lost = Snapshot { stream_connected: false, ..ready() };
    let reconnects = Snapshot { state: SocketState::Opening, ..lost.clone() };
    let show = |snapshot: &Snapshot| *bench.script.snapshot.lock().unwrap() = Some(snapshot.clone());

    show(&reconnects);
    bench.script.say(PageEvent::Status(reconnects.clone())).await;
    until(&bench, "not ready", |bench| state(bench) == SessionState::Reconnecting).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!((state(&bench), launches(&bench)), (SessionState::Reconnecting, 1), "it is left to try");
    show(&ready());
    until(&bench, "ready again", |bench| state(bench) == SessionState::Ready).await;
    assert!(!bench.script.stirred().contains(&Stir::Reload));

    show(&lost);
    bench.script.say(PageEvent::Status(lost)).await;
    until(&bench, "not ready", |bench| state(bench) == SessionState::Reconnecting).await;
    until(&bench, "the page is loaded anew", |bench| bench.script.stirred().contains(&Stir::Reload)).await;
    show(&ready());
    until(&bench, "ready again", |bench| state(bench) == SessionState::Ready).await;
    assert_eq!(launches(&bench), 1, "in the same browser");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_without_an_ack_restarts_nothing_while_others_are_acknowledged() {
    let bench = started(|config| {
        config.keepalive.acks_s = 2;
        config.queue.attempts = 1_000;
        config.queue.backoff_s = 1;
    })
    .await;
    let withheld = SendOutcome::Unknown(Reason::new("no_ack", "no acknowledgement in time"));
    bench.script.withheld.lock().unwrap().replace(("withheld".to_owned(), withheld));
    bench.accept_with("withheld", |request| request.chat = "15557770001".to_owned()).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        let message = bench.accept("goes through").await;
        bench.until_state(&message.id, MessageState::Sent).await;
        assert_eq!((state(&bench), reason(&bench)), (SessionState::Ready, None));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(!bench.script.stirred().contains(&Stir::Reload));
    let tries = |told: &Told| matches!(told, Told::Send(key) if key.contains("15557770001"));
    assert!(bench.script.told().iter().filter(|told| tries(told)).count() >= 2, "it was tried again in the meantime");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nothing_is_acknowledged_it_is_not_ready_and_the_page_is_loaded_anew() {
    let bench = started(|config| {
        config.keepalive.acks_s = 2;
        config.queue.attempts = 1_000;
        config.queue.backoff_s = 1;
    })
    .await;
    let mut follower = bench.registry.watch(&bench.session).unwrap();
    let withheld = SendOutcome::Unknown(Reason::new("no_ack", "no acknowledgement in time"));
    bench.script.withheld.lock().unwrap().replace(("nothing".to_owned(), withheld));
    let message = bench.accept("nothing goes").await;
    let no_acks =
        |view: &drover::model::SessionView| view.reason.as_ref().is_some_and(|reason| reason.code == "no_acks");
    tokio::time::timeout(LIMIT, follower.wait_for(no_acks)).await.expect("it is noticed").expect("it lives");
    until(&bench, "the page is loaded anew", |bench| bench.script.stirred().contains(&Stir::Reload)).await;
    *bench.script.withheld.lock().unwrap() = None;
    bench.until_state(&message.id, MessageState::Sent).await;
    until(&bench, "ready", |bench| state(bench) == SessionState::Ready).await;
    bench.stop().await;
}

/// It takes a minute, and a page that is held so long keeps what its browser was.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_its_session_left_is_not_waited_for_until_it_has_let_go_of_memory() {
    let bench = started(|config| config.memory.sample_s = 1).await;
    let letting_go = |bench: &Bench| bench.script.letting_go.load(Ordering::SeqCst);
    until(&bench, "its page lets go", |bench| letting_go(bench) == 1).await;
    bench.registry.restart(&bench.session).await.unwrap();
    until(&bench, "ready with another page", |bench| launches(bench) == 2 && state(bench) == SessionState::Ready).await;
    until(&bench, "the page is left", |bench| letting_go(bench) == 0).await;
    bench.stop().await;
}
