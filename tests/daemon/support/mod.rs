//! The black-box harness: drover's real binary, a real simulator, real Chromium and Redis, each test in a folder of its own.
//!
//! - [`Simulator`] and [`Phone`]: the other side.
//! - [`Home`]: a data folder that outlives the daemons started on it, and answers for whatever they leave behind.
//! - [`Drover`]: one running daemon; [`Cli`]: one command of its CLI.
//! - [`Person`]: somebody at the dashboard, with a browser of their own.
//! - [`DevTools`]: the page, through the door that any DevTools takes.
//! - [`servers`]: a Redis and a PostgreSQL of the operator's own.
//! - [`story`]: steps that several tests share.
//!
//! Nothing is slept for: [`wait_until`] polls for a condition. When a test ends, `Home` asserts that no process, lock or
//! temporary file of it is left; when a test fails, everything is ended anyway and the logs are printed.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test file is a crate of its own and uses its own part of this"
)]

pub mod cli;
pub mod daemon;
pub mod devtools;
pub mod events;
pub mod home;
pub mod http;
pub mod log;
pub mod mail;
pub mod person;
pub mod process;
pub mod qr;
pub mod servers;
pub mod set_clock;
pub mod simulator;
pub mod small_disk;
pub mod story;
pub mod wait;

pub use cli::Cli;
pub use daemon::Drover;
pub use devtools::DevTools;
pub use events::Events;
pub use home::Home;
pub use http::{Client, Reply};
pub use person::Person;
pub use simulator::{Phone, Simulator};
pub use wait::{holds_for, wait_until, wait_until_ok};
