//! Chromium: finding it, starting it on a profile, speaking with the page in it over CDP, ending it. The only place that
//! knows chromiumoxide; implements the border that `page` draws.
//!
//! ```text
//! ChromiumLauncher ─ find ─ profile (lock) ─ process (tree) ─ CDP ─┬─ ChromiumPage   answers calls (WhatsAppPage)
//!                                                                  ├─ events         binding -> PageEvent
//!                                                                  └─ warden         owns the process; ends it
//! ```
//!
//! Invariants: one browser a profile (our lock, which the browser inherits); a browser whose process, renderer or connection
//! is gone is ended as a whole, and every call to it fails at once from then on; what could not be started leaves nothing.

pub mod arguments;
mod bridge;
mod camera;
mod cdp;
mod chromium_page;
mod events;
pub mod find;
mod intercept;
mod launch;
mod login_copy;
mod process;
pub mod profile;
mod sandbox;
mod scratch;
mod singleton;
mod space;
mod user_agent;
mod view;
mod warden;

pub use arguments::ForbiddenArgument;
pub use bridge::{built_in_bridge, read_bridge};
pub use find::{Executable, NotFound, Search};
pub use launch::{ChromiumLauncher, LauncherError};
pub use profile::end_orphans;
pub use sandbox::{Sandbox, probe as probe_sandbox};
pub use singleton::{Claim, claim as profile_claim};
