//! Where a session's events go: the session's own webhooks and the global one, each with an id that outlives a restart.

use std::{collections::HashMap, fmt::Write, sync::Arc};

use sha2::{Digest, Sha256};

use super::form::Settings;
use crate::model::{EventKind, SessionName};

/// A webhook of one session, or the global one.
#[derive(Debug)]
pub(super) struct Target {
    /// Derived from its scope and URL, so that a change of anything else leaves its cursors alone.
    pub(super) id: String,
    /// Whose it is; None: the global one.
    pub(super) owner: Option<SessionName>,
    pub(super) settings: Settings,
}

impl Target {
    /// The webhooks of one owner. Two of the same URL differ by their order.
    pub(super) fn all(owner: Option<&SessionName>, list: Vec<Settings>) -> Vec<Arc<Self>> {
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut targets = Vec::with_capacity(list.len());
        for settings in list {
            let number = seen.entry(settings.url.to_string()).or_default();
            let scope = owner.map_or("", SessionName::as_str);
            let id = digest("wh_", &[scope, settings.url.as_str(), &number.to_string()]);
            *number += 1;
            targets.push(Arc::new(Self { id, owner: owner.cloned(), settings }));
        }
        targets
    }

    pub(super) fn takes(&self, kind: EventKind) -> bool {
        self.settings.kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }

    /// The kinds as the store wants them (empty: all); None: it wants no event that ever happens.
    pub(super) fn kinds(&self) -> Option<&[EventKind]> {
        match self.settings.kinds.as_deref() {
            None => Some(&[]),
            Some([]) => None,
            Some(kinds) => Some(kinds),
        }
    }

    /// Where it leads, without path, query and password: any of them may be a secret.
    pub(super) fn origin(&self) -> String {
        self.settings.url.origin().ascii_serialization()
    }
}

/// The id of a delivery: the same for every try, before and after a restart.
pub(super) fn delivery_id(webhook: &str, session: &SessionName, seq: i64) -> String {
    digest("dlv_", &[webhook, session.as_str(), &seq.to_string()])
}

fn digest(prefix: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // Neither a name nor a URL holds a NUL.
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(12).fold(prefix.to_owned(), |mut id, byte| {
        // Writing to a String does not fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}
