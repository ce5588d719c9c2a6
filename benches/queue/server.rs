//! The one Redis of both sides: on a unix socket, without persistence, ended and removed with the value.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

pub(crate) struct Server {
    folder: TempDir,
    child: Child,
}

impl Server {
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("drover-bench-").tempdir_in("/tmp")?;
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(folder.path().join("redis.sock"))
            .arg("--dir")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server is needed (Debian: apt-get install redis-server)")?;
        let server = Self { folder, child };
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.command::<String>(&["PING"]).await.is_err() {
            if Instant::now() > deadline {
                bail!("redis-server does not come up");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(server)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    pub(crate) fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its own word for the time it was on a processor.
    pub(crate) async fn cpu_seconds(&self) -> Result<f64> {
        let info: String = self.command(&["INFO", "cpu"]).await?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let mut sum = 0.0;
        for name in ["used_cpu_user", "used_cpu_sys"] {
            sum += field(name).with_context(|| format!("INFO cpu has no {name}"))?.trim().parse::<f64>()?;
        }
        Ok(sum)
    }

    pub(crate) async fn empty(&self) -> Result<()> {
        self.command::<String>(&["FLUSHALL", "SYNC"]).await?;
        self.command::<String>(&["CONFIG", "RESETSTAT"]).await?;
        Ok(())
    }

    pub(crate) async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> Result<T> {
        // Emptying it takes its time.
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&patient).await?;
        Ok(redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
