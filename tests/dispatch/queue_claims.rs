//! What a claim hands out and what it waits for, on a real Redis and a clock that stands still.

use std::{sync::Arc, time::Duration};

use drover::{
    config,
    model::{OutboundMessage, Priority, SessionName},
    queue::{Claim, ClaimAnswer, Queue, Settled, Verdict, WaitCause},
    redis::Connections,
};

use crate::backends::{clock::TestClock, redis::TestRedis, rows, settings};

const START_MS: i64 = 1_700_000_000_000;
const ANNA: &str = "15550000001@c.us";
const BEN: &str = "15550000002@c.us";
const CARA: &str = "15550000003@c.us";

struct Bench {
    redis: TestRedis,
    connections: Connections,
    clock: Arc<TestClock>,
    queue: Queue,
    session: SessionName,
}

impl Bench {
    async fn new(limits: config::Limits) -> Self {
        Self::with(settings::queue(), limits).await
    }

    async fn with(settings: config::Queue, limits: config::Limits) -> Self {
        let redis = TestRedis::start().await;
        let folder = tempfile::tempdir().unwrap();
        let connections = Connections::open(&redis.settings(), folder.path()).await.unwrap();
        let clock = TestClock::at(START_MS);
        let queue = Queue::new(&connections, settings, limits, clock.clone()).timed_by_clock();
        let session: SessionName = "main".parse().unwrap();
        assert!(queue.load(&session).await.unwrap().finish().await.unwrap());
        Self { redis, connections, clock, queue, session }
    }

    /// The same queue, as another process with other settings sees it.
    fn another(&self, settings: config::Queue, limits: config::Limits) -> Queue {
        Queue::new(&self.connections, settings, limits, self.clock.clone()).timed_by_clock()
    }

    /// Accepted now, a moment after whatever was accepted before.
    async fn put(&self, chat: &str, priority: Priority) -> OutboundMessage {
        self.clock.advance(1);
        let mut message = rows::message(&self.session, chat, "hello", self.now());
        message.schedule.priority = priority;
        self.queue.enqueue(&message).await.unwrap();
        message
    }

    fn now(&self) -> i64 {
        drover::clock::Clock::now_ms(&*self.clock)
    }

    async fn claim(&self) -> Claim {
        match self.queue.claim(&self.session).await.unwrap() {
            ClaimAnswer::Claimed(claim) => claim,
            other => panic!("{other:?}"),
        }
    }

    /// Why there is nothing, and in how many milliseconds to ask again.
    async fn wait(&self) -> (WaitCause, Option<i64>) {
        match self.queue.claim(&self.session).await.unwrap() {
            ClaimAnswer::AskAgain { at_ms, why } => (why, at_ms.map(|at_ms| at_ms - self.now())),
            claimed => panic!("{claimed:?}"),
        }
    }

    /// Claims and acknowledges until nothing is left; what came, in order.
    async fn drain(&self) -> Vec<String> {
        let mut ids = Vec::new();
        while let ClaimAnswer::Claimed(claim) = self.queue.claim(&self.session).await.unwrap() {
            ids.push(claim.id.to_string());
            assert_eq!(claim.ack().await.unwrap(), Settled::Done);
        }
        ids
    }

    async fn end(self) {
        assert_eq!(self.queue.stats(&self.session).await.unwrap().claimed, 0, "a claim is left");
        self.connections.close().await;
    }
}

fn ids(messages: &[&OutboundMessage]) -> Vec<String> {
    messages.iter().map(|message| message.id.to_string()).collect()
}

#[tokio::test]
async fn an_empty_queue_waits_for_a_wake_up_and_a_message_brings_one() {
    let bench = Bench::new(settings::no_limits()).await;
    assert_eq!(bench.wait().await, (WaitCause::Empty, None));
    let waker = bench.queue.waker(&bench.session);
    // The load's own wake-up, if it has arrived by now.
    let _ = tokio::time::timeout(Duration::from_millis(50), waker.notified()).await;
    let message = bench.put(ANNA, Priority::Normal).await;
    tokio::time::timeout(Duration::from_secs(5), waker.notified()).await.expect("woken");
    let claim = bench.claim().await;
    assert_eq!((&claim.id, claim.deliveries, claim.redelivered), (&message.id, 1, false));
    assert_eq!(claim.lease_until_ms(), bench.now() + 30_000);
    assert_eq!(bench.wait().await, (WaitCause::InFlight, Some(30_000)));
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    assert_eq!(bench.wait().await, (WaitCause::Empty, None));
    bench.end().await;
}

