//! The queue against a model of its rules, simple enough to be read: whatever is done to both, both answer the same.

use std::{collections::HashMap, sync::Arc, time::Duration};

use drover::{
    clock::Clock,
    config,
    model::{MessageId, OutboundMessage, Priority, SessionName},
    queue::{Claim, ClaimAnswer, Queue, Settled, WaitCause},
    redis::Connections,
};
use proptest::{prelude::*, test_runner::TestCaseResult};

use crate::backends::{clock::TestClock, redis::TestRedis, rows, settings};

const START_MS: i64 = 1_700_000_000_000;
const LEASE_MS: i64 = 30_000;
const CIRCUIT_OPEN_MS: i64 = 20_000;
const CIRCUIT_FAILURES: u32 = 3;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const PATIENCE_NORMAL: u32 = 3;
const PATIENCE_LOW: u32 = 15;

/// Whoever less urgent comes first now because so many claims in a row may have passed it by; else the one that was chosen.
fn instead_of<'jobs>(
    chosen: &'jobs Job,
    normal: Option<&'jobs Job>,
    low: Option<&'jobs Job>,
    passed: &mut (u32, u32),
) -> &'jobs Job {
    if chosen.priority != Priority::Low && passed.1 >= PATIENCE_LOW {
        match low {
            Some(low) => return low,
            None => passed.1 = 0,
        }
    }
    if chosen.priority == Priority::High && passed.0 >= PATIENCE_NORMAL {
        match normal {
            Some(normal) => return normal,
            None => passed.0 = 0,
        }
    }
    chosen
}

/// What is done to the queue.
#[derive(Debug, Clone)]
enum Step {
    Enqueue {
        chat: u8,
        priority: Priority,
        send_in_ms: Option<i64>,
    },
    Claim,
    /// Settles the oldest claim in hand, and perhaps claims in the same call.
    Settle(Verdict, bool),
    Advance(i64),
    /// Of the message that was put in so long ago.
    Cancel(usize),
    Pause(bool),
    /// Another limit a recipient, if there is one.
    Share(u32),
}

#[derive(Debug, Clone, Copy)]
enum Verdict {
    Ack,
    Retry(i64),
    Bury,
    BurySpent,
    Release,
    Void,
}

