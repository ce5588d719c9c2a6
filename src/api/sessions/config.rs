//! A session's `config` as WAHA has it: held against its shape, kept as it was given.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    api::{
        input::Body,
        problem::{Answer, Problem},
    },
    config::{RefusedLimit, SessionLimits},
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
#[expect(dead_code, reason = "read for what is wrong with them")]
struct Config {
    metadata: Option<Map<String, Value>>,
    webhooks: Option<Vec<Webhook>>,
    proxy: Option<Value>,
    limits: Option<SessionLimits>,
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
    if let Some(limits) = shape.config.as_ref().and_then(|config| config.limits) {
        let refused = |refused: RefusedLimit| {
            Problem::wrong_field(format!("config.limits.{}", refused.field), format!("this is {}", refused.allowed))
        };
        limits.check().map_err(refused)?;
    }
    if shape.config.is_some_and(|config| config.proxy.is_some()) {
        // To take it and not use it would send the account's traffic from the wrong address.
        return Err(Problem::not_built("proxies per session; leave config.proxy out"));
    }
    let given: Given = body.read()?;
    Ok(given.config.map(Value::Object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_session_are_held_against_what_is_allowed() {
        let ok = Body::of(r#"{"config": {"limits": {"perMinute": 5, "burst": 2}}}"#);
        assert!(read(&ok).is_ok_and(|config| config.is_some_and(|config| config["limits"]["burst"] == 2)));
        for wrong in [
            r#"{"config": {"limits": {"perMinute": 0}}}"#,
            r#"{"config": {"limits": {"perMinute": "5"}}}"#,
            r#"{"config": {"limits": {"perFortnight": 5}}}"#,
            r#"{"config": {"limits": {"perMinute": 5, "burst": 6}}}"#,
        ] {
            assert!(read(&Body::of(wrong)).is_err(), "{wrong}");
        }
    }
}
