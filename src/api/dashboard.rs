//! The dashboard: drover for people, at `/dashboard`. Pages are drawn here; one script of ours keeps them fresh.
//!
//! Whatever a button does is a call of the API in the name of the key that signed in, so that the dashboard can do nothing that the
//! key may not. Invariants: every page but the sign-in asks for a sign-in whose key still opens something; every form carries a
//! token of its sign-in; no page holds a key, a script or a style of its own (the policy in [`headers`] would refuse them); every
//! word comes from a catalogue that each language has.

mod act;
mod activity;
mod assets;
mod cookies;
mod fields;
mod figures;
mod forgery;
mod headers;
mod history;
mod keys;
mod language;
mod live;
mod memory;
mod outcome;
mod overview;
mod page;
mod pictures;
mod plot;
mod queue;
mod render;
mod session;
mod sign_in;
mod sign_ins;
mod visitor;
mod webhooks;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{any, get, post},
};
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;

use super::{problem::Problem, state::Parts};
use crate::model::SessionName;
use figures::Figures;
use history::History;
use render::Templates;
use sign_ins::SignIns;

/// The longest form, in bytes.
const LONGEST_FORM: usize = 16 << 10;
/// How many pages are kept fresh at once; one more is told to come back.
const MOST_STREAMS: usize = 256;

/// All that the dashboard's pages take from. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    parts: Parts,
    inner: Arc<Inner>,
}

struct Inner {
    sign_ins: SignIns,
    templates: Templates,
    figures: Figures,
    history: History,
    /// The API without its door: who asks is known already.
    api: Router,
    streams: Arc<Semaphore>,
}

impl Desk {
    /// A desk before `api`, whose routes find who asks beside the request. Samples for its plots are taken until the shutdown.
    pub(super) fn new(parts: &Parts, api: Router) -> Self {
        let inner = Inner {
            sign_ins: SignIns::new(parts.rooms.store.clone()),
            templates: Templates::default(),
            figures: Figures::new(parts),
            history: History::new(),
            api,
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
        };
        let desk = Self { parts: parts.clone(), inner: Arc::new(inner) };
        parts.shutdown.spawn(history::sample(desk.clone()));
        desk
    }

    fn sign_ins(&self) -> &SignIns {
        &self.inner.sign_ins
    }

    fn templates(&self) -> &Templates {
        &self.inner.templates
    }

    fn now_ms(&self) -> i64 {
        self.parts.rooms.clock.now_ms()
    }
}

/// Every page, form and picture. `limit` is how long any of them may take; streams take as long as they take.
pub(super) fn routes(desk: Desk, limit: Duration) -> Router<Parts> {
    Router::new()
        .route("/dashboard", get(page::overview))
        .route("/dashboard/queue", get(page::queue))
        .route("/dashboard/memory", get(page::memory))
        .route("/dashboard/activity", get(page::activity))
        .route("/dashboard/webhooks", get(page::webhooks))
        .route("/dashboard/keys", get(page::keys))
        .route("/dashboard/sessions", post(act::create))
        .route("/dashboard/sessions/{session}", get(page::session))
        .route("/dashboard/sessions/{session}/qr.svg", get(pictures::qr))
        .route("/dashboard/sessions/{session}/screenshot.png", get(pictures::screenshot))
        .route("/dashboard/sessions/{session}/screenshots/{file}", get(pictures::kept_screenshot))
        .route("/dashboard/sessions/{session}/pairing-code", post(act::pairing_code))
        .route("/dashboard/sessions/{session}/dead/retry", post(act::retry_all_dead))
        .route("/dashboard/sessions/{session}/{order}", post(act::order))
        .route("/dashboard/queue/{order}", post(act::queue))
        .route("/dashboard/dead/{id}/{order}", post(act::dead))
        .route("/dashboard/webhooks/dead/{id}/{order}", post(act::webhook_dead))
        .route("/dashboard/keys/{key}/delete", post(act::revoke))
        .route("/dashboard/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/dashboard/sign-out", post(sign_in::sign_out))
        .route("/dashboard/language", post(sign_in::language))
        .route("/dashboard/assets/{file}", get(assets::get))
        .route("/dashboard/{*rest}", any(async || Problem::no_such_path()))
        .layer(super::time_limit(limit))
        .route("/dashboard/events", get(live::events))
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .layer(middleware::from_fn_with_state(desk.clone(), outcome::of_problems))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(headers::secure))
        .with_state(desk)
}

/// The sessions of a node that a visitor may see, as they show themselves.
fn visible(desk: &Desk, visitor: &visitor::Visitor) -> Vec<crate::model::SessionView> {
    let views = desk.parts.rooms.registry.views();
    views.into_iter().filter(|view| visitor.may(super::auth::Action::Read, &view.name)).collect()
}

/// Where a session's page is.
fn session_path(name: &SessionName) -> String {
    format!("/dashboard/sessions/{name}")
}
