//! What drover can ask of a WhatsApp Web page, and what such a page says: the border between sessions and browsers.
//!
//! Nothing here knows of Chromium or CDP; `browser` implements it. Every call has its own deadline inside the
//! implementation: none hangs. After [`PageEvent::Gone`] every call fails with [`PageError::Gone`].

pub mod inbound;
pub mod options;
pub mod questions;
pub mod wire;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::model::content::MediaKind;
use crate::model::{Ack, ChatId, Content, MessageId, MessageKey, PhoneNumber, Reason, SessionName};

pub use inbound::{Arrival, Incoming};
pub use options::{PageOptions, WrongOption};
pub use questions::{ChatState, Question};
pub use wire::{Probe, Snapshot, SocketState, StreamMode};

/// A WhatsApp Web page in a browser of its own.
#[async_trait]
pub trait WhatsAppPage: Send + Sync + 'static {
    /// What the page is, read afresh; its round trip is the session's heartbeat.
    async fn snapshot(&self) -> Result<Snapshot, PageError>;

    /// Asks for new QR codes after the page ran out of them (`UNPAIRED_IDLE`).
    async fn refresh_qr(&self) -> Result<(), PageError>;

    /// A code of eight characters to type on the phone instead of scanning.
    async fn request_pairing_code(&self, phone: &PhoneNumber) -> Result<String, PageError>;

    /// Resolves the chat and builds the full key that `id` will have there. Sends nothing.
    ///
    /// `known_as` is the chat under which WhatsApp knows the number, if it was asked lately: it is not asked again then.
    async fn prepare(&self, chat: &ChatId, id: &MessageId, known_as: Option<&ChatId>) -> Result<Prepared, PageError>;

    /// What the page's database knows of a message, under the given keys and every other form of them.
    async fn look_up(&self, keys: &[MessageKey]) -> Result<Option<Found>, PageError>;

    /// Sends under exactly this key, or does what the content says, and waits until the server acknowledged, refused, or `wait` ran out.
    async fn send(&self, request: &SendRequest) -> SendOutcome;

    /// Sends again what the page has at ack 0, under the same key; waits as [`Self::send`] does.
    async fn resend(&self, key: &MessageKey, wait: Duration) -> SendOutcome;

    /// The chat of a number that is on WhatsApp, None if it is not.
    async fn check_number(&self, phone: &PhoneNumber) -> Result<Option<ChatId>, PageError>;

    /// Answers a question as plain data; see [`questions`].
    async fn ask(&self, question: &Question) -> Result<Value, PageError> {
        Err(PageError::MissingCapability(format!("{question:?}")))
    }

    /// Uploads the file of a message that is about to be sent under this key. Sends nothing.
    async fn upload(&self, key: &MessageKey, file: &FileToSend) -> Result<(), PageError> {
        Err(PageError::MissingCapability(format!("upload {} for {key}", file.media.as_str())))
    }

    /// Keeps a copy of the login that has just come about, until the browser has certainly written it: a browser that is killed before
    /// that loses none.
    async fn keep_login(&self) -> Result<(), PageError> {
        Ok(())
    }

    /// Logs the account out on WhatsApp's side, as a person does in the menu.
    async fn log_out(&self) -> Result<(), PageError>;

    /// Loads the page anew, in the same browser. Returns when that has begun; the bridge attaches again.
    async fn reload(&self) -> Result<(), PageError>;

    /// A small input event, so that the page counts as used. Changes nothing that anybody can see.
    async fn touch(&self) -> Result<(), PageError>;

    /// Shows the account as online, or no longer. While a companion is online the phone does not notify its owner.
    async fn set_available(&self, available: bool) -> Result<(), PageError>;

    /// Has the page let go of memory that it does not need: its garbage, what its last frames were made of. It stands still for some
    /// 100 ms meanwhile, and loses nothing. Takes some seconds, and in a page that is not a minute old until it is.
    async fn let_go(&self) -> Result<(), PageError> {
        Err(PageError::MissingCapability("let go of memory".to_owned()))
    }

    /// The visible page as PNG.
    async fn screenshot(&self) -> Result<Vec<u8>, PageError>;

    /// Puts another bridge into the running page: the old one lets go, the new one attaches.
    async fn replace_bridge(&self, source: &str) -> Result<Probe, PageError>;

    /// `Browser.close`, wait for the exit, fsync of the profile. What does not end within `grace` is killed, the whole tree.
    async fn close(&self, grace: Duration);

    /// Ends the whole tree at once and reaps it.
    async fn kill(&self);
}

