//! The event log: what waits is one commit, each piece by itself, told in the order of the numbers; on both databases.

use drover::{
    event::EventLog,
    model::{EventKind, NewEvent},
    store::{LogWrite, LogWritten, NewInbound, Store, StoreError, TakenIn, sqlite_url},
};
use futures::future::join_all;
use serde_json::json;
use sqlx::{AnyConnection, Connection};

use crate::backends::{clock::TestClock, postgres::TestPostgres};

const NOW_MS: i64 = 1_800_000_000_000;

fn event(number: usize) -> NewEvent {
    NewEvent { kind: EventKind::Message, session: "main".parse().unwrap(), payload: json!({ "number": number }) }
}

fn arrival(key: &str, body: &str) -> (NewInbound, Vec<NewEvent>) {
    let new = NewInbound {
        session: "main".parse().unwrap(),
        key: key.parse().unwrap(),
        sender: "9@lid".to_owned(),
        kind: "chat".to_owned(),
        body: body.to_owned(),
        sent_at_s: NOW_MS / 1000,
        payload: json!({ "body": body }),
    };
    (new, vec![event(0), event(1)])
}

async fn many_publish_at_once_and_are_heard_in_order(store: Store) {
    let log = EventLog::new(store.clone(), TestClock::at(NOW_MS));
    let mut heard = log.subscribe();
    let published = join_all((0..300).map(|number| log.publish(event(number)))).await;
    let mut seqs: Vec<i64> = published.into_iter().map(|event| event.unwrap().seq).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=300).collect::<Vec<i64>>(), "each its own number");
    for seq in 1..=300 {
        assert_eq!(heard.recv().await.unwrap().seq, seq);
    }
    // Whoever hands something in and waits no longer changes nothing.
    {
        let gone = log.publish(event(300));
        tokio::pin!(gone);
        let _handed_in = futures::poll!(gone.as_mut());
    }
    log.publish(event(301)).await.unwrap();
    assert_eq!((heard.recv().await.unwrap().seq, heard.recv().await.unwrap().seq), (301, 302));
    log.close().await;
    assert!(matches!(log.publish(event(302)).await, Err(StoreError::Closed)));
    assert_eq!(log.last_seq().await.unwrap(), 302);
}

async fn arrivals_are_taken_in_together_and_each_once(store: Store) {
    let log = EventLog::new(store.clone(), TestClock::at(NOW_MS));
    let mut heard = log.subscribe();
    let arrivals = vec![
        arrival("false_9@lid_3AAAAAAA", "one"),
        arrival("false_9@lid_3BBBBBBB", "two"),
        arrival("false_9@lid_3AAAAAAA", "one"),
        arrival("false_9@lid_3CCCCCCC", "two"),
        arrival("false_9@lid_3DDDDDDD", "three"),
    ];
    let taken = log.take_in(arrivals.clone(), 5).await.unwrap();
    assert!(matches!(taken[0], TakenIn::New(_)) && matches!(taken[1], TakenIn::New(_)));
    assert_eq!((&taken[2], &taken[3]), (&TakenIn::Known, &TakenIn::SaidBefore));
    for seq in 1..=6 {
        assert_eq!(heard.recv().await.unwrap().seq, seq, "two of each that is new");
    }
    let again = log.take_in(arrivals, 0).await.unwrap();
    assert_eq!(again.iter().filter(|taken| matches!(taken, TakenIn::New(_))).count(), 1, "only 'two' without a window");
    log.close().await;
}

async fn one_that_fails_undoes_itself_alone(store: Store, url: &str) {
    assert_eq!(store.events().append(&event(0), NOW_MS).await.unwrap().seq, 1);
    // What no drover writes: an event whose number is not counted, on which a later one fails half-way.
    sqlx::any::install_default_drivers();
    let mut other = AnyConnection::connect(url).await.unwrap();
    sqlx::raw_sql("INSERT INTO events VALUES (4, 1, 'qr', 'main', '{}')").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let append = |number| LogWrite::Append(event(number));
    let fails = LogWrite::TakeIn { arrivals: vec![arrival("false_9@lid_3AAAAAAA", "fine")], window_s: 0 };
    let written = store.write_log(vec![append(1), fails, append(2)], NOW_MS).await;
    let seq = |written: &Result<LogWritten, StoreError>| match written {
        Ok(LogWritten::Appended(event)) => Some(event.seq),
        _ => None,
    };
    let seqs: Vec<Option<i64>> = written.iter().map(seq).collect();
    assert_eq!(seqs, [Some(2), None, Some(3)], "the numbers of the one that failed are free again: {written:?}");
    assert!(matches!(written[1], Err(StoreError::Query(_))));
    assert_eq!(store.events().since(0, None, &[], 10).await.unwrap().len(), 4);
    assert_eq!(store.inbound().find(&"main".parse().unwrap(), "3AAAAAAA").await.unwrap(), None, "all of it or nothing");
}

async fn each(url: impl AsyncFn(&'static str) -> String) {
    for scenario in ["publish", "take_in", "fail"] {
        let url = url(scenario).await;
        let store = Store::open(&url).await.unwrap();
        match scenario {
            "publish" => many_publish_at_once_and_are_heard_in_order(store.clone()).await,
            "take_in" => arrivals_are_taken_in_together_and_each_once(store.clone()).await,
            _ => one_that_fails_undoes_itself_alone(store.clone(), &url).await,
        }
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_one_commit_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    each(async |name| sqlite_url(&folder.path().join(name))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_one_commit_on_postgres() {
    let postgres = TestPostgres::start().await;
    each(async |name| postgres.new_database(name).await).await;
}
