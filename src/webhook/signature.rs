//! The signature of a delivery: HMAC with SHA-512 over the raw body, in lower-case hex (WAHA's `X-Webhook-Hmac`).
//! docs/webhooks.md has vectors, which a test holds against this.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;

/// WAHA's name of the algorithm, for `X-Webhook-Hmac-Algorithm`.
pub const ALGORITHM: &str = "sha512";

/// The signature of a body under a key.
#[must_use]
pub fn sign(key: &[u8], body: &[u8]) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(body);
    mac.finalize().into_bytes().iter().fold(String::with_capacity(128), |mut hex, byte| {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
