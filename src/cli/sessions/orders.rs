//! `drover sessions start|stop|restart|logout|delete`

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Reason;
use crate::{
    cli::{
        client::Client,
        error::CliError,
        output::{Progress, say},
    },
    model::SessionName,
};

/// How often the daemon is asked.
const PULSE: Duration = Duration::from_millis(500);

/// What may be done to several sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Start,
    Stop,
    Restart,
    Hibernate,
    Wake,
}

impl Order {
    fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Hibernate => "hibernate",
            Self::Wake => "wake",
        }
    }
}

#[derive(Deserialize)]
struct Standing {
    status: String,
    state: String,
    reason: Option<Reason>,
}

impl Standing {
    /// Whether nothing more happens by itself.
    fn rests(&self) -> bool {
        self.status != "STARTING"
    }

    fn line(&self, name: &SessionName) -> String {
        let reason = self.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.message));
        format!("{name}: {} ({}){reason}", self.status, self.state)
    }
}

/// Orders it of each session, the next one also when one refuses; the last refusal is the answer.
pub(super) async fn order(
    client: &Client,
    order: Order,
    names: &[SessionName],
    is_awaited: bool,
) -> Result<(), CliError> {
    let mut refused = None;
    for name in names {
        let told: Result<Standing, CliError> =
            client.post(&format!("/api/sessions/{name}/{}", order.as_str()), &json!({})).await;
        match told {
            Ok(standing) if is_awaited && !matches!(order, Order::Stop | Order::Hibernate) => {
                let standing = settled(client, name, standing).await?;
                say(&standing.line(name))?;
                if standing.status == "FAILED" {
                    refused = Some(CliError::NotDone(format!("the session '{name}' failed")));
                }
            }
            Ok(standing) => say(&standing.line(name))?,
            Err(error @ CliError::Refused { .. }) => refused = note(error, names.len(), refused),
            Err(error) => return Err(error),
        }
    }
    refused.map_or(Ok(()), Err)
}

/// One refusal is the command's own; of several, those before the last are told at once.
fn note(error: CliError, of: usize, before: Option<CliError>) -> Option<CliError> {
    if let Some(before) = before.filter(|_| of > 1) {
        crate::cli::output::complain(&before);
    }
    Some(error)
}

async fn settled(client: &Client, name: &SessionName, first: Standing) -> Result<Standing, CliError> {
    let progress = Progress::begin(&first.line(name));
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        // Asked after a pulse: what was ordered may not show at once.
        tokio::select! {
            () = tokio::time::sleep(PULSE) => {}
            _ = &mut interrupted => return Err(CliError::Interrupted("; the session goes on as it is")),
        }
        let standing: Standing = client.get(&format!("/api/sessions/{name}")).await?;
        if standing.rests() {
            return Ok(standing);
        }
        progress.tell(standing.line(name));
    }
}

/// Unlinks the account.
pub(super) async fn log_out(client: &Client, name: &SessionName, is_confirmed: bool) -> Result<(), CliError> {
    if !is_confirmed {
        return Err(CliError::Unconfirmed {
            what: format!("unlinks the phone of '{name}', which must scan a QR again"),
        });
    }
    let progress = Progress::begin(&format!("{name}: unlinking"));
    let standing: Standing = client.post(&format!("/api/sessions/{name}/logout"), &json!({})).await?;
    drop(progress);
    Ok(say(&standing.line(name))?)
}

/// Removes a session for good.
pub(super) async fn delete(client: &Client, name: &SessionName, is_confirmed: bool) -> Result<(), CliError> {
    if !is_confirmed {
        return Err(CliError::Unconfirmed { what: format!("removes '{name}' for good, with its login and its queue") });
    }
    let progress = Progress::begin(&format!("{name}: being removed"));
    let _: Value = client.delete(&format!("/api/sessions/{name}")).await?;
    drop(progress);
    Ok(say(&format!("{name} was removed"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_starts_does_not_rest() {
        let standing = |status: &str| {
            let answer = json!({ "status": status, "state": "any", "reason": { "code": "c", "message": "why" } });
            serde_json::from_value::<Standing>(answer).expect("as the API answers")
        };
        assert!(!standing("STARTING").rests());
        for status in ["WORKING", "SCAN_QR_CODE", "STOPPED", "FAILED"] {
            assert!(standing(status).rests(), "{status}");
        }
        let name: SessionName = "shop".parse().expect("a name");
        assert_eq!(standing("FAILED").line(&name), "shop: FAILED (any): why");
    }
}
