//! The Lua scripts, one a file, each called by one typed function. KEYS and ARGV are documented in each file's header. What
//! several share stands in files of its own before them: `session` before all that are about one.

use ::redis::Script;

/// The scripts, hashed once.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) enqueue: Named,
    pub(super) claim: Named,
    pub(super) settle: Named,
    pub(super) settle_and_claim: Named,
    pub(super) cancel: Named,
    pub(super) depth: Named,
    pub(super) take_over: Named,
    pub(super) load: Named,
    pub(super) restore: Named,
    pub(super) stats: Named,
    pub(super) pause: Named,
    pub(super) paused: Named,
    pub(super) admit: Named,
    pub(super) rate: Named,
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
            enqueue: on_session!("enqueue", with "filing", with "unfiling"),
            claim: on_session!("claim", with "filing", with "sent", with "following", with "limits", with "claiming"),
            settle: on_session!(
                "settle", with "filing", with "sent", with "following", with "limits", with "settling"
            ),
            settle_and_claim: on_session!(
                "settle_and_claim", with "filing", with "sent", with "following", with "limits", with "settling",
                with "claiming"
            ),
            cancel: on_session!("cancel", with "filing", with "unfiling"),
            depth: on_session!("depth"),
            take_over: on_session!("take_over", with "filing"),
            load: on_session!("load"),
            restore: on_session!("restore", with "sent", with "following"),
            stats: on_session!("stats", with "sent"),
            pause: on_session!("pause"),
            paused: on_session!("paused"),
            admit: Named { name: "admit", script: Script::new(include_str!("scripts/admit.lua")) },
            rate: Named { name: "rate", script: Script::new(include_str!("scripts/rate.lua")) },
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
