//! Media: what pages uploaded and phones attached, by its direct path. The bytes are plain; their SHA-256 names them.

use std::collections::HashMap;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::messages::MessageMedia;
use crate::frame::WireMedia;

/// The host that all media URLs name.
pub(crate) const MEDIA_HOST: &str = "mmg.whatsapp.net";

/// How the profile pictures begin that the server draws.
pub(crate) const PICTURE_BEGINS: &[u8] = b"<svg xmlns=";

/// How long an upload's permission is good, in seconds, by what the page is told; it is not taken back.
pub(crate) const AUTH_TTL_S: u64 = 3600;

/// One stored file.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) bytes: Bytes,
    pub(crate) sha256: [u8; 32],
}

/// All stored files.
#[derive(Debug)]
pub(crate) struct Media {
    by_path: HashMap<Box<str>, Blob>,
    auth: String,
}

impl Default for Media {
    fn default() -> Self {
        Self { by_path: HashMap::new(), auth: super::random_hex(20) }
    }
}

impl Media {
    /// What an upload has to carry as `auth`.
    pub(crate) fn auth(&self) -> &str {
        &self.auth
    }

    /// Stores bytes and gives their direct path; the same bytes have the same one.
    pub(crate) fn store(&mut self, bytes: Bytes) -> String {
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let path = format!("/v/t62.7118-24/{}.enc", URL_SAFE_NO_PAD.encode(sha256));
        self.by_path.entry(path.as_str().into()).or_insert(Blob { bytes, sha256 });
        path
    }

    /// What lies under a direct path (a query after it does not matter).
    pub(crate) fn get(&self, direct_path: &str) -> Option<&Blob> {
        let path = direct_path.split_once('?').map_or(direct_path, |(path, _)| path);
        self.by_path.get(path)
    }

    /// A message's media as a page receives it.
    pub(crate) fn wire(&self, media: &MessageMedia, at_s: u64) -> Option<WireMedia> {
        let blob = self.get(&media.direct_path)?;
        let hash = STANDARD.encode(blob.sha256);
        Some(WireMedia {
            direct_path: media.direct_path.to_string(),
            url: format!("https://{MEDIA_HOST}{}", media.direct_path),
            filehash: hash.clone(),
            enc_filehash: hash.clone(),
            media_key: hash,
            media_key_timestamp: at_s,
            mimetype: media.mimetype.to_string(),
            size: blob.bytes.len(),
            filename: media.filename.as_ref().map(ToString::to_string),
        })
    }
}

/// Whether a hash in the url-safe or the plain alphabet, padded or not, is the one of these bytes.
pub(crate) fn is_hash_of(hash: &str, bytes: &[u8]) -> bool {
    let plain = hash.trim_end_matches('=').replace('+', "-").replace('/', "_");
    URL_SAFE_NO_PAD.decode(plain).is_ok_and(|claimed| claimed == Sha256::digest(bytes).as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_have_one_place() {
        let mut media = Media::default();
        let path = media.store(Bytes::from_static(b"bytes"));
        assert_eq!(media.store(Bytes::from_static(b"bytes")), path);
        assert_eq!(
            media.get(&format!("{path}?ccb=1")).map(|blob| blob.bytes.clone()),
            Some(Bytes::from_static(b"bytes"))
        );
        assert!(media.get("/v/other").is_none());
    }

    #[test]
    fn hashes_are_known_in_every_spelling() {
        let digest = Sha256::digest(b"bytes");
        assert!(is_hash_of(&STANDARD.encode(digest), b"bytes"));
        assert!(is_hash_of(&URL_SAFE_NO_PAD.encode(digest), b"bytes"));
        assert!(!is_hash_of(&STANDARD.encode(digest), b"other"));
        assert!(!is_hash_of("no hash", b"bytes"));
    }
}
