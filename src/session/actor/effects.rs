//! What the machine wants done, and what the tasks that do it report.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Actor, BrowserHeld, Report};
use crate::{
    model::{Reason, SessionState},
    page::{LaunchError, LaunchRequest, Launched, PageLauncher, PageOptions, WhatsAppPage},
    session::{
        admission::{Priority, Wait},
        gate::{Gate, Place},
        state_machine::{BrowserPhase, Effect, ErrorClass, Input, Login, Machine},
    },
    store::Store,
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
            store: self.services.store.clone(),
            session: name,
            launcher: Arc::clone(&self.services.launcher),
            gate: Arc::clone(&self.gate),
            priority: std::mem::replace(&mut self.priority, Priority::Background),
            reports: reports.clone(),
            limit: Duration::from_secs(self.services.settings.browser.launch_timeout_s.saturating_mul(2)),
        };
        tasks.spawn(async move {
            let outcome = tokio::select! {
                (outcome, place) = launch.run() => Report::Launched(outcome, place),
                // The launcher undoes a launch that is dropped half-way.
                () = abandon.cancelled() => Report::Abandoned,
            };
            tell(&reports, outcome).await;
        });
    }

    pub(super) async fn hear_report(&mut self, report: Report, tasks: &TaskTracker) {
        match report {
            // Stopped at the very moment it succeeded: the machine waits for the end, not for a browser.
            Report::Waiting(why) => self.step(Input::Waiting(why.map(Wait::reason)), tasks).await,
            Report::Launched(launched, _) if self.machine.browser != BrowserPhase::Starting => {
                let reports = self.reports.0.clone();
                tasks.spawn(async move {
                    if let Ok(launched) = launched {
                        launched.page.kill().await;
                    }
                    tell(&reports, Report::BrowserEnded).await;
                });
            }
            Report::Launched(Ok(launched), place) => {
                self.browser.place = Some(place);
                self.browser.page = Some(launched.page);
                self.browser.events = Some(launched.events);
                self.step(Input::Launched, tasks).await;
            }
            Report::Launched(Err(error), _) => {
                tracing::warn!(%error, "the browser was not launched");
                let (class, code) = match &error {
                    LaunchError::NoBrowser(_) => (ErrorClass::Fatal, "no_browser"),
                    LaunchError::Profile { .. } => (ErrorClass::Fatal, "profile_unusable"),
                    LaunchError::ProfileInUse { .. } => (ErrorClass::Recoverable, "profile_in_use"),
                    // A proxy that cannot be read must not be left out: the account would be seen at the wrong address.
                    LaunchError::Options(_) => (ErrorClass::Recoverable, "config_unusable"),
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

    /// A start is over when its page is loaded and has caught up; a page that was just linked has its place until it has synced.
    pub(super) fn keep_places(&mut self) {
        use SessionState::{Launching, Loading, Pairing, Syncing};
        if !matches!(self.machine.state, Launching | Loading | Syncing) {
            self.browser.place = None;
        }
        if self.machine.login != Login::JustLinked || !matches!(self.machine.state, Pairing | Syncing) {
            self.browser.linking = None;
        } else if self.browser.linking.is_none() {
            self.browser.linking = Some(self.gate.link());
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
    store: Store,
    launcher: Arc<dyn PageLauncher>,
    gate: Arc<Gate>,
    priority: Priority,
    reports: mpsc::Sender<Report>,
    limit: Duration,
}

impl Launch {
    async fn run(self) -> (Result<Launched, LaunchError>, Place) {
        let began = tokio::time::Instant::now();
        let tell = |why| {
            // A full channel means that the actor is busy; what it waits for is told anew when it changes.
            let _ = self.reports.try_send(Report::Waiting(why));
        };
        let place = self.gate.enter(self.priority, tell).await;
        metrics::histogram!("drover_launch_wait_seconds").record(began.elapsed());
        let limit = self.limit;
        let late = || Err(LaunchError::Browser { detail: format!("no answer within {limit:?}") });
        (tokio::time::timeout(limit, self.launch()).await.unwrap_or_else(|_| late()), place)
    }

    async fn launch(self) -> Result<Launched, LaunchError> {
        let options = self.options().await.map_err(LaunchError::Options)?;
        self.launcher.launch(LaunchRequest { session: self.session, profile: self.profile, options }).await
    }

    /// As the session's configuration is now.
    async fn options(&self) -> Result<PageOptions, String> {
        let record = self.store.sessions().get(&self.session).await.map_err(|error| error.to_string())?;
        let config = record.map(|record| record.config).unwrap_or_default();
        PageOptions::of(&config).map_err(|error| error.to_string())
    }
}

async fn tell(reports: &mpsc::Sender<Report>, report: Report) {
    if let Err(error) = reports.send(report).await
        && let Report::Launched(Ok(launched), _) = error.0
    {
        // The actor is gone: a browser that nobody owns must not stay.
        let page: Arc<dyn WhatsAppPage> = launched.page;
        page.kill().await;
    }
}
