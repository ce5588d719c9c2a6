//! What a message may say. What WhatsApp would refuse, cut or show as something else is refused here, with the field's name on
//! the wire.

use std::collections::HashSet;

use super::AcceptError;
use crate::model::{
    Content,
    content::{Card, Contact, Location, Poll},
};

/// WhatsApp Web's own limit of a text.
const TEXT_CHARACTERS: usize = 65_536;
const CAPTION_CHARACTERS: usize = 1_024;
/// As WhatsApp's apps offer them.
const POLL_OPTIONS: std::ops::RangeInclusive<usize> = 2..=12;
const POLL_NAME_CHARACTERS: usize = 255;
const POLL_OPTION_CHARACTERS: usize = 100;
const CARDS: usize = 50;
const CARD_BYTES: usize = 64 << 10;
/// The longest emoji are families and flags, of some ten characters.
const EMOJI_CHARACTERS: usize = 16;
const MENTIONS: usize = 1_024;

/// Whether the content can be sent as it stands.
pub(super) fn validate(content: &Content) -> Result<(), AcceptError> {
    match content {
        Content::Text(text) => {
            validate_text("text", &text.body, TEXT_CHARACTERS)?;
            at_most("mentions", text.mentions.len(), MENTIONS, "mentions")
        }
        Content::Location(location) => validate_location(location),
        Content::Contact(contact) => validate_contact(contact),
        Content::Poll(poll) => validate_poll(poll),
        Content::Media(media) => validate_optional_text("caption", &media.caption, CAPTION_CHARACTERS),
        Content::Edit { target, .. } if !target.from_me() => {
            Err(wrong("messageId", "only a message of your own can be edited"))
        }
        Content::Edit { body, .. } => validate_text("text", body, TEXT_CHARACTERS),
        Content::Reaction { emoji, .. } => validate_emoji(emoji),
        Content::Revoke { target } if !target.from_me() && !target.remote().ends_with("@g.us") => {
            Err(wrong("messageId", "only a message of your own, or one in a group that you administer, can be deleted"))
        }
        Content::Forward { .. } | Content::Revoke { .. } | Content::Seen => Ok(()),
    }
}

pub(super) fn wrong(field: &'static str, message: impl Into<String>) -> AcceptError {
    AcceptError::InvalidField { field, message: message.into() }
}

fn at_most(field: &'static str, count: usize, limit: usize, what: &str) -> Result<(), AcceptError> {
    if count > limit {
        Err(wrong(field, format!("there are {count} {what}; at most {limit} are allowed")))
    } else {
        Ok(())
    }
}

/// A text that must be there.
fn validate_text(field: &'static str, text: &str, limit: usize) -> Result<(), AcceptError> {
    if text.trim().is_empty() {
        return Err(wrong(field, "this text cannot be empty"));
    }
    validate_optional_text(field, text, limit)
}

fn validate_optional_text(field: &'static str, text: &str, limit: usize) -> Result<(), AcceptError> {
    if text.contains('\0') {
        return Err(wrong(field, "a text cannot hold the character U+0000"));
    }
    at_most(field, text.chars().count(), limit, "characters")
}

fn validate_location(location: &Location) -> Result<(), AcceptError> {
    if location.latitude.get().abs() > 90.0 {
        return Err(wrong("latitude", "a latitude is between -90 and 90"));
    }
    validate_optional_text("title", &location.title, CAPTION_CHARACTERS)
}

fn validate_poll(poll: &Poll) -> Result<(), AcceptError> {
    validate_text("poll.name", &poll.name, POLL_NAME_CHARACTERS)?;
    if !POLL_OPTIONS.contains(&poll.options.len()) {
        let (least, most) = (POLL_OPTIONS.start(), POLL_OPTIONS.end());
        return Err(wrong("poll.options", format!("a poll has {least} to {most} options, not {}", poll.options.len())));
    }
    for option in &poll.options {
        validate_text("poll.options", option, POLL_OPTION_CHARACTERS)?;
    }
    let different: HashSet<&str> = poll.options.iter().map(|option| option.trim()).collect();
    if different.len() < poll.options.len() {
        // Votes come by an option's text: those for two of the same could not be told apart.
        return Err(wrong("poll.options", "an option is there twice"));
    }
    Ok(())
}

fn validate_contact(contact: &Contact) -> Result<(), AcceptError> {
    if contact.cards.is_empty() {
        return Err(wrong("contacts", "there is no contact"));
    }
    at_most("contacts", contact.cards.len(), CARDS, "contacts")?;
    contact.cards.iter().try_for_each(validate_card)
}

/// The frame of a vCard (RFC 6350, section 3) and a name: without them phones show an empty card, or none.
fn validate_card(card: &Card) -> Result<(), AcceptError> {
    let broken = |why: &str| Err(wrong("contacts.vcard", format!("this is no vCard: {why}")));
    let lines: Vec<&str> = card.vcard.trim().lines().map(str::trim_end).collect();
    let is_property = |line: &&str, name: &str| {
        let end = line.find([':', ';']).unwrap_or(line.len());
        line[..end].eq_ignore_ascii_case(name) && line.contains(':')
    };
    match (lines.first(), lines.last()) {
        (Some(first), _) if !first.eq_ignore_ascii_case("BEGIN:VCARD") => return broken("it begins with BEGIN:VCARD"),
        (_, Some(last)) if !last.eq_ignore_ascii_case("END:VCARD") => return broken("it ends with END:VCARD"),
        (None, _) | (_, None) => return broken("it is empty"),
        _ => {}
    }
    if lines.iter().filter(|line| line.eq_ignore_ascii_case("BEGIN:VCARD")).count() > 1 {
        return broken("it holds several; give each as a contact of its own");
    }
    if !lines.iter().any(|line| is_property(line, "VERSION")) {
        return broken("it has no VERSION");
    }
    if !lines.iter().any(|line| is_property(line, "FN") || is_property(line, "N")) {
        return broken("it has no name (FN)");
    }
    // A line that goes on the one before begins with a space.
    if lines.iter().any(|line| !line.is_empty() && !line.starts_with([' ', '\t']) && !line.contains(':')) {
        return broken("a line of it has no colon");
    }
    if card.vcard.len() > CARD_BYTES {
        return broken("it has more than 64 kB");
    }
    validate_text("contacts.fullName", &card.display_name, POLL_NAME_CHARACTERS)
}

