//! Store, queue, Redis and outbox on real databases and a real Redis: one binary, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backends;
mod clock_jumps;
mod event_log;
mod event_stream;
mod outbox_acceptance;
mod outbox_dead_letters;
mod outbox_inlet;
mod outbox_reconciler;
mod queue_claims;
mod queue_failures;
mod queue_functions;
mod queue_limits;
mod queue_model;
#[path = "../support/receiver.rs"]
#[allow(dead_code, unreachable_pub, reason = "two test binaries share it")]
mod receiver;
mod redis_cluster;
mod redis_kinds;
mod redis_server;
mod retention;
mod store_acceptance;
mod store_alerts;
mod store_failures;
mod store_inbound;
mod store_rows;
mod store_webhooks;
mod webhooks;
