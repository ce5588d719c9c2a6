//! The names of people, groups, chats and messages.
//!
//! A person is a [`Number`]; WhatsApp shows each under two ids, the number (`<digits>@c.us`) and a LID (`<digits>@lid`). The
//! simulated LID is a reversible spelling of the number, so that no table is needed and a LID that a page kept from an
//! earlier run still means the same person. To a client it is as opaque as a real one.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest international number (E.164), in digits.
const NUMBER_DIGITS: std::ops::RangeInclusive<usize> = 5..=15;

/// A phone number: its digits, international, without plus.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Number(u64);

/// Under which of a person's two ids a chat or a message key names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// `<digits>@c.us`
    Number,
    /// `<digits>@lid`
    Lid,
}

/// A chat as an id names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ChatId {
    /// A person, under one of their ids.
    Person(Number, Form),
    /// A group: the digits of `<digits>@g.us`.
    Group(u64),
}

/// A conversation, whoever looks at it: both people's, or a group's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Thread {
    /// Two people, the smaller number first; twice the same for a chat with oneself.
    Direct(Number, Number),
    /// A group.
    Group(u64),
}

/// A full message key taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageKey {
    pub(crate) from_me: bool,
    pub(crate) remote: ChatId,
    pub(crate) id: String,
}

impl Number {
    /// Reads digits, with or without a plus, spaces, or hyphens.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | '(' | ')')).collect();
        let plausible = NUMBER_DIGITS.contains(&digits.len()) && !digits.starts_with('0');
        if !plausible || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().map(Self)
    }

    /// The digits of this person's LID.
    pub(crate) fn lid(self) -> String {
        let digits = self.0.to_string();
        let spelled =
            digits.bytes().enumerate().map(|(place, digit)| char::from(b'0' + (digit - b'0' + shift(place)) % 10));
        std::iter::once('1').chain(spelled).collect()
    }

    /// The person whose LID has these digits.
    pub(crate) fn from_lid(digits: &str) -> Option<Self> {
        let spelled = digits.strip_prefix('1')?;
        if !spelled.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: String = spelled
            .bytes()
            .enumerate()
            .map(|(place, digit)| char::from(b'0' + (digit - b'0' + 10 - shift(place)) % 10))
            .collect();
        Self::parse(&number)
    }

    /// `<digits>@c.us`
    pub(crate) fn pn(self) -> String {
        format!("{self}@c.us")
    }

    /// `<digits>@c.us` or `<digits>@lid`
    pub(crate) fn id(self, form: Form) -> String {
        match form {
            Form::Number => self.pn(),
            Form::Lid => format!("{}@lid", self.lid()),
        }
    }
}

/// By how much the digit at this place is turned in a LID.
fn shift(place: usize) -> u8 {
    u8::try_from((3 + place * 7) % 10).expect("a remainder of ten fits")
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bare = text.strip_suffix("@c.us").unwrap_or(&text);
        Self::parse(bare).ok_or_else(|| {
            serde::de::Error::custom(format!("'{text}' is not an international number of 5 to 15 digits"))
        })
    }
}

impl ChatId {
    /// Reads `<digits>@c.us`, `@s.whatsapp.net`, `@lid` (each also with a device, `<digits>:<n>@`) and `@g.us`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (user, server) = text.split_once('@')?;
        let user = user.split_once(':').map_or(user, |(user, _device)| user);
        match server {
            "c.us" | "s.whatsapp.net" => Some(Self::Person(Number::parse(user)?, Form::Number)),
            "lid" => Some(Self::Person(Number::from_lid(user)?, Form::Lid)),
            "g.us" => user.parse().ok().map(Self::Group),
            _ => None,
        }
    }

    /// Reads an id of either form, or bare digits.
    pub(crate) fn parse_person(text: &str) -> Option<Number> {
        match Self::parse(text) {
            Some(Self::Person(number, _)) => Some(number),
            Some(Self::Group(_)) => None,
            None => Number::parse(text),
        }
    }

    /// The conversation that `owner` means by this chat.
    pub(crate) fn thread(self, owner: Number) -> Thread {
        match self {
            Self::Person(other, _) => Thread::direct(owner, other),
            Self::Group(id) => Thread::Group(id),
        }
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(number, form) => f.write_str(&number.id(*form)),
            Self::Group(id) => write!(f, "{id}@g.us"),
        }
    }
}

