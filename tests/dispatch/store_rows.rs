//! Every repository of the store, on SQLite and on PostgreSQL: the same scenarios on both.

use drover::{
    model::{message::Schedule, *},
    store::{ApiKeyRecord, Inserted, MediaRecord, Page, Store, sqlite_url},
};
use futures::future::join_all;
use serde_json::json;

use crate::backends::{
    postgres::TestPostgres,
    rows::{self, message, new, session},
};

const CHAT: &str = "15551234567@c.us";

async fn with_session(store: &Store) -> SessionName {
    let record = session("main");
    assert!(store.sessions().insert(&record).await.unwrap());
    record.name
}

async fn accepted(store: &Store, session: &SessionName, chat: &str, body: &str) -> OutboundMessage {
    match store.messages().insert(&new(&message(session, chat, body, 1_000))).await.unwrap() {
        Inserted::New(message) => message,
        other => panic!("{other:?}"),
    }
}

fn key(message: &OutboundMessage) -> MessageKey {
    format!("true_90001@lid_{}_out", message.id).parse().unwrap()
}

async fn a_session_is_kept_as_it_was_given_and_changes_where_it_is_told_to(store: Store) {
    let sessions = store.sessions();
    let mut record = session("main");
    record.config = json!({"metadata": {"team": "sälës 🐑"}});
    assert!(sessions.insert(&record).await.unwrap());
    assert!(!sessions.insert(&record).await.unwrap(), "a name is taken once");
    assert_eq!(sessions.get(&record.name).await.unwrap().as_ref(), Some(&record));

    let reason = Reason::new("qr_timeout", "nobody scanned it");
    let me = Me { id: "1@c.us".to_owned(), lid: None, push_name: "Anna".to_owned() };
    assert!(sessions.set_desired(&record.name, Desired::Stopped).await.unwrap());
    assert!(sessions.set_state(&record.name, SessionState::AwaitingScan, Some(&reason)).await.unwrap());
    assert!(sessions.set_me(&record.name, Some(&me)).await.unwrap());
    assert!(sessions.set_config(&record.name, &json!({"debug": true})).await.unwrap());
    let changed = sessions.get(&record.name).await.unwrap().unwrap();
    assert_eq!((changed.desired, changed.state), (Desired::Stopped, SessionState::AwaitingScan));
    assert_eq!((changed.reason, changed.me, changed.config), (Some(reason), Some(me), json!({"debug": true})));

    assert!(sessions.set_state(&record.name, SessionState::Stopped, None).await.unwrap());
    assert!(sessions.set_me(&record.name, None).await.unwrap());
    let cleared = sessions.get(&record.name).await.unwrap().unwrap();
    assert_eq!((cleared.reason, cleared.me), (None, None));

    assert!(sessions.insert(&session("another")).await.unwrap());
    let names: Vec<String> = sessions.list().await.unwrap().into_iter().map(|record| record.name.to_string()).collect();
    assert_eq!(names, ["another", "main"]);
    assert!(sessions.delete(&record.name).await.unwrap());
    assert!(!sessions.delete(&record.name).await.unwrap());
    assert!(!sessions.set_desired(&record.name, Desired::Running).await.unwrap(), "nobody is there to change");
    assert_eq!(sessions.get(&record.name).await.unwrap(), None);
}

async fn a_message_is_kept_as_it_was_accepted(store: Store) {
    let session = with_session(&store).await;
    let mut given = message(&session, CHAT, "hello\n\"wörld\" 🐑 '; DROP TABLE messages; --", 1_000);
    given.schedule =
        Schedule { priority: Priority::Low, send_at_ms: Some(2_000), expires_at_ms: Some(253_402_300_799_999) };
    let Inserted::New(kept) = store.messages().insert(&new(&given)).await.unwrap() else { panic!("it is new") };
    assert_eq!(kept, given);
    assert_eq!(store.messages().get(&given.id).await.unwrap(), Some(given));
    assert_eq!(store.messages().get(&MessageId::choose()).await.unwrap(), None);
}

