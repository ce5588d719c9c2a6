//! The tables of webhooks, on SQLite and on PostgreSQL.

use drover::{
    model::{Event, EventKind, NewEvent},
    store::{Delivery, DeliveryProgress, DeliveryState, LaneKey, Store, sqlite_url},
};
use serde_json::json;

use crate::backends::postgres::TestPostgres;

fn lane(webhook: &str) -> LaneKey {
    LaneKey { webhook: webhook.to_owned(), session: "main".parse().unwrap() }
}

fn failed(lane: &LaneKey, seq: i64) -> Delivery {
    let event =
        NewEvent { kind: EventKind::Message, session: lane.session.clone(), payload: json!({ "body": "🐑 'x'" }) };
    Delivery {
        id: format!("dlv_{seq}"),
        lane: lane.clone(),
        event: Event { seq, at_ms: 5, event },
        progress: DeliveryProgress {
            state: DeliveryState::Waiting,
            attempts: 1,
            due_at_ms: 2_000,
            failure: Some(("timeout".to_owned(), "no answer".to_owned())),
            updated_at_ms: 1_000 + seq,
        },
    }
}

async fn cursors_rise_and_failures_wait_die_and_come_back(store: Store) {
    let (webhooks, deliveries) = (store.webhooks(), store.deliveries());
    let (one, other) = (lane("wh_1"), lane("wh_2"));
    webhooks.open(vec![(one.clone(), 3), (other.clone(), 4)]).await.unwrap();
    webhooks.open(vec![(one.clone(), 9)]).await.unwrap();
    assert_eq!(
        webhooks.list().await.unwrap(),
        [(one.clone(), 3), (other.clone(), 4)],
        "one that is there keeps its own"
    );
    webhooks.advance(vec![(one.clone(), 7), (other.clone(), 2)]).await.unwrap();
    assert_eq!(
        webhooks.of_session(&one.session).await.unwrap(),
        [(one.clone(), 7), (other.clone(), 4)],
        "none goes back"
    );

    let mut delivery = failed(&one, 8);
    deliveries.keep(&delivery).await.unwrap();
    deliveries.keep(&failed(&other, 6)).await.unwrap();
    assert_eq!(deliveries.waiting(&one).await.unwrap(), [delivery.clone()]);
    assert!(!deliveries.delete_dead(&delivery.id).await.unwrap(), "it is not dead yet");
    delivery.progress.attempts = 2;
    delivery.progress.state = DeliveryState::Dead;
    deliveries.keep(&delivery).await.unwrap();
    assert_eq!(webhooks.of_session(&one.session).await.unwrap()[0].1, 8, "the lane goes on");
    assert_eq!(deliveries.dead(None, 10).await.unwrap(), [delivery.clone()]);
    assert_eq!(deliveries.dead(Some(&one.session), 10).await.unwrap().len(), 1);
    assert!(deliveries.dead(Some(&"else".parse().unwrap()), 10).await.unwrap().is_empty());

    assert!(deliveries.revive(&delivery.id, 9_000).await.unwrap());
    assert!(!deliveries.revive(&delivery.id, 9_000).await.unwrap());
    let revived = deliveries.get(&delivery.id).await.unwrap().unwrap();
    assert_eq!((revived.progress.attempts, revived.progress.due_at_ms), (0, 9_000));
    deliveries.settle(&revived).await.unwrap();
    assert_eq!(deliveries.get(&delivery.id).await.unwrap(), None);

    let mut dead = failed(&other, 5);
    dead.progress.state = DeliveryState::Dead;
    deliveries.keep(&dead).await.unwrap();
    webhooks.remove(&other).await.unwrap();
    assert_eq!(webhooks.list().await.unwrap(), [(one, 8)]);
    assert!(deliveries.waiting(&other).await.unwrap().is_empty(), "what waits goes with its lane");
    assert!(deliveries.delete_dead(&dead.id).await.unwrap(), "a dead letter stays");
    assert!(!deliveries.delete_dead(&dead.id).await.unwrap());
}

async fn what_waits_behind_a_cursor_is_counted(store: Store) {
    let session = lane("wh_1").session;
    for kind in [EventKind::Message, EventKind::Qr, EventKind::Message, EventKind::Message] {
        let event = NewEvent { kind, session: session.clone(), payload: json!({}) };
        store.events().append(&event, 1).await.unwrap();
    }
    let events = store.events();
    assert_eq!(events.count_since(0, &session, &[], 100).await.unwrap(), 4);
    assert_eq!(events.count_since(1, &session, &[EventKind::Message], 100).await.unwrap(), 2);
    assert_eq!(events.count_since(0, &session, &[], 3).await.unwrap(), 3, "up to some");
    assert_eq!(events.count_since(0, &"else".parse().unwrap(), &[], 100).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_kept_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let open = async |name: &str| Store::open(&sqlite_url(&folder.path().join(name))).await.unwrap();
    cursors_rise_and_failures_wait_die_and_come_back(open("one.db").await).await;
    what_waits_behind_a_cursor_is_counted(open("two.db").await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_kept_on_postgres() {
    let postgres = TestPostgres::start().await;
    let open = async |name: &str| Store::open(&postgres.new_database(name).await).await.unwrap();
    let (one, two) = (open("one").await, open("two").await);
    cursors_rise_and_failures_wait_die_and_come_back(one.clone()).await;
    what_waits_behind_a_cursor_is_counted(two.clone()).await;
    one.close().await;
    two.close().await;
}
