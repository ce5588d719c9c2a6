//! The shapes that the server's frames are made of: messages, contacts, chats, groups.

use serde::Serialize;
use serde_json::{Map, Value};

/// Who a linked page is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Me {
    pub(crate) pn: String,
    pub(crate) lid: String,
    pub(crate) pushname: String,
    pub(crate) platform: String,
    pub(crate) device_id: u32,
}

/// A message as a page receives it.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireMessage {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) chat_id: String,
    pub(crate) from: String,
    pub(crate) to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) participant: Option<String>,
    pub(crate) from_me: bool,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) t: u64,
    pub(crate) notify_name: String,
    pub(crate) fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) media: Option<WireMedia>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quoted: Option<WireQuoted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ack: Option<i8>,
}

/// Where a message's media lies, and what it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireMedia {
    pub(crate) direct_path: String,
    pub(crate) url: String,
    pub(crate) filehash: String,
    pub(crate) enc_filehash: String,
    pub(crate) media_key: String,
    pub(crate) media_key_timestamp: u64,
    pub(crate) mimetype: String,
    pub(crate) size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filename: Option<String>,
}

/// The message that another one answers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WireQuoted {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) participant: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) body: String,
}

/// A person as a page knows them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireContact {
    pub(crate) id: String,
    pub(crate) lid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) pushname: String,
    pub(crate) on_whats_app: bool,
    pub(crate) biz: bool,
}

/// A chat of the list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireChat {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) unread_count: u32,
    pub(crate) t: u64,
    pub(crate) archived: bool,
}

/// A group and who is in it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WireGroup {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) owner: String,
    pub(crate) creation: u64,
    pub(crate) participants: Vec<WireParticipant>,
}

/// One of a group.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WireParticipant {
    pub(crate) id: String,
    pub(crate) pn: String,
    pub(crate) admin: bool,
}