impl Thread {
    /// The conversation of two people.
    pub(crate) fn direct(one: Number, other: Number) -> Self {
        Self::Direct(one.min(other), one.max(other))
    }

    /// The other side of a conversation of two, seen by `owner`.
    pub(crate) fn peer(self, owner: Number) -> Option<Number> {
        match self {
            Self::Direct(one, other) if one == owner => Some(other),
            Self::Direct(one, _) => Some(one),
            Self::Group(_) => None,
        }
    }
}

impl MessageKey {
    /// Reads `true_<remote>_<id>[_<participant>|_out]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '_');
        let from_me = match parts.next()? {
            "true" => true,
            "false" => false,
            _ => return None,
        };
        let remote = ChatId::parse(parts.next()?)?;
        let id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        Some(Self { from_me, remote, id })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_has_a_lid_of_its_own(one in 10_000u64..1_000_000_000_000_000, other in 10_000u64..1_000_000_000_000_000) {
            let (one, other) = (Number::parse(&one.to_string()).unwrap(), Number::parse(&other.to_string()).unwrap());
            prop_assert_eq!(Number::from_lid(&one.lid()), Some(one));
            prop_assert_eq!(one == other, one.lid() == other.lid());
        }

        #[test]
        fn a_key_reads_as_it_is_written(digits in 10_000u64..1_000_000_000_000_000, id in "[0-9A-F]{4,22}", from_me: bool, lid: bool) {
            let number = Number::parse(&digits.to_string()).unwrap();
            let remote = ChatId::Person(number, if lid { Form::Lid } else { Form::Number });
            for end in ["", "_out", "_15550001111@lid"] {
                let key = MessageKey::parse(&format!("{from_me}_{remote}_{id}{end}"));
                prop_assert_eq!(key, Some(MessageKey { from_me, remote, id: id.clone() }));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = (ChatId::parse(&text), ChatId::parse_person(&text), Number::parse(&text), Number::from_lid(&text));
            prop_assert!(MessageKey::parse(&text).is_none_or(|key| !key.id.is_empty()));
        }
    }

    #[test]
    fn a_lid_leads_back_to_its_number() {
        for text in ["15551230000", "15557770000", "12345", "999999999999999", "4915112345678"] {
            let number = Number::parse(text).unwrap();
            assert_ne!(number.lid(), text);
            assert_eq!(Number::from_lid(&number.lid()), Some(number));
            assert_eq!(ChatId::parse(&number.id(Form::Lid)), Some(ChatId::Person(number, Form::Lid)));
        }
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        assert_eq!(Number::parse("+1 (555) 123-0000").map(|n| n.to_string()).as_deref(), Some("15551230000"));
        for wrong in ["", "123", "0155512300", "1555x230000", "1234567890123456"] {
            assert_eq!(Number::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keys_are_taken_apart() {
        let number = Number::parse("15557770000").unwrap();
        let key = MessageKey::parse(&format!("true_{}_3EB0AB_{}", number.id(Form::Lid), number.pn())).unwrap();
        assert_eq!(
            key,
            MessageKey { from_me: true, remote: ChatId::Person(number, Form::Lid), id: "3EB0AB".to_owned() }
        );
        assert_eq!(MessageKey::parse("false_120363000@g.us_ID_x@lid").unwrap().remote, ChatId::Group(120_363_000));
        for wrong in
            ["", "true", "maybe_1@c.us_X", "true_15557770000@c.us", "true_15557770000@c.us_", "true_x@newsletter_ID"]
        {
            assert_eq!(MessageKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_chat_is_one_conversation_from_both_sides() {
        let (ana, bob) = (Number::parse("15551230000").unwrap(), Number::parse("15557770000").unwrap());
        assert_eq!(ChatId::Person(bob, Form::Lid).thread(ana), ChatId::Person(ana, Form::Number).thread(bob));
        assert_eq!(Thread::direct(ana, bob).peer(ana), Some(bob));
        assert_eq!(Thread::direct(ana, ana).peer(ana), Some(ana));
    }
}
