//! A WhatsApp Web to test against, with a phone to hold.
//!
//! Over TLS it serves the page that Chromium believes to be <https://web.whatsapp.com>, its websocket and the media hosts
//! (`web`, `socket`, `media_host`); over plain HTTP the phones (`phones`). What a real server would know, and the rules by
//! which it acts on that, are in `world`, behind one lock in `simulator`. The page itself is JavaScript under `page/`; the
//! two speak the frames of PROTOCOL.md (`frame`).

mod assets;
mod frame;
mod id;
mod media_host;
mod phones;
mod server;
mod settings;
mod simulator;
mod socket;
mod tls;
mod web;
mod world;

pub use assets::SURFACE;
pub use server::{Bound, Server, ServerError};
pub use settings::Settings;
pub use tls::TlsError;
