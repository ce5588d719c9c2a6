//! Webhooks over a real store, outbox and Redis, to a real HTTP receiver: order, retries, circuits, dead letters, replies, and
//! what bad receivers get.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use drover::{
    model::{EventKind, SessionName},
    webhook::signature,
};
use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    backends::{
        hooks::{self, Hooks, happen},
        house::{House, LONG},
        rows, settings,
    },
    receiver::{Answer, Received, Receiver},
};

fn seqs(received: &[Received]) -> Vec<i64> {
    received.iter().map(Received::seq).collect()
}

/// Waits in another thread, so that what is waited for can run.
async fn arrived(receiver: &Arc<Receiver>, count: usize) -> Vec<Received> {
    let receiver = Arc::clone(receiver);
    let wait = move || receiver.wait_for(&format!("{count} requests"), LONG, |received| received.len() >= count);
    tokio::task::spawn_blocking(wait).await.unwrap()
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut condition: impl FnMut() -> F) -> T {
    let found = async {
        loop {
            if let Some(found) = condition().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, found).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

async fn dead_letters(hooks: &Hooks, count: usize) -> Vec<drover::store::Delivery> {
    until(&format!("{count} dead letters"), async || {
        let dead = hooks.webhooks.dead(None, 100).await.unwrap();
        (dead.len() >= count).then_some(dead)
    })
    .await
}

async fn messages(house: &House, from: usize, to: usize) -> Vec<i64> {
    let mut seqs = Vec::new();
    for number in from..to {
        let payload = json!({ "from": "15551234567@c.us", "fromMe": false, "body": format!("message {number}") });
        seqs.push(happen(house, &house.session, EventKind::Message, payload).await);
    }
    seqs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_leaves_signed_in_wahas_envelope() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Arc::new(Receiver::start());
    let hooks = Hooks::start(&house, &hooks::settings()).await;
    let webhook = json!([{
        "url": receiver.url("/hook?token=1"),
        "events": ["message"],
        "hmac": { "key": "a secret" },
        "customHeaders": [{ "name": "Authorization", "value": "Bearer token" }],
    }]);
    hooks.configure(&house, &house.session, webhook).await;
    happen(&house, &house.session, EventKind::Qr, json!({})).await;
    let seq = messages(&house, 0, 1).await[0];
    let received = arrived(&receiver, 1).await.remove(0);
    assert_eq!((received.seq(), received.path.as_str()), (seq, "/hook?token=1"), "what was not asked for stays");
    let body = received.json();
    assert_eq!((&body["event"], &body["session"]), (&json!("message"), &json!("main")));
    assert_eq!(body["payload"]["body"], "message 0");
    assert_eq!(body["environment"]["worker"]["id"], "node");
    let header = |name: &str| received.headers.get(name).map(String::as_str).unwrap_or_default();
    assert_eq!(header("x-webhook-hmac"), signature::sign(b"a secret", &received.body));
    assert_eq!(header("x-webhook-hmac-algorithm"), "sha512");
    assert_eq!(header("authorization"), "Bearer token");
    assert_eq!(header("content-type"), "application/json");
    assert!(header("x-webhook-timestamp").parse::<i64>().is_ok());
    assert!(header("x-webhook-request-id").starts_with("dlv_"));
    hooks.stop().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_tried_again_in_order_under_the_same_id_and_given_up_after_their_attempts() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Arc::new(Receiver::start());
    let hooks = Hooks::start(&house, &hooks::settings()).await;
    hooks.configure(&house, &house.session, json!([{ "url": receiver.url("/"), "events": ["*"] }])).await;
    // The second message is never taken, the third at its second try.
    let third = AtomicUsize::new(0);
    receiver.answer(move |received| match received.json()["payload"]["body"].as_str() {
        Some("message 1") => Answer::Status(500, "no".to_owned()),
        Some("message 2") if third.fetch_add(1, Ordering::SeqCst) == 0 => Answer::Status(429, String::new()),
        _ => Answer::ok(),
    });
    let sent = messages(&house, 0, 4).await;
    let received = arrived(&receiver, 7).await;
    assert_eq!(seqs(&received), [sent[0], sent[1], sent[1], sent[1], sent[2], sent[2], sent[3]]);
    assert!(received[1].id() == received[3].id() && received[0].id() != received[1].id());
    let dead = dead_letters(&hooks, 1).await.remove(0);
    assert_eq!((dead.event.seq, dead.progress.attempts, &dead.id), (sent[1], 3, &received[1].id()));
    assert_eq!(dead.progress.failure.as_ref().map(|(code, _)| code.as_str()), Some("status_500"));

    receiver.answer(|_| Answer::ok());
    assert!(hooks.webhooks.retry(&dead).await.unwrap());
    let again = arrived(&receiver, 8).await.remove(7);
    assert_eq!((again.seq(), again.id()), (sent[1], dead.id.clone()), "a dead letter is tried again under its id");
    until("its row goes", async || hooks.webhooks.delivery(&dead.id).await.unwrap().is_none().then_some(())).await;
    assert!(!hooks.webhooks.retry(&dead).await.unwrap(), "it is none any more");
    hooks.stop().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_over_a_kill_and_what_is_repeated_keeps_its_id_and_order() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Arc::new(Receiver::start());
    let hooks = Hooks::start(&house, &hooks::settings()).await;
    hooks.configure(&house, &house.session, json!([{ "url": receiver.url("/"), "events": ["message"] }])).await;
    let mut sent = messages(&house, 0, 20).await;
    arrived(&receiver, 10).await;
    hooks.kill().await;
    sent.extend(messages(&house, 20, 320).await);
    let before = receiver.received().len();
    let hooks = Hooks::start(&house, &hooks::settings()).await;
    sent.extend(messages(&house, 320, 330).await);
    let last = *sent.last().unwrap();
    let all = {
        let receiver = Arc::clone(&receiver);
        let wait =
            move || receiver.wait_for("the last one", LONG, |all| all.last().is_some_and(|one| one.seq() == last));
        tokio::task::spawn_blocking(wait).await.unwrap()
    };
    let after = seqs(&all[before..]);
    assert!(after.is_sorted(), "in order: {after:?}");
    let mut unique: Vec<(i64, String)> = all.iter().map(|one| (one.seq(), one.id())).collect();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), sent, "each, under one id");
    hooks.stop().await;
    let stored = house.store.webhooks().list().await.unwrap();
    assert_eq!(stored[0].1, last, "a normal end stores how far it is");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_and_its_count_survive_a_restart() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Arc::new(Receiver::start());
    receiver.answer(|_| Answer::Status(503, String::new()));
    let hooks = Hooks::start(&house, &hooks::settings()).await;
    let retries = json!({ "policy": "linear", "delaySeconds": 60, "attempts": 3 });
    let webhook = json!([{ "url": receiver.url("/"), "events": ["message"], "retries": retries }]);
    hooks.configure(&house, &house.session, webhook).await;
    messages(&house, 0, 2).await;
    let lane = house.store.webhooks().list().await.unwrap().remove(0).0;
    let waiting = async |attempts: u32| {
        until(&format!("{attempts} attempts are stored"), async || {
            let mut waiting = house.store.deliveries().waiting(&lane).await.unwrap();
            waiting.pop().filter(|delivery| delivery.progress.attempts == attempts)
        })
        .await
    };
    let first = waiting(1).await;
    assert_eq!(first.progress.due_at_ms, first.progress.updated_at_ms + 60_000);
    hooks.kill().await;
    let hooks = Hooks::start(&house, &hooks::settings()).await;
    house.clock.advance(60_000);
    let second = waiting(2).await;
    assert_eq!(second.progress.due_at_ms, second.progress.updated_at_ms + 120_000, "linear");
    assert_eq!(receiver.received().len(), 2, "no sooner, and nothing passes it");
    house.clock.advance(120_000);
    let dead = dead_letters(&hooks, 1).await.remove(0);
    assert_eq!(dead.progress.attempts, 3);
    assert_eq!(dead.id, arrived(&receiver, 3).await[0].id());
    hooks.stop().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_answers_500_for_an_hour_is_left_alone_and_loses_nothing() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Arc::new(Receiver::start());
    receiver.answer(|_| Answer::Status(500, String::new()));
    let mut short = hooks::settings();
    short.attempts = 50;
    short.retry_delay_s = 2;
    short.receiver.circuit_failures = 3;
    short.receiver.circuit_open_s = 600;
    let hooks = Hooks::start(&house, &short).await;
    hooks.configure(&house, &house.session, json!([{ "url": receiver.url("/"), "events": ["message"] }])).await;
    let sent = messages(&house, 0, 30).await;
    let lane = house.store.webhooks().list().await.unwrap().remove(0).0;
    let failed = async |tries: usize| {
        until(&format!("try {tries} is stored as failed"), async || {
            let waiting = house.store.deliveries().waiting(&lane).await.unwrap();
            waiting.first().filter(|head| head.progress.attempts as usize == tries).map(drop)
        })
        .await;
    };
    let mut tries = 1;
    failed(tries).await;
    let began = drover::clock::Clock::now_ms(&*house.clock);
    while drover::clock::Clock::now_ms(&*house.clock) - began < 3_600_000 {
        let is_open = hooks.webhooks.list(None).await.unwrap()[0].circuit_open_until_ms.is_some();
        house.clock.advance(if is_open { 600_000 } else { 2_000 });
        tries += 1;
        failed(tries).await;
    }
    assert_eq!(receiver.received().len(), tries);
    assert!(tries <= 10, "it is looked at once in ten minutes: {tries} tries");
    let events = house.events.since(0, None, &[EventKind::Alert], 100).await.unwrap();
    assert_eq!(events.len(), 1, "a person is told once: {events:?}");
    assert_eq!(events[0].event.payload["isResolved"], false);

    receiver.answer(|_| Answer::ok());
    house.clock.advance(600_000);
    let received = arrived(&receiver, tries + sent.len()).await;
    assert_eq!(seqs(&received[tries..]), sent);
    assert!(hooks.webhooks.dead(None, 1).await.unwrap().is_empty());
    let resolved = until("the alert is resolved", async || {
        house.events.since(events[0].seq, None, &[EventKind::Alert], 100).await.unwrap().pop()
    })
    .await;
    assert_eq!(resolved.event.payload["code"], events[0].event.payload["code"]);
    assert_eq!(resolved.event.payload["isResolved"], true);
    hooks.stop().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_never_answers_delays_nobody_else() {
    let house = House::new(settings::no_limits()).await;
    let (slow, quick) = (Arc::new(Receiver::start()), Arc::new(Receiver::start()));
    slow.answer(|_| Answer::Never);
    let mut short = hooks::settings();
    short.receiver.timeout_s = 2;
    short.attempts = 2;
    short.receiver.per_host = 2;
    let hooks = Hooks::start(&house, &short).await;
    let names: Vec<SessionName> = (0..6).map(|number| format!("s{number}").parse().unwrap()).collect();
    for name in &names {
        house.store.sessions().insert(&rows::session(name.as_str())).await.unwrap();
        let both = json!([
            { "url": slow.url("/"), "events": ["message"] },
            { "url": quick.url("/"), "events": ["message"] },
        ]);
        hooks.configure(&house, name, both).await;
    }
    join_all(names.iter().map(|name| happen(&house, name, EventKind::Message, json!({ "body": "hi" })))).await;
    let began = std::time::Instant::now();
    assert_eq!(arrived(&quick, names.len()).await.len(), names.len());
    assert!(began.elapsed() < Duration::from_secs(2), "not even by one timeout");
    let dead = dead_letters(&hooks, 1).await;
    assert_eq!(dead[0].progress.failure.as_ref().unwrap().0, "timeout");
    hooks.stop().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_answer_is_cut_off_and_a_redirect_is_not_followed() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Arc::new(Receiver::start());
    let hooks = Hooks::start(&house, &hooks::settings()).await;
    hooks.configure(&house, &house.session, json!([{ "url": receiver.url("/"), "events": ["message"] }])).await;
    let target = receiver.url("/elsewhere?secret");
    receiver.answer(move |received| match received.json()["payload"]["body"].as_str() {
        Some("message 0") => Answer::Bytes(50 << 20),
        Some("message 1") => Answer::Redirect(target.clone()),
        _ => Answer::ok(),
    });
    let sent = messages(&house, 0, 3).await;
    let received = arrived(&receiver, 5).await;
    assert_eq!(seqs(&received), [sent[0], sent[1], sent[1], sent[1], sent[2]], "50 MB count as taken");
    assert!(receiver.bytes_written() < 10 << 20, "{} bytes were sent", receiver.bytes_written());
    assert!(received.iter().all(|one| one.path == "/"));
    let (code, message) = dead_letters(&hooks, 1).await.remove(0).progress.failure.unwrap();
    assert_eq!(code, "redirected");
    assert!(!message.contains("secret") && message.contains("final address"), "{message}");
    hooks.stop().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_inside_becomes_a_dead_letter_that_says_what_to_do() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Arc::new(Receiver::start());
    let hooks = Hooks::start_allowing(&house, &hooks::settings(), &[]).await;
    let named = receiver.url("/").replace("127.0.0.1", "localhost");
    hooks.configure(&house, &house.session, json!([{ "url": named, "events": ["message"] }])).await;
    messages(&house, 0, 1).await;
    let (code, message) = dead_letters(&hooks, 1).await.remove(0).progress.failure.unwrap();
    assert_eq!(code, "private_address");
    assert!(message.contains("network.allow_hosts"), "{message}");
    assert!(receiver.received().is_empty());
    hooks.stop().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_is_queued_once_however_often_the_event_is_tried() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Arc::new(Receiver::start());
    let hooks = Hooks::start(&house, &hooks::settings()).await;
    hooks.configure(&house, &house.session, json!([{ "url": receiver.url("/"), "events": ["message"] }])).await;
    receiver.answer(|received| match received.json()["payload"]["body"].as_str() {
        Some("message 0" | "message 1") => Answer::Status(200, r#"{"reply": {"text": "hello back"}}"#.to_owned()),
        Some("message 2") => Answer::Status(200, r#"{"reply": {"text": ""}}"#.to_owned()),
        _ => Answer::ok(),
    });
    house.reconcile_once().await;
    messages(&house, 0, 4).await;
    arrived(&receiver, 4).await;
    let (code, message) = dead_letters(&hooks, 1).await.remove(0).progress.failure.unwrap();
    assert_eq!(code, "reply_refused");
    assert!(message.contains("text"), "{message}");
    // The same events once more, as after a crash that came before their cursor was stored.
    hooks.kill().await;
    let mut lanes = house.store.webhooks().list().await.unwrap();
    let (lane, _) = lanes.remove(0);
    house.store.webhooks().remove(&lane).await.unwrap();
    house.store.webhooks().open(vec![(lane, 0)]).await.unwrap();
    let hooks = Hooks::start(&house, &hooks::settings()).await;
    arrived(&receiver, 8).await;
    hooks.stop().await;
    let queued: Vec<Value> = house.drain().await.iter().map(|message| json!([message.chat, message.content])).collect();
    assert_eq!(queued.len(), 2, "one for each of the two, and the same text twice: {queued:?}");
    assert!(queued.iter().all(|message| message[0] == "15551234567@c.us"), "{queued:?}");
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_global_webhook_hears_every_session_and_lanes_follow_what_sessions_become() {
    let house = House::new(settings::no_limits()).await;
    let (global, own) = (Arc::new(Receiver::start()), Arc::new(Receiver::start()));
    let mut with_global = hooks::settings();
    with_global.url = global.url("/global");
    with_global.events = vec!["message,session.status".to_owned()];
    with_global.hmac_key = "global key".to_owned();
    with_global.custom_headers = "X-Team: sheep;X-Other:1".to_owned();
    let hooks = Hooks::start(&house, &with_global).await;
    let late: SessionName = "late".parse().unwrap();
    house.store.sessions().insert(&rows::session("late")).await.unwrap();
    // Nobody told the dispatcher of this session: its first event does.
    happen(&house, &late, EventKind::SessionStatus, json!({})).await;
    happen(&house, &house.session, EventKind::Message, json!({})).await;
    let received = arrived(&global, 2).await;
    assert_eq!(received[0].headers["x-team"], "sheep");
    assert_eq!(received[0].headers["x-webhook-hmac"], signature::sign(b"global key", &received[0].body));

    hooks.configure(&house, &late, json!([{ "url": own.url("/"), "events": ["message"] }])).await;
    happen(&house, &late, EventKind::Message, json!({ "n": 1 })).await;
    arrived(&own, 1).await;
    arrived(&global, 3).await;
    hooks.configure(&house, &late, json!([])).await;
    happen(&house, &late, EventKind::Message, json!({ "n": 2 })).await;
    arrived(&global, 4).await;
    assert_eq!(own.received().len(), 1, "a webhook that was taken away hears no more");
    let change = hooks.webhooks.change(&late);
    house.store.sessions().delete(&late).await.unwrap();
    drop(change);
    until("only one lane is left", async || {
        let lanes = house.store.webhooks().list().await.unwrap();
        (lanes.len() == 1 && lanes[0].0.session == house.session).then_some(())
    })
    .await;
    hooks.stop().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_that_no_lane_has_room_for_is_read_from_the_store() {
    let house = House::new(settings::no_limits()).await;
    let receiver = Arc::new(Receiver::start());
    let mut settings = hooks::settings();
    // The first one waits until all of them have happened.
    settings.receiver.timeout_s = 120;
    let hooks = Hooks::start(&house, &settings).await;
    hooks.configure(&house, &house.session, json!([{ "url": receiver.url("/"), "events": ["message"] }])).await;
    let gate = Arc::new(AtomicUsize::new(0));
    let opened = Arc::clone(&gate);
    receiver.answer(move |_| {
        while opened.load(Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        Answer::ok()
    });
    let payloads = (0..1_500).map(|number| happen(&house, &house.session, EventKind::Message, json!({ "n": number })));
    let mut sent = join_all(payloads).await;
    sent.sort_unstable();
    gate.store(1, Ordering::SeqCst);
    let received = arrived(&receiver, sent.len()).await;
    assert_eq!(seqs(&received), sent);
    assert_eq!(receiver.connections(), 1, "the connection is kept");
    hooks.stop().await;
    house.end().await;
}

#[test]
fn the_vectors_of_the_documentation_hold() {
    let text = include_str!("../../docs/webhooks.md");
    let rows = text.lines().filter(|line| line.starts_with("| `")).filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, key, body, signature, _] = cells[..] else { return None };
        (signature.len() == 128).then_some((key, body, signature))
    });
    let vectors: Vec<_> = rows.collect();
    assert!(vectors.len() >= 3, "the vectors are found: {vectors:?}");
    for (key, body, expected) in vectors {
        assert_eq!(signature::sign(key.as_bytes(), body.as_bytes()), expected, "{key}: {body}");
    }
}
