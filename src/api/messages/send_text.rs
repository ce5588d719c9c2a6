//! `POST /api/sendText?wait=`

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{handing_in::HandingIn, options::Sending};
use crate::{
    api::{
        openapi::{Conflict, Wait},
        problem::{Answer, Problem},
        wire::WAMessage,
    },
    model::{ChatId, Content, content::Text},
};

/// A text.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SendText {
    /// At most 65,536 characters.
    #[schema(example = "see you at ten", min_length = 1, max_length = 65536)]
    text: String,
    /// People who are named in it, as chats.
    mentions: Option<Vec<String>>,
    /// Whether a link is shown with a preview; true unless said otherwise.
    link_preview: Option<bool>,
}

/// What is read of a request.
type Request = Sending<SendText>;

/// Takes a text over and answers with its final id.
#[utoipa::path(
    post, path = "/api/sendText", tag = "messages", params(Wait),
    request_body = inline(Request),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
    ),
)]
pub(super) async fn send_text(request: HandingIn) -> Answer<Response> {
    request.chat()?;
    let SendText { text: body, mentions, link_preview } = request.body.read()?;
    let mentions =
        mentions.unwrap_or_default().iter().map(|person| mention(person)).collect::<Answer<Vec<ChatId>>>()?;
    let reply_to = request.reply_to().await?;
    // A text without a link has nothing to preview: it stays the same request, whatever is said of previews.
    let link_preview = link_preview.unwrap_or(true) && has_link(&body);
    request.create(Content::Text(Text { body, reply_to, mentions, link_preview })).await
}

/// Somebody who is mentioned; everybody (`all`) needs the group's members, whom drover does not ask for.
fn mention(person: &str) -> Answer<ChatId> {
    let id = person.parse::<ChatId>().map_err(|invalid| Problem::wrong_field("mentions", invalid.0))?;
    if id.is_group() { Err(Problem::wrong_field("mentions", "people are mentioned, not groups")) } else { Ok(id) }
}

fn has_link(text: &str) -> bool {
    text.contains("https://") || text.contains("http://")
}
