//! The Redis stream `drover:events`: every event once and in order, also after Redis was away, emptied, or written by another node.

use std::time::Duration;

use drover::{
    event::{EventLog, Relay, STREAM, environment},
    model::EventKind,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::backends::{
    hooks::happen,
    house::{House, LONG},
    redis::TestRedis,
    settings,
};

struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(LONG, self.task).await.expect("it stops when it is told to").unwrap();
    }
}

fn relay(house: &House, log: &EventLog, kept: u32) -> Running {
    let stop = CancellationToken::new();
    let relay = Relay::new(log.clone(), &house.connections, kept, environment("chromium", "node"));
    Running { task: tokio::spawn(relay.run(stop.clone())), stop }
}

async fn events(house: &House, count: usize) {
    for number in 0..count {
        happen(house, &house.session, EventKind::Message, json!({ "number": number })).await;
    }
}

type Entries = Vec<(String, std::collections::HashMap<String, String>)>;

async fn entries(redis: &TestRedis) -> Entries {
    redis.command(&["XRANGE", STREAM, "-", "+"]).await
}

fn numbers(entries: &Entries) -> Vec<i64> {
    entries.iter().map(|(id, _)| id.strip_suffix("-0").expect("a number and 0").parse().expect("a number")).collect()
}

/// Waits until the stream ends with this number; its entries are in order and each there once, as ids are.
async fn until_at(house: &House, last: i64) -> Entries {
    let found = async {
        loop {
            let entries = entries(&house.redis).await;
            if numbers(&entries).last() == Some(&last) {
                return entries;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, found).await.unwrap_or_else(|_| panic!("the stream does not reach {last}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_there_once_and_in_order() {
    let house = House::new(settings::no_limits()).await;
    // What happened before the stream was wanted, as much of it as is kept.
    events(&house, 20).await;
    let running = relay(&house, &house.events, 10);
    assert_eq!(numbers(&until_at(&house, 20).await), (11..=20).collect::<Vec<i64>>());
    // Two nodes on one log and one stream.
    let other = relay(&house, &house.events, 10);
    events(&house, 500).await;
    let kept = until_at(&house, 520).await;
    // Redis cuts off whole nodes of the stream, of a hundred entries each (`stream-node-max-entries`).
    assert!((10..=210).contains(&kept.len()), "about as many as are kept: {}", kept.len());
    // A node that finds the other ahead goes on with the newest ten: of what is older, and not cut off yet, some may be left out.
    let told = numbers(&kept);
    assert!(told.is_sorted_by(|one, next| one < next), "once and in order: {told:?}");
    assert_eq!(told[told.len() - 10..], (511..=520).collect::<Vec<i64>>());
    let (id, fields) = kept.last().unwrap();
    let data: Value = serde_json::from_str(&fields["data"]).unwrap();
    assert_eq!(
        (id.as_str(), &fields["event"], &fields["session"]),
        ("520-0", &"message".to_owned(), &"main".to_owned())
    );
    assert_eq!((&data["id"], &data["payload"]["number"]), (&json!("evt_00000000000000000520"), &json!(499)), "{data}");
    other.stop().await;
    running.stop().await;

    // What happened while nothing ran is caught up with.
    events(&house, 30).await;
    let running = relay(&house, &house.events, 1_000);
    assert_eq!(numbers(&until_at(&house, 550).await), told.into_iter().chain(521..=550).collect::<Vec<i64>>());
    running.stop().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_away_or_emptied_is_caught_up_with() {
    let mut house = House::new(settings::no_limits()).await;
    let running = relay(&house, &house.events, 1_000);
    events(&house, 10).await;
    until_at(&house, 10).await;
    let _: String = house.redis.command(&["FLUSHALL"]).await;
    events(&house, 1).await;
    assert_eq!(numbers(&until_at(&house, 11).await), (1..=11).collect::<Vec<i64>>(), "filled again");

    house.redis.kill();
    events(&house, 300).await;
    house.redis.start_again().await;
    assert_eq!(numbers(&until_at(&house, 311).await), (1..=311).collect::<Vec<i64>>());

    // It lost its end, as one may that writes to the disk each second.
    for lost in ["310-0", "311-0"] {
        let _: i64 = house.redis.command(&["XDEL", STREAM, lost]).await;
    }
    let _: String = house.redis.command(&["XSETID", STREAM, "309-0"]).await;
    events(&house, 1).await;
    assert_eq!(numbers(&until_at(&house, 312).await), (1..=312).collect::<Vec<i64>>());
    running.stop().await;

    // A stream of another database, whose numbers are ahead.
    let _: String = house.redis.command(&["XADD", STREAM, "99999-0", "event", "qr"]).await;
    let running = relay(&house, &house.events, 100);
    assert_eq!(numbers(&until_at(&house, 312).await), (213..=312).collect::<Vec<i64>>(), "it is begun anew");
    running.stop().await;
    house.end().await;
}
