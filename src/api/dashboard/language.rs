//! The dashboard's languages and what it says in them: `assets/dashboard/<language>.toml`.
//!
//! Invariant (held by a test): all catalogues have the same keys with the same places to fill in.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::http::{HeaderMap, header};

use super::cookies::Cookies;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Spanish,
}

type Texts = BTreeMap<String, String>;

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../../../assets/dashboard/en.toml")));
static SPANISH: LazyLock<Texts> = LazyLock::new(|| read(include_str!("../../../assets/dashboard/es.toml")));

fn read(toml: &str) -> Texts {
    let table: BTreeMap<String, Texts> =
        toml::from_str(toml).expect("the catalogues are part of the binary, and tested");
    let flat =
        |(group, texts): (String, Texts)| texts.into_iter().map(move |(key, text)| (format!("{group}.{key}"), text));
    table.into_iter().flat_map(flat).collect()
}

impl Language {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::English, Self::Spanish];

    /// The tag (BCP 47).
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    /// The language of a tag, with or without a region.
    pub(super) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default().trim().to_ascii_lowercase();
        Self::ALL.into_iter().find(|language| language.tag() == primary)
    }

    /// What the person chose, else the first of the browser's languages that there is, else English.
    pub(super) fn wanted(headers: &HeaderMap, cookies: &Cookies) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        cookies.language().and_then(Self::of_tag).or_else(|| accepted_first(accepted)).unwrap_or(Self::English)
    }

    fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::Spanish => &SPANISH,
        }
    }

    /// What is said under a key; None when there is no such key.
    pub(super) fn text(self, key: &str) -> Option<&'static str> {
        self.texts().get(key).map(String::as_str)
    }

    /// The same, with the places filled in.
    pub(super) fn say(self, key: &str, places: &[(&str, &str)]) -> Option<String> {
        let text = self.text(key)?;
        Some(places.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value)))
    }

    /// Separates thousands, and fractions.
    pub(super) fn separators(self) -> (char, char) {
        match self {
            Self::English => (',', '.'),
            Self::Spanish => ('.', ','),
        }
    }
}

/// RFC 9110, section 12.5.4: the one with the highest weight; of equal ones the first.
fn accepted_first(header: &str) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for range in header.split(',') {
        let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse::<f32>().ok());
        let (Some(language), Some(weight)) = (Language::of_tag(tag), weight) else { continue };
        if weight > 0.0 && best.is_none_or(|(best, _)| weight > best) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::auth::Action,
        model::{DeadCode, MessageState, SessionState},
    };
    use std::collections::BTreeSet;

    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn both_catalogues_say_the_same_things() {
        let keys = |language: Language| language.texts().keys().cloned().collect::<BTreeSet<_>>();
        let (english, spanish) = (keys(Language::English), keys(Language::Spanish));
        assert_eq!(english.difference(&spanish).collect::<Vec<_>>(), Vec::<&String>::new(), "missing in Spanish");
        assert_eq!(spanish.difference(&english).collect::<Vec<_>>(), Vec::<&String>::new(), "missing in English");
        for (key, text) in Language::English.texts() {
            let other = Language::Spanish.text(key).expect("it is there");
            assert_eq!(places(text), places(other), "the places of {key}");
            assert!(!text.is_empty() && !other.is_empty(), "{key} says something");
        }
    }

    #[test]
    fn every_state_has_its_words() {
        let states = SessionState::ALL.iter().map(|state| format!("state.{}", state.as_str()));
        let messages = MessageState::ALL.iter().map(|state| format!("message.{}", state.as_str()));
        let actions = Action::ALL.iter().map(|action| format!("action.{}", action.as_str()));
        let dead = [DeadCode::Refused, DeadCode::AttemptsSpent, DeadCode::NotOnWhatsapp, DeadCode::Blocked];
        let dead = dead.iter().map(|code| format!("dead.{}", code.as_str()));
        for key in states.chain(messages).chain(actions).chain(dead) {
            assert!(Language::Spanish.text(&key).is_some(), "{key}");
        }
    }

    #[test]
    fn the_browsers_language_is_taken_when_there_is_one() {
        for (header, wanted) in [
            ("es", Some(Language::Spanish)),
            ("es-MX,es;q=0.9,en;q=0.8", Some(Language::Spanish)),
            ("de-DE,de;q=0.9,en;q=0.8,es;q=0.5", Some(Language::English)),
            ("en;q=0.2, es;q=0.7", Some(Language::Spanish)),
            ("de", None),
            ("es;q=0", None),
            ("es;q=x, en", Some(Language::English)),
            ("", None),
        ] {
            assert_eq!(accepted_first(header), wanted, "{header}");
        }
    }

    #[test]
    fn places_are_filled_in() {
        assert_eq!(Language::English.say("time.minutes", &[("n", "3")]).as_deref(), Some("3 min ago"));
        assert_eq!(Language::English.say("no.such", &[]), None);
    }
}
