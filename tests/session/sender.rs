//! A message from its claim to its settlement, when the page fails at the worst moment.

use crate::scripted::{Bench, Told};
use drover::{
    config::Unknown,
    model::{Ack, AttemptOutcome, DeadCode, EventKind, MessageState, PauseCause, Reason, SessionState},
    page::{Found, PageEvent, SendOutcome},
};

fn unknown() -> SendOutcome {
    SendOutcome::Unknown(Reason::new("no_ack", "no acknowledgement in time"))
}

fn key(id: &impl std::fmt::Display) -> String {
    format!("true_915557770000@lid_{id}")
}

async fn started(change: impl FnOnce(&mut drover::config::Config)) -> Bench {
    let bench = Bench::start(change).await;
    bench.registry.create(bench.session.clone(), serde_json::json!({}), true).await.unwrap();
    bench
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_before_the_start_is_sent_once_it_is_ready() {
    let bench = Bench::start(|_| {}).await;
    bench.registry.create(bench.session.clone(), serde_json::json!({}), false).await.unwrap();
    bench.registry.stop(&bench.session).await.unwrap();
    let message = bench.accept("early").await;
    assert!(bench.script.told().is_empty());
    bench.registry.start(&bench.session).await.unwrap();
    let sent = bench.until_state(&message.id, MessageState::Sent).await;
    assert_eq!(bench.script.told(), [Told::Send(key(&message.id))]);
    assert_eq!(sent.progress.attempts[0].outcome, Some(AttemptOutcome::Sent));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acks_from_the_page_move_the_message_on_and_never_back() {
    let bench = started(|_| {}).await;
    let message = bench.accept("hello").await;
    bench.until_state(&message.id, MessageState::Sent).await;
    for (ack, state) in [(3, MessageState::Read), (0, MessageState::Read), (2, MessageState::Read)] {
        bench.script.say(PageEvent::Ack { key: key(&message.id).parse().unwrap(), ack: Ack(ack) }).await;
        bench.until_state(&message.id, state).await;
    }
    assert_eq!(bench.message(&message.id).await.progress.ack, Ack(3));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_without_whatsapp_is_a_dead_letter_and_the_page_is_not_told() {
    let bench = started(|_| {}).await;
    bench.script.strangers.lock().unwrap().push("15557770000@c.us".to_owned());
    let message = bench.accept("anybody?").await;
    let dead = bench.until_state(&message.id, MessageState::Dead).await;
    assert_eq!(dead.progress.error.map(|(code, _)| code), Some(DeadCode::NotOnWhatsapp));
    assert!(bench.script.told().is_empty());
    // Not asked for again, until somebody tries it again.
    let again = bench.accept("still nobody?").await;
    bench.until_state(&again.id, MessageState::Dead).await;
    assert_eq!(*bench.script.asked.lock().unwrap(), ["15557770000@c.us"]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatsapp_is_asked_for_a_number_before_the_first_message_alone() {
    let bench = started(|_| {}).await;
    for text in ["one", "two", "three"] {
        let message = bench.accept(text).await;
        bench.until_state(&message.id, MessageState::Sent).await;
    }
    assert_eq!(bench.script.asked.lock().unwrap().len(), 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_fate_is_looked_up_and_not_sent_again_when_the_server_has_it() {
    let bench = started(|_| {}).await;
    bench.registry.stop(&bench.session).await.unwrap();
    let message = bench.accept("once").await;
    bench.script.outcomes.lock().unwrap().push_back(unknown());
    let found = Found { key: key(&message.id).parse().unwrap(), ack: Ack(2), is_send_failure: false };
    bench.script.database.lock().unwrap().insert(key(&message.id), found);
    bench.registry.start(&bench.session).await.unwrap();
    bench.until_state(&message.id, MessageState::Delivered).await;
    assert_eq!(bench.script.told(), [Told::Send(key(&message.id)), Told::LookUp(vec![key(&message.id)])]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_fate_that_left_no_trace_is_sent_under_the_same_key() {
    let bench = started(|_| {}).await;
    bench.script.outcomes.lock().unwrap().push_back(unknown());
    let message = bench.accept("again").await;
    bench.until_state(&message.id, MessageState::Sent).await;
    let expected = [Told::Send(key(&message.id)), Told::LookUp(vec![key(&message.id)]), Told::Send(key(&message.id))];
    assert_eq!(bench.script.told(), expected);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_at_ack_0_is_resent_under_its_key() {
    let bench = started(|_| {}).await;
    bench.registry.stop(&bench.session).await.unwrap();
    let message = bench.accept("pending").await;
    bench.script.outcomes.lock().unwrap().push_back(unknown());
    let found = Found { key: key(&message.id).parse().unwrap(), ack: Ack(0), is_send_failure: true };
    bench.script.database.lock().unwrap().insert(key(&message.id), found);
    bench.registry.start(&bench.session).await.unwrap();
    bench.until_state(&message.id, MessageState::Sent).await;
    assert_eq!(bench.script.told().last(), Some(&Told::Resend(key(&message.id))));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_hold_an_unknown_fate_becomes_an_unconfirmed_dead_letter() {
    let bench = started(|config| config.queue.unknown = Unknown::Hold).await;
    bench.registry.stop(&bench.session).await.unwrap();
    let message = bench.accept("held").await;
    bench.script.outcomes.lock().unwrap().push_back(unknown());
    let found = Found { key: key(&message.id).parse().unwrap(), ack: Ack(0), is_send_failure: false };
    bench.script.database.lock().unwrap().insert(key(&message.id), found);
    bench.registry.start(&bench.session).await.unwrap();
    let dead = bench.until_state(&message.id, MessageState::Dead).await;
    assert_eq!(dead.progress.error.map(|(code, _)| code), Some(DeadCode::Unconfirmed));
    assert_eq!(dead.progress.attempts.len(), 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_refusals_are_tried_three_times() {
    for (outcome, code) in [
        (SendOutcome::Failed(Reason::new("not_sent", "no")), DeadCode::AttemptsSpent),
        (SendOutcome::Rejected(Reason::new("refused", "no")), DeadCode::Refused),
    ] {
        let bench = started(|config| config.queue.attempts = 3).await;
        bench.script.outcomes.lock().unwrap().extend(vec![outcome; 3]);
        let message = bench.accept("stubborn").await;
        let dead = bench.until_state(&message.id, MessageState::Dead).await;
        assert_eq!(dead.progress.error.map(|(code, _)| code), Some(code));
        assert_eq!(dead.progress.attempts.len(), 3);
        bench.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_try_can_mend_goes_to_the_dead_letters_at_once() {
    let bench = started(|_| {}).await;
    bench.script.outcomes.lock().unwrap().push_back(SendOutcome::Rejected(Reason::new("blocked", "no")));
    let message = bench.accept("never").await;
    let dead = bench.until_state(&message.id, MessageState::Dead).await;
    assert_eq!(dead.progress.error.map(|(code, _)| code), Some(DeadCode::Blocked));
    assert_eq!(dead.progress.attempts.len(), 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_everybody_for_long_pauses_the_queue_until_a_person_resumes_it() {
    let bench = started(|config| {
        config.queue.backoff_s = 1;
        config.queue.circuit_open_s = 1;
    })
    .await;
    let refused = SendOutcome::Rejected(Reason::new("refused", "no"));
    // The first try of each is within the second in which it may be a hiccup; so the fourth refusal pauses, at the latest the sixth.
    bench.script.outcomes.lock().unwrap().extend(vec![refused; 6]);
    let mut messages = Vec::new();
    for number in 1..4 {
        let chat = format!("1555777000{number}");
        messages.push(bench.accept_with("hello", |request| request.chat = chat).await);
    }
    let alerts = until_told(&bench, EventKind::Alert, 1).await;
    bench.script.outcomes.lock().unwrap().clear();
    assert_eq!(alerts[0]["code"], "whatsapp_restricted");
    assert_eq!(bench.told(EventKind::QueuePaused).await[0]["cause"], "whatsapp_restricted");
    let cause = bench.store.pauses().list().await.unwrap().sessions.get(&bench.session).copied();
    assert_eq!(cause, Some(PauseCause::WhatsappRestricted));
    assert_eq!(bench.queue.stats(&bench.session).await.unwrap().blocked.cause, cause);
    assert!(bench.store.pauses().lift(Some(&bench.session)).await.unwrap());
    bench.queue.resume(Some(&bench.session)).await.unwrap();
    for message in &messages {
        bench.until_state(&message.id, MessageState::Sent).await;
    }
    assert_eq!(bench.told(EventKind::Alert).await.len(), 1, "told once");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_everybody_for_a_moment_pauses_nothing() {
    let bench = started(|config| config.queue.backoff_s = 1).await;
    let refused = SendOutcome::Rejected(Reason::new("refused", "no"));
    bench.script.outcomes.lock().unwrap().extend(vec![refused; 4]);
    let mut messages = Vec::new();
    for number in 1..5 {
        let chat = format!("1555777000{number}");
        messages.push(bench.accept_with("hello", |request| request.chat = chat).await);
    }
    for message in &messages {
        bench.until_state(&message.id, MessageState::Sent).await;
    }
    assert!(bench.told(EventKind::QueuePaused).await.is_empty() && bench.told(EventKind::Alert).await.is_empty());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_is_told_when_it_opens_and_when_it_closes() {
    let bench = started(|config| {
        config.queue.circuit_failures = 2;
        config.queue.circuit_open_s = 1;
    })
    .await;
    let failed = SendOutcome::Failed(Reason::new("not_sent", "no"));
    bench.script.outcomes.lock().unwrap().extend(vec![failed; 3]);
    let message = bench.accept("at last").await;
    bench.until_state(&message.id, MessageState::Sent).await;
    let told = until_told(&bench, EventKind::QueueCircuit, 2).await;
    assert_eq!((&told[0]["circuit"], &told[1]["circuit"]), (&"open".into(), &"closed".into()));
    bench.stop().await;
}

async fn until_told(bench: &Bench, kind: EventKind, count: usize) -> Vec<serde_json::Value> {
    let began = std::time::Instant::now();
    loop {
        let told = bench.told(kind).await;
        if told.len() >= count {
            return told;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(15), "{told:?}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_or_expired_is_never_sent() {
    let bench = Bench::start(|_| {}).await;
    bench.registry.create(bench.session.clone(), serde_json::json!({}), false).await.unwrap();
    bench.registry.stop(&bench.session).await.unwrap();
    let cancelled = bench.accept("never mind").await;
    let soon_ms = bench.message(&cancelled.id).await.created_at_ms + 200;
    let expired = bench.accept_with("too late", |request| request.schedule.expires_at_ms = Some(soon_ms)).await;
    bench.outbox.cancel(&cancelled.id).await.unwrap();
    while drover::clock::Clock::now_ms(&drover::clock::SystemClock) <= soon_ms {
        tokio::task::yield_now().await;
    }
    bench.registry.start(&bench.session).await.unwrap();
    bench.until_state(&expired.id, MessageState::Expired).await;
    let last = bench.accept("and go on").await;
    bench.until_state(&last.id, MessageState::Sent).await;
    assert_eq!(bench.script.told(), [Told::Send(key(&last.id))]);
    assert_eq!(bench.message(&cancelled.id).await.progress.state, MessageState::Cancelled);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_browser_is_replaced_and_the_rest_goes_on() {
    let bench = started(|_| {}).await;
    let first = bench.accept("before").await;
    bench.until_state(&first.id, MessageState::Sent).await;
    let mut view = bench.registry.watch(&bench.session).unwrap();
    bench.script.say(PageEvent::Gone { reason: Reason::new("browser_gone", "killed") }).await;
    view.wait_for(|view| view.state != SessionState::Ready).await.unwrap();
    let second = bench.accept("after").await;
    bench.until_state(&second.id, MessageState::Sent).await;
    assert_eq!(bench.script.launches.load(std::sync::atomic::Ordering::SeqCst), 2);
    bench.stop().await;
}
