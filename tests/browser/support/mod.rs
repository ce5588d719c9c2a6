//! What the tests of browsers share: settings, a scratch folder of profiles, and the proof that nothing is left.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod simulator;

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use drover::{
    browser::ChromiumLauncher,
    config,
    host::become_subreaper,
    page::{LaunchError, LaunchRequest, Launched, PageEvent, PageLauncher, PageOptions},
};

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Both kinds of Chromium, as `browser.prefer` names them.
pub(crate) const BOTH: [&str; 2] = ["headless-shell", "chromium"];

pub(crate) fn settings(prefer: &str, simulator: &str) -> config::Browser {
    config::Browser {
        prefer: prefer.to_owned(),
        executable: String::new(),
        args: Vec::new(),
        bridge: String::new(),
        web_version_html: String::new(),
        simulator: simulator.to_owned(),
        launch_timeout_s: 60,
        load_timeout_s: 60,
        call_timeout_s: 10,
        close_grace_s: 10,
    }
}

/// A folder of profiles, and a launcher.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) launcher: ChromiumLauncher,
    pub(crate) options: PageOptions,
}

impl Bench {
    pub(crate) fn new(settings: config::Browser) -> Self {
        Self::in_folder(tempfile::tempdir().expect("a folder"), settings)
    }

    /// With this script as the bridge.
    pub(crate) fn with_bridge(source: &str, settings: config::Browser) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bridge.js");
        fs::write(&file, source).expect("written");
        Self::in_folder(folder, config::Browser { bridge: file.display().to_string(), ..settings })
    }

    fn in_folder(folder: tempfile::TempDir, settings: config::Browser) -> Self {
        become_subreaper().expect("Linux");
        Self {
            folder,
            launcher: ChromiumLauncher::new(settings).expect("no extra arguments"),
            options: PageOptions::default(),
        }
    }

    pub(crate) fn profile(&self) -> PathBuf {
        self.folder.path().join("profiles/alpha")
    }

    pub(crate) async fn try_launch(&self) -> Result<Launched, LaunchError> {
        let request = LaunchRequest {
            session: "alpha".parse().expect("a name"),
            profile: self.profile(),
            options: self.options.clone(),
        };
        self.launcher.launch(request).await
    }

    pub(crate) async fn launch(&self) -> Launched {
        self.try_launch().await.expect("Chromium starts")
    }

    /// No process of the browser, no zombie, no lock, no record. The group is None where no browser came to be.
    pub(crate) async fn assert_nothing_left(&self, process_group: impl Into<Option<u32>>) {
        let process_group = process_group.into();
        let profiles = self.folder.path().join("profiles");
        let mut left = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            left = processes_of(&self.profile(), process_group);
            left.extend(beside(&profiles));
            if left.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("left over: {left:?}");
    }
}

fn beside(profiles: &Path) -> Vec<String> {
    let names = fs::read_dir(profiles).into_iter().flatten().flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| name.contains('.')).collect()
}

/// Members of the group, crash handlers of the profile, and zombies of ours that are Chromium's.
pub(crate) fn processes_of(profile: &Path, process_group: Option<u32>) -> Vec<String> {
    let profile = profile.display().to_string();
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let Some((head, tail)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = tail.split(' ').collect();
        let is_member = process_group.is_some_and(|group| fields[2] == group.to_string());
        let is_zombie_of_ours = fields[0] == "Z" && fields[1] == own && head.contains("chrom");
        if is_member || command.contains(&profile) || is_zombie_of_ours {
            found.push(format!(
                "{head}) {} {}",
                fields[0],
                command.replace('\0', " ").chars().take(80).collect::<String>()
            ));
        }
    }
    found
}

/// The pids of a group's members whose command line has all of the words.
pub(crate) fn members_with(process_group: u32, words: &[&str]) -> Vec<i32> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let group = stat.rsplit_once(") ").and_then(|(_, tail)| tail.split(' ').nth(2).map(str::to_owned));
        if group == Some(process_group.to_string()) && words.iter().all(|word| command.contains(word)) {
            pids.push(entry.file_name().to_string_lossy().parse().expect("a pid"));
        }
    }
    pids
}

/// The next event that `pick` makes something of.
pub(crate) async fn next<T>(launched: &mut Launched, what: &str, pick: impl Fn(&PageEvent) -> Option<T>) -> T {
    let wait = async {
        loop {
            let event = launched.events.recv().await.unwrap_or_else(|| panic!("the events ended before {what}"));
            if let Some(found) = pick(&event) {
                return found;
            }
            assert!(!matches!(event, PageEvent::Gone { .. }), "gone before {what}: {event:?}");
        }
    };
    within(PATIENCE, what, wait).await
}

/// The code of the reason for which the page is gone.
pub(crate) async fn gone(launched: &mut Launched) -> String {
    let code = next(launched, "the end", |event| match event {
        PageEvent::Gone { reason } => Some(reason.code.clone()),
        _ => None,
    });
    code.await
}

pub(crate) async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("no {what} within {limit:?}"))
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The number in a file that is just being written.
pub(crate) async fn read_number<T: std::str::FromStr>(path: &Path) -> T {
    let begun = Instant::now();
    loop {
        if let Ok(number) = fs::read_to_string(path).unwrap_or_default().parse() {
            return number;
        }
        assert!(begun.elapsed() < PATIENCE, "no number in {}", path.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A message key, a chat, an id, from their texts.
pub(crate) fn parsed<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect(text)
}

/// Links a page by its QR and waits until it can send.
pub(crate) async fn link(launched: &mut Launched, simulator: &simulator::Simulator, number: &str) {
    let code = next(launched, "a QR", |event| match event {
        PageEvent::Qr { value, .. } => Some(value.clone()),
        _ => None,
    });
    let code = code.await;
    simulator.scan(&code, number).await;
    ready(launched).await;
}

/// Waits until it can send.
pub(crate) async fn ready(launched: &mut Launched) {
    let can_send = |event: &PageEvent| matches!(event, PageEvent::Status(status) if status.can_send()).then_some(());
    next(launched, "readiness", can_send).await;
}
