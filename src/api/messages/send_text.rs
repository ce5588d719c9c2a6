//! `POST /api/sendText?wait=`

use axum::response::Response;
use serde::Deserialize;

use super::handing_in::HandingIn;
use crate::{
    api::problem::{Answer, Problem},
    model::{ChatId, Content, content::Text},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendText {
    text: String,
    mentions: Option<Vec<String>>,
    link_preview: Option<bool>,
}

/// Takes a text over and answers with its final id.
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
