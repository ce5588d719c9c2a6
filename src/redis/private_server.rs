//! The private redis-server: a child of drover, reachable by a unix socket alone.
//!
//! Owns `<data>/redis` (its append-only file and the record that names the process) and the socket's folder. It is started
//! again when it dies; one that a killed drover left is ended first, because two must never write one append-only file.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use ::redis::{Client, ConnectionAddr, IntoConnectionInfo};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{RedisError, runtime_folder};
use crate::host::{Orphan, ProcessRecord, ProcessTree, TreeTag};

const SOCKET: &str = "redis.sock";
const RECORD: &str = "server.process";
const APPEND_ONLY_FOLDER: &str = "appendonlydir";

/// How many connections it takes: drover's, and those of whoever looks into it.
const MAX_CLIENTS: &str = "128";
/// Loading a large append-only file takes its time; one that does not even answer "loading" has failed.
const START_LIMIT: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// It writes its append-only file out on SIGTERM.
const END_GRACE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Whoever lived so long before it died starts over with the shortest pause.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

/// A running private server.
#[derive(Debug)]
pub(super) struct PrivateServer {
    socket: PathBuf,
    stop: CancellationToken,
    watcher: JoinHandle<()>,
}

#[derive(Debug)]
struct Places {
    executable: String,
    dir: PathBuf,
    runtime: PathBuf,
}

/// The process with what is only there while it runs. However this goes away, the process ends first, then the rest.
#[derive(Debug)]
struct Supervised {
    places: Places,
    tree: Option<ProcessTree>,
}

impl PrivateServer {
    pub(super) async fn start(executable: &str, dir: &Path) -> Result<Self, RedisError> {
        let folder = |source| RedisError::Folder { path: dir.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(folder)?;
        let runtime = runtime_folder::make(dir).map_err(folder)?;
        let places = Places { executable: executable.to_owned(), dir: dir.to_owned(), runtime };
        places.end_left_over().await?;
        let socket = places.socket();
        let mut supervised = Supervised { places, tree: None };
        let started = match supervised.places.launch().await {
            Err(RedisError::Server { detail, .. }) if is_unreadable(&detail) => {
                supervised.places.set_append_only_aside(&detail).map_err(folder)?;
                supervised.places.launch().await
            }
            other => other,
        };
        supervised.tree = Some(started?);
        let stop = CancellationToken::new();
        let watcher = tokio::spawn(supervised.run(stop.clone()));
        Ok(Self { socket, stop, watcher })
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends it in order: it writes what it has, then exits; nothing of it is left.
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.watcher).await {
            tracing::error!(%error, "the task that watches the private redis-server failed");
        }
    }
}

impl Drop for PrivateServer {
    /// Without [`Self::end`] the server ends all the same, only nobody waits for it.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Supervised {
    /// Starts it again whenever it dies, until it is told to stop.
    async fn run(mut self, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        while let Some(mut tree) = self.tree.take() {
            let started = Instant::now();
            tokio::select! {
                () = stop.cancelled() => {
                    tree.terminate(END_GRACE).await;
                    return;
                }
                exit = tree.wait_exit() => {
                    let exit = exit.map(|exit| exit.to_string()).unwrap_or_default();
                    tracing::error!(exit, said = last_words(&tree), "the private redis-server died; it is started again");
                }
            }
            tree.kill().await;
            if started.elapsed() >= HEALTHY_AFTER {
                pause = FIRST_PAUSE;
            }
            self.tree = stop.run_until_cancelled(self.places.launch_after_pauses(&mut pause)).await;
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.tree.take());
        self.places.clean();
    }
}

impl Places {
    fn socket(&self) -> PathBuf {
        self.runtime.join(SOCKET)
    }

    fn record(&self) -> PathBuf {
        self.dir.join(RECORD)
    }

    /// Ends the server of a drover that was killed.
    async fn end_left_over(&self) -> Result<(), RedisError> {
        let folder = |source| RedisError::Folder { path: self.dir.clone(), source };
        match ProcessRecord::end_orphan(&self.record()).await.map_err(folder)? {
            Orphan::Owned { owner } => return Err(RedisError::InUse { dir: self.dir.clone(), owner }),
            Orphan::Ended { pid } => tracing::info!(pid, "ended the redis-server that a killed drover left"),
            Orphan::None => {}
        }
        // One whose record was not written yet when drover was killed still listens.
        if let Ok(mut connection) = self.reach().await {
            let _: Result<(), _> = ::redis::cmd("SHUTDOWN").arg("NOSAVE").query_async::<()>(&mut connection).await;
        }
        Ok(())
    }

