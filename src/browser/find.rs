//! Where Chromium is on this machine.
//!
//! Order: the configured executable (`DROVER_CHROMIUM`), `PUPPETEER_EXECUTABLE_PATH`, `CHROME_PATH`, then the known names on
//! the PATH, in /usr/bin and in /nix/store/*/bin. What a person names may be a pattern such as `/nix/store/*/bin/chromium`.

use std::{
    collections::HashMap,
    fmt,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Names looked for, best first. headless-shell needs about half of the memory of a whole Chromium.
const NAMES: [&str; 5] =
    ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const VARIABLES: [&str; 2] = ["PUPPETEER_EXECUTABLE_PATH", "CHROME_PATH"];
const NIX_BIN: &str = "/nix/store/*/bin";

/// A Chromium that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is the headless shell, which knows no other mode.
    pub is_headless_shell: bool,
}

/// No Chromium: everything that was tried, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotFound {
    tried: Vec<String>,
}

impl fmt::Display for NotFound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "no Chromium found: install chromium-headless-shell or chromium (apt-get install chromium-headless-shell), or \
             set DROVER_CHROMIUM to an executable. Tried: {}",
            self.tried.join(", ")
        )
    }
}

/// Where to look.
#[derive(Debug, Clone)]
pub struct Search {
    configured: String,
    names: Vec<&'static str>,
    variables: HashMap<String, String>,
    system_folder: PathBuf,
    nix_folders: String,
}

impl Search {
    /// In this process's environment. `prefer` is `headless-shell` or `chromium`, `configured` an executable or a pattern, or
    /// empty.
    #[must_use]
    pub fn new(prefer: &str, configured: &str) -> Self {
        let mut names = NAMES.to_vec();
        if prefer == "chromium" {
            names.rotate_left(1);
        }
        let variables = VARIABLES.iter().copied().chain(["PATH"]);
        Self {
            configured: configured.to_owned(),
            names,
            variables: variables.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect(),
            system_folder: PathBuf::from("/usr/bin"),
            nix_folders: NIX_BIN.to_owned(),
        }
    }

    /// The first that is there and may be executed.
    ///
    /// # Errors
    /// [`NotFound`], with all that was tried.
    pub fn find(&self) -> Result<Executable, NotFound> {
        let mut tried = Vec::new();
        let found = self.named(&mut tried).or_else(|| self.installed(&mut tried).map(without_launcher));
        let Some(path) = found else { return Err(NotFound { tried }) };
        let is_headless_shell = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.contains("headless-shell") || name.contains("headless_shell"));
        Ok(Executable { path, is_headless_shell })
    }

    /// What a person named, in the settings or the environment.
    fn named(&self, tried: &mut Vec<String>) -> Option<PathBuf> {
        let from_variables =
            VARIABLES.iter().map(|name| (*name, self.variables.get(*name).map(String::as_str).unwrap_or_default()));
        for (origin, pattern) in std::iter::once(("DROVER_CHROMIUM", self.configured.as_str())).chain(from_variables) {
            if pattern.is_empty() {
                tried.push(format!("{origin} (not set)"));
                continue;
            }
            if let Some(path) = expand(pattern).into_iter().find(|path| is_executable(path)) {
                return Some(path);
            }
            tracing::warn!(%origin, pattern, "no executable there: looking for another Chromium");
            tried.push(format!("{origin}={pattern}"));
        }
        None
    }

    fn installed(&self, tried: &mut Vec<String>) -> Option<PathBuf> {
        let path = self.variables.get("PATH").map(String::as_str).unwrap_or_default();
        let on_path: Vec<PathBuf> = std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect();
        let places = [
            ("the PATH", on_path),
            ("", vec![self.system_folder.clone()]),
            (self.nix_folders.as_str(), expand(&self.nix_folders)),
        ];
        for (label, folders) in places {
            for name in &self.names {
                if let Some(path) = folders.iter().map(|folder| folder.join(name)).find(|path| is_executable(path)) {
                    return Some(path);
                }
                let place = if label.is_empty() { self.system_folder.display().to_string() } else { label.to_owned() };
                tried.push(format!("{name} in {place}"));
            }
        }
        None
    }
}

/// The headless shell itself where what was found is Debian's launcher of it (a shell script that adds nothing, and stays beside each
/// browser). The launcher of a whole Chromium reads its settings from /etc, and is kept.
fn without_launcher(path: PathBuf) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    let program = path.parent().and_then(Path::parent).map(|root| root.join("lib/chromium").join(name));
    match program {
        Some(program) if name == NAMES[0] && is_executable(&program) => program,
        _ => path,
    }
}

