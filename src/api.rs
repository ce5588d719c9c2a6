//! The control API over HTTP: WAHA's paths and shapes where WAHA has a word for it, our own in the same style elsewhere.
//!
//! One file an endpoint, grouped by what they are about. Invariants: every route under `/api` asks for a key before
//! anything else and for the key's scope before it acts; every error, whoever made it, leaves as
//! `application/problem+json` with the request's id; no answer holds an internal detail.

mod address;
mod alerts;
mod around;
mod audit;
mod auth;
mod backup;
mod body_type;
mod chats;
mod contacts;
mod dashboard;
mod doorman;
mod events;
mod files;
mod input;
mod keys;
mod limiter;
mod memory;
mod message_reference;
mod messages;
mod not_built;
mod openapi;
mod pairing;
mod problem;
mod queues;
mod request;
mod scope;
mod server;
mod serving;
mod sessions;
mod state;
mod unread;
mod webhooks;
mod wire;

use std::{io, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware,
};
use tokio::net::TcpListener;
use tower::util::option_layer;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};
use utoipa_axum::router::OpenApiRouter;

pub use doorman::{Doorman, Phase};
pub use keys::{Keys, KeysError};
pub use limiter::Rates;
pub use state::{Rooms, Server};

use crate::{config, shutdown::Shutdown};
use problem::Problem;
use state::Parts;

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{address} is in use by another program: end it, or choose another port (http.port, or PORT)")]
    InUse {
        /// Where.
        address: std::net::SocketAddr,
    },
    /// It is refused for another reason.
    #[error(
        "{address} cannot be listened on: {source}; choose another address (http.bind) or port (http.port, or PORT)"
    )]
    Refused {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Listens where the settings say.
///
/// # Errors
/// When the address is in use, or is not ours.
pub async fn bind(settings: &config::Http) -> Result<TcpListener, BindError> {
    let address = std::net::SocketAddr::new(settings.bind, settings.port);
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Refused { address, source },
    })
}

/// Answers requests until the shutdown begins: then no new ones are taken, those under way are finished, and streams and
/// waits end. When the shutdown hurries, what is left is let go.
pub async fn serve(listener: TcpListener, rooms: Rooms, server: Server, shutdown: Shutdown) {
    let settings = server.settings.clone();
    let router = router(rooms, server, shutdown.clone());
    tokio::select! {
        () = serving::serve(listener, router, &settings, shutdown.clone()) => {}
        () = shutdown.hurried() => {}
    }
}

/// Every route, with everything around it.
pub fn router(rooms: Rooms, server: Server, shutdown: Shutdown) -> Router {
    let parts = Parts::new(rooms, server, shutdown);
    let authenticate = middleware::from_fn_with_state(parts.clone(), auth::authenticate);
    let limits = TimeLimits::of(&parts.facts.server.settings);
    let keyed = KEYED.iter().fold(Router::new(), |keyed, group| keyed.merge(group.undescribed(limits)));
    let open = OPEN.iter().fold(Router::new(), |open, group| open.merge(group.undescribed(limits)));
    let keyed = keyed.route_layer(middleware::from_fn_with_state(parts.clone(), audit::note));
    let desk = dashboard::Desk::new(&parts, keyed.clone().with_state(parts.clone()));
    keyed
        .route_layer(authenticate)
        .merge(open)
        .merge(dashboard::routes(desk, limits.request))
        .fallback(nowhere)
        .layer(CatchPanicLayer::custom(problem::of_panic))
        .layer(middleware::from_fn(unread::let_go))
        .layer(middleware::from_fn(request::frame))
        .layer(middleware::from_fn_with_state(parts.clone(), address::note))
        .layer(around::gzip())
        .layer(option_layer(around::cors(&parts.facts.server.settings)))
        .with_state(parts)
}

/// How long requests may take.
#[derive(Debug, Clone, Copy)]
struct TimeLimits {
    request: Duration,
    /// A send may be held by `?wait=`.
    send: Duration,
}

