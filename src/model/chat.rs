//! Who a message goes to: chat ids as WhatsApp writes them, and phone numbers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A text that is neither a chat id nor a phone number; the message says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidChatId(pub String);

/// A chat: `<digits>@c.us` a person, `<digits>@g.us` (or `<digits>-<digits>@g.us`) a group, `<digits>@lid` a hidden number.
/// A bare number is normalised to `@c.us`, and so is `@s.whatsapp.net`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChatId(String);

impl ChatId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn user(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }

    /// The chat with a phone number.
    #[must_use]
    pub fn of_phone(phone: &PhoneNumber) -> Self {
        Self(format!("{}@c.us", phone.0))
    }

    /// The phone number, if the chat is named by one.
    #[must_use]
    pub fn phone(&self) -> Option<PhoneNumber> {
        self.0.strip_suffix("@c.us").map(|digits| PhoneNumber(digits.to_owned()))
    }

    /// Whether it is a group.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.0.ends_with("@g.us")
    }
}

impl FromStr for ChatId {
    type Err = InvalidChatId;

    fn from_str(text: &str) -> Result<Self, InvalidChatId> {
        let text = text.trim();
        let (user, server) = match text.split_once('@') {
            None => (PhoneNumber::from_str(text)?.0, "c.us"),
            Some((user, "c.us" | "s.whatsapp.net")) => (PhoneNumber::from_str(user)?.0, "c.us"),
            Some((user, server @ ("g.us" | "lid"))) => (user.to_owned(), server),
            Some((_, server)) => {
                return Err(InvalidChatId(format!(
                    "'@{server}' is no kind of chat that messages can be sent to: use @c.us, @g.us or @lid"
                )));
            }
        };
        let dash_allowed = server == "g.us";
        let digits = user.bytes().all(|byte| byte.is_ascii_digit() || dash_allowed && byte == b'-');
        if user.is_empty() || user.len() > 40 || !digits || !user.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(InvalidChatId("a chat id is <digits>@c.us, <digits>@g.us or <digits>@lid".to_owned()));
        }
        Ok(Self(format!("{user}@{server}")))
    }
}

impl TryFrom<String> for ChatId {
    type Error = InvalidChatId;

    fn try_from(text: String) -> Result<Self, InvalidChatId> {
        text.parse()
    }
}

impl From<ChatId> for String {
    fn from(chat: ChatId) -> Self {
        chat.0
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A phone number in international form, digits only (E.164 allows 15; WhatsApp's shortest have 7).
/// `+`, spaces, dots, dashes and brackets are taken off.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhoneNumber {
    type Err = InvalidChatId;

    fn from_str(text: &str) -> Result<Self, InvalidChatId> {
        let digits: String = text.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | '.' | '(' | ')')).collect();
        if (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(InvalidChatId(
                "a phone number has 7 to 15 digits with the country code, such as 15551234567".to_owned(),
            ))
        }
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = InvalidChatId;

    fn try_from(text: String) -> Result<Self, InvalidChatId> {
        text.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_and_ids_are_normalised() {
        for (given, expected) in [
            ("15551234567", "15551234567@c.us"),
            ("+1 (555) 123-4567", "15551234567@c.us"),
            ("15551234567@s.whatsapp.net", "15551234567@c.us"),
            ("120363000000000000@g.us", "120363000000000000@g.us"),
            ("4915112345678-1400000000@g.us", "4915112345678-1400000000@g.us"),
            ("90001555123@lid", "90001555123@lid"),
        ] {
            assert_eq!(given.parse::<ChatId>().expect(given).as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_chat_is_refused() {
        for given in [
            "",
            "abc",
            "123",
            "@c.us",
            "15551234567@broadcast",
            "status@broadcast",
            "1555@c.us@c.us",
            "a@lid",
            "-1@g.us",
        ] {
            assert!(given.parse::<ChatId>().is_err(), "{given:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn what_parses_parses_to_itself(text in "[0-9+ @a-z.\\-]{0,30}") {
            if let Ok(chat) = text.parse::<ChatId>() {
                prop_assert_eq!(chat.as_str().parse::<ChatId>().expect("its own form"), chat);
            }
        }
    }
}
