//! `drover alert`: try out whether mails about alerts arrive, and see which problems are open.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::Client,
    error::CliError,
    output::{say, say_json},
    table,
};

/// What about alerts.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Send one mail at once, and say what became of it.
    Test(TestArgs),
    /// List the problems that are open, and how the mails stand.
    List {
        /// JSON, as the API answers it.
        #[arg(long)]
        json: bool,
    },
}

/// Which mail.
#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// Which alert: disconnected (the default), linked, attempts_spent, queue_stuck, digest, ...
    #[arg(long)]
    kind: Option<String>,
    /// To whom. Default: alerts.recipients.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// In which language. Default: alerts.language.
    #[arg(long, value_parser = ["en", "es"])]
    language: Option<String>,
    /// JSON, as the API answers it.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Tried {
    results: Vec<TriedOne>,
}

#[derive(Deserialize)]
struct TriedOne {
    recipient: String,
    subject: String,
    error: Option<Note>,
}

#[derive(Deserialize)]
struct Note {
    code: String,
    message: String,
}

#[derive(Deserialize)]
struct Standing {
    open: Vec<Open>,
    mail: Mail,
}

#[derive(Deserialize)]
struct Open {
    session: Option<String>,
    code: String,
    severity: String,
    message: String,
}

#[derive(Deserialize)]
struct Mail {
    configured: bool,
    outage: Option<String>,
    waiting: Vec<Value>,
    dead: Vec<Value>,
}

const HEADINGS: [&str; 4] = ["SESSION", "ALERT", "SEVERITY", "WHAT"];

/// Does it.
pub(super) async fn alert(client: &Client, command: &Command) -> Result<(), CliError> {
    match command {
        Command::Test(args) => test(client, args).await,
        Command::List { json } => list(client, *json).await,
    }
}

async fn test(client: &Client, args: &TestArgs) -> Result<(), CliError> {
    let body = json!({ "kind": args.kind, "recipient": args.to, "language": args.language });
    let answer: Value = client.post("/api/alerts/test", &body).await?;
    let tried: Tried = client.understood(answer.clone())?;
    if args.json {
        say_json(&answer)?;
    } else {
        for line in tried.results.iter().map(told) {
            say(&line)?;
        }
    }
    let failed = tried.results.iter().filter(|one| one.error.is_some()).count();
    if failed == 0 { Ok(()) } else { Err(CliError::NotMailed { failed, of: tried.results.len() }) }
}

fn told(one: &TriedOne) -> String {
    match &one.error {
        None => format!("sent to {}: {}", one.recipient, one.subject),
        Some(note) => format!("not sent to {} ({}): {}", one.recipient, note.code, note.message),
    }
}

async fn list(client: &Client, json: bool) -> Result<(), CliError> {
    let answer: Value = client.get("/api/alerts").await?;
    if json {
        return Ok(say_json(&answer)?);
    }
    let standing: Standing = client.understood(answer)?;
    let rows = rows(&standing);
    if rows.is_empty() {
        say("No problem is open.")?;
    } else {
        table::print(HEADINGS, &rows, None)?;
    }
    Ok(say(&mails(&standing.mail))?)
}

fn rows(standing: &Standing) -> Vec<[String; 4]> {
    standing
        .open
        .iter()
        .map(|open| {
            let whose = open.session.clone().unwrap_or_else(|| "(drover)".to_owned());
            [whose, open.code.clone(), open.severity.clone(), open.message.clone()]
        })
        .collect()
}

/// How the mails stand.
fn mails(mail: &Mail) -> String {
    match &mail.outage {
        _ if !mail.configured => "No mail is sent: set SMTP_URL and alerts.recipients.".to_owned(),
        Some(why) => format!("Mails cannot be sent ({} waiting): {why}", mail.waiting.len()),
        None => format!("Mails: {} waiting, {} given up.", mail.waiting.len(), mail.dead.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_test_is_one_line_each() {
        let tried: Tried = serde_json::from_value(json!({"results": [
            {"recipient": "a@b.c", "subject": "shop: the phone is linked", "sent": true, "error": null},
            {"recipient": "d@b.c", "subject": "", "sent": false, "error": {"code": "smtp_login", "message": "535 no"}},
        ]}))
        .expect("as the API answers");
        let lines: Vec<_> = tried.results.iter().map(told).collect();
        assert_eq!(lines, ["sent to a@b.c: shop: the phone is linked", "not sent to d@b.c (smtp_login): 535 no"]);
    }

    #[test]
    fn open_problems_and_mails_are_shown() {
        let standing = |open: Value, mail: Value| -> Standing {
            serde_json::from_value(json!({"open": open, "mail": mail})).expect("as the API answers")
        };
        let none = standing(json!([]), json!({"configured": false, "outage": null, "waiting": [], "dead": []}));
        assert!(rows(&none).is_empty());
        assert_eq!(mails(&none.mail), "No mail is sent: set SMTP_URL and alerts.recipients.");
        let one = standing(
            json!([{"session": null, "code": "disk_low", "severity": "critical", "message": "12 MB are free"}]),
            json!({"configured": true, "outage": "refused", "waiting": [1], "dead": []}),
        );
        assert_eq!(table::table(HEADINGS, &rows(&one))[1], "(drover)  disk_low  critical  12 MB are free");
        assert_eq!(mails(&one.mail), "Mails cannot be sent (1 waiting): refused");
    }
}