impl TimeLimits {
    fn of(settings: &config::Http) -> Self {
        let request = Duration::from_secs(settings.request_timeout_s);
        Self { request, send: request + Duration::from_secs(settings.wait_timeout_s) }
    }
}

/// Some routes, and how long a request to them may take.
struct Group {
    routes: fn() -> OpenApiRouter<Parts>,
    /// None for streams, which take as long as they take.
    limit: Option<fn(TimeLimits) -> Duration>,
}

impl Group {
    const fn limited(routes: fn() -> OpenApiRouter<Parts>, limit: fn(TimeLimits) -> Duration) -> Self {
        Self { routes, limit: Some(limit) }
    }

    const fn endless(routes: fn() -> OpenApiRouter<Parts>) -> Self {
        Self { routes, limit: None }
    }

    /// The routes without what describes them. All descriptions together are megabytes of small pieces, whose place among what stays nobody
    /// else could use; those of one group are gone before the next one's are made.
    fn undescribed(&self, limits: TimeLimits) -> Router<Parts> {
        let (router, _) = (self.routes)().split_for_parts();
        match self.limit {
            Some(limit) => router.layer(time_limit(limit(limits))),
            None => router,
        }
    }
}

const REQUEST: fn(TimeLimits) -> Duration = |limits| limits.request;
const SEND: fn(TimeLimits) -> Duration = |limits| limits.send;
const UPLOAD: fn(TimeLimits) -> Duration = |_| files::UPLOAD_LIMIT;

/// What needs a key.
const KEYED: [Group; 19] = [
    Group::limited(server::keyed_routes, REQUEST),
    Group::limited(sessions::routes, REQUEST),
    Group::limited(pairing::routes, REQUEST),
    Group::limited(messages::routes, REQUEST),
    Group::limited(queues::routes, REQUEST),
    Group::limited(contacts::routes, REQUEST),
    Group::limited(files::routes, REQUEST),
    Group::limited(keys::routes, REQUEST),
    Group::limited(memory::routes, REQUEST),
    Group::limited(audit::routes, REQUEST),
    Group::limited(webhooks::routes, REQUEST),
    Group::limited(alerts::routes, REQUEST),
    Group::limited(not_built::routes, REQUEST),
    Group::limited(messages::send_routes, SEND),
    Group::limited(messages::send_media_routes, UPLOAD),
    Group::limited(chats::routes, REQUEST),
    Group::limited(files::upload_routes, UPLOAD),
    Group::endless(events::routes),
    Group::endless(backup::routes),
];

/// What needs no key, or looks for one itself.
const OPEN: [Group; 3] =
    [Group::endless(events::socket_routes), Group::endless(server::open_routes), Group::endless(openapi::routes)];

/// Every route, for the document.
fn described_routes() -> OpenApiRouter<Parts> {
    KEYED.iter().chain(&OPEN).fold(openapi::router(), |all, group| all.merge((group.routes)()))
}

/// What is not in the API is nobody's business without a key.
async fn nowhere(State(parts): State<Parts>, request: Request) -> Problem {
    let is_ours = request.uri().path().split('/').nth(1) == Some("api");
    match auth::known(&parts, request.headers(), request.extensions()).await {
        Err(problem) if is_ours => problem,
        _ => Problem::no_such_path(),
    }
}

fn time_limit(limit: Duration) -> TimeoutLayer {
    TimeoutLayer::with_status_code(axum::http::StatusCode::SERVICE_UNAVAILABLE, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_route_hides_another() {
        // axum panics on the first one that does.
        drop(described_routes());
    }

    #[tokio::test]
    async fn an_address_in_use_is_told_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = taken.local_addr().expect("an address").port().to_string();
        let sources = config::Sources::of(std::path::Path::new("/srv"), &[("PORT", &port)]);
        let settings = config::load(&sources).expect("valid settings").config.http;
        let refusal = bind(&settings).await.expect_err("it is taken").to_string();
        assert_eq!(
            refusal,
            format!(
                "127.0.0.1:{port} is in use by another program: end it, or choose another port (http.port, or PORT)"
            )
        );
    }
}
