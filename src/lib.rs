//! drover keeps WhatsApp Web sessions alive in headless Chromium and sends what backends queue: once, in order, no
//! faster than each session may. ARCHITECTURE.md shows the house.

pub mod alert;
pub mod api;
pub mod backup;
pub mod bounded;
pub mod browser;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod event;
pub mod health;
pub mod host;
pub mod init;
pub mod media;
pub mod model;
pub mod network;
pub mod outbox;
pub mod page;
pub mod qr;
pub mod queue;
pub mod redis;
pub mod retention;
pub mod session;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod webhook;
