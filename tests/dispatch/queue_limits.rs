//! Limits that change while the queue works, that differ by session and by the account's age, and that outlive Redis.

use std::{sync::Arc, time::Duration};

use drover::{
    clock::Clock,
    config::{self, SessionLimits},
    model::{AttemptOutcome, OutboundMessage, PauseCause, SessionName},
    queue::{CircuitChange, Claim, ClaimAnswer, Queue, Settled, Verdict, WaitCause},
    redis::Connections,
};
use tokio::time::timeout;

use crate::backends::{clock::TestClock, house::House, redis::TestRedis, rows, settings};

const DAY_MS: i64 = 86_400_000;
/// An hour after midnight UTC.
const START_MS: i64 = 19_675 * DAY_MS + 3_600_000;
const LONG: Duration = Duration::from_secs(20);

struct Bench {
    _redis: TestRedis,
    connections: Connections,
    clock: Arc<TestClock>,
    queue: Queue,
    session: SessionName,
    put_in: u32,
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
        Self { _redis: redis, connections, clock, queue, session, put_in: 0 }
    }

    async fn put(&mut self) -> OutboundMessage {
        self.clock.advance(1);
        self.put_in += 1;
        let chat = format!("1555{:07}@c.us", self.put_in);
        let message = rows::message(&self.session, &chat, "hello", self.clock.now_ms());
        self.queue.enqueue(&message).await.unwrap();
        message
    }

    async fn answer(&self) -> Result<Claim, (WaitCause, Option<i64>)> {
        match self.queue.claim(&self.session).await.unwrap() {
            ClaimAnswer::Claimed(claim) => Ok(claim),
            ClaimAnswer::AskAgain { at_ms, why } => Err((why, at_ms.map(|at_ms| at_ms - self.clock.now_ms()))),
        }
    }

    /// How many go until something holds the rest back, and what.
    async fn count(&self) -> (u32, WaitCause) {
        for count in 0.. {
            match self.answer().await {
                Ok(claim) => assert_eq!(claim.ack().await.unwrap(), Settled::Done),
                Err((why, _)) => return (count, why),
            }
        }
        unreachable!("it ends")
    }
}

#[tokio::test]
async fn changed_limits_hold_for_the_next_claim_and_wake_who_waits() {
    let mut bench = Bench::new(config::Limits { gap_ms: 60_000, ..settings::no_limits() }).await;
    for _ in 0..4 {
        bench.put().await;
    }
    assert_eq!(bench.count().await, (1, WaitCause::Gap));
    let waker = bench.queue.waker(&bench.session);
    let _ = timeout(Duration::from_millis(50), waker.notified()).await;
    bench.clock.advance(60_000);
    bench.queue.set_limits(settings::no_limits());
    timeout(LONG, waker.notified()).await.expect("a sender that waits asks again");
    assert_eq!(bench.count().await, (3, WaitCause::Empty));
    bench.connections.close().await;
}

#[tokio::test]
async fn a_session_has_limits_of_its_own_over_the_common_ones() {
    let mut bench = Bench::new(config::Limits { per_minute: 5, ..settings::no_limits() }).await;
    for _ in 0..10 {
        bench.put().await;
    }
    bench.queue.set_session_limits(&bench.session, SessionLimits { per_minute: Some(3), ..SessionLimits::default() });
    assert_eq!(bench.queue.stats(&bench.session).await.unwrap().left_this_minute, 3);
    assert_eq!(bench.count().await, (3, WaitCause::PerMinute));
    bench.queue.set_session_limits(&bench.session, SessionLimits::default());
    assert_eq!(bench.count().await, (2, WaitCause::PerMinute), "five in all");
    bench.connections.close().await;
}

#[tokio::test]
async fn a_share_a_recipient_that_is_lowered_counts_what_went_before() {
    let common = config::Limits { per_hour: 100, ..settings::no_limits() };
    let mut bench = Bench::new(common).await;
    for minute in 0..2 {
        for _ in 0..9 {
            bench.put().await;
        }
        assert_eq!(bench.count().await.0, 9, "without a limit, minute {minute}");
        bench.clock.advance(60_000);
    }
    // Two to each of three chats, while a share is far from being reached; then it is lowered to just that.
    bench.queue.set_limits(config::Limits { per_recipient_per_minute: 50, ..common });
    for _ in 0..2 {
        bench.put_in = 0;
        for _ in 0..3 {
            bench.put().await;
        }
        assert_eq!(bench.count().await.0, 3);
    }
    bench.queue.set_limits(config::Limits { per_recipient_per_minute: 2, ..common });
    bench.put_in = 0;
    for _ in 0..4 {
        bench.put().await;
    }
    assert_eq!(bench.count().await, (1, WaitCause::PerRecipient), "only the fourth chat has a share left");
    bench.clock.advance(60_000);
    assert_eq!(bench.count().await, (3, WaitCause::Empty));
    bench.connections.close().await;
}

