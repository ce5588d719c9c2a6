//! What came of it: a table of recoveries, a line for each thing that must hold, and the verdict.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Plan, Session,
    torment::{Healing, Outcome, view},
    traffic::Ledger,
    watch::{Memory, Samples},
};
use crate::support::{Drover, Home, events::Event};

const MEGABYTE: f64 = 1024.0 * 1024.0;
/// What drover itself may hold (issue 4).
const MEMORY_MB: f64 = 40.0;
/// Half of all recoveries, and 95 of 100, take no longer.
const RECOVERY_P50: Duration = Duration::from_secs(10);
const RECOVERY_P95: Duration = Duration::from_secs(25);

/// Lines that hold or not.
pub(super) struct Report<'plan> {
    plan: &'plan Plan,
    failed: Vec<String>,
}

impl<'plan> Report<'plan> {
    pub(super) fn new(plan: &'plan Plan) -> Self {
        println!();
        Self { plan, failed: Vec::new() }
    }

    fn line(&mut self, holds: bool, text: String) {
        println!("{}  {text}", if holds { "PASS" } else { "FAIL" });
        if !holds {
            self.failed.push(text);
        }
    }

    /// A figure that decides only on a machine that does nothing else.
    fn figure(&mut self, holds: bool, text: String) {
        if self.plan.judges_figures {
            self.line(holds, text);
        } else {
            println!("      {text} (not judged here)");
        }
    }

    /// How each kind of fault healed.
    pub(super) fn recoveries(&mut self, outcomes: Vec<Outcome>) {
        let mut kinds: BTreeMap<_, Vec<Healing>> = BTreeMap::new();
        for outcome in &outcomes {
            kinds.entry(outcome.fault).or_default().push(outcome.healing);
        }
        println!("{:<30}{:>6}{:>9}{:>9}{:>9}", "fault", "count", "p50 s", "p95 s", "max s");
        for (fault, healings) in &kinds {
            row(&fault.to_string(), &took(healings));
        }
        let healings: Vec<Healing> = outcomes.iter().map(|outcome| outcome.healing).collect();
        let all = took(&healings);
        row("all", &all);
        println!();
        let count = |wanted: Healing| healings.iter().filter(|healing| **healing == wanted).count();
        let (never, missed) = (count(Healing::Never), count(Healing::Missed));
        self.line(never == 0, format!("every fault healed: {} of {}, {missed} missed", all.len(), healings.len()));
        self.line(missed * 10 <= healings.len(), format!("nearly every fault could happen: {missed} missed"));
        for (name, share, limit) in [("p50", 0.5, RECOVERY_P50), ("p95", 0.95, RECOVERY_P95)] {
            let value = percentile(&all, share);
            self.figure(value < limit, format!("recovery {name} {:.1} s, under {limit:?}", value.as_secs_f64()));
        }
    }

