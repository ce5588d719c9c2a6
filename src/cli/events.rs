//! `drover events [--follow]`

use std::time::Duration;

use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;

use super::{
    client::Client,
    error::CliError,
    output::{local_time, say},
    sse,
};
use crate::model::SessionName;

/// After how long a lost stream is taken up again.
const RETRY: Duration = Duration::from_secs(2);

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover events                                    the last 20
  drover events --follow --session shop            as they happen
  drover events -f --events message,message.ack --json | jq .payload";

/// What to show.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Go on as things happen, until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// How far to look back, in events.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1000))]
    last: u32,
    /// Only those of this session.
    #[arg(long)]
    session: Option<SessionName>,
    /// Only these kinds, such as session.status,message.
    #[arg(long, value_name = "KINDS", value_parser = kinds)]
    events: Option<String>,
    /// JSON, one event a line.
    #[arg(long)]
    json: bool,
}

/// The names are put into an address as they are.
fn kinds(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".,_*".contains(&byte);
    if text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("kinds are separated by commas, without blanks, such as session.status,message".to_owned())
    }
}

#[derive(Deserialize)]
struct Event {
    id: String,
    timestamp: i64,
    event: String,
    session: String,
    payload: Value,
}

/// Shows the newest events, and what happens from then on.
pub(super) async fn events(client: &Client, args: &Args) -> Result<(), CliError> {
    let session = args.session.as_ref().map_or_else(String::new, |name| format!("&session={name}"));
    let kinds = args.events.as_ref().map_or_else(String::new, |kinds| format!("&events={kinds}"));
    // One event more than wanted may be asked for: its id is where the stream goes on.
    let past: Vec<Value> = client.get(&format!("/api/events?limit={}{session}{kinds}", args.last.max(1))).await?;
    let mut last_id = past.last().and_then(|event| event["id"].as_str()).map(str::to_owned);
    let skipped = past.len().saturating_sub(args.last as usize);
    for event in past.iter().skip(skipped) {
        say(&line(event, args.json))?;
    }
    if !args.follow {
        return Ok(());
    }
    let path = format!("/api/events?{}", format!("{session}{kinds}").trim_start_matches('&'));
    let interrupted = tokio::signal::ctrl_c();
    tokio::select! {
        result = follow(client, &path, &mut last_id, args.json) => result,
        _ = interrupted => Err(CliError::Interrupted("")),
    }
}

/// Follows the stream; one that ends is taken up again where it ended.
async fn follow(client: &Client, path: &str, last_id: &mut Option<String>, json: bool) -> Result<(), CliError> {
    let mut was_connected = false;
    loop {
        match client.stream(path, last_id.as_deref()).await {
            Ok(response) => {
                was_connected = true;
                let mut parser = sse::Parser::default();
                let mut bytes = response.bytes_stream();
                while let Some(Ok(part)) = bytes.next().await {
                    for message in parser.feed(&part) {
                        *last_id = message.id.or(last_id.take());
                        let event: Value = serde_json::from_str(&message.data).unwrap_or(Value::String(message.data));
                        say(&line(&event, json))?;
                    }
                }
            }
            // The daemon restarts: it comes back, or the person interrupts.
            Err(CliError::Unreachable { .. }) if was_connected => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn line(event: &Value, json: bool) -> String {
    match serde_json::from_value::<Event>(event.clone()) {
        Ok(event) if !json => {
            let at = local_time::of_ms(event.timestamp);
            let number = event.id.trim_start_matches("evt_").trim_start_matches('0');
            format!("{number:>6}  {at}  {:12}  {:18}  {}", event.session, event.event, event.payload)
        }
        _ => event.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_number_time_session_kind_and_payload() {
        let event = serde_json::json!({
            "id": "evt_00000000000000000042", "timestamp": 1_795_000_000_000_i64, "event": "session.status",
            "session": "main", "payload": { "status": "WORKING" }, "engine": "WEBJS",
        });
        let shown = line(&event, false);
        assert!(shown.starts_with("    42  2026-11-1"), "{shown}");
        assert!(shown.ends_with(r#"main          session.status      {"status":"WORKING"}"#), "{shown}");
        assert_eq!(line(&event, true), event.to_string());
    }

    #[test]
    fn kinds_cannot_change_the_address() {
        assert!(kinds("session.status,message").is_ok());
        for text in ["a&session=b", "a b", "a#b", "a%20"] {
            assert!(kinds(text).is_err(), "{text}");
        }
    }
}
