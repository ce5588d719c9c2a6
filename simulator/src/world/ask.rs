//! The answers to a page's questions.

use serde_json::{Value, json};

use super::World;
use super::media::{AUTH_TTL_S, MEDIA_HOST};
use super::pages::PageId;
use crate::frame::{Ask, Question, ServerFrame};
use crate::id::{ChatId, Form, Number};

impl World {
    /// Answers a question.
    pub(crate) fn answer(&mut self, page: PageId, ask: Ask) {
        let (value, error) = match self.value_of(page, ask.question) {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error.to_owned())),
        };
        if let Some(page) = self.pages.get(page) {
            page.push(&ServerFrame::Answer { rid: ask.rid, value, error });
        }
    }

    fn value_of(&mut self, page: PageId, question: Question) -> Result<Value, &'static str> {
        Ok(match question {
            Question::PairingCode { phone } => {
                let number = Number::parse(&phone).ok_or("bad-request: not a phone number")?;
                if self.number_of(page).is_some() {
                    return Err("not-allowed: this page is linked");
                }
                json!(self.make_pairing_code(page, number))
            }
            Question::Exists { user } => self.on_whatsapp(&user).map_or(Value::Null, |number| {
                json!({"wid": number.pn(), "lid": self.lid_of(number), "biz": self.people.is_business(number)})
            }),
            Question::Lid { user } => ChatId::parse_person(&user).map_or(Value::Null, |number| json!({"pn": number.pn(), "lid": self.lid_of(number)})),
            Question::About { id } => match self.on_whatsapp(&id) {
                Some(_) => json!({"about": "Hey there! I am using WhatsApp."}),
                None => Value::Null,
            },
            Question::Picture { id } => self.picture_of(&id),
            Question::Group { id } => match ChatId::parse(&id) {
                Some(ChatId::Group(id)) => serde_json::to_value(self.wire_group(id)).unwrap_or(Value::Null),
                _ => Value::Null,
            },
            Question::Upload {} => json!({"hosts": [MEDIA_HOST], "auth": self.media.auth(), "ttlS": AUTH_TTL_S}),
        })
    }

    fn on_whatsapp(&self, user: &str) -> Option<Number> {
        ChatId::parse_person(user).filter(|number| self.people.on_whatsapp(*number))
    }

    fn lid_of(&self, number: Number) -> Option<String> {
        (self.people.form(number) == Form::Lid).then(|| number.id(Form::Lid))
    }

    /// Everybody's picture: a square in a colour of their own, as SVG.
    fn picture_of(&mut self, id: &str) -> Value {
        let Some(number) = self.on_whatsapp(id) else {
            return Value::Null;
        };
        let digits = number.lid();
        let hue = digits.bytes().fold(0u32, |hue, digit| (hue * 31 + u32::from(digit)) % 360);
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='96' height='96'><rect width='96' height='96' fill='hsl({hue} 55% 55%)'/></svg>"
        );
        let path = self.media.store(svg.into());
        json!({"url": format!("https://{MEDIA_HOST}{path}"), "id": hue})
    }
}
