//! The folder in which a test's daemons live, one after another, and the account of what they leave behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{
    Drover, Simulator,
    log::Log,
    process::{self, MARK, Process},
    small_disk::SmallDisk,
    wait_until, wait_until_ok,
};

/// How long the kernel and init may take to clear away what was ended.
const CLEARING: Duration = Duration::from_secs(5);

/// A scratch folder with a data folder, a folder for temporary files and the settings of the daemons started here. It answers
/// for all of them: dropped at the end of a test that passed, it asserts that nothing of them is left.
pub struct Home {
    scratch: TempDir,
    settings: Mutex<BTreeMap<String, String>>,
    /// Every process that was ever seen to belong here.
    seen: Mutex<BTreeSet<Process>>,
    starts: Mutex<u32>,
    small_disk: Mutex<Option<SmallDisk>>,
}

impl Home {
    /// A home whose daemons use this simulator, on a free port, without any pause between messages.
    pub fn with(simulator: &Simulator) -> Self {
        let home = Self::bare();
        home.set("DROVER_SIMULATOR", &simulator.https());
        home
    }

    /// The same without a simulator, for tests in which no session is started.
    pub fn bare() -> Self {
        // Short, since the path of a Unix socket has at most 108 bytes.
        let scratch = tempfile::Builder::new().prefix("d-").tempdir().expect("the machine has a temporary folder");
        for folder in ["data", "tmp", "home", "logs"] {
            fs::create_dir(scratch.path().join(folder)).expect("a new folder takes folders");
        }
        let home = Self {
            scratch,
            settings: Mutex::default(),
            seen: Mutex::default(),
            starts: Mutex::default(),
            small_disk: Mutex::default(),
        };
        for (name, value) in [
            ("PORT", "0"),
            // The harness asks so often that its own requests would bury everything else.
            ("DROVER_LOG__LEVEL", "info,drover=debug,drover::api::request=info"),
            ("DROVER_LOG__FORMAT", "pretty"),
            // The harness waits by asking again and again.
            ("DROVER_RATE__ADMIN_PER_MINUTE", "0"),
            ("DROVER_RATE__READ_PER_MINUTE", "0"),
            ("DROVER_RATE__SEND_PER_MINUTE", "0"),
            ("DROVER_RATE__CONTROL_PER_MINUTE", "0"),
            ("DROVER_LIMITS__PER_MINUTE", "6000"),
            ("DROVER_LIMITS__BURST", "1000"),
            ("DROVER_LIMITS__PER_HOUR", "60000"),
            ("DROVER_LIMITS__GAP_MS", "0"),
            ("DROVER_LIMITS__GAP_JITTER_MS", "0"),
            ("DROVER_LIMITS__PER_RECIPIENT_PER_MINUTE", "6000"),
            ("DROVER_LIMITS__PER_KEY_PER_MINUTE", "6000"),
            ("DROVER_LIMITS__DAILY_YOUNG", "0"),
        ] {
            home.set(name, value);
        }
        home.set("DROVER_DATA_DIR", &home.data().display().to_string());
        home
    }

    /// Sets a variable for what is started from now on.
    pub fn set(&self, name: &str, value: &str) {
        held(&self.settings).insert(name.to_owned(), value.to_owned());
    }

    /// Puts a folder of this home onto a small disk, for what is started from now on.
    pub fn put_on(&self, disk: &SmallDisk) {
        *held(&self.small_disk) = Some(disk.clone());
    }

