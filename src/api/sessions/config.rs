//! A session's `config` as WAHA has it: held against its shape, kept as it was given.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    api::{
        events,
        input::Body,
        problem::{Answer, Problem},
    },
    webhook::{Webhooks, unmask},
};

/// A request that brings a `config`.
#[derive(Deserialize)]
struct Given {
    config: Option<Map<String, Value>>,
}

/// The parts of a `config` whose shape matters; webhooks look at theirs themselves.
#[derive(Deserialize)]
struct Shape {
    config: Option<Config>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read for what is wrong with them")]
struct Config {
    metadata: Option<Map<String, Value>>,
    proxy: Option<Value>,
}

/// The `config` of a request; None when it brings none. Where it has a secret masked, as answers show it, it is the one in
/// `stored`.
pub(super) fn read(body: &Body, webhooks: &Webhooks, stored: &Value) -> Answer<Option<Value>> {
    let shape: Shape = body.read()?;
    if shape.config.is_some_and(|config| config.proxy.is_some()) {
        // To take it and not use it would send the account's traffic from the wrong address.
        return Err(Problem::not_built("proxies per session; leave config.proxy out"));
    }
    let given: Given = body.read()?;
    let Some(mut config) = given.config.map(Value::Object) else { return Ok(None) };
    unmask(&mut config, stored);
    webhooks.check(&config).map_err(|error| Problem::wrong_field(format!("config.{}", error.field), error.message))?;
    check_events(&config)?;
    Ok(Some(config))
}

/// The names of events, which the API knows more of than ever happen.
fn check_events(config: &Value) -> Answer<()> {
    for (index, webhook) in config["webhooks"].as_array().into_iter().flatten().enumerate() {
        for (place, name) in webhook["events"].as_array().into_iter().flatten().enumerate() {
            let name = name.as_str().unwrap_or_default().trim();
            if !events::is_known(name) {
                let field = format!("config.webhooks[{index}].events[{place}]");
                return Err(Problem::wrong_field(field, format!("'{name}' is no kind of event")));
            }
        }
    }
    Ok(())
}
