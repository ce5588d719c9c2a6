//! What every session is given: the other rooms, the settings, and the launch gate.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{admission::Limits, gate::Gate, logins::Logins, memory::Memory, screenshots::Screenshots};
use crate::{
    clock::Clock,
    config,
    event::EventLog,
    media::{Fetcher, FileStore},
    outbox::Outbox,
    page::PageLauncher,
    queue::Queue,
    shutdown::Shutdown,
    store::Store,
};

/// What a browser gets to close in order, however little time an ending drover has left: it takes one 0.2 s as a rule.
pub const LEAST_CLOSE_GRACE: Duration = Duration::from_secs(3);

/// Shared by all sessions.
pub struct Services {
    /// The database.
    pub store: Store,
    /// The event log.
    pub events: EventLog,
    /// The outbound queue.
    pub queue: Queue,
    /// Takes messages over: an answer to somebody who writes too much.
    pub outbox: Outbox,
    /// The files that go out and come in.
    pub files: Files,
    /// Starts browsers.
    pub launcher: Arc<dyn PageLauncher>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How sessions behave.
    pub settings: Settings,
    /// The senders' signals and tasks; ended before the browsers.
    pub senders: Shutdown,
}

/// The files that go out and come in.
#[derive(Debug, Clone)]
pub struct Files {
    /// Those that are kept.
    pub store: FileStore,
    /// Fetches those that are sent.
    pub fetcher: Fetcher,
}

/// How sessions behave.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[keepalive]`
    pub keepalive: config::Keepalive,
    /// `[quality]`
    pub quality: config::Quality,
    /// `[queue]`
    pub queue: config::Queue,
    /// `[browser]`
    pub browser: config::Browser,
    /// `[admission]`
    pub admission: config::Admission,
    /// `[memory]`, as drover started with it; [`super::Registry::set_memory`] changes it.
    pub memory: config::Memory,
    /// `[typing]`
    pub typing: config::Typing,
    /// `[inbound]`
    pub inbound: config::Inbound,
    /// `[media]`
    pub media: config::Media,
    /// The data folder.
    pub data_dir: PathBuf,
}

impl Services {
    /// The gate before every launch.
    pub(super) fn launch_gate(&self, memory: Arc<Memory>) -> Arc<Gate> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let limits = Limits::new(&self.settings.admission, cores);
        Gate::new(limits, memory, Arc::clone(&self.clock))
    }

    /// The account of who holds how much memory.
    pub(super) fn memory(&self) -> Arc<Memory> {
        let first_guess_bytes = self.settings.admission.memory_per_start_mb << 20;
        Arc::new(Memory::new(self.settings.memory.clone(), first_guess_bytes))
    }

    /// How long a browser may take to close: less when drover ends and has little time left.
    pub(super) fn close_grace(&self) -> Duration {
        let usual = Duration::from_secs(self.settings.browser.close_grace_s);
        self.senders.time_left().map_or(usual, |left| usual.min(left.max(LEAST_CLOSE_GRACE)))
    }

    /// Where the logins lie.
    #[must_use]
    pub fn logins(&self) -> Logins {
        Logins::new(&self.settings.data_dir)
    }

    /// Where the pictures of failures lie.
    pub(super) fn screenshots(&self) -> Screenshots {
        Screenshots::new(&self.settings.data_dir)
    }
}
