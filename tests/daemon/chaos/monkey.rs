//! What fails, when, in which order: chosen by the seed.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use super::{Scale, hands::Door};
use crate::support::{Drover, Home, Phone, Simulator, servers::Redis};

#[derive(Debug, Clone, Copy)]
enum Failure {
    DroverKilled,
    ChromiumKilled,
    RedisKilled,
    RedisEmptied,
    DatabaseLocked,
    SocketDropped,
    AckWithheld,
}

const ALL: [Failure; 7] = [
    Failure::DroverKilled,
    Failure::ChromiumKilled,
    Failure::RedisKilled,
    Failure::RedisEmptied,
    Failure::DatabaseLocked,
    Failure::SocketDropped,
    Failure::AckWithheld,
];

/// How many kinds of failure there are.
pub(super) const KINDS: usize = ALL.len();

/// Lets things fail.
pub(super) struct Monkey<'run> {
    dice: StdRng,
    failures: Vec<Failure>,
    home: &'run Home,
    simulator: &'run Simulator,
    door: Door,
}

impl<'run> Monkey<'run> {
    /// Each kind fails as often as the scale says, in random order.
    pub(super) fn new(scale: &Scale, home: &'run Home, simulator: &'run Simulator, door: Door) -> Self {
        let mut dice = StdRng::seed_from_u64(scale.seed);
        let mut failures = ALL.repeat(scale.rounds);
        failures.shuffle(&mut dice);
        Self { dice, failures, home, simulator, door }
    }

    /// Lets everything fail that there is to fail, every few seconds; gives the drover that runs then.
    pub(super) fn rage(
        &mut self,
        mut drover: Drover<'run>,
        redis: &mut Redis,
        phones: &BTreeMap<String, Phone<'_>>,
    ) -> Drover<'run> {
        let began = Instant::now();
        let names: Vec<&String> = phones.keys().collect();
        for failure in std::mem::take(&mut self.failures) {
            self.pause(1_000, 4_000);
            let name = names[self.dice.random_range(0..names.len())];
            println!("{:?}: {failure:?} ({name})", began.elapsed());
            match failure {
                Failure::DroverKilled => {
                    drover.crash();
                    self.pause(0, 1_500);
                    drover = self.home.start();
                    self.door.moved_to(&drover);
                }
                Failure::ChromiumKilled => {
                    if let Some(browser) = self.home.browser_of(name) {
                        browser.signal(Signal::SIGKILL);
                    }
                }
                Failure::RedisKilled => {
                    redis.kill();
                    self.pause(0, 2_500);
                    redis.start_again();
                }
                Failure::RedisEmptied => drop(redis.command(&["FLUSHALL"])),
                Failure::DatabaseLocked => self.lock_database(),
                Failure::SocketDropped => phones[name].fault(json!({"drop_socket": true})),
                Failure::AckWithheld => {
                    phones[name].fault(json!({"stay_at_ack": 0}));
                    self.pause(2_000, 8_000);
                    self.simulator.clear_faults();
                }
            }
        }
        drover
    }

    fn pause(&mut self, from_ms: u64, to_ms: u64) {
        thread::sleep(Duration::from_millis(self.dice.random_range(from_ms..=to_ms)));
    }

    /// As a backup or a shell does that holds the write lock: for longer than drover waits, too.
    fn lock_database(&mut self) {
        let path = self.home.data().join("drover.db");
        let held = Duration::from_millis(self.dice.random_range(1_000..=7_000));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let url = drover::store::sqlite_url(&path);
            let mut connection = SqliteConnection::connect(&url).await.expect("the database is there");
            // It may be written to just now: whoever locks it waits, as drover does.
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.expect("the lock");
            let _: u64 = sqlx::query("UPDATE sessions SET name = name")
                .execute(&mut *transaction)
                .await
                .expect("a write")
                .rows_affected();
            tokio::time::sleep(held).await;
            transaction.rollback().await.expect("it is let go");
        });
    }
}
