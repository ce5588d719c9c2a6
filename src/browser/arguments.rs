//! Chromium's command line.

use std::path::Path;

use super::{find::Executable, view::View};
use crate::page::options::{ALLOWED_ARGUMENTS, PageOptions, forbidden_argument};

/// What every Chromium gets: nothing phones home, nothing throttles a page in the background (a freshly linked page that is
/// slow unlinks itself), nothing asks.
///
/// Without the GPU's process, the network's process and the zygote that would start them, a session holds 20 MB less (measured,
/// docs/memory.md): there is no GPU, and one page draws hardly anything. With small caches of free memory in each thread it holds 2 MB less.
///
/// What the page puts into localStorage, a login for instance, is written 1 s later: without aggressive flushing after 5 s at best, and
/// after minutes in a page that writes often (`StorageAreaImpl` limits commits to 60 an hour).
const ALWAYS: [&str; 31] = [
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-hang-monitor",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-notifications",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--mute-audio",
    "--password-store=basic",
    "--disable-features=Translate,MediaRouter,OptimizationHints,BackForwardCache,SpareRendererForSitePerProcess,\
     PartitionAllocLargeThreadCacheSize",
    "--enable-features=NetworkServiceInProcess2",
    "--in-process-gpu",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--no-unsandboxed-zygote",
    "--enable-aggressive-domstorage-flushing",
];

/// An argument that may not be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("browser.args: '{argument}' is not allowed; allowed are {}", ALLOWED_ARGUMENTS.join(", "))]
pub struct ForbiddenArgument {
    /// Which one.
    pub argument: String,
}

/// Holds `browser.args` against the allow-list.
///
/// # Errors
/// With the first argument that is not on it.
pub fn check_extra(arguments: &[String]) -> Result<(), ForbiddenArgument> {
    forbidden_argument(arguments).map_or(Ok(()), |argument| Err(ForbiddenArgument { argument: argument.clone() }))
}

/// What a command line depends on.
pub(super) struct CommandLine<'a> {
    pub(super) executable: &'a Executable,
    pub(super) profile: &'a Path,
    pub(super) user_agent: &'a str,
    /// `host:port`, or empty.
    pub(super) simulator: &'a str,
    pub(super) extra: &'a [String],
    pub(super) has_sandbox: bool,
    /// The session's own.
    pub(super) options: &'a PageOptions,
}

impl CommandLine<'_> {
    /// How large the page is to be.
    pub(super) fn view(&self) -> View {
        View::asked_for(self.extra.iter().chain(&self.options.arguments))
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = ALWAYS.iter().map(|argument| (*argument).to_owned()).collect();
        if !self.executable.is_headless_shell {
            arguments.push("--headless=new".to_owned());
        }
        if !self.has_sandbox {
            arguments.push("--no-sandbox".to_owned());
        }
        if !self.simulator.is_empty() {
            let at = self.simulator;
            arguments.push(format!("--host-resolver-rules=MAP web.whatsapp.com {at}, MAP *.whatsapp.net {at}"));
            arguments.push("--ignore-certificate-errors".to_owned());
            // WhatsApp's hosts are public ones; Chromium keeps pages that come from elsewhere (a pinned one) away from loopback.
            arguments.push(format!("--ip-address-space-overrides={at}=public"));
        }
        arguments.push(format!("--user-agent={}", self.user_agent));
        arguments.push(format!("--user-data-dir={}", self.profile.display()));
        // Of two that say different things the last one counts.
        arguments.extend(self.extra.iter().cloned());
        if let Some(locale) = &self.options.locale {
            arguments.push(format!("--lang={locale}"));
        }
        if let Some(proxy) = &self.options.proxy {
            // Without its credentials: everybody may read a command line.
            arguments.push(format!("--proxy-server={}", proxy.server));
        }
        arguments.extend(self.options.arguments.iter().cloned());
        arguments.push(self.view().window_argument());
        arguments.push("about:blank".to_owned());
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(is_headless_shell: bool, simulator: &str, has_sandbox: bool) -> Vec<String> {
        let executable = Executable { path: "/usr/bin/x".into(), is_headless_shell };
        let profile = Path::new("/data/profiles/a");
        CommandLine {
            executable: &executable,
            profile,
            user_agent: "UA",
            simulator,
            extra: &[],
            has_sandbox,
            options: &PageOptions::default(),
        }
        .arguments()
    }

    #[test]
    fn certificates_are_checked_unless_a_simulator_stands_in() {
        let real = arguments(true, "", false).join(" ");
        assert!(!real.contains("ignore-certificate-errors") && !real.contains("host-resolver-rules"));
        let simulated = arguments(true, "127.0.0.1:8443", false);
        assert!(simulated.contains(&"--ignore-certificate-errors".to_owned()));
        assert!(simulated.contains(
            &"--host-resolver-rules=MAP web.whatsapp.com 127.0.0.1:8443, MAP *.whatsapp.net 127.0.0.1:8443".to_owned()
        ));
    }

    #[test]
    fn the_sandbox_stays_on_where_there_is_one() {
        assert!(!arguments(false, "", true).contains(&"--no-sandbox".to_owned()));
        assert!(arguments(false, "", false).contains(&"--no-sandbox".to_owned()));
    }

    #[test]
    fn only_the_whole_chromium_is_told_to_be_headless() {
        assert!(arguments(false, "", false).contains(&"--headless=new".to_owned()));
        assert!(!arguments(true, "", false).iter().any(|argument| argument.starts_with("--headless")));
    }

    #[test]
    fn an_argument_that_is_not_on_the_list_is_refused_by_name() {
        assert_eq!(check_extra(&["--proxy-server=socks5://10.0.0.1".to_owned(), "--lang=de".to_owned()]), Ok(()));
        let error = check_extra(&["--user-data-dir=/".to_owned()]).expect_err("not allowed");
        assert!(error.to_string().contains("'--user-data-dir=/' is not allowed"));
        assert!(check_extra(&["--lang-x".to_owned()]).is_err());
    }
}
