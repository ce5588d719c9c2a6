//! The daemon as a client, a phone and an operator meet it: the real binary, real Chromium, Redis and databases. One binary, so that it
//! is linked once.

#![allow(clippy::print_stdout, reason = "the printed steps are what `make smoke` is for")]

mod alert_kinds;
mod alerts;
mod backups;
mod bad_input;
mod bench_api;
mod bench_events;
mod boot;
mod bridge;
mod chaos;
mod chats;
mod cli_commands;
mod cli_link;
mod cli_settings;
mod clock_jumps;
mod config_layers;
mod crash;
mod dashboard;
mod dashboard_bench;
mod dashboard_doors;
#[path = "../support/dashboard_weight.rs"]
#[allow(unreachable_pub, reason = "two test binaries share it")]
mod dashboard_weight;
mod dead_letters;
mod demo;
mod disks;
mod event_streams;
mod files;
mod fuzz_api;
mod hibernation;
mod inlet;
mod keepalive;
mod kinds_in;
mod kinds_media;
mod kinds_out;
mod linking_in_the_terminal;
mod live_limits;
mod live_settings;
mod memory;
mod memory_bench;
mod metrics;
mod number_check;
mod openapi;
mod orphans;
mod per_session;
mod pid_one;
mod queue_monitor;
mod rate_limits;
mod real_servers;
#[path = "../support/receiver.rs"]
#[allow(dead_code, unreachable_pub, reason = "two test binaries share it")]
mod receiver;
mod recovery;
mod redeploy;
mod redis_trouble;
mod runbook;
mod secrets;
mod session_lifecycle;
mod shutdown;
mod smoke;
mod soak;
mod start_failures;
mod stress;
mod support;
mod text_out;
mod traces;
mod waha_clients;
mod webhooks;
