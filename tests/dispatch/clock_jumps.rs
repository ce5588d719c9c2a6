//! A clock that is set back, Redis' own or the machine's: nothing stands still for as long as it went back, no limit is forgotten, and
//! the order of a chat stays.

use std::{sync::Arc, time::Duration};

use drover::{
    clock::Clock,
    config,
    model::{OutboundMessage, SessionName},
    outbox::AcceptOptions,
    queue::{Claim, ClaimAnswer, Queue, Rate, Settled, Verdict, WaitCause},
    redis::Connections,
};

use crate::backends::{
    clock::TestClock,
    house::{House, text},
    redis::TestRedis,
    rows, settings,
};

const START_MS: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const ANNA: &str = "15550000001@c.us";

struct Bench {
    redis: TestRedis,
    connections: Connections,
    clock: Arc<TestClock>,
    queue: Queue,
    session: SessionName,
}

impl Bench {
    async fn new(limits: config::Limits) -> Self {
        let redis = TestRedis::start().await;
        let connections = Connections::open(&redis.settings(), "/nowhere".as_ref()).await.unwrap();
        let clock = TestClock::at(START_MS);
        let settings = config::Queue { circuit_failures: 2, ..settings::queue() };
        let queue = Queue::new(&connections, settings, limits, clock.clone()).timed_by_clock();
        let session: SessionName = "main".parse().unwrap();
        assert!(queue.load(&session).await.unwrap().finish().await.unwrap());
        Self { redis, connections, clock, queue, session }
    }

    async fn put(&self, chat: &str, send_at_ms: Option<i64>) -> OutboundMessage {
        self.clock.advance(1);
        let mut message = rows::message(&self.session, chat, "hello", self.clock.now_ms());
        message.schedule.send_at_ms = send_at_ms;
        self.queue.enqueue(&message).await.unwrap();
        message
    }

    /// To so many chats, one each.
    async fn put_to(&self, chats: u32) {
        for number in 0..chats {
            self.put(&format!("1555{number:07}@c.us"), None).await;
        }
    }

    async fn claim(&self) -> Claim {
        match self.queue.claim(&self.session).await.unwrap() {
            ClaimAnswer::Claimed(claim) => claim,
            other => panic!("{other:?}"),
        }
    }

    async fn send(&self) {
        assert_eq!(self.claim().await.ack().await.unwrap(), Settled::Done);
    }

    /// Why there is nothing, and in how many milliseconds to ask again.
    async fn wait(&self) -> (WaitCause, Option<i64>) {
        match self.queue.claim(&self.session).await.unwrap() {
            ClaimAnswer::AskAgain { at_ms, why } => (why, at_ms.map(|at_ms| at_ms - self.clock.now_ms())),
            claimed => panic!("{claimed:?}"),
        }
    }
}

#[tokio::test]
async fn a_gap_and_the_limits_last_as_long_as_they_do_and_are_not_forgotten() {
    let limits = config::Limits { gap_ms: 5_000, per_minute: 3, per_hour: 4, ..settings::no_limits() };
    let bench = Bench::new(limits).await;
    bench.put_to(8).await;
    bench.send().await;
    bench.clock.advance(-HOUR_MS);
    assert_eq!(bench.wait().await, (WaitCause::Gap, Some(5_000)));
    bench.clock.advance(5_000);
    bench.send().await;
    bench.clock.advance(5_000);
    bench.send().await;
    bench.clock.advance(-HOUR_MS);
    assert_eq!(bench.wait().await, (WaitCause::Gap, Some(5_000)));
    bench.clock.advance(5_000);
    let minute = (WaitCause::PerMinute, Some(45_000));
    assert_eq!(bench.wait().await, minute, "three within this minute, whatever it is called");
    bench.clock.advance(45_000);
    bench.send().await;
    bench.clock.advance(-3 * HOUR_MS);
    assert_eq!(bench.wait().await, (WaitCause::Gap, Some(5_000)));
    bench.clock.advance(5_000);
    assert_eq!(bench.wait().await, (WaitCause::PerHour, Some(HOUR_MS - 65_000)));
    assert_eq!(bench.queue.stats(&bench.session).await.unwrap().left_this_hour, 0);
    bench.clock.advance(HOUR_MS - 65_000);
    bench.send().await;
    bench.connections.close().await;
}

#[tokio::test]
async fn a_share_a_recipient_survives_a_clock_that_goes_back() {
    let limits = config::Limits { per_recipient_per_minute: 2, per_hour: 100, ..settings::no_limits() };
    let bench = Bench::new(limits).await;
    for _ in 0..4 {
        bench.put(ANNA, None).await;
    }
    bench.send().await;
    bench.send().await;
    assert_eq!(bench.wait().await.0, WaitCause::PerRecipient);
    bench.clock.advance(-HOUR_MS);
    let (why, in_ms) = bench.wait().await;
    assert_eq!(why, WaitCause::PerRecipient);
    assert!(in_ms.unwrap() <= 60_000, "{in_ms:?}");
    bench.clock.advance(60_000);
    bench.send().await;
    bench.send().await;
    bench.connections.close().await;
}

