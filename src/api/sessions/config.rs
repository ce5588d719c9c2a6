//! A session's `config` as WAHA has it: held against its shape, kept as it was given.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    api::{
        input::Body,
        problem::{Answer, Problem},
    },
    model::session_options::Ignore,
};

/// A request that brings a `config`.
#[derive(Deserialize)]
struct Given {
    config: Option<Map<String, Value>>,
}

/// The parts of a `config` whose shape matters.
#[derive(Deserialize)]
struct Shape {
    config: Option<Config>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "read for what is wrong with them")]
struct Config {
    metadata: Option<Map<String, Value>>,
    webhooks: Option<Vec<Webhook>>,
    proxy: Option<Value>,
    ignore: Option<Ignore>,
    typing: Option<bool>,
    download_media: Option<bool>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read for what is wrong with them")]
struct Webhook {
    url: String,
    events: Vec<String>,
}

/// The `config` of a request; None when it brings none.
pub(super) fn read(body: &Body) -> Answer<Option<Value>> {
    let shape: Shape = body.read()?;
    if shape.config.is_some_and(|config| config.proxy.is_some()) {
        // To take it and not use it would send the account's traffic from the wrong address.
        return Err(Problem::not_built("proxies per session; leave config.proxy out"));
    }
    let given: Given = body.read()?;
    Ok(given.config.map(Value::Object))
}
