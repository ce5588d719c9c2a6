//! The Lua scripts, one a file, each called by one typed function. KEYS and ARGV are documented in each file's header. What
//! several share (`session`, `settling`, `claiming`) stands in a file of its own before them.

use ::redis::Script;

/// The scripts, hashed once.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) enqueue: Named,
    pub(super) claim: Named,
    pub(super) settle: Named,
    pub(super) settle_and_claim: Named,
    pub(super) cancel: Named,
    pub(super) cancel_many: Named,
    pub(super) depth: Named,
    pub(super) take_over: Named,
    pub(super) load: Named,
    pub(super) restore: Named,
    pub(super) stats: Named,
    pub(super) admit: Named,
}

/// A script and what it is called in an error.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) script: Script,
}

macro_rules! on_session {
    ($name:literal $(, with $part:literal)*) => {
        Named {
            name: $name,
            script: Script::new(concat!(
                include_str!("scripts/session.lua"),
                $(include_str!(concat!("scripts/", $part, ".lua")),)*
                include_str!(concat!("scripts/", $name, ".lua"))
            )),
        }
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            enqueue: on_session!("enqueue"),
            claim: on_session!("claim", with "claiming"),
            settle: on_session!("settle", with "settling"),
            settle_and_claim: on_session!("settle_and_claim", with "settling", with "claiming"),
            cancel: on_session!("cancel"),
            cancel_many: on_session!("cancel_many"),
            depth: on_session!("depth"),
            take_over: on_session!("take_over"),
            load: on_session!("load"),
            restore: on_session!("restore"),
            stats: on_session!("stats"),
            admit: Named { name: "admit", script: Script::new(include_str!("scripts/admit.lua")) },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::queue::keys::WAKE_CHANNEL;

    #[test]
    fn the_scripts_publish_where_the_node_listens() {
        assert!(include_str!("scripts/session.lua").contains(&format!("'{WAKE_CHANNEL}'")));
    }
}
