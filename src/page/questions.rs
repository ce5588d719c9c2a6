//! What a page can be asked beside its sends: small questions whose answers are plain data. A question that the bridge cannot
//! answer for want of a module is [`PageError::MissingCapability`], and nothing else suffers.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Incoming, PageError, WhatsAppPage, inbound::Presence};
use crate::model::{ChatId, MessageKey};

/// How much of a file comes out of a page at a time: base64 of it is one string.
const PART_BYTES: u64 = 512 << 10;
/// How long one call waits for a download; shorter than a call may take.
const DOWNLOAD_SLICE_MS: u64 = 2_000;

/// A question, as the bridge's function of the same name takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "function", content = "argument", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Question {
    /// Shows the other side that somebody types, records, or stopped.
    ShowChatState {
        /// Where.
        chat: ChatId,
        /// What.
        state: ChatState,
    },
    /// Tells somebody's presence from now on, while the page lives.
    WatchPresence {
        /// Whose.
        chat: ChatId,
    },
    /// Messages since a time, oldest first.
    Missed {
        /// Unix time in seconds.
        since: i64,
        /// At most so many.
        limit: usize,
    },
    /// Who somebody is.
    Contact {
        /// A chat id.
        id: ChatId,
    },
    /// What somebody says of themselves.
    About {
        /// A chat id.
        id: ChatId,
    },
    /// Somebody's picture, or a group's.
    Picture {
        /// A chat id.
        id: ChatId,
    },
    /// The chats, the last written to first.
    Chats {
        /// At most so many.
        limit: usize,
        /// After so many.
        offset: usize,
    },
    /// A chat's messages, the newest first.
    ChatMessages {
        /// Which.
        chat: ChatId,
        /// At most so many.
        limit: usize,
        /// After so many.
        offset: usize,
    },
    /// One message.
    Message {
        /// In any form of its key.
        key: MessageKey,
    },
    /// Brings a message's file into the page.
    Download {
        /// Of which message.
        key: MessageKey,
        /// How long to wait for it.
        wait_ms: u64,
    },
    /// Waits for it further.
    DownloadEnd {
        /// Of which message.
        key: MessageKey,
        /// How long to wait for it.
        wait_ms: u64,
    },
    /// A part of it, in base64.
    DownloadPart {
        /// Of which message.
        key: MessageKey,
        /// From which byte.
        offset: u64,
        /// How many.
        length: u64,
    },
    /// Lets it go.
    DownloadOver {
        /// Of which message.
        key: MessageKey,
    },
}

/// What the other side of a chat sees of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChatState {
    /// "typing".
    Composing,
    /// "recording audio".
    Recording,
    /// Neither.
    Paused,
}

/// Shows a chat state.
///
/// # Errors
/// When the page does not do it.
pub async fn show_chat_state(page: &dyn WhatsAppPage, chat: &ChatId, state: ChatState) -> Result<(), PageError> {
    page.ask(&Question::ShowChatState { chat: chat.clone(), state }).await.map(drop)
}

/// Watches somebody's presence; as far as the page knows it now.
///
/// # Errors
/// When the page does not do it.
pub async fn watch_presence(page: &dyn WhatsAppPage, chat: &ChatId) -> Result<Option<Presence>, PageError> {
    read(page.ask(&Question::WatchPresence { chat: chat.clone() }).await?)
}

/// The messages since a time (Unix seconds) that were not sent by drover in this page, oldest first, at most `limit`.
///
/// # Errors
/// When the page does not answer.
pub async fn missed(page: &dyn WhatsAppPage, since: i64, limit: usize) -> Result<Vec<Incoming>, PageError> {
    read(page.ask(&Question::Missed { since, limit }).await?)
}

/// Who somebody is, as the API shows it; None for somebody whom WhatsApp Web does not know.
///
/// # Errors
/// When the page does not answer.
pub async fn contact(page: &dyn WhatsAppPage, id: &ChatId) -> Result<Option<Value>, PageError> {
    read(page.ask(&Question::Contact { id: id.clone() }).await?)
}