async fn a_message_for_nobodys_session_is_not_taken(store: Store) {
    let given = message(&"ghost".parse().unwrap(), CHAT, "hello", 1_000);
    assert_eq!(store.messages().insert(&new(&given)).await.unwrap(), Inserted::UnknownSession);
    assert_eq!(store.messages().get(&given.id).await.unwrap(), None);
}

async fn the_times_of_a_chat_rise_strictly_even_when_many_come_at_once_and_the_clock_stands(store: Store) {
    let session = with_session(&store).await;
    let sent = (0..40).map(|number| {
        let (store, session) = (store.clone(), session.clone());
        async move { accepted(&store, &session, CHAT, &number.to_string()).await }
    });
    let mut times: Vec<i64> = join_all(sent).await.iter().map(|message| message.created_at_ms).collect();
    times.sort_unstable();
    assert_eq!(times, (1_000..1_040).collect::<Vec<_>>());
    let other = accepted(&store, &session, "15557654321@c.us", "0").await;
    assert_eq!(other.created_at_ms, 1_000, "another chat has an order of its own");
    // A clock that was set back.
    let late = accepted(&store, &session, CHAT, "late").await;
    assert_eq!(late.created_at_ms, 1_040);
}

async fn an_idempotency_key_answers_the_same_message_or_a_conflict(store: Store) {
    let session = with_session(&store).await;
    let with_key = |message: &OutboundMessage| {
        let mut given = new(message);
        given.idempotency_key = Some("order-17".to_owned());
        given.duplicate_since_ms = Some(0);
        given
    };
    let first = message(&session, CHAT, "hello", 1_000);
    assert!(matches!(store.messages().insert(&with_key(&first)).await.unwrap(), Inserted::New(_)));
    let again = message(&session, CHAT, "hello", 5_000);
    let Inserted::Replay(replayed) = store.messages().insert(&with_key(&again)).await.unwrap() else {
        panic!("a replay, not a duplicate")
    };
    assert_eq!(replayed.id, first.id);
    let another = message(&session, CHAT, "something else", 5_000);
    assert_eq!(store.messages().insert(&with_key(&another)).await.unwrap(), Inserted::Conflict);

    // Another session may use the same key.
    let mut elsewhere = rows::session("elsewhere");
    elsewhere.created_at_ms = 2;
    assert!(store.sessions().insert(&elsewhere).await.unwrap());
    let there = message(&elsewhere.name, CHAT, "something else", 5_000);
    assert!(matches!(store.messages().insert(&with_key(&there)).await.unwrap(), Inserted::New(_)));
}

async fn one_of_many_requests_with_one_key_is_new_and_the_others_are_its_replay(store: Store) {
    let session = with_session(&store).await;
    let requests = (0..20).map(|number| {
        let (store, session) = (store.clone(), session.clone());
        async move {
            // To different chats, so that no chat's lock serialises them.
            let mut given = new(&message(&session, &format!("1555000000{number}@c.us"), "hello", 1_000));
            given.idempotency_key = Some("same".to_owned());
            given.fingerprint = "same".to_owned();
            store.messages().insert(&given).await.unwrap()
        }
    });
    let answers = join_all(requests).await;
    let is_new = |answer: &&Inserted| matches!(answer, Inserted::New(_));
    assert_eq!(answers.iter().filter(is_new).count(), 1);
    let Some(Inserted::New(first)) = answers.iter().find(is_new) else { unreachable!() };
    for answer in &answers {
        let (Inserted::New(message) | Inserted::Replay(message)) = answer else { panic!("{answer:?}") };
        assert_eq!(message.id, first.id);
    }
}

async fn an_id_that_is_taken_serves_as_an_idempotency_key(store: Store) {
    let session = with_session(&store).await;
    let first = accepted(&store, &session, CHAT, "hello").await;
    let same = OutboundMessage { created_at_ms: 9_000, ..first.clone() };
    assert_eq!(store.messages().insert(&new(&same)).await.unwrap(), Inserted::Replay(first.clone()));
    let other = OutboundMessage { content: Content::text("other"), ..first.clone() };
    assert_eq!(store.messages().insert(&new(&other)).await.unwrap(), Inserted::Conflict);
    let mut with_key = new(&other);
    with_key.idempotency_key = Some("fresh".to_owned());
    assert_eq!(store.messages().insert(&with_key).await.unwrap(), Inserted::Conflict);
}

