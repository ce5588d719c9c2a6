//! Real redis-servers on ports of loopback: with whatever arguments a test is about, as replicas, as a cluster.

use std::{
    fs::File,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const LONG: Duration = Duration::from_secs(30);
/// How often ports are chosen anew.
const TRIES: u32 = 5;
/// What a server says, in its folder.
const LOG: &str = "server.log";

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
    /// Of a cluster's node.
    bus: u16,
}

impl PortRedis {
    /// With further arguments, in which `{port}` and `{bus}` are ports of its own; it listens on `127.0.0.1`.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        // Between choosing a port and listening on it another process may take it; then the server ends at once.
        let found = (0..TRIES).map(|_| Self::spawn(arguments)).find_map(|mut redis| redis.listens().then_some(redis));
        found.expect("a redis-server that gets its ports")
    }

    fn spawn(arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("drover-redis-").tempdir_in("/tmp").unwrap();
        let (port, bus) = (free_port(), free_port());
        let mut all: Vec<String> =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]
                .map(Into::into)
                .into();
        if !arguments.contains(&"--port") {
            all.extend(["--port".to_owned(), port.to_string()]);
        }
        all.extend(
            arguments
                .iter()
                .map(|argument| argument.replace("{port}", &port.to_string()).replace("{bus}", &bus.to_string())),
        );
        let server = spawn(&folder, &all);
        Self { folder, server, arguments: all, port, bus }
    }

    /// Waits until it listens on all of its ports; false if it ended instead.
    fn listens(&mut self) -> bool {
        let deadline = Instant::now() + LONG;
        while Instant::now() < deadline {
            let said = std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default();
            if said.contains("Ready to accept connections") {
                return true;
            }
            if self.server.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("redis-server neither listens nor ends");
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
    let log = File::create(folder.path().join(LOG)).unwrap();
    command.stdin(Stdio::null()).stdout(log).spawn().expect("redis-server is installed")
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
        for _ in 0..3 {
            nodes.push(PortRedis::start(&[
                "--cluster-enabled",
                "yes",
                "--cluster-port",
                "{bus}",
                "--cluster-node-timeout",
                "2000",
            ]));
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
            let (port, bus) = (nodes[index].port.to_string(), nodes[index].bus.to_string());
            let _: String = nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
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
