//! `browser`, without a daemon: the bridge and the process in a real Chromium.

mod at_rest;
mod bridge;
mod options;
mod process;
mod support;
