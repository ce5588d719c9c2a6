//! What a key opens: everything (admin), or some actions on one session or on all.

use axum::http::StatusCode;
use tracing::Span;

use crate::{
    api::problem::{Answer, Problem},
    model::SessionName,
    store::ApiKeyRecord,
};

/// What somebody wants to do with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Look at it, its messages and events.
    Read,
    /// Hand in messages and take them back.
    Send,
    /// Link, start, stop, change or remove it.
    Control,
}

impl Action {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Read, Self::Send, Self::Control];

    /// The name in a key's scope.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Send => "send",
            Self::Control => "control",
        }
    }

    /// What is done with a session, in a sentence.
    fn in_words(self) -> &'static str {
        match self {
            Self::Read => "look at",
            Self::Send => "send through",
            Self::Control => "control",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Principal {
    key: ApiKeyRecord,
}

impl Principal {
    pub(super) fn of(key: ApiKeyRecord) -> Self {
        Self { key }
    }

    /// The public id of the key.
    pub(super) fn key_id(&self) -> &str {
        &self.key.id
    }

    /// Whether the key opens everything.
    pub(super) fn is_admin(&self) -> bool {
        self.key.is_admin
    }

    /// The only session that this key sees; None: all.
    pub(super) fn only_session(&self) -> Option<&SessionName> {
        self.key.session.as_ref().filter(|_| !self.key.is_admin)
    }

    /// Whether the key may do something with a session.
    pub(super) fn may(&self, action: Action, session: &SessionName) -> bool {
        self.only_session().is_none_or(|only| only == session) && self.has(action)
    }

    /// Refuses unless the key may do something with a session.
    /// The request's lines carry the session's name from then on.
    pub(super) fn require(&self, action: Action, session: &SessionName) -> Answer<()> {
        Span::current().record("session.id", session.as_str());
        if self.may(action, session) {
            return Ok(());
        }
        Err(forbidden(format!("this key may not {} the session '{session}'", action.in_words())))
    }

    /// Refuses unless the key may do something with every session.
    pub(super) fn require_on_all(&self, action: Action) -> Answer<()> {
        if self.only_session().is_none() && self.has(action) {
            return Ok(());
        }
        Err(forbidden(format!("this key may not {} every session", action.in_words())))
    }

    /// Refuses unless the key may do everything.
    pub(super) fn require_admin(&self) -> Answer<()> {
        if self.key.is_admin { Ok(()) } else { Err(forbidden("this needs an admin key".to_owned())) }
    }

    /// Whether the key may do that with any session.
    pub(super) fn has(&self, action: Action) -> bool {
        let actions = &self.key.actions;
        self.key.is_admin || actions.is_empty() || actions.iter().any(|name| name == action.as_str())
    }
}

fn forbidden(message: String) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(is_admin: bool, session: Option<&str>, actions: &[&str]) -> Principal {
        Principal::of(ApiKeyRecord {
            id: "key".to_owned(),
            hash: String::new(),
            is_admin,
            session: session.map(|name| name.parse().expect("a name")),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
            is_active: true,
            created_at_ms: 0,
        })
    }

    fn allowed(principal: &Principal, session: &str) -> Vec<&'static str> {
        let session = session.parse().expect("a name");
        Action::ALL
            .into_iter()
            .filter(|action| principal.require(*action, &session).is_ok())
            .map(Action::as_str)
            .collect()
    }

    #[test]
    fn a_key_opens_what_its_scope_says() {
        let all = ["read", "send", "control"];
        assert_eq!(allowed(&principal(true, None, &[]), "main"), all);
        assert_eq!(allowed(&principal(true, Some("other"), &["read"]), "main"), all);
        assert_eq!(allowed(&principal(false, None, &[]), "main"), all);
        assert_eq!(allowed(&principal(false, Some("main"), &[]), "main"), all);
        assert_eq!(allowed(&principal(false, Some("main"), &["read", "send"]), "main"), ["read", "send"]);
        assert!(allowed(&principal(false, Some("other"), &[]), "main").is_empty());
        assert!(allowed(&principal(false, None, &["unheard-of"]), "main").is_empty());
    }

    #[test]
    fn what_concerns_all_sessions_is_not_for_a_key_of_one() {
        assert!(principal(true, None, &[]).require_on_all(Action::Control).is_ok());
        assert!(principal(false, None, &["control"]).require_on_all(Action::Control).is_ok());
        assert!(principal(false, None, &["read"]).require_on_all(Action::Control).is_err());
        assert!(principal(false, Some("main"), &[]).require_on_all(Action::Read).is_err());
        assert!(principal(false, None, &[]).require_admin().is_err());
        assert!(principal(true, None, &[]).require_admin().is_ok());
    }
}