#[tokio::test]
async fn a_message_that_is_there_is_left_alone() {
    let bench = Bench::new(settings::no_limits()).await;
    let message = bench.put(ANNA, Priority::Normal).await;
    bench.queue.enqueue(&message).await.unwrap();
    let claim = bench.claim().await;
    bench.queue.enqueue(&message).await.unwrap();
    assert_eq!(bench.wait().await.0, WaitCause::InFlight);
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    assert_eq!(bench.wait().await.0, WaitCause::Empty);
    bench.end().await;
}

#[tokio::test]
async fn a_chat_keeps_its_order_whatever_the_priorities_and_the_order_of_arrival() {
    let bench = Bench::new(settings::no_limits()).await;
    let first = rows::message(&bench.session, ANNA, "1", START_MS - 100);
    let second = bench.put(ANNA, Priority::Low).await;
    let third = bench.put(ANNA, Priority::High).await;
    // Accepted before both, but late in Redis.
    bench.queue.enqueue(&first).await.unwrap();
    assert_eq!(bench.drain().await, ids(&[&first, &second, &third]));
    bench.end().await;
}

#[tokio::test]
async fn of_a_chat_one_message_is_out_at_a_time() {
    let bench = Bench::new(settings::no_limits()).await;
    let first = bench.put(ANNA, Priority::Normal).await;
    let second = bench.put(ANNA, Priority::Normal).await;
    let other = bench.put(BEN, Priority::Normal).await;
    let held = bench.claim().await;
    assert_eq!(held.id, first.id);
    let of_ben = bench.claim().await;
    assert_eq!(of_ben.id, other.id);
    assert_eq!(bench.wait().await.0, WaitCause::InFlight);
    let waker = bench.queue.waker(&bench.session);
    let _ = tokio::time::timeout(Duration::from_millis(50), waker.notified()).await;
    let _ = held.ack().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), waker.notified()).await.expect("who waits for a holder is woken");
    let next = bench.claim().await;
    assert_eq!(next.id, second.id);
    let _ = (next.ack().await.unwrap(), of_ben.ack().await.unwrap());
    bench.end().await;
}

#[tokio::test]
async fn a_retry_waits_and_holds_back_its_chat_alone() {
    let bench = Bench::new(settings::no_limits()).await;
    let first = bench.put(ANNA, Priority::Low).await;
    let second = bench.put(ANNA, Priority::High).await;
    let other = bench.put(BEN, Priority::Low).await;
    let claim = bench.claim().await;
    assert_eq!(claim.id, first.id);
    assert_eq!(claim.retry(Duration::from_millis(2_000)).await.unwrap(), Settled::Done);
    assert_eq!(bench.drain().await, ids(&[&other]));
    assert_eq!(bench.wait().await, (WaitCause::NotDue, Some(2_000)));
    bench.clock.advance(2_000);
    let claim = bench.claim().await;
    assert_eq!((&claim.id, claim.deliveries, claim.redelivered), (&first.id, 2, false));
    let _ = claim.ack().await.unwrap();
    assert_eq!(bench.drain().await, ids(&[&second]));
    bench.end().await;
}

#[tokio::test]
async fn urgent_ones_come_first_and_none_starves() {
    let bench = Bench::new(settings::no_limits()).await;
    let low = bench.put("15551000000@c.us", Priority::Low).await;
    let normal = bench.put("15552000000@c.us", Priority::Normal).await;
    let mut urgent = Vec::new();
    for number in 0..40 {
        urgent.push(bench.put(&format!("155530000{number:02}@c.us"), Priority::High).await);
    }
    let order = bench.drain().await;
    let place = |message: &OutboundMessage| order.iter().position(|id| *id == message.id.to_string()).unwrap();
    assert_eq!(place(&normal), 3, "after three urgent ones");
    assert_eq!(place(&low), 15, "after fifteen others");
    let urgent_order: Vec<usize> = urgent.iter().map(place).collect();
    assert!(urgent_order.is_sorted(), "among themselves the first accepted goes first");
    bench.end().await;
}

