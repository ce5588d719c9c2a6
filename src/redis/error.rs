//! What can go wrong with Redis, in words that say what to do.

use std::path::PathBuf;

use ::redis::{ErrorKind, ServerErrorKind};

use super::endpoint::is_redirect;

/// Redis failed.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The address is no address. (It is not repeated: it may hold a password.)
    #[error(
        "REDIS_URL is no Redis address ({0}): use redis://host:6379, rediss:// for TLS, or redis+cluster://a:6379,b:6379 for a \
         cluster; or leave it empty for a private server"
    )]
    InvalidUrl(#[source] ::redis::RedisError),
    /// Nobody answers at the address.
    #[error(
        "Redis at {url} cannot be used: {detail}; check that it runs and that REDIS_URL is right, or leave REDIS_URL empty \
         for a private server"
    )]
    Unreachable {
        /// The address, without its password.
        url: String,
        /// Why.
        detail: String,
    },
    /// There is no redis-server to start.
    #[error(
        "'{server}' was not found: install it (apt-get install redis-server), set [redis] server to its path, or set \
         REDIS_URL to a running Redis"
    )]
    NoServer {
        /// What was looked for.
        server: String,
    },
    /// The private server did not come up.
    #[error(
        "the private redis-server ({server}) did not start: {detail}; its data is in {}; [redis] server names another",
        dir.display()
    )]
    Server {
        /// Which program.
        server: String,
        /// What it said last.
        detail: String,
        /// Its folder.
        dir: PathBuf,
    },
    /// Another drover works in the same data folder.
    #[error("{} is in use by another drover (process {owner}): stop it, or set another DROVER_DATA_DIR", dir.display())]
    InUse {
        /// The private server's folder.
        dir: PathBuf,
        /// The other drover.
        owner: u32,
    },
    /// A folder of the private server cannot be used.
    #[error("{} cannot be used by the private redis-server: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What answers is a replica, which cannot be written to.
    #[error("it is a replica: drover needs the primary")]
    Replica,
    /// Some keys of the cluster have no primary.
    #[error("the cluster's state is '{0}': some of its keys have no primary that is up")]
    ClusterState(String),
    /// The certificate authority's file cannot be read.
    #[error("[redis] ca_file: {} cannot be read: {source}; it is a file in PEM format", path.display())]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The link is down and being rebuilt.
    #[error("Redis is down; drover reconnects by itself")]
    Down,
    /// A command failed.
    #[error("Redis failed: {0}")]
    Command(#[from] ::redis::RedisError),
}

impl RedisError {
    /// Whether the link is down or has just broken.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Down => true,
            Self::Command(error) => breaks_link(error),
            _ => false,
        }
    }
}

/// Whether what answered so is left: it is gone, hangs, became a replica, or is not the node to ask; there may be another at
/// the address.
pub(super) fn breaks_link(error: &::redis::RedisError) -> bool {
    let is_read_only = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
    error.is_unrecoverable_error() || error.is_io_error() || is_read_only || is_redirect(error)
}
