//! Many messages that come at once are taken over together, and each as if it had come alone: on SQLite and on PostgreSQL.

use std::collections::HashMap;

use drover::{
    model::OutboundMessage,
    store::{Inserted, NewMessage, Page, Store, StoreError, sqlite_url},
};
use futures::future::join_all;
use tokio::task::unconstrained;

use crate::backends::{
    postgres::TestPostgres,
    rows::{message, new, session},
};

/// Hands in all of them in this order, before any is answered.
async fn hand_in(store: &Store, all: Vec<NewMessage>) -> Vec<Result<Inserted, StoreError>> {
    let messages = store.messages();
    // Unconstrained: the runtime would else break in between, and hand in others first.
    unconstrained(join_all(all.iter().map(|one| messages.insert(one)))).await
}

fn chat(number: usize) -> String {
    format!("1555{number:07}@c.us")
}

async fn each_of_a_crowd_gets_the_answer_that_it_would_get_alone(store: &Store) {
    let record = session("crowd");
    assert!(store.sessions().insert(&record).await.unwrap());
    let (crowd, nowhere) = (record.name, session("nowhere").name);
    let mut all = Vec::new();
    for number in 0..150 {
        let text = |body: &str| message(&crowd, &chat(number), body, 1_000);
        let mut first = new(&text("hello"));
        first.idempotency_key = Some(format!("key-{number}"));
        first.duplicate_since_ms = Some(0);
        let mut replay = first.clone();
        replay.message.id = text("hello").id;
        let mut conflict = new(&text("another text under the same key"));
        conflict.idempotency_key.clone_from(&first.idempotency_key);
        let mut duplicate = new(&text("hello"));
        duplicate.duplicate_since_ms = Some(0);
        let unknown = new(&message(&nowhere, &chat(number), "hello", 1_000));
        let mut last = new(&text("the last, with \"quotes\", \\ and 🐑"));
        last.message.schedule.send_at_ms = Some(5_000);
        all.extend([first, replay, conflict, duplicate, unknown, last]);
    }
    let answers = hand_in(store, all.clone()).await;
    let mut of_chats: HashMap<String, Vec<OutboundMessage>> = HashMap::new();
    for (given, answers) in all.chunks(6).zip(answers.chunks(6)) {
        let [first, replay, conflict, duplicate, unknown, last] = answers else { unreachable!() };
        let Ok(Inserted::New(first)) = first else { panic!("{first:?}") };
        assert_eq!(first.id, given[0].message.id);
        assert!(matches!(replay, Ok(Inserted::Replay(message)) if message.id == first.id), "{replay:?}");
        assert!(matches!(conflict, Ok(Inserted::Conflict)), "{conflict:?}");
        assert!(matches!(duplicate, Ok(Inserted::Duplicate(message)) if message.id == first.id), "{duplicate:?}");
        assert!(matches!(unknown, Ok(Inserted::UnknownSession)), "{unknown:?}");
        let Ok(Inserted::New(last)) = last else { panic!("{last:?}") };
        assert!(last.created_at_ms > first.created_at_ms, "the times of a chat rise");
        of_chats.insert(first.chat.to_string(), vec![first.clone(), last.clone()]);
    }
    let waiting = store.messages().undispatched(&crowd, Page { after: 0, limit: 10_000 }).await.unwrap();
    assert_eq!(waiting.len(), 300);
    for row in waiting {
        let expected = of_chats.get_mut(row.message.chat.to_string().as_str()).expect("one of the chats").remove(0);
        assert_eq!(row.message, expected, "kept as it was answered, in the order of acceptance");
    }
}

/// No key with a NUL gets here by the API; PostgreSQL refuses it.
async fn one_that_the_database_refuses_fails_alone(store: &Store) {
    let record = session("refused");
    assert!(store.sessions().insert(&record).await.unwrap());
    let all = (0..40).map(|number| {
        let mut given = new(&message(&record.name, &chat(number), "hello", 1_000));
        given.idempotency_key = (number == 20).then(|| "a NUL: \0".to_owned());
        given
    });
    let answers = hand_in(store, all.collect()).await;
    for (number, answer) in answers.iter().enumerate() {
        match answer {
            Ok(Inserted::New(_)) => assert_ne!(number, 20),
            Err(error) => assert_eq!(number, 20, "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

async fn two_nodes_take_over_the_same_keys_without_waiting_for_each_other_for_ever(url: &str) {
    let nodes = [Store::open(url).await.unwrap(), Store::open(url).await.unwrap()];
    let record = session("nodes");
    assert!(nodes[0].sessions().insert(&record).await.unwrap());
    let of_node = |node: usize| {
        let mut all: Vec<NewMessage> = (0..400)
            .map(|number| {
                // Other chats on the other node: no turn serialises what the keys make meet.
                let mut given = new(&message(&record.name, &chat(1_000 * node + number), "hello", 1_000));
                given.idempotency_key = Some(format!("key-{number}"));
                given
            })
            .collect();
        if node == 1 {
            all.reverse();
        }
        all
    };
    let (one, other) = tokio::join!(hand_in(&nodes[0], of_node(0)), hand_in(&nodes[1], of_node(1)));
    let is_new = |answer: &&Result<Inserted, StoreError>| matches!(answer, Ok(Inserted::New(_)));
    let answers: Vec<_> = one.iter().chain(&other).collect();
    let failed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(answers.into_iter().filter(is_new).count(), 400, "each key once");
    for node in nodes {
        node.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&sqlite_url(&folder.path().join("drover.db"))).await.unwrap();
    each_of_a_crowd_gets_the_answer_that_it_would_get_alone(&store).await;
    store.close().await;
    let late = new(&message(&session("crowd").name, &chat(1), "late", 9_000));
    assert!(matches!(store.messages().insert(&late).await, Err(StoreError::Closed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_on_postgres() {
    let postgres = TestPostgres::start().await;
    let url = postgres.new_database("crowd").await;
    let store = Store::open(&url).await.unwrap();
    each_of_a_crowd_gets_the_answer_that_it_would_get_alone(&store).await;
    one_that_the_database_refuses_fails_alone(&store).await;
    store.close().await;
    two_nodes_take_over_the_same_keys_without_waiting_for_each_other_for_ever(&url).await;
}
