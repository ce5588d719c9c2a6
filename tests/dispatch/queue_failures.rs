//! The queue while Redis is killed, restarted, emptied or away.

use std::{sync::Arc, time::Duration};

use drover::{
    clock::SystemClock,
    model::{OutboundMessage, SessionName},
    queue::{Claim, ClaimAnswer, Queue, QueueError, Settled, WaitCause},
    redis::{Connections, RedisError},
};
use tokio::time::{Instant, timeout};

use crate::backends::{redis::TestRedis, rows, settings};

const ANNA: &str = "15550000001@c.us";
const LONG: Duration = Duration::from_secs(20);

struct Bench {
    redis: TestRedis,
    connections: Connections,
    queue: Queue,
    session: SessionName,
}

impl Bench {
    async fn new() -> Self {
        let redis = TestRedis::start().await;
        let connections = Connections::open(&redis.settings(), "/nowhere".as_ref()).await.unwrap();
        let queue = Queue::new(&connections, settings::queue(), settings::no_limits(), Arc::new(SystemClock));
        let bench = Self { redis, connections, queue, session: "main".parse().unwrap() };
        bench.load(&[]).await;
        bench
    }

    fn message(&self, at_ms: i64) -> OutboundMessage {
        rows::message(&self.session, ANNA, "hello", at_ms)
    }

    async fn load(&self, messages: &[&OutboundMessage]) {
        let load = self.queue.load(&self.session).await.unwrap();
        for message in messages {
            load.put(message).await.unwrap();
        }
        assert!(load.finish().await.unwrap());
    }

    async fn answer(&self) -> Result<Claim, WaitCause> {
        match self.queue.claim(&self.session).await.unwrap() {
            ClaimAnswer::Claimed(claim) => Ok(claim),
            ClaimAnswer::AskAgain { why, .. } => Err(why),
        }
    }

    async fn wait_until_down(&self) {
        let mut links = self.queue.link_changes();
        timeout(LONG, links.wait_for(Option::is_none)).await.expect("the loss is noticed").unwrap();
    }

    async fn wait_until_up(&self) {
        let mut links = self.queue.link_changes();
        timeout(LONG, links.wait_for(Option::is_some)).await.expect("the link comes back").unwrap();
    }
}

fn is_down(error: &QueueError) -> bool {
    matches!(error, QueueError::Redis(RedisError::Down | RedisError::Command(_)))
}

#[tokio::test]
async fn a_queue_is_closed_until_it_is_loaded_and_asks_for_it() {
    let bench = Bench::new().await;
    let fresh: SessionName = "fresh".parse().unwrap();
    assert_eq!(bench.queue.depth(&fresh).await.unwrap(), None);
    let message = rows::message(&fresh, ANNA, "hello", 1);
    bench.queue.enqueue(&message).await.unwrap();
    timeout(LONG, bench.queue.load_wanted()).await.expect("an enqueue asks for the load");
    let answer = bench.queue.claim(&fresh).await.unwrap();
    assert!(matches!(answer, ClaimAnswer::AskAgain { why: WaitCause::Loading, at_ms: None }), "{answer:?}");
    timeout(LONG, bench.queue.load_wanted()).await.expect("a claim asks for the load");
    let waker = bench.queue.waker(&fresh);
    assert!(bench.queue.load(&fresh).await.unwrap().finish().await.unwrap());
    timeout(LONG, waker.notified()).await.expect("who waits is woken");
    assert_eq!(bench.queue.depth(&fresh).await.unwrap(), Some(1));
    let ClaimAnswer::Claimed(claim) = bench.queue.claim(&fresh).await.unwrap() else { panic!("it waits") };
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    bench.connections.close().await;
}

#[tokio::test]
async fn an_emptied_redis_hands_out_nothing_until_it_is_loaded_so_that_the_order_is_kept() {
    let bench = Bench::new().await;
    let (first, second, third) = (bench.message(1), bench.message(2), bench.message(3));
    for message in [&first, &second] {
        bench.queue.enqueue(message).await.unwrap();
    }
    let held = bench.answer().await.unwrap();
    let _: String = bench.redis.command(&["FLUSHALL"]).await;
    // A later message comes before the earlier ones are back.
    bench.queue.enqueue(&third).await.unwrap();
    assert_eq!(bench.answer().await.unwrap_err(), WaitCause::Loading);
    assert_eq!(held.ack().await.unwrap(), Settled::Lost);
    bench.load(&[&first, &second, &third]).await;
    for message in [&first, &second, &third] {
        let claim = bench.answer().await.unwrap();
        assert_eq!(claim.id, message.id);
        assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    }
    bench.connections.close().await;
}

