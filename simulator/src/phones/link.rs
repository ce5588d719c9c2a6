//! Linking: which pages wait, scanning, pairing, unlinking.

use std::time::Duration;

use axum::extract::State;
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::error::ApiError;
use super::request::{Body, KnownPhone};
use crate::id::Number;
use crate::simulator::Simulator;
use crate::world::linking::LinkError;
use crate::world::pages::PageId;

/// How long a page has to sign.
const SIGN: Duration = Duration::from_secs(10);

/// A QR, or the page whose screen the camera sees; by whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scan {
    qr: Option<String>,
    page: Option<PageId>,
    number: Number,
    name: Option<String>,
}

/// A pairing code, typed by whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    code: String,
    number: Number,
    name: Option<String>,
}

/// Why the person unlinks; what the page is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unlink {
    reason: Option<String>,
}

/// `GET /phones/pages`
pub(crate) async fn pages(State(simulator): State<Simulator>) -> Json<Value> {
    simulator.with(|world| {
        let pages = world.pages.iter().map(|(id, page)| {
            let number = world.number_of(id);
            let reference = world.linking.current_ref(id);
            let idle = number.is_none() && reference.is_none() && world.linking.is_waiting(id);
            let mode = if idle { "UNPAIRED_IDLE" } else { page.mode.as_str() };
            let device = page.hello.as_ref().map(|hello| hello.device.as_str());
            json!({"page": id, "linked": number.is_some(), "number": number, "ref": reference, "mode": mode, "device": device})
        });
        Json(pages.collect())
    })
}

/// `POST /phones/scan`
pub(crate) async fn scan(State(simulator): State<Simulator>, Body(scan): Body<Scan>) -> Result<Json<Value>, ApiError> {
    let (page, signed) = simulator.with(|world| {
        world.name_phone(scan.number, scan.name);
        match (scan.qr, scan.page) {
            (Some(qr), None) => Ok(world.scan(&qr, scan.number)?),
            (None, Some(page)) => Ok(world.scan_screen(page, scan.number).map(|signed| (page, signed))?),
            _ => Err(ApiError::Invalid("give either the qr or the page that shows it".to_owned())),
        }
    })?;
    linked(&simulator, page, scan.number, signed).await
}

/// `POST /phones/pair`
pub(crate) async fn pair(State(simulator): State<Simulator>, Body(pair): Body<Pair>) -> Result<Json<Value>, ApiError> {
    let (page, signed) = simulator.with(|world| {
        world.name_phone(pair.number, pair.name);
        world.pair(&pair.code, pair.number)
    })?;
    linked(&simulator, page, pair.number, signed).await
}

async fn linked(
    simulator: &Simulator,
    page: PageId,
    number: Number,
    signed: oneshot::Receiver<Result<(), LinkError>>,
) -> Result<Json<Value>, ApiError> {
    match tokio::time::timeout(SIGN, signed).await {
        Ok(Ok(Ok(()))) => Ok(Json(json!({"page": page, "number": number}))),
        Ok(Ok(Err(refused))) => Err(refused.into()),
        Ok(Err(_gone)) => Err(LinkError::NoPage("it was closed before it had signed").into()),
        Err(_late) => {
            simulator.with(|world| world.link_timed_out(page));
            Err(LinkError::NoPage("it did not sign in time").into())
        }
    }
}

/// `POST /phones/{number}/unlink`: all its devices.
pub(crate) async fn unlink(
    State(simulator): State<Simulator>,
    KnownPhone(number): KnownPhone,
    Body(unlink): Body<Unlink>,
) -> Json<Value> {
    simulator.with(|world| {
        let devices = world.devices.of(number);
        for token in &devices {
            world.unlink(token, unlink.reason.clone());
        }
        Json(json!({"unlinked": devices.len()}))
    })
}
