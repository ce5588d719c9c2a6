//! What the machine wants done, and what the tasks that do it report.

use std::{io, sync::Arc, time::Duration};

use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Actor, BrowserHeld, Report};
use crate::{
    model::Reason,
    page::{LaunchError, LaunchRequest, Launched, PageLauncher, WhatsAppPage},
    session::state_machine::{BrowserPhase, Effect, ErrorClass, Input, Login, Machine},
};

impl Machine {
    pub(super) fn is_archiving(&self) -> bool {
        matches!(self.login, Login::Archiving)
    }
}

impl BrowserHeld {
    fn holds(&self, page: &Arc<dyn WhatsAppPage>) -> bool {
        self.page.as_ref().is_some_and(|held| Arc::ptr_eq(held, page))
    }
}

impl Actor {
    pub(super) fn perform(&mut self, effect: Effect, tasks: &TaskTracker) {
        let reports = self.reports.0.clone();
        match effect {
            Effect::Launch => self.launch(reports, tasks),
            Effect::AbandonLaunch => self.browser.abandon.cancel(),
            Effect::Close | Effect::Kill => {
                let page = self.browser.page.take();
                let grace = Duration::from_secs(self.services.settings.browser.close_grace_s);
                tasks.spawn(async move {
                    match page {
                        Some(page) if effect == Effect::Close => page.close(grace).await,
                        Some(page) => page.kill().await,
                        None => {}
                    }
                    tell(&reports, Report::BrowserEnded).await;
                });
            }
            Effect::Archive => {
                let (logins, name) = (self.services.logins(), self.outputs.view.borrow().name.clone());
                let now_ms = self.services.clock.now_ms();
                tasks.spawn(async move { tell(&reports, Report::Archived(logins.archive(&name, now_ms).await)).await });
            }
            Effect::LogOutOnPage | Effect::RefreshQr => {
                let Some(page) = self.browser.page.clone() else { return };
                tasks.spawn(async move {
                    let (what, result) = match effect {
                        Effect::LogOutOnPage => ("log out", page.log_out().await),
                        _ => ("refresh its QR", page.refresh_qr().await),
                    };
                    if let Err(error) = result {
                        tracing::warn!(%error, "the page did not {what}");
                    }
                });
            }
        }
    }

    fn launch(&mut self, reports: mpsc::Sender<Report>, tasks: &TaskTracker) {
        let abandon = CancellationToken::new();
        self.browser = BrowserHeld { abandon: abandon.clone(), ..BrowserHeld::default() };
        let name = self.outputs.view.borrow().name.clone();
        let launch = Launch {
            profile: self.services.logins().profile(&name),
            session: name,
            launcher: Arc::clone(&self.services.launcher),
            gate: Arc::clone(&self.gate),
            limit: Duration::from_secs(self.services.settings.browser.launch_timeout_s.saturating_mul(2)),
        };
        let (launcher, profile) = (Arc::clone(&launch.launcher), launch.profile.clone());
        tasks.spawn(async move {
            let outcome = tokio::select! {
                outcome = launch.run() => Report::Launched(outcome),
                () = abandon.cancelled() => {
                    launcher.wait_given_up(&profile).await;
                    Report::Abandoned
                }
            };
            tell(&reports, outcome).await;
        });
    }

