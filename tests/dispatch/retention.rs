//! What is too old goes, some at a time, and nothing that is still needed; on both databases. And one round of the sweeper.

use std::{collections::HashMap, sync::Arc};

use drover::{
    config,
    model::*,
    retention::Sweeper,
    store::{Delivery, DeliveryProgress, DeliveryState, LaneKey, NewInbound, Store, Swept, sqlite_url},
};
use serde_json::json;

use crate::{
    backends::{
        hooks::{self, Hooks, happen},
        house::{House, LONG},
        postgres::TestPostgres,
        rows::{self, message, new},
        settings,
    },
    receiver::{Answer, Receiver},
};

const CHAT: &str = "15551234567@c.us";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// What is older goes.
const BEFORE_MS: i64 = 100 * DAY_MS;
const OLD_MS: i64 = BEFORE_MS - DAY_MS;
const NEW_MS: i64 = BEFORE_MS + 1;

async fn settled_messages_go(store: Store) {
    let session = rows::session("main");
    store.sessions().insert(&session).await.unwrap();
    let messages = store.messages();
    let mut kept = Vec::new();
    let mut gone = Vec::new();
    let put = async |at_ms: i64, send_at_ms: Option<i64>, state: MessageState| {
        let mut given = message(&session.name, CHAT, "text", at_ms);
        given.schedule.send_at_ms = send_at_ms;
        let mut row = new(&given);
        row.idempotency_key = Some(given.id.to_string());
        messages.insert(&row).await.unwrap();
        match state {
            MessageState::Cancelled => {
                messages.cancel(&given.id).await.unwrap();
            }
            MessageState::Dead => {
                messages.bury(&given.id, DeadCode::Refused, "no").await.unwrap();
            }
            _ => {}
        }
        given.id
    };
    for number in 0..5 {
        gone.push(put(OLD_MS + number, None, MessageState::Cancelled).await);
    }
    gone.push(put(OLD_MS + 10, None, MessageState::Dead).await);
    kept.push(put(OLD_MS + 11, None, MessageState::Accepted).await);
    kept.push(put(OLD_MS + 12, Some(NEW_MS), MessageState::Cancelled).await);
    kept.push(put(NEW_MS, None, MessageState::Cancelled).await);
    let tried = put(OLD_MS + 13, None, MessageState::Accepted).await;
    let key: MessageKey = format!("true_90001@lid_{tried}_out").parse().unwrap();
    store.attempts().begin(&tried, &key, NEW_MS).await.unwrap();
    messages.bury(&tried, DeadCode::Refused, "no").await.unwrap();
    kept.push(tried);

    let rows = store.retention();
    let mut removed = Vec::new();
    loop {
        removed.push(rows.remove_messages(BEFORE_MS, 4).await.unwrap());
        if removed.last() != Some(&4) {
            break;
        }
    }
    assert_eq!(removed, [4, 2], "some at a time");
    for id in &gone {
        assert_eq!(messages.get(id).await.unwrap(), None);
    }
    for id in &kept {
        assert!(messages.get(id).await.unwrap().is_some(), "{id} is needed");
    }
    // With its message a key is forgotten, and may be used again.
    let mut again = new(&message(&session.name, CHAT, "text", NEW_MS));
    again.idempotency_key = Some(gone[0].to_string());
    assert!(matches!(messages.insert(&again).await.unwrap(), drover::store::Inserted::New(_)));
}

async fn what_came_in_goes_unless_a_page_could_bring_it_again(store: Store) {
    let put = async |session: &str, id: &str, at_ms: i64| {
        let new = NewInbound {
            session: session.parse().unwrap(),
            key: format!("false_9@lid_{id}").parse().unwrap(),
            sender: "9@lid".to_owned(),
            kind: "chat".to_owned(),
            body: id.to_owned(),
            sent_at_s: at_ms / 1000,
            payload: json!({}),
        };
        store.inbound().take_in(&new, &[], 0, at_ms).await.unwrap();
    };
    let (main, still): (SessionName, SessionName) = ("main".parse().unwrap(), "still".parse().unwrap());
    store.inbound().set_cursor(&main, "1@c.us", BEFORE_MS / 1000).await.unwrap();
    // A session that has been stopped since: its page will be asked for what came since then.
    store.inbound().set_cursor(&still, "2@c.us", 1).await.unwrap();
    put("main", "3AAAAAAA", OLD_MS).await;
    put("main", "3BBBBBBB", NEW_MS).await;
    put("still", "3CCCCCCC", OLD_MS - 2 * DAY_MS).await;
    put("still", "3DDDDDDD", OLD_MS).await;
    assert_eq!(store.retention().remove_inbound(BEFORE_MS, 10).await.unwrap(), 2);
    let find = async |session: &SessionName, id: &str| store.inbound().find(session, id).await.unwrap().is_some();
    assert!(!find(&main, "3AAAAAAA").await && find(&main, "3BBBBBBB").await);
    assert!(!find(&still, "3CCCCCCC").await && find(&still, "3DDDDDDD").await, "its last hour stays");
}

