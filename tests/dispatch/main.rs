//! Store, queue, Redis and outbox on real databases and a real Redis: one binary, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backends;
mod outbox_acceptance;
mod outbox_reconciler;
mod queue_claims;
mod queue_failures;
mod queue_model;
mod redis_server;
mod store_failures;
mod store_inbound;
mod store_rows;
