//! `drover sessions [list|show|start|stop|restart|logout|delete|screenshot]`

mod orders;
mod screenshot;
mod show;

use serde::Deserialize;
use serde_json::Value;

use super::{
    client::Client,
    error::CliError,
    output::{say, say_json},
    table,
};
use crate::{
    clock::{Clock, SystemClock},
    model::SessionName,
};
use orders::Order;

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover sessions                            all of them
  drover sessions show shop                  one, with all that is known of it
  drover sessions restart shop --wait        a new browser; the login stays
  drover sessions screenshot shop            the page as it looks now, to shop.png
  drover sessions delete shop --yes          for good, with its login";

/// What to do with sessions; without a command they are listed.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// JSON, as the API answers it.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List all sessions, stopped ones too (the default).
    List {
        /// JSON, as the API answers it.
        #[arg(long)]
        json: bool,
    },
    /// Show one session: its account, its state and why, how well it does.
    Show {
        /// Which.
        session: SessionName,
        /// JSON, as the API answers it.
        #[arg(long)]
        json: bool,
    },
    /// Give sessions a browser; those that run are left alone.
    Start(Which),
    /// Take sessions' browsers away; the logins stay, and no QR is needed later.
    Stop(Which),
    /// Give sessions a new browser; the logins stay.
    Restart(Which),
    /// Close sessions' browsers to save their memory; a message to send wakes them, and the logins stay.
    Hibernate(Which),
    /// Wake sessions that sleep.
    Wake(Which),
    /// Unlink the account, as under Linked devices on the phone; the login is archived, and a new QR follows.
    Logout {
        /// Whose.
        session: SessionName,
        /// Do it; without this nothing is unlinked.
        #[arg(long)]
        yes: bool,
    },
    /// Remove a session for good: its login, its queue, its files.
    Delete {
        /// Which.
        session: SessionName,
        /// Do it; without this nothing is removed.
        #[arg(long)]
        yes: bool,
    },
    /// Save the page as it looks now as a PNG.
    Screenshot {
        /// Whose.
        session: SessionName,
        /// Where to; `-` is stdout. Default: SESSION.png
        #[arg(long, short, value_name = "FILE")]
        output: Option<std::path::PathBuf>,
    },
}

/// One session or several.
#[derive(Debug, clap::Args)]
struct Which {
    /// Which ones.
    #[arg(required = true)]
    sessions: Vec<SessionName>,
    /// Wait until each has come to rest: working, showing a QR, stopped or failed.
    #[arg(long)]
    wait: bool,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    status: String,
    state: String,
    me: Option<Me>,
    timestamps: Timestamps,
    reason: Option<Reason>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    id: String,
    push_name: String,
}

#[derive(Deserialize)]
struct Timestamps {
    activity: i64,
}

#[derive(Deserialize)]
struct Reason {
    message: String,
}

/// Does it.
pub(super) async fn sessions(client: &Client, args: &Args) -> Result<(), CliError> {
    match &args.command {
        None => list(client, args.json).await,
        Some(Command::List { json }) => list(client, *json).await,
        Some(Command::Show { session, json }) => show::show(client, session, *json).await,
        Some(Command::Start(which)) => orders::order(client, Order::Start, &which.sessions, which.wait).await,
        Some(Command::Stop(which)) => orders::order(client, Order::Stop, &which.sessions, which.wait).await,
        Some(Command::Restart(which)) => orders::order(client, Order::Restart, &which.sessions, which.wait).await,
        Some(Command::Hibernate(which)) => orders::order(client, Order::Hibernate, &which.sessions, which.wait).await,
        Some(Command::Wake(which)) => orders::order(client, Order::Wake, &which.sessions, which.wait).await,
        Some(Command::Logout { session, yes }) => orders::log_out(client, session, *yes).await,
        Some(Command::Delete { session, yes }) => orders::delete(client, session, *yes).await,
        Some(Command::Screenshot { session, output }) => {
            screenshot::screenshot(client, session, output.as_deref()).await
        }
    }
}

async fn list(client: &Client, is_json: bool) -> Result<(), CliError> {
    let answer: Value = client.get("/api/sessions?all=true").await?;
    if is_json {
        return Ok(say_json(&answer)?);
    }
    let rows: Vec<Row> = client.understood(answer)?;
    if rows.is_empty() {
        return Ok(say("There is no session yet: `drover link <name>` makes one.")?);
    }
    Ok(table::print(HEADINGS, &cells(&rows, SystemClock.now_ms()), Some(1))?)
}

const HEADINGS: [&str; 7] = ["NAME", "STATUS", "STATE", "FOR", "NUMBER", "SHOWN AS", "REASON"];

fn cells(rows: &[Row], now_ms: i64) -> Vec<[String; 7]> {
    rows.iter()
        .map(|row| {
            let me = row.me.as_ref();
            [
                row.name.clone(),
                row.status.clone(),
                row.state.clone(),
                age(now_ms - row.timestamps.activity),
                me.map_or("-", |me| number(&me.id)).to_owned(),
                me.map_or("-", |me| me.push_name.as_str()).to_owned(),
                row.reason.as_ref().map_or("", |reason| reason.message.as_str()).to_owned(),
            ]
        })
        .collect()
}

/// The phone number of an account's id.
fn number(id: &str) -> &str {
    id.split('@').next().unwrap_or_default()
}

/// How long ago, in the largest unit that fits.
fn age(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        for (ms, expected) in
            [(-5, "0s"), (59_999, "59s"), (60_000, "1m"), (3_600_000, "1h"), (86_399_999, "23h"), (172_800_000, "2d")]
        {
            assert_eq!(age(ms), expected);
        }
    }

    #[test]
    fn a_session_is_a_row() {
        let rows: Vec<Row> = serde_json::from_value(serde_json::json!([
            { "name": "main", "status": "WORKING", "state": "ready", "reason": null, "timestamps": { "activity": 0 },
              "me": { "id": "15551234567@c.us", "pushName": "We" } },
            { "name": "b", "status": "STOPPED", "state": "stopped", "reason": { "code": "qr_timeout", "message": "nobody scanned" },
              "timestamps": { "activity": 0 }, "me": null },
        ]))
        .expect("as the API answers");
        assert_eq!(
            table::table(HEADINGS, &cells(&rows, 120_000)),
            [
                "NAME  STATUS   STATE    FOR  NUMBER       SHOWN AS  REASON",
                "main  WORKING  ready    2m   15551234567  We",
                "b     STOPPED  stopped  2m   -            -         nobody scanned",
            ]
        );
    }
}
