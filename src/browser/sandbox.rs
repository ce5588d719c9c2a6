//! Whether Chromium's sandbox can be on: it needs user namespaces (or its setuid helper), and refuses to be on for root.

use std::{os::unix::fs::PermissionsExt, path::Path, process::Stdio, time::Duration};

/// Where Debian's `chromium-sandbox` and Google's packages put the helper.
const HELPERS: [&str; 2] = ["/usr/lib/chromium/chrome-sandbox", "/opt/google/chrome/chrome-sandbox"];
const SETUID: u32 = 0o4000;
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Whether it can be on here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// It can.
    Available,
    /// This is root, for whom Chromium refuses it.
    RefusedToRoot,
    /// There are neither user namespaces nor the helper.
    NoNamespaces,
}

/// Finds out by trying.
pub async fn probe() -> Sandbox {
    if nix::unistd::geteuid().is_root() {
        return Sandbox::RefusedToRoot;
    }
    let has_helper = HELPERS.iter().any(|path| is_setuid(Path::new(path)));
    // util-linux's `unshare` is there on every distribution; where it is not, Chromium itself shall find out.
    let may_have_namespaces = succeeds("unshare", &["--user", "--map-root-user", "true"]).await.unwrap_or(true);
    if has_helper || may_have_namespaces { Sandbox::Available } else { Sandbox::NoNamespaces }
}

/// Whether it can be on here, found out by trying, and said in the log when it cannot.
pub(super) async fn is_available() -> bool {
    let sandbox = probe().await;
    match sandbox {
        Sandbox::Available => {}
        Sandbox::RefusedToRoot => {
            tracing::warn!("running as root: Chromium runs without its sandbox; run drover as another user");
        }
        Sandbox::NoNamespaces => tracing::warn!(
            "user namespaces are not allowed here (a container's default): Chromium runs without its sandbox; allow them, \
             with the container option --security-opt seccomp=unconfined for instance, to have it"
        ),
    }
    sandbox == Sandbox::Available
}

fn is_setuid(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & SETUID != 0)
}

/// None when it cannot be run.
async fn succeeds(program: &str, arguments: &[&str]) -> Option<bool> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let status = tokio::time::timeout(PROBE_LIMIT, command.status()).await.ok()?;
    Some(status.ok()?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn root_has_none_and_a_probe_that_cannot_run_says_nothing() {
        if nix::unistd::geteuid().is_root() {
            assert!(!is_available().await);
        }
        assert_eq!(succeeds("true", &[]).await, Some(true));
        assert_eq!(succeeds("false", &[]).await, Some(false));
        assert_eq!(succeeds("no-such-program-anywhere", &[]).await, None);
    }

    #[test]
    fn only_a_setuid_file_is_a_helper() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("chrome-sandbox");
        assert!(!is_setuid(&file));
        std::fs::write(&file, "").expect("written");
        assert!(!is_setuid(&file));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4755)).expect("ours");
        assert!(is_setuid(&file));
    }
}
