//! Watches a browser and ends it. The only owner of its processes and profile.
//!
//! The first sign of an end, whichever it is, makes the page gone: every call fails from then on, the whole tree is ended and
//! reaped, the profile released. Chromium's processes die one by one (a renderer alone, for instance); for us they are one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chromiumoxide::{
    cdp::browser_protocol::{inspector, target},
    listeners::EventStream,
};
use futures::{Stream, StreamExt};
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::process::BrowserProcess;
use crate::{
    host::{Exit, ExitWatch},
    model::Reason,
};

/// Where the page's crash is told. Chromium tells twice: to the page's own connection, and to the browser's.
pub(super) struct CrashSigns {
    pub(super) of_page: EventStream<inspector::EventTargetCrashed>,
    pub(super) of_browser: EventStream<target::EventTargetCrashed>,
    pub(super) destroyed: EventStream<target::EventTargetDestroyed>,
    pub(super) target: target::TargetId,
}

/// What a warden listens to.
pub(super) struct Signs {
    pub(super) crashes: CrashSigns,
    /// Drives the CDP connection; its end is the connection's.
    pub(super) connection: AbortOnDropHandle<()>,
    /// The first navigation; ends with what Chromium says against it.
    pub(super) navigation: AbortOnDropHandle<Result<(), String>>,
    /// Cancelled when a proxy does not take its user and password.
    pub(super) refusal: CancellationToken,
    /// Kills.
    pub(super) kill: CancellationToken,
    /// Whether a close was asked for: then the browser's exit is no accident.
    pub(super) is_closing: Arc<AtomicBool>,
}

/// Watches one browser; see the module.
pub(super) struct Warden {
    pub(super) process: BrowserProcess,
    pub(super) signs: Signs,
    pub(super) gone: watch::Sender<Option<Reason>>,
    /// True once nothing of it is left.
    pub(super) ended: watch::Sender<bool>,
}

impl Warden {
    /// Until the browser is gone and everything is cleaned up.
    pub(super) async fn run(mut self) {
        let exit = self.process.exit_watch();
        let reason = first_sign(&mut self.signs, exit.clone()).await;
        let is_orderly = reason.code == CLOSED;
        self.gone.send_replace(Some(reason));
        self.process.end(is_orderly).await;
        // After the processes, so that what they said last is still read.
        drop(self.signs);
        self.ended.send_replace(true);
    }
}

const CLOSED: &str = "browser_closed";

/// How long after its connection a browser that dies may live.
const EXIT_FOLLOWS: Duration = Duration::from_secs(1);

async fn first_sign(signs: &mut Signs, mut exit: ExitWatch) -> Reason {
    let Signs { crashes, connection, navigation, refusal, kill, is_closing } = signs;
    let mut is_connected = true;
    let mut is_navigating = true;
    loop {
        tokio::select! {
            biased;
            () = kill.cancelled() => return Reason::new("browser_killed", "the browser was ended by drover"),
            exit = exit.wait() => return exit_reason(exit, is_closing.load(Ordering::Acquire)),
            () = crash(crashes) => {
                return Reason::new("page_crashed", "the page's process crashed; it may have run out of memory");
            }
            _ = &mut *connection, if is_connected => {
                // A browser that closes in order hangs up before it exits.
                is_connected = false;
                // One that dies hangs up before it is dead, too.
                let is_closing = is_closing.load(Ordering::Acquire);
                if !is_closing && timeout(EXIT_FOLLOWS, exit.wait()).await.is_err() {
                    return Reason::new("connection_lost", "the connection to the browser broke");
                }
            }
            // Later on the page goes on trying, as with any connection that it loses.
            () = refusal.cancelled(), if is_navigating => {
                return Reason::new(
                    "navigation_failed",
                    "the proxy refuses its user and password; correct the session's config.proxy, then restart the session",
                );
            }
            outcome = &mut *navigation, if is_navigating => {
                is_navigating = false;
                if let Ok(Err(error)) = outcome {
                    return Reason::new("navigation_failed", cannot_be_opened(&error.to_string()));
                }
            }
        }
    }
}

/// What to do about an error of Chromium's (`net/base/net_error_list.h`).
fn cannot_be_opened(error: &str) -> String {
    let is_the_proxys = ["PROXY", "PROXIES", "TUNNEL", "SOCKS"].iter().any(|word| error.contains(word));
    let check = if is_the_proxys {
        "the proxy: its address, user and password in the session's config.proxy, and that it lets drover through"
    } else {
        "the network and the DNS"
    };
    format!("web.whatsapp.com cannot be opened ({error}); check {check}")
}

fn exit_reason(exit: Option<Exit>, is_closing: bool) -> Reason {
    match exit {
        _ if is_closing => Reason::new(CLOSED, "the browser was closed by drover"),
        Some(exit) => Reason::new("browser_exited", format!("Chromium ended by itself ({exit})")),
        None => Reason::new("browser_exited", "Chromium ended by itself"),
    }
}

/// Ends when the page's process crashed or the page closed itself.
async fn crash(signs: &mut CrashSigns) {
    let CrashSigns { of_page, of_browser, destroyed, target } = signs;
    tokio::select! {
        () = first(of_page, |_| true) => {}
        () = first(of_browser, |event| event.target_id == *target) => {}
        () = first(destroyed, |event| event.target_id == *target) => {}
    }
}

/// Ends with the first event that counts. A stream that ended tells nothing: its connection's end does.
async fn first<T>(events: &mut (impl Stream<Item = Arc<T>> + Unpin), counts: impl Fn(&T) -> bool) {
    while let Some(event) = events.next().await {
        if counts(&event) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::cannot_be_opened;

    #[test]
    fn an_error_says_what_to_check() {
        for error in [
            "net::ERR_PROXY_CONNECTION_FAILED",
            "net::ERR_TUNNEL_CONNECTION_FAILED",
            "net::ERR_SOCKS_CONNECTION_FAILED",
        ] {
            let told = cannot_be_opened(error);
            assert!(told.contains(error) && told.contains("check the proxy"), "{told}");
        }
        let told = cannot_be_opened("net::ERR_NAME_NOT_RESOLVED");
        assert!(told.contains("check the network and the DNS"), "{told}");
    }
}
