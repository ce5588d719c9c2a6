//! Many messages that come at once are taken over together, and each as if it had come alone: on SQLite and on PostgreSQL.

use std::{collections::HashMap, time::Duration};

use drover::{
    model::OutboundMessage,
    store::{Inserted, NewMessage, Page, Store, StoreError, sqlite_url},
};
use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use sqlx::{AnyConnection, Connection};
use tokio::{task::unconstrained, time::timeout};

use crate::backends::{
    postgres::TestPostgres,
    rows::{message, new, session},
};

const LIMIT: Duration = Duration::from_secs(60);

/// Hands in all of them in this order, before any is answered.
async fn hand_in(store: &Store, all: Vec<NewMessage>) -> Vec<Result<Inserted, StoreError>> {
    let messages = store.messages();
    // Unconstrained: the runtime would else break in between, and hand in others first.
    unconstrained(join_all(all.iter().map(|one| messages.insert(one)))).await
}

async fn run(connection: &mut AnyConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
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

/// Another program holds what the message waits for, and then waits for what the message holds.
async fn one_that_is_taken_back_for_another_is_begun_anew(url: &str) {
    let mut other = AnyConnection::connect(url).await.unwrap();
    // PostgreSQL ends whoever looks first: drover, once it has waited for this long.
    run(&mut other, "ALTER DATABASE held SET deadlock_timeout = '3s'; SET deadlock_timeout = '600s'").await;
    let store = Store::open(url).await.unwrap();
    let record = session("held");
    assert!(store.sessions().insert(&record).await.unwrap());
    let with_key = |number| {
        let mut given = new(&message(&record.name, &chat(number), "hello", 1_000));
        given.idempotency_key = Some("the key".to_owned());
        given
    };
    let first = with_key(1);
    assert!(matches!(store.messages().insert(&first).await.unwrap(), Inserted::New(_)));
    // The chat is known, so that the other program can wait for it.
    let earlier = new(&message(&record.name, &chat(2), "earlier", 1_000));
    assert!(matches!(store.messages().insert(&earlier).await.unwrap(), Inserted::New(_)));
    run(
        &mut other,
        "BEGIN; UPDATE messages SET idempotency_key = 'another' WHERE idempotency_key = 'the key'; \
         UPDATE messages SET idempotency_key = 'the key' WHERE idempotency_key = 'another'",
    )
    .await;
    let waits = tokio::spawn({
        let (store, mut second) = (store.clone(), with_key(2));
        second.fingerprint.clone_from(&first.fingerprint);
        async move { store.messages().insert(&second).await }
    });
    let mut watcher = AnyConnection::connect(url).await.unwrap();
    let is_waiting = async {
        loop {
            let sql = "SELECT pid FROM pg_locks WHERE NOT granted";
            if sqlx::query(sql).fetch_optional(&mut watcher).await.unwrap().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, is_waiting).await.expect("the message waits for the key");
    run(&mut other, "UPDATE chats SET last_accepted_ms = last_accepted_ms").await;
    run(&mut other, "COMMIT").await;
    let answer = timeout(LIMIT, waits).await.expect("it waits no longer").unwrap();
    assert!(matches!(&answer, Ok(Inserted::Replay(message)) if message.id == first.message.id), "{answer:?}");
    store.close().await;
}

/// All are handed in; PostgreSQL dies when some are answered; all are handed in once more, as clients do that got an error.
async fn what_was_answered_before_postgres_died_is_kept_and_the_rest_can_be_repeated(
    postgres: &mut TestPostgres,
    url: &str,
) {
    let store = Store::open(url).await.unwrap();
    let record = session("lost");
    assert!(store.sessions().insert(&record).await.unwrap());
    let all: Vec<NewMessage> = (0..900)
        .map(|number| {
            let mut given = new(&message(&record.name, &chat(number % 300), &number.to_string(), 1_000));
            given.idempotency_key = Some(number.to_string());
            given
        })
        .collect();
    let messages = store.messages();
    let mut running: FuturesUnordered<_> =
        all.iter().enumerate().map(async |(number, one)| (number, messages.insert(one).await)).collect();
    let (mut kept, mut failed) = (HashMap::new(), 0);
    while let Some((number, answer)) = running.next().await {
        match answer {
            Ok(Inserted::New(message)) => drop(kept.insert(number, message)),
            Ok(other) => panic!("{other:?}"),
            Err(_) => failed += 1,
        }
        if kept.len() == 200 && failed == 0 {
            postgres.kill();
        }
    }
    drop(running);
    assert!(kept.len() >= 200 && failed > 0, "{} kept, {failed} failed", kept.len());
    postgres.start_again().await;
    for (number, answer) in hand_in(&store, all.clone()).await.into_iter().enumerate() {
        match (answer, kept.get(&number)) {
            (Ok(Inserted::Replay(message)), Some(before)) => assert_eq!(&message, before),
            // Committed, and the answer lost with the server; or not committed.
            (Ok(Inserted::Replay(message) | Inserted::New(message)), None) => {
                assert_eq!(message.id, all[number].message.id)
            }
            (other, before) => panic!("{other:?}, before: {before:?}"),
        }
    }
    let rows = store.messages().undispatched(&record.name, Page { after: 0, limit: 10_000 }).await.unwrap();
    assert_eq!(rows.len(), 900, "each once");
    store.close().await;
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
    let mut postgres = TestPostgres::start().await;
    let url = postgres.new_database("crowd").await;
    let store = Store::open(&url).await.unwrap();
    each_of_a_crowd_gets_the_answer_that_it_would_get_alone(&store).await;
    one_that_the_database_refuses_fails_alone(&store).await;
    store.close().await;
    two_nodes_take_over_the_same_keys_without_waiting_for_each_other_for_ever(&url).await;
    one_that_is_taken_back_for_another_is_begun_anew(&postgres.new_database("held").await).await;
    let url = postgres.new_database("lost").await;
    what_was_answered_before_postgres_died_is_kept_and_the_rest_can_be_repeated(&mut postgres, &url).await;
}
