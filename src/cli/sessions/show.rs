//! `drover sessions show <session>`

use serde_json::Value;

use super::number;
use crate::{
    cli::{
        client::Client,
        error::CliError,
        output::{local_time, say_json},
        table,
    },
    model::SessionName,
};

/// Shows one session.
pub(super) async fn show(client: &Client, name: &SessionName, is_json: bool) -> Result<(), CliError> {
    let answer: Value = client.get(&format!("/api/sessions/{name}")).await?;
    if is_json {
        return Ok(say_json(&answer)?);
    }
    Ok(table::print_facts(&facts(&answer))?)
}

/// What a person wants to know, in this order; what is not known is empty, and not shown.
fn facts(session: &Value) -> Vec<(&'static str, String)> {
    let text = |pointer: &str| session.pointer(pointer).map(shown).unwrap_or_default();
    let time = |pointer: &str| local_time::of_rfc3339(&text(pointer));
    let since =
        session.pointer("/timestamps/activity").and_then(Value::as_i64).map(local_time::of_ms).unwrap_or_default();
    let flags = ["degraded", "quarantined"].into_iter().filter(|flag| session[*flag] == true).collect::<Vec<_>>();
    let retry = match session["retry"].is_null() {
        true => String::new(),
        false => format!("attempt {} at {}", text("/retry/attempt"), time("/retry/at")),
    };
    let pictures = session["screenshots"].as_array().map_or(0, Vec::len);
    vec![
        ("name", text("/name")),
        ("status", text("/status")),
        ("state", text("/state")),
        ("since", since),
        ("reason", text("/reason/message")),
        ("wanted", text("/desired")),
        ("number", number(&text("/me/id")).to_owned()),
        ("shown as", text("/me/pushName")),
        ("presence", text("/presence")),
        ("next try", retry),
        ("flags", flags.join(", ")),
        ("causes", text("/health/causes")),
        ("latency", latency(&session["health"]["latency"])),
        ("socket drops", text("/health/socketDropsLastHour")),
        ("crashes", text("/health/crashesLastHour")),
        ("last ack", time("/health/lastAckAt")),
        ("web version", text("/page/webVersion")),
        ("missing", text("/page/missingCapabilities")),
        ("pictures", if pictures == 0 { String::new() } else { format!("{pictures} of failures (--json names them)") }),
    ]
}

fn latency(latency: &Value) -> String {
    let figures = latency.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    figures.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_known_is_shown_and_nothing_else() {
        let session = json!({
            "name": "shop", "status": "WORKING", "state": "ready", "desired": "running", "reason": null, "retry": null,
            "me": { "id": "15551234567@c.us", "pushName": "Shop" }, "timestamps": { "activity": 0 }, "degraded": true,
            "health": { "causes": ["latency"], "latency": { "p50Ms": 12, "p95Ms": 40 }, "socketDropsLastHour": 0,
                "lastAckAt": "2026-11-18T11:06:40.000Z" },
            "page": { "webVersion": "2.3000.1" }, "screenshots": [],
        });
        let facts: Vec<_> = facts(&session).into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let fact = |name: &str| facts.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
        assert_eq!(fact("number"), Some("15551234567"));
        assert_eq!(fact("latency"), Some("p50Ms 12, p95Ms 40"));
        assert_eq!(fact("flags"), Some("degraded"));
        assert_eq!(fact("last ack").map(str::len), fact("since").map(str::len), "times are written alike");
        assert_eq!(fact("reason"), None);
        assert_eq!(fact("next try"), None);
    }
}
