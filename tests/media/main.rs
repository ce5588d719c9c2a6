//! Files: fetched from servers that misbehave, kept, and removed when their time has come. One binary, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fetch;
mod house;
mod kept;
mod memory;
mod random_failures;
mod server;
