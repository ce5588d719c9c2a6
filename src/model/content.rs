//! What a message of ours says, by kind.
//!
//! Stored as JSON, tagged with `kind`. Stored rows are read for ever: a field that is added has a default and is left out
//! when it has that, so that an old row still decodes and the same request keeps its fingerprint.

use serde::{Deserialize, Serialize};

use super::{ChatId, MessageKey};

/// What a message says, or does to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// A text.
    Text(Text),
    /// A place.
    Location(Location),
    /// Contact cards.
    Contact(Contact),
    /// A poll.
    Poll(Poll),
    /// A file.
    Media(Media),
    /// Another message once more, as it stands when it is sent.
    Forward {
        /// Which.
        target: MessageKey,
    },
    /// A reaction to a message; an empty one takes it back.
    Reaction {
        /// To which.
        target: MessageKey,
        /// One emoji, or nothing.
        emoji: String,
    },
    /// A new text for a message of ours.
    Edit {
        /// Which.
        target: MessageKey,
        /// The text, or the caption.
        body: String,
    },
    /// Takes a message back for everybody.
    Revoke {
        /// Which.
        target: MessageKey,
    },
    /// Tells the other side that its messages were read.
    Seen,
}

/// Plain text; never empty (an empty body leaves as media, see whatsapp-web.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The text, at most 65,536 characters.
    pub body: String,
    /// The message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageKey>,
    /// Who is mentioned; the text has an `@<digits>` for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<ChatId>,
    /// Whether the first link in the text is shown with a preview.
    #[serde(default, skip_serializing_if = "is_false")]
    pub link_preview: bool,
}

/// A place on earth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// North of the equator.
    pub latitude: Degrees,
    /// East of Greenwich.
    pub longitude: Degrees,
    /// Its name, and on further lines its address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageKey>,
}

/// An angle; always finite, so that it equals itself.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Degrees(f64);

impl Eq for Degrees {}

impl Degrees {
    /// None for what is no number between `-limit` and `limit`.
    #[must_use]
    pub fn within(degrees: f64, limit: f64) -> Option<Self> {
        (-limit..=limit).contains(&degrees).then_some(Self(degrees))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Contact cards, one at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The cards.
    pub cards: Vec<Card>,
    /// The message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageKey>,
}

/// One contact card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// The name on it.
    pub display_name: String,
    /// vCard 3.0.
    pub vcard: String,
}

/// A file, and what it is shown as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What it is shown as.
    pub media: MediaKind,
    /// Where it is. What came as base64 is kept as a file: it does not lie in a row, nor in Redis.
    pub file: FileSource,
    /// Its type, if whoever sends it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mimetype: Option<String>,
    /// Its name, if whoever sends it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The text below it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub caption: String,
    /// The message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageKey>,
}

/// What a file is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A moving picture.
    Video,
    /// A recording.
    Audio,
    /// A recording, as spoken into the phone.
    Voice,
    /// A sticker.
    Sticker,
    /// A file as such.
    Document,
}

impl MediaKind {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Voice => "voice",
            Self::Sticker => "sticker",
            Self::Document => "document",
        }
    }
}

/// Where a file is that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSource {
    /// On a server; fetched when it is sent.
    Url(String),
    /// Among the session's own files, by its name there.
    Kept(String),
}

