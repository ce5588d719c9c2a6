//! Every kind of fault that can be brought about from outside: by the machine, through the page's DevTools, by WhatsApp's server.

use std::{
    fmt,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use rand::{RngExt, rngs::StdRng, seq::SliceRandom};
use serde_json::json;

use super::{Session, Soak};
use crate::support::DevTools;

/// What can happen to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    KillBrowser,
    KillRenderer,
    EndlessLoop,
    PageCrash,
    StopBrowser,
    Navigation,
    Replaced,
    SocketDrop,
    Flapping,
    ServerRefusing,
    SlowPage,
    AckWithheld,
}

impl Fault {
    const ALL: [Self; 12] = [
        Self::KillBrowser,
        Self::KillRenderer,
        Self::EndlessLoop,
        Self::PageCrash,
        Self::StopBrowser,
        Self::Navigation,
        Self::Replaced,
        Self::SocketDrop,
        Self::Flapping,
        Self::ServerRefusing,
        Self::SlowPage,
        Self::AckWithheld,
    ];

    fn describe(self) -> &'static str {
        match self {
            Self::KillBrowser => "kill -9 of the browser",
            Self::KillRenderer => "kill -9 of its renderer",
            Self::EndlessLoop => "endless loop in the page",
            Self::PageCrash => "Page.crash",
            Self::StopBrowser => "SIGSTOP of the browser",
            Self::Navigation => "navigation",
            Self::Replaced => "stream error replaced",
            Self::SocketDrop => "socket dropped once",
            Self::Flapping => "socket flapping every 5 s",
            Self::ServerRefusing => "server refusing",
            Self::SlowPage => "page busy for some seconds",
            Self::AckWithheld => "acks withheld",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.describe())
    }
}

/// All kinds in a random order, again and again: each comes as often as the others.
#[derive(Default)]
pub(super) struct Deck(Vec<Fault>);

impl Deck {
    pub(super) fn draw(&mut self, rng: &mut StdRng) -> Fault {
        if self.0.is_empty() {
            self.0 = Fault::ALL.to_vec();
            self.0.shuffle(rng);
        }
        self.0.pop().expect("it was filled")
    }
}

/// Lets a fault happen, and returns when it is over; for one without an end, as soon as it has begun. Gives that moment, or None
/// when there was no browser that it could happen to.
pub(super) fn happen(fault: Fault, soak: &Soak<'_>, session: &Session<'_>, rng: &mut StdRng) -> Option<Instant> {
    let (home, phone) = (soak.home, &session.phone);
    match fault {
        Fault::KillBrowser => home.browser_of(&session.name)?.signal(Signal::SIGKILL),
        Fault::StopBrowser => home.browser_of(&session.name)?.signal(Signal::SIGSTOP),
        Fault::KillRenderer => {
            let renderers = home.renderers_of(&session.name);
            renderers.first()?;
            renderers.iter().for_each(|renderer| renderer.signal(Signal::SIGKILL));
        }
        Fault::EndlessLoop => DevTools::attach(&home.profile(&session.name)).loop_for_ever(),
        Fault::PageCrash => DevTools::attach(&home.profile(&session.name)).crash(),
        Fault::Navigation => DevTools::attach(&home.profile(&session.name)).reload(),
        Fault::Replaced => phone.fault(json!({"replaced": true})),
        Fault::SocketDrop => phone.fault(json!({"drop_socket": true})),
        Fault::Flapping => {
            phone.fault(json!({"drop_socket": true, "sockets_flap_every_ms": 5_000}));
            soak.over.rest(Duration::from_secs(rng.random_range(15..=25)));
            soak.simulator.clear_faults_of(&phone.number);
        }
        Fault::ServerRefusing => {
            let span_s = rng.random_range(10..=30_u64);
            phone.fault(json!({"refuse_socket_ms": span_s * 1_000, "drop_socket": true}));
            soak.over.rest(Duration::from_secs(span_s));
        }
        Fault::SlowPage => {
            let span_ms = rng.random_range(2_000..=8_000_u64);
            phone.fault(json!({"hang_page_ms": span_ms}));
            soak.over.rest(Duration::from_millis(span_ms));
        }
        Fault::AckWithheld => {
            phone.fault(json!({"stay_at_ack": 0}));
            soak.over.rest(Duration::from_secs(rng.random_range(5..=15)));
            soak.simulator.clear_faults_of(&phone.number);
        }
    }
    Some(Instant::now())
}
