//! `POST /api/{session}/files`: keeps a file to be sent, once or to many.

use axum::{
    Json,
    extract::{FromRequest, Multipart, Request, State},
    http::{HeaderMap, StatusCode, header},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use utoipa::ToSchema;

use super::body::{self, MediaBody};
use crate::{
    api::{
        auth::{Action, Principal},
        body_type::BodyType,
        input::{Params, PathSession},
        openapi::StorageFull,
        problem::{Answer, Problem},
        state::Parts,
    },
    media::{FileStore, Incoming, Label, Naming},
};

/// A file in base64.
#[derive(Default, Deserialize, ToSchema)]
#[schema(example = json!({ "file": { "mimetype": "text/plain", "filename": "note.txt", "data": "aGVsbG8=" } }))]
pub(super) struct Upload {
    #[serde(default)]
    #[schema(required = true)]
    file: Description,
}

#[derive(Default, Deserialize, ToSchema)]
#[schema(as = FileInBase64)]
struct Description {
    mimetype: Option<String>,
    filename: Option<String>,
    #[schema(value_type = String)]
    #[expect(dead_code, reason = "described here; it goes to the disk while the body is read")]
    data: Option<IgnoredAny>,
}

/// The file as it is.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "described here, read as it comes")]
pub(super) struct FileAsItIs(Vec<u8>);

/// A form; its first file is kept.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, read as it comes")]
pub(super) struct UploadForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// A file that is kept.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0123456789abcdef.txt", "url": "/api/files/main/0123456789abcdef.txt", "mimetype": "text/plain",
    "filename": "note.txt", "bytes": 5, "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
}))]
pub(super) struct UploadedFile {
    /// By which a send names it.
    id: String,
    url: String,
    mimetype: String,
    filename: Option<String>,
    bytes: u64,
    sha256: String,
}

/// Takes a file as it is (`?filename=`), as the first file of a form, or as JSON `{"file": {"mimetype", "filename", "data"}}`,
/// and answers with the id by which a send names it.
#[utoipa::path(
    post, path = "/api/{session}/files", tag = "files",
    params(PathSession, ("filename" = Option<String>, Query, description = "The file's name, unless the body has one")),
    request_body(
        description = "The file as it is, as a form, or in base64",
        content((FileAsItIs = "application/octet-stream"), (UploadForm = "multipart/form-data"), (Upload = "application/json")),
    ),
    responses(
        (status = 201, description = "It is kept", body = UploadedFile),
        (status = 507, response = StorageFull),
    ),
)]
pub(super) async fn upload(
    State(parts): State<Parts>,
    principal: Principal,
    PathSession(session): PathSession,
    params: Params,
    request: Request,
) -> Answer<(StatusCode, Json<UploadedFile>)> {
    principal.require(Action::Send, &session)?;
    parts.rooms.registry.view(&session)?;
    BodyType::require_plain_bytes(request.headers())?;
    let files = &parts.rooms.files;
    let (incoming, mut description) = match content_type(request.headers()).as_str() {
        "application/json" => of_json(request, &parts).await?,
        "multipart/form-data" => of_form(request, files).await?,
        mime => {
            // What curl says when nobody told it what it sends.
            let mimetype = Some(mime).filter(|mime| *mime != "application/x-www-form-urlencoded");
            let mimetype = mimetype.map(str::to_owned);
            let mut incoming = files.begin(files.largest_bytes()).await?;
            body::append_all(&mut incoming, request.into_body().into_data_stream()).await?;
            (incoming, Description { mimetype, ..Description::default() })
        }
    };
    // What the body says of itself wins over the address that it is sent to.
    let named = || params.text("filename").map(str::to_owned);
    description.filename = description.filename.filter(|name| !name.is_empty()).or_else(named);
    let Description { mimetype, filename, .. } = description;
    let label = Label { naming: Naming::Uploaded, mime: mimetype.as_deref(), file_name: filename.as_deref() };
    let file = incoming.finish(&session, &label).await?;
    let answer = UploadedFile {
        id: file.name.to_string(),
        url: format!("/api/files/{session}/{}", file.name),
        mimetype: file.mime,
        filename: file.file_name,
        bytes: file.bytes,
        sha256: file.sha256,
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn of_json(request: Request, parts: &Parts) -> Answer<(Incoming, Description)> {
    let MediaBody { body, data } = MediaBody::from_request(request, parts).await?;
    let Upload { file } = body.read()?;
    let missing = "this is missing: the file in base64; one that has a URL is sent by its URL, without an upload";
    Ok((data.ok_or_else(|| Problem::wrong_field("file.data", missing))?, file))
}

async fn of_form(request: Request, files: &FileStore) -> Answer<(Incoming, Description)> {
    let no_form = |error: &dyn std::fmt::Display| Problem::wrong_field("body", format!("this is no form: {error}"));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| no_form(&error))?;
    while let Some(field) = form.next_field().await.map_err(|error| no_form(&error))? {
        let Some(filename) = field.file_name().map(str::to_owned) else { continue };
        let mimetype = field.content_type().map(str::to_owned);
        let mut incoming = files.begin(files.largest_bytes()).await?;
        body::append_all(&mut incoming, field).await?;
        return Ok((incoming, Description { mimetype, filename: Some(filename), ..Description::default() }));
    }
    Err(Problem::wrong_field("file", "there is no file in this form"))
}

fn content_type(headers: &HeaderMap) -> String {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