#[tokio::test]
async fn a_scheduled_message_waits_without_holding_back_its_chat() {
    let bench = Bench::new(settings::no_limits()).await;
    let mut later = rows::message(&bench.session, ANNA, "later", bench.now());
    later.schedule.send_at_ms = Some(bench.now() + 60_000);
    bench.queue.enqueue(&later).await.unwrap();
    assert_eq!(bench.wait().await, (WaitCause::NotDue, Some(60_000)));
    let now = bench.put(ANNA, Priority::Normal).await;
    assert_eq!(bench.drain().await, ids(&[&now]));
    assert_eq!(bench.wait().await, (WaitCause::NotDue, Some(59_999)));
    bench.clock.advance(59_998);
    assert_eq!(bench.wait().await, (WaitCause::NotDue, Some(1)));
    bench.clock.advance(1);
    assert_eq!(bench.drain().await, ids(&[&later]));

    // One that was past when it was accepted gives no right to overtake.
    let first = bench.put(BEN, Priority::Normal).await;
    let mut past = rows::message(&bench.session, BEN, "past", bench.now() + 1);
    past.schedule.send_at_ms = Some(1_000);
    bench.queue.enqueue(&past).await.unwrap();
    assert_eq!(bench.drain().await, ids(&[&first, &past]));
    bench.end().await;
}

#[tokio::test]
async fn a_lease_that_ends_brings_the_message_back_first_and_marked() {
    let bench = Bench::new(settings::no_limits()).await;
    let stalled = bench.put(ANNA, Priority::Low).await;
    let lost = bench.claim().await;
    let behind = bench.put(ANNA, Priority::High).await;
    let urgent = bench.put(BEN, Priority::High).await;
    bench.clock.advance(lost.lease_until_ms() - bench.now() - 1);
    let claim = bench.claim().await;
    assert_eq!(claim.id, urgent.id, "the lease still holds");
    let _ = claim.ack().await.unwrap();
    assert_eq!(bench.wait().await, (WaitCause::InFlight, Some(1)));
    bench.clock.advance(1);
    bench.put(CARA, Priority::High).await;
    let again = bench.claim().await;
    assert_eq!((&again.id, again.deliveries, again.redelivered), (&stalled.id, 2, true));
    // Who lost the lease can settle nothing, in no way.
    assert_eq!(lost.ack().await.unwrap(), Settled::Lost);
    assert_eq!(bench.queue.stats(&bench.session).await.unwrap().claimed, 1);
    let _ = again.ack().await.unwrap();
    assert_eq!(bench.drain().await.len(), 2);
    assert!(!bench.queue.cancel(&behind).await.unwrap());
    bench.end().await;
}

#[tokio::test]
async fn a_lost_claim_settles_nothing_by_any_verdict() {
    let bench = Bench::new(settings::no_limits()).await;
    let message = bench.put(ANNA, Priority::Normal).await;
    for verdict in 0..6 {
        let lost = bench.claim().await;
        bench.clock.advance(30_000);
        let holder = bench.claim().await;
        assert_eq!(holder.id, message.id);
        let settled = match verdict {
            0 => lost.ack().await,
            1 => lost.retry(Duration::from_secs(1)).await,
            2 => lost.bury().await,
            3 => lost.bury_spent().await,
            4 => lost.release().await,
            _ => lost.void().await,
        };
        assert_eq!(settled.unwrap(), Settled::Lost);
        assert_eq!(bench.wait().await.0, WaitCause::InFlight, "the holder still holds it");
        assert_eq!(holder.retry(Duration::ZERO).await.unwrap(), Settled::Done);
    }
    let claim = bench.claim().await;
    assert_eq!(claim.deliveries, 13);
    let _ = claim.ack().await.unwrap();
    bench.end().await;
}

