//! What changes while drover runs: drover.toml, the templates of mails and the bridge are watched, and SIGHUP reads them all anew.
//!
//! What is not valid is refused with its line, once, and the old one stays. A bridge that a page refuses is taken back out of the
//! pages that have it, and no page that starts later gets it.

use std::path::{Path, PathBuf};

use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    alert::Alerts,
    api,
    browser::{self, ChromiumLauncher},
    clock::Clock,
    config::{
        self, Config, LiveSettings, Sources,
        watch::{FileWatch, read_settled},
    },
    event::EventLog,
    model::{Alert, SessionName, Severity},
    outbox::Outbox,
    queue::Queue,
    session::Registry,
    telemetry::Logs,
};

/// The code of the alert about a bridge that was refused.
const BRIDGE_REFUSED: &str = "bridge_refused";

/// Takes changes over.
pub(super) struct Live {
    pub(super) sources: Sources,
    pub(super) settings: LiveSettings,
    pub(super) logs: Logs,
    pub(super) clock: std::sync::Arc<dyn Clock>,
    pub(super) queue: Queue,
    pub(super) outbox: Outbox,
    pub(super) rates: api::Rates,
    pub(super) alerts: Alerts,
    pub(super) bridge: LiveBridge,
}

/// The bridge that `browser.bridge` names.
pub(super) struct LiveBridge {
    /// Empty: the built-in one, which does not change.
    pub(super) path: PathBuf,
    pub(super) registry: Registry,
    pub(super) launcher: ChromiumLauncher,
    pub(super) events: EventLog,
    /// Whether the last change was refused.
    pub(super) is_refused: bool,
}

impl Live {
    /// Takes changes over until `stop`.
    pub(super) async fn run(mut self, mut hangup: Signal, stop: CancellationToken) {
        let mut file = watch(self.sources.path(), "the file of the settings");
        let mut bridge =
            (!self.bridge.path.as_os_str().is_empty()).then(|| watch(&self.bridge.path, "the bridge")).flatten();
        let mut folder = self.alerts.templates_folder();
        let mut templates = watch_templates(&folder);
        loop {
            if folder != self.alerts.templates_folder() {
                folder = self.alerts.templates_folder();
                templates = watch_templates(&folder);
            }
            tokio::select! {
                text = changed(&mut file) => self.take_file(text),
                () = settled(&mut templates) => self.reload_templates(),
                () = settled(&mut bridge) => self.bridge.take().await,
                Some(()) = hangup.recv() => {
                    info!("SIGHUP: settings, templates and bridge are read anew");
                    self.reread_file().await;
                    self.reload_templates();
                    self.bridge.take().await;
                }
                () = stop.cancelled() => return,
            }
        }
    }

    async fn reread_file(&mut self) {
        match read_settled(self.sources.path()).await {
            Ok(text) => self.take_file(text),
            // Without one the other layers are all there is.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.take_file(String::new()),
            Err(error) => self.refuse(&format!("{} cannot be read: {error}", self.sources.path().display())),
        }
    }

    fn reload_templates(&self) {
        if !self.alerts.templates_folder().as_os_str().is_empty() {
            self.alerts.reload_templates();
        }
    }

    fn take_file(&mut self, text: String) {
        match config::load(&self.sources.with_file(text)) {
            Ok(loaded) => {
                let taken = self.settings.take(&loaded);
                if taken.mends {
                    info!("the file of the settings is valid again");
                }
                if !taken.in_force.is_empty() {
                    info!(settings = taken.in_force.join(" "), "changed settings are in force");
                    self.apply(&loaded.config, &taken.in_force);
                }
                if !taken.after_restart.is_empty() {
                    warn!(settings = taken.after_restart.join(" "), "changed settings need a restart to be in force");
                }
            }
            Err(error) => self.refuse(&error.to_string()),
        }
    }

    fn refuse(&self, why: &str) {
        if self.settings.refuse(why, self.clock.now_ms()) {
            warn!(error = why, "the settings stay as they were: the changed file is not valid");
        }
    }

    fn apply(&self, config: &Config, changed: &[&str]) {
        self.queue.set_limits(config.limits);
        self.outbox.set_limits(config.limits);
        self.bridge.registry.set_memory(config.memory.clone());
        self.rates.set(config.rate);
        if let Err(error) = self.alerts.set(&config.alerts, &config.smtp) {
            warn!(%error, "mails are sent as before: the changed settings cannot be used");
        }
        // Another level may have been set over the API, which stays where the file does not speak of it.
        if changed.contains(&"log.level")
            && let Err(error) = self.logs.set_level(&config.log.level)
        {
            warn!(%error, "the level of the log stays as it was");
        }
    }
}

impl LiveBridge {
    /// Puts the bridge into every running page; pages that start later read it themselves.
    async fn take(&mut self) {
        if self.path.as_os_str().is_empty() {
            return;
        }
        let path = self.path.display();
        let source = match browser::read_bridge(&self.path) {
            Ok(source) => source,
            // Removed meanwhile: the next change brings it back.
            Err(error) => {
                warn!(%error, %path, "the bridge changed and cannot be read now");
                return;
            }
        };
        let good = self.launcher.good_bridge();
        if source == good {
            return;
        }
        info!(%path, "the bridge changed");
        match self.registry.replace_bridge(&source).await {
            Ok(pages) => {
                self.launcher.accept_bridge(&source);
                info!(pages, "the new bridge is in");
                if std::mem::take(&mut self.is_refused) {
                    self.tell(Alert::resolved(BRIDGE_REFUSED, "the bridge was replaced by one that works")).await;
                }
            }
            Err(refused) => {
                self.launcher.refuse_bridge(&source);
                self.is_refused = true;
                if refused.taken_by > 0
                    && let Err(error) = self.registry.replace_bridge(&good).await
                {
                    error!(session.id = %error.session, error = %error.source, "the old bridge could not be put back");
                }
                let text = format!(
                    "the changed bridge at {path} was refused by the page of '{}' and is used nowhere; the one before stays: {}. \
                     Mend it; it is tried again when it changes",
                    refused.session, refused.source
                );
                let alert = Alert::raised(BRIDGE_REFUSED, Severity::Warning, text)
                    .with("path", path.to_string())
                    .with("session", refused.session.to_string())
                    .with("error", refused.source.to_string());
                self.tell(alert).await;
            }
        }
    }

    async fn tell(&self, alert: Alert) {
        match self.events.alert(&SessionName::server(), alert.clone()).await {
            Ok(Some(_)) => {}
            // It was told that a bridge was refused; this is another one.
            Ok(None) => warn!("{}", alert.message),
            Err(error) => error!(%error, "an alert was not stored"),
        }
    }
}

/// The folder of the templates, if one is named.
fn watch_templates(folder: &Path) -> Option<FileWatch> {
    if folder.as_os_str().is_empty() {
        return None;
    }
    let watch = FileWatch::of_tree(folder);
    watch.map_err(|error| warn!(%error, path = %folder.display(), "the templates are not watched: send SIGHUP after a change")).ok()
}

/// None, and said so, when it cannot be watched: SIGHUP is left then.
fn watch(path: &Path, what: &str) -> Option<FileWatch> {
    match FileWatch::new(path) {
        Ok(watch) => Some(watch),
        Err(error) => {
            warn!(%error, path = %path.display(), "{what} is not watched: send SIGHUP after a change");
            None
        }
    }
}

async fn changed(watch: &mut Option<FileWatch>) -> String {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

async fn settled(watch: &mut Option<FileWatch>) {
    match watch {
        Some(watch) => watch.settled().await,
        None => std::future::pending().await,
    }
}
