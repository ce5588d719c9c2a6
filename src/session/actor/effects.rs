//! What the machine wants done, and what the tasks that do it report.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use super::{Actor, BrowserHeld, Report};
use crate::{
    model::{KeptScreenshot, Reason, SessionName, SessionState},
    page::{LaunchError, LaunchRequest, Launched, PageLauncher, PageOptions, WhatsAppPage},
    session::{
        admission::{Priority, Wait},
        gate::{Gate, Place},
        screenshots::{Screenshots, Taken},
        state_machine::{BrowserPhase, Effect, ErrorClass, Input, Login, Machine},
        usage::Usage,
    },
    store::Store,
};

/// How long a failed page may take for its picture.
const PICTURE_LIMIT: Duration = Duration::from_secs(2);

impl Machine {
    pub(super) fn is_archiving(&self) -> bool {
        matches!(self.login, Login::Archiving)
    }
}

impl Actor {
    pub(super) fn perform(&mut self, effect: Effect, tasks: &TaskTracker) {
        let reports = self.reports.0.clone();
        match effect {
            Effect::Launch => self.launch(reports, tasks),
            Effect::AbandonLaunch => self.browser.abandon.cancel(),
            Effect::Close | Effect::Kill | Effect::KillAfterScreenshot => self.end_page(effect, reports, tasks),
            Effect::Reload => self.reload(reports, tasks),
            Effect::Archive => {
                let (logins, name) = (self.services.logins(), self.outputs.view.borrow().name.clone());
                let now_ms = self.services.clock.now_ms();
                beside(
                    tasks,
                    async move { tell(&reports, Report::Archived(logins.archive(&name, now_ms).await)).await },
                );
            }
            Effect::LogOutOnPage | Effect::RefreshQr | Effect::KeepLogin => {
                let Some(page) = self.browser.page.clone() else { return };
                beside(tasks, async move {
                    let (what, result) = match effect {
                        Effect::LogOutOnPage => ("log out", page.log_out().await),
                        Effect::KeepLogin => ("give a copy of its login", page.keep_login().await),
                        _ => ("refresh its QR", page.refresh_qr().await),
                    };
                    if let Err(error) = result {
                        tracing::warn!(%error, "the page did not {what}");
                    }
                });
            }
        }
    }

    fn end_page(&mut self, how: Effect, reports: mpsc::Sender<Report>, tasks: &TaskTracker) {
        let page = self.browser.page.take();
        let grace = self.services.close_grace();
        let camera = (how == Effect::KillAfterScreenshot).then(|| self.camera());
        self.forget_page();
        beside(tasks, async move {
            if let (Some(page), Some(camera)) = (&page, camera)
                && let Some(kept) = camera.picture(page).await
            {
                tell(&reports, Report::Pictured(kept)).await;
            }
            match page {
                Some(page) if how == Effect::Close => page.close(grace).await,
                Some(page) => page.kill().await,
                None => {}
            }
            tell(&reports, Report::BrowserEnded).await;
        });
    }

    fn camera(&self) -> Camera {
        let settings = &self.services.settings.keepalive;
        Camera {
            screenshots: self.services.screenshots(),
            session: self.outputs.view.borrow().name.clone(),
            at_ms: self.services.clock.now_ms(),
            reason: self.machine.reason.as_ref().map_or_else(|| "unknown".to_owned(), |reason| reason.code.clone()),
            limit: usize::try_from(settings.screenshots).unwrap_or(usize::MAX),
        }
    }

