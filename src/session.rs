//! Sessions: one actor each, the only owner of its state, and one sender each, the only one that tells its page to send.
//!
//! `registry` is the door; `state_machine` decides, `actor` does; `sender` moves messages from the queue to the page;
//! `logins` knows where profiles lie. A session's trouble stays its own: nothing here is shared between two of them but
//! the launch gate, which lets only so many browsers start at once.

mod actor;
mod error;
mod inbound;
mod logins;
mod payload;
mod registry;
mod sender;
mod services;
pub mod state_machine;

pub use error::SessionError;
pub use logins::Logins;
pub use registry::{Registry, SessionDetails};
pub use services::{Files, Services, Settings};