async fn the_same_text_is_a_duplicate_within_its_window_while_the_first_counts(store: Store) {
    let session = with_session(&store).await;
    let since = |message: &OutboundMessage, since_ms| {
        let mut given = new(message);
        given.duplicate_since_ms = Some(since_ms);
        given
    };
    let first = accepted(&store, &session, CHAT, "hello").await;
    let again = message(&session, CHAT, "hello", 2_000);
    assert_eq!(store.messages().insert(&since(&again, 500)).await.unwrap(), Inserted::Duplicate(first.clone()));
    let other_chat = message(&session, "15557654321@c.us", "hello", 2_000);
    let other_text = message(&session, CHAT, "Hello", 2_000);
    for fine in [&other_chat, &other_text] {
        assert!(matches!(store.messages().insert(&since(fine, 500)).await.unwrap(), Inserted::New(_)));
    }
    assert!(store.messages().cancel(&first.id).await.unwrap());
    assert!(matches!(store.messages().insert(&since(&again, 500)).await.unwrap(), Inserted::New(_)));
}

async fn of_many_same_texts_at_once_one_is_taken(store: Store) {
    let session = with_session(&store).await;
    let requests = (0..20).map(|_| {
        let (store, session) = (store.clone(), session.clone());
        async move {
            let mut given = new(&message(&session, CHAT, "hello", 1_000));
            given.duplicate_since_ms = Some(0);
            store.messages().insert(&given).await.unwrap()
        }
    });
    let answers = join_all(requests).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Inserted::New(_))).count(), 1);
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Inserted::Duplicate(_))).count(), 19);
}

async fn an_attempt_is_committed_with_its_key_and_counted(store: Store) {
    let session = with_session(&store).await;
    let given = accepted(&store, &session, CHAT, "hello").await;
    let key = key(&given);
    assert_eq!(store.attempts().begin(&given.id, &key, 2_000).await.unwrap(), Some(1));
    store.attempts().finish(&given.id, 1, AttemptOutcome::Failed, Some("no socket")).await.unwrap();
    assert_eq!(store.attempts().begin(&given.id, &key, 3_000).await.unwrap(), Some(2));
    let kept = store.messages().get(&given.id).await.unwrap().unwrap();
    assert_eq!((kept.progress.state, kept.progress.key.as_ref()), (MessageState::Sending, Some(&key)));
    let failed = Attempt {
        number: 1,
        at_ms: 2_000,
        key: key.clone(),
        outcome: Some(AttemptOutcome::Failed),
        detail: Some("no socket".to_owned()),
    };
    let open = Attempt { number: 2, at_ms: 3_000, key: key.clone(), outcome: None, detail: None };
    assert_eq!(kept.progress.attempts, [failed, open]);
    // A known outcome is replaced by what is found out later.
    store.attempts().finish(&given.id, 2, AttemptOutcome::Unknown, None).await.unwrap();
    store.attempts().finish(&given.id, 2, AttemptOutcome::Sent, None).await.unwrap();
    let kept = store.messages().get(&given.id).await.unwrap().unwrap();
    assert_eq!(kept.progress.attempts[1].outcome, Some(AttemptOutcome::Sent));

    // Every form of the page's key leads to it; somebody else's message with the id does not.
    for form in [format!("true_90001@lid_{}_out", given.id), format!("true_{CHAT}_{}", given.id)] {
        let found = store.messages().find_by_key(&form.parse().unwrap()).await.unwrap();
        assert_eq!(found.map(|message| message.id), Some(given.id.clone()));
    }
    let theirs: MessageKey = format!("false_{CHAT}_{}", given.id).parse().unwrap();
    assert_eq!(store.messages().find_by_key(&theirs).await.unwrap(), None);
}

