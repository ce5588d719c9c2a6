//! `drover keys list|create|revoke`

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::Client,
    error::CliError,
    output::{remark, say, say_json},
    table,
};
use crate::model::SessionName;

/// The examples below the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  drover keys create --session shop --actions read,send     for a backend that sends through 'shop'
  KEY=$(drover keys create --actions read)                  only the key goes to stdout
  drover keys revoke key_0123456789abcdef --yes";

/// What to do with the keys of the API.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the keys, and what each opens. The keys themselves are not kept.
    List {
        /// JSON, as the API answers it.
        #[arg(long)]
        json: bool,
    },
    /// Make a key. It is shown now and never again.
    Create(Scope),
    /// Take a key back: it opens nothing from then on.
    Revoke {
        /// Its id, from `drover keys list`.
        id: String,
        /// Do it; without this nothing is revoked.
        #[arg(long)]
        yes: bool,
    },
}

/// What a key opens.
#[derive(Debug, clap::Args)]
pub(super) struct Scope {
    /// Only this session; without it, all of them.
    #[arg(long)]
    session: Option<SessionName>,
    /// Only these: read, send, control; without it, all three.
    #[arg(long, value_delimiter = ',', value_parser = ["read", "send", "control"])]
    actions: Vec<String>,
    /// Everything, keys and settings too.
    #[arg(long, conflicts_with_all = ["session", "actions"])]
    admin: bool,
    /// JSON, as the API answers it.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    is_admin: bool,
    session: Option<String>,
    is_active: bool,
    actions: Actions,
}

#[derive(Deserialize)]
struct Actions {
    read: bool,
    send: bool,
    control: bool,
}

/// Does it.
pub(super) async fn keys(client: &Client, command: &Command) -> Result<(), CliError> {
    match command {
        Command::List { json } => list(client, *json).await,
        Command::Create(scope) => create(client, scope).await,
        Command::Revoke { id, yes } => revoke(client, id, *yes).await,
    }
}

async fn list(client: &Client, is_json: bool) -> Result<(), CliError> {
    let answer: Value = client.get("/api/keys").await?;
    if is_json {
        return Ok(say_json(&answer)?);
    }
    let rows: Vec<Row> = client.understood(answer)?;
    Ok(table::print(HEADINGS, &cells(&rows), Some(3))?)
}

const HEADINGS: [&str; 4] = ["ID", "SESSION", "ACTIONS", "STATE"];

fn cells(rows: &[Row]) -> Vec<[String; 4]> {
    rows.iter()
        .map(|row| {
            let session = if row.is_admin { "all" } else { row.session.as_deref().unwrap_or("all") };
            let state = if row.is_active { "active" } else { "inactive" };
            [row.id.clone(), session.to_owned(), actions(row), state.to_owned()]
        })
        .collect()
}

fn actions(row: &Row) -> String {
    if row.is_admin {
        return "admin".to_owned();
    }
    let Actions { read, send, control } = row.actions;
    let all = [(read, "read"), (send, "send"), (control, "control")];
    all.into_iter().filter(|(may, _)| *may).map(|(_, name)| name).collect::<Vec<_>>().join(", ")
}

async fn create(client: &Client, scope: &Scope) -> Result<(), CliError> {
    let mut body = json!({ "isAdmin": scope.admin, "session": scope.session, "isActive": true });
    if !scope.actions.is_empty() {
        body["actions"] = json!(scope.actions);
    }
    let answer: Value = client.post("/api/keys", &body).await?;
    if scope.json {
        return Ok(say_json(&answer)?);
    }
    let row: Row = client.understood(answer.clone())?;
    say(answer["key"].as_str().unwrap_or_default())?;
    remark(&format!("{}: {}. Keep the key now: it is not shown again.", row.id, actions(&row)));
    Ok(())
}

async fn revoke(client: &Client, id: &str, is_confirmed: bool) -> Result<(), CliError> {
    if !is_confirmed {
        return Err(CliError::Unconfirmed {
            what: format!("takes {id} back: whoever uses it is refused from then on"),
        });
    }
    let _: Value = client.delete(&format!("/api/keys/{}", super::client::segment(id))).await?;
    Ok(say(&format!("{id} was revoked"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_row_that_tells_what_it_opens() {
        let rows: Vec<Row> = serde_json::from_value(json!([
            { "id": "admin", "isAdmin": true, "session": null, "isActive": true,
                "actions": { "read": true, "send": true, "control": true } },
            { "id": "key_1", "isAdmin": false, "session": "shop", "isActive": true,
                "actions": { "read": true, "send": true, "control": false } },
            { "id": "key_2", "isAdmin": false, "session": null, "isActive": false,
                "actions": { "read": true, "send": true, "control": true } },
        ]))
        .expect("as the API answers");
        assert_eq!(
            table::table(HEADINGS, &cells(&rows)),
            [
                "ID     SESSION  ACTIONS              STATE",
                "admin  all      admin                active",
                "key_1  shop     read, send           active",
                "key_2  all      read, send, control  inactive",
            ]
        );
    }
}
