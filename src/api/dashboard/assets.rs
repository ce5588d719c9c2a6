//! The stylesheet and the script, part of the binary. Their addresses hold a hash of what they say, so that a browser may keep them
//! for ever and a new drover is never seen with an old script.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::api::problem::{Answer, Problem};

const STYLE: &str = include_str!("../../../assets/dashboard/dashboard.css");
const SCRIPT: &str = include_str!("../../../assets/dashboard/dashboard.js");
const ICON: &str = include_str!("../../../assets/dashboard/icon.svg");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file under its address.
struct Asset {
    path: String,
    kind: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(name: &str, extension: &str, kind: &'static str, text: &'static str) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { path: format!("{name}-{hash}.{extension}"), kind, text }
    }
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("dashboard", "css", "text/css; charset=utf-8", STYLE),
        Asset::new("dashboard", "js", "text/javascript; charset=utf-8", SCRIPT),
        Asset::new("icon", "svg", "image/svg+xml", ICON),
    ]
});

/// The addresses of the stylesheet, the script and the icon.
pub(super) fn addresses() -> [String; 3] {
    ASSETS.each_ref().map(|asset| format!("/dashboard/assets/{}", asset.path))
}

/// `GET /dashboard/assets/{file}`
pub(super) async fn get(Path(file): Path<String>) -> Answer<Response> {
    let asset = ASSETS.iter().find(|asset| asset.path == file).ok_or_else(Problem::no_such_path)?;
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)), (header::CACHE_CONTROL, FOR_EVER)];
    Ok((headers, asset.text).into_response())
}
