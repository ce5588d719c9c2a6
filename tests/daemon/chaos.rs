//! Everything fails at random while messages go out: drover, Chromium and Redis are killed, Redis is emptied, the database is
//! locked, sockets are dropped, acknowledgements are withheld. In the end every message is acknowledged or a dead letter with a
//! reason, none was shown twice, and the order of each chat held.
//!
//! As a test it is short. `make chaos-queue` runs it with CHAOS_SESSIONS=5 CHAOS_MESSAGES=2000; CHAOS_SEED repeats a run's choices.

mod hands;
mod monkey;

use std::{
    collections::{BTreeMap, HashMap},
    env,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{Home, Phone, Simulator, servers::Redis, story};
use hands::{Accepted, Door};
use monkey::Monkey;

/// From the last failure until everything is settled.
const TO_SETTLE: Duration = Duration::from_secs(240);

/// How much of it.
struct Scale {
    sessions: usize,
    messages: usize,
    /// How often each kind of failure happens.
    rounds: usize,
    seed: u64,
}

impl Scale {
    /// The time of each message of a session, if they are to last for as long as things fail (a failure takes 3.5 s or so).
    fn pace(&self) -> Duration {
        let failures = u32::try_from(self.rounds * monkey::KINDS).expect("a few");
        Duration::from_millis(3_500) * failures / u32::try_from(self.each()).expect("some thousands")
    }

    /// Messages a session.
    fn each(&self) -> usize {
        self.messages / self.sessions
    }

    fn of_environment() -> Self {
        let number = |name: &str| env::var(name).ok().map(|text| text.parse().expect("a whole number"));
        let messages = number("CHAOS_MESSAGES").unwrap_or(100);
        Self {
            sessions: number("CHAOS_SESSIONS").unwrap_or(2),
            messages,
            rounds: if messages > 500 { 6 } else { 1 },
            seed: number("CHAOS_SEED").map_or_else(rand::random, |seed| u64::try_from(seed).expect("not negative")),
        }
    }
}

#[test]
fn nothing_is_lost_doubled_or_misordered_whatever_fails() {
    let scale = Scale::of_environment();
    println!("seed {}: {} sessions, {} messages", scale.seed, scale.sessions, scale.messages);
    let began = Instant::now();
    let simulator = Simulator::start();
    let mut redis = Redis::durable();
    let home = Home::with(&simulator);
    settings(&home, &redis, scale.pace());
    let drover = home.start();
    let phones: BTreeMap<String, Phone<'_>> = (0..scale.sessions)
        .map(|number| {
            let name = format!("s{number}");
            let phone = simulator.phone(&format!("1555700{number:04}"), "Ana");
            story::link_for_good(&drover, &name, &phone);
            (name, phone)
        })
        .collect();
    println!("{:?}: all are linked", began.elapsed());

    let door = Door::at(&drover);
    let accepted = Arc::new(Mutex::new(Vec::new()));
    let (each, pause) = (scale.each(), scale.pace() / 2);
    let hands: Vec<_> = phones
        .keys()
        .map(|name| {
            thread::spawn({
                let (door, name, accepted) = (door.clone(), name.clone(), Arc::clone(&accepted));
                move || hands::hand_in(&door, &name, (each, pause), &accepted)
            })
        })
        .collect();
    let mut monkey = Monkey::new(&scale, &home, &simulator, door.clone());
    let drover = monkey.rage(drover, &mut redis, &phones);
    for hand in hands {
        hand.join().expect("all messages are handed in");
    }
    simulator.clear_faults();
    println!("{:?}: all are handed in, and nothing fails any more", began.elapsed());

    let accepted = std::mem::take(&mut *accepted.lock().expect("nobody panicked"));
    let settled = settle(&door, &accepted);
    let verdict = Verdict::over(&accepted, &settled, &phones);
    println!(
        "{:?}: {} acknowledged, {} dead letters {:?}",
        began.elapsed(),
        verdict.sent,
        verdict.dead.values().sum::<usize>(),
        verdict.dead
    );
    println!(
        "lost, doubled, misordered: {}, {}, {}",
        verdict.lost.len(),
        verdict.doubled.len(),
        verdict.misordered.len()
    );
    let is_passed = verdict.is_passed() && accepted.len() == each * scale.sessions;
    println!("{} (seed {})", if is_passed { "PASS" } else { "FAIL" }, scale.seed);
    assert!(is_passed, "{} accepted; {verdict:#?}", accepted.len());
    drover.stop();
}

fn settings(home: &Home, redis: &Redis, pace: Duration) {
    // They come faster than they go: something waits whenever something fails.
    home.set("DROVER_LIMITS__GAP_MS", &(pace * 3 / 4).as_millis().to_string());
    home.set("REDIS_URL", &redis.url());
    for (name, value) in [
        ("DROVER_LIMITS__DUPLICATE_WINDOW_S", "0"),
        ("DROVER_LIMITS__PER_KEY_PER_MINUTE", "600000"),
        ("DROVER_QUEUE__SEND_TIMEOUT_S", "5"),
        ("DROVER_QUEUE__LEASE_S", "25"),
        ("DROVER_QUEUE__BACKOFF_S", "1"),
        ("DROVER_QUEUE__ATTEMPTS", "8"),
        ("DROVER_QUEUE__CIRCUIT_OPEN_S", "2"),
        ("DROVER_QUEUE__RECONCILE_S", "2"),
        ("DROVER_BROWSER__CALL_TIMEOUT_S", "5"),
        ("DROVER_KEEPALIVE__ATTEMPTS", "1000"),
        ("DROVER_KEEPALIVE__BACKOFF_MAX_S", "4"),
        ("DROVER_KEEPALIVE__SOCKET_GRACE_S", "10"),
    ] {
        home.set(name, value);
    }
}

/// Waits until no message is on its way any more; each as it stands then.
fn settle(door: &Door, accepted: &[Accepted]) -> HashMap<String, Value> {
    let deadline = Instant::now() + TO_SETTLE;
    let mut settled = HashMap::new();
    for message in accepted {
        loop {
            let view = door.message(&message.id);
            let state = view.as_ref().and_then(|view| view["state"].as_str()).unwrap_or("unknown").to_owned();
            let is_settled = !matches!(state.as_str(), "accepted" | "queued" | "claimed" | "sending");
            if is_settled || Instant::now() > deadline {
                settled.insert(message.id.clone(), view.unwrap_or_default());
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    settled
}

/// What is wrong in the end.
#[derive(Debug, Default)]
struct Verdict {
    sent: usize,
    /// By reason.
    dead: BTreeMap<String, usize>,
    /// Neither acknowledged and shown, nor a dead letter with a reason.
    lost: Vec<String>,
    /// Shown more than once.
    doubled: Vec<String>,
    /// Shown before an earlier one of the same chat.
    misordered: Vec<String>,
}

impl Verdict {
    fn over(accepted: &[Accepted], settled: &HashMap<String, Value>, phones: &BTreeMap<String, Phone<'_>>) -> Self {
        let mut verdict = Self::default();
        let shown: HashMap<&str, Vec<Value>> =
            phones.iter().map(|(name, phone)| (name.as_str(), phone.sent())).collect();
        for message in accepted {
            let texts = &shown[message.session.as_str()];
            let showings = texts.iter().filter(|sent| sent["body"] == message.text.as_str());
            let times: u64 = showings.map(|sent| sent["shown"].as_u64().unwrap_or(1)).sum();
            if times > 1 {
                verdict.doubled.push(message.text.clone());
            }
            let view = &settled[&message.id];
            match view["error"]["code"].as_str() {
                Some(code) if view["state"] == "dead" => *verdict.dead.entry(code.to_owned()).or_default() += 1,
                _ if view["ack"].as_i64() >= Some(1) && times > 0 => verdict.sent += 1,
                _ => verdict.lost.push(format!("{}: shown {times} times, {view}", message.text)),
            }
        }
        verdict.find_misordered(accepted, &shown);
        verdict
    }

    fn find_misordered(&mut self, accepted: &[Accepted], shown: &HashMap<&str, Vec<Value>>) {
        let mut chats: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for message in accepted {
            chats.entry((&message.session, &message.chat)).or_default().push(&message.text);
        }
        for ((session, _), texts) in chats {
            let place: HashMap<&str, usize> = texts.iter().enumerate().map(|(place, text)| (*text, place)).collect();
            let mut latest = 0;
            for body in shown[session].iter().filter_map(|sent| sent["body"].as_str()) {
                let Some(&place) = place.get(body) else { continue };
                if place < latest {
                    self.misordered.push(format!("{body} after {}", texts[latest]));
                }
                latest = latest.max(place);
            }
        }
    }

    fn is_passed(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.misordered.is_empty()
    }
}
