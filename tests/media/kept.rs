//! Files that are kept: complete or not there, removed when their time has come, and never while a message waits for them.

use std::{fs, os::unix::fs::PermissionsExt};

use drover::{
    config,
    media::{FileError, FileName, FileStore, Janitor, Label, Naming, StoredFile},
    model::{ChatId, Content, MessageId, MessageState, OutboundMessage, SessionName, message::*},
    store::NewMessage,
};

use crate::{
    house::{House, settings},
    server::PNG,
};

const DAY_MS: i64 = 24 * 3_600_000;

async fn receive(house: &House, id: &str, parts: &[&[u8]]) -> StoredFile {
    let mut incoming = house.files.begin(1 << 20).await.unwrap();
    for part in parts {
        incoming.append(part).await.unwrap();
    }
    let label = Label { naming: Naming::Received(id), mime: Some("image/png"), file_name: None };
    incoming.finish(&house.session, &label).await.unwrap()
}

async fn is_kept(house: &House, file: &StoredFile) -> bool {
    let row = house.files.find(&house.session, &file.name).await.unwrap();
    assert_eq!(row.is_some(), file.path.exists(), "row and file go together");
    row.is_some()
}

fn janitor(house: &House, media_days: u64, media_bytes: u64) -> Janitor {
    Janitor::new(
        house.files.clone(),
        config::Retention { media_days, media_bytes, messages_days: 0, events_days: 0, audit_days: 0 },
    )
}

async fn accept(house: &House, id: &MessageId) {
    let message = OutboundMessage {
        id: id.clone(),
        session: house.session.clone(),
        chat: "15551234567".parse::<ChatId>().unwrap(),
        content: Content::text("hello"),
        schedule: Schedule::default(),
        progress: Progress::accepted(),
        created_at_ms: 1,
    };
    let new = NewMessage {
        message,
        accepted_by: "test".to_owned(),
        idempotency_key: None,
        fingerprint: id.to_string(),
        duplicate_since_ms: None,
    };
    house.store.messages().insert(&new).await.unwrap();
}