/// The files that a pattern means, in alphabetical order; a plain path means itself.
fn expand(pattern: &str) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[']) {
        return vec![PathBuf::from(pattern)];
    }
    glob::glob(pattern).map(|paths| paths.filter_map(Result::ok).collect()).unwrap_or_default()
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose every place lies in a scratch folder.
    struct Machine {
        root: tempfile::TempDir,
        search: Search,
    }

    impl Machine {
        fn new(prefer: &str) -> Self {
            let root = tempfile::tempdir().expect("a folder");
            let search = Search {
                variables: HashMap::from([("PATH".to_owned(), root.path().join("bin").display().to_string())]),
                system_folder: root.path().join("usr/bin"),
                nix_folders: root.path().join("nix/store/*/bin").display().to_string(),
                ..Search::new(prefer, "")
            };
            Self { root, search }
        }

        fn install(&self, path: &str) -> PathBuf {
            let path = self.root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, "#!/bin/sh\n").expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
            path
        }

        fn found(&self) -> PathBuf {
            self.search.find().expect("there is one").path
        }
    }

    #[test]
    fn each_place_is_looked_at_in_its_turn() {
        let mut machine = Machine::new("headless-shell");
        assert_eq!(machine.install("nix/store/abc-chromium/bin/chromium"), machine.found());
        assert_eq!(machine.install("usr/bin/google-chrome-stable"), machine.found());
        assert_eq!(machine.install("bin/google-chrome"), machine.found());
        assert_eq!(machine.install("bin/chromium"), machine.found());
        assert_eq!(machine.install("bin/chromium-headless-shell"), machine.found());
        for name in ["CHROME_PATH", "PUPPETEER_EXECUTABLE_PATH"] {
            let path = machine.install(name);
            machine.search.variables.insert(name.to_owned(), path.display().to_string());
            assert_eq!(path, machine.found());
        }
        let path = machine.install("configured");
        machine.search.configured = path.display().to_string();
        assert_eq!(path, machine.found());
    }

    #[test]
    fn the_headless_shell_is_started_without_its_launcher_unless_that_was_named() {
        let mut machine = Machine::new("headless-shell");
        let launcher = machine.install("usr/bin/chromium-headless-shell");
        assert_eq!(launcher, machine.found());
        let program = machine.install("usr/lib/chromium/chromium-headless-shell");
        assert_eq!(program, machine.found());
        machine.search.configured = launcher.display().to_string();
        assert_eq!(launcher, machine.found());

        let whole = Machine::new("chromium");
        whole.install("usr/lib/chromium/chromium");
        assert_eq!(whole.install("usr/bin/chromium"), whole.found(), "its launcher reads settings");
    }

    #[test]
    fn the_preferred_one_is_looked_for_first() {
        let machine = Machine::new("chromium");
        machine.install("bin/chromium-headless-shell");
        assert!(machine.search.find().expect("the other one").is_headless_shell);
        machine.install("bin/chromium");
        let found = machine.search.find().expect("there is one");
        assert!(found.path.ends_with("bin/chromium") && !found.is_headless_shell);
    }

    #[test]
    fn a_pattern_is_expanded_and_what_cannot_be_executed_is_passed_over() {
        let mut machine = Machine::new("headless-shell");
        let plain = machine.root.path().join("nix/store/aaa/bin/chromium");
        std::fs::create_dir_all(plain.parent().expect("a folder")).expect("made");
        std::fs::write(&plain, "").expect("written");
        let path = machine.install("nix/store/bbb/bin/chromium");
        machine.search.configured = machine.root.path().join("nix/store/*/bin/chromium").display().to_string();
        assert_eq!(path, machine.found());
    }

    #[test]
    fn the_error_lists_everything_that_was_tried_and_says_what_to_do() {
        let mut machine = Machine::new("headless-shell");
        machine.search.configured = "/nowhere/chromium".to_owned();
        machine.search.variables.insert("CHROME_PATH".to_owned(), "/nowhere/*/chrome".to_owned());
        let error = machine.search.find().expect_err("nothing is there").to_string();
        for part in [
            "apt-get install",
            "DROVER_CHROMIUM=/nowhere/chromium",
            "PUPPETEER_EXECUTABLE_PATH (not set)",
            "CHROME_PATH=/nowhere/*/chrome",
            "google-chrome-stable in the PATH",
            "chromium-browser in ",
            "nix/store/*/bin",
        ] {
            assert!(error.contains(part), "{part:?} is not in {error}");
        }
    }
}
