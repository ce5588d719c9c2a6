//! What is measured: drover's binary, and a PostgreSQL that is as durable as it is by default. Both end with their value.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User, chown, geteuid},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

/// The admin key.
pub(crate) const KEY: &str = "a-key-for-the-benchmark-alone";

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Asks a child to end, and waits for that.
fn end(child: &mut Child, signal: Signal) {
    // It may have ended by itself.
    let _gone = kill(Pid::from_raw(child.id().cast_signed()), signal);
    let _reaped = child.wait();
}

/// A running drover.
pub(crate) struct Drover {
    child: Child,
    pub(crate) port: u16,
}

impl Drover {
    pub(crate) fn start(folder: &Path, database: Option<&str>) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let port = free_port()?;
        let log = File::create(folder.join("log"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_drover"));
        command
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs([
                ("DROVER_API_KEY", KEY),
                ("LOG_LEVEL", "warn"),
                ("DROVER_LIMITS__PER_KEY_PER_MINUTE", "6000000"),
                ("DROVER_RATE__ADMIN_PER_MINUTE", "0"),
            ])
            .env("PORT", port.to_string())
            .env("DROVER_DATA_DIR", folder.join("data"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(url) = database {
            command.env("DATABASE_URL", url);
        }
        Ok(Self { child: command.spawn()?, port })
    }

    pub(crate) async fn wait_until_up(&self) -> anyhow::Result<()> {
        // It listens before it is ready.
        let is_up = async {
            while !matches!(self.says_ready().await, Ok(true)) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), is_up).await.context("drover does not come up")
    }

    async fn says_ready(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nHost: drover\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }
}

impl Drop for Drover {
    fn drop(&mut self) {
        end(&mut self.child, Signal::SIGTERM);
    }
}

/// A running PostgreSQL.
pub(crate) struct Postgres {
    child: Child,
    port: u16,
}

impl Postgres {
    pub(crate) fn start(scratch: &Path) -> anyhow::Result<Self> {
        let home = scratch.join("postgres");
        let data = home.join("data");
        fs::create_dir_all(&data)?;
        // It refuses to run as root.
        let owner = if geteuid().is_root() { User::from_name("postgres")? } else { None };
        if let Some(owner) = &owner {
            for path in [scratch, &home, &data] {
                chown(path, Some(owner.uid), Some(owner.gid))?;
            }
        }
        let command = |name: &str| {
            let mut command = Command::new(program(name));
            if let Some(owner) = &owner {
                command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
            }
            command.current_dir(&home).stdin(Stdio::null());
            command
        };
        let mut make = command("initdb");
        make.args(["--username", "drover", "--auth", "trust", "--encoding", "UTF8", "--pgdata"]).arg(&data);
        let made = make.output().context("initdb: tools/install.sh test")?;
        anyhow::ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port()?;
        let mut serve = command("postgres");
        serve.arg("-D").arg(&data).args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        serve.arg("-c").arg(format!("unix_socket_directories={}", home.display()));
        let child = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let postgres = Self { child, port };
        let mut ready = Command::new(program("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        for _ in 0..300 {
            if ready.status()?.success() {
                return Ok(postgres);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        anyhow::bail!("PostgreSQL does not come up")
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://drover@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // "Fast shutdown", which ends its children too (pg_ctl(1)).
        end(&mut self.child, Signal::SIGINT);
    }
}

/// Debian keeps PostgreSQL's programs off the PATH.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max();
    found.unwrap_or_else(|| PathBuf::from(name))
}