/// What somebody says of themselves; None when it is hidden or empty.
///
/// # Errors
/// When the page does not answer.
pub async fn about(page: &dyn WhatsAppPage, id: &ChatId) -> Result<Option<String>, PageError> {
    #[derive(Deserialize)]
    struct Answer {
        about: Option<String>,
    }
    let Answer { about } = read(page.ask(&Question::About { id: id.clone() }).await?)?;
    Ok(about)
}

/// The URL of somebody's picture, or a group's; None when there is none, or it is hidden.
///
/// # Errors
/// When the page does not answer.
pub async fn picture(page: &dyn WhatsAppPage, id: &ChatId) -> Result<Option<String>, PageError> {
    #[derive(Deserialize)]
    struct Answer {
        url: Option<String>,
    }
    let Answer { url } = read(page.ask(&Question::Picture { id: id.clone() }).await?)?;
    Ok(url)
}

/// One page of the chats, the last written to first.
///
/// # Errors
/// When the page does not answer.
pub async fn chats(page: &dyn WhatsAppPage, limit: usize, offset: usize) -> Result<Vec<ChatSeen>, PageError> {
    read(page.ask(&Question::Chats { limit, offset }).await?)
}

/// One page of a chat's messages, the newest first; None when there is no such chat.
///
/// # Errors
/// When the page does not answer.
pub async fn chat_messages(
    page: &dyn WhatsAppPage,
    chat: &ChatId,
    (limit, offset): (usize, usize),
) -> Result<Option<Vec<Incoming>>, PageError> {
    read(page.ask(&Question::ChatMessages { chat: chat.clone(), limit, offset }).await?)
}

/// A message, in any form of its key; None when the page has it neither in its memory nor in its message table.
///
/// # Errors
/// When the page does not answer.
pub async fn message(page: &dyn WhatsAppPage, key: &MessageKey) -> Result<Option<Incoming>, PageError> {
    read(page.ask(&Question::Message { key: key.clone() }).await?)
}

/// A chat of the list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatSeen {
    /// Its id, which may be a LID.
    pub id: String,
    /// The person's name, or the group's.
    pub name: String,
    /// Whether it is a group.
    pub is_group: bool,
    /// Messages that were not read.
    pub unread_count: u32,
    /// Unix time in seconds of the last message.
    pub timestamp: i64,
    /// Whether it is put away.
    pub is_archived: bool,
    /// The last message that is in the page's memory.
    #[serde(default)]
    pub last_message: Option<Incoming>,
}

/// Brings a message's file into the page, for as long as that takes: its length.
///
/// # Errors
/// When the page does not get it.
pub async fn download(page: &dyn WhatsAppPage, key: &MessageKey) -> Result<u64, PageError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        is_done: bool,
        bytes: Option<u64>,
    }
    let mut question = Question::Download { key: key.clone(), wait_ms: DOWNLOAD_SLICE_MS };
    loop {
        let Answer { is_done, bytes } = read(page.ask(&question).await?)?;
        if is_done {
            return Ok(bytes.unwrap_or(0));
        }
        question = Question::DownloadEnd { key: key.clone(), wait_ms: DOWNLOAD_SLICE_MS };
    }
}

/// The part of a downloaded file from this byte on.
///
/// # Errors
/// When the page does not give it.
pub async fn download_part(page: &dyn WhatsAppPage, key: &MessageKey, offset: u64) -> Result<Vec<u8>, PageError> {
    let question = Question::DownloadPart { key: key.clone(), offset, length: PART_BYTES };
    let part: String = read(page.ask(&question).await?)?;
    BASE64.decode(part).map_err(|error| PageError::Refused(format!("this is no base64: {error}")))
}

/// The page lets a downloaded file go. One that does not hear it is gone, or lets its oldest go by itself.
pub async fn download_over(page: &dyn WhatsAppPage, key: &MessageKey) {
    let _ = page.ask(&Question::DownloadOver { key: key.clone() }).await;
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, PageError> {
    serde_json::from_value(answer)
        .map_err(|error| PageError::Refused(format!("the bridge's answer cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_question_names_the_bridges_function_and_its_argument() {
        let chat = "15550001111".parse().expect("a chat");
        let question = Question::ShowChatState { chat, state: ChatState::Composing };
        let expected = json!({
            "function": "showChatState",
            "argument": { "chat": "15550001111@c.us", "state": "composing" },
        });
        assert_eq!(serde_json::to_value(question).expect("JSON"), expected);
    }
}
