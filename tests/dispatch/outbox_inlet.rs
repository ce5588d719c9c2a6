//! The inlet: what is written straight to Redis is taken over once, in order, after the commit; what is wrong is laid aside.

use std::{collections::HashMap, time::Duration};

use drover::{
    model::{Content, MessageState},
    outbox::Inlet,
    queue::keys,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::backends::{
    house::{House, LONG},
    settings,
};

struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

fn run(house: &House, consumer: &str) -> Running {
    let stop = CancellationToken::new();
    let inlet = Inlet::new(house.outbox.clone(), consumer.to_owned());
    Running { task: tokio::spawn(inlet.run(stop.clone())), stop }
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        timeout(LONG, self.task).await.expect("it stops when it is told to").unwrap();
    }
}

async fn add(house: &House, payload: &str) -> String {
    house.redis.command(&["XADD", keys::INLET, "*", "payload", payload]).await
}

fn payload(chat: &str, text: &str) -> String {
    serde_json::json!({"session": "main", "chatId": chat, "text": text}).to_string()
}

async fn until_emptied(house: &House) {
    let emptied = async {
        while house.redis.command::<u64>(&["XLEN", keys::INLET]).await > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, emptied).await.expect("every entry is taken out of the stream");
}

async fn rejected(house: &House) -> Vec<HashMap<String, String>> {
    let entries: Vec<(String, HashMap<String, String>)> =
        house.redis.command(&["XRANGE", keys::INLET_REJECTED, "-", "+"]).await;
    entries.into_iter().map(|(_, fields)| fields).collect()
}

async fn bodies(house: &House) -> Vec<String> {
    house
        .drain()
        .await
        .into_iter()
        .map(|message| {
            let Content::Text(text) = message.content else { panic!("{:?} is no text", message.content) };
            text.body
        })
        .collect()
}

#[tokio::test]
async fn what_was_written_before_the_first_start_and_after_it_is_taken_over_in_order() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    for number in 0..300 {
        add(&house, &payload("15550000001", &number.to_string())).await;
    }
    let inlet = run(&house, "node");
    until_emptied(&house).await;
    add(&house, &payload("15550000001", "300")).await;
    until_emptied(&house).await;
    assert_eq!(bodies(&house).await, (0..=300).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(rejected(&house).await.is_empty());
    inlet.stop().await;
    house.end().await;
}

