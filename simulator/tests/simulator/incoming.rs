//! What phones send to pages, and that it waits until the page has it.

use serde_json::{Value, json};

use crate::support::{Linked, Simulator};

const ANA: &str = "15551230000";
const BOB: &str = "15557770000";

async fn write(simulator: &Simulator, mut body: Value) -> Value {
    body["from"] = json!(BOB);
    simulator.post(&format!("/phones/{ANA}/incoming"), body).await.done()
}

#[tokio::test]
async fn a_text_waits_until_its_delivery_is_confirmed() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let written = write(&simulator, json!({"type": "text", "body": "hi", "id": "3AHI"})).await;
    let live = linked.page.expect("message").await["message"].clone();
    assert_eq!((&live["key"], &live["id"], &live["type"]), (&written["key"], &json!("3AHI"), &json!("chat")));
    assert_eq!((&live["fromMe"], &live["body"], &live["to"]), (&json!(false), &json!("hi"), &json!(linked.lid)));
    assert_eq!(live["chatId"], live["from"]);
    assert!(live["from"].as_str().unwrap().ends_with("@lid"));

    simulator.post("/faults", json!({"drop_socket": true})).await.done();
    linked.page.ended().await;
    write(&simulator, json!({"body": "and again"})).await;
    let frames = linked.reconnect(&simulator).await;
    let bodies: Vec<&Value> =
        frames.iter().filter(|frame| frame["t"] == "message").map(|frame| &frame["message"]["body"]).collect();
    assert_eq!(bodies, [&json!("hi"), &json!("and again")]);
    let offline = frames.iter().find(|frame| frame["t"] == "offline").unwrap();
    assert_eq!(offline["count"], 2);

    let keys: Vec<&Value> =
        frames.iter().filter(|frame| frame["t"] == "message").map(|frame| &frame["message"]["key"]).collect();
    linked.page.send(json!({"t": "receipt", "kind": "delivery", "keys": keys})).await;
    linked.page.ask(json!({"what": "upload"})).await;
    assert_eq!(linked.reconnect(&simulator).await[0], json!({"t": "offline", "count": 0}));
}

#[tokio::test]
async fn every_kind_arrives_with_what_belongs_to_it() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let data = "aGVsbG8=";
    let kinds = [
        (json!({"type": "image", "body": "look", "media": {"data": data, "mimetype": "image/png"}}), "image"),
        (
            json!({"type": "document", "media": {"data": data, "mimetype": "text/plain", "filename": "a.txt"}}),
            "document",
        ),
        (json!({"type": "voice", "media": {"data": data, "mimetype": "audio/ogg; codecs=opus"}}), "ptt"),
        (json!({"type": "location", "fields": {"lat": 52.5, "lng": 13.4, "loc": "Berlin"}}), "location"),
        (
            json!({"type": "contact", "body": "BEGIN:VCARD\nEND:VCARD", "fields": {"vcardFormattedName": "Eve"}}),
            "vcard",
        ),
        (json!({"type": "poll", "fields": {"pollName": "When?", "pollOptions": ["now", "later"]}}), "poll_creation"),
    ];
    for (body, kind) in kinds {
        write(&simulator, body).await;
        let message = linked.page.expect("message").await["message"].clone();
        assert_eq!(message["type"], kind);
        match kind {
            "image" => {
                assert_eq!((&message["fields"]["caption"], &message["media"]["size"]), (&json!("look"), &json!(5)))
            }
            "document" => assert_eq!(message["media"]["filename"], "a.txt"),
            "location" => assert_eq!(message["fields"]["lat"], 52.5),
            "vcard" => assert_eq!(message["fields"]["vcardFormattedName"], "Eve"),
            "poll_creation" => assert_eq!(message["fields"]["pollOptions"][1], json!({"name": "later", "localId": 1})),
            _ => {}
        }
        if let Some(url) = message["media"]["url"].as_str() {
            let path = url.strip_prefix("https://mmg.whatsapp.net").unwrap();
            let file = simulator.client().get(simulator.web("mmg.whatsapp.net", path)).send().await.unwrap();
            assert_eq!(file.bytes().await.unwrap(), "hello");
        }
    }
}

#[tokio::test]
async fn a_reply_carries_what_it_answers() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let bob = linked.page.ask(json!({"what": "lid", "user": BOB})).await["value"]["lid"].as_str().unwrap().to_owned();
    linked.text_keyed(&bob, "3EB0A1", "a question").await;
    linked.page.acks("3EB0A1", 3).await;
    write(&simulator, json!({"body": "an answer", "quotedId": "3EB0A1"})).await;
    let quoted = linked.page.expect("message").await["message"]["quoted"].clone();
    assert_eq!(
        quoted,
        json!({"id": "3EB0A1", "key": format!("true_{bob}_3EB0A1"), "participant": linked.lid, "type": "chat", "body": "a question"})
    );
    let unknown = json!({"from": BOB, "body": "x", "quotedId": "NOPE"});
    simulator.post(&format!("/phones/{ANA}/incoming"), unknown).await.refused(404, "no_message");
}

