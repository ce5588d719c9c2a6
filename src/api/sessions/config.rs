//! A session's `config` as WAHA has it: held against its shape, kept as it was given, shown without its secrets.

use axum::http::StatusCode;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::described::{BrowserConfig, ClientConfig, ProxyConfig, WebhookConfig};
use crate::{
    api::{
        auth::Principal,
        events,
        input::Body,
        problem::{Answer, Problem},
        wire::SECRET,
    },
    config::is_mail_address,
    config::{RefusedLimit, SessionLimits},
    model::session_options::{Ignore, SessionAlerts},
    page::PageOptions,
    webhook::{Webhooks, unmask},
};

/// What replaces a session's `config`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read in parts below")]
pub(super) struct Update {
    config: Config,
}

/// A request that brings a `config`.
#[derive(Deserialize)]
struct Given {
    config: Option<Map<String, Value>>,
}

/// The parts of a `config` that are read here; webhooks and the browser look at theirs themselves.
#[derive(Deserialize)]
struct Shape {
    config: Option<Config>,
}

/// What a session is to be like. Whatever else a client stores there is kept as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionConfig, example = json!({
    "metadata": { "shop": "7" }, "limits": { "perMinute": 5 }, "ignore": { "status": true },
    "proxy": { "server": "proxy.example:3128" }, "webhooks": [{ "url": "https://shop.example/hooks", "events": ["message"] }],
}))]
#[expect(dead_code, reason = "read for what is wrong with them")]
pub(super) struct Config {
    /// Told with every event of the session.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    limits: Option<SessionLimits>,
    ignore: Option<Ignore>,
    /// Whether "typing" is shown before a text.
    typing: Option<bool>,
    /// Whether the files of received messages are downloaded.
    download_media: Option<bool>,
    pinned: Option<bool>,
    alerts: Option<SessionAlerts>,
    #[schema(value_type = Option<Vec<WebhookConfig>>, max_items = 20)]
    webhooks: Option<IgnoredAny>,
    #[schema(value_type = Option<ProxyConfig>)]
    proxy: Option<IgnoredAny>,
    #[schema(value_type = Option<ClientConfig>)]
    client: Option<IgnoredAny>,
    #[schema(value_type = Option<BrowserConfig>)]
    browser: Option<IgnoredAny>,
}

/// The `config` of a request; None when it brings none. `before` is the one that it replaces: what is masked stays as it was.
pub(super) fn read(body: &Body, principal: &Principal, webhooks: &Webhooks, before: &Value) -> Answer<Option<Value>> {
    check_shape(body)?;
    let given: Given = body.read()?;
    let Some(mut config) = given.config.map(Value::Object) else { return Ok(None) };
    keep_password(&mut config, before);
    unmask(&mut config, before);
    webhooks.check(&config).map_err(|error| Problem::wrong_field(format!("config.{}", error.field), error.message))?;
    check_events(&config)?;
    PageOptions::of(&config).map_err(|wrong| Problem::wrong_field(wrong.field, wrong.message))?;
    let arguments = |config: &Value| config.pointer("/browser/args").cloned().unwrap_or_default();
    if arguments(&config) != arguments(before) && principal.require_admin().is_err() {
        let message = "config.browser.args is for admin keys: leave it as it is";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    Ok(Some(config))
}

/// The shape of the whole, the limits' numbers, and who is mailed.
fn check_shape(body: &Body) -> Answer<()> {
    let shape: Shape = body.read()?;
    let Some(config) = shape.config else { return Ok(()) };
    let recipients = config.alerts.map(|alerts| alerts.recipients).unwrap_or_default();
    if let Some(place) = recipients.iter().position(|address| !is_mail_address(address)) {
        let field = format!("config.alerts.recipients[{place}]");
        return Err(Problem::wrong_field(field, "this is no address such as ops@example.com"));
    }
    let Some(limits) = config.limits else { return Ok(()) };
    limits.check().map_err(|refused: RefusedLimit| {
        Problem::wrong_field(format!("config.limits.{}", refused.field), format!("this is {}", refused.allowed))
    })
}

/// A client that reads a session and writes it back gives the mask instead of the password: what was there stays.
fn keep_password(config: &mut Value, before: &Value) {
    if let Some(password) = config.pointer_mut("/proxy/password").filter(|password| *password == SECRET) {
        *password = before.pointer("/proxy/password").cloned().unwrap_or_default();
    }
}

/// The names of events, which the API knows more of than ever happen.
fn check_events(config: &Value) -> Answer<()> {
    for (index, webhook) in config["webhooks"].as_array().into_iter().flatten().enumerate() {
        for (place, name) in webhook["events"].as_array().into_iter().flatten().enumerate() {
            let name = name.as_str().unwrap_or_default().trim();
            if !events::is_known(name) {
                let field = format!("config.webhooks[{index}].events[{place}]");
                return Err(Problem::wrong_field(
                    field,
                    format!("'{name}' is no kind of event; docs/events.md lists them"),
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_session_are_held_against_what_is_allowed() {
        let mailed = Body::of(r#"{"config": {"alerts": {"recipients": ["ana@example.com"], "severity": "critical"}}}"#);
        assert!(check_shape(&mailed).is_ok());
        let ok = Body::of(r#"{"config": {"limits": {"perMinute": 5, "burst": 2}}}"#);
        assert!(check_shape(&ok).is_ok());
        for wrong in [
            r#"{"config": {"limits": {"perMinute": 0}}}"#,
            r#"{"config": {"alerts": {"recipients": ["ana"]}}}"#,
            r#"{"config": {"alerts": {"recipients": "ana@example.com"}}}"#,
            r#"{"config": {"alerts": {"severity": "loud"}}}"#,
            r#"{"config": {"limits": {"perMinute": "5"}}}"#,
            r#"{"config": {"limits": {"perFortnight": 5}}}"#,
            r#"{"config": {"limits": {"perMinute": 5, "burst": 6}}}"#,
        ] {
            assert!(check_shape(&Body::of(wrong)).is_err(), "{wrong}");
        }
    }
}