#[tokio::test]
async fn who_takes_over_gets_at_once_what_another_process_held_and_keeps_its_own() {
    let bench = Bench::new(settings::no_limits()).await;
    let theirs = bench.put(ANNA, Priority::Normal).await;
    let mine = bench.put(BEN, Priority::Normal).await;
    let lost = bench.claim().await;
    let successor = bench.another(settings::queue(), settings::no_limits());
    let ClaimAnswer::Claimed(own) = successor.claim(&bench.session).await.unwrap() else { panic!("one is left") };
    assert_eq!(own.id, mine.id);
    assert_eq!(successor.take_over(&bench.session).await.unwrap(), 1);
    let ClaimAnswer::Claimed(again) = successor.claim(&bench.session).await.unwrap() else { panic!("it came back") };
    assert_eq!((&again.id, again.redelivered), (&theirs.id, true));
    assert_eq!(successor.take_over(&bench.session).await.unwrap(), 0);
    assert_eq!(lost.ack().await.unwrap(), Settled::Lost);
    assert_eq!((own.ack().await.unwrap(), again.ack().await.unwrap()), (Settled::Done, Settled::Done));
    bench.end().await;
}

#[tokio::test]
async fn a_message_is_cancelled_while_it_waits_and_not_while_it_is_held() {
    let bench = Bench::new(settings::no_limits()).await;
    let first = bench.put(ANNA, Priority::Normal).await;
    let middle = bench.put(ANNA, Priority::Normal).await;
    let last = bench.put(ANNA, Priority::Normal).await;
    assert!(bench.queue.cancel(&middle).await.unwrap());
    assert!(!bench.queue.cancel(&middle).await.unwrap());
    let held = bench.claim().await;
    assert!(!bench.queue.cancel(&first).await.unwrap());
    assert_eq!(held.release().await.unwrap(), Settled::Done);
    assert!(bench.queue.cancel(&first).await.unwrap());
    assert_eq!(bench.drain().await, ids(&[&last]));
    bench.end().await;
}

