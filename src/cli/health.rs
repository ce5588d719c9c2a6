//! `drover health`: whether the daemon is ready, by exit code, so that a container needs no curl for its health check.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{client::Client, error::CliError, output::say};

/// A health check that takes longer has failed; the daemon answers within one second whatever hangs.
const LIMIT: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Ask only whether the process answers, which is all that a restart could mend.
    #[arg(long)]
    live: bool,
}

/// What `/health/live` and `/health/ready` say.
#[derive(Debug, Deserialize)]
struct Report {
    status: String,
    /// Each part: up, degraded or down.
    #[serde(default)]
    parts: BTreeMap<String, String>,
}

impl Report {
    /// In a few words: the status, and the parts that are not up.
    fn in_words(&self) -> String {
        let troubled = self.parts.iter().filter(|(_, status)| *status != "up");
        let troubled: Vec<String> = troubled.map(|(part, status)| format!("{part} is {status}")).collect();
        if troubled.is_empty() { self.status.clone() } else { format!("{} ({})", self.status, troubled.join(", ")) }
    }
}

/// Says how the daemon is; fails when it is not ready.
pub(super) async fn health(client: &Client, args: &Args) -> Result<(), CliError> {
    let path = if args.live { "/health/live" } else { "/health/ready" };
    let (status, report): (u16, Report) = client.probe(path, LIMIT).await?;
    if status != 200 {
        return Err(CliError::NotReady { url: client.shown(), why: report.in_words() });
    }
    say(&report.in_words())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_what_is_not_up() {
        let report = |text: &str| serde_json::from_str::<Report>(text).expect("a report").in_words();
        assert_eq!(report(r#"{"status":"ok"}"#), "ok");
        assert_eq!(report(r#"{"status":"ok","parts":{"redis":"up"}}"#), "ok");
        assert_eq!(
            report(r#"{"status":"error","parts":{"redis":"down","database":"up","disk":"degraded"}}"#),
            "error (disk is degraded, redis is down)"
        );
    }
}
