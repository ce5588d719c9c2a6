//! `drover dead list|retry|delete`

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::{Client, segment},
    error::CliError,
    output::{local_time, say, say_json},
    table,
};
use crate::model::SessionName;

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover dead list shop
  drover dead retry true_15551234567@c.us_3EB0...       one, under the same id
  drover dead retry --session shop                      all of a session
  drover dead delete --session shop --yes";

/// What to do with dead letters.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List what was given up, and why.
    List {
        /// Only this session.
        session: Option<SessionName>,
        /// JSON, as the API answers it.
        #[arg(long)]
        json: bool,
    },
    /// Try again, under the same ids.
    Retry(Which),
    /// Remove for good.
    Delete {
        #[command(flatten)]
        which: Which,
        /// Do it; without this nothing is removed.
        #[arg(long)]
        yes: bool,
    },
}

/// One dead letter, those of a session, or all of them.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// The message's id, in any form.
    id: Option<String>,
    /// All of this session.
    #[arg(long)]
    session: Option<SessionName>,
    /// All of all sessions.
    #[arg(long)]
    all: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    session: String,
    created_at: String,
    attempts: Vec<Value>,
    error: Option<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    message: String,
}

/// Does it.
pub(super) async fn dead(client: &Client, command: &Command) -> Result<(), CliError> {
    match command {
        Command::List { session, json } => list(client, session.as_ref(), *json).await,
        Command::Retry(which) => retry(client, which).await,
        Command::Delete { which, yes } => delete(client, which, *yes).await,
    }
}

async fn list(client: &Client, session: Option<&SessionName>, is_json: bool) -> Result<(), CliError> {
    let of = session.map_or_else(String::new, |name| format!("&session={name}"));
    let answer: Value = client.get(&format!("/api/queue/dead?limit=1000{of}")).await?;
    if is_json {
        return Ok(say_json(&answer)?);
    }
    let rows: Vec<Row> = client.understood(answer)?;
    if rows.is_empty() {
        say("There are no dead letters.")?;
        return Ok(());
    }
    Ok(table::print(HEADINGS, &cells(&rows), None)?)
}

const HEADINGS: [&str; 6] = ["ID", "SESSION", "ACCEPTED", "TRIES", "CODE", "REASON"];

fn cells(rows: &[Row]) -> Vec<[String; 6]> {
    rows.iter()
        .map(|row| {
            let (code, message) =
                row.error.as_ref().map_or(("", ""), |reason| (reason.code.as_str(), reason.message.as_str()));
            let tries = row.attempts.len().to_string();
            let accepted = local_time::of_rfc3339(&row.created_at);
            [row.id.clone(), row.session.clone(), accepted, tries, code.to_owned(), message.to_owned()]
        })
        .collect()
}

async fn retry(client: &Client, which: &Which) -> Result<(), CliError> {
    let path = match (&which.id, &which.session) {
        (Some(id), _) => format!("/api/queue/dead/{}/retry", segment(id)),
        (None, Some(session)) => format!("/api/queue/dead/retry?session={session}"),
        (None, None) => "/api/queue/dead/retry".to_owned(),
    };
    let answer: Value = client.post(&path, &json!({})).await?;
    match answer["retried"].as_u64() {
        Some(1) => say("1 dead letter is tried again")?,
        Some(count) => say(&format!("{count} dead letters are tried again"))?,
        None => say(&format!("{} is tried again", answer["id"].as_str().unwrap_or_default()))?,
    }
    Ok(())
}

async fn delete(client: &Client, which: &Which, is_confirmed: bool) -> Result<(), CliError> {
    let (what, path) = match (&which.id, &which.session) {
        (Some(id), _) => (id.clone(), format!("/api/queue/dead/{}", segment(id))),
        (None, Some(session)) => {
            (format!("all dead letters of '{session}'"), format!("/api/queue/dead?confirm={session}"))
        }
        (None, None) => ("all dead letters".to_owned(), "/api/queue/dead?confirm=*".to_owned()),
    };
    if !is_confirmed {
        return Err(CliError::Unconfirmed { what: format!("removes {what} with the history") });
    }
    let answer: Value = client.delete(&path).await?;
    match answer["removed"].as_u64() {
        Some(1) => say("1 dead letter was removed")?,
        Some(count) => say(&format!("{count} dead letters were removed"))?,
        None => say(&format!("{} was removed", answer["id"].as_str().unwrap_or_default()))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_is_a_row() {
        let row = json!({ "id": "true_1@c.us_3EB0", "session": "main", "createdAt": "now", "attempts": [{}, {}],
            "error": { "code": "refused", "message": "the server said no" } });
        let rows: Vec<Row> = serde_json::from_value(json!([row])).expect("as the API answers");
        assert_eq!(
            table::table(HEADINGS, &cells(&rows))[1],
            "true_1@c.us_3EB0  main     now       2      refused  the server said no"
        );
    }
}
