//! Who answers from the moment the port is bound until the API does: a start may take a while, and one that waits for another
//! drover to let go of the data folder takes as long as that one lives.
//!
//! Invariants: while it waits for the folder it is ready, since a platform ends the old deployment only once the new one is; a
//! request that it cannot serve gets a 503 that says when to ask again; it has left before the API takes its first request.

use std::{
    io,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, StatusCode},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{problem::Problem, request, server};
use crate::shutdown::Shutdown;

/// How long requests under way may take when it leaves; it answers at once.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);
/// When to ask again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a start is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It opens database, Redis and sessions.
    Starting,
    /// Another drover has the data folder.
    WaitingForFolder,
}

/// Answers in the API's place.
#[derive(Debug)]
pub struct Doorman {
    is_waiting: Arc<AtomicBool>,
    shutdown: Shutdown,
}

impl Doorman {
    /// Answers on the listener from now on. Call it within a runtime.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn stand_at(listener: &TcpListener) -> io::Result<Self> {
        // Another descriptor of the same socket: what nobody has accepted when it leaves is left to the API.
        let own = std::net::TcpListener::from(listener.as_fd().try_clone_to_owned()?);
        let own = TcpListener::from_std(own)?;
        let is_waiting = Arc::new(AtomicBool::new(false));
        let shutdown = Shutdown::new();
        let (soft, hard) = (shutdown.clone(), shutdown.clone());
        let answering =
            axum::serve(own, router(Arc::clone(&is_waiting))).with_graceful_shutdown(async move { soft.begun().await });
        shutdown.spawn(async move {
            tokio::select! {
                // It fails with the listener, which the API will find out.
                _ = answering => {}
                () = hard.hurried() => {}
            }
        });
        Ok(Self { is_waiting, shutdown })
    }

    /// Notes what the start is at.
    pub fn note(&self, phase: Phase) {
        self.is_waiting.store(phase == Phase::WaitingForFolder, Ordering::Relaxed);
    }

    /// Takes no more requests, and ends when those under way are answered.
    pub async fn leave(self) {
        self.shutdown.finish(LEAVE_LIMIT).await;
    }
}

fn router(is_waiting: Arc<AtomicBool>) -> Router {
    Router::new()
        .route("/ping", get(server::ping))
        .route("/health/live", get(server::live))
        .route("/health/ready", get(ready))
        .fallback(not_yet)
        .with_state(is_waiting)
}

async fn ready(State(is_waiting): State<Arc<AtomicBool>>) -> (StatusCode, Json<Value>) {
    if is_waiting.load(Ordering::Relaxed) {
        (StatusCode::OK, Json(json!({ "status": "waiting" })))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "starting" })))
    }
}

async fn not_yet(State(is_waiting): State<Arc<AtomicBool>>) -> Response {
    let (code, message) = if is_waiting.load(Ordering::Relaxed) {
        (
            "waiting_for_data_folder",
            "another drover still has the data folder; this one goes on as soon as that one ends",
        )
    } else {
        ("starting", "drover is starting; ask again in a few seconds")
    };
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, message).retry_after(RETRY_AFTER);
    let id = request::make_id();
    let mut response = problem.render(&id);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(request::REQUEST_ID, id);
    }
    response
}
