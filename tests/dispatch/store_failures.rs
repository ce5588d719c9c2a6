//! What the store does when the database is not as it should be, and that what it answered is on disk.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use drover::{
    model::{Desired, EventKind, NewEvent},
    store::{Inserted, Store, StoreError, sqlite_url},
};
use futures::future::join_all;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

use crate::backends::{
    postgres::TestPostgres,
    rows::{message, new, session},
};

const CHAT: &str = "15551234567@c.us";

async fn in_folder() -> (TempDir, PathBuf, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drover.db");
    let store = Store::open(&sqlite_url(&path)).await.unwrap();
    (folder, path, store)
}

/// Another program's connection to the same file.
async fn another_program(path: &Path) -> AnyConnection {
    AnyConnection::connect(&sqlite_url(path)).await.unwrap()
}

async fn run(connection: &mut AnyConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

fn an_event() -> NewEvent {
    NewEvent { kind: EventKind::Qr, session: "main".parse().unwrap(), payload: serde_json::json!({}) }
}

#[tokio::test]
async fn the_file_and_its_journal_are_for_the_owner_alone() {
    let (folder, _path, store) = in_folder().await;
    store.sessions().insert(&session("main")).await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
    assert!(folder.path().join("drover.db-wal").exists());
    store.close().await;
    assert!(!folder.path().join("drover.db-wal").exists(), "a closed database leaves no journal");
}

#[tokio::test]
async fn what_was_answered_is_there_when_it_is_opened_again() {
    let (_folder, path, store) = in_folder().await;
    let record = session("main");
    store.sessions().insert(&record).await.unwrap();
    let given = message(&record.name, CHAT, "hello", 1_000);
    store.messages().insert(&new(&given)).await.unwrap();
    // Not closed: as after a crash.
    let again = Store::open(&sqlite_url(&path)).await.unwrap();
    assert_eq!(again.messages().get(&given.id).await.unwrap(), Some(given));
    again.ping().await.unwrap();
    again.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_path_may_hold_what_has_a_meaning_in_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my data?#%41 ü.db");
    let store = Store::open(&sqlite_url(&path)).await.unwrap();
    store.close().await;
    assert!(path.exists());
    // As others write it.
    let path = folder.path().join("theirs.db");
    let store = Store::open(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    store.close().await;
    assert!(path.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writes_at_once_meet_no_lock_while_another_program_reads() {
    let (_folder, path, store) = in_folder().await;
    let record = session("main");
    store.sessions().insert(&record).await.unwrap();
    let mut reader = another_program(&path).await;
    run(&mut reader, "BEGIN; SELECT * FROM sessions").await;
    let writes = (0..300).map(|number| {
        let (store, name) = (store.clone(), record.name.clone());
        async move {
            let given = message(&name, &format!("1555000{:04}@c.us", number % 50), &number.to_string(), 1_000);
            assert!(matches!(store.messages().insert(&new(&given)).await.unwrap(), Inserted::New(_)));
            assert!(store.messages().mark_queued(&given.id).await.unwrap());
            store.messages().get(&given.id).await.unwrap().unwrap()
        }
    });
    assert_eq!(join_all(writes).await.len(), 300);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_waits_for_another_programs_lock() {
    let (_folder, path, store) = in_folder().await;
    let mut other = another_program(&path).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    let write = tokio::spawn({
        let store = store.clone();
        async move { store.sessions().insert(&session("main")).await }
    });
    // Reads go on meanwhile.
    assert!(store.sessions().list().await.unwrap().is_empty());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!write.is_finished());
    run(&mut other, "ROLLBACK").await;
    assert!(write.await.unwrap().unwrap());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_stays_fails_every_waiting_write_at_once_and_the_next_one_works() {
    let (_folder, path, store) = in_folder().await;
    let mut other = another_program(&path).await;
    run(&mut other, "BEGIN EXCLUSIVE").await;
    let started = std::time::Instant::now();
    let writes = (0..20).map(|_| {
        let store = store.clone();
        async move { store.events().append(&an_event(), 1).await }
    });
    for result in join_all(writes).await {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
        assert!(error.to_string().contains("end whatever holds it"));
    }
    assert!(started.elapsed() < Duration::from_secs(9), "they share one wait");
    run(&mut other, "ROLLBACK").await;
    assert_eq!(store.events().append(&an_event(), 1).await.unwrap().seq, 1, "nothing of the failed ones was kept");
    store.close().await;
}

#[tokio::test]
async fn a_piece_of_work_that_fails_undoes_only_itself() {
    let (_folder, path, store) = in_folder().await;
    let mut other = another_program(&path).await;
    // What no repository writes: an event whose number is not counted, on which the next one fails half-way.
    run(&mut other, "INSERT INTO sessions (name, desired, state, reason, me, config, created_at_ms) VALUES ('main', 'running', 'stopped', NULL, NULL, '{}', 1)").await;
    run(&mut other, "INSERT INTO events VALUES (1, 1, 'qr', 'main', '{}')").await;
    let main = session("main").name;
    let given = message(&main, CHAT, "hello", 1_000);
    let given = new(&given);
    let (messages, events, event) = (store.messages(), store.events(), an_event());
    let (failed, inserted) = tokio::join!(events.append(&event, 1), messages.insert(&given));
    assert!(matches!(failed.unwrap_err(), StoreError::Query(_)));
    assert!(matches!(inserted.unwrap(), Inserted::New(_)));
    assert_eq!(store.events().last_seq().await.unwrap(), 0, "its first half is undone");
    store.close().await;
}

#[tokio::test]
async fn a_row_that_drover_never_writes_is_named() {
    let (_folder, path, store) = in_folder().await;
    let mut other = another_program(&path).await;
    run(&mut other, "INSERT INTO sessions (name, desired, state, reason, me, config, created_at_ms) VALUES ('main', 'running', 'dancing', NULL, NULL, '{}', 1)").await;
    let text = store.sessions().list().await.unwrap_err().to_string();
    assert!(text.contains("sessions") && text.contains("state") && text.contains("dancing"), "{text}");
    store.close().await;
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let (_folder, _path, store) = in_folder().await;
    store.close().await;
    store.close().await;
    assert!(matches!(store.sessions().list().await.unwrap_err(), StoreError::Closed));
    assert!(matches!(store.sessions().insert(&session("main")).await.unwrap_err(), StoreError::Closed));
    assert!(matches!(store.ping().await.unwrap_err(), StoreError::Closed));
}

#[tokio::test]
async fn what_waits_is_written_before_it_closes() {
    let (_folder, path, store) = in_folder().await;
    let writes = (0..50).map(|number| {
        let store = store.clone();
        async move { store.sessions().insert(&session(&format!("s{number}"))).await }
    });
    let (written, ()) = tokio::join!(join_all(writes), store.close());
    let taken = written.iter().filter(|result| matches!(result, Ok(true))).count();
    let again = Store::open(&sqlite_url(&path)).await.unwrap();
    assert_eq!(again.sessions().list().await.unwrap().len(), taken);
    assert!(taken > 0);
    again.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_dies_and_comes_back_is_used_again() {
    let mut postgres = TestPostgres::start().await;
    let store = Store::open(&postgres.new_database("drover").await).await.unwrap();
    let record = session("main");
    store.sessions().insert(&record).await.unwrap();
    postgres.kill();
    let error = store.sessions().set_desired(&record.name, Desired::Stopped).await.unwrap_err();
    assert!(matches!(error, StoreError::Query(_)), "{error:?}");
    assert!(store.ping().await.is_err());
    postgres.start_again().await;
    store.ping().await.unwrap();
    assert!(store.sessions().set_desired(&record.name, Desired::Stopped).await.unwrap());
    assert_eq!(store.sessions().get(&record.name).await.unwrap().unwrap().desired, Desired::Stopped);
    store.close().await;
}

#[tokio::test]
async fn every_wrong_address_gets_a_line_that_says_what_to_do_and_shows_no_password() {
    for (url, expected) in [
        ("mysql://root:secret@localhost/x", "use sqlite:<path> or postgres://"),
        ("nonsense", "use sqlite:<path> or postgres://"),
        ("sqlite::memory:", "use sqlite:<path> or postgres://"),
        ("sqlite:/tmp/x?mode=never", "use sqlite:<path> or postgres://"),
        ("sqlite:/nowhere/at/all/drover.db", "check that its folder exists and is writable"),
        ("postgres://u:secret@127.0.0.1:1/x", "check that it runs and that DATABASE_URL is right"),
        ("postgres://u:secret@[::1/x", "use sqlite:<path> or postgres://"),
    ] {
        let text = Store::open(url).await.unwrap_err().to_string();
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_and_one_of_a_newer_drover_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drover.db");
    std::fs::write(&path, "this is a letter to my grandmother, and longer than a header of SQLite's".repeat(40))
        .unwrap();
    let text = Store::open(&sqlite_url(&path)).await.unwrap_err().to_string();
    assert!(text.contains("not a database"), "{text}");

    let (_folder, path, store) = in_folder().await;
    store.close().await;
    let mut other = another_program(&path).await;
    run(&mut other, "INSERT INTO _sqlx_migrations SELECT 9999, 'from the future', installed_on, success, checksum, execution_time FROM _sqlx_migrations LIMIT 1").await;
    other.close().await.unwrap();
    let error = Store::open(&sqlite_url(&path)).await.unwrap_err();
    assert!(matches!(error, StoreError::Migrate(_)), "{error:?}");
    assert!(error.to_string().contains("newer drover"));
}