#[tokio::test]
async fn a_file_comes_in_parts_and_is_there_at_once() {
    let house = House::new().await;
    let mut incoming = house.files.begin(1000).await.unwrap();
    incoming.append(&PNG[..5]).await.unwrap();
    assert_eq!(house.partial().len(), 1);
    incoming.append(&PNG[5..]).await.unwrap();
    let label =
        Label { naming: Naming::Received("false_1@c.us_3EB0 A"), mime: Some("image/png"), file_name: Some("x/y.png") };
    let file = incoming.finish(&house.session, &label).await.unwrap();
    assert_eq!(file.name.as_str(), "false_1@c.us_3EB0_A.png");
    assert_eq!(file.path, house.folder.path().join("media/main").join(file.name.as_str()));
    assert_eq!((file.bytes, file.file_name.as_deref()), (PNG.len() as u64, Some("y.png")));
    assert_eq!(fs::read(&file.path).unwrap(), PNG);
    for (path, mode) in [(file.path.as_path(), 0o600), (file.path.parent().unwrap(), 0o700)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
    assert_eq!(house.files.find(&house.session, &file.name).await.unwrap(), Some(file.clone()));
    assert!(house.partial().is_empty());
    // The same message again, as after a reconnect: the same name, the newer content.
    let again = receive(&house, "false_1@c.us_3EB0 A", &[PNG, b"more"]).await;
    assert_eq!((again.name, again.bytes), (file.name, PNG.len() as u64 + 4));
}

#[tokio::test]
async fn what_is_wrong_is_not_kept() {
    let house = House::new().await;
    let label = |mime| Label { naming: Naming::Uploaded, mime: Some(mime), file_name: None };
    let empty = house.files.begin(10).await.unwrap();
    assert!(matches!(empty.finish(&house.session, &label("image/png")).await, Err(FileError::Empty)));
    let mut large = house.files.begin(10).await.unwrap();
    assert!(matches!(large.append(PNG).await, Err(FileError::TooLarge { limit_bytes: 10 })));
    drop(large);
    let mut other = house.files.begin(100).await.unwrap();
    other.append(PNG).await.unwrap();
    let refused = other.finish(&house.session, &label("application/pdf")).await;
    assert!(matches!(refused, Err(FileError::TypeMismatch { .. })), "{refused:?}");
    assert!(house.partial().is_empty());
    assert!(!house.folder.path().join("media/main").exists());
}

#[tokio::test]
async fn the_next_start_removes_what_a_killed_drover_left() {
    let house = House::new().await;
    let kept = receive(&house, "kept", &[PNG]).await;
    let media = house.folder.path().join("media");
    fs::write(media.join(".partial/part-x"), "half").unwrap();
    fs::write(media.join("main/nobodys.png"), "no row").unwrap();
    fs::create_dir(media.join("gone")).unwrap();
    fs::write(media.join("gone/a.png"), "no session").unwrap();
    let files =
        FileStore::open(house.folder.path(), &settings(), house.store.clone(), house.clock.clone()).await.unwrap();
    assert!(files.find(&house.session, &kept.name).await.unwrap().is_some() && kept.path.exists());
    for path in [".partial/part-x", "main/nobodys.png", "gone/a.png"] {
        assert!(!media.join(path).exists(), "{path}");
    }
}

#[tokio::test]
async fn a_session_takes_its_files_with_it() {
    let house = House::new().await;
    let file = receive(&house, "a", &[PNG]).await;
    house.files.remove_session(&house.session).await.unwrap();
    assert!(!is_kept(&house, &file).await);
    house.files.remove_session(&house.session).await.unwrap();

    // One that was deleted while drover was killed: the next start does it.
    let file = receive(&house, "b", &[PNG]).await;
    house.store.sessions().delete(&house.session).await.unwrap();
    FileStore::open(house.folder.path(), &settings(), house.store.clone(), house.clock.clone()).await.unwrap();
    assert!(!is_kept(&house, &file).await);
}

#[tokio::test]
async fn what_is_too_old_goes() {
    let house = House::new().await;
    let old = receive(&house, "old", &[PNG]).await;
    house.clock.advance(2 * DAY_MS);
    let young = receive(&house, "young", &[PNG]).await;
    janitor(&house, 3, 0).clean().await.unwrap();
    assert!(is_kept(&house, &old).await);
    house.clock.advance(DAY_MS + 1);
    janitor(&house, 0, 0).clean().await.unwrap();
    assert!(is_kept(&house, &old).await, "0 keeps everything");
    janitor(&house, 3, 0).clean().await.unwrap();
    assert!(!is_kept(&house, &old).await && is_kept(&house, &young).await);
}

#[tokio::test]
async fn the_oldest_of_what_is_too_much_go() {
    let house = House::new().await;
    let mut files = Vec::new();
    for number in 0..5 {
        files.push(receive(&house, &format!("file{number}"), &[PNG, &[0; 984]]).await);
        house.clock.advance(1000);
    }
    janitor(&house, 0, 2500).clean().await.unwrap();
    assert!(is_kept(&house, &files[0]).await, "what came just now is about to be used");
    house.clock.advance(DAY_MS);
    janitor(&house, 0, 2500).clean().await.unwrap();
    for (number, file) in files.iter().enumerate() {
        assert_eq!(is_kept(&house, file).await, number >= 3, "file {number}");
    }
}

#[tokio::test]
async fn what_a_message_waits_for_stays() {
    let house = House::new().await;
    let file = receive(&house, "a", &[PNG]).await;
    let id = MessageId::choose();
    let hold = async |session: &SessionName, name: &FileName| house.files.hold(session, name, &id).await.unwrap();
    house.clock.advance(10 * DAY_MS);
    hold(&house.session, &file.name).await;
    janitor(&house, 1, 1).clean().await.unwrap();
    assert!(is_kept(&house, &file).await, "its message is about to be accepted");

    accept(&house, &id).await;
    house.clock.advance(10 * DAY_MS);
    janitor(&house, 1, 1).clean().await.unwrap();
    assert!(is_kept(&house, &file).await, "its message waits");

    assert!(house.store.messages().cancel(&id).await.unwrap());
    assert_eq!(house.store.messages().get(&id).await.unwrap().unwrap().progress.state, MessageState::Cancelled);
    janitor(&house, 1, 1).clean().await.unwrap();
    assert!(!is_kept(&house, &file).await, "nobody waits any more");
}
