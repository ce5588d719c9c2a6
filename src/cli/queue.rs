//! `drover queue stats|pause|resume|clear`

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::Client,
    error::CliError,
    output::{local_time, say, say_json},
    table,
};
use crate::model::SessionName;

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover queue stats
  drover queue pause shop           what is being sent is finished, nothing more goes out
  drover queue resume shop
  drover queue clear shop --yes     cancels what waits";

/// What to do with the queues.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show how many messages stand where, by session.
    Stats {
        /// Only this session.
        session: Option<SessionName>,
        /// JSON, as the API answers it.
        #[arg(long)]
        json: bool,
    },
    /// Hand out no more messages; what is being sent is finished.
    Pause {
        /// Only this session; without it, all of them.
        session: Option<SessionName>,
    },
    /// Hand out messages again. Resuming one session does not lift a pause of all.
    Resume {
        /// Only this session; without it, the pause of all.
        session: Option<SessionName>,
    },
    /// Cancel every message that waits.
    Clear {
        /// Whose.
        #[arg(required_unless_present = "all")]
        session: Option<SessionName>,
        /// Those of all sessions.
        #[arg(long, conflicts_with = "session")]
        all: bool,
        /// Do it; without this nothing is cancelled.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    session: String,
    depth: u64,
    claimed: u64,
    paused: bool,
    pause_cause: Option<String>,
    next_due_at: Option<String>,
    circuit_open_until: Option<String>,
    limits: Limits,
    states: States,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    left_this_minute: u32,
    left_this_hour: u32,
    left_today: Option<u32>,
}

impl Row {
    /// What keeps the queue from moving, or that nothing does: what lasts longest.
    fn standing(&self) -> String {
        if self.paused {
            let is_restricted = self.pause_cause.as_deref() == Some("whatsapp_restricted");
            return if is_restricted { "paused: WhatsApp restricts it" } else { "paused" }.to_owned();
        }
        if let Some(until) = &self.circuit_open_until {
            return format!("rests until {}", local_time::of_rfc3339(until));
        }
        let Limits { left_this_minute, left_this_hour, left_today } = self.limits;
        match (left_today, left_this_hour, left_this_minute) {
            (Some(0), ..) => "the day's limit is spent",
            (_, 0, _) => "the hour's limit is spent",
            (_, _, 0) => "the minute's limit is spent",
            _ => "open",
        }
        .to_owned()
    }
}

#[derive(Deserialize)]
struct States {
    dead: u64,
}

#[derive(Deserialize)]
struct Stats {
    sessions: Vec<Row>,
}

/// Does it.
pub(super) async fn queue(client: &Client, command: &Command) -> Result<(), CliError> {
    match command {
        Command::Stats { session, json } => stats(client, session.as_ref(), *json).await,
        Command::Pause { session } => change(client, "pause", session.as_ref()).await,
        Command::Resume { session } => change(client, "resume", session.as_ref()).await,
        Command::Clear { session, yes, .. } => clear(client, session.as_ref(), *yes).await,
    }
}

fn of(session: Option<&SessionName>) -> String {
    session.map_or_else(String::new, |name| format!("?session={name}"))
}

async fn stats(client: &Client, session: Option<&SessionName>, is_json: bool) -> Result<(), CliError> {
    let answer: Value = client.get(&format!("/api/queue/stats{}", of(session))).await?;
    if is_json {
        return Ok(say_json(&answer)?);
    }
    let Stats { sessions } = client.understood(answer)?;
    if sessions.is_empty() {
        return Ok(say("There is no session yet: `drover link <name>` makes one.")?);
    }
    Ok(table::print(HEADINGS, &cells(&sessions), Some(4))?)
}

const HEADINGS: [&str; 6] = ["SESSION", "WAITING", "CLAIMED", "DEAD", "QUEUE", "NEXT DUE"];

fn cells(rows: &[Row]) -> Vec<[String; 6]> {
    rows.iter()
        .map(|row| {
            // What a sender holds is not settled yet, but waits no more.
            let waiting = row.depth.saturating_sub(row.claimed).to_string();
            let due = row.next_due_at.as_deref().map(local_time::of_rfc3339).unwrap_or_default();
            [row.session.clone(), waiting, row.claimed.to_string(), row.states.dead.to_string(), row.standing(), due]
        })
        .collect()
}

async fn change(client: &Client, what: &str, session: Option<&SessionName>) -> Result<(), CliError> {
    let _: Value = client.post(&format!("/api/queue/{what}{}", of(session)), &json!({})).await?;
    let whose = session.map_or_else(|| "all sessions".to_owned(), ToString::to_string);
    say(&format!("{what}d: {whose}"))?;
    Ok(())
}

async fn clear(client: &Client, session: Option<&SessionName>, is_confirmed: bool) -> Result<(), CliError> {
    let whose = session.map_or_else(|| "every session".to_owned(), |name| format!("'{name}'"));
    if !is_confirmed {
        return Err(CliError::Unconfirmed { what: format!("cancels every message of {whose} that waits") });
    }
    let confirm = session.map_or("*", SessionName::as_str);
    let answer: Value = client.delete(&format!("/api/queue?confirm={confirm}")).await?;
    let counted = match answer["cancelled"].as_u64() {
        Some(1) => "1 message was cancelled".to_owned(),
        count => format!("{} messages were cancelled", count.unwrap_or_default()),
    };
    say(&format!("{whose}: {counted}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_a_row() {
        let limits = |minute: u32, hour: u32, today: Option<u32>| json!({ "leftThisMinute": minute, "leftThisHour": hour, "leftToday": today });
        let row = |changes: Value| {
            let mut row = json!({ "session": "main", "depth": 3, "claimed": 1, "paused": false, "pauseCause": null, "nextDueAt": null,
                "circuitOpenUntil": null, "limits": limits(7, 70, None), "states": { "dead": 2 } });
            row.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
            serde_json::from_value::<Row>(row).expect("as the API answers")
        };
        assert_eq!(
            table::table(HEADINGS, &cells(&[row(json!({}))])),
            ["SESSION  WAITING  CLAIMED  DEAD  QUEUE  NEXT DUE", "main     2        1        2     open"]
        );
        for (changes, standing) in [
            (json!({ "paused": true, "pauseCause": "operator", "limits": limits(0, 0, None) }), "paused"),
            (json!({ "paused": true, "pauseCause": "whatsapp_restricted" }), "paused: WhatsApp restricts it"),
            (json!({ "limits": limits(0, 70, None) }), "the minute's limit is spent"),
            (json!({ "limits": limits(0, 0, Some(3)) }), "the hour's limit is spent"),
            (json!({ "limits": limits(7, 70, Some(0)) }), "the day's limit is spent"),
        ] {
            assert_eq!(row(changes).standing(), standing);
        }
        assert!(
            row(json!({ "circuitOpenUntil": "2026-11-18T11:06:40.000Z" })).standing().starts_with("rests until 2026-")
        );
    }
}