    /// Every session is ready, within a while.
    pub(super) fn sessions(&mut self, drover: &Drover<'_>, sessions: &[Session<'_>], limit: Duration) {
        let began = Instant::now();
        let mut waiting: Vec<&Session<'_>> = sessions.iter().collect();
        while !waiting.is_empty() && began.elapsed() < limit {
            waiting.retain(|session| view(drover, &session.name)["status"] != "WORKING");
            std::thread::sleep(Duration::from_millis(100));
        }
        let ill: Vec<Value> = waiting.iter().map(|session| view(drover, &session.name)).collect();
        self.line(
            ill.is_empty(),
            format!("every session is WORKING: {} of {}", sessions.len() - ill.len(), sessions.len()),
        );
        ill.iter().for_each(|view| println!("      {view}"));
    }

    /// What was accepted against what the phones show.
    pub(super) fn messages(
        &mut self,
        drover: &Drover<'_>,
        sessions: &[Session<'_>],
        ledgers: &[Ledger],
        limit: Duration,
    ) {
        let began = Instant::now();
        let depth = || drover.api().get("/api/queue/stats").json()["depth"].as_i64();
        while depth() != Some(0) && began.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(200));
        }
        let stats = drover.api().get("/api/queue/stats").json();
        self.line(stats["depth"] == 0, format!("the queues are empty: {} left", stats["depth"]));
        let (mut accepted, mut lost, mut doubled, mut unordered, mut refused) = (0, vec![], vec![], vec![], vec![]);
        for (session, ledger) in sessions.iter().zip(ledgers) {
            let sent = session.phone.sent();
            let mut shown: BTreeMap<&str, i64> = BTreeMap::new();
            for message in &sent {
                *shown.entry(message["body"].as_str().unwrap_or_default()).or_default() +=
                    message["shown"].as_i64().unwrap_or_default();
            }
            let handed_in = ledger.accepted();
            accepted += handed_in.len();
            refused.extend(ledger.refused());
            for message in &handed_in {
                match shown.get(message.text.as_str()) {
                    None => lost.push(message.text.clone()),
                    Some(1) => {}
                    Some(times) => doubled.push(format!("{} ({times} times)", message.text)),
                }
            }
            let chats: BTreeSet<&str> = handed_in.iter().map(|message| message.chat.as_str()).collect();
            for chat in chats {
                let wanted =
                    handed_in.iter().filter(|message| message.chat == chat).map(|message| message.text.as_str());
                let wanted: Vec<&str> = wanted.filter(|text| shown.contains_key(text)).collect();
                let of_chat: BTreeSet<&str> = wanted.iter().copied().collect();
                let mut seen = BTreeSet::new();
                let shown: Vec<&str> = sent.iter().filter_map(|message| message["body"].as_str()).collect();
                let shown = shown.into_iter().filter(|text| of_chat.contains(text) && seen.insert(*text));
                if let Some((wanted, shown)) = wanted.iter().zip(shown).find(|(wanted, shown)| **wanted != *shown) {
                    unordered.push(format!("{}, {chat}: {shown} in the place of {wanted}", session.name));
                }
            }
        }
        self.nothing(&refused, "messages refused while faults happened");
        self.nothing(&lost, &format!("messages lost, of {accepted} accepted"));
        self.nothing(&doubled, "messages shown twice");
        self.nothing(&unordered, "chats out of order");
        let dead: i64 =
            stats["sessions"].as_array().into_iter().flatten().filter_map(|one| one["states"]["dead"].as_i64()).sum();
        self.line(dead == 0, format!("dead letters: {dead}"));
    }

    fn nothing(&mut self, found: &[String], what: &str) {
        self.line(found.is_empty(), format!("{what}: {}", found.len()));
        found.iter().take(10).for_each(|one| println!("      {one}"));
    }

    /// Nobody was asked to scan; what was written to the sessions came.
    pub(super) fn events(&mut self, events: &[Event], ledgers: &[Ledger]) {
        let qrs: Vec<String> = events
            .iter()
            .filter(|event| event.name == "qr" || event.data["payload"]["status"] == "SCAN_QR_CODE")
            .map(|event| event.data.to_string())
            .collect();
        self.nothing(&qrs, "times a session asked for a QR");
        let mut came: BTreeMap<&str, usize> = BTreeMap::new();
        for event in events.iter().filter(|event| event.name == "message") {
            *came.entry(event.data["payload"]["body"].as_str().unwrap_or_default()).or_default() += 1;
        }
        let written: Vec<String> = ledgers.iter().flat_map(Ledger::written).collect();
        let of_times = |wanted: fn(usize) -> bool| -> Vec<String> {
            let times = |text: &String| came.get(text.as_str()).copied().unwrap_or_default();
            written.iter().filter(|text| wanted(times(text))).cloned().collect()
        };
        self.nothing(
            &of_times(|times| times == 0),
            &format!("incoming messages that no event told, of {}", written.len()),
        );
        self.nothing(&of_times(|times| times > 1), "incoming messages told twice");
    }

    /// Memory, zombies and strays over the whole time.
    pub(super) fn samples(&mut self, samples: &Samples) {
        let memory = &samples.memory;
        let most = |of: fn(&Memory) -> u64| megabytes(memory.iter().map(of).max().unwrap_or_default());
        let private = most(|memory| memory.private);
        let text = format!(
            "drover's private memory: at most {private:.1} MB, of it {:.1} MB dirty",
            most(|memory| memory.dirty)
        );
        self.figure(private < MEMORY_MB, format!("{text}; under {MEMORY_MB} MB"));
        // The first part warms caches up.
        let settled = &memory[memory.len() / 4..];
        let (first, last) =
            (middle(&settled[..settled.len() / 3]), middle(&settled[settled.len() - settled.len() / 3..]));
        let grown = last - first;
        self.figure(
            grown < (first * 0.1).max(2.0),
            format!(
                "it is flat: {first:.1} MB in the first third, {last:.1} MB in the last ({} samples)",
                memory.len()
            ),
        );
        let told =
            |processes: &BTreeSet<_>| -> Vec<String> { processes.iter().map(|one| format!("{one:?}")).collect() };
        self.nothing(&told(&samples.zombies), "zombies below drover that stayed");
        self.nothing(&told(&samples.strays), "Chromium processes that belonged to no session");
    }

    /// After the stop.
    pub(super) fn left_over(&mut self, home: &Home) {
        let began = Instant::now();
        let mut left = home.look();
        while !left.is_empty() && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(100));
            left = home.look();
        }
        let left: Vec<String> = left.iter().map(|process| format!("{process:?}")).collect();
        self.nothing(&left, "processes left after the stop");
    }

    /// Fails if anything did not hold.
    pub(super) fn judge(self) {
        assert!(self.failed.is_empty(), "SOAK_SEED={}: {:#?}", self.plan.seed, self.failed);
        println!("PASS  all of it (SOAK_SEED={})", self.plan.seed);
    }
}

fn row(name: &str, took: &[Duration]) {
    let at = |share: f64| percentile(took, share).as_secs_f64();
    println!("{name:<30}{:>6}{:>9.1}{:>9.1}{:>9.1}", took.len(), at(0.5), at(0.95), at(1.0));
}

/// The times of those that healed, the shortest first.
fn took(healings: &[Healing]) -> Vec<Duration> {
    let after = |healing: &Healing| if let Healing::After(took) = healing { Some(*took) } else { None };
    let mut took: Vec<Duration> = healings.iter().filter_map(after).collect();
    took.sort();
    took
}

/// By nearest rank; nothing is no time at all.
fn percentile(sorted: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank among a few hundred"
    )]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn megabytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let bytes = bytes as f64;
    bytes / MEGABYTE
}

/// The median private memory, in megabytes.
fn middle(samples: &[Memory]) -> f64 {
    let mut private: Vec<u64> = samples.iter().map(|memory| memory.private).collect();
    private.sort_unstable();
    megabytes(private.get(private.len() / 2).copied().unwrap_or_default())
}
