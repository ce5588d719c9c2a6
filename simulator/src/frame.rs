//! The frames between the page and the server, as PROTOCOL.md has them.

mod page;
mod server;
mod shape;

pub(crate) use page::{Ask, Hello, PageFrame, Question, ReceiptKind, Send, Sync};
pub(crate) use server::{Aftermath, EditedBody, PageFault, Reaction, Receipted, RevokedKey, ServerFrame, Vote};
pub(crate) use shape::{Me, WireChat, WireContact, WireGroup, WireMedia, WireMessage, WireParticipant, WireQuoted};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn as_json(frame: &ServerFrame, n: Option<u64>) -> Value {
        serde_json::from_str(&frame.to_text(n)).unwrap()
    }

    #[test]
    fn frames_read_as_the_protocol_says() {
        let ack = ServerFrame::Ack { key: "k".to_owned(), id: "i".to_owned(), ack: 2 };
        assert_eq!(as_json(&ack, Some(7)), json!({"t": "ack", "key": "k", "id": "i", "ack": 2, "n": 7}));
        assert_eq!(as_json(&ServerFrame::Online {}, None), json!({"t": "online"}));
        let fault = ServerFrame::Fault(PageFault::Leak { mb_per_minute: 2.5 });
        assert_eq!(as_json(&fault, None), json!({"t": "fault", "name": "leak", "mbPerMinute": 2.5}));
        let edited = ServerFrame::Edited(Box::new(Aftermath {
            key: "k".to_owned(),
            id: "i".to_owned(),
            from: "f".to_owned(),
            at: 5,
            what: EditedBody { body: "b".to_owned(), edit_id: "e".to_owned() },
        }));
        let wanted =
            json!({"t": "edited", "key": "k", "id": "i", "from": "f", "at": 5, "body": "b", "editId": "e", "n": 1});
        assert_eq!(as_json(&edited, Some(1)), wanted);
    }

    #[test]
    fn pages_are_understood() {
        let ask: PageFrame =
            serde_json::from_value(json!({"t": "ask", "rid": 4, "what": "pairing_code", "phone": "1555"})).unwrap();
        let PageFrame::Ask(Ask { question: Question::PairingCode { phone }, .. }) = ask else { panic!("{ask:?}") };
        assert_eq!(phone, "1555");
        let send = json!({"t": "send", "id": "A", "key": "true_1@c.us_A", "chatId": "1@c.us", "type": "chat", "body": "x", "more": 1});
        assert!(matches!(serde_json::from_value(send).unwrap(), PageFrame::Send(Send { kind, .. }) if kind == "chat"));
        assert!(serde_json::from_value::<PageFrame>(json!({"t": "unheard_of"})).is_err());
    }
}
