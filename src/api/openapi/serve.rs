//! `GET /openapi.json`, `GET /docs`: the document, and swagger-ui to look at it, which comes out of the program itself. Neither needs
//! a key: what stands there is true of every drover and nothing of this one, and a browser cannot send the header.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use utoipa_swagger_ui::Config;

use super::DOCUMENT;
use crate::api::problem::{Answer, Problem};

/// swagger-ui sets styles on its elements and draws icons from data URLs; its scripts are files.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
);

static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::from("/openapi.json").try_it_out_enabled(true).persist_authorization(false);
    Arc::new(config.deep_linking(true).use_base_layout())
});

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "server", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// This document as a page that can be tried out; it needs nothing from elsewhere.
#[utoipa::path(
    get, path = "/docs", tag = "server", security(()),
    responses((status = 303, description = "It is at `/docs/`")),
)]
pub(super) async fn page() -> Redirect {
    Redirect::to("/docs/")
}

/// The page.
#[utoipa::path(
    get, path = "/docs/", tag = "server", security(()),
    responses((status = 200, description = "swagger-ui", body = String, content_type = "text/html")),
)]
pub(super) async fn index() -> Answer<Response> {
    file_of_page("index.html")
}

/// A file of the page.
#[utoipa::path(
    get, path = "/docs/{*file}", tag = "server", security(()),
    params(("file" = String, Path, description = "Its name", example = "index.html")),
    responses((status = 200, description = "The file", body = String, content_type = "*/*")),
)]
pub(super) async fn asset(Path(file): Path<String>) -> Answer<Response> {
    file_of_page(&file)
}

fn file_of_page(name: &str) -> Answer<Response> {
    let served = utoipa_swagger_ui::serve(name, Arc::clone(&PAGE)).map_err(Problem::internal)?;
    let served = served.ok_or_else(Problem::no_such_path)?;
    let mut response = served.bytes.into_owned().into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&served.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}
