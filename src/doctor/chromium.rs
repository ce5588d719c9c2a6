//! Chromium: whether it is there, starts, and can have its sandbox.

use std::{path::Path, process::Stdio};

use super::Finding;
use crate::{
    browser::{Sandbox, Search, probe_sandbox},
    config,
};

const CHECK: &str = "chromium";
const INSTALL: &str =
    "install chromium-headless-shell (apt-get install chromium-headless-shell), or set DROVER_CHROMIUM";

pub(super) async fn executable(settings: &config::Browser) -> Finding {
    let executable = match Search::new(&settings.prefer, &settings.executable).find() {
        Ok(executable) => executable,
        Err(error) => return Finding::fail(CHECK, "none found", error.to_string()),
    };
    let path = executable.path.display();
    match version(&executable.path).await {
        Err(detail) => Finding::fail(CHECK, format!("{path} does not start: {detail}"), INSTALL),
        Ok(version) if executable.is_headless_shell => Finding::ok(CHECK, format!("{version}, headless shell, {path}")),
        Ok(version) if settings.prefer == "chromium" => Finding::ok(CHECK, format!("{version}, {path}")),
        Ok(version) => Finding::warn(
            CHECK,
            format!("{version}, {path}, no headless shell"),
            "a session needs about 185 MB with it and 120 MB with the headless shell: apt-get install \
             chromium-headless-shell",
        ),
    }
}

/// What `--version` says first.
async fn version(path: &Path) -> Result<String, String> {
    let mut command = tokio::process::Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim();
    if output.status.success() && !line.is_empty() {
        // Debian's adds "built on Debian GNU/Linux 12 (bookworm)".
        return Ok(line.split(" built on ").next().unwrap_or(line).to_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(errors.lines().next().unwrap_or("it says nothing").trim().to_owned())
}

pub(super) async fn sandbox() -> Finding {
    match probe_sandbox().await {
        Sandbox::Available => Finding::ok("sandbox", "Chromium's sandbox can be on"),
        Sandbox::RefusedToRoot => Finding::warn(
            "sandbox",
            "off: this is root, for whom Chromium refuses its sandbox",
            "run drover as another user; then this is looked at for that user",
        ),
        Sandbox::NoNamespaces => Finding::warn(
            "sandbox",
            "off: user namespaces are not allowed here, as in most containers",
            "allow them, with the container option --security-opt seccomp=unconfined or sysctl \
             kernel.unprivileged_userns_clone=1 on the host, or accept it: the page is WhatsApp's own",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn script(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
        path
    }

    #[tokio::test]
    async fn the_version_is_the_first_line_and_what_fails_tells_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = script(folder.path(), "good", "echo 'Chromium 156.0.1 built on Debian'; echo more");
        assert_eq!(version(&good).await, Ok("Chromium 156.0.1".to_owned()));
        let bad = script(folder.path(), "bad", "echo 'libnss3.so: not found' >&2; exit 127");
        assert_eq!(version(&bad).await, Err("libnss3.so: not found".to_owned()));
    }
}