/// Whoever sends letters here means a text: WhatsApp would show them as nothing.
fn validate_emoji(emoji: &str) -> Result<(), AcceptError> {
    let is_text = emoji.chars().any(|c| c.is_alphabetic() || c.is_whitespace() || c.is_control());
    // Keycaps are a digit, * or # with U+20E3.
    let is_bare = !emoji.is_empty() && emoji.is_ascii();
    if is_text || is_bare || emoji.chars().count() > EMOJI_CHARACTERS {
        return Err(wrong("reaction", "this is one emoji, or empty to take the reaction back"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MessageKey, content::Degrees};

    const CARD: &str = "BEGIN:VCARD\nVERSION:3.0\nFN:Dev\nTEL;type=CELL;waid=15557770003:+1 555 777 0003\nEND:VCARD";

    fn field_of(content: &Content) -> Option<&'static str> {
        match validate(content) {
            Ok(()) => None,
            Err(AcceptError::InvalidField { field, .. }) => Some(field),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn texts_of_every_script_are_taken_and_empty_or_endless_ones_are_not() {
        for text in ["hello", "👨‍👩‍👧‍👦 ❤️", "שלום עולם", "tab\tbell\u{7}esc\u{1b}", "\u{202e}reversed", &"ä".repeat(65_536)]
        {
            assert_eq!(field_of(&Content::text(text)), None, "{text:?}");
        }
        for text in ["", " \n\t", "nul\0", &"ä".repeat(65_537)] {
            assert_eq!(field_of(&Content::text(text)), Some("text"), "{} characters", text.len());
        }
    }

    #[test]
    fn a_poll_has_two_to_twelve_different_options() {
        let poll = |options: &[&str]| {
            let options = options.iter().map(|option| (*option).to_owned()).collect();
            Content::Poll(Poll { name: "Lunch?".to_owned(), options, multiple_answers: false, reply_to: None })
        };
        let many: Vec<String> = (0..13).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(field_of(&poll(&many[..2])), None);
        assert_eq!(field_of(&poll(&many[..12])), None);
        for options in [&many[..1], &many[..], &["a", "a"], &["a", " "], &["a", &"b".repeat(101)]] {
            assert_eq!(field_of(&poll(options)), Some("poll.options"), "{options:?}");
        }
    }

    #[test]
    fn a_broken_vcard_is_told_from_a_whole_one() {
        let cards = |vcard: &str| {
            let card = Card { display_name: "Dev".to_owned(), vcard: vcard.to_owned() };
            Content::Contact(Contact { cards: vec![card], reply_to: None })
        };
        assert_eq!(field_of(&cards(CARD)), None);
        assert_eq!(field_of(&cards(&CARD.replace('\n', "\r\n"))), None);
        let twice = format!("{CARD}\n{CARD}");
        for broken in [
            "",
            "hello",
            "BEGIN:VCARD",
            &CARD.replace("END:VCARD", ""),
            &CARD.replace("VERSION:3.0\n", ""),
            &CARD.replace("FN:Dev\n", ""),
            &CARD.replace("TEL;", "no colon here\nTEL;"),
            &twice,
        ] {
            assert_eq!(field_of(&cards(broken)), Some("contacts.vcard"), "{broken}");
        }
    }

    #[test]
    fn a_place_is_on_earth() {
        let place = |latitude: f64| {
            let degrees = |degrees| Degrees::within(degrees, 180.0).expect("within");
            let (latitude, longitude) = (degrees(latitude), degrees(180.0));
            Content::Location(Location { latitude, longitude, title: String::new(), reply_to: None })
        };
        assert_eq!(field_of(&place(-90.0)), None);
        assert_eq!(field_of(&place(90.5)), Some("latitude"));
    }

    #[test]
    fn only_what_is_an_emoji_is_a_reaction_and_only_own_messages_are_changed() {
        let theirs: MessageKey = "false_15551234567@c.us_AAAAAAAA".parse().expect("a key");
        for (emoji, field) in [
            ("👍", None),
            ("❤️", None),
            ("👨‍👩‍👧‍👦", None),
            ("5️⃣", None),
            ("", None),
            ("ok", Some("reaction")),
            ("5", Some("reaction")),
            ("👍 👍", Some("reaction")),
        ] {
            let reaction = Content::Reaction { target: theirs.clone(), emoji: emoji.to_owned() };
            assert_eq!(field_of(&reaction), field, "{emoji}");
        }
        assert_eq!(field_of(&Content::Edit { target: theirs.clone(), body: "x".to_owned() }), Some("messageId"));
        assert_eq!(field_of(&Content::Revoke { target: theirs }), Some("messageId"));
        let in_group: MessageKey = "false_120363000000000000@g.us_AAAAAAAA_1@lid".parse().expect("a key");
        assert_eq!(field_of(&Content::Revoke { target: in_group }), None);
    }
}
