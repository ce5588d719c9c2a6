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

    /// The header's text, reduced to the major version as Chromium reduces it; or the one that is wanted instead.
    pub(super) fn header(&self, wanted: Option<&str>) -> String {
        let major = self.major();
        let own = format!(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36"
        );
        wanted.map_or(own, str::to_owned)
    }

    /// The same for a page, with its client hints and languages.
    pub(super) fn page_override(&self, wanted: Option<&str>, locale: Option<&str>) -> SetUserAgentOverrideParams {
        let header = self.header(wanted);
        let (platform, hint) = platform(&header);
        SetUserAgentOverrideParams {
            accept_language: locale.map(languages),
            platform: Some(platform.to_owned()),
            user_agent_metadata: self.metadata(&header, hint),
            user_agent: header,
        }
    }

    /// What the client hints say; a browser that is no Chrome has none.
    fn metadata(&self, header: &str, platform: &str) -> Option<UserAgentMetadata> {
        let named = header.split("Chrome/").nth(1)?;
        let named: String = named.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
        let major = named.split('.').next().unwrap_or_default();
        let full = if major == self.major() { self.version.as_str() } else { named.as_str() };
        let product = if header.contains(" Edg/") { "Microsoft Edge" } else { "Google Chrome" };
        let brands = |version: &str, other: &str| {
            Some(vec![
                UserAgentBrandVersion::new("Chromium", version),
                UserAgentBrandVersion::new(product, version),
                UserAgentBrandVersion::new("Not/A)Brand", other),
            ])
        };
        let architecture = if cfg!(target_arch = "aarch64") { "arm" } else { "x86" };
        Some(UserAgentMetadata {
            brands: brands(major, "24"),
            full_version_list: brands(full, "24.0.0.0"),
            platform: platform.to_owned(),
            platform_version: String::new(),
            architecture: architecture.to_owned(),
            model: String::new(),
            mobile: false,
            bitness: Some("64".to_owned()),
            wow64: Some(false),
            form_factors: None,
        })
    }
}

/// `navigator.platform` and the client hint's platform of a header.
fn platform(header: &str) -> (&'static str, &'static str) {
    if header.contains("Windows") {
        ("Win32", "Windows")
    } else if header.contains("Macintosh") {
        ("MacIntel", "macOS")
    } else {
        ("Linux x86_64", "Linux")
    }
}

/// `es-AR` asks for Argentine Spanish, then for any; Chromium adds the weights.
fn languages(locale: &str) -> String {
    match locale.split_once('-') {
        Some((language, _)) => format!("{locale},{language}"),
        None => locale.to_owned(),
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
        assert!(agent.header(None).contains(" Chrome/156.0.0.0 "));
        let page = serde_json::to_string(&agent.page_override(None, None)).expect("plain data");
        assert!(page.contains("156.0.8078.79") && !page.to_lowercase().contains("headless"));
    }

    #[test]
    fn one_that_is_wanted_is_said_everywhere_alike() {
        let agent = UserAgent { version: "156.0.8078.79".to_owned() };
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/155.0.0.0 Safari/537.36 Edg/155.0.0.0";
        let page = agent.page_override(Some(edge), Some("es-AR"));
        assert_eq!((page.user_agent.as_str(), page.platform.as_deref()), (edge, Some("Win32")));
        assert_eq!(page.accept_language.as_deref(), Some("es-AR,es"));
        let hints = serde_json::to_string(&page.user_agent_metadata).expect("plain data");
        assert!(hints.contains("Microsoft Edge") && hints.contains("\"Windows\"") && !hints.contains("156"), "{hints}");
        let firefox = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0";
        let page = agent.page_override(Some(firefox), None);
        assert!(page.user_agent_metadata.is_none() && page.platform.as_deref() == Some("MacIntel"));
    }

    #[tokio::test]
    async fn an_executable_that_is_no_chromium_is_named() {
        let error = UserAgent::of(Path::new("/bin/true")).await.expect_err("no version");
        assert!(error.contains("/bin/true") && error.contains("is it Chromium?"), "{error}");
        assert!(UserAgent::of(Path::new("/nowhere")).await.is_err());
    }
}