async fn a_settled_message_gets_no_attempt(store: Store) {
    let session = with_session(&store).await;
    let given = accepted(&store, &session, CHAT, "hello").await;
    assert!(store.messages().cancel(&given.id).await.unwrap());
    assert_eq!(store.attempts().begin(&given.id, &key(&given), 2_000).await.unwrap(), None);
    let unknown = MessageId::choose();
    assert_eq!(store.attempts().begin(&unknown, &key(&given), 2_000).await.unwrap(), None);
    let kept = store.messages().get(&given.id).await.unwrap().unwrap();
    assert!(kept.progress.attempts.is_empty() && kept.progress.key.is_none());
}

/// Brings a message to a state by the ways that lead there.
async fn brought_to(store: &Store, session: &SessionName, state: MessageState) -> OutboundMessage {
    let given = accepted(store, session, CHAT, &format!("to be {}", state.as_str())).await;
    let messages = store.messages();
    match state {
        MessageState::Accepted => {}
        MessageState::Queued => assert!(messages.mark_queued(&given.id).await.unwrap()),
        MessageState::Claimed => assert!(messages.set_state(&given.id, state).await.unwrap()),
        MessageState::Sending => assert!(store.attempts().begin(&given.id, &key(&given), 1).await.unwrap().is_some()),
        MessageState::Sent => assert!(messages.record_ack(&given.id, Ack(1)).await.unwrap().is_some()),
        MessageState::Delivered => assert!(messages.record_ack(&given.id, Ack(2)).await.unwrap().is_some()),
        MessageState::Read => assert!(messages.record_ack(&given.id, Ack(3)).await.unwrap().is_some()),
        MessageState::Dead => assert!(messages.bury(&given.id, DeadCode::Refused, "no").await.unwrap()),
        MessageState::Cancelled => assert!(messages.cancel(&given.id).await.unwrap()),
        MessageState::Expired => assert!(messages.expire(&given.id).await.unwrap()),
    }
    let kept = messages.get(&given.id).await.unwrap().unwrap();
    assert_eq!(kept.progress.state, state);
    kept
}

async fn no_move_leaves_a_settled_state_and_each_starts_where_it_may(store: Store) {
    use MessageState::*;
    let session = with_session(&store).await;
    let messages = store.messages();
    for state in MessageState::ALL {
        for (what, allowed) in [
            ("set_state", &[Accepted, Queued, Claimed, Sending][..]),
            ("bury", &[Accepted, Queued, Claimed, Sending]),
            ("cancel", &[Accepted, Queued]),
            ("expire", &[Accepted, Queued, Claimed]),
            ("revive", &[Dead]),
            ("mark_queued", &[Accepted]),
            ("mark_unqueued", &[Queued]),
        ] {
            let id = brought_to(&store, &session, state).await.id;
            let (moved, to) = match what {
                "set_state" => (messages.set_state(&id, Claimed).await, Claimed),
                "bury" => (messages.bury(&id, DeadCode::Refused, "no").await, Dead),
                "cancel" => (messages.cancel(&id).await, Cancelled),
                "expire" => (messages.expire(&id).await, Expired),
                "revive" => (messages.revive(&id).await, Accepted),
                "mark_queued" => (messages.mark_queued(&id).await, Queued),
                _ => (messages.mark_unqueued(&id).await, Accepted),
            };
            let is_allowed = allowed.contains(&state);
            assert_eq!(moved.unwrap(), is_allowed, "{what} from {}", state.as_str());
            let after = messages.get(&id).await.unwrap().unwrap().progress.state;
            assert_eq!(after, if is_allowed { to } else { state }, "{what} from {}", state.as_str());
        }
    }
    let unknown = MessageId::choose();
    assert!(!messages.cancel(&unknown).await.unwrap());
    assert!(!messages.set_state(&unknown, Claimed).await.unwrap());
}

