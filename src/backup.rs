//! Backups: the logins, the database and the settings, as one file that only its owner can open.
//!
//! ```text
//! parts ─ tar ─ [over HTTP from a running daemon] ─ manifest checked on the way ─ zstd ─ age ─ FILE
//! ```
//!
//! Owns the format: a tar whose last entry, `manifest.json`, has the size and the SHA-256 of each other one; compressed by zstd,
//! then encrypted by age (age-encryption.org/v1), so that the `age` and `tar` programs open it, too. Invariants: what is not
//! encrypted never lies outside the data folder; a backup counts as made only once its file was read again; a restore shows
//! nothing in the data folder until all of the backup was read and held against its manifest.
//!
//! Of a login it holds what a login needs: the page's IndexedDB and localStorage. Chromium makes the rest anew.

mod archive;
mod collect;
mod error;
pub mod login;
mod manifest;
mod pipe;
mod restore;
mod seal;

pub use collect::{Collected, Collection, Places};
pub use error::BackupError;
pub use login::{LoginFiles, receive as receive_login};
pub use manifest::{Manifest, Missing, Part};
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use restore::{Restored, restore};
pub use seal::{Lock, Unlock, make_key_file, seal, verify};
