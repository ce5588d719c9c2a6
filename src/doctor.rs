//! What drover needs of a machine, looked at one by one: each finding is ok, warn or fail, and says what to do.
//!
//! Changes nothing but a file that it makes in the data folder and takes away. Each look has a limit, so that none hangs;
//! they run side by side. No finding holds a password.

mod chromium;
mod clock;
mod database;
mod disk;
mod finding;
mod fonts;
mod limits;
mod mail;
mod reach;
mod redis_server;

use std::time::Duration;

use tokio::time::timeout;

pub use finding::{Finding, Verdict};

use crate::config::Config;

/// How long one look may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Looks at everything. `database_url` is the address of the database that the settings mean.
pub async fn examine(config: &Config, database_url: &str) -> Vec<Finding> {
    let started = clock::Stopwatch::start();
    let (chromium, sandbox, (redis, redis_clock), (database, database_clock), disk, mail, reach, fonts) = tokio::join!(
        limited("chromium", chromium::executable(&config.browser)),
        limited("sandbox", chromium::sandbox()),
        redis_server::examine(&config.redis),
        database::examine(database_url),
        limited("disk", disk::examine(&config.data.dir)),
        limited("smtp", mail::examine(&config.smtp)),
        limited("whatsapp", reach::examine(&config.browser.simulator)),
        limited("fonts", fonts::examine()),
    );
    let mut findings = vec![chromium, sandbox, redis, database, disk, disk::volume(&config.data.dir)];
    findings.extend(limits::examine(config));
    findings.push(clock::examine(started, &[("Redis", redis_clock), ("the database", database_clock)]));
    findings.extend([mail, reach, fonts]);
    findings
}

async fn limited(check: &'static str, look: impl Future<Output = Finding>) -> Finding {
    timeout(LIMIT, look).await.unwrap_or_else(|_| Finding::too_slow(check, LIMIT))
}