async fn acks_only_rise_and_prove_even_a_dead_letter_sent(store: Store) {
    let session = with_session(&store).await;
    let messages = store.messages();
    let given = accepted(&store, &session, CHAT, "hello").await;
    for (ack, expected) in [
        (Ack(-1), Some(MessageState::Accepted)),
        (Ack(-1), None),
        (Ack(0), None),
        (Ack(1), Some(MessageState::Sent)),
        (Ack(1), None),
        (Ack(3), Some(MessageState::Read)),
        (Ack(2), None),
        (Ack(4), Some(MessageState::Read)),
    ] {
        let changed = messages.record_ack(&given.id, ack).await.unwrap();
        assert_eq!(changed.map(|message| message.progress.state), expected, "{ack}");
    }
    let kept = messages.get(&given.id).await.unwrap().unwrap();
    assert_eq!((kept.progress.ack, kept.progress.state), (Ack(4), MessageState::Read));

    let dead = brought_to(&store, &session, MessageState::Dead).await;
    let sent = messages.record_ack(&dead.id, Ack(1)).await.unwrap().unwrap();
    assert_eq!((sent.progress.state, sent.progress.error), (MessageState::Sent, None));
    assert_eq!(messages.record_ack(&MessageId::choose(), Ack(1)).await.unwrap(), None);
}

async fn dead_letters_keep_their_reason_and_can_be_revived(store: Store) {
    let session = with_session(&store).await;
    let messages = store.messages();
    let first = brought_to(&store, &session, MessageState::Sending).await;
    assert!(messages.bury(&first.id, DeadCode::NotOnWhatsapp, "no such number").await.unwrap());
    let second = brought_to(&store, &session, MessageState::Dead).await;
    let dead = messages.dead(Some(&session), 10).await.unwrap();
    let ids: Vec<&MessageId> = dead.iter().map(|message| &message.id).collect();
    assert_eq!(ids, [&second.id, &first.id]);
    assert_eq!(dead[1].progress.error, Some((DeadCode::NotOnWhatsapp, "no such number".to_owned())));
    assert_eq!(dead[1].progress.attempts.len(), 1);
    assert_eq!(messages.dead(None, 1).await.unwrap().len(), 1);
    assert!(messages.dead(Some(&"other".parse().unwrap()), 10).await.unwrap().is_empty());

    assert!(messages.revive(&first.id).await.unwrap());
    let revived = messages.get(&first.id).await.unwrap().unwrap();
    assert_eq!((revived.progress.state, revived.progress.error), (MessageState::Accepted, None));
    assert_eq!(revived.progress.attempts.len(), 1, "its history stays");
}

async fn what_waits_is_listed_in_the_order_of_acceptance_and_counted(store: Store) {
    let session = with_session(&store).await;
    let messages = store.messages();
    let mut expected = Vec::new();
    for state in MessageState::ALL {
        let message = brought_to(&store, &session, state).await;
        if !state.is_settled() {
            expected.push(message.id);
        }
    }
    let mut listed = Vec::new();
    let mut after = 0;
    loop {
        let page = messages.undispatched(&session, Page { after, limit: 3 }).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = last.position;
        listed.extend(page.into_iter().map(|row| row.message.id));
    }
    assert_eq!(listed, expected);
    let counts: std::collections::HashMap<_, _> =
        messages.waiting().await.unwrap().into_iter().map(|row| (row.session, row.messages)).collect();
    assert_eq!(counts.get(&session), Some(&4));
    assert_eq!(counts.len(), 1);
    let by_state = messages.counts(&session).await.unwrap();
    assert_eq!(by_state.len(), 10);
    assert!(by_state.iter().all(|(_, count)| *count == 1));
    assert_eq!(messages.bury_all(&session, DeadCode::SessionDeleted, "gone").await.unwrap(), 4);
    assert!(messages.waiting().await.unwrap().is_empty());
}

async fn what_is_overdue_is_found_once_it_is(store: Store) {
    let session = with_session(&store).await;
    let messages = store.messages();
    let mut given = message(&session, CHAT, "soon", 1_000);
    given.schedule.expires_at_ms = Some(2_000);
    assert!(matches!(messages.insert(&new(&given)).await.unwrap(), Inserted::New(_)));
    let mut being_sent = message(&session, CHAT, "now", 1_000);
    being_sent.schedule.expires_at_ms = Some(2_000);
    assert!(matches!(messages.insert(&new(&being_sent)).await.unwrap(), Inserted::New(_)));
    store.attempts().begin(&being_sent.id, &key(&being_sent), 1_500).await.unwrap();
    accepted(&store, &session, CHAT, "whenever").await;

    assert!(messages.overdue(1_999, 10).await.unwrap().is_empty());
    let overdue = messages.overdue(2_000, 10).await.unwrap();
    assert_eq!(overdue.iter().map(|message| &message.id).collect::<Vec<_>>(), [&given.id]);
}