impl Verdict {
    fn of_the_queue(self) -> drover::queue::Verdict {
        use drover::queue::Verdict as Theirs;
        match self {
            Self::Ack => Theirs::Ack,
            Self::Retry(after) => Theirs::Retry { after: Duration::from_millis(after.unsigned_abs()) },
            Self::Bury => Theirs::Bury,
            Self::BurySpent => Theirs::BurySpent,
            Self::Release => Theirs::Release,
            Self::Void => Theirs::Void,
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let priority = prop_oneof![Just(Priority::High), Just(Priority::Normal), Just(Priority::Low)];
    let verdict = prop_oneof![
        6 => Just(Verdict::Ack),
        3 => (0..40_000_i64).prop_map(Verdict::Retry),
        1 => Just(Verdict::Bury),
        1 => Just(Verdict::BurySpent),
        2 => Just(Verdict::Release),
        1 => Just(Verdict::Void),
    ];
    prop_oneof![
        10 => (0..4_u8, priority, proptest::option::weighted(0.2, 0..90_000_i64))
            .prop_map(|(chat, priority, send_in_ms)| Step::Enqueue { chat, priority, send_in_ms }),
        16 => Just(Step::Claim),
        10 => (verdict, any::<bool>()).prop_map(|(verdict, and_claim)| Step::Settle(verdict, and_claim)),
        6 => prop_oneof![4 => 1..3_000_i64, 2 => 3_000..40_000_i64, 1 => Just(HOUR_MS)].prop_map(Step::Advance),
        2 => (0..8_usize).prop_map(Step::Cancel),
        1 => any::<bool>().prop_map(Step::Pause),
        1 => (1..4_u32).prop_map(Step::Share),
    ]
}

fn limits() -> impl Strategy<Value = config::Limits> {
    // Numbers that divide a minute, so that no fraction of a millisecond has to be modelled.
    (prop_oneof![Just(0_u32), Just(5), Just(10)], 0..4_u32, prop_oneof![Just(0_u32), Just(12)], 0..2_u64, 0..3_u32)
        .prop_map(|(per_minute, burst, per_hour, gap_s, per_recipient_per_minute)| config::Limits {
            per_minute,
            burst,
            per_hour,
            gap_ms: gap_s * 1_000,
            per_recipient_per_minute,
            ..settings::no_limits()
        })
}

#[derive(Debug, Clone)]
struct Job {
    id: MessageId,
    chat: String,
    priority: Priority,
    place: i64,
    not_before: i64,
    deliveries: u32,
    is_abandoned: bool,
    /// The claim that holds it, and until when.
    held: Option<(u32, i64)>,
}

/// The rules, over a plain list.
#[derive(Debug)]
struct Model {
    limits: config::Limits,
    jobs: Vec<Job>,
    /// Chats that were passed over for their share wait until then.
    shares: HashMap<String, i64>,
    /// Chats that were found due and have not been filed anew since.
    sent: Vec<(u32, String, i64)>,
    last_claim: u32,
    next_at: i64,
    bucket: i64,
    /// What a release of the last claim puts back.
    before_last: (i64, i64),
    failures: u32,
    open_until: i64,
    passed: (u32, u32),
    is_paused: bool,
}

impl Model {
    fn new(limits: config::Limits) -> Self {
        Self {
            limits,
            jobs: Vec::new(),
            shares: HashMap::new(),
            sent: Vec::new(),
            last_claim: 0,
            next_at: 0,
            bucket: 0,
            before_last: (0, 0),
            failures: 0,
            open_until: 0,
            passed: (0, 0),
            is_paused: false,
        }
    }

    /// The first message of each chat that nobody holds.
    fn firsts(&self) -> Vec<&Job> {
        let mut chats: Vec<&str> = self.jobs.iter().map(|job| job.chat.as_str()).collect();
        chats.sort_unstable();
        chats.dedup();
        let first = |chat: &&str| {
            let of_chat = self.jobs.iter().filter(|job| job.chat == **chat);
            of_chat.min_by_key(|job| (job.place, job.id.to_string()))
        };
        let held = |chat: &str| self.jobs.iter().any(|job| job.chat == chat && job.held.is_some());
        chats.iter().filter(|chat| !held(chat)).filter_map(first).collect()
    }

    fn reap(&mut self, now: i64) {
        for job in &mut self.jobs {
            if job.held.is_some_and(|(_, until)| until <= now) {
                job.held = None;
                job.is_abandoned = true;
            }
        }
    }

    fn share_end(&self, chat: &str, now: i64) -> Option<i64> {
        let share = self.limits.per_recipient_per_minute as usize;
        let times: Vec<i64> = self.sent.iter().rev().filter(|(_, to, _)| to == chat).map(|(_, _, at)| *at).collect();
        let oldest = *times.get(share.checked_sub(1)?)?;
        (oldest + MINUTE_MS > now).then_some(oldest + MINUTE_MS)
    }

    fn window_end(&self, count: u32, span: i64, now: i64) -> Option<i64> {
        let count = count as usize;
        if count == 0 || self.sent.len() < count {
            return None;
        }
        let at = self.sent[self.sent.len() - count].2 + span;
        (at > now).then_some(at)
    }

    /// When a pace allows the next message; None at once.
    fn pace(&self, now: i64) -> Option<(WaitCause, i64)> {
        if self.next_at > now {
            return Some((WaitCause::Gap, self.next_at));
        }
        if self.limits.per_minute > 0 && self.limits.burst > 0 {
            let interval = MINUTE_MS / i64::from(self.limits.per_minute);
            let at = self.bucket.max(now) - i64::from(self.limits.burst - 1) * interval;
            if at > now {
                return Some((WaitCause::PerMinute, at));
            }
        }
        let minute = self.window_end(self.limits.per_minute, MINUTE_MS, now).map(|at| (WaitCause::PerMinute, at));
        minute.or_else(|| self.window_end(self.limits.per_hour, HOUR_MS, now).map(|at| (WaitCause::PerHour, at)))
    }

    /// What a claim hands out, or why it does not.
    fn claim(&mut self, now: i64, claim: u32) -> Result<MessageId, WaitCause> {
        self.reap(now);
        if self.is_paused {
            return Err(WaitCause::Paused);
        }
        let is_held = self.jobs.iter().any(|job| job.held.is_some());
        if self.firsts().is_empty() {
            return Err(if is_held { WaitCause::InFlight } else { WaitCause::Empty });
        }
        if self.failures >= CIRCUIT_FAILURES && (self.open_until > now || is_held) {
            return Err(WaitCause::CircuitOpen);
        }
        if let Some((why, _)) = self.pace(now) {
            return Err(why);
        }
        let Some(id) = self.pick(now) else {
            return Err(self.why_nothing_is_ready(now));
        };
        self.take(&id, now, claim);
        Ok(id)
    }

    /// Chooses among the ready chats, counting the claims that may have passed somebody by.
    fn pick(&mut self, now: i64) -> Option<MessageId> {
        let mut passed = self.passed;
        loop {
            let ready: Vec<Job> = self
                .firsts()
                .into_iter()
                .filter(|job| job.not_before <= now && self.shares.get(&job.chat).is_none_or(|at| *at <= now))
                .cloned()
                .collect();
            let first_of = |is_wanted: &dyn Fn(&Job) -> bool| {
                ready.iter().filter(|job| is_wanted(job)).min_by_key(|job| (job.place, job.chat.clone()))
            };
            let of = |priority| first_of(&move |job: &Job| !job.is_abandoned && job.priority == priority);
            let (high, normal, low) = (of(Priority::High), of(Priority::Normal), of(Priority::Low));
            let Some(mut chosen) = first_of(&|job: &Job| job.is_abandoned).or(high).or(normal).or(low) else {
                self.passed = passed;
                return None;
            };
            if !chosen.is_abandoned {
                chosen = instead_of(chosen, normal, low, &mut passed);
            }
            if let Some(at) = self.share_end(&chosen.chat, now) {
                self.shares.insert(chosen.chat.clone(), at);
                continue;
            }
            if !chosen.is_abandoned {
                passed = match chosen.priority {
                    Priority::High => (passed.0 + 1, passed.1 + 1),
                    Priority::Normal => (0, passed.1 + 1),
                    Priority::Low => (passed.0, 0),
                };
            }
            self.passed = passed;
            return Some(chosen.id.clone());
        }
    }

    fn why_nothing_is_ready(&self, now: i64) -> WaitCause {
        let until = |job: &&Job| {
            let share = self.shares.get(&job.chat).copied().filter(|at| *at > now);
            (share.unwrap_or(job.not_before), job.chat.clone())
        };
        match self.firsts().into_iter().min_by_key(until) {
            Some(job) if self.share_end(&job.chat, now).is_some() => WaitCause::PerRecipient,
            Some(_) => WaitCause::NotDue,
            None => WaitCause::InFlight,
        }
    }

    fn take(&mut self, id: &MessageId, now: i64, claim: u32) {
        let job = self.jobs.iter_mut().find(|job| job.id == *id).expect("it was picked");
        job.deliveries += 1;
        job.held = Some((claim, now + LEASE_MS));
        self.shares.remove(&job.chat);
        self.sent.push((claim, job.chat.clone(), now));
        let interval = if self.limits.per_minute > 0 { MINUTE_MS / i64::from(self.limits.per_minute) } else { 0 };
        self.before_last = (self.next_at, self.bucket.max(now));
        self.next_at = now + i64::try_from(self.limits.gap_ms).expect("small");
        self.bucket = self.bucket.max(now) + interval;
        self.last_claim = claim;
    }

    /// Whether the claim still held.
    fn settle(&mut self, claim: u32, verdict: Verdict, now: i64) -> bool {
        let Some(index) = self.jobs.iter().position(|job| job.held.is_some_and(|(holder, _)| holder == claim)) else {
            return false;
        };
        self.jobs[index].held = None;
        match verdict {
            Verdict::Ack | Verdict::Bury | Verdict::BurySpent | Verdict::Void => {
                self.jobs.remove(index);
            }
            Verdict::Retry(after) => {
                self.jobs[index].not_before = now + after;
                self.jobs[index].is_abandoned = false;
            }
            Verdict::Release => self.jobs[index].deliveries -= 1,
        }
        if matches!(verdict, Verdict::Release | Verdict::Void) {
            self.sent.retain(|(token, _, _)| *token != claim);
            if self.last_claim == claim {
                (self.next_at, self.bucket) = self.before_last;
            }
        }
        match verdict {
            Verdict::Ack => self.failures = 0,
            Verdict::Retry(_) | Verdict::BurySpent => {
                self.failures += 1;
                if self.failures >= CIRCUIT_FAILURES {
                    self.open_until = now + CIRCUIT_OPEN_MS;
                }
            }
            Verdict::Bury | Verdict::Release | Verdict::Void => {}
        }
        true
    }

    fn cancel(&mut self, id: &MessageId) -> bool {
        let Some(index) = self.jobs.iter().position(|job| job.id == *id && job.held.is_none()) else { return false };
        let was_first = self.firsts().iter().any(|job| job.id == *id);
        let job = self.jobs.remove(index);
        // Another first message is looked at afresh.
        if was_first {
            self.shares.remove(&job.chat);
        }
        true
    }
}

struct World {
    /// They take turns: what one made of the session is what the next finds.
    queues: [Queue; 2],
    clock: Arc<TestClock>,
    session: SessionName,
    model: Model,
    put_in: Vec<OutboundMessage>,
    in_hand: Vec<(u32, Claim)>,
    claims: u32,
}

impl World {
    fn queue(&mut self) -> &Queue {
        self.queues.rotate_left(1);
        &self.queues[0]
    }

    async fn take(&mut self, step: Step) -> TestCaseResult {
        let now = self.clock.now_ms();
        match step {
            Step::Enqueue { chat, priority, send_in_ms } => {
                self.clock.advance(1);
                let mut message =
                    rows::message(&self.session, &format!("1555000000{chat}@c.us"), "hello", self.clock.now_ms());
                message.schedule.priority = priority;
                message.schedule.send_at_ms = send_in_ms.map(|ms| now + ms);
                self.queue().enqueue(&message).await.unwrap();
                let send_at = message.schedule.send_at_ms.filter(|at| *at > message.created_at_ms);
                self.put_in.push(message.clone());
                self.model.jobs.push(Job {
                    id: message.id,
                    chat: message.chat.to_string(),
                    priority,
                    place: send_at.unwrap_or(message.created_at_ms),
                    not_before: send_at.unwrap_or(0),
                    deliveries: 0,
                    is_abandoned: false,
                    held: None,
                });
            }
            Step::Claim => self.claim(now).await?,
            Step::Settle(verdict, true) if !self.in_hand.is_empty() => {
                let (number, claim) = self.in_hand.remove(0);
                let held = self.model.settle(number, verdict, now);
                let (settlement, answer) = claim.settle_and_claim(verdict.of_the_queue()).await.unwrap();
                prop_assert_eq!(settlement.settled, if held { Settled::Done } else { Settled::Lost });
                self.compare_claim(answer, now)?;
            }
            Step::Settle(verdict, false) if !self.in_hand.is_empty() => {
                let (number, claim) = self.in_hand.remove(0);
                let settled = claim.settle(verdict.of_the_queue()).await.map(|settlement| settlement.settled);
                let held = self.model.settle(number, verdict, now);
                prop_assert_eq!(settled.unwrap(), if held { Settled::Done } else { Settled::Lost });
            }
            Step::Settle(..) => {}
            Step::Advance(by_ms) => self.clock.advance(by_ms),
            Step::Cancel(back) => {
                let Some(message) = self.put_in.iter().rev().nth(back).cloned() else { return Ok(()) };
                let cancelled = self.queue().cancel(&message).await.unwrap();
                prop_assert_eq!(cancelled, self.model.cancel(&message.id));
            }
            Step::Pause(is_paused) => {
                let (session, queue) = (self.session.clone(), self.queue());
                if is_paused { queue.pause(Some(&session)).await } else { queue.resume(Some(&session)).await }.unwrap();
                self.model.is_paused = is_paused;
            }
            Step::Share(share) if self.model.limits.per_recipient_per_minute > 0 => {
                self.model.limits.per_recipient_per_minute = share;
                for queue in &self.queues {
                    queue.set_limits(self.model.limits);
                }
            }
            Step::Share(_) => {}
        }
        Ok(())
    }

    async fn claim(&mut self, now: i64) -> TestCaseResult {
        let session = self.session.clone();
        let answer = self.queue().claim(&session).await.unwrap();
        self.compare_claim(answer, now)
    }

    fn compare_claim(&mut self, answer: ClaimAnswer, now: i64) -> TestCaseResult {
        self.claims += 1;
        let expected = self.model.claim(now, self.claims);
        match answer {
            ClaimAnswer::Claimed(claim) => {
                prop_assert_eq!(Ok(claim.id.clone()), expected);
                let job = self.model.jobs.iter().find(|job| job.id == claim.id).expect("the model has it");
                prop_assert_eq!((claim.deliveries, claim.redelivered), (job.deliveries, job.is_abandoned));
                self.in_hand.push((self.claims, claim));
            }
            ClaimAnswer::AskAgain { at_ms, why } => {
                prop_assert_eq!(Err(why), expected);
                prop_assert!(at_ms.is_none_or(|at_ms| at_ms > now), "{:?} at once: {:?}", why, at_ms);
                let only_a_wake_up_helps = matches!(why, WaitCause::Empty | WaitCause::Paused);
                prop_assert_eq!(at_ms.is_none(), only_a_wake_up_helps);
            }
        }
        Ok(())
    }

    /// Everything settles in the end, if it is asked at the times that are answered.
    async fn drain(&mut self) -> TestCaseResult {
        self.take(Step::Pause(false)).await?;
        for _ in 0..5_000 {
            while !self.in_hand.is_empty() {
                self.take(Step::Settle(Verdict::Ack, false)).await?;
            }
            let now = self.clock.now_ms();
            self.claim(now).await?;
            if self.in_hand.is_empty() {
                let session = self.session.clone();
                match self.queue().claim(&session).await.unwrap() {
                    ClaimAnswer::AskAgain { at_ms: Some(at_ms), .. } => self.clock.advance(at_ms - now),
                    ClaimAnswer::AskAgain { why: WaitCause::Empty, .. } => {
                        prop_assert!(self.model.jobs.is_empty());
                        return Ok(());
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
        prop_assert!(false, "it never becomes empty");
        Ok(())
    }
}

#[test]
fn the_queue_does_what_its_rules_say() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let redis = runtime.block_on(TestRedis::start());
    let folder = tempfile::tempdir().unwrap();
    // As functions that Redis keeps, and that know the queues of the last calls; and as scripts, which know nothing.
    let settings = [redis.settings(), runtime.block_on(redis.without_functions())];
    let [kept, made_anew] = settings.map(|each| runtime.block_on(Connections::open(&each, folder.path())).unwrap());
    let cases = std::cell::Cell::new(0);
    let settings = config::Queue {
        lease_s: LEASE_MS.unsigned_abs() / 1_000,
        circuit_failures: CIRCUIT_FAILURES,
        circuit_open_s: CIRCUIT_OPEN_MS.unsigned_abs() / 1_000,
        ..settings::queue()
    };
    let config = ProptestConfig { cases: 240, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(limits in limits(), steps in proptest::collection::vec(step(), 1..120))| {
        cases.set(cases.get() + 1);
        let clock = TestClock::at(START_MS);
        let [first, second] = match cases.get() % 3 {
            0 => [&kept, &kept],
            1 => [&made_anew, &made_anew],
            _ => [&kept, &made_anew],
        };
        let queues = [first, second]
            .map(|over| Queue::new(over, settings.clone(), limits, clock.clone()).timed_by_clock());
        let session: SessionName = format!("case{}", cases.get()).parse().unwrap();
        let mut world = World {
            queues, clock, session, model: Model::new(limits), put_in: Vec::new(), in_hand: Vec::new(), claims: 0,
        };
        runtime.block_on(async {
            assert!(world.queues[0].load(&world.session).await.unwrap().finish().await.unwrap());
            for step in steps {
                world.take(step).await?;
            }
            world.drain().await
        })?;
    });
    runtime.block_on(kept.close());
    runtime.block_on(made_anew.close());
}
