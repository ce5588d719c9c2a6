//! The database: whether it answers, and whether its schema is this drover's.

use std::time::Duration;

use tokio::time::timeout;

use super::Finding;
use crate::store::{self, DatabaseFacts, Migration};

const CHECK: &str = "database";
const LIMIT: Duration = Duration::from_secs(10);
/// The oldest PostgreSQL that its makers still mend.
const OLDEST_POSTGRES: u32 = 14;

/// The finding, and how far its clock is ahead of ours, in milliseconds.
pub(super) async fn examine(url: &str) -> (Finding, Option<i64>) {
    let asked = async { Ok::<_, store::StoreError>((store::facts(url).await?, store::migrations(url).await?)) };
    match timeout(LIMIT, asked).await {
        Ok(Ok((facts, migrations))) => (judge(&facts, &migrations), facts.clock_ahead_ms),
        Ok(Err(error)) => (Finding::fail(CHECK, error.to_string(), "start it, or correct DATABASE_URL"), None),
        Err(_) => (Finding::too_slow(CHECK, LIMIT), None),
    }
}

fn judge(facts: &DatabaseFacts, migrations: &[Migration]) -> Finding {
    let DatabaseFacts { engine, version, .. } = facts;
    let pending = migrations.iter().filter(|migration| !migration.is_applied).count();
    let newest = migrations.last().filter(|migration| migration.description.ends_with("newer drover)"));
    if let Some(newest) = newest {
        let found = format!("{engine} {version}, with the schema of a newer drover ({})", newest.version);
        return Finding::fail(CHECK, found, "run that newer drover, or restore a backup that this one made");
    }
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if *engine == "PostgreSQL" && major.is_some_and(|major| major < OLDEST_POSTGRES) {
        let advice = format!("its makers no longer mend it: use {OLDEST_POSTGRES} or later");
        return Finding::warn(CHECK, format!("{engine} {version}"), advice);
    }
    match pending {
        0 => Finding::ok(CHECK, format!("{engine} {version}, {} migrations applied", migrations.len())),
        _ if pending == migrations.len() => {
            Finding::ok(CHECK, format!("{engine} {version}, empty: the first start makes the schema"))
        }
        _ => Finding::warn(
            CHECK,
            format!("{engine} {version}, {pending} migrations are not applied yet"),
            "the next start applies them; `drover migrate` does it now; make a backup before",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn migration(version: i64, is_applied: bool) -> Migration {
        Migration { version, description: "any".to_owned(), is_applied }
    }

    #[test]
    fn the_schema_is_held_against_this_drovers() {
        let facts = |engine, version: &str| DatabaseFacts { engine, version: version.to_owned(), clock_ahead_ms: None };
        let sqlite = facts("SQLite", "3.50.0");
        let verdict = |applied: &[bool]| {
            let migrations: Vec<_> =
                (1..).zip(applied).map(|(version, applied)| migration(version, *applied)).collect();
            judge(&sqlite, &migrations).verdict
        };
        assert_eq!(verdict(&[true, true]), Verdict::Ok);
        assert_eq!(verdict(&[false, false]), Verdict::Ok);
        assert_eq!(verdict(&[true, false]), Verdict::Warn);
        let newer = Migration { description: "x (of a newer drover)".to_owned(), ..migration(9, true) };
        assert_eq!(judge(&sqlite, &[migration(1, true), newer]).verdict, Verdict::Fail);
        assert_eq!(judge(&facts("PostgreSQL", "11.2"), &[migration(1, true)]).verdict, Verdict::Warn);
        assert_eq!(judge(&facts("PostgreSQL", "15.14"), &[migration(1, true)]).verdict, Verdict::Ok);
    }

    #[tokio::test]
    async fn an_address_that_is_none_fails() {
        assert_eq!(examine("mysql://host").await.0.verdict, Verdict::Fail);
    }
}
