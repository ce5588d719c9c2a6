//! What is taken over, what is refused and why, and what a cancellation reaches.

use std::time::Duration;

use drover::{
    config,
    model::{Content, DeadCode, MessageId, MessageState, Priority, message::Schedule},
    outbox::{AcceptError, AcceptOptions, AcceptRequest, CancelOutcome},
    queue::{ClaimAnswer, Settled},
};
use futures::future::join_all;

use crate::backends::{
    house::{House, LONG, START_MS, text},
    settings,
};

const ANNA: &str = "15550000001@c.us";

fn with_key(key: &str) -> AcceptOptions {
    AcceptOptions { idempotency_key: Some(key.to_owned()), ..AcceptOptions::default() }
}

#[tokio::test]
async fn a_message_is_normalised_committed_and_queued() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let schedule = Schedule {
        priority: Priority::High,
        send_at_ms: Some(START_MS + 1_000),
        expires_at_ms: Some(START_MS + 2_000),
    };
    let content = Content::text("hello");
    let asked = ("+1 (555) 000-0001".to_owned(), content.clone(), schedule);
    let accepted = house.try_accept(asked, AcceptOptions::default()).await.unwrap();
    let message = accepted.message;
    assert!(!accepted.replayed);
    assert_eq!((message.chat.as_str(), &message.content, message.schedule), (ANNA, &content, schedule));
    assert_eq!((message.progress.state, message.created_at_ms), (MessageState::Queued, START_MS));
    assert_eq!(house.store.messages().get(&message.id).await.unwrap(), Some(message.clone()));
    assert!(house.drain().await.is_empty(), "not before its time");
    house.clock.advance(1_000);
    assert_eq!(house.drain().await, [message]);
    house.end().await;
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let house = House::new(settings::no_limits()).await;
    let at = |send_at_ms: Option<i64>, expires_at_ms: Option<i64>| {
        let schedule = Schedule { priority: Priority::Normal, send_at_ms, expires_at_ms };
        (ANNA.to_owned(), Content::text("hello"), schedule)
    };
    let id = |id: &str| AcceptOptions { id: Some(id.to_owned()), ..AcceptOptions::default() };
    let none = AcceptOptions::default;
    for (asked, options, expected) in [
        (text("anna", "hello"), none(), "chatId"),
        (text("status@broadcast", "hello"), none(), "chatId"),
        (text(ANNA, ""), none(), "text"),
        (text(ANNA, " \n\t "), none(), "text"),
        (text(ANNA, "a\0b"), none(), "text"),
        (text(ANNA, &"ü".repeat(65_537)), none(), "text"),
        (at(None, Some(START_MS)), none(), "expiresAt"),
        (at(Some(START_MS + 5), Some(START_MS + 5)), none(), "expiresAt"),
        (text(ANNA, "hello"), with_key(""), "Idempotency-Key"),
        (text(ANNA, "hello"), with_key("has space"), "Idempotency-Key"),
        (text(ANNA, "hello"), with_key(&"k".repeat(256)), "Idempotency-Key"),
        (text(ANNA, "hello"), id("3EB0-1"), "id"),
        (text(ANNA, "hello"), id("x"), "id"),
    ] {
        match house.try_accept(asked, options).await {
            Err(AcceptError::InvalidField { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert!(house.store.messages().waiting().await.unwrap().is_empty(), "nothing was kept");
    let longest = text(ANNA, &"ü".repeat(65_536));
    house.try_accept(longest, with_key(&"k".repeat(255))).await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn a_session_must_exist_but_need_not_be_linked() {
    let house = House::new(settings::no_limits()).await;
    let (chat, content, schedule) = text(ANNA, "hello");
    let session = "ghost".parse().unwrap();
    let request = AcceptRequest { session, chat, content, schedule, options: AcceptOptions::default() };
    let error = house.outbox.accept(request, "key-1").await.unwrap_err();
    assert!(matches!(&error, AcceptError::UnknownSession(name) if name.as_str() == "ghost"), "{error:?}");
    assert!(error.to_string().contains("POST /api/sessions"));
    // `main` has no account.
    house.accept(ANNA, "hello").await;
    house.end().await;
}

#[tokio::test]
async fn the_same_request_under_one_key_is_answered_alike_and_another_is_a_conflict() {
    let limits = config::Limits { duplicate_window_s: 300, ..settings::no_limits() };
    let house = House::new(limits).await;
    house.reconcile_once().await;
    let first = house.try_accept(text(ANNA, "hello"), with_key("order-1")).await.unwrap();
    house.clock.advance(1_000);
    // In another spelling of the number.
    let again = house.try_accept(text("+1 555 000 0001", "hello"), with_key("order-1")).await.unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!(again.message, first.message);
    for other in [text(ANNA, "goodbye"), text("15550000002", "hello")] {
        let error = house.try_accept(other, with_key("order-1")).await.unwrap_err();
        assert!(matches!(error, AcceptError::IdempotencyConflict), "{error:?}");
    }
    assert_eq!(house.drain().await.len(), 1);
    // It answers alike after it was sent, too.
    house.store.messages().record_ack(&first.message.id, drover::model::Ack(2)).await.unwrap();
    let late = house.try_accept(text(ANNA, "hello"), with_key("order-1")).await.unwrap();
    assert_eq!((late.replayed, late.message.progress.state), (true, MessageState::Delivered));
    assert!(house.drain().await.is_empty());
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_under_one_key_at_once_one_is_queued() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let requests = (0..20).map(|_| house.try_accept(text(ANNA, "hello"), with_key("same")));
    let answers: Vec<_> = join_all(requests).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|accepted| !accepted.replayed).count(), 1);
    assert!(answers.iter().all(|accepted| accepted.message.id == answers[0].message.id));
    assert_eq!(house.drain().await.len(), 1);
    house.end().await;
}

#[tokio::test]
async fn a_chosen_id_is_kept_in_any_form_and_serves_as_a_key() {
    let house = House::new(settings::no_limits()).await;
    let id = MessageId::choose();
    let chosen = |form: String| AcceptOptions { id: Some(form), ..AcceptOptions::default() };
    let first = house.try_accept(text(ANNA, "hello"), chosen(format!("true_{ANNA}_{id}"))).await.unwrap();
    assert_eq!(first.message.id, id);
    assert!(house.try_accept(text(ANNA, "hello"), chosen(id.to_string())).await.unwrap().replayed);
    let error = house.try_accept(text(ANNA, "other"), chosen(id.to_string())).await.unwrap_err();
    assert!(matches!(error, AcceptError::IdempotencyConflict), "{error:?}");
    house.end().await;
}

#[tokio::test]
async fn the_same_text_is_refused_within_the_window_unless_it_is_wanted() {
    let limits = config::Limits { duplicate_window_s: 300, ..settings::no_limits() };
    let house = House::new(limits).await;
    let first = house.accept(ANNA, "hello").await;
    house.clock.advance(299_000);
    match house.try_accept(text(ANNA, "hello"), AcceptOptions::default()).await {
        Err(AcceptError::DuplicateMessage { earlier, window_s: 300 }) => assert_eq!(earlier.id, first.id),
        other => panic!("{other:?}"),
    }
    let wanted = AcceptOptions { allow_duplicate: true, ..AcceptOptions::default() };
    house.try_accept(text(ANNA, "hello"), wanted).await.unwrap();
    house.accept(ANNA, "Hello").await;
    house.accept("15550000002", "hello").await;
    house.clock.advance(301_000);
    house.accept(ANNA, "hello").await;
    house.end().await;
}

#[tokio::test]
async fn an_api_key_that_hands_in_too_many_is_told_when_to_come_back() {
    let limits = config::Limits { per_key_per_minute: 3, ..settings::no_limits() };
    let house = House::new(limits).await;
    for number in 0..3 {
        house.accept(ANNA, &number.to_string()).await;
    }
    // A request that is refused for its fields costs nothing.
    house.try_accept(text(ANNA, ""), AcceptOptions::default()).await.unwrap_err();
    house.clock.advance(20_000);
    match house.try_accept(text(ANNA, "4"), AcceptOptions::default()).await {
        Err(AcceptError::RateLimited { retry_after }) => assert_eq!(retry_after, Duration::from_secs(40)),
        other => panic!("{other:?}"),
    }
    house.clock.advance(40_000);
    house.accept(ANNA, "4").await;
    house.end().await;
}

#[tokio::test]
async fn with_redis_down_it_is_accepted_at_once_and_queued_when_redis_is_back() {
    let limits = config::Limits { per_key_per_minute: 30, ..settings::no_limits() };
    let mut house = House::new(limits).await;
    let reconciler = house.reconcile_every(Duration::from_secs(3600));
    house.until_loaded().await;
    house.redis.kill();
    let mut links = house.queue.link_changes();
    tokio::time::timeout(LONG, links.wait_for(Option::is_none)).await.unwrap().unwrap();
    let started = std::time::Instant::now();
    let mut accepted = Vec::new();
    for number in 0..5 {
        let message = house.accept(ANNA, &number.to_string()).await;
        assert_eq!(message.progress.state, MessageState::Accepted);
        accepted.push(message.id);
    }
    assert!(started.elapsed() < Duration::from_secs(2), "nobody waits for Redis");
    house.redis.start_again().await;
    house.until_loaded().await;
    let drained = house.drain().await;
    assert_eq!(drained.iter().map(|message| message.id.clone()).collect::<Vec<_>>(), accepted);
    assert!(drained.iter().all(|message| message.progress.state == MessageState::Queued));
    reconciler.stop().await;
    house.end().await;
}

#[tokio::test]
async fn a_redis_that_dies_under_the_enqueue_leaves_an_accepted_row() {
    let mut house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    house.redis.kill();
    // The loss may or may not have been noticed by now: both end alike.
    let message = house.accept(ANNA, "hello").await;
    assert_eq!(message.progress.state, MessageState::Accepted);
    assert_eq!(house.state_of(&message).await, MessageState::Accepted);
    house.end().await;
}

#[tokio::test]
async fn with_the_database_closed_nothing_is_accepted_and_nothing_is_queued() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    house.store.close().await;
    let error = house.try_accept(text(ANNA, "hello"), AcceptOptions::default()).await.unwrap_err();
    assert!(matches!(error, AcceptError::Store(_)), "{error:?}");
    assert_eq!(house.queue.depth(&house.session).await.unwrap(), Some(0));
    house.end().await;
}

#[tokio::test]
async fn what_waits_is_cancelled_and_never_sent() {
    let mut house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let first = house.accept(ANNA, "1").await;
    let second = house.accept(ANNA, "2").await;
    assert_eq!(house.outbox.cancel(&first.id).await.unwrap(), CancelOutcome::Cancelled);
    let again = house.outbox.cancel(&first.id).await.unwrap();
    assert_eq!(again, CancelOutcome::TooLate(MessageState::Cancelled));
    assert_eq!(house.outbox.cancel(&MessageId::choose()).await.unwrap(), CancelOutcome::Unknown);
    assert_eq!(house.queue.depth(&house.session).await.unwrap(), Some(1));
    assert_eq!(house.drain().await.iter().map(|message| &message.id).collect::<Vec<_>>(), [&second.id]);

    // With Redis down the row decides.
    let third = house.accept(ANNA, "3").await;
    house.redis.kill();
    assert_eq!(house.outbox.cancel(&third.id).await.unwrap(), CancelOutcome::Cancelled);
    assert_eq!(house.state_of(&third).await, MessageState::Cancelled);
    house.end().await;
}

#[tokio::test]
async fn what_a_sender_holds_is_cancelled_up_to_the_moment_of_its_attempt() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let message = house.accept(ANNA, "hello").await;
    let ClaimAnswer::Claimed(claim) = house.queue.claim(&house.session).await.unwrap() else { panic!("it waits") };
    assert_eq!(house.outbox.cancel(&message.id).await.unwrap(), CancelOutcome::Cancelled);
    let key = format!("true_{ANNA}_{}_out", message.id).parse().unwrap();
    assert_eq!(house.store.attempts().begin(&message.id, &key, START_MS).await.unwrap(), None, "it must not be sent");
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    assert_eq!(house.state_of(&message).await, MessageState::Cancelled);

    let message = house.accept(ANNA, "again").await;
    let ClaimAnswer::Claimed(claim) = house.queue.claim(&house.session).await.unwrap() else { panic!("it waits") };
    let key = format!("true_{ANNA}_{}_out", message.id).parse().unwrap();
    assert_eq!(house.store.attempts().begin(&message.id, &key, START_MS).await.unwrap(), Some(1));
    let late = house.outbox.cancel(&message.id).await.unwrap();
    assert_eq!(late, CancelOutcome::TooLate(MessageState::Sending));
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    house.end().await;
}

#[tokio::test]
async fn a_dead_letter_is_revived_into_the_queue() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let message = house.accept(ANNA, "hello").await;
    let ClaimAnswer::Claimed(claim) = house.queue.claim(&house.session).await.unwrap() else { panic!("it waits") };
    assert!(!house.outbox.revive(&message.id).await.unwrap(), "it is none");
    house.store.messages().bury(&message.id, DeadCode::AttemptsSpent, "no").await.unwrap();
    assert_eq!(claim.bury_spent().await.unwrap(), Settled::Done);
    assert!(house.outbox.revive(&message.id).await.unwrap());
    assert_eq!(house.state_of(&message).await, MessageState::Queued);
    let ClaimAnswer::Claimed(claim) = house.queue.claim(&house.session).await.unwrap() else { panic!("it is back") };
    assert_eq!((&claim.id, claim.deliveries), (&message.id, 1));
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    house.end().await;
}
