//! What drover itself reads of a session's `config`; the rest is kept as it was given.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Language, Severity};

/// The parts of WAHA's `config`, and of ours, that change what a session does. What is absent is as the settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionOptions {
    /// What is not told.
    pub ignore: Option<Ignore>,
    /// Whether "typing" is shown before a text, for a time in proportion to its length.
    pub typing: Option<bool>,
    /// Whether the files of received messages are downloaded.
    pub download_media: Option<bool>,
    /// Whether it is never put to sleep.
    pub pinned: Option<bool>,
}

/// Who else is mailed about a session (`config.alerts`), and of what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionAlerts {
    /// Their addresses.
    pub recipients: Vec<String>,
    /// The least that they are told.
    pub severity: Option<Severity>,
    /// In which language: `en` or `es`.
    pub language: Option<Language>,
}

/// Chats of which nothing is told. As in WAHA nothing is left out unless it is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Ignore {
    /// Status messages (stories).
    pub status: Option<bool>,
    /// Groups.
    pub groups: Option<bool>,
    /// Channels (newsletters).
    pub channels: Option<bool>,
    /// Broadcast lists.
    pub broadcast: Option<bool>,
}

impl SessionOptions {
    /// The options in a `config`; it was held against this shape when it was taken.
    #[must_use]
    pub fn of(config: &Value) -> Self {
        serde_json::from_value(config.clone()).unwrap_or_default()
    }

    /// Whether nothing is told of a chat.
    #[must_use]
    pub fn leaves_out(&self, chat: &str) -> bool {
        self.ignore.is_some_and(|ignore| ignore.leaves_out(chat))
    }
}

impl Ignore {
    fn leaves_out(&self, chat: &str) -> bool {
        let ignored = match chat.rsplit('@').next().unwrap_or_default() {
            "g.us" => self.groups,
            "newsletter" => self.channels,
            "broadcast" if chat == "status@broadcast" => self.status,
            "broadcast" => self.broadcast,
            _ => None,
        };
        ignored.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_ignored_is_left_out() {
        let all = json!({"ignore": {"status": true, "groups": true, "channels": true, "broadcast": true}});
        let chats = ["status@broadcast", "1@g.us", "1@newsletter", "1@broadcast"];
        let (all, none) = (SessionOptions::of(&all), SessionOptions::of(&json!({"ignore": null})));
        for chat in chats {
            assert!(all.leaves_out(chat) && !none.leaves_out(chat), "{chat}");
        }
        assert!(!all.leaves_out("15551234567@c.us") && !all.leaves_out("9@lid"));
        let status = SessionOptions::of(&json!({"ignore": {"status": true, "groups": null}, "metadata": {}}));
        assert_eq!(chats.map(|chat| status.leaves_out(chat)), [true, false, false, false]);
    }
}
