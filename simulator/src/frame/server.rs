//! What the server says.

use serde::Serialize;
use serde_json::Value;

use super::shape::{Me, WireChat, WireContact, WireGroup, WireMessage};

/// What the server says.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "t", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum ServerFrame {
    Refs {
        refs: Vec<String>,
        first_ms: u64,
        next_ms: u64,
    },
    Paired {
        token: String,
        me: Me,
        #[serde(skip_serializing_if = "Option::is_none")]
        adv: Option<String>,
    },
    Resumed {
        me: Me,
    },
    Unlinked {
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Critical {
        contacts: Vec<WireContact>,
        chats: Vec<WireChat>,
        groups: Vec<WireGroup>,
    },
    History {
        chats: Vec<WireChat>,
        messages: Vec<WireMessage>,
        last: bool,
        progress: u32,
    },
    Offline {
        count: usize,
    },
    Online {},
    Message {
        message: Box<WireMessage>,
    },
    Ack {
        key: String,
        id: String,
        ack: i8,
    },
    Refused {
        key: String,
        id: String,
        code: u32,
    },
    Edited(Box<Aftermath<EditedBody>>),
    Revoked(Box<Aftermath<RevokedKey>>),
    Reacted(Box<Aftermath<Reaction>>),
    Voted(Box<Aftermath<Vote>>),
    Resolved {
        message: Box<WireMessage>,
    },
    Receipted(Box<Aftermath<Receipted>>),
    Call {
        id: String,
        from: String,
        is_video: bool,
        is_group: bool,
        at: u64,
        state: &'static str,
    },
    Presence {
        chat_id: String,
        from: String,
        state: String,
        at: u64,
    },
    Contacts {
        contacts: Vec<WireContact>,
    },
    Group {
        group: WireGroup,
    },
    Answer {
        rid: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    Fault(PageFault),
    StreamError {
        reason: String,
    },
}

/// Something that happened to a message: which one (`key`, `id`), by whom, when (seconds), and what.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Aftermath<What> {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) what: What,
}

impl Aftermath<()> {
    /// The same, with what happened.
    pub(crate) fn with<What>(self, what: What) -> Aftermath<What> {
        Aftermath { key: self.key, id: self.id, from: self.from, at: self.at, what }
    }
}

/// The new text of an edited message.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EditedBody {
    pub(crate) body: String,
    pub(crate) edit_id: String,
}

/// The key under which a revoked message is known from now on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevokedKey {
    pub(crate) new_key: String,
    pub(crate) new_id: String,
}

/// A reaction; an empty text takes it back.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reaction {
    pub(crate) reaction_key: String,
    pub(crate) reaction_id: String,
    pub(crate) text: String,
}

/// All that a person has chosen in a poll by now.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vote {
    pub(crate) vote_key: String,
    pub(crate) vote_id: String,
    pub(crate) options: Vec<String>,
}

/// That one participant of a group has, or has read, a message.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Receipted {
    pub(crate) ack: i8,
}

/// A frame that comes again until the page confirms its number.
#[derive(Debug, Serialize)]
pub(crate) struct Numbered<'a> {
    #[serde(flatten)]
    pub(crate) frame: &'a ServerFrame,
    pub(crate) n: u64,
}

/// What the page itself must do wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum PageFault {
    Hang { ms: u64 },
    Crash {},
    NeverSync {},
    LateHasSynced { ms: u64 },
    MissingExport { module: String, export: String },
    OldMsgkey {},
    Block { mode: String },
    HangLogout {},
    Leak { mb_per_minute: f64 },
    Heap { mb: f64 },
    Clear {},
}

impl ServerFrame {
    /// The frame as it goes over the wire, with its number if it has one.
    pub(crate) fn to_text(&self, n: Option<u64>) -> String {
        let text = match n {
            Some(n) => serde_json::to_string(&Numbered { frame: self, n }),
            None => serde_json::to_string(self),
        };
        text.expect("frames have string keys and finite numbers")
    }
}