#[tokio::test]
async fn a_ciphertext_resolves_later_even_for_a_page_that_was_away() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    write(&simulator, json!({"type": "ciphertext", "body": "at last", "resolveMs": 30})).await;
    let sealed = linked.page.expect("message").await["message"].clone();
    assert_eq!((&sealed["type"], &sealed["body"]), (&json!("ciphertext"), &json!("")));
    let resolved = linked.page.expect("resolved").await;
    assert_eq!((&resolved["message"]["key"], &resolved["message"]["body"]), (&sealed["key"], &json!("at last")));
    assert!(resolved["n"].is_u64());
    let again = linked.reconnect(&simulator).await;
    assert!(again.iter().any(|frame| frame["t"] == "resolved"));
}

#[tokio::test]
async fn the_other_side_edits_reacts_votes_and_revokes() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let at = |path: &str| format!("/phones/{ANA}/{path}");
    let text = write(&simulator, json!({"body": "first", "id": "3AT"})).await;
    simulator.post(&at("edit"), json!({"id": "3AT", "body": "second"})).await.done();
    let edited = linked.page.expect("edited").await;
    assert_eq!((&edited["key"], &edited["body"], &edited["id"]), (&text["key"], &json!("second"), &json!("3AT")));
    simulator.post(&at("react"), json!({"id": "3AT", "text": "❤️"})).await.done();
    let reacted = linked.page.expect("reacted").await;
    assert_eq!((&reacted["key"], &reacted["text"]), (&text["key"], &json!("❤️")));
    assert_ne!(reacted["reactionKey"], text["key"]);
    let poll =
        write(&simulator, json!({"type": "poll", "id": "3AP", "fields": {"pollName": "?", "pollOptions": ["a", "b"]}}))
            .await;
    simulator.post(&at("vote"), json!({"id": "3AP", "options": ["b"]})).await.done();
    let voted = linked.page.expect("voted").await;
    assert_eq!((&voted["key"], &voted["options"]), (&poll["key"], &json!(["b"])));
    simulator.post(&at("vote"), json!({"id": "3AP", "options": ["c"]})).await.refused(422, "no_such_option");
    simulator.post(&at("revoke"), json!({"id": "3AT"})).await.done();
    let revoked = linked.page.expect("revoked").await;
    assert_eq!(revoked["key"], text["key"]);
    assert!(revoked["newKey"].as_str().unwrap().starts_with("false_"));
    simulator.post(&at("edit"), json!({"id": "NOPE", "body": "x"})).await.refused(404, "no_message");
}

#[tokio::test]
async fn somebody_types_and_calls() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    simulator.post(&format!("/phones/{ANA}/presence"), json!({"from": BOB, "state": "composing"})).await.done();
    let presence = linked.page.expect("presence").await;
    assert_eq!((&presence["state"], &presence["chatId"]), (&json!("composing"), &presence["from"]));
    let call = simulator.post(&format!("/phones/{ANA}/call"), json!({"from": BOB, "video": true})).await.done();
    let offered = linked.page.expect("call").await;
    assert_eq!((&offered["id"], &offered["isVideo"], &offered["state"]), (&call["id"], &json!(true), &json!("offer")));
    simulator
        .post(&format!("/phones/{ANA}/presence"), json!({"from": BOB, "state": "asleep"}))
        .await
        .refused(422, "invalid");
}

#[tokio::test]
async fn what_the_phone_itself_sends_reaches_its_page() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let sent = simulator.post(&format!("/phones/{ANA}/send"), json!({"to": BOB, "body": "from my phone"})).await.done();
    let message = linked.page.expect("message").await["message"].clone();
    assert_eq!((&message["key"], &message["fromMe"], &message["ack"]), (&sent["key"], &json!(true), &json!(1)));
    assert_eq!(simulator.sent(ANA).await.len(), 0, "only what pages sent is listed");
}

#[tokio::test]
async fn a_page_that_types_or_reads_is_seen_on_the_phones() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let text = write(&simulator, json!({"body": "hi", "id": "3AHI"})).await;
    linked.page.send(json!({"t": "chatstate", "chatId": text["chatId"], "state": "composing"})).await;
    linked.page.send(json!({"t": "receipt", "kind": "read", "keys": [text["key"]]})).await;
    linked.page.ask(json!({"what": "upload"})).await;
    let phones = simulator.get("/phones").await.done();
    let of = |number: &str| phones.as_array().unwrap().iter().find(|phone| phone["number"] == number).unwrap();
    assert_eq!(of(ANA)["chats"][0]["unread"], 0);
    assert_eq!(of(BOB)["chats"][0]["typing"], "composing");
    let at_bobs = simulator.get(&format!("/phones/{BOB}/chats/{ANA}")).await.done();
    assert_eq!((&at_bobs[0]["own"], &at_bobs[0]["ack"]), (&json!(true), &json!(3)));
}
