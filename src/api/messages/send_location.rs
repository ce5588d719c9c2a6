//! `POST /api/sendLocation?wait=`

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{handing_in::HandingIn, options::Sending};
use crate::{
    api::{
        openapi::{Conflict, Wait},
        problem::{Answer, Problem},
        wire::WAMessage,
    },
    model::{
        Content,
        content::{Degrees, Location},
    },
};

/// A place.
#[derive(Deserialize, ToSchema)]
pub(super) struct SendLocation {
    #[schema(example = 52.52, minimum = -90, maximum = 90)]
    latitude: f64,
    #[schema(example = 13.405, minimum = -180, maximum = 180)]
    longitude: f64,
    title: Option<String>,
}

/// What is read of a request.
type Request = Sending<SendLocation>;

/// Takes a place over.
#[utoipa::path(
    post, path = "/api/sendLocation", tag = "messages", params(Wait),
    request_body = inline(Request),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
    ),
)]
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
