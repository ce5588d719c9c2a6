//! WAHA's `config.webhooks` of a session: read, held against what is allowed, and shown without its secrets.

use std::fmt;

use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::Value;

use super::retry::{Policy, Retries};
use crate::{
    model::{EventKind, without_value},
    network,
};

/// What stands for a secret in answers; handed back, it means the secret that is stored.
pub(super) const MASK: &str = "***";
/// How many webhooks a session may have.
const WEBHOOKS: usize = 20;
/// How many headers of its own a webhook may have.
const HEADERS: usize = 32;
/// Headers that belong to HTTP or to us.
const OURS: &[&str] = &["host", "content-length", "content-type", "connection", "transfer-encoding", "te", "upgrade"];

/// A webhook cannot be used as it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidWebhook {
    /// Which field, such as `webhooks[0].url`.
    pub field: String,
    /// What is allowed.
    pub message: String,
}

/// Where events go, and how. Shows no secret when it is printed.
#[derive(Clone)]
pub(super) struct Settings {
    /// Where to.
    pub(super) url: Url,
    /// Which ones; None: all.
    pub(super) kinds: Option<Vec<EventKind>>,
    /// What the body is signed with.
    pub(super) hmac_key: Option<String>,
    /// How failures are tried again.
    pub(super) retries: Retries,
    /// Sent with each delivery.
    pub(super) headers: HeaderMap,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.url.origin().ascii_serialization();
        formatter.debug_struct("Settings").field("origin", &origin).field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Form {
    pub(super) url: String,
    pub(super) events: Vec<String>,
    pub(super) hmac: Option<HmacForm>,
    pub(super) retries: Option<RetriesForm>,
    pub(super) custom_headers: Option<Vec<HeaderForm>>,
}

#[derive(Deserialize)]
pub(super) struct HmacForm {
    pub(super) key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RetriesForm {
    pub(super) policy: Option<Policy>,
    pub(super) delay_seconds: Option<f64>,
    pub(super) attempts: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct HeaderForm {
    pub(super) name: String,
    pub(super) value: String,
}

/// The webhooks of a session's `config`. `usual` is how failures are tried again when a webhook does not say.
///
/// # Errors
/// When one of them cannot be used.
pub(super) fn read(config: &Value, usual: Retries, client: &network::Client) -> Result<Vec<Settings>, InvalidWebhook> {
    let Some(webhooks) = config.get("webhooks").filter(|webhooks| !webhooks.is_null()) else { return Ok(Vec::new()) };
    let list = webhooks.as_array().ok_or_else(|| wrong("webhooks", "this is a list"))?;
    if list.len() > WEBHOOKS {
        return Err(wrong("webhooks", format!("a session has at most {WEBHOOKS} webhooks")));
    }
    let read_one = |(index, form): (usize, &Value)| {
        let at = format!("webhooks[{index}]");
        let form = serde_path_to_error::deserialize::<_, Form>(form).map_err(|error| {
            let path = error.path().to_string();
            wrong(
                format!("{at}.{path}").trim_end_matches('.').to_owned(),
                without_value(&error.into_inner().to_string()),
            )
        })?;
        form.checked(usual, client).map_err(|error| wrong(format!("{at}.{}", error.field), error.message))
    };
    list.iter().enumerate().map(read_one).collect()
}

fn wrong(field: impl Into<String>, message: impl fmt::Display) -> InvalidWebhook {
    InvalidWebhook { field: field.into(), message: message.to_string() }
}

impl Form {
    pub(super) fn checked(self, usual: Retries, client: &network::Client) -> Result<Settings, InvalidWebhook> {
        let url: Url = self.url.trim().parse().map_err(|error| wrong("url", format!("this is no URL ({error})")))?;
        client.check(&url).map_err(|refused| wrong("url", refused))?;
        let hmac_key = self.hmac.and_then(|hmac| hmac.key).filter(|key| !key.is_empty());
        if hmac_key.as_deref() == Some(MASK) {
            return Err(wrong("hmac.key", format!("{MASK} stands for a stored key, and there is none for this url")));
        }
        let retries = match self.retries {
            Some(retries) => retries.checked(usual)?,
            None => usual,
        };
        let headers = headers(self.custom_headers.unwrap_or_default())?;
        Ok(Settings { url, kinds: kinds(&self.events)?, hmac_key, retries, headers })
    }
}

impl RetriesForm {
    fn checked(self, usual: Retries) -> Result<Retries, InvalidWebhook> {
        let attempts = self.attempts.unwrap_or(usual.attempts);
        if !(1..=1_000).contains(&attempts) {
            return Err(wrong("retries.attempts", "this is a whole number from 1 to 1000"));
        }
        let delay_ms = match self.delay_seconds {
            None => usual.delay_ms,
            #[expect(clippy::cast_possible_truncation, reason = "it lies between 0 and a day")]
            Some(delay_s) if (0.0..=86_400.0).contains(&delay_s) => (delay_s * 1_000.0) as i64,
            Some(_) => return Err(wrong("retries.delaySeconds", "this is a number from 0 to 86400")),
        };
        Ok(Retries { policy: self.policy.unwrap_or(usual.policy), delay_ms, attempts })
    }
}

/// The kinds of these names; None: all. A name of WAHA's whose event does not happen here means none.
fn kinds(names: &[String]) -> Result<Option<Vec<EventKind>>, InvalidWebhook> {
    if names.is_empty() {
        return Err(wrong("events", "name at least one event, or * for all"));
    }
    if names.iter().any(|name| name.trim() == "*") {
        return Ok(None);
    }
    Ok(Some(names.iter().filter_map(|name| name.trim().parse().ok()).collect()))
}

fn headers(given: Vec<HeaderForm>) -> Result<HeaderMap, InvalidWebhook> {
    if given.len() > HEADERS {
        return Err(wrong("customHeaders", format!("a webhook has at most {HEADERS} headers of its own")));
    }
    let mut headers = HeaderMap::new();
    for (index, HeaderForm { name, value }) in given.into_iter().enumerate() {
        let at = |part: &str| format!("customHeaders[{index}].{part}");
        let name: HeaderName = name.trim().parse().map_err(|_| wrong(at("name"), "this is no name of a header"))?;
        if OURS.contains(&name.as_str()) || name.as_str().starts_with("x-webhook-") {
            return Err(wrong(at("name"), format!("{name} is set by drover itself")));
        }
        if value == MASK {
            return Err(wrong(
                at("value"),
                format!("{MASK} stands for a stored value, and there is none for this url"),
            ));
        }
        let mut value = HeaderValue::from_str(value.trim())
            .map_err(|_| wrong(at("value"), "this has characters that a header cannot hold"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// A session's `config` as it is answered: keys, headers' values and a URL's password masked.
#[must_use]
pub fn masked(config: &Value) -> Value {
    let mut shown = config.clone();
    for webhook in webhooks_of(&mut shown) {
        for secret in secrets_of(webhook) {
            *secret = Value::from(MASK);
        }
        if let Some(url) = webhook.get_mut("url") {
            *url = Value::from(without_password(url.as_str().unwrap_or_default()));
        }
    }
    shown
}

/// A masked `config` for whoever may look at a session and not change it: of each URL only where it leads.
#[must_use]
pub fn for_readers(mut config: Value) -> Value {
    for webhook in webhooks_of(&mut config) {
        if let Some(url) = webhook.get_mut("url") {
            *url = Value::from(origin_only(url.as_str().unwrap_or_default()));
        }
    }
    config
}

/// Where a URL leads, without its path and query: those of many receivers are secrets, with which anybody may post there.
#[must_use]
pub fn origin_only(url: &str) -> String {
    match url.parse::<Url>() {
        Ok(parsed) if parsed.has_host() => {
            let has_more = parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some();
            format!("{}/{}", parsed.origin().ascii_serialization(), if has_more { MASK } else { "" })
        }
        _ => MASK.to_owned(),
    }
}

/// A `config` that was answered masked, handed in again: each mask is replaced by what is stored for the same webhook.
pub fn unmask(config: &mut Value, stored: &Value) {
    let mut stored = stored.clone();
    let mut known: Vec<&mut Value> = webhooks_of(&mut stored).collect();
    for webhook in webhooks_of(config) {
        let url = webhook.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
        let same = known.iter().position(|known| {
            let kept = known.get("url").and_then(Value::as_str).unwrap_or_default();
            kept == url || without_password(kept) == url
        });
        // Each is taken once, so that two webhooks of the same URL keep their own.
        let Some(mut kept) = same.map(|index| known.remove(index).clone()) else { continue };
        webhook["url"] = kept["url"].clone();
        if webhook["hmac"]["key"] == MASK {
            webhook["hmac"]["key"] = kept["hmac"]["key"].take();
        }
        let headers = kept.get("customHeaders").and_then(Value::as_array).cloned().unwrap_or_default();
        for header in webhook.get_mut("customHeaders").and_then(Value::as_array_mut).into_iter().flatten() {
            let stored = headers.iter().find(|stored| stored["name"] == header["name"]);
            if let (true, Some(stored)) = (header["value"] == MASK, stored) {
                header["value"] = stored["value"].clone();
            }
        }
    }
}

fn webhooks_of(config: &mut Value) -> impl Iterator<Item = &mut Value> {
    let list = config.get_mut("webhooks").and_then(Value::as_array_mut);
    list.into_iter().flatten().filter(|webhook| webhook.is_object())
}

fn secrets_of(webhook: &mut Value) -> Vec<&mut Value> {
    let mut secrets = Vec::new();
    for (name, member) in webhook.as_object_mut().into_iter().flatten() {
        match name.as_str() {
            "hmac" => secrets.extend(member.get_mut("key")),
            "customHeaders" => {
                let headers = member.as_array_mut().into_iter().flatten();
                secrets.extend(headers.filter_map(|header| header.get_mut("value")));
            }
            _ => {}
        }
    }
    secrets.retain(|secret| secret.as_str().is_some_and(|text| !text.is_empty()));
    secrets
}

/// A URL for people: without the password in it.
#[must_use]
pub(super) fn without_password(url: &str) -> String {
    match url.parse::<Url>() {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Fails only for URLs that have no place for a password.
            let _ = parsed.set_password(Some(MASK));
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_one(webhook: &Value) -> Result<Settings, InvalidWebhook> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = crate::config::Network { allow_private: false, allow_hosts: vec!["n8n".to_owned()] };
        let options = network::ClientOptions {
            connect_timeout: std::time::Duration::from_secs(1),
            redirects: 0,
            idle_per_host: 1,
        };
        let client = network::Client::new(&settings, &options).expect("a client");
        let usual = Retries { policy: Policy::Constant, delay_ms: 2_000, attempts: 15 };
        read(&json!({ "webhooks": [webhook] }), usual, &client).map(|mut read| read.remove(0))
    }

    #[test]
    fn wahas_shape_is_read() {
        let settings = read_one(&json!({
            "url": "https://example.org/hook",
            "events": ["message", "session.status", "group.join"],
            "hmac": { "key": "secret" },
            "retries": { "policy": "linear", "delaySeconds": 0.5, "attempts": 3 },
            "customHeaders": [{ "name": "Authorization", "value": "Bearer secret" }],
        }))
        .expect("it is good");
        assert_eq!(settings.kinds, Some(vec![EventKind::Message, EventKind::SessionStatus]));
        assert_eq!(settings.retries, Retries { policy: Policy::Linear, delay_ms: 500, attempts: 3 });
        assert_eq!(settings.headers["authorization"], "Bearer secret");
        assert!(!format!("{settings:?}").contains("secret"));
        let bare = read_one(&json!({ "url": "http://n8n:5678/", "events": ["*"], "hmac": null })).expect("it is good");
        assert_eq!((bare.kinds, bare.hmac_key, bare.retries.attempts), (None, None, 15));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = json!({ "url": "https://example.org/", "events": ["*"] });
        for (field, value) in [
            ("url", json!("not a url")),
            ("url", json!("ftp://example.org/")),
            ("url", json!("http://127.0.0.1/")),
            ("url", json!("http://[::1]:3000/")),
            ("events", json!([])),
            ("retries.attempts", json!(0)),
            ("retries.delaySeconds", json!(-1)),
            ("retries.policy", json!("never")),
            ("customHeaders[0].name", json!([{ "name": "a b", "value": "x" }])),
            ("customHeaders[0].name", json!([{ "name": "X-Webhook-Hmac", "value": "x" }])),
            ("customHeaders[0].name", json!([{ "name": "Content-Length", "value": "0" }])),
            ("customHeaders[0].value", json!([{ "name": "A", "value": "a\r\nB: c" }])),
            ("customHeaders[0].value", json!([{ "name": "A", "value": "***" }])),
            ("hmac.key", json!("***")),
        ] {
            let mut webhook = good.clone();
            match field.split_once('.') {
                Some(("customHeaders[0]", _)) => webhook["customHeaders"] = value,
                Some((parent, child)) => webhook[parent] = json!({ child: value }),
                None => webhook[field] = value,
            }
            let refusal = read_one(&webhook).expect_err(field);
            assert_eq!(refusal.field, format!("webhooks[0].{field}"), "{refusal}");
        }
    }

    #[test]
    fn secrets_are_masked_and_a_mask_means_the_stored_secret() {
        let stored = json!({ "metadata": { "a": 1 }, "webhooks": [{
            "url": "https://user:word@example.org/hook",
            "events": ["*"],
            "hmac": { "key": "secret" },
            "customHeaders": [{ "name": "Authorization", "value": "Bearer secret" }, { "name": "X-Team", "value": "" }],
        }] });
        let shown = masked(&stored);
        assert!(!shown.to_string().contains("secret") && !shown.to_string().contains("word"), "{shown}");
        assert_eq!(shown["metadata"], stored["metadata"]);
        let mut back = shown.clone();
        unmask(&mut back, &stored);
        assert_eq!(back, stored);
        let mut moved = shown;
        moved["webhooks"][0]["url"] = json!("https://evil.example/");
        unmask(&mut moved, &stored);
        assert!(!moved.to_string().contains("secret"), "a secret follows no change of the URL: {moved}");
    }

    #[test]
    fn whoever_only_reads_sees_where_a_webhook_leads_and_no_more() {
        for (url, shown) in [
            ("https://example.org/hook/T0/secret", "https://example.org/***"),
            ("https://example.org:8443/?token=secret", "https://example.org:8443/***"),
            ("https://user:secret@example.org/#secret", "https://example.org/***"),
            ("https://example.org", "https://example.org/"),
            ("no url, secret", "***"),
        ] {
            assert_eq!(origin_only(url), shown);
            let config = for_readers(json!({ "metadata": { "a": 1 }, "webhooks": [{ "url": url, "events": ["*"] }] }));
            assert_eq!(config, json!({ "metadata": { "a": 1 }, "webhooks": [{ "url": shown, "events": ["*"] }] }));
        }
        assert_eq!(for_readers(json!({})), json!({}));
    }
}
