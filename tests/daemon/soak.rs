//! `make soak`: several sessions, each with messages to and from it the whole time, and a random fault a minute on each. At the end
//! everything must be as if nothing had happened: every session ready, none asked for a QR, no message lost, doubled or out of its
//! chat's order, drover's memory flat, no process left. Recovery times are counted from the fault's end (where it has one).
//!
//! SOAK_MINUTES, SOAK_SESSIONS and SOAK_SEED choose length, size and the faults' order. The rate limits are raised and stand in the
//! output; every other setting is drover's default.

mod faults;
mod report;
mod torment;
mod traffic;
mod watch;

use std::{
    env, process,
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::support::{Drover, Home, Phone, Simulator, story};
use report::Report;
use traffic::Ledger;
use watch::Samples;

/// How long the last faults may take to heal at the end.
const TO_HEAL: Duration = Duration::from_secs(60);
/// How long what was accepted may take to be shown at the end.
const TO_DRAIN: Duration = Duration::from_secs(120);

/// What is asked of a soak.
struct Plan {
    sessions: usize,
    span: Duration,
    /// One fault a session in each.
    slot: Duration,
    sample_every: Duration,
    seed: u64,
    /// Whether recovery times and memory decide, too: they mean something on a machine that does nothing else.
    judges_figures: bool,
}

/// A session under test.
struct Session<'simulator> {
    name: String,
    phone: Phone<'simulator>,
}

/// What all threads of a soak see.
struct Soak<'all> {
    plan: &'all Plan,
    simulator: &'all Simulator,
    home: &'all Home,
    drover: &'all Drover<'all>,
    began: Instant,
    over: Over,
}

/// Tells every thread that the time is over.
#[derive(Default)]
struct Over {
    is_over: Mutex<bool>,
    changed: Condvar,
}

impl Over {
    /// Rests for so long; true as soon as all is over.
    fn rest(&self, pause: Duration) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = self.changed.wait_timeout_while(is_over, pause, |is_over| !*is_over);
        *rested.unwrap_or_else(PoisonError::into_inner).0
    }

    fn declare(&self) {
        *self.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

/// Also when a thread panics: the others must not wait for it.
struct DeclareOver<'over>(&'over Over);

impl Drop for DeclareOver<'_> {
    fn drop(&mut self) {
        self.0.declare();
    }
}

/// A number from the environment.
fn given(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) if !text.trim().is_empty() => {
            text.trim().parse().unwrap_or_else(|_| panic!("{name}={text}: it must be a whole number"))
        }
        _ => default,
    }
}

fn seed() -> u64 {
    given("SOAK_SEED", u64::from(process::id()))
}

#[test]
fn a_short_one_heals_without_loss() {
    run(&Plan {
        sessions: 2,
        span: Duration::from_secs(75),
        slot: Duration::from_secs(20),
        sample_every: Duration::from_secs(5),
        seed: seed(),
        judges_figures: false,
    });
}

#[test]
#[ignore = "half an hour: make soak"]
fn the_long_one() {
    run(&Plan {
        sessions: usize::try_from(given("SOAK_SESSIONS", 6)).expect("a number of sessions"),
        span: Duration::from_secs(60 * given("SOAK_MINUTES", 30)),
        slot: Duration::from_secs(60),
        sample_every: Duration::from_secs(10),
        seed: seed(),
        judges_figures: true,
    });
}

fn run(plan: &Plan) {
    assert!(plan.sessions > 0, "SOAK_SESSIONS must be at least 1");
    println!("\nsoak: {} sessions, {:?}, SOAK_SEED={}", plan.sessions, plan.span, plan.seed);
    println!(
        "soak: limits raised (6000 messages a minute, no gaps between them, any number from one sender); all other settings are drover's defaults"
    );
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_INBOUND__PER_SENDER_PER_MINUTE", "0");
    home.set("DROVER_LOG__LEVEL", "info");
    let drover = home.start();
    let sessions = link_all(plan, &simulator, &drover);
    let qrs = drover.events();
    let soak = Soak {
        plan,
        simulator: &simulator,
        home: &home,
        drover: &drover,
        began: Instant::now(),
        over: Over::default(),
    };
    let ledgers: Vec<Ledger> = sessions.iter().map(|_| Ledger::default()).collect();
    let (outcomes, samples) = live(&soak, &sessions, &ledgers);

    let mut report = Report::new(plan);
    report.recoveries(outcomes);
    report.sessions(&drover, &sessions, TO_HEAL);
    report.messages(&drover, &sessions, &ledgers, TO_DRAIN);
    report.events(&qrs.all(), &ledgers);
    report.samples(&samples);
    drover.stop();
    report.left_over(&home);
    report.judge();
}

/// Creates and links all sessions, and gives each another browser with its login: what was linked just now is left alone for the three
/// minutes of its history, also when it hangs for good.
fn link_all<'simulator>(
    plan: &Plan,
    simulator: &'simulator Simulator,
    drover: &Drover<'_>,
) -> Vec<Session<'simulator>> {
    let sessions: Vec<Session<'_>> = (1..=plan.sessions)
        .map(|number| Session {
            name: format!("s{number}"),
            phone: simulator.phone(&format!("1555000{:04}", 8000 + number), &format!("Phone {number}")),
        })
        .collect();
    for session in &sessions {
        drover.create(&session.name);
    }
    for session in &sessions {
        session.phone.scan(&story::read_qr(drover, &session.name));
    }
    for session in &sessions {
        drover.wait_status(&session.name, "WORKING", story::TO_READY);
        drover.order(&session.name, "stop");
        drover.wait_status(&session.name, "STOPPED", story::TO_STOP);
        drover.order(&session.name, "start");
    }
    for session in &sessions {
        drover.wait_status(&session.name, "WORKING", story::TO_READY);
    }
    sessions
}

/// Messages, faults and samples side by side, until every session has had its faults.
fn live(soak: &Soak<'_>, sessions: &[Session<'_>], ledgers: &[Ledger]) -> (Vec<torment::Outcome>, Samples) {
    thread::scope(|scope| {
        let sampling = scope.spawn(|| watch::sample(soak, sessions));
        let mut tormenting = Vec::new();
        for (number, (session, ledger)) in sessions.iter().zip(ledgers).enumerate() {
            scope.spawn(move || traffic::write(soak, session, ledger));
            tormenting.push(scope.spawn(move || torment::torment(soak, number, session, ledger)));
        }
        let _over = DeclareOver(&soak.over);
        let outcomes = tormenting.into_iter().flat_map(|thread| thread.join().expect("its panic is printed")).collect();
        soak.over.declare();
        (outcomes, sampling.join().expect("its panic is printed"))
    })
}
