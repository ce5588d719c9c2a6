//! A PostgreSQL of a test's own: a real server on a unix socket in a folder of its own, ended and removed with the value.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User, geteuid},
};
use sqlx::Connection;
use tempfile::TempDir;

pub(crate) struct TestPostgres {
    folder: TempDir,
    server: Child,
}

impl TestPostgres {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("drover-postgres-").tempdir_in("/tmp").expect("a folder");
        if let Some(user) = other_user() {
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("root may");
        }
        let data = folder.path().join("data");
        let made = program("initdb")
            .args(["--username=drover", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()
            .expect("initdb runs");
        assert!(made.success(), "initdb failed");
        let server = Self::spawn(&folder);
        let postgres = Self { folder, server };
        postgres.wait_until_up().await;
        postgres
    }

    fn spawn(folder: &TempDir) -> Child {
        program("postgres")
            .arg("-D")
            .arg(folder.path().join("data"))
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres runs")
    }

    /// Ends it at once, its children too, without a word to anybody (PostgreSQL's immediate shutdown).
    pub(crate) fn kill(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.server.id()).expect("a pid"));
        let _ = kill(pid, Signal::SIGQUIT);
        let _ = self.server.wait();
    }

    /// Starts it again on the same folder.
    pub(crate) async fn start_again(&mut self) {
        self.server = Self::spawn(&self.folder);
        self.wait_until_up().await;
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://drover@localhost/{database}?host={}", self.folder.path().display())
    }

    async fn wait_until_up(&self) {
        sqlx::any::install_default_drivers();
        let is_up = async {
            while sqlx::AnyConnection::connect(&self.url("postgres")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), is_up).await.expect("postgres comes up");
    }

    /// The address of a new, empty database.
    pub(crate) async fn new_database(&self, name: &str) -> String {
        let mut connection = sqlx::AnyConnection::connect(&self.url("postgres")).await.expect("it is up");
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE \"{name}\""));
        sqlx::raw_sql(create).execute(&mut connection).await.expect("created");
        connection.close().await.expect("closed");
        self.url(name)
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// PostgreSQL refuses to run as root; its package brings a user for that.
fn other_user() -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    Some(User::from_name("postgres").expect("readable").expect("the package postgresql is installed"))
}

/// Debian keeps the programs out of the PATH.
fn program(name: &str) -> Command {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin").join(name)).collect())
        .unwrap_or_default();
    versions.sort();
    let path = versions.pop().filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(name));
    let mut command = Command::new(path);
    if let Some(user) = other_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/");
    command
}