async fn events_are_numbered_without_a_gap_in_sight_and_filtered(store: Store) {
    let events = store.events();
    assert_eq!(events.last_seq().await.unwrap(), 0);
    let kinds = [EventKind::Qr, EventKind::SessionStatus, EventKind::MessageAck];
    let all = (0..30).map(|number: usize| {
        let (events, kind) = (events.clone(), kinds[number % 3]);
        let session: SessionName = if number.is_multiple_of(2) { "even" } else { "odd" }.parse().unwrap();
        async move { events.append(&NewEvent { kind, session, payload: json!({"n": number}) }, 7).await.unwrap() }
    });
    let mut written = join_all(all).await;
    written.sort_by_key(|event| event.seq);
    assert_eq!(written.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=30).collect::<Vec<_>>());
    assert_eq!(events.since(0, None, &[], 100).await.unwrap(), written);
    assert_eq!(events.since(25, None, &[], 100).await.unwrap(), written[25..]);
    assert_eq!(events.since(0, None, &[], 4).await.unwrap(), written[..4]);
    let odd: SessionName = "odd".parse().unwrap();
    let expected: Vec<Event> = written
        .iter()
        .filter(|event| event.event.session == odd && event.event.kind != EventKind::MessageAck)
        .cloned()
        .collect();
    let kinds = [EventKind::Qr, EventKind::SessionStatus];
    assert_eq!(events.since(0, Some(&odd), &kinds, 100).await.unwrap(), expected);
    assert_eq!(events.last_seq().await.unwrap(), 30);
}

async fn api_keys_are_found_by_their_hash(store: Store) {
    let keys = store.api_keys();
    let mut admin = ApiKeyRecord {
        id: "a".to_owned(),
        hash: "hash-a".to_owned(),
        is_admin: true,
        session: None,
        actions: Vec::new(),
        is_active: true,
        created_at_ms: 2,
    };
    let reader = ApiKeyRecord {
        id: "b".to_owned(),
        hash: "hash-b".to_owned(),
        is_admin: false,
        session: Some("main".parse().unwrap()),
        actions: vec!["read".to_owned(), "send".to_owned()],
        created_at_ms: 1,
        ..admin.clone()
    };
    assert!(keys.insert(&admin).await.unwrap() && keys.insert(&reader).await.unwrap());
    assert!(!keys.insert(&ApiKeyRecord { id: "c".to_owned(), ..admin.clone() }).await.unwrap(), "a hash is unique");
    assert_eq!(keys.find_by_hash("hash-b").await.unwrap().as_ref(), Some(&reader));
    assert_eq!(keys.find_by_hash("hash").await.unwrap(), None);
    assert_eq!(keys.list().await.unwrap(), [reader, admin.clone()]);
    admin.is_active = false;
    assert!(keys.update(&admin).await.unwrap());
    assert_eq!(keys.get("a").await.unwrap(), Some(admin.clone()));
    assert!(keys.delete("a").await.unwrap() && !keys.delete("a").await.unwrap());
    assert!(!keys.update(&admin).await.unwrap());
}

