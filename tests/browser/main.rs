//! `browser`, without a daemon: the bridge and the process in a real Chromium.

mod bridge;
mod process;
mod support;
