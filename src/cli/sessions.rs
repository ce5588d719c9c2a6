//! `drover sessions`

use serde::Deserialize;
use serde_json::Value;

use super::{
    client::Client,
    error::CliError,
    output::{say, table},
};
use crate::{clock::Clock, clock::SystemClock};

/// What to list, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// JSON, as the API answers it.
    #[arg(long)]
    json: bool,
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

/// Lists all sessions, stopped ones too.
pub(super) async fn sessions(client: &Client, args: &Args) -> Result<(), CliError> {
    let path = "/api/sessions?all=true";
    if args.json {
        say(&format!("{:#}", client.get::<Value>(path).await?))?;
        return Ok(());
    }
    let rows: Vec<Row> = client.get(path).await?;
    if rows.is_empty() {
        say("There is no session yet: `drover link <name>` makes one.")?;
        return Ok(());
    }
    for line in lines(&rows, SystemClock.now_ms()) {
        say(&line)?;
    }
    Ok(())
}

fn lines(rows: &[Row], now_ms: i64) -> Vec<String> {
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let me = row.me.as_ref();
            [
                row.name.clone(),
                row.status.clone(),
                row.state.clone(),
                age(now_ms - row.timestamps.activity),
                me.map_or("-", |me| me.id.split('@').next().unwrap_or_default()).to_owned(),
                me.map_or("-", |me| me.push_name.as_str()).to_owned(),
                row.reason.as_ref().map_or("", |reason| reason.message.as_str()).to_owned(),
            ]
        })
        .collect();
    table(["NAME", "STATUS", "STATE", "FOR", "NUMBER", "SHOWN AS", "REASON"], &cells)
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
            lines(&rows, 120_000),
            [
                "NAME  STATUS   STATE    FOR  NUMBER       SHOWN AS  REASON",
                "main  WORKING  ready    2m   15551234567  We",
                "b     STOPPED  stopped  2m   -            -         nobody scanned",
            ]
        );
    }
}