#[tokio::test]
async fn an_open_circuit_and_a_pause_after_a_failure_end_in_their_time() {
    let bench = Bench::new(settings::no_limits()).await;
    bench.put(ANNA, None).await;
    let retry = Verdict::Retry { after: Duration::from_secs(30) };
    assert_eq!(bench.claim().await.settle(retry).await.unwrap().settled, Settled::Done);
    bench.clock.advance(-HOUR_MS);
    assert_eq!(bench.wait().await, (WaitCause::NotDue, Some(30_000)));
    bench.clock.advance(30_000);
    assert_eq!(bench.claim().await.settle(retry).await.unwrap().settled, Settled::Done);
    bench.clock.advance(-HOUR_MS);
    assert_eq!(bench.wait().await, (WaitCause::CircuitOpen, Some(60_000)));
    bench.clock.advance(60_000);
    let probe = bench.claim().await;
    assert_eq!(probe.deliveries, 3);
    assert_eq!(probe.ack().await.unwrap(), Settled::Done);
    bench.connections.close().await;
}

#[tokio::test]
async fn a_lease_ends_and_a_claim_is_settled_by_the_new_time() {
    let bench = Bench::new(config::Limits { per_minute: 10, ..settings::no_limits() }).await;
    bench.put(ANNA, None).await;
    let held = bench.claim().await;
    bench.clock.advance(-HOUR_MS);
    assert_eq!(held.release().await.unwrap(), Settled::Done, "it holds, and its share is given back");
    assert_eq!(bench.queue.stats(&bench.session).await.unwrap().left_this_minute, 10);
    let lost = bench.claim().await;
    bench.clock.advance(-HOUR_MS);
    assert_eq!(bench.wait().await, (WaitCause::InFlight, Some(30_000)));
    bench.clock.advance(30_000);
    let again = bench.claim().await;
    assert!(again.redelivered && again.id == lost.id);
    assert_eq!(lost.ack().await.unwrap(), Settled::Lost);
    assert_eq!(again.ack().await.unwrap(), Settled::Done);
    bench.connections.close().await;
}

#[tokio::test]
async fn what_is_scheduled_follows_the_time_of_day() {
    let bench = Bench::new(settings::no_limits()).await;
    let scheduled = bench.put(ANNA, Some(START_MS + 2 * HOUR_MS)).await;
    bench.put_to(1).await;
    bench.send().await;
    assert_eq!(bench.wait().await, (WaitCause::NotDue, Some(2 * HOUR_MS - 2)));
    bench.clock.advance(-HOUR_MS);
    assert_eq!(bench.wait().await, (WaitCause::NotDue, Some(3 * HOUR_MS - 2)));
    bench.clock.advance(3 * HOUR_MS);
    let claim = bench.claim().await;
    assert_eq!(claim.id, scheduled.id);
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    bench.connections.close().await;
}

#[tokio::test]
async fn a_day_that_begins_again_has_had_what_it_had() {
    let limits = config::Limits { daily_young: 2, young_days: 3, ..settings::no_limits() };
    let bench = Bench::new(limits).await;
    bench.put_to(4).await;
    bench.send().await;
    bench.send().await;
    assert_eq!(bench.wait().await.0, WaitCause::PerDay);
    bench.clock.advance(-30 * HOUR_MS);
    assert_eq!(bench.wait().await.0, WaitCause::PerDay);
    bench.clock.advance(24 * HOUR_MS);
    bench.send().await;
    bench.connections.close().await;
}

#[tokio::test]
async fn what_an_earlier_drover_wrote_is_read_as_well() {
    const WITHOUT_TIME: &str = "redis.call('SET', KEYS[1], string.sub(redis.call('GET', KEYS[1]), 1, -9)) return 1";
    let bench = Bench::new(config::Limits { gap_ms: 5_000, ..settings::no_limits() }).await;
    bench.put_to(2).await;
    bench.send().await;
    let _: i64 = bench.redis.command(&["EVAL", WITHOUT_TIME, "1", "drover:{main}:2:state"]).await;
    assert_eq!(bench.wait().await, (WaitCause::Gap, Some(5_000)));
    bench.clock.advance(5_000);
    bench.send().await;
    bench.connections.close().await;
}

#[tokio::test]
async fn limits_of_keys_and_requests_last_a_window_and_no_longer() {
    let bench = Bench::new(settings::no_limits()).await;
    let rate = Rate { limit: 2, window: Duration::from_secs(60) };
    for _ in 0..2 {
        assert_eq!(bench.queue.admit("key", 2).await.unwrap(), None);
        assert_eq!(bench.queue.count("bucket", rate).await.unwrap().wait, None);
    }
    bench.clock.advance(-HOUR_MS);
    let refused = [bench.queue.admit("key", 2).await.unwrap(), bench.queue.count("bucket", rate).await.unwrap().wait];
    assert_eq!(refused, [Some(Duration::from_secs(60)); 2]);
    bench.clock.advance(60_000);
    assert_eq!(bench.queue.admit("key", 2).await.unwrap(), None);
    assert_eq!(bench.queue.count("bucket", rate).await.unwrap().wait, None);
    bench.connections.close().await;
}

#[tokio::test]
async fn the_order_of_a_chat_is_that_of_acceptance_though_the_machines_clock_goes_back() {
    let mut house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    let mut accepted = Vec::new();
    for words in ["first", "second", "third", "fourth"] {
        // The last two are taken over by the next drover.
        if words == "third" {
            house.outbox = house.another_outbox();
        }
        let message = house.try_accept(text(ANNA, words), AcceptOptions::default()).await.unwrap().message;
        accepted.push(message.id);
        house.clock.advance(-60_000);
    }
    let sent: Vec<_> = house.drain().await.into_iter().map(|message| message.id).collect();
    assert_eq!(sent, accepted);
    house.end().await;
}