#[tokio::test]
async fn a_young_account_has_a_cap_a_day_that_rises_until_it_is_gone() {
    let mut bench = Bench::new(config::Limits { daily_young: 2, young_days: 3, ..settings::no_limits() }).await;
    for _ in 0..20 {
        bench.put().await;
    }
    assert_eq!(bench.count().await, (2, WaitCause::PerDay), "an unknown age is none");
    bench.queue.set_linked_at(&bench.session, Some(START_MS));
    let (why, until) = bench.answer().await.unwrap_err();
    assert_eq!((why, until), (WaitCause::PerDay, Some(DAY_MS - 3_600_000 - 20)));
    assert_eq!(bench.queue.stats(&bench.session).await.unwrap().left_today, Some(0));
    bench.clock.advance(until.unwrap());
    assert_eq!(bench.count().await, (4, WaitCause::PerDay));
    bench.clock.advance(DAY_MS);
    assert_eq!(bench.count().await, (6, WaitCause::PerDay));
    bench.clock.advance(DAY_MS);
    assert_eq!(bench.count().await, (8, WaitCause::Empty));
    assert_eq!(bench.queue.stats(&bench.session).await.unwrap().left_today, None);
    bench.connections.close().await;
}

#[tokio::test]
async fn a_settlement_tells_when_the_circuit_opens_and_closes() {
    let mut bench = Bench::new(settings::no_limits()).await;
    for _ in 0..3 {
        bench.put().await;
    }
    let retry = Verdict::Retry { after: Duration::ZERO };
    assert_eq!(bench.answer().await.unwrap().settle(retry).await.unwrap().circuit, None);
    let (settlement, next) = bench.answer().await.unwrap().settle_and_claim(retry).await.unwrap();
    assert_eq!(settlement.circuit, Some(CircuitChange::Opened));
    assert!(matches!(next, ClaimAnswer::AskAgain { why: WaitCause::CircuitOpen, .. }), "{next:?}");
    bench.clock.advance(60_000);
    let probe = bench.answer().await.unwrap();
    assert_eq!(bench.answer().await.unwrap_err().0, WaitCause::CircuitOpen, "one probe at a time");
    assert_eq!(probe.settle(retry).await.unwrap().circuit, Some(CircuitChange::Reopened));
    bench.clock.advance(60_000);
    let (settlement, next) = bench.answer().await.unwrap().settle_and_claim(Verdict::Ack).await.unwrap();
    assert_eq!(settlement.circuit, Some(CircuitChange::Closed));
    let ClaimAnswer::Claimed(claim) = next else { panic!("it goes on: {next:?}") };
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    bench.connections.close().await;
}

/// Claims, writes the attempt as a sender does, and settles.
async fn send(house: &House, queue: &Queue, outcome: AttemptOutcome) {
    let ClaimAnswer::Claimed(claim) = queue.claim(&house.session).await.unwrap() else { panic!("one may go") };
    let key = format!("true_15550009999@c.us_{}", claim.id).parse().unwrap();
    let attempts = house.store.attempts();
    let number = attempts.begin(&claim.id, &key, house.clock.now_ms()).await.unwrap().expect("it is not settled");
    attempts.finish(&claim.id, number, outcome, None).await.unwrap();
    let verdict = if outcome == AttemptOutcome::Sent {
        house.store.messages().record_ack(&claim.id, drover::model::Ack::SERVER).await.unwrap();
        Verdict::Ack
    } else {
        Verdict::Retry { after: Duration::from_secs(2) }
    };
    assert_eq!(claim.settle(verdict).await.unwrap().settled, Settled::Done);
    house.clock.advance(1_000);
}

async fn cause(house: &House, queue: &Queue) -> WaitCause {
    match queue.claim(&house.session).await.unwrap() {
        ClaimAnswer::AskAgain { why, .. } => why,
        claimed => panic!("{claimed:?}"),
    }
}