    /// Takes a variable away.
    pub fn unset(&self, name: &str) {
        held(&self.settings).remove(name);
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// A session's profile.
    pub fn profile(&self, session: &str) -> PathBuf {
        self.data().join("profiles").join(session)
    }

    /// Where temporary files go (`TMPDIR`).
    pub fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// The scratch folder itself, which is also the working folder of what is started.
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// A log in the scratch folder.
    pub fn log(&self, name: &str) -> Log {
        Log::create(&self.path().join("logs"), name)
    }

    /// drover's binary in this home: with its settings and nothing else of the tester's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        const DROVER: &str = env!("CARGO_BIN_EXE_drover");
        let mut command = match &*held(&self.small_disk) {
            Some(disk) => disk.command(DROVER),
            None => Command::new(DROVER),
        };
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path().join("home"))
            .env("TMPDIR", self.temporary())
            .env(MARK, self.path())
            .envs(held(&self.settings).iter())
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Starts the daemon and waits until it answers.
    #[track_caller]
    pub fn start(&self) -> Drover<'_> {
        Drover::start(self, &self.next_log())
    }

    /// Starts the daemon and waits for nothing: [`Drover::serves`] does, then.
    #[track_caller]
    pub fn launch(&self) -> Drover<'_> {
        Drover::launch(self, &self.next_log())
    }

    fn next_log(&self) -> String {
        let mut starts = held(&self.starts);
        *starts += 1;
        format!("drover-{starts}.log")
    }

    /// Starts the daemon, which must refuse and end by itself.
    #[track_caller]
    pub fn start_refused(&self) -> Refusal {
        self.run(&["serve"])
    }

    /// Runs a command that must end by itself.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Refusal {
        const LIMIT: Duration = Duration::from_secs(30);
        let (out, err) = (self.log("refused.out"), self.log("refused.err"));
        let mut child = self
            .command(arguments)
            .stdout(out.stdio())
            .stderr(err.stdio())
            .spawn()
            .expect("drover's binary can be started");
        let status = wait_until_ok(&format!("'drover {}' ends by itself", arguments.join(" ")), LIMIT, || {
            self.look();
            child.try_wait().expect("it is our child").ok_or_else(|| format!("{}{}", out.text(), err.text()))
        });
        Refusal { code: status.code(), out: out.text(), err: err.text() }
    }

    /// The processes of this home that run now; remembered for the account at the end.
    pub fn look(&self) -> BTreeSet<Process> {
        let family = process::family(self.path());
        held(&self.seen).extend(family.iter().cloned());
        family
    }

    /// The main process of a session's browser.
    pub fn browser_of(&self, session: &str) -> Option<Process> {
        let profile = self.profile(session);
        self.look().into_iter().find(|process| process.is_browser_of(&profile))
    }

    /// The processes of a session's browser in which pages run.
    pub fn renderers_of(&self, session: &str) -> Vec<Process> {
        let Some(browser) = self.browser_of(session) else { return Vec::new() };
        let of_group = |process: &Process| process.group == browser.group;
        self.look().into_iter().filter(of_group).filter(Process::is_renderer).collect()
    }

    /// The private redis-server.
    pub fn redis(&self) -> Option<Process> {
        self.look().into_iter().find(Process::is_redis)
    }

    /// Waits until the login is on the disk. Chromium writes what a page puts into localStorage some seconds later, and a browser
    /// that is killed before then has lost it (measured: up to 6 s).
    #[track_caller]
    pub fn wait_login_written(&self, session: &str, number: &str) {
        const LIMIT: Duration = Duration::from_secs(20);
        let profile = self.profile(session);
        wait_until("the login is on the disk", LIMIT, || {
            let mut is_written = false;
            process::visit(&profile, &mut |path| {
                is_written |= path.iter().any(|part| part == "Local Storage") && contains(path, number.as_bytes());
            });
            is_written.then_some(())
        });
    }

    /// Asserts that no process, lock or temporary file of this home is left.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        wait_until_ok("nothing is left running", CLEARING, || {
            let left = self.left_running();
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
        let locks = process::locked_files(self.path());
        assert!(locks.is_empty(), "locks left: {locks:#?}");
        let files = self.temporary_files();
        assert!(files.is_empty(), "temporary files left: {files:#?}");
    }

    /// The files and sockets in the folder for temporary files.
    pub fn temporary_files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.temporary()).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }

    fn left_running(&self) -> Vec<Process> {
        self.look();
        held(&self.seen).iter().filter(|process| process.runs()).cloned().collect()
    }

    /// Kills whatever of this home still runs, for a test that failed.
    pub fn end_everything(&self) {
        for process in self.look() {
            process.signal(Signal::SIGKILL);
        }
        for process in held(&self.seen).iter() {
            process.signal(Signal::SIGKILL);
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What fails the assertion is ended all the same: the guard is dropped while the panic unwinds.
        struct EndEverything<'home>(&'home Home);
        impl Drop for EndEverything<'_> {
            fn drop(&mut self) {
                self.0.end_everything();
            }
        }
        let _guard = EndEverything(self);
        if !thread::panicking() {
            self.assert_nothing_left();
        }
    }
}

/// What a thread that panicked left is as good as before.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn contains(path: &Path, wanted: &[u8]) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.windows(wanted.len()).any(|window| window == wanted))
}

/// How a command ended.
#[derive(Debug)]
pub struct Refusal {
    /// None when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Refusal {
    /// Asserts an exit code other than 0 and one line for a person on standard error, and gives that line.
    #[track_caller]
    pub fn one_line(&self) -> &str {
        assert!(self.code.is_some_and(|code| code != 0), "an exit code, and not 0: {self:?}");
        let mut lines = self.err.lines().filter(|line| !line.trim().is_empty());
        let line = lines.next().unwrap_or_else(|| panic!("a line on standard error: {self:?}"));
        assert!(lines.next().is_none(), "one line and no more: {self:?}");
        line
    }
}

/// Waits until a process is gone.
#[track_caller]
pub fn wait_gone(what: &str, limit: Duration, process: &Process) {
    wait_until(&format!("{what} (pid {}) is gone", process.pid), limit, || (!process.runs()).then_some(()));
}
