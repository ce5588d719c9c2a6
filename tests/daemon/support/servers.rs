//! Servers of the operator's own, which drover uses instead of its private ones: a Redis and a PostgreSQL, each on a free port in
//! a folder of its own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, User, chown, geteuid},
};
use tempfile::TempDir;

use super::{log::Log, wait_until};

const START: Duration = Duration::from_secs(30);

/// A port where nobody listens just now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// A child that listens on a port; killed when it is dropped.
struct Server {
    child: Child,
    log: Log,
    name: &'static str,
}

impl Server {
    #[track_caller]
    fn start(name: &'static str, mut command: Command, port: u16, log: Log) -> Self {
        let child = command.stdin(Stdio::null()).stdout(log.stdio()).stderr(log.stdio()).spawn();
        let mut child =
            child.unwrap_or_else(|error| panic!("{name} cannot be started ({error}): tools/install.sh test"));
        wait_until(&format!("{name} takes connections"), START, || {
            assert!(child.try_wait().expect("it is our child").is_none(), "{name} ended:\n{}", log.text());
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self { child, log, name }
    }

    fn end(&mut self, signal: Signal) {
        // It may have ended by itself.
        let _gone = kill(Pid::from_raw(self.child.id().cast_signed()), signal);
        let _reaped = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Signal::SIGKILL);
        if thread::panicking() {
            self.log.print_tail(self.name);
        }
    }
}

/// A Redis; without persistence unless it was asked for: it is empty after every start then.
pub struct Redis {
    scratch: TempDir,
    server: Option<Server>,
    port: u16,
    append_only: &'static str,
}

impl Redis {
    pub fn start() -> Self {
        Self::start_with("no")
    }

    /// With an append-only file, written out each second: what it held is there after a start, but for the last moment.
    pub fn durable() -> Self {
        Self::start_with("yes")
    }

    fn start_with(append_only: &'static str) -> Self {
        let scratch = tempfile::Builder::new().prefix("r-").tempdir().expect("the machine has a temporary folder");
        let mut redis = Self { scratch, server: None, port: free_port(), append_only };
        redis.start_again();
        redis
    }

    /// For `REDIS_URL`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs a command, as redis-cli does.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        let done = command.args(["-p", &self.port.to_string()]).args(words).output().expect("redis-cli is installed");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Ends it at once (kill -9).
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Starts it on the same port and folder.
    pub fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            self.append_only,
            "--port",
            &self.port.to_string(),
        ]);
        command.current_dir(self.scratch.path());
        let log = Log::create(self.scratch.path(), "redis.log");
        self.server = Some(Server::start("Redis", command, self.port, log));
    }
}

/// A PostgreSQL with an empty database.
pub struct Postgres {
    server: Server,
    port: u16,
    _scratch: TempDir,
}

impl Postgres {
    pub fn start() -> Self {
        let scratch = tempfile::Builder::new().prefix("p-").tempdir().expect("the machine has a temporary folder");
        let data = scratch.path().join("data");
        fs::create_dir(&data).expect("a new folder takes folders");
        let log = Log::create(scratch.path(), "postgres.log");
        let owner = unprivileged();
        if let Some(owner) = &owner {
            for path in [scratch.path(), &data] {
                chown(path, Some(owner.uid), Some(owner.gid)).expect("root may give folders away");
            }
        }
        let made = as_owner(owner.as_ref(), "initdb")
            .args(["--username", "drover", "--auth", "trust", "--encoding", "UTF8", "--no-sync", "--pgdata"])
            .arg(&data)
            .stdout(log.stdio())
            .stderr(log.stdio())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "initdb failed:\n{}", log.text());

        let port = free_port();
        let mut command = as_owner(owner.as_ref(), "postgres");
        command.arg("-D").arg(&data).args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "fsync=off",
        ]);
        command.arg("-c").arg(format!("unix_socket_directories={}", scratch.path().display()));
        let server = Server::start("PostgreSQL", command, port, log);
        let postgres = Self { server, port, _scratch: scratch };
        wait_until("PostgreSQL is ready", START, || {
            let ready =
                Command::new(program("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
            ready.is_ok_and(|status| status.success()).then_some(())
        });
        postgres
    }

    /// For `DATABASE_URL`.
    pub fn url(&self) -> String {
        format!("postgres://drover@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // "Fast shutdown", which ends its children too (pg_ctl(1)).
        self.server.end(Signal::SIGINT);
    }
}

/// PostgreSQL refuses to run as root: then its own user, or nobody, runs it.
fn unprivileged() -> Option<User> {
    let user = |name| User::from_name(name).ok().flatten();
    geteuid().is_root().then(|| user("postgres").or_else(|| user("nobody")).expect("a machine has the user nobody"))
}

fn as_owner(owner: Option<&User>, name: &str) -> Command {
    let mut command = Command::new(program(name));
    if let Some(owner) = owner {
        command.uid(owner.uid.as_raw()).gid(owner.gid.as_raw());
    }
    command.current_dir("/").env_remove("PGDATA");
    command
}

/// Debian keeps PostgreSQL's programs off the PATH, one folder a version; the newest is taken.
fn program(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| Path::new(name).to_owned())
}