async fn events_and_dead_deliveries_go(store: Store) {
    let event = |session: &str| NewEvent { kind: EventKind::Qr, session: session.parse().unwrap(), payload: json!({}) };
    for number in 0..10 {
        store.events().append(&event(if number % 2 == 0 { "main" } else { "other" }), OLD_MS).await.unwrap();
    }
    for _ in 0..3 {
        store.events().append(&event("main"), NEW_MS).await.unwrap();
    }
    let needed = HashMap::from([("other".parse().unwrap(), 5)]);
    let rows = store.retention();
    let first = rows.remove_events(0, BEFORE_MS, &needed, 6).await.unwrap();
    assert_eq!(first, Swept { removed: 5, looked_to: Some(6) }, "the sixth waits for a webhook");
    let second = rows.remove_events(6, BEFORE_MS, &needed, 6).await.unwrap();
    assert_eq!(second, Swept { removed: 2, looked_to: None });
    let left: Vec<i64> = store.events().since(0, None, &[], 100).await.unwrap().iter().map(|event| event.seq).collect();
    assert_eq!(left, [6, 8, 10, 11, 12, 13]);
    assert_eq!(rows.remove_events(0, BEFORE_MS, &HashMap::new(), 6).await.unwrap().removed, 3);
    assert_eq!(store.events().append(&event("main"), NEW_MS).await.unwrap().seq, 14, "numbers go on");

    let delivery = |id: &str, state, updated_at_ms| Delivery {
        id: id.to_owned(),
        lane: LaneKey { webhook: "wh_1".to_owned(), session: "main".parse().unwrap() },
        event: Event { seq: 1, at_ms: 1, event: event("main") },
        progress: DeliveryProgress { state, attempts: 1, due_at_ms: 1, failure: None, updated_at_ms },
    };
    for (id, state, at_ms) in [
        ("old", DeliveryState::Dead, OLD_MS),
        ("new", DeliveryState::Dead, NEW_MS),
        ("waiting", DeliveryState::Waiting, OLD_MS),
    ] {
        store.deliveries().keep(&delivery(id, state, at_ms)).await.unwrap();
    }
    assert_eq!(rows.remove_dead_deliveries(BEFORE_MS, 10).await.unwrap(), 1);
    assert_eq!(store.deliveries().get("old").await.unwrap(), None);
    assert!(store.deliveries().get("new").await.unwrap().is_some());
    assert!(store.deliveries().get("waiting").await.unwrap().is_some());
}

async fn each(store: impl AsyncFn(&'static str) -> Store) {
    for scenario in ["messages", "inbound", "events"] {
        let store = store(scenario).await;
        match scenario {
            "messages" => settled_messages_go(store.clone()).await,
            "inbound" => what_came_in_goes_unless_a_page_could_bring_it_again(store.clone()).await,
            _ => events_and_dead_deliveries_go(store.clone()).await,
        }
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_goes_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    each(async |name| Store::open(&sqlite_url(&folder.path().join(name))).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_goes_on_postgres() {
    let postgres = TestPostgres::start().await;
    each(async |name| Store::open(&postgres.new_database(name).await).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stays_until_its_webhook_took_it() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Receiver::start();
    receiver.answer(|_| Answer::Status(500, String::new()));
    let mut with = hooks::settings();
    with.retry_delay_s = 1_000;
    let hooks = Hooks::start(&house, &with).await;
    let webhook = json!([{ "url": receiver.url("/"), "events": ["message"] }]);
    hooks.configure(&house, &house.session, webhook).await;
    happen(&house, &house.session, EventKind::Qr, json!({})).await;
    let waits = happen(&house, &house.session, EventKind::Message, json!({})).await;
    let receiver = Arc::new(receiver);
    let tried = Arc::clone(&receiver);
    let wait = move || drop(tried.wait_for("a first try", LONG, |received| !received.is_empty()));
    tokio::task::spawn_blocking(wait).await.unwrap();
    house.clock.advance(31 * DAY_MS);
    let retention =
        config::Retention { media_days: 0, media_bytes: 0, messages_days: 90, events_days: 30, audit_days: 0 };
    let sweeper = Sweeper::new(house.store.clone(), hooks.webhooks.clone(), house.clock.clone(), retention);
    sweeper.sweep().await.unwrap();
    let left = house.store.events().since(0, None, &[], 100).await.unwrap();
    assert!(left.iter().any(|event| event.seq == waits), "nobody has taken it: {left:?}");

    receiver.answer(|_| Answer::ok());
    house.clock.advance(1_000_000);
    let swept = async {
        while !house.store.events().since(0, None, &[], 100).await.unwrap().is_empty() {
            sweeper.sweep().await.unwrap();
        }
    };
    tokio::time::timeout(LONG, swept).await.expect("what was taken goes");
    hooks.stop().await;
    house.end().await;
}