    fn reload(&mut self, reports: mpsc::Sender<Report>, tasks: &TaskTracker) {
        let Some(page) = self.browser.page.clone() else { return };
        self.forget_page();
        self.keeper.is_reloading = true;
        beside(tasks, async move {
            if let Err(error) = page.reload().await {
                tell(&reports, Report::ReloadFailed { page, error }).await;
            }
        });
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
            usage: Arc::clone(&self.usage),
            reports: reports.clone(),
            limit: Duration::from_secs(self.services.settings.browser.launch_timeout_s.saturating_mul(2)),
        };
        let (launcher, profile) = (Arc::clone(&launch.launcher), launch.profile.clone());
        beside(tasks, async move {
            let outcome = tokio::select! {
                (outcome, place) = launch.run() => Report::Launched(outcome, place),
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
            Report::Waiting(why) => self.step(Input::Waiting(why.map(Wait::reason)), tasks).await,
            Report::Launched(launched, _) if self.machine.browser != BrowserPhase::Starting => {
                let reports = self.reports.0.clone();
                beside(tasks, async move {
                    if let Ok(launched) = launched {
                        launched.page.kill().await;
                    }
                    tell(&reports, Report::BrowserEnded).await;
                });
            }
            Report::Launched(Ok(launched), place) => {
                self.memory.launched(&self.outputs.view.borrow().name, launched.process_group);
                self.browser.place = Some(place);
                self.browser.page = Some(launched.page);
                self.browser.events = Some(launched.events);
                self.step(Input::Launched, tasks).await;
            }
            Report::Launched(Err(error), _) => {
                self.give_room_back();
                tracing::warn!(%error, "the browser was not launched");
                let (class, code) = match &error {
                    LaunchError::NoBrowser(_) => (ErrorClass::Fatal, "no_browser"),
                    // Space comes back.
                    LaunchError::Profile { source, .. } if is_out_of_space(source) => {
                        (ErrorClass::Recoverable, "disk_full")
                    }
                    LaunchError::Profile { .. } => (ErrorClass::Fatal, "profile_unusable"),
                    LaunchError::ProfileInUse { .. } => (ErrorClass::Recoverable, "profile_in_use"),
                    // A proxy that cannot be read must not be left out: the account would be seen at the wrong address.
                    LaunchError::Options(_) => (ErrorClass::Recoverable, "config_unusable"),
                    LaunchError::Browser { .. } => (ErrorClass::Recoverable, "launch_failed"),
                };
                self.step(Input::LaunchFailed(class, Reason::new(code, error.to_string())), tasks).await;
            }
            Report::Abandoned => {
                self.give_room_back();
                self.step(Input::BrowserEnded, tasks).await;
            }
            Report::BrowserEnded => {
                self.drain_page(tasks).await;
                self.give_room_back();
                self.browser = BrowserHeld::default();
                self.forget_page();
                self.step(Input::BrowserEnded, tasks).await;
                self.judge_quality().await;
            }
            Report::Archived(Ok(())) => {
                self.keeper.forget_login();
                self.step(Input::Archived, tasks).await;
                self.judge_quality().await;
            }
            Report::Archived(Err(error)) => {
                tracing::error!(%error, "the login was not archived");
                let reason = Reason::new(
                    "profile_unusable",
                    format!(
                        "the lost login could not be archived: {error}; see that drover may write to archive/ in its data folder and that its \
                     disk has room, then start the session"
                    ),
                );
                self.step(Input::ArchiveFailed(reason), tasks).await;
            }
            // What a page says that is gone says nothing about the one after it.
            Report::Answered { page, .. } | Report::Touched { page, .. } | Report::ReloadFailed { page, .. }
                if !self.browser.holds(&page) => {}
            Report::Answered { asked, answer, took, .. } => self.hear_answer(asked, answer, took, tasks).await,
            Report::Touched { result, .. } => self.hear_touched(result).await,
            Report::PresenceApplied => self.publish().await,
            Report::ReloadFailed { error, .. } => {
                let reason = Reason::new("reload_failed", format!("the page could not be loaded anew: {error}"));
                self.step(Input::ReloadFailed(reason), tasks).await;
            }
            Report::Pictured(kept) => {
                self.keeper.screenshots = kept;
                self.publish().await;
            }
        }
    }

    /// A start is over when its page is loaded and has caught up; a page that was just linked has its place until it has synced, and
    /// another one for its history.
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
        if self.machine.signals.history_ends_ms.is_none_or(|ends_ms| ends_ms <= self.services.clock.steady_ms()) {
            self.browser.history = None;
        } else if self.browser.history.is_none() {
            self.browser.history = Some(self.gate.bring_in_history());
        }
    }

    /// Without a browser it holds no room.
    pub(super) fn keep_account(&self) {
        if !self.machine.holds_browser() {
            self.give_room_back();
        }
    }

    /// A browser that has ended makes room, also where the next one is to be launched in the same step: that one may have to wait
    /// for others, who would wait for the room of this one.
    fn give_room_back(&self) {
        if self.memory.ended(&self.outputs.view.borrow().name) {
            self.gate.look_again();
        }
    }

    /// What the page said last is heard before its end is acted upon.
    async fn drain_page(&mut self, tasks: &TaskTracker) {
        while let Some(event) = self.browser.events.as_mut().and_then(|events| events.try_recv().ok()) {
            self.hear_page(event, tasks).await;
        }
    }
}

/// Takes the picture of a page that failed.
struct Camera {
    screenshots: Screenshots,
    session: SessionName,
    at_ms: i64,
    reason: String,
    limit: usize,
}

impl Camera {
    /// The pictures that are kept now; None when the page gave none.
    async fn picture(self, page: &Arc<dyn WhatsAppPage>) -> Option<Vec<KeptScreenshot>> {
        let png = match tokio::time::timeout(PICTURE_LIMIT, page.screenshot()).await {
            Ok(Ok(png)) => png,
            Ok(Err(error)) => {
                tracing::info!(%error, "the failed page gave no picture");
                return None;
            }
            Err(_) => {
                tracing::info!("the failed page gave no picture in time");
                return None;
            }
        };
        let Self { screenshots, session, at_ms, reason, limit } = self;
        let taken = Taken { at_ms, reason, png };
        match tokio::task::spawn_blocking(move || screenshots.keep(&session, &taken, limit)).await {
            Ok(Ok(kept)) => Some(kept),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the picture of the failed page was not kept");
                None
            }
            Err(error) => {
                tracing::error!(%error, "keeping the picture failed");
                None
            }
        }
    }
}

fn is_out_of_space(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// A launch that waits for its turn.
struct Launch {
    session: crate::model::SessionName,
    profile: std::path::PathBuf,
    store: Store,
    launcher: Arc<dyn PageLauncher>,
    gate: Arc<Gate>,
    priority: Priority,
    usage: Arc<Usage>,
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
        self.usage.wait_let_go(|| tell(Some(Wait::Held))).await;
        let place = self.gate.enter(self.priority, &self.session, tell).await;
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

/// Runs beside the actor; its lines carry the session's name, too.
pub(super) fn beside(tasks: &TaskTracker, work: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(work.in_current_span());
}

pub(super) async fn tell(reports: &mpsc::Sender<Report>, report: Report) {
    if let Err(error) = reports.send(report).await
        && let Report::Launched(Ok(launched), _) = error.0
    {
        // The actor is gone: a browser that nobody owns must not stay.
        let page: Arc<dyn WhatsAppPage> = launched.page;
        page.kill().await;
    }
}
