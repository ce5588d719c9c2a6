//! Who gets which mails: the addresses of the settings for everything, those of a session's config for that session.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    config,
    model::{Language, Severity, session_options::SessionAlerts},
};

/// Somebody who gets mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) address: String,
    pub(super) language: Language,
    /// The least that they are told.
    pub(super) severity: Severity,
}

/// Everybody who gets the alerts of a session with this config (null: of drover itself), each once, with the least severity and the
/// language of the first who names them.
pub(super) fn all(settings: &config::Alerts, config: &Value) -> Vec<Recipient> {
    let everything = settings.recipients.iter().map(|address| Recipient {
        address: address.trim().to_owned(),
        language: settings.language,
        severity: settings.severity,
    });
    let own = config.get("alerts").and_then(|own| SessionAlerts::deserialize(own).ok()).unwrap_or_default();
    let (language, severity) = (own.language.unwrap_or(settings.language), own.severity.unwrap_or(settings.severity));
    let own =
        own.recipients.into_iter().map(|address| Recipient { address: address.trim().to_owned(), language, severity });
    let mut found: Vec<Recipient> = Vec::new();
    for recipient in everything.chain(own) {
        match found.iter_mut().find(|known| known.address.eq_ignore_ascii_case(&recipient.address)) {
            Some(known) => known.severity = known.severity.min(recipient.severity),
            None => found.push(recipient),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_session_adds_its_own_and_nobody_is_told_twice() {
        let set = [("DROVER_ALERTS__RECIPIENTS", "ops@example.com"), ("DROVER_ALERTS__SEVERITY", "critical")];
        let sources = config::Sources::of(std::path::Path::new("/srv"), &set);
        let settings = config::load(&sources).expect("valid settings").config.alerts;
        let told = |config: &Value| {
            let all = all(&settings, config).into_iter();
            all.map(|one| (one.address, one.language.code(), one.severity)).collect::<Vec<_>>()
        };
        let ops = |severity| ("ops@example.com".to_owned(), "en", severity);
        assert_eq!(told(&Value::Null), [ops(Severity::Critical)]);
        let own = json!({"alerts": {"recipients": ["ana@example.com", "OPS@example.com"], "severity": "info", "language": "es"}});
        assert_eq!(told(&own), [ops(Severity::Info), ("ana@example.com".to_owned(), "es", Severity::Info)]);
        let odd = json!({"alerts": {"recipients": "ana@example.com"}});
        assert_eq!(told(&odd), [ops(Severity::Critical)]);
    }
}
