//! What the page says.
//!
//! Parsed leniently (unknown fields are ignored) and once, here; a frame that does not parse is logged by the socket and has
//! no effect.

use serde::Deserialize;
use serde_json::{Map, Value};

/// What the page says.
#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(crate) enum PageFrame {
    Hello(Hello),
    Signed {},
    Unsigned {
        #[serde(default)]
        reason: String,
    },
    Refresh {},
    Send(Send),
    Edit {
        id: String,
        key: String,
        target: String,
        body: String,
    },
    Revoke {
        id: String,
        key: String,
        target: String,
    },
    React {
        id: String,
        key: String,
        target: String,
        text: String,
    },
    Vote {
        id: String,
        key: String,
        target: String,
        options: Vec<String>,
    },
    Receipt {
        keys: Vec<String>,
        kind: ReceiptKind,
    },
    Got {
        n: Vec<u64>,
    },
    #[serde(rename_all = "camelCase")]
    Chatstate {
        chat_id: String,
        state: String,
    },
    Presence {
        available: bool,
    },
    Ask(Ask),
    Synced {
        what: Sync,
    },
    Mode {
        mode: String,
    },
    Logout {},
}

/// How a page introduces itself.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Hello {
    pub(crate) token: Option<String>,
    #[serde(default)]
    pub(crate) noise: String,
    #[serde(default)]
    pub(crate) identity: String,
    /// What the phone lists under Linked devices.
    #[serde(default)]
    pub(crate) device: String,
}

/// A message that leaves the page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Send {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) chat_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) fields: Map<String, Value>,
    pub(crate) media: Option<SentMedia>,
}

/// The upload that a media message refers to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SentMedia {
    pub(crate) direct_path: String,
    pub(crate) mimetype: String,
    pub(crate) filename: Option<String>,
}

/// A question of the page.
#[derive(Debug, Deserialize)]
pub(crate) struct Ask {
    pub(crate) rid: Value,
    #[serde(flatten)]
    pub(crate) question: Question,
}

/// What the page wants to know.
#[derive(Debug, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum Question {
    Exists { user: String },
    PairingCode { phone: String },
    Lid { user: String },
    Picture { id: String },
    About { id: String },
    Group { id: String },
    Upload {},
}

/// What became of an incoming message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReceiptKind {
    Delivery,
    Read,
    Played,
}

/// One of the two syncs after linking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sync {
    Critical,
    History,
}
