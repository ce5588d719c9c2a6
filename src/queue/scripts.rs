//! The Lua, each called by one typed function. KEYS and ARGV are documented in each file's header. What is about one session's
//! queue is one library of functions, which Redis keeps made; a Redis that keeps none runs each of them as a script, with the
//! parts that it needs.

use std::sync::Arc;

use ::redis::Script;

use crate::redis::{Function, Library};

/// All of it, hashed once.
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
    pub(super) admit: Script,
    pub(super) rate: Script,
}

/// A function and what it is called in an error.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) function: Function,
}

macro_rules! lua {
    ($($part:literal)*) => { concat!($(include_str!(concat!("scripts/", $part, ".lua")),)*) };
}

/// Each part stands after those that it needs.
const LIBRARY: &str = lua!(
    "session" "filing" "unfiling" "sent" "following" "limits" "settling" "claiming"
    "enqueue" "claim" "settle" "settle_and_claim" "cancel" "depth" "take_over" "load" "restore" "stats" "pause" "paused"
);
const WRITING: [&str; 9] =
    ["enqueue", "claim", "settle", "settle_and_claim", "cancel", "take_over", "load", "restore", "pause"];
/// They are answered also while Redis has no memory left.
const READING: [&str; 3] = ["depth", "stats", "paused"];

/// What the names of the library and of its functions begin with: several versions of drover may use one Redis.
fn prefix() -> String {
    let hash = Script::new(LIBRARY);
    format!("drover_{}", &hash.get_hash()[..12])
}

fn library(prefix: &str) -> Library {
    let mut text = format!("#!lua name={prefix}\n{LIBRARY}");
    for (names, flags) in [(&WRITING[..], ""), (&READING, ", flags = { 'no-writes' }")] {
        for name in names {
            text.push_str(&format!(
                "redis.register_function{{ function_name = '{prefix}_{name}', callback = scripts.{name}{flags} }}\n"
            ));
        }
    }
    Library::new(text)
}

impl Scripts {
    pub(super) fn new() -> Self {
        let prefix = prefix();
        let library = Arc::new(library(&prefix));
        macro_rules! function {
            ($name:literal $(, with $part:literal)*) => {
                Named {
                    name: $name,
                    function: Function::new(
                        format!("{prefix}_{}", $name),
                        Arc::clone(&library),
                        concat!(lua!("session" $($part)* $name), "return scripts.", $name, "(KEYS, ARGV)\n"),
                    ),
                }
            };
        }
        Self {
            enqueue: function!("enqueue", with "filing", with "unfiling"),
            claim: function!("claim", with "filing", with "sent", with "following", with "limits", with "claiming"),
            settle: function!(
                "settle", with "filing", with "sent", with "following", with "limits", with "settling"
            ),
            settle_and_claim: function!(
                "settle_and_claim", with "filing", with "sent", with "following", with "limits", with "settling",
                with "claiming"
            ),
            cancel: function!("cancel", with "filing", with "unfiling"),
            depth: function!("depth"),
            take_over: function!("take_over", with "filing"),
            load: function!("load"),
            restore: function!("restore", with "sent", with "following"),
            stats: function!("stats", with "sent"),
            pause: function!("pause"),
            paused: function!("paused"),
            admit: Script::new(include_str!("scripts/admit.lua")),
            rate: Script::new(include_str!("scripts/rate.lua")),
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
