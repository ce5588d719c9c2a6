//! What a page can be asked beside its sends: small questions whose answers are plain data. A question that the bridge cannot
//! answer for want of a module is [`PageError::MissingCapability`], and nothing else suffers.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Incoming, PageError, WhatsAppPage};
use crate::model::ChatId;

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

/// Watches somebody's presence.
///
/// # Errors
/// When the page does not do it.
pub async fn watch_presence(page: &dyn WhatsAppPage, chat: &ChatId) -> Result<(), PageError> {
    page.ask(&Question::WatchPresence { chat: chat.clone() }).await.map(drop)
}

/// The messages since a time (Unix seconds) that were not sent by drover in this page, oldest first, at most `limit`.
///
/// # Errors
/// When the page does not answer.
pub async fn missed(page: &dyn WhatsAppPage, since: i64, limit: usize) -> Result<Vec<Incoming>, PageError> {
    read(page.ask(&Question::Missed { since, limit }).await?)
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
