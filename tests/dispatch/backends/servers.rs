//! Real redis-servers on ports of loopback: with whatever arguments a test is about, as replicas, as a cluster.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const LONG: Duration = Duration::from_secs(30);

/// A port where nobody listens just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A redis-server on a port; ended and removed with the value.
pub(crate) struct PortRedis {
    folder: TempDir,
    server: Child,
    arguments: Vec<String>,
    pub(crate) port: u16,
}

impl PortRedis {
    /// With further arguments; it listens on `127.0.0.1`.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("drover-redis-").tempdir_in("/tmp").unwrap();
        let port = free_port();
        let mut all: Vec<String> =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]
                .map(Into::into)
                .into();
        if !arguments.contains(&"--port") {
            all.extend(["--port".to_owned(), port.to_string()]);
        }
        all.extend(arguments.iter().map(|argument| argument.replace("{port}", &port.to_string())));
        let server = spawn(&folder, &all);
        Self { folder, server, arguments: all, port }
    }

    pub(crate) fn kill(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    /// Starts it again, empty.
    pub(crate) fn start_again(&mut self) {
        self.server = spawn(&self.folder, &self.arguments);
    }

    /// As redis-cli would.
    pub(crate) async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).await.unwrap()
    }

    pub(crate) async fn try_command<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    pub(crate) async fn wait_until_up(&self) {
        self.wait_for("it answers", &["PING"], "PONG").await;
    }

    /// Waits until an answer holds this text.
    pub(crate) async fn wait_for(&self, what: &str, words: &[&str], wanted: &str) {
        let holds = async {
            while !self.try_command::<String>(words).await.is_ok_and(|answer| answer.contains(wanted)) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, holds).await.unwrap_or_else(|_| panic!("{what}, in vain"));
    }
}

fn spawn(folder: &TempDir, arguments: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(arguments).arg("--dir").arg(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("redis-server is installed")
}

impl Drop for PortRedis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Three primaries that share the slots.
pub(crate) struct TestCluster {
    pub(crate) nodes: Vec<PortRedis>,
}

impl TestCluster {
    pub(crate) async fn start() -> Self {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..3 {
            let bus = free_port().to_string();
            nodes.push(PortRedis::start(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                &bus,
                "--cluster-node-timeout",
                "2000",
            ]));
            buses.push(bus);
        }
        for (node, range) in nodes.iter().zip([("0", "5460"), ("5461", "10922"), ("10923", "16383")]) {
            node.wait_until_up().await;
            let _: String = node.command(&["CLUSTER", "ADDSLOTSRANGE", range.0, range.1]).await;
        }
        for (index, node) in nodes.iter().enumerate() {
            // Else all of them would begin with the same epoch.
            let _: String = node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]).await;
        }
        for index in 1..3 {
            let port = nodes[index].port.to_string();
            let _: String = nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &buses[index]]).await;
        }
        let cluster = Self { nodes };
        cluster.wait_until_ok().await;
        cluster
    }

    pub(crate) async fn wait_until_ok(&self) {
        for node in &self.nodes {
            node.wait_for("the cluster is complete", &["CLUSTER", "INFO"], "cluster_state:ok").await;
            node.wait_for("all know each other", &["CLUSTER", "INFO"], "cluster_known_nodes:3").await;
        }
    }

    pub(crate) fn url(&self) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }
}
