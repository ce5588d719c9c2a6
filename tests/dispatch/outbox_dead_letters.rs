//! Dead letters tried again and removed; a queue that is cleared; the limit of an API key without Redis.

use std::time::Duration;

use drover::{
    config,
    model::{AttemptOutcome, DeadCode, MessageState, OutboundMessage},
    outbox::{AcceptError, AcceptOptions},
    queue::ClaimAnswer,
    store::CheckedNumber,
};

use crate::backends::{
    house::{House, LONG, START_MS, text},
    settings,
};

const ANNA: &str = "15550000001@c.us";

async fn give_up(house: &House, message: &OutboundMessage, code: DeadCode) {
    let ClaimAnswer::Claimed(claim) = house.queue.claim(&house.session).await.unwrap() else { panic!("it waits") };
    assert_eq!(claim.id, message.id);
    let key = format!("true_{ANNA}_{}_out", message.id).parse().unwrap();
    let attempts = house.store.attempts();
    let number = attempts.begin(&message.id, &key, START_MS).await.unwrap().unwrap();
    attempts.finish(&message.id, number, AttemptOutcome::Failed, Some("no")).await.unwrap();
    assert!(house.store.messages().bury(&message.id, code, "no").await.unwrap());
    let _ = claim.bury().await.unwrap();
}

#[tokio::test]
async fn what_is_tried_again_has_all_its_attempts_anew_and_keeps_its_history() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let message = house.accept(ANNA, "hello").await;
    for round in 1..=2 {
        give_up(&house, &message, DeadCode::AttemptsSpent).await;
        assert!(house.outbox.revive(&message.id).await.unwrap());
        let progress = house.store.messages().get(&message.id).await.unwrap().unwrap().progress;
        assert_eq!((progress.state, &progress.error), (MessageState::Queued, &None));
        assert_eq!((progress.attempts.len(), progress.counted_attempts().len()), (round, 0));
    }
    assert!(!house.outbox.revive(&message.id).await.unwrap(), "it is no dead letter any more");
    assert_eq!(house.drain().await.len(), 1);
    house.end().await;
}

#[tokio::test]
async fn all_dead_letters_are_tried_again_or_removed() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let mut dead = Vec::new();
    for number in 0..450 {
        let message = house.accept(&format!("1555000{number:04}"), "hello").await;
        house.store.messages().bury(&message.id, DeadCode::Refused, "no").await.unwrap();
        dead.push(message);
    }
    // Their claims find settled rows.
    while let ClaimAnswer::Claimed(claim) = house.queue.claim(&house.session).await.unwrap() {
        let _ = claim.void().await.unwrap();
    }
    assert_eq!(house.outbox.revive_all(Some(&house.session)).await.unwrap(), 450);
    assert_eq!(house.outbox.revive_all(None).await.unwrap(), 0);
    assert_eq!(house.drain().await.len(), 450);
    for message in &dead {
        house.store.messages().bury(&message.id, DeadCode::Refused, "no").await.unwrap();
    }
    assert!(house.outbox.remove_dead(&dead[0].id).await.unwrap());
    assert!(!house.outbox.remove_dead(&dead[0].id).await.unwrap());
    assert_eq!(house.store.messages().get(&dead[0].id).await.unwrap(), None);
    let other = "other".parse().unwrap();
    assert_eq!(house.outbox.remove_all_dead(Some(&other)).await.unwrap(), 0);
    assert_eq!(house.outbox.remove_all_dead(None).await.unwrap(), 449);
    assert!(house.store.messages().dead(None, 10).await.unwrap().is_empty());
    house.end().await;
}

#[tokio::test]
async fn a_number_that_was_refused_is_asked_for_again_when_its_message_is_tried_again() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let (numbers, message) = (house.store.numbers(), house.accept(ANNA, "hello").await);
    let phone = message.chat.phone().unwrap();
    numbers.put(&phone, &CheckedNumber { chat: None, checked_at_ms: START_MS }).await.unwrap();
    give_up(&house, &message, DeadCode::NotOnWhatsapp).await;
    assert!(house.outbox.revive(&message.id).await.unwrap());
    assert_eq!(numbers.get(&phone, 0).await.unwrap(), None);
    house.end().await;
}

#[tokio::test]
async fn answers_about_numbers_end_and_are_bounded() {
    let house = House::new(settings::no_limits()).await;
    let numbers = house.store.numbers();
    let phone = |number: i64| format!("155500000{number:02}").parse().unwrap();
    for number in 0..20 {
        let chat = (number % 2 == 0).then(|| format!("9{number}@lid").parse().unwrap());
        numbers.put(&phone(number), &CheckedNumber { chat, checked_at_ms: START_MS + number }).await.unwrap();
    }
    let known = numbers.get(&phone(4), START_MS).await.unwrap().unwrap();
    assert_eq!((known.chat.unwrap().as_str(), known.checked_at_ms), ("94@lid", START_MS + 4));
    assert_eq!(numbers.get(&phone(5), START_MS).await.unwrap().unwrap().chat, None);
    assert_eq!(numbers.get(&phone(5), START_MS + 5).await.unwrap(), None, "its time is over");
    assert_eq!(numbers.prune(START_MS + 4, 100).await.unwrap(), 5);
    assert_eq!(numbers.prune(0, 9).await.unwrap(), 5);
    assert_eq!(numbers.get(&phone(9), 0).await.unwrap(), None);
    assert!(numbers.get(&phone(10), 0).await.unwrap().is_some());
    house.end().await;
}

#[tokio::test]
async fn a_cleared_queue_is_empty_but_for_what_a_sender_holds() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let held = house.accept(ANNA, "held").await;
    let ClaimAnswer::Claimed(claim) = house.queue.claim(&house.session).await.unwrap() else { panic!("it waits") };
    house.store.messages().set_state(&held.id, MessageState::Claimed).await.unwrap();
    for number in 0..1_200 {
        house.accept(&format!("1555{:07}", number % 7), &number.to_string()).await;
    }
    assert_eq!(house.outbox.clear(&house.session).await.unwrap(), 1_200);
    assert_eq!(house.queue.depth(&house.session).await.unwrap(), Some(1));
    let _ = claim.ack().await.unwrap();
    let after = house.accept(ANNA, "after").await;
    assert_eq!(house.drain().await.iter().map(|message| &message.id).collect::<Vec<_>>(), [&after.id]);
    house.end().await;
}

#[tokio::test]
async fn the_limit_of_an_api_key_is_held_without_redis_too() {
    let limits = config::Limits { per_key_per_minute: 4, ..settings::no_limits() };
    let mut house = House::new(limits).await;
    house.accept(ANNA, "1").await;
    house.redis.kill();
    let mut links = house.queue.link_changes();
    tokio::time::timeout(LONG, links.wait_for(Option::is_none)).await.unwrap().unwrap();
    for number in 2..=4 {
        house.accept(ANNA, &number.to_string()).await;
    }
    match house.try_accept(text(ANNA, "5"), AcceptOptions::default()).await {
        Err(AcceptError::RateLimited { retry_after }) => assert!(retry_after > Duration::from_secs(59)),
        other => panic!("{other:?}"),
    }
    house.clock.advance(61_000);
    house.accept(ANNA, "6").await;
    house.end().await;
}
