//! A session's `config` as WAHA has it: held against its shape, kept as it was given, shown without its secrets.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    api::{
        auth::Principal,
        input::Body,
        problem::{Answer, Problem},
        wire::SECRET,
    },
    page::PageOptions,
};

/// A request that brings a `config`.
#[derive(Deserialize)]
struct Given {
    config: Option<Map<String, Value>>,
}

/// The parts of a `config` whose shape matters.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read for what is wrong with it")]
struct Shape {
    config: Option<Config>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read for what is wrong with them")]
struct Config {
    metadata: Option<Map<String, Value>>,
    webhooks: Option<Vec<Webhook>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read for what is wrong with them")]
struct Webhook {
    url: String,
    events: Vec<String>,
}

/// The `config` of a request; None when it brings none. `before` is the one that it replaces.
pub(super) fn read(body: &Body, principal: &Principal, before: &Value) -> Answer<Option<Value>> {
    let _shape: Shape = body.read()?;
    let given: Given = body.read()?;
    let Some(mut config) = given.config.map(Value::Object) else { return Ok(None) };
    keep_password(&mut config, before);
    PageOptions::of(&config).map_err(|wrong| Problem::wrong_field(wrong.field, wrong.message))?;
    let arguments = |config: &Value| config.pointer("/browser/args").cloned().unwrap_or_default();
    if arguments(&config) != arguments(before) && principal.require_admin().is_err() {
        let message = "config.browser.args is for admin keys: leave it as it is";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    Ok(Some(config))
}

/// A client that reads a session and writes it back gives the mask instead of the password: what was there stays.
fn keep_password(config: &mut Value, before: &Value) {
    if let Some(password) = config.pointer_mut("/proxy/password").filter(|password| *password == SECRET) {
        *password = before.pointer("/proxy/password").cloned().unwrap_or_default();
    }
}
