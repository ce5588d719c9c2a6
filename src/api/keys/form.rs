//! Keys as such: how they are made, hashed and compared.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::RngExt;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every key that drover makes starts with, so that a leaked one can be found.
const PREFIX: &str = "drover_";

/// A new key of 256 random bits.
pub(super) fn make() -> String {
    let bytes: [u8; 32] = rand::rng().random();
    format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// What the store keeps of a key: SHA-256 in hex. No salt: a key that drover made cannot be guessed.
pub(super) fn hash(key: &[u8]) -> String {
    Sha256::digest(key).iter().fold(String::with_capacity(64), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Compares two hashes in a time that does not depend on where they differ.
pub(super) fn are_equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_unlike_any_other_and_fits_a_header() {
        let (one, other) = (make(), make());
        assert_eq!(one.len(), PREFIX.len() + 43);
        assert!(one.bytes().all(|byte| byte.is_ascii_graphic()));
        assert_ne!(one, other);
    }

    #[test]
    fn the_hash_is_sha256_in_hex() {
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash(b"abc"), of_abc);
    }

    #[test]
    fn only_the_whole_hash_is_equal() {
        let whole = hash(b"abc");
        assert!(are_equal(&whole, &hash(b"abc")));
        assert!(!are_equal(&whole, &hash(b"abd")));
        assert!(!are_equal(&whole, &whole[..63]));
        assert!(!are_equal(&whole, ""));
    }
}
