//! What came in, on SQLite and on PostgreSQL: each once, committed with its events, from a cursor on.

use drover::{
    model::{EventKind, MessageKey, NewEvent, SessionName},
    store::{NewInbound, Store, TakenIn, sqlite_url},
};
use serde_json::json;

use crate::backends::postgres::TestPostgres;

const NOW_MS: i64 = 1_800_000_000_000;

fn message(key: &str, body: &str, sent_at_s: i64) -> NewInbound {
    NewInbound {
        session: "main".parse().unwrap(),
        key: key.parse().unwrap(),
        sender: "9@lid".to_owned(),
        kind: "chat".to_owned(),
        body: body.to_owned(),
        sent_at_s,
        payload: json!({"id": key, "body": body}),
    }
}

async fn take_in(store: &Store, new: &NewInbound) -> TakenIn {
    let event = NewEvent { kind: EventKind::Message, session: new.session.clone(), payload: new.payload.clone() };
    store.inbound().take_in(new, &[event], 5, NOW_MS).await.unwrap()
}

async fn each_is_taken_in_once(store: Store) {
    let session: SessionName = "main".parse().unwrap();
    let at = NOW_MS / 1000 - 100;
    let first = message("false_9@lid_3AAAAAAA", "nul \0 and 🐑", at);
    let TakenIn::New(events) = take_in(&store, &first).await else { panic!("it is new") };
    assert_eq!(events.len(), 1);
    assert_eq!(take_in(&store, &first).await, TakenIn::Known);
    let by_number = NewInbound { key: "false_1555@c.us_3AAAAAAA".parse().unwrap(), ..first.clone() };
    assert_eq!(take_in(&store, &by_number).await, TakenIn::Known, "in another form of its chat");

    // The same words: within the window the same, and only of the same person in the same chat.
    let again = |key: &str, sent_at_s| message(key, &first.body, sent_at_s);
    assert_eq!(take_in(&store, &again("false_9@lid_3BBBBBBB", at + 5)).await, TakenIn::SaidBefore);
    assert!(matches!(take_in(&store, &again("false_9@lid_3CCCCCCC", at + 6)).await, TakenIn::New(_)));
    let other = NewInbound { sender: "8@lid".to_owned(), ..again("false_8@lid_3DDDDDDD", at) };
    assert!(matches!(take_in(&store, &other).await, TakenIn::New(_)));
    for key in ["false_9@lid_3EEEEEEE", "false_9@lid_3FFFFFFF"] {
        let without_words = NewInbound { kind: "image".to_owned(), ..message(key, "", at) };
        assert!(matches!(take_in(&store, &without_words).await, TakenIn::New(_)), "pictures have none");
    }
    assert_eq!(store.events().since(0, Some(&session), &[], 100).await.unwrap().len(), 5, "one event of each");
    let found = store.inbound().find(&session, "3AAAAAAA").await.unwrap().unwrap();
    let key: MessageKey = "false_9@lid_3AAAAAAA".parse().unwrap();
    assert_eq!((found.key, found.payload), (key, first.payload));
    assert_eq!(store.inbound().find(&session, "3BBBBBBB").await.unwrap(), None);
}

async fn a_cursor_is_an_accounts_and_never_goes_back(store: Store) {
    let session: SessionName = "main".parse().unwrap();
    let inbound = store.inbound();
    assert_eq!(inbound.cursor(&session, "1@c.us").await.unwrap(), None);
    take_in(&store, &message("false_9@lid_3AAAAAAA", "before", 900)).await;
    assert_eq!(inbound.cursor(&session, "1@c.us").await.unwrap(), None, "nothing makes it but readiness");
    inbound.set_cursor(&session, "1@c.us", 1_000).await.unwrap();
    take_in(&store, &message("false_9@lid_3BBBBBBB", "older", 950)).await;
    assert_eq!(inbound.cursor(&session, "1@c.us").await.unwrap(), Some(1_000));
    take_in(&store, &message("false_9@lid_3CCCCCCC", "newer", 1_050)).await;
    assert_eq!(inbound.cursor(&session, "1@c.us").await.unwrap(), Some(1_050));
    take_in(&store, &message("false_9@lid_3DDDDDDD", "of tomorrow", NOW_MS)).await;
    assert_eq!(inbound.cursor(&session, "1@c.us").await.unwrap(), Some(NOW_MS / 1000), "not ahead of the clock");
    assert_eq!(inbound.cursor(&session, "2@c.us").await.unwrap(), None, "another phone begins anew");
    inbound.forget(&session).await.unwrap();
    assert_eq!(inbound.cursor(&session, "1@c.us").await.unwrap(), None);
    assert_eq!(inbound.find(&session, "3CCCCCCC").await.unwrap(), None);
}

#[tokio::test]
async fn what_came_in_is_kept_once_on_sqlite() {
    for scenario in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&sqlite_url(&folder.path().join("drover.db"))).await.unwrap();
        match scenario {
            0 => each_is_taken_in_once(store.clone()).await,
            _ => a_cursor_is_an_accounts_and_never_goes_back(store.clone()).await,
        }
        store.close().await;
    }
}

#[tokio::test]
async fn what_came_in_is_kept_once_on_postgres() {
    let postgres = TestPostgres::start().await;
    let once = Store::open(&postgres.new_database("once").await).await.unwrap();
    each_is_taken_in_once(once.clone()).await;
    once.close().await;
    let cursor = Store::open(&postgres.new_database("cursor").await).await.unwrap();
    a_cursor_is_an_accounts_and_never_goes_back(cursor.clone()).await;
    cursor.close().await;
}
