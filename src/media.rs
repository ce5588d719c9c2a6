//! Files: those that are to be sent, fetched from where they lie; those that were received or uploaded, kept and handed out.
//!
//! Owns `media/` in the data folder. Invariants: no file is ever whole in memory; a file under its final name is complete and on
//! the disk; what is half-way lies in `media/.partial`, is removed when it is let go, and by the next start after a crash.

mod base64_reader;
mod circuit;
mod error;
mod fetch;
mod file_names;
mod file_store;
mod incoming;
mod kind;
mod media_file;
mod mime_type;
mod retention;
mod scratch;
mod split_json;

pub use error::{FetchError, FileError};
pub use fetch::{Declared, Fetcher, Origin, Source};
pub use file_names::FileName;
pub use file_store::{FileStore, StoredFile};
pub use incoming::{Incoming, Label, Naming};
pub use kind::Kind;
pub use media_file::MediaFile;
pub use retention::Janitor;
pub use split_json::SplitError;
