//! Real servers of a test's own, and what a test begins with.

pub(crate) mod clock;
pub(crate) mod hooks;
pub(crate) mod house;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod rows;
pub(crate) mod servers;
pub(crate) mod settings;
