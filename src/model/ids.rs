//! Names and ids as newtypes, so that a session is never mistaken for a message.

use std::{fmt, str::FromStr};

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::ChatId;

/// A text that is not the id it should be; the message says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub String);

/// Path segments of the API, which a session's name would shadow.
const RESERVED_NAMES: &[&str] = &[
    "sessions",
    "keys",
    "queue",
    "events",
    "messages",
    "contacts",
    "files",
    "memory",
    "webhooks",
    "version",
    "server",
    "screenshot",
    "reaction",
    "health",
    "ping",
    "metrics",
    "docs",
    "dashboard",
    "ws",
    "openapi",
    "alerts",
    "all",
];

/// The name of a session: `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`, and no path segment of the API. It is a folder's name too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionName(String);

/// Under which name stands what concerns no session but the whole of drover. No session can be made with it.
const SERVER: &str = "server";

impl SessionName {
    /// The name under which events and alerts stand that concern no single session.
    #[must_use]
    pub fn server() -> Self {
        Self(SERVER.to_owned())
    }

    /// Whether it stands for drover itself.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.0 == SERVER
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionName {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let goes_on_well = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !starts_well || !goes_on_well || text.len() > 64 {
            return Err(InvalidId(
                "a session's name has 1 to 64 letters, digits, _ or -, and starts with a letter or digit".to_owned(),
            ));
        }
        if text == SERVER {
            return Ok(Self::server());
        }
        if RESERVED_NAMES.contains(&text.to_ascii_lowercase().as_str())
            || text.to_ascii_lowercase().starts_with("send") && is_send_path(text)
        {
            return Err(InvalidId(format!("'{text}' is a word of the API; choose another name")));
        }
        Ok(Self(text.to_owned()))
    }
}

/// `sendText` and its like are paths under `/api`; `sendero` is a good name.
fn is_send_path(text: &str) -> bool {
    const KINDS: &[&str] = &[
        "text",
        "image",
        "file",
        "video",
        "voice",
        "audio",
        "sticker",
        "location",
        "contactvcard",
        "poll",
        "seen",
        "buttons",
        "list",
    ];
    KINDS.contains(&&text.to_ascii_lowercase()["send".len()..])
}

impl TryFrom<String> for SessionName {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<SessionName> for String {
    fn from(name: SessionName) -> Self {
        name.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The bare id of a message of ours, chosen at acceptance: `3EB0` and 18 hex digits, upper case, as WhatsApp Web makes
/// them (`WAWebMsgKey.newId`). It is final: the phone receives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(String);

impl MessageId {
    /// Chooses a new id; 72 random bits keep two from meeting.
    #[must_use]
    pub fn choose() -> Self {
        let bytes: [u8; 9] = rand::rng().random();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        Self(format!("3EB0{hex}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that the API answers with and every event carries: `true_<chat>_<id>`. Final at acceptance; the page's own
    /// key (which may be a LID one) is an alias of it.
    #[must_use]
    pub fn public(&self, chat: &ChatId) -> String {
        format!("true_{chat}_{}", self.0)
    }

    /// The bare id in any form of it: bare, public or a full key.
    ///
    /// # Errors
    /// When no part of the text is a message id.
    pub fn from_any_form(text: &str) -> Result<Self, InvalidId> {
        if text.contains('_') { MessageKey::from_str(text)?.id().parse() } else { text.parse() }
    }
}

impl FromStr for MessageId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if allowed {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId("a message id has 8 to 64 letters and digits, such as 3EB0A1B2C3D4E5F6A7B8C9".to_owned()))
        }
    }
}

impl TryFrom<String> for MessageId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A full key of WhatsApp Web's, as `String(key)` gives it: `<fromMe>_<remote>_<id>[_<participant or out>]`. WhatsApp knows a
/// message by all of it: the same id under another key is another message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageKey(String);

impl MessageKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, index: usize) -> &str {
        self.0.split('_').nth(index).unwrap_or_default()
    }

    /// Whether the message is ours.
    #[must_use]
    pub fn from_me(&self) -> bool {
        self.part(0) == "true"
    }

    /// The chat, in the page's form of it (which may be a LID).
    #[must_use]
    pub fn remote(&self) -> &str {
        self.part(1)
    }

    /// The bare id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.part(2)
    }
}

impl FromStr for MessageKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let key = Self(text.to_owned());
        let whole = matches!(key.part(0), "true" | "false") && key.remote().contains('@') && !key.id().is_empty();
        if whole {
            Ok(key)
        } else {
            Err(InvalidId("a message key is true_<chat>_<id> or false_<chat>_<id>".to_owned()))
        }
    }
}

impl TryFrom<String> for MessageKey {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<MessageKey> for String {
    fn from(key: MessageKey) -> Self {
        key.0
    }
}

impl fmt::Display for MessageKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_would_shadow_a_path_are_refused() {
        for name in ["sessions", "Queue", "sendText", "sendtext", "", "-a", "a b", "../x", "a/b", &"a".repeat(65)] {
            assert!(name.parse::<SessionName>().is_err(), "{name:?} was taken");
        }
        for name in ["main", "a", "0", "sales_2-b", "sendero", &"a".repeat(64)] {
            assert!(name.parse::<SessionName>().is_ok(), "{name:?} was refused");
        }
    }

    #[test]
    fn a_chosen_id_has_whatsapps_form() {
        let id = MessageId::choose();
        assert_eq!(id.as_str().len(), 22);
        assert!(id.as_str().starts_with("3EB0"));
        assert_ne!(id, MessageId::choose());
    }

    #[test]
    fn every_form_leads_to_the_same_bare_id() {
        let id = MessageId::choose();
        let chat: ChatId = "15551234567".parse().expect("a number");
        for form in
            [id.to_string(), id.public(&chat), format!("true_99@lid_{id}"), format!("true_1-2@g.us_{id}_99@lid")]
        {
            assert_eq!(MessageId::from_any_form(&form), Ok(id.clone()), "{form}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<SessionName>();
            let _ = MessageId::from_any_form(&text);
            let _ = text.parse::<MessageKey>();
        }
    }
}
