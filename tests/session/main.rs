//! `session`, with a scripted page: the paths that a real browser takes only when something breaks at the right moment.

#![expect(clippy::unwrap_used, reason = "a test may panic where the setting is broken")]

mod keepalive;
mod scripted;
mod sender;
