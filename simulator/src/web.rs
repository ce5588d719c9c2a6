//! What Chromium takes for the internet: web.whatsapp.com and the media hosts, told apart by the host that is asked for.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tower::ServiceExt as _;

use crate::assets;
use crate::frame::ServerFrame;
use crate::id::Number;
use crate::media_host;
use crate::simulator::Simulator;
use crate::socket;

/// The name of the cookie by which the page says which device it is.
const DEVICE_COOKIE: &str = "device";

/// Everything behind the TLS port.
pub(crate) fn router(simulator: Simulator) -> Router {
    let app = Router::new()
        .route("/", get(index))
        .route("/page/{name}", get(part))
        .route("/ws/chat", get(socket::upgrade))
        .with_state(simulator.clone());
    let media = media_host::router(simulator);
    Router::new().fallback(move |request: Request| {
        let chosen = if is_media_host(request.headers()) { media.clone() } else { app.clone() };
        async move { chosen.oneshot(request).await }
    })
}

fn is_media_host(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    name.ends_with(".whatsapp.net")
}

/// `GET /`: the page, with what the server has to say to it at load.
async fn index(State(simulator): State<Simulator>, headers: HeaderMap) -> Response {
    let (settings, slow_ms, faults) = simulator.with(|world| {
        let number = number_of(&headers, |token| world.devices.get(token).map(|device| device.number));
        let settings = world.settings.clone();
        let faults: Vec<ServerFrame> = world.faults.for_page(number).into_iter().map(ServerFrame::Fault).collect();
        (settings, world.faults.slow_load_ms(number), faults)
    });
    if slow_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(slow_ms)).await;
    }
    let Some(html) = assets::index(settings.page.as_deref()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let times = &settings.linking;
    let said = json!({"syncLimitMs": times.sync_limit_ms, "settleMs": times.settle_ms, "faults": faults});
    // No tag can be closed from within: "<" is escaped.
    let said = said.to_string().replace('<', "\\u003c");
    let script = format!(r#"<script type="application/json" id="simulator">{said}</script>"#);
    let html = html.replacen(assets::PLACE_FOR_SIMULATOR, &script, 1);
    ([(CACHE_CONTROL, "no-store")], Html(html)).into_response()
}

fn number_of(headers: &HeaderMap, known: impl Fn(&str) -> Option<Number>) -> Option<Number> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == DEVICE_COOKIE).find_map(|(_, token)| known(token))
}

/// `GET /page/{name}`
async fn part(State(simulator): State<Simulator>, Path(name): Path<String>) -> Response {
    let folder = simulator.with(|world| world.settings.page.clone());
    match assets::part(folder.as_deref(), &name) {
        Some((text, media_type)) => {
            ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, "no-cache")], text.into_owned()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