async fn files_are_found_replaced_held_and_forgotten(store: Store) {
    let session = with_session(&store).await;
    let files = store.media_files();
    let file = |name: &str, created_at_ms| MediaRecord {
        session: session.clone(),
        name: name.to_owned(),
        mime: "image/png".to_owned(),
        file_name: None,
        bytes: 100,
        sha256: "00".to_owned(),
        created_at_ms,
    };
    assert_eq!(files.total_bytes().await.unwrap(), 0);
    for (name, at_ms) in [("a.png", 1), ("b.png", 2), ("c.png", 3)] {
        files.put(&file(name, at_ms)).await.unwrap();
    }
    let replaced = MediaRecord { bytes: 5, file_name: Some("photo.png".to_owned()), ..file("a.png", 4) };
    files.put(&replaced).await.unwrap();
    assert_eq!(files.get(&session, "a.png").await.unwrap(), Some(replaced.clone()));
    assert_eq!(files.get(&session, "d.png").await.unwrap(), None);
    assert_eq!(files.total_bytes().await.unwrap(), 205);

    let waiting = accepted(&store, &session, CHAT, "with b").await;
    files.hold(&session, "b.png", &waiting.id, 0).await.unwrap();
    files.hold(&session, "b.png", &waiting.id, 1).await.unwrap();
    let names = async |now_ms| {
        let free = files.oldest_free(100, now_ms, 10).await.unwrap();
        free.into_iter().map(|file| file.name).collect::<Vec<_>>()
    };
    assert_eq!(names(i64::MAX).await, ["c.png", "a.png"], "what a message waits for is not free");
    files.hold(&session, "c.png", &MessageId::choose(), 1_000_000).await.unwrap();
    assert_eq!(names(1_500_000).await, ["a.png"], "nor what one is about to wait for");
    assert_eq!(names(1_700_000).await, ["c.png", "a.png"], "which never came");
    assert!(store.messages().cancel(&waiting.id).await.unwrap());
    assert_eq!(names(i64::MAX).await, ["b.png", "c.png", "a.png"]);

    assert!(!files.remove(&file("a.png", 1)).await.unwrap(), "it was replaced since");
    assert!(files.remove(&replaced).await.unwrap() && !files.remove(&replaced).await.unwrap());
    assert!(files.abandoned_sessions().await.unwrap().is_empty());
    store.sessions().delete(&session).await.unwrap();
    assert_eq!(files.abandoned_sessions().await.unwrap(), ["main"]);
    files.remove_session("main").await.unwrap();
    assert_eq!(files.total_bytes().await.unwrap(), 0);
}

/// Runs every scenario on a SQLite file of its own, and all of them, each on a database of its own, on one PostgreSQL.
macro_rules! on_both {
    ($($scenario:ident,)*) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::Store::open(&super::sqlite_url(&folder.path().join("drover.db"))).await.unwrap();
                super::$scenario(store.clone()).await;
                store.close().await;
            })*
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn everything_holds_on_postgres() {
            let postgres = TestPostgres::start().await;
            $({
                println!("{}", stringify!($scenario));
                let name: String = stringify!($scenario).chars().take(60).collect();
                let store = Store::open(&postgres.new_database(&name).await).await.unwrap();
                $scenario(store.clone()).await;
                store.close().await;
            })*
        }
    };
}

on_both! {
    a_session_is_kept_as_it_was_given_and_changes_where_it_is_told_to,
    a_message_is_kept_as_it_was_accepted,
    a_message_for_nobodys_session_is_not_taken,
    the_times_of_a_chat_rise_strictly_even_when_many_come_at_once_and_the_clock_stands,
    an_idempotency_key_answers_the_same_message_or_a_conflict,
    one_of_many_requests_with_one_key_is_new_and_the_others_are_its_replay,
    an_id_that_is_taken_serves_as_an_idempotency_key,
    the_same_text_is_a_duplicate_within_its_window_while_the_first_counts,
    of_many_same_texts_at_once_one_is_taken,
    an_attempt_is_committed_with_its_key_and_counted,
    a_settled_message_gets_no_attempt,
    no_move_leaves_a_settled_state_and_each_starts_where_it_may,
    acks_only_rise_and_prove_even_a_dead_letter_sent,
    dead_letters_keep_their_reason_and_can_be_revived,
    what_waits_is_listed_in_the_order_of_acceptance_and_counted,
    what_is_overdue_is_found_once_it_is,
    events_are_numbered_without_a_gap_in_sight_and_filtered,
    api_keys_are_found_by_their_hash,
    files_are_found_replaced_held_and_forgotten,
}
