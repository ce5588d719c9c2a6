//! The machine below drover: child processes that are ended as whole trees, what a killed drover left behind, and file
//! locks that a child inherits. Knows nothing of browsers or Redis.
//!
//! Invariant: no `waitpid(-1)` anywhere, so that nobody's child is reaped by another.

pub mod allocator;
pub mod disk;
pub mod file_lock;
pub mod headroom;
pub mod log_tail;
pub mod memory;
pub mod orphan;
pub mod own_code;
pub mod own_usage;
pub mod process_table;
pub mod process_tree;
pub mod thrift;

pub use disk::{Disk, error_name, try_writing};
pub use file_lock::{FileLock, TryLock};
pub use headroom::{Headroom, HeadroomProbe, MachineLimits};
pub use log_tail::LogTail;
pub use memory::{MemorySampler, MemoryUse, TreeMemory};
pub use orphan::{Orphan, ProcessRecord};
pub use own_usage::OwnUsage;
pub use process_table::{ProcessIdentity, TreeTag};
pub use process_tree::{Exit, ExitWatch, ProcessTree};

/// Makes this process the one that inherits orphaned grandchildren, so that it can reap them (`PR_SET_CHILD_SUBREAPER`).
/// The daemon calls it once, before it starts any child; [`ProcessTree`] works without it too, but leaves the reaping of
/// what a browser forked away to the system's init then.
///
/// # Errors
/// When the kernel refuses, which Linux since 3.4 does not.
pub fn become_subreaper() -> std::io::Result<()> {
    nix::sys::prctl::set_child_subreaper(true).map_err(std::io::Error::from)
}
