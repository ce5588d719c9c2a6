//! Where Redis is: one server, or a cluster. Everything that differs between the two is here.

use std::{fs, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, IntoConnectionInfo, Pipeline, RedisFuture,
    RedisResult, ServerErrorKind, TlsCertificates, Value,
    aio::{ConnectionLike, MultiplexedConnection, PubSub},
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
};

use super::RedisError;
use crate::config;

/// What a cluster's address starts with, and the scheme of each of its nodes.
const CLUSTER_SCHEMES: [(&str, &str); 2] = [("redis+cluster://", "redis://"), ("rediss+cluster://", "rediss://")];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where to connect to.
#[derive(Debug)]
pub(super) enum Endpoint {
    /// One server; whoever is primary behind its address.
    Server(Box<Client>),
    /// A cluster, by the nodes that the settings name; it tells of the others itself.
    Cluster(Vec<Node>, Option<TlsCertificates>),
}

/// A node of a cluster.
#[derive(Debug)]
pub(super) struct Node {
    info: ConnectionInfo,
    client: Client,
}

/// A connection for commands. Clones share it.
#[derive(Clone)]
pub(super) enum Commands {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Endpoint {
    /// What the settings name.
    pub(super) fn new(settings: &config::Redis) -> Result<Self, RedisError> {
        let certificates = certificates(settings)?;
        let nodes = node_urls(&settings.url);
        let mut opened = Vec::with_capacity(nodes.len());
        for url in &nodes {
            let info = url.as_str().into_connection_info().map_err(RedisError::InvalidUrl)?;
            opened.push(Node { client: open(&info, certificates.as_ref())?, info });
        }
        if !is_cluster(&settings.url) {
            let node = opened.pop().expect("an address that is no cluster's is one node's");
            return Ok(Self::Server(Box::new(node.client)));
        }
        Ok(Self::Cluster(opened, certificates))
    }

    /// The private server.
    pub(super) fn private(info: ConnectionInfo) -> Result<Self, RedisError> {
        Ok(Self::Server(Box::new(open(&info, None)?)))
    }

    /// The addresses, without passwords.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Server(client) => client.get_connection_info().addr().to_string(),
            Self::Cluster(nodes, _) => {
                nodes.iter().map(|node| node.info.addr().to_string()).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// A new connection for commands, none of which may take longer than `limit`.
    pub(super) async fn commands(&self, limit: Duration) -> RedisResult<Commands> {
        match self {
            Self::Server(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(limit));
                client.get_multiplexed_async_connection_with_config(&config).await.map(Commands::Server)
            }
            Self::Cluster(nodes, certificates) => {
                let cluster = cluster_client(nodes, certificates.as_ref(), limit)?;
                cluster.get_async_connection().await.map(Commands::Cluster)
            }
        }
    }

    /// A connection to the server, or to the first node of a cluster that answers.
    pub(super) async fn any_node(&self, limit: Duration) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(limit));
        let clients: Vec<&Client> = match self {
            Self::Server(client) => vec![client],
            Self::Cluster(nodes, _) => nodes.iter().map(|node| &node.client).collect(),
        };
        let mut last = (ErrorKind::Io, "a cluster without nodes").into();
        for client in clients {
            match client.get_multiplexed_async_connection_with_config(&config).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// A new connection for subscriptions. What is published on one node of a cluster is heard on each.
    pub(super) async fn subscription(&self) -> RedisResult<PubSub> {
        match self {
            Self::Server(client) => client.get_async_pubsub().await,
            Self::Cluster(nodes, _) => {
                let mut last = (ErrorKind::Io, "a cluster without nodes").into();
                for node in nodes {
                    match node.client.get_async_pubsub().await {
                        Ok(subscription) => return Ok(subscription),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

/// No retries of the client's own: a script that ran, and whose answer was lost, must not run again. The link is rebuilt, and
/// whoever called knows what to do.
fn cluster_client(
    nodes: &[Node],
    certificates: Option<&TlsCertificates>,
    limit: Duration,
) -> RedisResult<ClusterClient> {
    let mut builder = ClusterClientBuilder::new(nodes.iter().map(|node| node.info.clone()))
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(limit)
        .overall_response_timeout(Some(limit))
        .retries(0);
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates.clone());
    }
    builder.build()
}

fn open(info: &ConnectionInfo, certificates: Option<&TlsCertificates>) -> Result<Client, RedisError> {
    match certificates {
        Some(certificates) => Client::build_with_tls(info.clone(), certificates.clone()),
        None => Client::open(info.clone()),
    }
    .map_err(RedisError::InvalidUrl)
}

fn certificates(settings: &config::Redis) -> Result<Option<TlsCertificates>, RedisError> {
    if settings.ca_file.is_empty() {
        return Ok(None);
    }
    let root = fs::read(&settings.ca_file)
        .map_err(|source| RedisError::CaFile { path: settings.ca_file.clone().into(), source })?;
    Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(root) }))
}

fn is_cluster(url: &str) -> bool {
    CLUSTER_SCHEMES.iter().any(|(scheme, _)| url.starts_with(scheme))
}

/// The address of each node: `redis+cluster://user:password@a:6379,b:6379` is that of two.
fn node_urls(url: &str) -> Vec<String> {
    let found = CLUSTER_SCHEMES.iter().find_map(|(scheme, of_node)| Some((url.strip_prefix(scheme)?, of_node)));
    let Some((rest, scheme)) = found else { return vec![url.to_owned()] };
    let (login, nodes) = rest.rsplit_once('@').map_or(("", rest), |(login, nodes)| (login, nodes));
    let at = if login.is_empty() { "" } else { "@" };
    let nodes = nodes.trim_end_matches('/').split(',');
    nodes.map(|node| format!("{scheme}{login}{at}{}", node.trim())).collect()
}

impl Commands {
    /// Whether scripts must ask the server that runs them who it is, since several serve.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if self.is_cluster() { "Cluster" } else { "Server" })
    }
}

impl ConnectionLike for Commands {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// Whether a cluster answered that another node is to be asked, or that none can be.
pub(super) fn is_redirect(error: &::redis::RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, MasterDown, Moved, TryAgain};
    matches!(error.kind(), ErrorKind::Server(Moved | Ask | TryAgain | ClusterDown | MasterDown))
        || matches!(error.kind(), ErrorKind::ClusterConnectionNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_cluster_names_its_nodes() {
        for (url, nodes) in [
            ("redis://host:1", vec!["redis://host:1"]),
            ("unix:///a,b.sock", vec!["unix:///a,b.sock"]),
            ("redis+cluster://a:1,b:2/", vec!["redis://a:1", "redis://b:2"]),
            ("rediss+cluster://u:p@ss@a:1, b:2", vec!["rediss://u:p@ss@a:1", "rediss://u:p@ss@b:2"]),
        ] {
            assert_eq!(node_urls(url), nodes, "{url}");
        }
    }
}
