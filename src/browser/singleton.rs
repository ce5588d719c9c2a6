//! Chromium's own claim to a profile: `SingletonLock`, a link whose target is `<host>-<pid>`. It outlives its browser, a container
//! and a machine, so it counts only while that very process runs here, on this profile.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// The link's name.
pub(super) const LOCK: &str = "SingletonLock";

/// What the link says of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// A browser runs on it here, with this pid.
    Live(u32),
    /// One of another machine claimed it; whether it runs cannot be seen from here.
    Elsewhere(String),
    /// One that has ended claimed it.
    Stale,
}

/// The claim to a profile, if there is one.
#[must_use]
pub fn claim(profile: &Path) -> Option<Claim> {
    let claim = fs::read_link(profile.join(LOCK)).ok()?;
    let (host, pid) = claim.to_str()?.rsplit_once('-')?;
    let pid: u32 = pid.parse().ok()?;
    let here = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(match host == here.trim() {
        true if runs_on(pid, profile) => Claim::Live(pid),
        true => Claim::Stale,
        false => Claim::Elsewhere(host.to_owned()),
    })
}

/// The browser, not one of drover's, that somebody runs on the profile just now: its pid.
pub(super) fn live_holder(profile: &Path) -> Option<u32> {
    match claim(profile) {
        Some(Claim::Live(pid)) => Some(pid),
        _ => None,
    }
}

/// Whether the process was started with this profile. Its path may be written in another way.
fn runs_on(pid: u32, profile: &Path) -> bool {
    let Ok(command_line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let folder_of = |argument: &[u8]| -> Option<PathBuf> {
        let folder = PathBuf::from(std::str::from_utf8(argument.strip_prefix(b"--user-data-dir=")?).ok()?);
        let relative_to = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        fs::canonicalize(relative_to.join(folder)).ok()
    };
    let Ok(profile) = fs::canonicalize(profile) else { return false };
    command_line.split(|byte| *byte == 0).any(|argument| folder_of(argument).is_some_and(|folder| folder == profile))
}

/// Whether a folder is one that Chromium made for its singleton socket.
pub(super) fn is_socket_folder(folder: &Path) -> bool {
    folder.file_name().and_then(OsStr::to_str).is_some_and(|name| name.contains("org.chromium.Chromium."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        os::unix::fs::symlink,
        process::{Command, Stdio},
    };

    #[test]
    fn only_a_live_browser_of_this_machine_on_this_profile_holds_it() {
        let profile = tempfile::tempdir().expect("a folder");
        let link = profile.path().join(LOCK);
        let argument = format!("--user-data-dir={}/.", profile.path().display());
        // As a browser would: it waits, with the profile among its arguments.
        let start = |argument: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", "read line", "sh", argument]).stdin(Stdio::piped());
            let child = command.spawn().expect("sh starts");
            // The kernel shows a new process before its arguments.
            while !fs::read(format!("/proc/{}/cmdline", child.id())).is_ok_and(|line| line.starts_with(b"sh\0")) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            child
        };
        let (mut browser, mut other) = (start(&argument), start("--user-data-dir=/srv/other"));
        let here = fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux");
        let here = here.trim();
        let holder_by = |claim: String| {
            let _none = fs::remove_file(&link);
            symlink(claim, &link).expect("made");
            live_holder(profile.path())
        };
        assert_eq!(live_holder(profile.path()), None);
        assert_eq!(holder_by(format!("{here}-{}", browser.id())), Some(browser.id()));
        assert_eq!(holder_by(format!("elsewhere-{}", browser.id())), None);
        assert_eq!(holder_by(format!("{here}-{}", other.id())), None);
        assert_eq!(holder_by("nonsense".to_owned()), None);
        let pid = browser.id();
        for child in [&mut browser, &mut other] {
            drop(child.stdin.take());
            child.wait().expect("it is ours");
        }
        assert_eq!(holder_by(format!("{here}-{pid}")), None);
    }
}
