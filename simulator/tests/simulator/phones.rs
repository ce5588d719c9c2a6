//! The phones' own API: what is unknown, what is wrong, and the page with a phone to hold.

use serde_json::json;

use crate::support::{Linked, Simulator};

const ANA: &str = "15551230000";
const BOB: &str = "15557770000";

#[tokio::test]
async fn an_unknown_phone_is_404_everywhere() {
    let simulator = Simulator::start(&[]);
    simulator.get("/phones/15550000009/sent").await.refused(404, "unknown_phone");
    simulator.get("/phones/nobody/sent").await.refused(404, "unknown_phone");
    simulator.get(&format!("/phones/15550000009/chats/{BOB}")).await.refused(404, "unknown_phone");
    let calls = [
        ("incoming", json!({"from": BOB, "body": "x"})),
        ("send", json!({"to": BOB, "body": "x"})),
        ("ack", json!({"id": "x", "ack": 1})),
        ("react", json!({"id": "x", "text": "y"})),
        ("edit", json!({"id": "x", "body": "y"})),
        ("revoke", json!({"id": "x"})),
        ("vote", json!({"id": "x", "options": []})),
        ("call", json!({"from": BOB})),
        ("presence", json!({"from": BOB, "state": "composing"})),
        ("unlink", json!({})),
        ("contacts", json!([])),
        ("groups", json!({"subject": "x", "participants": []})),
    ];
    for (call, body) in calls {
        simulator.post(&format!("/phones/15550000009/{call}"), body).await.refused(404, "unknown_phone");
    }
    simulator.get("/nothing/here").await.refused(404, "not_found");
    assert_eq!(simulator.get("/phones/scan").await.status, 405);
    assert_eq!(simulator.delete("/phones/pages").await.status, 405);
}

#[tokio::test]
async fn a_wrong_body_is_422_with_what_is_wrong() {
    let simulator = Simulator::start(&[]);
    simulator.put(&format!("/phones/{ANA}"), json!({"name": "Ana"})).await.done();
    let at = |call: &str| format!("/phones/{ANA}/{call}");
    let wrong = [
        ("incoming", json!({"body": "no from"}), "from"),
        ("incoming", json!({"from": "abc", "body": "x"}), "abc"),
        ("incoming", json!({"from": BOB}), "body"),
        ("incoming", json!({"from": BOB, "type": "hologram", "body": "x"}), "hologram"),
        ("incoming", json!({"from": BOB, "type": "image"}), "media"),
        ("incoming", json!({"from": BOB, "type": "image", "media": {"data": "%%", "mimetype": "image/png"}}), "base64"),
        ("incoming", json!({"from": BOB, "type": "location"}), "fields.lat"),
        ("incoming", json!({"from": BOB, "body": "x", "boby": "y"}), "boby"),
        ("ack", json!({"id": "x", "ack": "one"}), "ack"),
        ("contacts", json!([{"number": BOB, "onWhatsApp": "yes"}]), "boolean"),
    ];
    for (call, body, names) in wrong {
        let answer = simulator.post(&at(call), body).await;
        assert!(answer.body["error"].as_str().is_some_and(|text| text.contains(names)), "{names}: {}", answer.body);
        answer.refused(422, "invalid");
    }
    simulator.put("/phones/12", json!({})).await.refused(422, "invalid");
}

#[tokio::test]
async fn an_id_is_used_once_a_sender() {
    let simulator = Simulator::start(&[]);
    simulator.put(&format!("/phones/{ANA}"), json!({})).await.done();
    let path = format!("/phones/{ANA}/incoming");
    let incoming = || simulator.post(&path, json!({"from": BOB, "body": "x", "id": "3A1"}));
    incoming().await.done();
    incoming().await.refused(409, "id_taken");
}

#[tokio::test]
async fn phones_list_their_chats_and_who_holds_them() {
    let simulator = Simulator::start(&[]);
    let _linked = Linked::new(&simulator, ANA).await;
    simulator
        .post(&format!("/phones/{ANA}/contacts"), json!([{"number": BOB, "name": "Bob", "onWhatsApp": true}]))
        .await
        .done();
    simulator.post(&format!("/phones/{ANA}/incoming"), json!({"from": BOB, "body": "hi"})).await.done();
    let phones = simulator.get("/phones").await.done();
    assert_eq!(
        (&phones[0]["number"], &phones[0]["name"], &phones[0]["linked"]),
        (&json!(ANA), &json!("Ana"), &json!(1))
    );
    let chat = &phones[0]["chats"][0];
    assert_eq!(
        (&chat["chat"], &chat["name"], &chat["last"], &chat["unread"]),
        (&json!(BOB), &json!("Bob"), &json!("hi"), &json!(1))
    );
    assert_eq!((&phones[1]["number"], &phones[1]["held"]), (&json!(BOB), &json!(false)));
    simulator.post(&format!("/phones/{ANA}/chats/{BOB}/read"), json!({})).await.done();
    assert_eq!(simulator.get("/phones").await.done()[0]["unread"], 0);
}

#[tokio::test]
async fn the_page_with_the_phones_is_served_and_told_of_changes() {
    let simulator = Simulator::start(&[]);
    let at = |path: &str| format!("http://{}{path}", simulator.http);
    let page = simulator.client().get(at("/")).send().await.unwrap().text().await.unwrap();
    for part in ["/phone/phone.css", "/phone/main.js"] {
        assert!(page.contains(part), "{part}");
        assert_eq!(simulator.client().get(at(part)).send().await.unwrap().status(), 200);
    }
    assert_eq!(simulator.client().get(at("/phone/none.js")).send().await.unwrap().status(), 404);
    let mut events = simulator.client().get(at("/phones/events")).send().await.unwrap();
    let first = events.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"data: "), "{first:?}");
    simulator.put(&format!("/phones/{ANA}"), json!({"name": "Ana"})).await.done();
    let second = events.chunk().await.unwrap().unwrap();
    assert_ne!(first, second);
}
