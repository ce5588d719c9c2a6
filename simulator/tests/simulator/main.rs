//! The simulator's server from outside: its real binary, and raw websocket clients in the page's place.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod support;

mod faults;
mod groups;
mod incoming;
mod linking;
mod load;
mod media;
mod phones;
mod process;
mod sending;
