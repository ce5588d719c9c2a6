//! Puts the simulator together: two listeners, the schedule, and an orderly end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::settings::Settings;
use crate::simulator::Simulator;
use crate::tls::TlsError;
use crate::{phones, tls, web};

/// How long connections have to end by themselves.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);
/// How long a client has for its TLS hand-shake.
const HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(10);

/// Why the simulator did not start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The address cannot be had.
    #[error("cannot listen on {address} (--{name}): {source}; choose another address, or port 0 for a free one")]
    Listen {
        /// The option that asked for it.
        name: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Where the simulator listens.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Bound {
    /// web.whatsapp.com and *.whatsapp.net, over TLS.
    pub https: SocketAddr,
    /// The phones.
    pub http: SocketAddr,
}

/// A simulator that listens and has not begun to serve.
#[derive(Debug)]
pub struct Server {
    https: TcpListener,
    http: TcpListener,
    settings: Settings,
}

impl Server {
    /// Takes both ports.
    ///
    /// # Errors
    /// [`ServerError::Listen`] if an address cannot be had.
    pub async fn bind(settings: Settings) -> Result<Self, ServerError> {
        let https = listen("https", settings.https).await?;
        let http = listen("http", settings.http).await?;
        Ok(Self { https, http, settings })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says if it does not know.
    pub fn bound(&self) -> io::Result<Bound> {
        Ok(Bound { https: self.https.local_addr()?, http: self.http.local_addr()? })
    }

    /// Serves until the token is cancelled; then ends what is open, within seconds.
    ///
    /// # Errors
    /// [`ServerError::Tls`] if no certificate can be made.
    pub async fn run(self, ending: CancellationToken) -> Result<(), ServerError> {
        let acceptor = tls::acceptor()?;
        let tasks = TaskTracker::new();
        let simulator = Simulator::new(self.settings, ending.clone(), tasks.clone());
        tasks.spawn(simulator.clone().run_schedule());
        let pages =
            Connections { router: web::router(simulator.clone()), tasks: tasks.clone(), ending: ending.clone() };
        let holders = Connections { router: phones::router(simulator), tasks: tasks.clone(), ending };
        tokio::join!(pages.accept(self.https, Some(acceptor)), holders.accept(self.http, None));
        tasks.close();
        if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
            warn!("connections that did not end in time are dropped");
        }
        Ok(())
    }
}

async fn listen(name: &'static str, address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { name, address, source })
}

/// The connections of one listener.
#[derive(Clone)]
struct Connections {
    router: Router,
    tasks: TaskTracker,
    ending: CancellationToken,
}

impl Connections {
    async fn accept(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.ending.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => self.take(stream, tls.clone()),
                Err(error) => {
                    warn!(%error, "a connection was not accepted");
                    // Out of descriptors, most likely: it passes, and asking at once again would only burn time.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let connections = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = stream.set_nodelay(true) {
                debug!(%error, "a connection without TCP_NODELAY");
            }
            let Some(tls) = tls else {
                return connections.serve(stream).await;
            };
            let handshake = tokio::time::timeout(HANDSHAKE, tls.accept(stream));
            match connections.until_end(handshake).await {
                Some(Ok(Ok(stream))) => connections.serve(stream).await,
                Some(Ok(Err(error))) => debug!(%error, "a TLS hand-shake failed"),
                Some(Err(_)) => debug!("a TLS hand-shake took too long"),
                None => {}
            }
        });
    }

    async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, stream: S) {
        let service = TowerToHyperService::new(self.router.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(16 * 1024)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        if let Some(Err(error)) = self.until_end(connection).await {
            debug!(%error, "a connection ended");
        }
    }

    async fn until_end<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.ending.cancelled() => None,
        }
    }
}