#[tokio::test]
async fn a_token_is_never_repeated_by_an_emptied_redis() {
    let bench = Bench::new().await;
    let message = bench.message(1);
    bench.queue.enqueue(&message).await.unwrap();
    let before = bench.answer().await.unwrap();
    let _: String = bench.redis.command(&["FLUSHALL"]).await;
    bench.load(&[&message]).await;
    let after = bench.answer().await.unwrap();
    assert_eq!(before.retry(Duration::ZERO).await.unwrap(), Settled::Lost);
    assert_eq!(after.ack().await.unwrap(), Settled::Done);
    bench.connections.close().await;
}

#[tokio::test]
async fn a_load_that_is_overtaken_by_a_flush_does_not_open_the_queue() {
    let bench = Bench::new().await;
    let (first, second) = (bench.message(1), bench.message(2));
    let load = bench.queue.load(&bench.session).await.unwrap();
    load.put(&first).await.unwrap();
    let _: String = bench.redis.command(&["FLUSHALL"]).await;
    load.put(&second).await.unwrap();
    assert!(!load.finish().await.unwrap());
    assert_eq!(bench.answer().await.unwrap_err(), WaitCause::Loading);
    bench.connections.close().await;
}

#[tokio::test]
async fn while_redis_is_down_calls_fail_at_once_and_all_comes_back_by_itself() {
    let mut bench = Bench::new().await;
    let message = bench.message(1);
    bench.queue.enqueue(&message).await.unwrap();
    let waker = bench.queue.waker(&bench.session);
    bench.redis.kill();
    bench.wait_until_down().await;
    assert!(!bench.queue.is_up());
    let started = Instant::now();
    assert!(is_down(&bench.queue.enqueue(&message).await.unwrap_err()));
    assert!(is_down(&bench.queue.claim(&bench.session).await.unwrap_err()));
    assert!(is_down(&bench.queue.ping().await.unwrap_err()));
    assert!(started.elapsed() < Duration::from_secs(1), "nobody waits for a Redis that is down");
    while timeout(Duration::from_millis(50), waker.notified()).await.is_ok() {}

    bench.redis.start_again().await;
    bench.wait_until_up().await;
    timeout(LONG, waker.notified()).await.expect("whoever waits is woken when the link is back");
    bench.queue.ping().await.unwrap();
    // The append-only file kept the message, but who knows what it lost.
    assert_eq!(bench.answer().await.unwrap_err(), WaitCause::Loading);
    bench.load(&[&message]).await;
    let claim = bench.answer().await.unwrap();
    assert_eq!((&claim.id, claim.deliveries), (&message.id, 1));
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    bench.connections.close().await;
}

#[tokio::test]
async fn a_settlement_waits_for_redis_and_holds() {
    let mut bench = Bench::new().await;
    let message = bench.message(1);
    bench.queue.enqueue(&message).await.unwrap();
    let claim = bench.answer().await.unwrap();
    bench.redis.kill();
    bench.wait_until_down().await;
    let settling = tokio::spawn(claim.ack());
    bench.redis.start_again().await;
    let settled = timeout(LONG, settling).await.expect("it does not wait for the lease's end").unwrap();
    assert_eq!(settled.unwrap(), Settled::Done);
    bench.load(&[]).await;
    assert_eq!(bench.answer().await.unwrap_err(), WaitCause::Empty);
    bench.connections.close().await;
}

#[tokio::test]
async fn a_settlement_gives_up_at_the_end_of_its_lease() {
    let mut bench = Bench::new().await;
    let short = drover::config::Queue { lease_s: 1, ..settings::queue() };
    let queue = Queue::new(&bench.connections, short, settings::no_limits(), Arc::new(SystemClock));
    bench.queue.enqueue(&bench.message(1)).await.unwrap();
    let ClaimAnswer::Claimed(claim) = queue.claim(&bench.session).await.unwrap() else { panic!("it waits") };
    bench.redis.kill();
    let error = timeout(LONG, claim.ack()).await.expect("it ends").unwrap_err();
    assert!(is_down(&error), "{error:?}");
    bench.connections.close().await;
}

