//! Faults on purpose: put, list, clear.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::request::Body;
use crate::id::Number;
use crate::simulator::Simulator;
use crate::world::faults::{Fault, Scope};

/// `POST /faults`: `{number?, page?, <fault>: <value>, ...}`. A standing fault may be put for a number before its phone is
/// linked; one that happens at once needs a phone that is known.
pub(crate) async fn put(
    State(simulator): State<Simulator>,
    Body(mut body): Body<Map<String, Value>>,
) -> Result<Json<Value>, ApiError> {
    let scope = scope(&mut body)?;
    let faults = body.into_iter().map(|(name, value)| one(&name, value)).collect::<Result<Vec<Fault>, ApiError>>()?;
    if faults.is_empty() {
        return Err(ApiError::Invalid("name at least one fault".to_owned()));
    }
    simulator.with(|world| {
        let momentary = faults.iter().any(Fault::is_momentary);
        match scope {
            Scope::Number(number) if momentary && world.people.phone(number).is_none() => {
                return Err(ApiError::UnknownPhone(number.to_string()));
            }
            Scope::Page(page) if world.pages.get(page).is_none() => {
                return Err(ApiError::NotFound(format!("there is no page {page}: see GET /phones/pages")));
            }
            Scope::Page(_) if faults.iter().any(|fault| !fault.is_momentary()) => {
                return Err(ApiError::Invalid(
                    "a single page takes only what happens at once; give a number".to_owned(),
                ));
            }
            _ => {}
        }
        world.put_faults(scope, faults);
        Ok(Json(listed(world.faults.list())))
    })
}

fn scope(body: &mut Map<String, Value>) -> Result<Scope, ApiError> {
    match (body.remove("number"), body.remove("page")) {
        (None | Some(Value::Null), None | Some(Value::Null)) => Ok(Scope::All),
        (Some(number), None | Some(Value::Null)) => {
            let number: Number =
                serde_json::from_value(number).map_err(|error| ApiError::Invalid(format!("number: {error}")))?;
            Ok(Scope::Number(number))
        }
        (None | Some(Value::Null), Some(page)) => page
            .as_u64()
            .map(Scope::Page)
            .ok_or_else(|| ApiError::Invalid("page: it is a number of GET /phones/pages".to_owned())),
        (Some(_), Some(_)) => Err(ApiError::Invalid("give a number or a page, not both".to_owned())),
    }
}

fn one(name: &str, value: Value) -> Result<Fault, ApiError> {
    serde_json::from_value(json!({name: value})).map_err(|error| ApiError::Invalid(format!("{name}: {error}")))
}

/// `GET /faults`: what stands.
pub(crate) async fn list(State(simulator): State<Simulator>) -> Json<Value> {
    Json(simulator.with(|world| listed(world.faults.list())))
}

/// Whose faults end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    number: Option<Number>,
}

/// `DELETE /faults?number=`
pub(crate) async fn clear(
    State(simulator): State<Simulator>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(whose) = whose.map_err(|rejection| ApiError::Invalid(rejection.body_text()))?;
    simulator.with(|world| {
        world.clear_faults(whose.number);
        Ok(Json(listed(world.faults.list())))
    })
}

fn listed(standing: Vec<(Option<Number>, Vec<Fault>)>) -> Value {
    standing.into_iter().map(|(number, faults)| json!({"number": number, "faults": faults})).collect()
}
