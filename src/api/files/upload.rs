//! `POST /api/{session}/files`: keeps a file to be sent, once or to many.

use axum::{
    Json,
    extract::{FromRequest, Multipart, Request, State},
    http::{HeaderMap, StatusCode, header},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{self, MediaBody};
use crate::{
    api::{
        auth::{Action, Principal},
        input::{Params, PathSession},
        problem::{Answer, Problem},
        state::Parts,
    },
    media::{FileStore, Incoming, Label, Naming},
};

#[derive(Default, Deserialize)]
struct Upload {
    #[serde(default)]
    file: Description,
}

#[derive(Default, Deserialize)]
struct Description {
    mimetype: Option<String>,
    filename: Option<String>,
}

/// Takes a file as it is (`?filename=`), as the first file of a form, or as JSON `{"file": {"mimetype", "filename", "data"}}`,
/// and answers with the id by which a send names it.
pub(super) async fn upload(
    State(parts): State<Parts>,
    principal: Principal,
    PathSession(session): PathSession,
    params: Params,
    request: Request,
) -> Answer<(StatusCode, Json<Value>)> {
    principal.require(Action::Send, &session)?;
    parts.rooms.registry.view(&session)?;
    let files = &parts.rooms.files;
    let (incoming, description) = match content_type(request.headers()).as_str() {
        "application/json" => of_json(request, &parts).await?,
        "multipart/form-data" => of_form(request, files).await?,
        mime => {
            // What curl says when nobody told it what it sends.
            let mimetype = Some(mime).filter(|mime| *mime != "application/x-www-form-urlencoded");
            let mimetype = mimetype.map(str::to_owned);
            let mut incoming = files.begin(files.largest_bytes()).await?;
            body::append_all(&mut incoming, request.into_body().into_data_stream()).await?;
            (incoming, Description { mimetype, filename: params.text("filename").map(str::to_owned) })
        }
    };
    let Description { mimetype, filename } = description;
    let label = Label { naming: Naming::Uploaded, mime: mimetype.as_deref(), file_name: filename.as_deref() };
    let file = incoming.finish(&session, &label).await?;
    let answer = json!({
        "id": file.name.as_str(),
        "url": format!("/api/files/{session}/{}", file.name),
        "mimetype": file.mime,
        "filename": file.file_name,
        "bytes": file.bytes,
        "sha256": file.sha256,
    });
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
        return Ok((incoming, Description { mimetype, filename: Some(filename) }));
    }
    Err(Problem::wrong_field("file", "there is no file in this form"))
}

fn content_type(headers: &HeaderMap) -> String {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
