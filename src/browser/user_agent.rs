//! What a browser says of itself: the same as the same version with a window would, in the header, in JavaScript and in the
//! client hints, so that `HeadlessChrome` shows nowhere.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::Mutex;

use chromiumoxide::cdp::browser_protocol::emulation::{
    SetUserAgentOverrideParams, UserAgentBrandVersion, UserAgentMetadata,
};

const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// An identity, made from the executable's own version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserAgent {
    /// Such as `156.0.8078.79`.
    version: String,
}

/// Identities by executable: asking one takes a fifth of a second, which twenty starts at once would feel. One that was replaced by
/// an update is asked anew.
#[derive(Debug, Clone, Default)]
pub(super) struct UserAgents(Arc<Mutex<Option<Known>>>);

#[derive(Debug, Clone)]
struct Known {
    executable: PathBuf,
    modified: Option<SystemTime>,
    agent: UserAgent,
}

impl UserAgents {
    /// The identity of an executable.
    pub(super) async fn of(&self, executable: &Path) -> Result<UserAgent, String> {
        let modified = std::fs::metadata(executable).and_then(|metadata| metadata.modified()).ok();
        let mut known = self.0.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.executable == executable && known.modified == modified)
        {
            return Ok(known.agent.clone());
        }
        let agent = UserAgent::of(executable).await?;
        *known = Some(Known { executable: executable.to_owned(), modified, agent: agent.clone() });
        Ok(agent)
    }
}

impl UserAgent {
    /// Asks the executable (`--version`), which takes about 0.2 s.
    pub(super) async fn of(executable: &Path) -> Result<Self, String> {
        let asked = tokio::process::Command::new(executable)
            .arg("--version")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output();
        let path = executable.display();
        let output = match tokio::time::timeout(VERSION_LIMIT, asked).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(format!("{path} cannot be executed: {error}")),
            Err(_) => return Err(format!("{path} --version did not answer within {VERSION_LIMIT:?}")),
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let version = find_version(&text).ok_or_else(|| {
            format!("{path} --version answered {:?}, which names no version: is it Chromium?", text.trim())
        })?;
        Ok(Self { version: version.to_owned() })
    }

    fn major(&self) -> &str {
        self.version.split('.').next().unwrap_or_default()
    }

    /// The header's text, reduced to the major version as Chromium reduces it.
    pub(super) fn header(&self) -> String {
        let major = self.major();
        format!(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36"
        )
    }

    /// The same for a page, with its client hints.
    pub(super) fn page_override(&self) -> SetUserAgentOverrideParams {
        let brands = |version: &str, other: &str| {
            Some(vec![
                UserAgentBrandVersion::new("Chromium", version),
                UserAgentBrandVersion::new("Google Chrome", version),
                UserAgentBrandVersion::new("Not/A)Brand", other),
            ])
        };
        let architecture = if cfg!(target_arch = "aarch64") { "arm" } else { "x86" };
        let metadata = UserAgentMetadata {
            brands: brands(self.major(), "24"),
            full_version_list: brands(&self.version, "24.0.0.0"),
            platform: "Linux".to_owned(),
            platform_version: String::new(),
            architecture: architecture.to_owned(),
            model: String::new(),
            mobile: false,
            bitness: Some("64".to_owned()),
            wow64: Some(false),
            form_factors: None,
        };
        SetUserAgentOverrideParams {
            user_agent: self.header(),
            accept_language: None,
            platform: Some("Linux x86_64".to_owned()),
            user_agent_metadata: Some(metadata),
        }
    }
}

/// The first word that is a version: digits and three dots.
fn find_version(text: &str) -> Option<&str> {
    text.split_whitespace().find(|word| {
        let parts: Vec<&str> = word.split('.').collect();
        parts.len() == 4 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_executables_say() {
        for (text, version) in [
            ("Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)\n", Some("156.0.8078.79")),
            ("Google Chrome 155.0.1.2 \n", Some("155.0.1.2")),
            ("GNU bash, version 5.2.15(1)-release", None),
            ("1.2.3 a.b.c.d ...", None),
        ] {
            assert_eq!(find_version(text), version);
        }
    }

    #[test]
    fn nothing_of_it_says_headless() {
        let agent = UserAgent { version: "156.0.8078.79".to_owned() };
        assert!(agent.header().contains(" Chrome/156.0.0.0 "));
        let page = serde_json::to_string(&agent.page_override()).expect("plain data");
        assert!(page.contains("156.0.8078.79") && !page.to_lowercase().contains("headless"));
    }

    #[tokio::test]
    async fn an_executable_that_is_no_chromium_is_named() {
        let error = UserAgent::of(Path::new("/bin/true")).await.expect_err("no version");
        assert!(error.contains("/bin/true") && error.contains("is it Chromium?"), "{error}");
        assert!(UserAgent::of(Path::new("/nowhere")).await.is_err());
    }
}
