//! `POST /api/sendImage|sendVideo|sendFile|sendVoice|sendAudio|sendSticker?wait=`

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

use super::handing_in::HandingIn;
use crate::{
    api::{
        files::MediaBody,
        problem::{Answer, Problem},
        state::Parts,
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

#[derive(Deserialize)]
struct SendMedia {
    file: Given,
    caption: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    url: Option<String>,
    id: Option<String>,
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

pub(super) async fn send_image(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Image).await
}

pub(super) async fn send_video(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Video).await
}

pub(super) async fn send_file(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Document).await
}

pub(super) async fn send_voice(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Voice).await
}

pub(super) async fn send_audio(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Audio).await
}

pub(super) async fn send_sticker(request: WithFile) -> Answer<Response> {
    send(request, MediaKind::Sticker).await
}

/// Takes a file over, to be shown as this.
async fn send(WithFile { request, data }: WithFile, media: MediaKind) -> Answer<Response> {
    let chat = request.chat()?;
    let SendMedia { file, caption } = request.body.read()?;
    let Given { url, id, mimetype, filename } = file;
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