#[tokio::test]
async fn what_a_session_used_of_its_limits_outlives_an_emptied_redis() {
    let limits = config::Limits { per_hour: 3, per_recipient_per_minute: 2, ..settings::no_limits() };
    let house = House::new(limits).await;
    house.reconcile_once().await;
    for body in ["1", "2", "3"] {
        house.accept("15550000001@c.us", body).await;
    }
    send(&house, &house.queue, AttemptOutcome::Sent).await;
    send(&house, &house.queue, AttemptOutcome::Sent).await;
    house.accept("15550000002@c.us", "4").await;
    house.clock.advance(1);
    house.accept("15550000003@c.us", "5").await;
    let before = house.queue.stats(&house.session).await.unwrap();
    let _: String = house.redis.command(&["FLUSHALL"]).await;
    house.reconcile_once().await;
    assert_eq!(house.queue.stats(&house.session).await.unwrap(), before);
    // The first chat had its share of the minute, the session has one left for the hour.
    let ClaimAnswer::Claimed(claim) = house.queue.claim(&house.session).await.unwrap() else { panic!("one may go") };
    let row = house.store.messages().get(&claim.id).await.unwrap().unwrap();
    assert_eq!(row.chat.to_string(), "15550000002@c.us");
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    assert_eq!(cause(&house, &house.queue).await, WaitCause::PerHour);
    house.end().await;
}

#[tokio::test]
async fn an_open_circuit_outlives_an_emptied_redis() {
    let house = House::new(settings::no_limits()).await;
    let settings = config::Queue { circuit_failures: 2, ..settings::queue() };
    let queue = Queue::new(&house.connections, settings, settings::no_limits(), house.clock.clone()).timed_by_clock();
    house.reconcile_once().await;
    for number in 1..4 {
        house.accept(&format!("1555000000{number}@c.us"), "hello").await;
    }
    send(&house, &queue, AttemptOutcome::Failed).await;
    send(&house, &queue, AttemptOutcome::Unknown).await;
    assert_eq!(cause(&house, &queue).await, WaitCause::CircuitOpen);
    let _: String = house.redis.command(&["FLUSHALL"]).await;
    house.reconcile_once().await;
    assert_eq!(cause(&house, &queue).await, WaitCause::CircuitOpen);
    house.clock.advance(60_000);
    send(&house, &queue, AttemptOutcome::Sent).await;
    send(&house, &queue, AttemptOutcome::Sent).await;
    house.end().await;
}

#[tokio::test]
async fn pauses_outlive_an_emptied_redis_and_one_that_was_away() {
    let house = House::new(settings::no_limits()).await;
    house.reconcile_once().await;
    house.accept("15550000001@c.us", "hello").await;
    let (pauses, session) = (house.store.pauses(), Some(&house.session));
    pauses.pause(session, PauseCause::WhatsappRestricted, START_MS).await.unwrap();
    pauses.pause(session, PauseCause::Operator, START_MS).await.unwrap();
    // Redis had not been told.
    until(&house, |blocked| blocked.cause == Some(PauseCause::WhatsappRestricted)).await;
    assert_eq!(cause(&house, &house.queue).await, WaitCause::Paused);
    pauses.pause(None, PauseCause::Operator, START_MS).await.unwrap();
    house.queue.pause(None).await.unwrap();
    let _: String = house.redis.command(&["FLUSHALL"]).await;
    house.reconcile_once().await;
    let blocked = house.queue.stats(&house.session).await.unwrap().blocked;
    assert!(blocked.paused && blocked.paused_all, "{blocked:?}");
    assert!(pauses.lift(None).await.unwrap() && pauses.lift(session).await.unwrap());
    until(&house, |blocked| !blocked.paused && !blocked.paused_all).await;
    assert_eq!(house.drain().await.len(), 1);
    house.end().await;
}

/// Until the session's queue is blocked like that; a reconciler that runs sees to it.
async fn until(house: &House, is_so: impl Fn(drover::queue::Blocked) -> bool) {
    let running = house.reconcile_every(Duration::from_secs(3600));
    let blocked = async {
        while !is_so(house.queue.stats(&house.session).await.unwrap().blocked) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, blocked).await.expect("the database wins");
    running.stop().await;
}
