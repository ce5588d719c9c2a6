//! `POST /api/sendContactVcard?wait=`

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
    model::{
        Content, PhoneNumber,
        content::{Card, Contact},
    },
};

/// Cards.
#[derive(Deserialize, ToSchema)]
pub(super) struct SendContact {
    #[schema(min_items = 1)]
    contacts: Vec<Given>,
}

/// A whole card, or what one is made of.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContactCard, example = json!({ "fullName": "Ana", "phoneNumber": "+1 555 777 0003", "whatsappId": "15557770003" }))]
struct Given {
    vcard: Option<String>,
    full_name: Option<String>,
    organization: Option<String>,
    phone_number: Option<String>,
    whatsapp_id: Option<String>,
}

/// What is read of a request.
type Request = Sending<SendContact>;

/// Takes contact cards over.
#[utoipa::path(
    post, path = "/api/sendContactVcard", tag = "messages", params(Wait),
    request_body = inline(Request),
    responses(
        (status = 201, description = "It was taken over", body = WAMessage),
        (status = 409, response = Conflict),
    ),
)]
pub(super) async fn send_contact(request: HandingIn) -> Answer<Response> {
    let SendContact { contacts } = request.body.read()?;
    let cards = contacts.into_iter().enumerate().map(|(index, given)| card(index, given)).collect::<Answer<_>>()?;
    let reply_to = request.reply_to().await?;
    request.create(Content::Contact(Contact { cards, reply_to })).await
}

fn card(index: usize, given: Given) -> Answer<Card> {
    let missing = |field: &str| Problem::wrong_field(format!("contacts[{index}].{field}"), "this is missing");
    if let Some(vcard) = given.vcard.filter(|vcard| !vcard.is_empty()) {
        let name = full_name(&vcard).unwrap_or("Contact").to_owned();
        return Ok(Card { display_name: name, vcard });
    }
    let name = given.full_name.filter(|name| !name.trim().is_empty()).ok_or_else(|| missing("fullName"))?;
    let phone = given.phone_number.ok_or_else(|| missing("phoneNumber"))?;
    let wrong = |field: &str, error: String| Problem::wrong_field(format!("contacts[{index}].{field}"), error);
    let digits = phone.parse::<PhoneNumber>().map_err(|invalid| wrong("phoneNumber", invalid.0))?;
    let whatsapp = match given.whatsapp_id.as_deref().map(|id| id.split('@').next().unwrap_or_default()) {
        Some(id) => id.parse::<PhoneNumber>().map_err(|invalid| wrong("whatsappId", invalid.0))?,
        None => digits,
    };
    let mut vcard = format!("BEGIN:VCARD\nVERSION:3.0\nN:;{0};;;\nFN:{0}\n", escaped(&name));
    if let Some(organization) = given.organization.filter(|organization| !organization.is_empty()) {
        vcard.push_str(&format!("ORG:{};\n", escaped(&organization)));
    }
    vcard.push_str(&format!("TEL;type=CELL;type=VOICE;waid={}:{}\nEND:VCARD", whatsapp.as_str(), escaped(&phone)));
    Ok(Card { display_name: name, vcard })
}

/// The name on a card.
fn full_name(vcard: &str) -> Option<&str> {
    let named = |name: &str| {
        vcard.lines().find_map(|line| {
            let (property, value) = line.split_once(':')?;
            let property = property.split(';').next()?;
            property.eq_ignore_ascii_case(name).then(|| value.trim()).filter(|value| !value.is_empty())
        })
    };
    named("FN").or_else(|| named("N").map(|name| name.trim_matches(';')))
}

/// A value as RFC 6350 writes it; a line's end would begin another property.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => escaped.extend(['\\', character]),
            '\n' => escaped.push_str("\\n"),
            '\r' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_made_of_its_fields_and_cannot_smuggle_others_in() {
        let given = |name: &str| Given {
            vcard: None,
            full_name: Some(name.to_owned()),
            organization: Some("Acme; Co".to_owned()),
            phone_number: Some("+1 555 777 0003".to_owned()),
            whatsapp_id: None,
        };
        let made = card(0, given("Ben\nEND:VCARD")).expect("it is whole").vcard;
        assert_eq!(
            made,
            "BEGIN:VCARD\nVERSION:3.0\nN:;Ben\\nEND:VCARD;;;\nFN:Ben\\nEND:VCARD\nORG:Acme\\; Co;\n\
             TEL;type=CELL;type=VOICE;waid=15557770003:+1 555 777 0003\nEND:VCARD"
        );
        assert!(card(0, given(" ")).is_err());
        assert!(card(0, Given { phone_number: Some("12".to_owned()), ..given("Ben") }).is_err());
    }

    #[test]
    fn a_whole_card_is_taken_as_it_is_with_the_name_on_it() {
        let vcard = "BEGIN:VCARD\nVERSION:3.0\nfn;charset=utf-8: Dev \nEND:VCARD".to_owned();
        let given = Given {
            vcard: Some(vcard.clone()),
            full_name: None,
            organization: None,
            phone_number: None,
            whatsapp_id: None,
        };
        let made = card(0, given).expect("it is whole");
        assert_eq!((made.display_name.as_str(), made.vcard), ("Dev", vcard));
    }
}
