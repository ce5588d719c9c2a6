//! A Redis of a test's own: a real server on a unix socket in a folder of its own, ended and removed with the value.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use drover::config;
use tempfile::TempDir;

/// The settings that lead to an address.
pub(crate) fn at(url: &str) -> config::Redis {
    config::Redis { url: url.to_owned(), server: "redis-server".to_owned(), ca_file: String::new() }
}

pub(crate) struct TestRedis {
    folder: TempDir,
    server: Child,
}

impl TestRedis {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("drover-redis-").tempdir_in("/tmp").expect("a folder");
        let server = Self::spawn(&folder);
        let redis = Self { folder, server };
        redis.wait_until_up().await;
        redis
    }

    fn spawn(folder: &TempDir) -> Child {
        Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--unixsocket"])
            .arg(folder.path().join("redis.sock"))
            .arg("--dir")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed")
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.folder.path().join("redis.sock").display())
    }

    /// The settings that lead to it.
    pub(crate) fn settings(&self) -> config::Redis {
        at(&self.url())
    }

    /// The same as a user who may neither load nor call functions: what is left of a Redis before 7.
    pub(crate) async fn without_functions(&self) -> config::Redis {
        let user = ["ACL", "SETUSER", "plain", "on", ">word", "~*", "&*", "+@all", "-function", "-fcall"];
        let _: String = self.command(&user).await;
        at(&format!("{}?user=plain&pass=word", self.url()))
    }

    /// As redis-cli would.
    pub(crate) async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).await.expect("Redis answers")
    }

    async fn try_command<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut connection = redis::Client::open(self.url())?.get_multiplexed_async_connection().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    async fn wait_until_up(&self) {
        let is_up = async {
            while self.try_command::<String>(&["PING"]).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), is_up).await.expect("redis-server comes up");
    }

    /// SIGKILL; what it wrote to its append-only file stays.
    pub(crate) fn kill(&mut self) {
        self.server.kill().expect("it is ours");
        self.server.wait().expect("it ends");
    }

    /// Starts it again on the same folder.
    pub(crate) async fn start_again(&mut self) {
        self.server = Self::spawn(&self.folder);
        self.wait_until_up().await;
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