/// A question with options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// The question.
    pub name: String,
    /// 2 to 12, all different.
    pub options: Vec<String>,
    /// Whether more than one may be chosen.
    #[serde(default, skip_serializing_if = "is_false")]
    pub multiple_answers: bool,
    /// The message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageKey>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Content {
    /// A plain text.
    #[must_use]
    pub fn text(body: impl Into<String>) -> Self {
        Self::Text(Text { body: body.into(), reply_to: None, mentions: Vec::new(), link_preview: false })
    }

    /// The kind's name on the wire.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Location(_) => "location",
            Self::Contact(_) => "contact",
            Self::Poll(_) => "poll",
            Self::Media(media) => media.media.as_str(),
            Self::Forward { .. } => "forward",
            Self::Reaction { .. } => "reaction",
            Self::Edit { .. } => "edit",
            Self::Revoke { .. } => "revoke",
            Self::Seen => "seen",
        }
    }

    /// What stands in it for people: the text, the caption, the question.
    #[must_use]
    pub fn body(&self) -> &str {
        match self {
            Self::Text(text) => &text.body,
            Self::Location(location) => &location.title,
            Self::Contact(contact) => contact.cards.first().map_or("", |card| &card.vcard),
            Self::Poll(poll) => &poll.name,
            Self::Media(media) => &media.caption,
            Self::Reaction { emoji, .. } => emoji,
            Self::Edit { body, .. } => body,
            Self::Forward { .. } | Self::Revoke { .. } | Self::Seen => "",
        }
    }

    /// The message that this one answers.
    #[must_use]
    pub fn reply_to(&self) -> Option<&MessageKey> {
        match self {
            Self::Text(Text { reply_to, .. })
            | Self::Location(Location { reply_to, .. })
            | Self::Contact(Contact { reply_to, .. })
            | Self::Poll(Poll { reply_to, .. })
            | Self::Media(Media { reply_to, .. }) => reply_to.as_ref(),
            Self::Forward { .. } | Self::Reaction { .. } | Self::Edit { .. } | Self::Revoke { .. } | Self::Seen => None,
        }
    }

    /// Whether it does something to what is there already instead of being a message of its own. To do that twice is to do it
    /// once: what it acts on tells whether it was done, and the page's message table knows no message of its id.
    #[must_use]
    pub fn is_action(&self) -> bool {
        matches!(self, Self::Reaction { .. } | Self::Edit { .. } | Self::Revoke { .. } | Self::Seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_of_the_first_version_still_decodes_and_is_written_as_it_was() {
        let old = json!({"kind": "text", "body": "hello"});
        let content: Content = serde_json::from_value(old.clone()).expect("an old row");
        assert_eq!(content, Content::text("hello"));
        assert_eq!(serde_json::to_value(&content).expect("JSON"), old);
    }

    #[test]
    fn every_kind_comes_back_as_it_was_stored() {
        let target: MessageKey = "true_15551234567@c.us_3EB0AA".parse().expect("a key");
        let reply_to = Some(target.clone());
        let degrees = |degrees| Degrees::within(degrees, 180.0).expect("within");
        let contents = [
            Content::Text(Text {
                body: "hi @15551234567".to_owned(),
                reply_to: reply_to.clone(),
                mentions: vec!["15551234567".parse().expect("a chat")],
                link_preview: true,
            }),
            Content::Location(Location {
                latitude: degrees(52.516_275),
                longitude: degrees(-13.5),
                title: "Gate".to_owned(),
                reply_to,
            }),
            Content::Contact(Contact {
                cards: vec![Card { display_name: "Dev".to_owned(), vcard: "BEGIN:VCARD".to_owned() }],
                reply_to: None,
            }),
            Content::Poll(Poll {
                name: "Lunch?".to_owned(),
                options: vec!["Soup".to_owned(), "Bread".to_owned()],
                multiple_answers: true,
                reply_to: None,
            }),
            Content::Media(Media {
                media: MediaKind::Document,
                file: FileSource::Kept("ab12.pdf".to_owned()),
                mimetype: Some("application/pdf".to_owned()),
                filename: None,
                caption: "Our offer".to_owned(),
                reply_to: None,
            }),
            Content::Forward { target: target.clone() },
            Content::Reaction { target: target.clone(), emoji: "👍".to_owned() },
            Content::Edit { target: target.clone(), body: "better".to_owned() },
            Content::Revoke { target },
            Content::Seen,
        ];
        for content in contents {
            let stored = serde_json::to_value(&content).expect("JSON");
            let is_media = matches!(content, Content::Media(_));
            assert_eq!(stored["kind"], if is_media { "media" } else { content.kind() });
            assert_eq!(serde_json::from_value::<Content>(stored).expect("its own form"), content);
        }
    }

    #[test]
    fn an_angle_is_a_number_within_its_limit() {
        for (degrees, limit, is_one) in
            [(90.0, 90.0, true), (-90.0, 90.0, true), (90.001, 90.0, false), (f64::NAN, 90.0, false)]
        {
            assert_eq!(Degrees::within(degrees, limit).is_some(), is_one, "{degrees}");
        }
    }
}