    /// Tries until it runs, after longer and longer pauses.
    async fn launch_after_pauses(&self, pause: &mut Duration) -> ProcessTree {
        loop {
            sleep(*pause).await;
            *pause = (*pause * 2).min(LONGEST_PAUSE);
            match self.launch().await {
                Ok(tree) => return tree,
                Err(error) => tracing::error!(%error, "the private redis-server cannot be started again yet"),
            }
        }
    }

    async fn launch(&self) -> Result<ProcessTree, RedisError> {
        let failed = |detail| RedisError::Server { server: self.executable.clone(), detail, dir: self.dir.clone() };
        let io_failed = |error: io::Error| failed(error.to_string());
        let tag = TreeTag::choose();
        let record = ProcessRecord::announce(tag.clone()).map_err(io_failed)?;
        record.write(&self.record()).map_err(io_failed)?;
        let mut tree = ProcessTree::spawn(self.command(), tag).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => RedisError::NoServer { server: self.executable.clone() },
            _ => io_failed(error),
        })?;
        let up = match record.led_by(tree.leader()).write(&self.record()) {
            Ok(()) => self.wait_until_up(&mut tree).await,
            Err(error) => Err(error.to_string()),
        };
        if let Err(detail) = up {
            tree.kill().await;
            return Err(failed(detail));
        }
        Ok(tree)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.stdin(Stdio::null()).current_dir(&self.dir);
        let settings = [
            ("--port", "0"),
            ("--unixsocketperm", "700"),
            ("--daemonize", "no"),
            ("--logfile", ""),
            ("--save", ""),
            ("--appendonly", "yes"),
            ("--appendfsync", "everysec"),
            ("--appenddirname", APPEND_ONLY_FOLDER),
            ("--aof-load-truncated", "yes"),
            ("--maxmemory-policy", "noeviction"),
            // Its housekeeping, which would else be most of what an idle drover costs.
            ("--hz", "1"),
            // It has one client, which holds a few connections: what ten thousand would need, and a histogram for each command, is 0.4 MB.
            ("--maxclients", MAX_CLIENTS),
            ("--latency-tracking", "no"),
        ];
        for (name, value) in settings {
            command.args([name, value]);
        }
        command.arg("--unixsocket").arg(self.socket()).arg("--dir").arg(&self.dir);
        command
    }

    async fn wait_until_up(&self, tree: &mut ProcessTree) -> Result<(), String> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if self.answers().await {
                return Ok(());
            }
            if let Ok(exit) = timeout(LOOK_EVERY, tree.wait_exit()).await {
                let exit = exit.map(|exit| exit.to_string()).unwrap_or_default();
                // Its last lines are in the pipe when it is gone, but not read yet.
                let _ = timeout(LOOK_EVERY, tree.log().find(|line| line.contains('#').then_some(()))).await;
                return Err(format!("{exit}: {}", last_words(tree)));
            }
            if Instant::now() >= deadline {
                return Err(format!("no answer within {} s: {}", START_LIMIT.as_secs(), last_words(tree)));
            }
        }
    }

    async fn reach(&self) -> ::redis::RedisResult<::redis::aio::MultiplexedConnection> {
        let info = ConnectionAddr::Unix(self.socket()).into_connection_info()?;
        Client::open(info)?.get_multiplexed_async_connection().await
    }

    /// False too while it loads its data.
    async fn answers(&self) -> bool {
        let Ok(mut connection) = self.reach().await else { return false };
        ::redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
    }

    /// The database is the truth: what cannot be read is kept for a look, and filled again from there.
    fn set_append_only_aside(&self, detail: &str) -> io::Result<()> {
        let aside = self.dir.join(format!("{APPEND_ONLY_FOLDER}.unreadable"));
        tracing::error!(
            detail,
            kept = %aside.display(),
            "the private redis-server cannot read its append-only file; it starts empty and is filled from the database"
        );
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        fs::rename(self.dir.join(APPEND_ONLY_FOLDER), aside)
    }

    /// Takes away what is only there while it runs.
    fn clean(&self) {
        let removed = ProcessRecord::remove(&self.record()).and_then(|()| match fs::remove_dir_all(&self.runtime) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "what the private redis-server left could not be removed");
        }
    }
}

/// What redis-server says of an append-only file that is damaged before its end (`aof.c`).
fn is_unreadable(detail: &str) -> bool {
    [
        "Bad file format reading the append only file",
        "Unexpected end of file reading the append only file",
        "AOF manifest",
    ]
    .iter()
    .any(|said| detail.contains(said))
}

fn last_words(tree: &ProcessTree) -> String {
    let lines = tree.log().lines();
    lines.iter().skip(lines.len().saturating_sub(6)).map(|line| line.trim()).collect::<Vec<_>>().join(" | ")
}
