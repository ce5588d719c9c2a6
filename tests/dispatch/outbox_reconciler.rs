//! Redis is brought to what the database holds, whatever became of it.

use std::time::Duration;

use drover::{
    model::{Ack, DeadCode, EventKind, MessageId, MessageState, OutboundMessage, message::Schedule},
    outbox::AcceptOptions,
    queue::{ClaimAnswer, WaitCause},
    store::{Inserted, Store},
};
use tokio::time::timeout;

use crate::backends::{
    house::{House, LONG, START_MS, text},
    rows, settings,
};

const ANNA: &str = "15550000001@c.us";
const RARELY: Duration = Duration::from_secs(3600);

/// A committed row of which Redis knows nothing, as a crash between commit and enqueue leaves it.
async fn row(store: &Store, house: &House, body: &str) -> OutboundMessage {
    let message = rows::message(&house.session, ANNA, body, START_MS);
    match store.messages().insert(&rows::new(&message)).await.unwrap() {
        Inserted::New(message) => message,
        other => panic!("{other:?}"),
    }
}

fn ids(messages: &[OutboundMessage]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id.clone()).collect()
}

#[tokio::test]
async fn every_unsettled_row_is_queued_at_the_start_in_the_order_of_its_chat_and_no_settled_one_moves() {
    let house = House::new(settings::no_limits()).await;
    let messages = house.store.messages();
    let mut waiting = Vec::new();
    for state in [MessageState::Accepted, MessageState::Queued, MessageState::Claimed, MessageState::Sending] {
        let message = row(&house.store, &house, state.as_str()).await;
        messages.set_state(&message.id, state).await.unwrap();
        waiting.push(message.id);
    }
    let sent = row(&house.store, &house, "sent").await;
    messages.record_ack(&sent.id, Ack(1)).await.unwrap();
    let dead = row(&house.store, &house, "dead").await;
    messages.bury(&dead.id, DeadCode::Refused, "no").await.unwrap();
    let cancelled = row(&house.store, &house, "cancelled").await;
    messages.cancel(&cancelled.id).await.unwrap();

    let reconciler = house.reconcile_every(RARELY);
    house.until_loaded().await;
    reconciler.stop().await;
    assert_eq!(ids(&house.drain().await), waiting);
    assert_eq!(house.state_of(&sent).await, MessageState::Sent);
    assert_eq!(house.state_of(&dead).await, MessageState::Dead);
    assert_eq!(house.state_of(&cancelled).await, MessageState::Cancelled);
    let states: Vec<MessageState> = {
        let mut states = Vec::new();
        for id in &waiting {
            states.push(messages.get(id).await.unwrap().unwrap().progress.state);
        }
        states
    };
    use MessageState::{Claimed, Queued, Sending};
    assert_eq!(states, [Queued, Queued, Claimed, Sending], "only what Redis did not know became queued");
    house.end().await;
}

#[tokio::test]
async fn more_rows_than_a_page_are_all_queued_once() {
    let house = House::new(settings::no_limits()).await;
    let mut rows = Vec::new();
    for number in 0..1_203 {
        let message = rows::message(&house.session, &format!("1555000{:04}@c.us", number % 97), "hello", START_MS);
        rows.push(message);
    }
    let store = &house.store;
    let inserts = rows.iter().map(|message| async move { store.messages().insert(&rows::new(message)).await.unwrap() });
    futures::future::join_all(inserts).await;
    house.reconcile_once().await;
    assert_eq!(house.queue.depth(&house.session).await.unwrap(), Some(1_203));
    let mut drained = ids(&house.drain().await);
    drained.sort();
    drained.dedup();
    assert_eq!(drained.len(), 1_203);
    house.end().await;
}