#[tokio::test]
async fn the_gap_and_its_jitter_lie_between_two_messages() {
    let limits = config::Limits { gap_ms: 1_000, gap_jitter_ms: 2_000, ..settings::no_limits() };
    let bench = Bench::new(limits).await;
    let mut gaps = Vec::new();
    for number in 0..30 {
        bench.put(&format!("155530000{number:02}@c.us"), Priority::Normal).await;
    }
    for _ in 0..29 {
        let _ = bench.claim().await.ack().await.unwrap();
        let (why, gap) = bench.wait().await;
        assert_eq!(why, WaitCause::Gap);
        gaps.push(gap.unwrap());
        bench.clock.advance(gap.unwrap());
    }
    let _ = bench.claim().await.ack().await.unwrap();
    assert!(gaps.iter().all(|gap| (1_000..=3_000).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().max().unwrap() - gaps.iter().min().unwrap() > 500, "they differ: {gaps:?}");
    bench.end().await;
}

/// Claims whatever may go, from one moment to another; when each went, from the first moment on.
async fn times_of_claims(bench: &Bench, for_ms: i64) -> Vec<i64> {
    let (begin, end) = (bench.now(), bench.now() + for_ms);
    let mut times = Vec::new();
    loop {
        match bench.queue.claim(&bench.session).await.unwrap() {
            ClaimAnswer::Claimed(claim) => {
                times.push(bench.now() - begin);
                let _ = claim.ack().await.unwrap();
            }
            ClaimAnswer::AskAgain { at_ms: Some(at_ms), .. } if at_ms < end => {
                assert!(at_ms > bench.now(), "it would be asked in a circle");
                bench.clock.advance(at_ms - bench.now());
            }
            ClaimAnswer::AskAgain { .. } => return times,
        }
    }
}

#[tokio::test]
async fn a_minute_holds_its_number_and_begins_with_a_burst() {
    let limits = config::Limits { per_minute: 10, burst: 3, ..settings::no_limits() };
    let bench = Bench::new(limits).await;
    for number in 0..60 {
        bench.put(&format!("155530000{number:02}@c.us"), Priority::Normal).await;
    }
    let times = times_of_claims(&bench, 240_000).await;
    assert_eq!(&times[..5], [0, 0, 0, 6_000, 12_000], "a burst of three, then one every six seconds");
    for window in times.windows(11) {
        assert!(window[10] - window[0] >= 60_000, "more than ten in a minute: {window:?}");
    }
    assert_eq!(times.len(), 40, "and no slower than allowed: {times:?}");
    bench.end().await;
}

#[tokio::test]
async fn an_hour_holds_its_number_also_for_another_process() {
    let limits = config::Limits { per_hour: 5, ..settings::no_limits() };
    let bench = Bench::new(limits).await;
    for number in 0..12 {
        bench.put(&format!("155530000{number:02}@c.us"), Priority::Normal).await;
    }
    for _ in 0..5 {
        let _ = bench.claim().await.ack().await.unwrap();
        bench.clock.advance(1_000);
    }
    assert_eq!(bench.wait().await, (WaitCause::PerHour, Some(3_595_000)));
    // A restart, or another node: what was sent is in Redis.
    let another = bench.another(settings::queue(), limits);
    let ClaimAnswer::AskAgain { why, .. } = another.claim(&bench.session).await.unwrap() else { panic!("too many") };
    assert_eq!(why, WaitCause::PerHour);
    assert_eq!(another.stats(&bench.session).await.unwrap().left_this_hour, 0);
    bench.clock.advance(3_595_000);
    let _ = bench.claim().await.ack().await.unwrap();
    assert_eq!(bench.wait().await, (WaitCause::PerHour, Some(1_000)));
    bench.end().await;
}

#[tokio::test]
async fn one_recipient_gets_no_more_than_its_share_and_others_go_on() {
    let limits = config::Limits { per_recipient_per_minute: 2, ..settings::no_limits() };
    let bench = Bench::new(limits).await;
    for _ in 0..5 {
        bench.put(ANNA, Priority::High).await;
    }
    let other = bench.put(BEN, Priority::Low).await;
    assert_eq!(bench.drain().await.len(), 3, "two to Anna, and Ben's");
    assert!(!bench.queue.cancel(&other).await.unwrap());
    let (why, wait) = bench.wait().await;
    assert_eq!((why, wait), (WaitCause::PerRecipient, Some(60_000)));
    bench.clock.advance(60_000);
    assert_eq!(bench.drain().await.len(), 2);
    bench.clock.advance(60_000);
    assert_eq!(bench.drain().await.len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn what_is_released_used_no_rate_and_comes_back_where_it_was() {
    let limits = config::Limits {
        per_minute: 2,
        burst: 1,
        per_hour: 2,
        gap_ms: 1_000,
        per_recipient_per_minute: 1,
        ..settings::no_limits()
    };
    let bench = Bench::new(limits).await;
    let first = bench.put(ANNA, Priority::Low).await;
    let second = bench.put(ANNA, Priority::High).await;
    for _ in 0..5 {
        let claim = bench.claim().await;
        assert_eq!((&claim.id, claim.deliveries), (&first.id, 1));
        assert_eq!(claim.release().await.unwrap(), Settled::Done);
    }
    let stats = bench.queue.stats(&bench.session).await.unwrap();
    assert_eq!((stats.left_this_minute, stats.left_this_hour, stats.waiting), (2, 2, 2));
    // Nor does one whose row turns out to be settled; but it goes.
    assert_eq!(bench.claim().await.void().await.unwrap(), Settled::Done);
    let claim = bench.claim().await;
    assert_eq!(claim.id, second.id);
    let _ = claim.ack().await.unwrap();
    assert_eq!(bench.wait().await.0, WaitCause::Empty);
    let third = bench.put(ANNA, Priority::Normal).await;
    assert_eq!(bench.wait().await.0, WaitCause::Gap);
    bench.clock.advance(60_000);
    let claim = bench.claim().await;
    assert_eq!(claim.id, third.id);
    let _ = claim.ack().await.unwrap();
    bench.end().await;
}

#[tokio::test]
async fn the_circuit_opens_after_failures_in_a_row_and_lets_one_try_after_a_while() {
    let settings = config::Queue { circuit_failures: 3, circuit_open_s: 60, ..settings::queue() };
    let bench = Bench::with(settings, settings::no_limits()).await;
    for number in 0..6 {
        bench.put(&format!("155530000{number:02}@c.us"), Priority::Normal).await;
    }
    // A success between them starts the count again; a burial for the message's own sake says nothing.
    for _ in 0..2 {
        let _ = bench.claim().await.retry(Duration::from_secs(600)).await.unwrap();
    }
    let _ = bench.claim().await.ack().await.unwrap();
    let _ = bench.claim().await.bury().await.unwrap();
    let _ = bench.claim().await.retry(Duration::ZERO).await.unwrap();
    let _ = bench.claim().await.retry(Duration::ZERO).await.unwrap();
    assert_eq!(bench.queue.stats(&bench.session).await.unwrap().blocked.circuit_open_until_ms, None);
    let _ = bench.claim().await.bury_spent().await.unwrap();
    assert_eq!(bench.wait().await, (WaitCause::CircuitOpen, Some(60_000)));
    let stats = bench.queue.stats(&bench.session).await.unwrap();
    assert_eq!(stats.blocked.circuit_open_until_ms, Some(bench.now() + 60_000));

    bench.clock.advance(60_000);
    let probe = bench.claim().await;
    assert_eq!(bench.wait().await, (WaitCause::CircuitOpen, Some(30_000)), "one at a time");
    let _ = probe.retry(Duration::ZERO).await.unwrap();
    assert_eq!(bench.wait().await, (WaitCause::CircuitOpen, Some(60_000)), "it failed: open again");
    bench.clock.advance(60_000);
    let _ = bench.claim().await.ack().await.unwrap();
    assert_eq!(bench.wait().await.0, WaitCause::NotDue, "closed; only what backs off is left");
    bench.clock.advance(600_000);
    assert_eq!(bench.drain().await.len(), 2);
    bench.end().await;
}

#[tokio::test]
async fn a_pause_of_one_and_a_pause_of_all_are_two_things() {
    let bench = Bench::new(settings::no_limits()).await;
    bench.put(ANNA, Priority::Normal).await;
    bench.queue.pause(Some(&bench.session)).await.unwrap();
    assert_eq!(bench.wait().await, (WaitCause::Paused, None));
    bench.queue.pause(None).await.unwrap();
    bench.queue.resume(Some(&bench.session)).await.unwrap();
    assert_eq!(bench.wait().await, (WaitCause::Paused, None));
    let blocked = bench.queue.stats(&bench.session).await.unwrap().blocked;
    assert!(!blocked.paused && blocked.paused_all);

    // A session that comes later is paused with all.
    let late: SessionName = "late".parse().unwrap();
    bench.queue.load(&late).await.unwrap().finish().await.unwrap();
    assert!(bench.queue.stats(&late).await.unwrap().blocked.paused_all);

    let waker = bench.queue.waker(&bench.session);
    let _ = tokio::time::timeout(Duration::from_millis(50), waker.notified()).await;
    bench.queue.resume(None).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), waker.notified()).await.expect("a resume wakes");
    assert!(!bench.queue.stats(&late).await.unwrap().blocked.paused_all);
    assert_eq!(bench.drain().await.len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn stats_count_what_waits_and_what_is_held() {
    let limits = config::Limits { per_minute: 10, per_hour: 100, ..settings::no_limits() };
    let bench = Bench::new(limits).await;
    bench.put(ANNA, Priority::Normal).await;
    bench.put(ANNA, Priority::Normal).await;
    let mut later = rows::message(&bench.session, BEN, "later", bench.now());
    later.schedule.send_at_ms = Some(bench.now() + 5_000);
    bench.queue.enqueue(&later).await.unwrap();
    let claim = bench.claim().await;
    let stats = bench.queue.stats(&bench.session).await.unwrap();
    assert_eq!((stats.waiting, stats.claimed), (2, 1));
    assert_eq!(stats.next_due_at_ms, Some(bench.now() + 5_000));
    assert_eq!((stats.left_this_minute, stats.left_this_hour), (9, 99));
    assert_eq!(stats.blocked, drover::queue::Blocked::default());
    let _ = claim.ack().await.unwrap();
    bench.end().await;
}

#[tokio::test]
async fn a_cleared_queue_leaves_nothing_and_is_closed_until_it_is_loaded() {
    let bench = Bench::new(settings::no_limits()).await;
    bench.put(ANNA, Priority::Normal).await;
    let held = bench.claim().await;
    bench.put(BEN, Priority::Normal).await;
    bench.queue.clear(&bench.session).await.unwrap();
    let keys: Vec<String> = bench.redis.command(&["KEYS", "*"]).await;
    assert!(keys.is_empty(), "{keys:?}");
    assert_eq!(held.ack().await.unwrap(), Settled::Lost);
    assert_eq!(bench.wait().await, (WaitCause::Loading, None));
    bench.end().await;
}

#[tokio::test]
async fn every_key_is_documented_and_tagged_with_its_session() {
    use drover::queue::keys;
    let limits = config::Limits { per_recipient_per_minute: 1, ..settings::no_limits() };
    let bench = Bench::new(limits).await;
    bench.put(ANNA, Priority::High).await;
    bench.put(BEN, Priority::Normal).await;
    bench.put(CARA, Priority::Low).await;
    let retry = Verdict::Retry { after: Duration::from_secs(1) };
    assert_eq!(bench.claim().await.settle(retry).await.unwrap().settled, Settled::Done);
    let claim = bench.claim().await;
    bench.queue.admit("key-1", 30).await.unwrap();
    bench.queue.pause(None).await.unwrap();
    let names = [keys::STATE, keys::LINE, keys::READY, keys::DUE, keys::SENT, keys::TRIED];
    let found: Vec<String> = bench.redis.command(&["KEYS", "*"]).await;
    for key in &found {
        let is_documented = match key.strip_prefix("drover:{main}:2:") {
            Some(name) => names.contains(&name) || name.starts_with(keys::TO_CHAT),
            None => {
                [keys::SESSIONS, keys::PAUSED_ALL].contains(&key.as_str())
                    || key.starts_with(keys::ACCEPTED_BY.0) && key.ends_with(keys::ACCEPTED_BY.1)
            }
        };
        assert!(is_documented, "{key}");
    }
    assert!(found.len() > 8, "{found:?}");
    let _ = claim.ack().await.unwrap();
    bench.end().await;
}

#[tokio::test]
async fn an_api_key_may_hand_in_so_many_a_minute() {
    let bench = Bench::new(settings::no_limits()).await;
    for _ in 0..3 {
        assert_eq!(bench.queue.admit("key-1", 3).await.unwrap(), None);
        bench.clock.advance(1_000);
    }
    assert_eq!(bench.queue.admit("key-1", 3).await.unwrap(), Some(Duration::from_secs(57)));
    assert_eq!(bench.queue.admit("key-2", 3).await.unwrap(), None, "another key");
    bench.clock.advance(57_000);
    assert_eq!(bench.queue.admit("key-1", 3).await.unwrap(), None);
    assert_eq!(bench.queue.admit("key-1", 3).await.unwrap(), Some(Duration::from_secs(1)));
    bench.end().await;
}

#[tokio::test]
async fn by_redis_own_time_the_answer_is_moved_to_the_callers() {
    let bench = Bench::new(settings::no_limits()).await;
    let queue = Queue::new(&bench.connections, settings::queue(), settings::no_limits(), bench.clock.clone());
    bench.put(ANNA, Priority::Normal).await;
    let ClaimAnswer::Claimed(claim) = queue.claim(&bench.session).await.unwrap() else { panic!("it waits") };
    assert_eq!(claim.lease_until_ms(), bench.now() + 30_000);
    assert_eq!(claim.ack().await.unwrap(), Settled::Done);
    bench.end().await;
}
