//! Connections: taken, bounded in number and in the time that a request's head may take, and ended softly.
//!
//! axum's own `serve` waits for a head for ever and takes any number of connections, so that whoever sends a byte a minute
//! on each holds them all.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::{config, shutdown::Shutdown};

/// How long no connection is taken after the system refused one (no more files, no memory).
const PAUSE: Duration = Duration::from_millis(500);

/// Answers until the shutdown begins; then takes no more connections, finishes what is under way, and returns. When the
/// shutdown hurries, what is left is let go.
pub(super) async fn serve(listener: TcpListener, router: Router, settings: &config::Http, shutdown: Shutdown) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(settings.header_timeout_s));
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let connections = TaskTracker::new();
    loop {
        let (stream, peer, place) = tokio::select! {
            taken = take(&listener, &places) => taken,
            () = shutdown.begun() => break,
        };
        let connection = Connection { stream, peer, router: router.clone(), protocol: protocol.clone() };
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            connection.run(shutdown).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection, once there is a place for it.
async fn take(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await.expect("nobody closes it");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            // The client went away meanwhile.
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                warn!(%error, "a connection was not taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    protocol: http1::Builder,
}

impl Connection {
    async fn run(self, shutdown: Shutdown) {
        let peer = ConnectInfo(self.peer);
        // An event is sent when it happens, not when more of them fill a packet.
        if let Err(error) = self.stream.set_nodelay(true) {
            debug!(%error, "a connection cannot be told not to wait");
        }
        let service = self.router.map_request(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            request
        });
        let connection = self.protocol.serve_connection(TokioIo::new(self.stream), TowerToHyperService::new(service));
        let mut connection = std::pin::pin!(connection.with_upgrades());
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.begun() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = shutdown.hurried() => return,
                }
            }
        };
        if let Err(error) = ended {
            debug!(%error, "a connection broke, or its client took too long");
        }
    }
}
