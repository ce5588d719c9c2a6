//! `POST /api/sendLocation?wait=`

use axum::response::Response;
use serde::Deserialize;

use super::handing_in::HandingIn;
use crate::{
    api::problem::{Answer, Problem},
    model::{
        Content,
        content::{Degrees, Location},
    },
};

#[derive(Deserialize)]
struct SendLocation {
    latitude: f64,
    longitude: f64,
    title: Option<String>,
}

/// Takes a place over.
pub(super) async fn send_location(request: HandingIn) -> Answer<Response> {
    let SendLocation { latitude, longitude, title } = request.body.read()?;
    let latitude = degrees("latitude", latitude, 90.0)?;
    let longitude = degrees("longitude", longitude, 180.0)?;
    let reply_to = request.reply_to().await?;
    let title = title.unwrap_or_default();
    request.create(Content::Location(Location { latitude, longitude, title, reply_to })).await
}

fn degrees(field: &'static str, degrees: f64, limit: f64) -> Answer<Degrees> {
    Degrees::within(degrees, limit)
        .ok_or_else(|| Problem::wrong_field(field, format!("this is between -{limit} and {limit} degrees")))
}
