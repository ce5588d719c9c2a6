//! The settings while drover runs: what is in force, what was refused, and what waits for a restart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Loaded, Setting};

/// The settings, or sections of them, that are taken over while drover runs; everything else waits for a restart.
const LIVE: &[&str] = &["limits.", "memory.", "rate.", "log.level", "alerts.", "smtp."];

/// The settings as they stand. Clones share them.
#[derive(Debug, Clone)]
pub struct LiveSettings(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// As they were when drover started.
    started: Vec<Setting>,
    /// As the file has them, since it was last valid.
    current: Vec<Setting>,
    refused: Option<RefusedChange>,
}

/// A change that was not taken: the old settings stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedChange {
    /// Why, with the line.
    pub why: String,
    /// When it was refused first; Unix milliseconds.
    pub at_ms: i64,
}

/// What a change brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// In force now.
    pub in_force: Vec<&'static str>,
    /// Changed, and in force after a restart.
    pub after_restart: Vec<&'static str>,
    /// Whether an earlier change was refused, which this one mends.
    pub mends: bool,
}

impl LiveSettings {
    /// Those that drover starts with.
    #[must_use]
    pub fn new(settings: Vec<Setting>) -> Self {
        Self(Arc::new(Mutex::new(State { started: settings.clone(), current: settings, refused: None })))
    }

    /// Notes that these are the settings now.
    #[must_use]
    pub fn take(&self, loaded: &Loaded) -> Taken {
        let mut state = self.state();
        let changed = differing(&state.current, &loaded.settings);
        let (in_force, after_restart) = changed.into_iter().partition(|name| is_live(name));
        let mends = state.refused.take().is_some();
        state.current.clone_from(&loaded.settings);
        Taken { in_force, after_restart, mends }
    }

    /// Notes that a change was refused; true when that is news.
    #[must_use]
    pub fn refuse(&self, why: &str, now_ms: i64) -> bool {
        let mut state = self.state();
        let is_new = state.refused.as_ref().is_none_or(|refused| refused.why != why);
        if is_new {
            state.refused = Some(RefusedChange { why: why.to_owned(), at_ms: now_ms });
        }
        is_new
    }

    /// The change that was refused last, unless one was taken since.
    #[must_use]
    pub fn refused(&self) -> Option<RefusedChange> {
        self.state().refused.clone()
    }

    /// Every setting as the file has it now; secrets are masked.
    #[must_use]
    pub fn settings(&self) -> Vec<Setting> {
        self.state().current.clone()
    }

    /// Those of them that are in force only after a restart.
    #[must_use]
    pub fn awaiting_restart(&self) -> Vec<&'static str> {
        let state = self.state();
        differing(&state.started, &state.current).into_iter().filter(|name| !is_live(name)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_live(name: &str) -> bool {
    LIVE.iter().any(|live| name.starts_with(live))
}

fn differing(before: &[Setting], after: &[Setting]) -> Vec<&'static str> {
    let same = |setting: &Setting| before.iter().any(|old| old.name == setting.name && old.is_equal(setting));
    after.iter().filter(|setting| !same(setting)).map(|setting| setting.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load, rules::RULES};

    fn loaded(file: &str) -> Loaded {
        load(&Sources::of(std::path::Path::new("/srv"), &[]).with_file(file.to_owned())).expect("valid settings")
    }

    #[test]
    fn what_is_live_is_told_from_what_waits_for_a_restart() {
        let live = LiveSettings::new(loaded("").settings);
        let taken = live.take(&loaded("[limits]\nper_minute = 20\n[http]\nport = 4000\napi_key = 'geheim'\n"));
        assert_eq!(taken.in_force, ["limits.per_minute"]);
        assert_eq!(taken.after_restart, ["http.port", "http.api_key"]);
        assert_eq!(live.awaiting_restart(), ["http.port", "http.api_key"]);
        // A secret that changed is seen although both are masked, and neither is shown.
        let taken = live.take(&loaded("[http]\nport = 4000\napi_key = 'secreto'\n"));
        assert_eq!((taken.in_force, taken.after_restart), (vec!["limits.per_minute"], vec!["http.api_key"]));
        let shown = format!("{live:?}");
        assert!(!shown.contains("geheim") && !shown.contains("secreto"), "{shown}");
        let _ = live.take(&loaded(""));
        assert!(live.awaiting_restart().is_empty(), "it is as it was at the start");
    }

    #[test]
    fn a_refusal_is_news_once_and_a_valid_change_mends_it() {
        let live = LiveSettings::new(loaded("").settings);
        assert!(live.refuse("line 2", 10));
        assert!(!live.refuse("line 2", 20));
        assert_eq!(live.refused(), Some(RefusedChange { why: "line 2".to_owned(), at_ms: 10 }));
        assert!(live.refuse("line 3", 30));
        assert!(live.take(&loaded("")).mends);
        assert_eq!(live.refused(), None);
    }

    #[test]
    fn each_of_the_list_is_a_setting() {
        for live in LIVE {
            assert!(RULES.iter().any(|rule| rule.name.starts_with(live)), "{live}");
        }
    }
}
