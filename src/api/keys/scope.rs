//! What a key opens, on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        auth::{Action, Principal},
        input::Body,
        problem::{Answer, Problem},
        wire::rfc3339,
    },
    model::SessionName,
    store::ApiKeyRecord,
};

/// What a request wants a key to open.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KeyScope, example = json!({ "isAdmin": false, "session": "main", "isActive": true, "actions": ["read", "send"] }))]
pub(super) struct Wanted {
    /// Whether it opens everything; false unless said otherwise.
    is_admin: Option<bool>,
    /// The only session that it opens; without it all.
    #[schema(value_type = Option<String>)]
    session: Option<SessionName>,
    /// Whether it opens anything at all; true unless said otherwise.
    is_active: Option<bool>,
    /// What may be done with a session; without it, or when it is empty, all.
    actions: Option<WantedActions>,
}

/// The actions of a key, in either of two forms.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum WantedActions {
    /// Of `read`, `send` and `control`.
    Named(Vec<String>),
    /// As WAHA has them. Those that drover does not tell apart (`setting`, `app`, `delete`) belong to `control`.
    Flags(BTreeMap<String, Option<bool>>),
}

impl WantedActions {
    fn names(self) -> Answer<Vec<String>> {
        let given = match self {
            Self::Named(names) => {
                let is_one = |name: &String| Action::ALL.iter().any(|action| action.as_str() == name);
                return match names.iter().position(|name| !is_one(name)) {
                    Some(index) => {
                        Err(Problem::wrong_field(format!("actions[{index}]"), "this is read, send or control"))
                    }
                    None => Ok(names),
                };
            }
            Self::Flags(flags) => flags,
        };
        let names = Action::ALL.iter().map(|action| action.as_str());
        let wanted: Vec<String> =
            names.filter(|name| given.get(*name) == Some(&Some(true))).map(str::to_owned).collect();
        // An empty list would mean all of them.
        if wanted.is_empty() && !given.is_empty() {
            return Err(Problem::wrong_field("actions", "one of read, send and control is true; leave it out for all"));
        }
        Ok(wanted)
    }
}

/// Lays what the request says over a key; what it does not name stays.
pub(super) fn lay_over(body: &Body, key: &mut ApiKeyRecord) -> Answer<()> {
    let Wanted { is_admin, session, is_active, actions } = body.read()?;
    key.is_admin = is_admin.unwrap_or(key.is_admin);
    key.is_active = is_active.unwrap_or(key.is_active);
    key.session = session.or(key.session.take());
    if let Some(actions) = actions {
        key.actions = actions.names()?;
    }
    if key.is_admin && (key.session.is_some() || !key.actions.is_empty()) {
        return Err(Problem::wrong_field("isAdmin", "an admin key opens everything: leave session and actions out"));
    }
    Ok(())
}

/// A key as it is shown: without the key itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Key, example = json!({
    "id": "key_0123456789abcdef", "isAdmin": false, "session": "main", "isActive": true,
    "actions": { "read": true, "send": false, "control": false }, "createdAt": "2026-11-18T11:06:40.000Z",
}))]
pub(super) struct ShownKey {
    id: String,
    is_admin: bool,
    session: Option<String>,
    is_active: bool,
    actions: ShownActions,
    /// RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
}

/// What may be done with a session.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyActions)]
struct ShownActions {
    read: bool,
    send: bool,
    control: bool,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub(super) struct NewKey {
    #[serde(flatten)]
    #[schema(inline)]
    pub(super) shown: ShownKey,
    /// The key itself.
    #[schema(format = Password)]
    pub(super) key: String,
}

/// A key as it is shown.
pub(super) fn show(key: &ApiKeyRecord) -> ShownKey {
    let principal = Principal::of(key.clone());
    let has = |action| principal.has(action);
    ShownKey {
        id: key.id.clone(),
        is_admin: key.is_admin,
        session: key.session.as_ref().map(SessionName::to_string),
        is_active: key.is_active,
        actions: ShownActions { read: has(Action::Read), send: has(Action::Send), control: has(Action::Control) },
        created_at: rfc3339(key.created_at_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKeyRecord {
        ApiKeyRecord {
            id: "key_1".to_owned(),
            hash: "hash".to_owned(),
            is_admin: false,
            session: Some("main".parse().expect("a name")),
            actions: vec!["read".to_owned()],
            is_active: true,
            created_at_ms: 0,
        }
    }

    #[test]
    fn what_a_request_does_not_name_stays() {
        let mut changed = key();
        lay_over(&Body::of(r#"{"isActive":false,"session":null}"#), &mut changed).expect("it is right");
        assert_eq!(changed, ApiKeyRecord { is_active: false, ..key() });
    }

    #[test]
    fn an_action_that_is_none_and_a_limited_admin_are_refused() {
        for body in [r#"{"actions":["read","fly"]}"#, r#"{"isAdmin":true}"#, r#"{"session":"a b"}"#] {
            assert_eq!(lay_over(&Body::of(body), &mut key()).expect_err(body).status(), 422);
        }
    }

    #[test]
    fn actions_may_be_given_as_waha_has_them() {
        for (body, names) in [
            (r#"{"actions":{"read":true,"send":null,"control":false}}"#, vec!["read"]),
            (r#"{"actions":{"read":true,"send":true,"app":true,"delete":true}}"#, vec!["read", "send"]),
            (r#"{"actions":["send"]}"#, vec!["send"]),
            (r#"{"actions":{}}"#, vec![]),
            (r#"{"actions":null}"#, vec!["read"]),
        ] {
            let mut changed = key();
            lay_over(&Body::of(body), &mut changed).expect(body);
            assert_eq!(changed.actions, names, "{body}");
        }
        for body in [r#"{"actions":{"delete":true}}"#, r#"{"actions":{"read":"yes"}}"#, r#"{"actions":"read"}"#] {
            assert_eq!(lay_over(&Body::of(body), &mut key()).expect_err(body).status(), 422);
        }
        let shown = serde_json::json!(show(&key()));
        assert_eq!(shown["actions"], serde_json::json!({ "read": true, "send": false, "control": false }));
        let all = serde_json::json!(show(&ApiKeyRecord { actions: Vec::new(), ..key() }));
        assert_eq!(all["actions"], serde_json::json!({ "read": true, "send": true, "control": true }));
    }

    #[test]
    fn neither_key_nor_hash_is_shown() {
        let shown = serde_json::to_string(&show(&key())).expect("JSON");
        assert!(!shown.contains("hash"), "{shown}");
    }
}