#[tokio::test]
async fn a_flush_in_mid_run_loses_nothing_and_keeps_the_order() {
    let house = House::new(settings::no_limits()).await;
    let reconciler = house.reconcile_every(RARELY);
    house.until_loaded().await;
    let mut sent = Vec::new();
    let mut accepted = Vec::new();
    for round in 0..8 {
        for number in 0..5 {
            accepted.push(house.accept(ANNA, &format!("{round}-{number}")).await.id);
        }
        let mut held = None;
        for _ in 0..3 {
            match house.queue.claim(&house.session).await.unwrap() {
                ClaimAnswer::Claimed(claim) => {
                    house.store.messages().record_ack(&claim.id, Ack(1)).await.unwrap();
                    sent.push(claim.id.clone());
                    // The last one is sent, but Redis is emptied before it is settled.
                    if sent.len().is_multiple_of(3) {
                        held = Some(claim);
                    } else {
                        let _ = claim.ack().await.unwrap();
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        let _: String = house.redis.command(&["FLUSHALL"]).await;
        // A claim finds it closed and asks for the load, as an enqueue does.
        let answer = house.queue.claim(&house.session).await.unwrap();
        let is_closed_or_loaded = match &answer {
            ClaimAnswer::AskAgain { why, .. } => *why == WaitCause::Loading,
            ClaimAnswer::Claimed(_) => true,
        };
        assert!(is_closed_or_loaded, "{answer:?}");
        house.until_loaded().await;
        if let Some(claim) = held {
            let _ = claim.ack().await.unwrap();
        }
    }
    house.clock.advance(60_000);
    for message in house.drain().await {
        if !message.progress.state.is_settled() {
            sent.push(message.id);
        }
    }
    assert_eq!(sent, accepted, "each once, in order");
    reconciler.stop().await;
    house.end().await;
}

#[tokio::test]
async fn a_killed_redis_comes_back_with_everything() {
    let mut house = House::new(settings::no_limits()).await;
    let reconciler = house.reconcile_every(RARELY);
    house.until_loaded().await;
    let mut accepted = Vec::new();
    for round in 0..3 {
        for number in 0..5 {
            accepted.push(house.accept(ANNA, &format!("{round}-{number}")).await.id);
        }
        house.redis.kill();
        for number in 5..8 {
            accepted.push(house.accept(ANNA, &format!("{round}-{number}")).await.id);
        }
        house.redis.start_again().await;
        house.until_loaded().await;
    }
    assert_eq!(ids(&house.drain().await), accepted);
    reconciler.stop().await;
    house.end().await;
}

#[tokio::test]
async fn one_lost_message_is_found_by_the_count() {
    let house = House::new(settings::no_limits()).await;
    let reconciler = house.reconcile_every(Duration::from_millis(20));
    house.until_loaded().await;
    // A row whose enqueue never came, while the queue is open.
    let message = row(&house.store, &house, "hello").await;
    let found = async {
        while house.state_of(&message).await != MessageState::Queued {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, found).await.expect("the next pass finds it");
    assert_eq!(ids(&house.drain().await), [message.id]);
    reconciler.stop().await;
    house.end().await;
}

#[tokio::test]
async fn a_session_that_comes_later_is_loaded_when_it_is_used() {
    let house = House::new(settings::no_limits()).await;
    let reconciler = house.reconcile_every(RARELY);
    house.until_loaded().await;
    let late = rows::session("late");
    house.store.sessions().insert(&late).await.unwrap();
    let waker = house.queue.waker(&late.name);
    let answer = house.queue.claim(&late.name).await.unwrap();
    assert!(matches!(answer, ClaimAnswer::AskAgain { why: WaitCause::Loading, .. }), "{answer:?}");
    timeout(LONG, waker.notified()).await.expect("woken when it is loaded");
    let answer = house.queue.claim(&late.name).await.unwrap();
    assert!(matches!(answer, ClaimAnswer::AskAgain { why: WaitCause::Empty, .. }), "{answer:?}");
    reconciler.stop().await;
    house.end().await;
}

#[tokio::test]
async fn what_is_overdue_expires_and_is_told_and_what_is_being_sent_does_not() {
    let house = House::new(settings::no_limits()).await;
    let reconciler = house.reconcile_every(Duration::from_millis(20));
    house.until_loaded().await;
    let mut events = house.events.subscribe();
    let soon = Schedule { expires_at_ms: Some(START_MS + 1_000), ..Schedule::default() };
    let (chat, content, _) = text(ANNA, "hello");
    let sending = house.try_accept((chat.clone(), content.clone(), soon), AcceptOptions::default()).await.unwrap();
    let waiting = house.try_accept((chat, content, soon), AcceptOptions::default()).await.unwrap();
    let key = format!("true_{ANNA}_{}_out", sending.message.id).parse().unwrap();
    let ClaimAnswer::Claimed(claim) = house.queue.claim(&house.session).await.unwrap() else { panic!("it waits") };
    assert_eq!(claim.id, sending.message.id);
    house.store.attempts().begin(&claim.id, &key, START_MS).await.unwrap();

    house.clock.advance(1_000);
    let event = timeout(LONG, events.recv()).await.expect("it is told").unwrap();
    assert_eq!(event.event.kind, EventKind::MessageDead);
    assert_eq!(event.event.payload["error"]["code"], "expired");
    assert_eq!(event.event.payload["id"], waiting.message.id.public(&waiting.message.chat));
    assert_eq!(house.state_of(&waiting.message).await, MessageState::Expired);
    assert_eq!(house.state_of(&sending.message).await, MessageState::Sending);
    let _ = claim.ack().await.unwrap();
    assert!(house.drain().await.is_empty(), "it is out of the queue");
    reconciler.stop().await;
    assert!(events.try_recv().is_err(), "told once");
    house.end().await;
}

#[tokio::test]
async fn with_redis_down_what_is_overdue_expires_all_the_same() {
    let mut house = House::new(settings::no_limits()).await;
    let reconciler = house.reconcile_every(Duration::from_millis(20));
    house.until_loaded().await;
    house.redis.kill();
    let soon = Schedule { expires_at_ms: Some(START_MS + 1_000), ..Schedule::default() };
    let (chat, content, _) = text(ANNA, "hello");
    let message = house.try_accept((chat, content, soon), AcceptOptions::default()).await.unwrap().message;
    house.clock.advance(1_000);
    let expired = async {
        while house.state_of(&message).await != MessageState::Expired {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, expired).await.expect("it expires");
    reconciler.stop().await;
    house.end().await;
}

#[tokio::test]
async fn messages_of_a_deleted_session_are_given_up() {
    let house = House::new(settings::no_limits()).await;
    let gone = rows::session("gone");
    house.store.sessions().insert(&gone).await.unwrap();
    let message = rows::message(&gone.name, ANNA, "hello", START_MS);
    house.store.messages().insert(&rows::new(&message)).await.unwrap();
    house.store.sessions().delete(&gone.name).await.unwrap();
    let kept = row(&house.store, &house, "hello").await;
    house.reconcile_once().await;
    let buried = house.store.messages().get(&message.id).await.unwrap().unwrap();
    assert_eq!(buried.progress.state, MessageState::Dead);
    assert_eq!(buried.progress.error.map(|(code, _)| code), Some(DeadCode::SessionDeleted));
    assert_eq!(ids(&house.drain().await), [kept.id]);
    house.end().await;
}

#[tokio::test]
async fn it_stops_while_it_is_at_work_and_while_redis_is_away() {
    let mut house = House::new(settings::no_limits()).await;
    house.reconcile_every(RARELY).stop().await;
    house.redis.kill();
    house.reconcile_every(RARELY).stop().await;
    house.end().await;
}