/// Starts browsers.
#[async_trait]
pub trait PageLauncher: Send + Sync + 'static {
    /// Locks the profile, starts a browser on it, puts the bridge in and navigates to WhatsApp Web. Returns as soon as the
    /// navigation was ordered; the page speaks through the events. On an error nothing is left running or locked. A launch that is
    /// dropped is given up.
    async fn launch(&self, request: LaunchRequest) -> Result<Launched, LaunchError>;

    /// Waits until nothing is left of the launches on this profile that were given up.
    async fn wait_given_up(&self, profile: &Path);
}

/// What to start.
#[derive(Debug, Clone)]
pub struct LaunchRequest {
    /// For whom; names log lines and process records.
    pub session: SessionName,
    /// The profile's folder; made (0700) if it is not there.
    pub profile: PathBuf,
    /// How it differs from others.
    pub options: PageOptions,
}

/// A started browser.
pub struct Launched {
    /// To ask.
    pub page: Arc<dyn WhatsAppPage>,
    /// To listen; ends with [`PageEvent::Gone`].
    pub events: mpsc::Receiver<PageEvent>,
    /// The browser's process group.
    pub process_group: u32,
}

/// A page was not started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No Chromium on this machine.
    #[error("{0}")]
    NoBrowser(String),
    /// A live process holds the profile.
    #[error("the profile {} is in use by {}: stop it, or wait until it ends", profile.display(), holder_name(*pid))]
    ProfileInUse {
        /// Which profile.
        profile: PathBuf,
        /// By whom; None when it has not said so.
        pid: Option<u32>,
    },
    /// The profile's folder cannot be used.
    #[error("the profile {} cannot be used: {source}; {}", profile.display(), profile_advice(source))]
    Profile {
        /// Which profile.
        profile: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The session's configuration cannot be read, or says what no longer is allowed.
    #[error("the session's configuration cannot be used: {0}")]
    Options(String),
    /// The browser ended or hung before it answered; with the last lines that it wrote.
    #[error("Chromium did not start: {detail}")]
    Browser {
        /// What it said.
        detail: String,
    },
}

fn holder_name(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn profile_advice(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match source.kind() {
        StorageFull | QuotaExceeded => "make room on its disk: the session starts when there is some",
        PermissionDenied | ReadOnlyFilesystem => "give drover's user the right to write there, then start the session",
        _ => "look at what is in its place, where drover wants a folder of its own, then start the session",
    }
}

/// A call to a page failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PageError {
    /// The browser or its page is gone; it never comes back.
    #[error("the browser is gone: {0}")]
    Gone(String),
    /// No answer in time; the page may hang.
    #[error("the page did not answer within {0:?}")]
    Timeout(Duration),
    /// WhatsApp Web is not there yet: the page loads, or shows an error of the browser's.
    #[error("WhatsApp Web is not loaded yet")]
    NotLoaded,
    /// The page navigated away while it was asked.
    #[error("the page navigated while it was asked")]
    Navigated,
    /// The bridge lacks the capability: WhatsApp Web changed.
    #[error("WhatsApp Web lacks what '{0}' needs: it changed; put a newer bridge in (DROVER_BRIDGE)")]
    MissingCapability(String),
    /// A new bridge does not work here, or less than the old one does, which is back.
    #[error("the bridge {0}")]
    UnfitBridge(String),
    /// WhatsApp Web can make nothing of a file.
    #[error("{0}")]
    InvalidMedia(String),
    /// The page answered with an error of its own.
    #[error("WhatsApp Web refused: {0}")]
    Refused(String),
}

