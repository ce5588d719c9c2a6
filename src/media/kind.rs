//! What a file is sent as.

use crate::{config, model::content::MediaKind};

/// What a file is sent as: it decides what it may be, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A picture.
    Image,
    /// A moving picture.
    Video,
    /// A recording.
    Audio,
    /// A recording that is shown as spoken into the phone.
    Voice,
    /// A sticker.
    Sticker,
    /// Any file.
    Document,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Image, Self::Video, Self::Audio, Self::Voice, Self::Sticker, Self::Document];

    /// The name in messages and metrics.
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

    /// The largest that is taken, in bytes.
    #[must_use]
    pub fn max_bytes(self, settings: &config::Media) -> u64 {
        match self {
            Self::Image => settings.image_max_bytes,
            Self::Video => settings.video_max_bytes,
            Self::Audio | Self::Voice => settings.audio_max_bytes,
            Self::Sticker => settings.sticker_max_bytes,
            Self::Document => settings.document_max_bytes,
        }
    }

    /// The largest that is taken of any kind, in bytes.
    #[must_use]
    pub fn largest_bytes(settings: &config::Media) -> u64 {
        Self::ALL.into_iter().map(|kind| kind.max_bytes(settings)).max().unwrap_or_default()
    }
}

impl From<MediaKind> for Kind {
    fn from(media: MediaKind) -> Self {
        match media {
            MediaKind::Image => Self::Image,
            MediaKind::Video => Self::Video,
            MediaKind::Audio => Self::Audio,
            MediaKind::Voice => Self::Voice,
            MediaKind::Sticker => Self::Sticker,
            MediaKind::Document => Self::Document,
        }
    }
}
