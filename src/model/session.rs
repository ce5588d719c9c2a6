//! A session: what it should be, what it is, and what it shows.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Qr, SessionHealth, SessionName, SleepView};

/// What the operator wants, stored apart from what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Desired {
    /// It shall run; whatever ends it brings it back.
    Running,
    /// It shall rest.
    Stopped,
}

/// Where a session stands (ARCHITECTURE.md has the picture).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// No browser, none wanted.
    Stopped,
    /// A browser is being started, or waits its turn.
    Launching,
    /// The page loads.
    Loading,
    /// A QR is shown.
    AwaitingScan,
    /// A phone scanned it.
    Pairing,
    /// Linked; chats are being synced.
    Syncing,
    /// It can send.
    Ready,
    /// The browser is closed to save memory; the login is kept.
    Hibernated,
    /// The browser is gone or useless; the next start is due.
    Reconnecting,
    /// The phone unlinked it; the login is archived.
    LoggedOut,
    /// Attempts spent, or a person is needed.
    Failed,
}

impl SessionState {
    /// All of them, for tests and tables.
    pub const ALL: [Self; 11] = [
        Self::Stopped,
        Self::Launching,
        Self::Loading,
        Self::AwaitingScan,
        Self::Pairing,
        Self::Syncing,
        Self::Ready,
        Self::Hibernated,
        Self::Reconnecting,
        Self::LoggedOut,
        Self::Failed,
    ];

    /// The name in the API (`state`) and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Launching => "launching",
            Self::Loading => "loading",
            Self::AwaitingScan => "awaiting_scan",
            Self::Pairing => "pairing",
            Self::Syncing => "syncing",
            Self::Ready => "ready",
            Self::Hibernated => "hibernated",
            Self::Reconnecting => "reconnecting",
            Self::LoggedOut => "logged_out",
            Self::Failed => "failed",
        }
    }

    /// The status that WAHA's clients know; [`SessionView::wire_status`] minds the settings too.
    #[must_use]
    pub fn wire_status(self) -> WireStatus {
        match self {
            Self::Stopped | Self::Hibernated | Self::LoggedOut => WireStatus::Stopped,
            Self::Launching | Self::Loading | Self::Pairing | Self::Syncing | Self::Reconnecting => {
                WireStatus::Starting
            }
            Self::AwaitingScan => WireStatus::ScanQrCode,
            Self::Ready => WireStatus::Working,
            Self::Failed => WireStatus::Failed,
        }
    }
}

impl FromStr for SessionState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("'{text}' is no state of a session"))
    }
}

/// WAHA's status of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WireStatus {
    /// No browser.
    Stopped,
    /// On its way.
    Starting,
    /// A QR waits for a phone.
    ScanQrCode,
    /// It can send.
    Working,
    /// A person, or the slow retry, is needed.
    Failed,
}

/// Why a session is where it is: a code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// Such as `browser_gone`, `qr_timeout`, `unlinked`.
    pub code: String,
    /// What it means and what to do.
    pub message: String,
}

impl Reason {
    /// A reason from its code and sentence.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// The account that a session is linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// `<digits>@c.us`.
    pub id: String,
    /// `<digits>@lid`, where the account has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lid: Option<String>,
    /// The name that the account shows.
    pub push_name: String,
}

/// A session as the store holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRecord {
    /// Its name.
    pub name: SessionName,
    /// What the operator wants.
    pub desired: Desired,
    /// The state last seen.
    pub state: SessionState,
    /// Why.
    pub reason: Option<Reason>,
    /// The account, once it was linked; None after a logout.
    pub me: Option<Me>,
    /// WAHA's `config` of the session, as it was given.
    pub config: serde_json::Value,
    /// WhatsApp Web's version, as the page had it last.
    pub web_version: Option<String>,
    /// Unix time in milliseconds of its creation.
    pub created_at_ms: i64,
}

/// A session as it shows itself, published by its actor on every change.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    /// Its name.
    pub name: SessionName,
    /// What the operator wants.
    pub desired: Desired,
    /// Where it stands.
    pub state: SessionState,
    /// Why.
    pub reason: Option<Reason>,
    /// Unix time in milliseconds since which it stands there.
    pub since_ms: i64,
    /// The account, once known.
    pub me: Option<Me>,
    /// The code to scan, in `awaiting_scan`. Whoever serves it checks its expiry.
    pub qr: Option<Qr>,
    /// What the page told of itself.
    pub page: PageView,
    /// While `reconnecting`: which attempt is next, and when (Unix milliseconds).
    pub retry: Option<(u32, i64)>,
    /// How well it does.
    pub health: SessionHealth,
    /// Of its sleep.
    pub sleep: SleepView,
}

/// What a session's page told of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageView {
    /// WhatsApp Web's version, as `Debug.VERSION` says; of the page before, until the new one says its own.
    pub web_version: Option<String>,
    /// The bridge's capabilities that did not resolve.
    pub missing_capabilities: Vec<String>,
    /// How far the loading is, 0 to 100, while it syncs.
    pub loading_percent: Option<u8>,
    /// The round trip of the last heartbeat, in milliseconds.
    pub latency_ms: Option<u64>,
}