#[tokio::test]
async fn a_claim_survives_a_restart_of_redis_with_its_lease_and_its_limits() {
    let mut bench = Bench::new().await;
    let (first, second) = (bench.message(1), bench.message(2));
    for message in [&first, &second] {
        bench.queue.enqueue(message).await.unwrap();
    }
    let claim = bench.answer().await.unwrap();
    bench.queue.pause(Some(&bench.session)).await.unwrap();
    bench.redis.kill();
    bench.wait_until_down().await;
    bench.redis.start_again().await;
    bench.wait_until_up().await;
    bench.load(&[&first, &second]).await;
    assert_eq!(bench.answer().await.unwrap_err(), WaitCause::Paused);
    bench.queue.resume(Some(&bench.session)).await.unwrap();
    assert_eq!(bench.answer().await.unwrap_err(), WaitCause::InFlight, "the first is still held");
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    let next = bench.answer().await.unwrap();
    assert_eq!(next.id, second.id);
    assert_eq!(next.ack().await.unwrap(), Settled::Done);
    bench.connections.close().await;
}

#[tokio::test]
async fn what_an_earlier_layout_kept_is_not_read_and_goes_with_the_load() {
    let bench = Bench::new().await;
    let session: SessionName = "older".parse().unwrap();
    let message = rows::message(&session, ANNA, "hello", 1);
    let _: i64 =
        bench.redis.command(&["HSET", "drover:{older}:state", "server", "another", "paused", "operator"]).await;
    let _: i64 = bench.redis.command(&["HSET", "drover:{older}:jobs", message.id.as_str(), "x|normal|1|0|0|0"]).await;
    let _: i64 = bench.redis.command(&["ZADD", "drover:{older}:line", "0", "x|000000000000001|y"]).await;
    assert_eq!(bench.queue.depth(&session).await.unwrap(), None);
    let load = bench.queue.load(&session).await.unwrap();
    load.put(&message).await.unwrap();
    assert!(load.finish().await.unwrap());
    let mut keys: Vec<String> = bench.redis.command(&["KEYS", "drover:{older}:*"]).await;
    keys.sort();
    assert_eq!(keys, ["drover:{older}:2:line", "drover:{older}:2:ready", "drover:{older}:2:state"]);
    let ClaimAnswer::Claimed(claim) = bench.queue.claim(&session).await.unwrap() else { panic!("it waits") };
    assert_eq!(claim.id, message.id);
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    bench.connections.close().await;
}

#[tokio::test]
async fn a_wake_up_reaches_another_node() {
    let bench = Bench::new().await;
    let elsewhere = Connections::open(&bench.redis.settings(), "/nowhere".as_ref()).await.unwrap();
    let their = Queue::new(&elsewhere, settings::queue(), settings::no_limits(), Arc::new(SystemClock));
    let waker = their.waker(&bench.session);
    let ClaimAnswer::AskAgain { why: WaitCause::Empty, .. } = their.claim(&bench.session).await.unwrap() else {
        panic!("nothing is in it")
    };
    bench.queue.enqueue(&bench.message(1)).await.unwrap();
    timeout(LONG, waker.notified()).await.expect("one subscription a node hears all");
    elsewhere.close().await;
    bench.connections.close().await;
}

#[tokio::test]
async fn a_server_that_became_a_replica_is_left() {
    let bench = Bench::new().await;
    let _: String = bench.redis.command(&["REPLICAOF", "127.0.0.1", "1"]).await;
    assert!(is_down(&bench.queue.enqueue(&bench.message(1)).await.unwrap_err()));
    bench.wait_until_down().await;
    let text = Connections::open(&bench.redis.settings(), "/nowhere".as_ref()).await.unwrap_err().to_string();
    assert!(text.contains("replica"), "{text}");
    let _: String = bench.redis.command(&["REPLICAOF", "NO", "ONE"]).await;
    bench.wait_until_up().await;
    bench.queue.enqueue(&bench.message(1)).await.unwrap();
    bench.connections.close().await;
}

#[tokio::test]
async fn after_the_close_everything_is_down() {
    let bench = Bench::new().await;
    bench.connections.close().await;
    bench.connections.close().await;
    assert!(is_down(&bench.queue.enqueue(&bench.message(1)).await.unwrap_err()));
    let clients: String = bench.redis.command(&["CLIENT", "LIST"]).await;
    assert_eq!(clients.lines().count(), 1, "only redis-cli is connected: {clients}");
}
