//! What a real server would know, and the rules by which it acts on that.
//!
//! [`World`] is plain data behind one lock, owned by [`Simulator`](crate::simulator::Simulator); nothing in here waits or does I/O.
//! Frames for a page go into that page's bounded outbox; what has to happen later is put on the [`schedule::Schedule`]. One file a
//! subject: this one only holds the parts together.
//!
//! Invariants: a device is connected to at most one page; a message is listed in every thread state of the phones that take
//! part in it; an incoming message waits for a device until that device confirmed its delivery.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::settings::Settings;

pub(crate) mod acks;
pub(crate) mod aftermath;
pub(crate) mod ask;
pub(crate) mod deliver;
pub(crate) mod devices;
pub(crate) mod faults;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod incoming;
pub(crate) mod linking;
pub(crate) mod media;
pub(crate) mod messages;
pub(crate) mod pages;
pub(crate) mod people;
pub(crate) mod receive;
pub(crate) mod schedule;
pub(crate) mod sent;

/// All that the server knows.
pub(crate) struct World {
    pub(crate) settings: Arc<Settings>,
    pub(crate) people: people::People,
    pub(crate) groups: groups::Groups,
    pub(crate) messages: messages::Messages,
    pub(crate) devices: devices::Devices,
    pub(crate) pages: pages::Pages,
    pub(crate) linking: linking::Linking,
    pub(crate) media: media::Media,
    pub(crate) faults: faults::Faults,
    pub(crate) schedule: schedule::Schedule,
    pub(crate) counts: Counts,
    /// Something that the phone page shows has changed.
    pub(crate) changed: bool,
}

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Devices that were linked.
    pub(crate) logins: u64,
    /// `send` frames, each one.
    pub(crate) received: u64,
    /// Messages refused.
    pub(crate) refused: u64,
    /// Messages given to phones to send to pages.
    pub(crate) incoming: u64,
    /// Frames that were not understood.
    pub(crate) malformed: u64,
}

impl World {
    /// A server that knows nobody.
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            people: people::People::default(),
            groups: groups::Groups::default(),
            messages: messages::Messages::default(),
            devices: devices::Devices::default(),
            pages: pages::Pages::default(),
            linking: linking::Linking::default(),
            media: media::Media::default(),
            faults: faults::Faults::default(),
            schedule: schedule::Schedule::default(),
            counts: Counts::default(),
            changed: false,
        }
    }
}

/// The time of day, in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the simulator stands for the world outside, which has the time of day")]
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The time of day, in seconds since 1970.
pub(crate) fn now_s() -> u64 {
    now_ms() / 1000
}

/// `bytes` random bytes as hexadecimal digits, in upper case, as message ids have them.
pub(crate) fn random_hex(bytes: usize) -> String {
    (0..bytes).map(|_| format!("{:02X}", rand::random::<u8>())).collect()
}
