//! What a mail tells, before a template makes it read well.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Place, templates::KINDS};
use crate::{
    model::{Alert, Language, Reason, SessionName, SessionRecord, Severity},
    telemetry::mask,
};

/// What a template is given. Everything is there in every mail, so that a template that names something else is known by its error.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Letter {
    /// Which templates write it.
    pub(super) kind: String,
    #[serde(skip)]
    pub(super) language: Language,
    pub(super) code: String,
    /// The code without what it is about.
    pub(super) stem: String,
    pub(super) severity: Severity,
    pub(super) is_resolved: bool,
    pub(super) is_test: bool,
    /// None when it concerns drover itself.
    pub(super) session: Option<SessionName>,
    /// The account's name and masked number.
    pub(super) account: Option<String>,
    pub(super) message: String,
    pub(super) reason: Option<Reason>,
    pub(super) details: Map<String, Value>,
    /// When it happened, for people.
    pub(super) at: String,
    /// How long a problem lasted that is over.
    pub(super) lasted: Option<String>,
    /// How long a problem is not told again.
    pub(super) quiet: String,
    pub(super) node: String,
    pub(super) links: Links,
    /// A digest's problems.
    pub(super) items: Vec<Item>,
}

/// Where a mail leads; what nobody set is None.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Links {
    pub(super) base: Option<String>,
    pub(super) session: Option<String>,
}

/// A problem in a digest.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Item {
    pub(super) session: Option<SessionName>,
    pub(super) code: String,
    pub(super) problem: String,
    pub(super) repeats: u32,
    pub(super) is_open: bool,
    pub(super) at: String,
}

/// What all letters about one thing share, whoever gets them.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) session: SessionName,
    pub(super) account: Option<String>,
    pub(super) place: Arc<Place>,
    pub(super) quiet_s: u64,
}

impl Subject {
    /// A letter about an alert. `lasted_ms`: how long the problem lasted that it ends.
    pub(super) fn letter(&self, alert: &Alert, at_ms: i64, lasted_ms: Option<i64>, language: Language) -> Letter {
        let kind = match stem(&alert.code) {
            _ if alert.is_resolved => "recovered",
            code if KINDS.contains(&code) && !matches!(code, "recovered" | "digest") => code,
            _ => "other",
        };
        let mut details = alert.details.clone();
        for (name, value) in &alert.details {
            // Seconds read better as a duration.
            if let (Some(stem), Some(seconds)) = (name.strip_suffix("_s"), value.as_i64()) {
                details.insert(stem.to_owned(), json!(duration(seconds.saturating_mul(1000))));
            }
        }
        Letter {
            kind: kind.to_owned(),
            reason: details.get("reason").and_then(|reason| serde_json::from_value(reason.clone()).ok()),
            details,
            code: alert.code.clone(),
            stem: stem(&alert.code).to_owned(),
            severity: alert.severity,
            is_resolved: alert.is_resolved,
            message: alert.message.clone(),
            lasted: lasted_ms.map(duration),
            ..self.blank(at_ms, language)
        }
    }

    /// A digest.
    pub(super) fn digest(&self, items: Vec<Item>, severity: Severity, at_ms: i64, language: Language) -> Letter {
        let kind = "digest".to_owned();
        Letter { code: kind.clone(), stem: kind.clone(), kind, severity, items, ..self.blank(at_ms, language) }
    }

    fn blank(&self, at_ms: i64, language: Language) -> Letter {
        let session = (!self.session.is_server()).then(|| self.session.clone());
        Letter {
            kind: String::new(),
            language,
            code: String::new(),
            stem: String::new(),
            severity: Severity::Info,
            is_resolved: false,
            is_test: false,
            links: links(&self.place.public_url, session.as_ref()),
            session,
            account: self.account.clone(),
            message: String::new(),
            reason: None,
            details: Map::new(),
            at: date(at_ms),
            lasted: None,
            quiet: duration(i64::try_from(self.quiet_s).unwrap_or(i64::MAX / 1000).saturating_mul(1000)),
            node: self.place.node.clone(),
            items: Vec::new(),
        }
    }
}

/// What kind of problem a code names: without what it is about, as in `webhook_unreachable:<id>`.
pub(super) fn stem(code: &str) -> &str {
    code.split_once(':').map_or(code, |(stem, _)| stem)
}

/// The account of a session, as a mail may show it.
pub(super) fn account(record: &SessionRecord) -> Option<String> {
    let me = record.me.as_ref()?;
    let number = me.id.split('@').next().unwrap_or_default();
    let number = mask::Numbers(number).to_string();
    Some(if me.push_name.is_empty() { number } else { format!("{}, {number}", me.push_name) })
}

pub(super) fn links(public_url: &str, session: Option<&SessionName>) -> Links {
    let base = public_url.trim_end_matches('/');
    if base.is_empty() {
        return Links::default();
    }
    let session = session.map(|session| format!("{base}/dashboard/sessions/{session}"));
    Links { base: Some(format!("{base}/dashboard")), session }
}

/// `2026-11-29 01:05 UTC`
pub(super) fn date(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2 h 5 min`: the units are the same in both languages.
pub(super) fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let shown: Vec<String> = parts
        .iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::{super::samples::sample, *};

    #[test]
    fn times_read_well() {
        for (ms, expected) in [
            (0, "0 s"),
            (-5, "0 s"),
            (59_000, "59 s"),
            (3_600_000, "1 h"),
            (7_500_000, "2 h 5 min"),
            (86_400_000 + 60_000, "1 d"),
            (90_000, "1 min 30 s"),
        ] {
            assert_eq!(duration(ms), expected);
        }
        assert_eq!(date(1_764_378_300_000), "2025-11-29 01:05 UTC");
    }

    #[test]
    fn a_letter_knows_its_kind_and_where_it_leads() {
        let letter = sample("disconnected", Language::En, "https://drover.example.com/", None);
        assert_eq!(letter.links.session.as_deref(), Some("https://drover.example.com/dashboard/sessions/shop"));
        assert_eq!(letter.reason.map(|reason| reason.code).as_deref(), Some("unlinked"));
        let code = |code: &str, language| sample(code, language, "", None);
        assert_eq!(code("something_new:x", Language::En).kind, "other");
        let webhook = code("webhook_unreachable:x", Language::En);
        assert_eq!((webhook.kind.as_str(), webhook.code.as_str()), ("webhook_unreachable", "webhook_unreachable:x"));
        assert_eq!(sample("recovered", Language::En, "", None).lasted.as_deref(), Some("2 h 5 min"));
        assert_eq!(sample("queue_stuck", Language::Es, "", None).details["waited"], "41 min");
        assert_eq!(sample("disk_low", Language::Es, "", None).session, None);
    }
}
