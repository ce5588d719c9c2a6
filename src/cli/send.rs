//! `drover send <session> <chat> <text>`

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::Client,
    error::CliError,
    output::{say, say_json},
};
use crate::model::SessionName;

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover send shop 15551234567 \"Your order is on its way\"
  drover send shop 15551234567 \"Hello\" --wait server      ends when WhatsApp has it";

/// What to send.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The session that sends.
    session: SessionName,
    /// To whom: a phone number with its country code, or a chat id.
    chat: String,
    /// The text.
    text: String,
    /// Wait until WhatsApp's server, or the recipient's device, has it.
    #[arg(long, value_name = "WHOM", value_parser = ["server", "device"])]
    wait: Option<String>,
    /// JSON, as the API answers it.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    id: String,
    ack_name: String,
    #[serde(rename = "_data")]
    own: Own,
}

#[derive(Deserialize)]
struct Own {
    state: String,
    waiting: Option<Note>,
    error: Option<Note>,
}

#[derive(Deserialize)]
struct Note {
    message: String,
}

/// Hands a text in.
pub(super) async fn send(client: &Client, args: &Args) -> Result<(), CliError> {
    let wait = args.wait.as_ref().map_or_else(String::new, |whom| format!("?wait={whom}"));
    let body = json!({ "session": args.session, "chatId": args.chat, "text": args.text });
    let answer: Value = client.post(&format!("/api/sendText{wait}"), &body).await?;
    if args.json {
        return Ok(say_json(&answer)?);
    }
    let sent: Sent = serde_json::from_value(answer)
        .map_err(|error| CliError::NoDrover { url: client.shown(), cause: error.to_string() })?;
    say(&line(&sent))?;
    Ok(())
}

fn line(sent: &Sent) -> String {
    let note = sent.own.error.as_ref().or(sent.own.waiting.as_ref());
    let note = note.map_or_else(String::new, |note| format!(": {}", note.message));
    format!("{} {} ({}){note}", sent.id, sent.own.state, sent.ack_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_the_id_the_state_and_why_it_waits() {
        let sent = |own: Value| {
            serde_json::from_value::<Sent>(json!({ "id": "true_1@c.us_3EB0", "ackName": "PENDING", "_data": own }))
        };
        let goes = sent(json!({ "state": "queued", "kind": "text" })).expect("as the API answers");
        assert_eq!(line(&goes), "true_1@c.us_3EB0 queued (PENDING)");
        let waits =
            sent(json!({ "state": "accepted", "waiting": { "code": "not_linked", "message": "scan it first" } }));
        assert_eq!(line(&waits.expect("as the API answers")), "true_1@c.us_3EB0 accepted (PENDING): scan it first");
    }
}
