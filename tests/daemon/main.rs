//! The daemon as a client, a phone and an operator meet it: the real binary, real Chromium, Redis and databases. One binary, so that it
//! is linked once.

#![allow(clippy::print_stdout, reason = "the printed steps are what `make smoke` is for")]

mod bad_input;
mod bridge;
mod chats;
mod cli_link;
mod cli_settings;
mod config_layers;
mod crash;
mod files;
mod kinds_in;
mod kinds_media;
mod kinds_out;
mod linking_in_the_terminal;
mod orphans;
mod real_servers;
mod session_lifecycle;
mod shutdown;
mod smoke;
mod start_failures;
mod support;
mod text_out;