    pub(super) async fn hear_report(&mut self, report: Report, tasks: &TaskTracker) {
        match report {
            // Stopped at the very moment it succeeded: the machine waits for the end, not for a browser.
            Report::Launched(launched) if self.machine.browser != BrowserPhase::Starting => {
                let reports = self.reports.0.clone();
                tasks.spawn(async move {
                    if let Ok(launched) = launched {
                        launched.page.kill().await;
                    }
                    tell(&reports, Report::BrowserEnded).await;
                });
            }
            Report::Launched(Ok(launched)) => {
                self.browser.page = Some(launched.page);
                self.browser.events = Some(launched.events);
                self.step(Input::Launched, tasks).await;
            }
            Report::Launched(Err(error)) => {
                tracing::warn!(%error, "the browser was not launched");
                let (class, code) = match &error {
                    LaunchError::NoBrowser(_) => (ErrorClass::Fatal, "no_browser"),
                    // Somebody, or the retention, makes space: it is tried until then.
                    LaunchError::Profile { source, .. } if is_full(source) => (ErrorClass::Recoverable, "disk_full"),
                    LaunchError::Profile { .. } => (ErrorClass::Fatal, "profile_unusable"),
                    LaunchError::ProfileInUse { .. } => (ErrorClass::Recoverable, "profile_in_use"),
                    LaunchError::Browser { .. } => (ErrorClass::Recoverable, "launch_failed"),
                };
                self.step(Input::LaunchFailed(class, Reason::new(code, error.to_string())), tasks).await;
            }
            Report::Abandoned => self.step(Input::BrowserEnded, tasks).await,
            Report::BrowserEnded => {
                self.drain_page(tasks).await;
                self.browser = BrowserHeld::default();
                self.step(Input::BrowserEnded, tasks).await;
            }
            Report::Archived(Ok(())) => self.step(Input::Archived, tasks).await,
            Report::Archived(Err(error)) => {
                tracing::error!(%error, "the login was not archived");
                let reason = Reason::new("profile_unusable", format!("the lost login could not be archived: {error}"));
                self.step(Input::ArchiveFailed(reason), tasks).await;
            }
            // The answer of a page that is gone says nothing about the one after it.
            Report::Heartbeat { page, .. } if !self.browser.holds(&page) => {}
            Report::Heartbeat { answer, took, .. } => {
                self.browser.heartbeat_under_way = false;
                match answer {
                    Ok(snapshot) => {
                        self.note_latency(took);
                        self.note_snapshot(&snapshot).await;
                        self.step(Input::Heartbeat(snapshot), tasks).await;
                    }
                    // The machine's pulse deadline decides how long that may go on.
                    Err(error) => tracing::warn!(%error, "a heartbeat was not answered"),
                }
            }
        }
    }

    /// What the page said last is heard before its end is acted upon.
    async fn drain_page(&mut self, tasks: &TaskTracker) {
        while let Some(event) = self.browser.events.as_mut().and_then(|events| events.try_recv().ok()) {
            self.hear_page(event, tasks).await;
        }
    }

    pub(super) fn beat(&mut self, tasks: &TaskTracker) {
        let Some(page) = self.browser.page.clone() else { return };
        self.browser.heartbeat_under_way = true;
        let reports = self.reports.0.clone();
        tasks.spawn(async move {
            let began = tokio::time::Instant::now();
            let answer = page.snapshot().await;
            let took = began.elapsed();
            tell(&reports, Report::Heartbeat { page, answer, took }).await;
        });
    }
}

/// A launch that waits for its turn.
struct Launch {
    session: crate::model::SessionName,
    profile: std::path::PathBuf,
    launcher: Arc<dyn PageLauncher>,
    gate: Arc<Semaphore>,
    limit: Duration,
}

impl Launch {
    async fn run(self) -> Result<Launched, LaunchError> {
        let _turn = self.gate.acquire().await.expect("the gate is never closed");
        let request = LaunchRequest { session: self.session, profile: self.profile };
        match tokio::time::timeout(self.limit, self.launcher.launch(request)).await {
            Ok(result) => result,
            Err(_) => Err(LaunchError::Browser { detail: format!("no answer within {:?}", self.limit) }),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

async fn tell(reports: &mpsc::Sender<Report>, report: Report) {
    if let Err(error) = reports.send(report).await
        && let Report::Launched(Ok(launched)) = error.0
    {
        // The actor is gone: a browser that nobody owns must not stay.
        let page: Arc<dyn WhatsAppPage> = launched.page;
        page.kill().await;
    }
}