#[tokio::test]
async fn what_is_wrong_is_laid_aside_with_the_reason_and_holds_nothing_up() {
    let limits = drover::config::Limits { duplicate_window_s: 300, ..settings::no_limits() };
    let house = House::new(limits).await;
    house.reconcile_once().await;
    let inlet = run(&house, "node");
    let entry = add(&house, "not json").await;
    let _: String = house.redis.command(&["XADD", keys::INLET, "*", "data", "{}"]).await;
    let ghost = r#"{"session":"ghost","chatId":"15550000001","text":"hi"}"#;
    add(&house, ghost).await;
    add(&house, &payload("anna", "hi")).await;
    add(&house, &payload("15550000001", " ")).await;
    let keyed = |text: &str| {
        format!(r#"{{"session":"main","chatId":"15550000002","text":"{text}","idempotencyKey":"order-1"}}"#)
    };
    add(&house, &keyed("one")).await;
    add(&house, &keyed("one")).await;
    add(&house, &keyed("two")).await;
    add(&house, &payload("15550000003", "same")).await;
    add(&house, &payload("15550000003", "same")).await;
    until_emptied(&house).await;
    let rejected = rejected(&house).await;
    let mut codes: Vec<&str> = rejected.iter().map(|fields| fields["code"].as_str()).collect();
    codes.sort_unstable();
    let expected = [
        "duplicate_message",
        "idempotency_conflict",
        "invalid_request",
        "invalid_request",
        "invalid_request",
        "invalid_request",
        "unknown_session",
    ];
    assert_eq!(codes, expected);
    let first = rejected.iter().find(|fields| fields["entry"] == entry).expect("the entry is named");
    assert!(first["payload"] == "not json" && !first["reason"].is_empty(), "{first:?}");
    let unknown = rejected.iter().find(|fields| fields["code"] == "unknown_session").unwrap();
    assert_eq!(unknown["payload"], ghost, "as it was written");
    assert_eq!(bodies(&house).await.len(), 2, "each once");
    inlet.stop().await;
    house.end().await;
}

#[tokio::test]
async fn what_was_read_and_not_finished_is_one_message_whoever_reads_it_again() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let inlet = run(&house, "node");
    add(&house, &payload("15550000001", "0")).await;
    until_emptied(&house).await;
    inlet.stop().await;
    // A node that read two entries of its own and one of a dead node's, took the first over, and was killed.
    let ids = [
        add(&house, &payload("15550000001", "1")).await,
        add(&house, &payload("15550000001", "2")).await,
        add(&house, &payload("15550000002", "3")).await,
    ];
    for (consumer, count) in [("node", "2"), ("dead", "1")] {
        let words = ["XREADGROUP", "GROUP", keys::INLET_GROUP, consumer, "COUNT", count, "STREAMS", keys::INLET, ">"];
        let _: redis::Value = house.redis.command(&words).await;
    }
    let words = ["XCLAIM", keys::INLET, keys::INLET_GROUP, "dead", "0", &ids[2], "IDLE", "600000", "JUSTID"];
    let _: redis::Value = house.redis.command(&words).await;
    add(&house, &payload("15550000001", "4")).await;
    let inlet = run(&house, "node");
    until_emptied(&house).await;
    inlet.stop().await;
    let mut sent = bodies(&house).await;
    sent.retain(|body| body != "3");
    assert_eq!(sent, ["0", "1", "2", "4"], "in order, each once");

    // Committed, but killed before the entry was taken out: read again, it is the same message.
    let entry = payload("15550000001", "5");
    let id = add(&house, &entry).await;
    let words = ["XREADGROUP", "GROUP", keys::INLET_GROUP, "other", "COUNT", "1", "STREAMS", keys::INLET, ">"];
    let _: redis::Value = house.redis.command(&words).await;
    for _ in 0..2 {
        let words = ["XCLAIM", keys::INLET, keys::INLET_GROUP, "node", "0", &id, "JUSTID"];
        let _: redis::Value = house.redis.command(&words).await;
        let inlet = run(&house, "node");
        until_emptied(&house).await;
        inlet.stop().await;
        // The same entry once more, as if it had never been taken out.
        let _: u64 = house.redis.command(&["DEL", keys::INLET]).await;
        let _: String = house.redis.command(&["XADD", keys::INLET, &id, "payload", &entry]).await;
        let words = ["XGROUP", "CREATE", keys::INLET, keys::INLET_GROUP, "0"];
        let _: String = house.redis.command(&words).await;
    }
    assert_eq!(bodies(&house).await, ["5"]);
    house.end().await;
}

#[tokio::test]
async fn it_waits_for_the_database_and_for_redis() {
    let mut house = House::new(settings::no_limits()).await;
    let reconciler = house.reconcile_every(Duration::from_millis(200));
    house.until_loaded().await;
    let inlet = run(&house, "node");
    add(&house, &payload("15550000001", "1")).await;
    until_emptied(&house).await;
    house.redis.kill();
    house.redis.start_again().await;
    add(&house, &payload("15550000001", "2")).await;
    until_emptied(&house).await;
    let _: String = house.redis.command(&["FLUSHALL"]).await;
    add(&house, &payload("15550000001", "3")).await;
    until_emptied(&house).await;
    let all_wait = async {
        loop {
            let counts = house.store.messages().counts(&house.session).await.unwrap();
            if counts == [(MessageState::Queued, 3)] {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, all_wait).await.expect("all three are committed and queued");
    inlet.stop().await;
    reconciler.stop().await;
    house.end().await;
}
