//! Sessions: one actor each, the only owner of its state, and one sender each, the only one that tells its page to send.
//!
//! `registry` is the door; `state_machine` decides, `actor` does; `sender` moves messages from the queue to the page and tells
//! the actor so (`sends`); `pending` and `quality` judge what that and the page tell; `presence` shows the account as online;
//! `logins` knows where profiles lie; `usage` when a session was used last, and who needs it as it is. A session's trouble stays its
//! own: nothing here is shared between two of them but the launch gate, which lets only so many browsers start at once (`admission`
//! is its policy), and `memory`, which measures all of them and puts to sleep whoever has nothing to do.

mod actor;
pub mod admission;
mod error;
mod gate;
mod inbound;
mod logins;
mod memory;
mod numbers;
mod payload;
mod pending;
mod presence;
mod quality;
mod registry;
mod screenshots;
mod sender;
mod sends;
mod services;
pub mod state_machine;
mod usage;

pub use error::{RefusedBridge, SessionError};
pub use logins::Logins;
pub use memory::{Level, MemoryView, SessionMemory};
pub use registry::{HeldAsleep, Registry, SessionDetails};
pub use services::{Files, LEAST_CLOSE_GRACE, Services, Settings};
