//! `POST /api/sendImage|sendVideo|sendFile|sendVoice|sendAudio|sendSticker?wait=`

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
    response::Response,
};
use serde::{Deserialize, de::IgnoredAny};
use utoipa::ToSchema;

use super::{handing_in::HandingIn, options::Sending};
use crate::{
    api::{
        files::MediaBody,
        openapi::{Conflict, StorageFull, Wait},
        problem::{Answer, Problem},
        state::Parts,
        wire::WAMessage,
    },
    media::{FileName, Incoming, Label, Naming},
    model::{
        Content, InvalidId,
        content::{FileSource, Media, MediaKind},
    },
};

/// A request with a file: by URL, by the id of an upload, or in base64, which is on the disk by now.
pub(super) struct WithFile {
    request: HandingIn,
    data: Option<Incoming>,
}

/// A file.
#[derive(Deserialize, ToSchema)]
pub(super) struct SendMedia {
    file: Given,
    caption: Option<String>,
}

/// One of `url`, `data` (base64) and `id` (of an upload).
#[derive(Deserialize, ToSchema)]
#[schema(as = FileToSend, example = json!({ "url": "https://shop.example/menu.png", "mimetype": "image/png", "filename": "menu.png" }))]
struct Given {
    url: Option<String>,
    id: Option<String>,
    #[schema(value_type = Option<String>)]
    #[expect(dead_code, reason = "described here; it goes to the disk while the body is read")]
    data: Option<IgnoredAny>,
    mimetype: Option<String>,
    filename: Option<String>,
}

impl FromRequest<Parts> for WithFile {
    type Rejection = Problem;

    async fn from_request(request: Request, parts: &Parts) -> Answer<Self> {
        let (mut head, body) = request.into_parts();
        let MediaBody { body, data } = MediaBody::from_request(Request::from_parts(head.clone(), body), parts).await?;
        Ok(Self { request: HandingIn::of(&mut head, body, parts).await?, data })
    }
}

/// What is read of a request.
type Description = Sending<SendMedia>;

/// A picture.
#[utoipa::path(
    post, path = "/api/sendImage", tag = "messages", params(Wait),
    request_body = inline(Description),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
        (status = 507, response = StorageFull),
    ),
)]
pub(super) async fn send_image(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Image).await
}

/// A video.
#[utoipa::path(
    post, path = "/api/sendVideo", tag = "messages", params(Wait),
    request_body = inline(Description),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
        (status = 507, response = StorageFull),
    ),
)]
pub(super) async fn send_video(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Video).await
}

/// A file, as a document.
#[utoipa::path(
    post, path = "/api/sendFile", tag = "messages", params(Wait),
    request_body = inline(Description),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
        (status = 507, response = StorageFull),
    ),
)]
pub(super) async fn send_file(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Document).await
}

/// A voice message: Opus in Ogg.
#[utoipa::path(
    post, path = "/api/sendVoice", tag = "messages", params(Wait),
    request_body = inline(Description),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
        (status = 507, response = StorageFull),
    ),
)]
pub(super) async fn send_voice(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Voice).await
}

/// A recording, as audio.
#[utoipa::path(
    post, path = "/api/sendAudio", tag = "messages", params(Wait),
    request_body = inline(Description),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
        (status = 507, response = StorageFull),
    ),
)]
pub(super) async fn send_audio(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Audio).await
}

/// A sticker: WebP.
#[utoipa::path(
    post, path = "/api/sendSticker", tag = "messages", params(Wait),
    request_body = inline(Description),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
        (status = 507, response = StorageFull),
    ),
)]
pub(super) async fn send_sticker(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Sticker).await
}

/// Takes a file over, to be shown as this.
async fn send(WithFile { request, data }: WithFile, media: MediaKind) -> Answer<Response> {
    let chat = request.chat()?;
    let SendMedia { file, caption } = request.body.read()?;
    let Given { url, id, mimetype, filename, .. } = file;
    let files = request.files();
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (file, kept) = match (data, given(url), given(id)) {
        (Some(data), None, None) => {
            let label = Label { naming: Naming::Uploaded, mime: mimetype.as_deref(), file_name: filename.as_deref() };
            let stored = data.finish(&request.session, &label).await?;
            files.check(&stored, media.into(), mimetype.as_deref()).await?;
            (FileSource::Kept(stored.name.to_string()), Some(stored.name))
        }
        (None, Some(url), None) => (FileSource::Url(web_address(url)?), None),
        (None, None, Some(id)) => {
            let name = id.parse::<FileName>().map_err(|error: InvalidId| Problem::wrong_field("file.id", error))?;
            let unknown = "no file of this id was uploaded to this session, or it was removed since";
            let found = files.find(&request.session, &name).await?;
            let stored = found.ok_or_else(|| Problem::wrong_field("file.id", unknown))?;
            files.check(&stored, media.into(), mimetype.as_deref()).await?;
            (FileSource::Kept(name.to_string()), Some(name))
        }
        _ => return Err(Problem::wrong_field("file", "it has one of url, data (base64) and id (of an upload)")),
    };
    let reply_to = request.reply_to().await?;
    let caption = caption.unwrap_or_default();
    let content = Content::Media(Media { media, file, mimetype, filename, caption, reply_to });
    request.take_over_with_file(chat, content, (StatusCode::CREATED, kept)).await
}

fn web_address(url: String) -> Answer<String> {
    let url = url.trim().to_owned();
    let is_web = ["http://", "https://"].iter().any(|scheme| url.to_ascii_lowercase().starts_with(scheme));
    if is_web { Ok(url) } else { Err(Problem::wrong_field("file.url", "this begins with http:// or https://")) }
}
