//! Connections to Redis, and the private server where no address is given.
//!
//! Owns the connections and the child. Invariants: a call never waits for a Redis that is down, it fails at once and the
//! link is rebuilt in the background (after 50 ms, doubled up to 2 s); every link knows which server process it leads to, so
//! that the queue notices a restart or a failover; the private server never outlives drover.

mod capped_stream;
mod dedicated;
mod endpoint;
mod error;
mod facts;
mod functions;
mod link;
mod private_server;
mod runtime_folder;
mod wake;

use std::{path::Path, sync::Arc};

use ::redis::{ConnectionAddr, IntoConnectionInfo};
use tokio::{
    sync::{Mutex, Notify, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub use capped_stream::{CappedStream, StreamEntry};
pub use dedicated::Dedicated;
pub use error::RedisError;
pub use facts::{RedisFacts, facts};
pub use functions::{Function, Library};
pub use link::Link;
pub use wake::WAKE_CHANNEL;

use crate::config;
use endpoint::Endpoint;
use link::Maintained;
use private_server::PrivateServer;
use wake::Wakers;

/// Redis. Cheap to clone; all clones share the link.
#[derive(Debug, Clone)]
pub struct Connections {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Arc<Endpoint>,
    link: watch::Receiver<Option<Link>>,
    wakers: Arc<Wakers>,
    stop: CancellationToken,
    owned: Mutex<Option<Owned>>,
}

/// What `close` takes down.
#[derive(Debug)]
struct Owned {
    maintenance: JoinHandle<()>,
    server: Option<PrivateServer>,
}

impl Connections {
    /// Connects to `settings.url`, or starts a private server that keeps its data in `<data_dir>/redis`.
    ///
    /// # Errors
    /// When there is no redis-server, or the address does not answer. The text says what to do. Nothing runs then.
    pub async fn open(settings: &config::Redis, data_dir: &Path) -> Result<Self, RedisError> {
        if settings.url.is_empty() {
            let server = PrivateServer::start(&settings.server, &data_dir.join("redis")).await?;
            let address = ConnectionAddr::Unix(server.socket().to_owned());
            return match Self::connect(Endpoint::private(address.into_connection_info()?)?).await {
                Ok((mut connections, maintenance)) => {
                    connections.own(maintenance, Some(server));
                    Ok(connections)
                }
                Err(error) => {
                    server.end().await;
                    Err(error)
                }
            };
        }
        let (mut connections, maintenance) = Self::connect(Endpoint::new(settings)?).await?;
        connections.own(maintenance, None);
        Ok(connections)
    }

    async fn connect(endpoint: Endpoint) -> Result<(Self, JoinHandle<()>), RedisError> {
        let unreachable =
            |error: RedisError| RedisError::Unreachable { url: endpoint.address(), detail: error.to_string() };
        let (first, subscription) = link::connect(&endpoint).await.map_err(unreachable)?;
        let endpoint = Arc::new(endpoint);
        let stop = CancellationToken::new();
        let wakers = Wakers::new();
        let (links, link) = watch::channel(Some(first));
        let maintained =
            Maintained { endpoint: Arc::clone(&endpoint), links, wakers: wakers.clone(), stop: stop.clone() };
        let maintenance = tokio::spawn(maintained.run(subscription));
        let shared = Shared { endpoint, link, wakers, stop, owned: Mutex::new(None) };
        Ok((Self { shared: Arc::new(shared) }, maintenance))
    }

    /// Only for a value that was not cloned yet.
    fn own(&mut self, maintenance: JoinHandle<()>, server: Option<PrivateServer>) {
        let shared = Arc::get_mut(&mut self.shared).expect("nobody else has it before `open` returned");
        *shared.owned.get_mut() = Some(Owned { maintenance, server });
    }

    /// The link, if it is up.
    ///
    /// # Errors
    /// [`RedisError::Down`] at once while it is not.
    pub fn link(&self) -> Result<Link, RedisError> {
        self.shared.link.borrow().clone().ok_or(RedisError::Down)
    }

    /// Changes whenever the link goes down or comes up.
    #[must_use]
    pub fn link_changes(&self) -> watch::Receiver<Option<Link>> {
        self.shared.link.clone()
    }

    /// Notified when somebody publishes `name` on [`WAKE_CHANNEL`], and when the link is back, for then anything may have been
    /// missed.
    #[must_use]
    pub fn waker(&self, name: &str) -> Arc<Notify> {
        self.shared.wakers.of(name)
    }

    /// Wakes everybody who waits: a time for which they wait may have come.
    pub fn wake_all(&self) {
        self.shared.wakers.wake_all();
    }

    /// A connection of its own, for commands that block: on the shared one everybody behind them would wait.
    ///
    /// # Errors
    /// [`RedisError::Down`] while the link is, or when it cannot be made.
    pub async fn dedicated(&self) -> Result<Dedicated, RedisError> {
        self.link()?;
        Dedicated::connect(&self.shared.endpoint).await
    }

    /// Whether Redis answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), RedisError> {
        self.link()?.ping().await
    }

    /// Disconnects and ends the private server. Call it last: nothing can be settled afterwards.
    pub async fn close(&self) {
        self.shared.stop.cancel();
        let Some(owned) = self.shared.owned.lock().await.take() else { return };
        if let Err(error) = owned.maintenance.await {
            tracing::error!(%error, "the task that keeps the link to Redis failed");
        }
        if let Some(server) = owned.server {
            server.end().await;
        }
    }
}

impl Drop for Shared {
    /// Without [`Connections::close`] everything ends all the same, only nobody waits for it.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