/// A chat resolved for one message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prepared {
    /// The full key to send under.
    pub key: MessageKey,
    /// Whether the recipient can be written to at all: false when the number has no WhatsApp.
    pub on_whatsapp: bool,
    /// What WhatsApp answered for the number, if it was asked.
    #[serde(default)]
    pub checked: Option<Checked>,
}

/// What WhatsApp answered for a number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Checked {
    /// The chat under which it is reached; None: it has no WhatsApp.
    pub chat: Option<ChatId>,
}

/// What the page's database says of a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The key under which it stands.
    pub key: MessageKey,
    /// Its acknowledgement.
    pub ack: Ack,
    /// Whether the page marked it as failed (refused, or interrupted by a reload).
    pub is_send_failure: bool,
}

/// What to send, and how long to wait for the server.
#[derive(Debug, Clone)]
pub struct SendRequest {
    /// The committed key.
    pub key: MessageKey,
    /// The chat as asked for; a key that cannot be one of it is not sent under.
    pub chat: ChatId,
    /// What it says.
    pub content: Content,
    /// How long to wait for ack 1.
    pub wait: Duration,
    /// Whether the page may have done it already. Of what has no row of its own, such as a revoke, what it acts on tells.
    pub is_repeat: bool,
}

/// A file that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileToSend {
    /// Where it lies; absolute.
    pub path: PathBuf,
    /// What it is shown as.
    pub media: MediaKind,
    /// Its type.
    pub mimetype: String,
    /// Its name.
    pub filename: String,
}

/// How a send ended, as far as the page can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The server acknowledged.
    Sent {
        /// The highest ack seen.
        ack: Ack,
    },
    /// Refused for good: by the server (`isSendFailure`), or because it can never be sent.
    Rejected(Reason),
    /// Certainly not sent; nothing of it is in the page's database.
    Failed(Reason),
    /// Nobody can say: to be looked up by key before anything else.
    Unknown(Reason),
}

/// What a page says by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum PageEvent {
    /// The bridge is in; after every navigation again, and when what it misses changed.
    Attached(Probe),
    /// Something about the state changed; read afresh.
    Status(Snapshot),
    /// A new code to scan.
    Qr {
        /// The payload.
        value: String,
        /// How long it lives.
        ttl: Duration,
    },
    /// The page begins to log out: the login is lost, by the phone or by the page itself.
    LoggingOut,
    /// It navigated after a logout, with WhatsApp Web's reason where it gives one.
    LoggedOut {
        /// `logout_reason`: 0 fatal, 1 sync, 2 history timeout, 3 locked; None for an unlink on the phone.
        code: Option<u8>,
    },
    /// A message appeared, or something was done to one; not by drover.
    Arrived(Box<Arrival>),
    /// An acknowledgement of one of ours.
    Ack {
        /// Its key.
        key: MessageKey,
        /// The new acknowledgement.
        ack: Ack,
    },
    /// The server refused one of ours (`isSendFailure`, still at ack 0).
    SendFailure {
        /// Its key.
        key: MessageKey,
    },
    /// The browser or its page is dead; nothing follows.
    Gone {
        /// What was seen.
        reason: Reason,
    },
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::LaunchError;

    #[test]
    fn a_profile_that_cannot_be_used_says_what_to_do() {
        for (kind, advice) in [
            (ErrorKind::StorageFull, "make room on its disk"),
            (ErrorKind::ReadOnlyFilesystem, "the right to write there"),
            (ErrorKind::AlreadyExists, "what is in its place"),
        ] {
            let told = LaunchError::Profile { profile: "profiles/shop".into(), source: Error::from(kind) }.to_string();
            assert!(told.contains("profiles/shop") && told.contains(advice), "{told}");
        }
    }
}
