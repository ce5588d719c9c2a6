//! Contacts, chats and presences, as a session's page knows them.

use crate::support::{Client, Home, Simulator, story};
use serde_json::{Value, json};

const BOB: &str = "15559990001@c.us";

/// Older clients of WAHA ask for messages by query; newer ones ask who is behind a hidden number.
fn assert_wahas_other_words(api: &Client, messages: &Value) {
    let by_query = format!("/api/messages?session=shop&chatId={BOB}&limit=2&downloadMedia=false");
    assert_eq!(&api.get(&by_query).expect(200), messages);
    assert_eq!(api.get("/api/messages?session=shop").expect(422)["fields"][0]["field"], "chatId");
    let lid = api.get(&format!("/api/contacts?contactId={BOB}&session=shop")).expect(200)["lid"].clone();
    let lid = lid.as_str().filter(|lid| lid.ends_with("@lid")).expect("the account has hidden numbers");
    let both = json!({ "lid": lid, "pn": BOB });
    for path in [lid, lid.trim_end_matches("@lid"), "pn/15559990001", &format!("pn/{BOB}")] {
        assert_eq!(api.get(&format!("/api/shop/lids/{path}")).expect(200), both, "{path}");
    }
    assert_eq!(api.get("/api/shop/lids/77000000000000@lid").expect(200)["pn"], Value::Null, "nobody is behind it");
    assert_eq!(api.get("/api/shop/lids/nobody").expect(422)["fields"][0]["field"], "lid");
    assert_eq!(api.get("/api/shop/lids/pn/1").expect(422)["fields"][0]["field"], "phoneNumber");
    assert_eq!(api.get("/api/shop/lids").expect(501)["code"], "not_implemented");
}

/// What was handed in stands in the chat under the id that was answered, in whichever form the page has it.
fn assert_is_as_answered(api: &Client, message: &Value, sent: &str) {
    let last = &api.get("/api/shop/chats?limit=1").expect(200)[0]["lastMessage"];
    for one in [message, last, &api.get(&format!("/api/shop/chats/{BOB}/messages?limit=1")).expect(200)[0]] {
        let found = (&one["id"], &one["source"], &one["to"], &one["from"]);
        assert_eq!((&one["body"], &one["fromMe"]), (&json!("ours"), &json!(true)), "{one}");
        assert_eq!(found, (&json!(sent), &json!("api"), &json!(BOB), &json!("15550007001@c.us")), "{one}");
    }
}

#[test]
fn contacts_chats_and_presences_are_asked_of_the_page() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let api = drover.api();
    let phone = simulator.phone("15550007001", "Ana");
    drover.create_stopped("idle");
    for path in ["/api/idle/chats".to_owned(), format!("/api/contacts?contactId={BOB}&session=idle")] {
        assert_eq!(api.get(&path).expect(422)["code"], "wrong_state", "{path}");
    }
    story::link(&drover, "shop", &phone);
    phone.order("contacts", &json!([{"number": "15559990001", "name": "Bob Brown"}]));
    let events = drover.events();
    for number in 0..3 {
        phone.receive("15559990001", &format!("message {number}"));
        let body = format!("message {number}");
        events.wait_for("the message", story::TO_ACK, |event| event.data["payload"]["body"] == body.as_str());
    }
    // WhatsApp's times are whole seconds: what follows is later.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    phone.receive("15559990002", "from Carl");
    events.wait_for("Carl's", story::TO_ACK, |event| event.data["payload"]["body"] == "from Carl");

    let contact = api.get(&format!("/api/contacts?contactId={BOB}&session=shop")).expect(200);
    assert_eq!((&contact["name"], &contact["number"]), (&json!("Bob Brown"), &json!("15559990001")), "{contact}");
    assert_eq!((&contact["isMyContact"], &contact["isMe"]), (&json!(true), &json!(false)), "{contact}");
    let about = api.get(&format!("/api/contacts/about?contactId={BOB}&session=shop")).expect(200);
    assert!(about.get("about").is_some(), "{about}");
    let picture = api.get(&format!("/api/contacts/profile-picture?contactId={BOB}&session=shop")).expect(200);
    assert!(picture.get("profilePictureURL").is_some(), "{picture}");
    assert_eq!(api.get("/api/contacts?contactId=nobody&session=shop").expect(422)["fields"][0]["field"], "contactId");

    // Asked once an hour: what changes meanwhile is not seen.
    phone.order("contacts", &json!([{"number": "15559990001", "name": "Robert"}]));
    assert_eq!(api.get(&format!("/api/contacts?contactId={BOB}&session=shop")).expect(200)["name"], "Bob Brown");

    let overview = api.get("/api/shop/chats/overview").expect(200);
    let overview: Vec<Value> = overview.as_array().expect("chats").clone();
    assert_eq!(overview.len(), 2, "{overview:?}");
    assert_eq!(overview[0]["lastMessage"]["body"], "from Carl", "the last written to first: {overview:?}");
    assert_eq!(overview[1]["_chat"]["unreadCount"], 3, "{overview:?}");
    assert_eq!(api.get("/api/shop/chats?limit=1&offset=1").expect(200).as_array().map(Vec::len), Some(1));
    assert_eq!(api.get("/api/shop/chats?limit=0").expect(422)["fields"][0]["field"], "limit");

    let messages = api.get(&format!("/api/shop/chats/{BOB}/messages?limit=2")).expect(200);
    let texts: Vec<&str> =
        messages.as_array().expect("messages").iter().filter_map(|one| one["body"].as_str()).collect();
    assert_eq!(texts.len(), 2, "{messages}");
    assert_eq!(api.get("/api/shop/chats/15559990099@c.us/messages").expect(404)["code"], "unknown_chat");
    assert_wahas_other_words(api, &messages);
    let newest = &messages[0];
    let id = newest["id"].as_str().expect("an id");
    let bare = id.split('_').nth(2).expect("three parts");
    for form in [id, bare] {
        let message = api.get(&format!("/api/shop/chats/{BOB}/messages/{form}")).expect(200);
        assert_eq!((&message["id"], &message["body"]), (&newest["id"], &newest["body"]), "{form}");
    }
    let sent = drover.send_text("shop", BOB, "ours")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&sent, 1, story::TO_ACK);
    let message = api.get(&format!("/api/shop/chats/{BOB}/messages/{sent}")).expect(200);
    assert_is_as_answered(api, &message, &sent);
    for id in ["3EB0000000000000000000", "false_15559990001@c.us_3EB0000000000000000000", "nothing"] {
        let unknown = api.get(&format!("/api/shop/chats/{BOB}/messages/{id}")).expect(404);
        assert_eq!(unknown["code"], "unknown_message", "{id}");
    }

    api.post(&format!("/api/shop/presence/{BOB}/subscribe"), &Value::Null).expect(201);
    phone.order("presence", &json!({"from": "15559990001", "state": "composing"}));
    let update = events.wait_for("typing", story::TO_ACK, |event| {
        event.name == "presence.update" && event.data["payload"]["presences"][0]["lastKnownPresence"] == "typing"
    });
    assert_eq!(update.data["payload"]["id"], BOB);
    let presence = api.get(&format!("/api/shop/presence/{BOB}")).expect(200);
    assert_eq!((&presence["id"], &presence["presences"][0]["lastKnownPresence"]), (&json!(BOB), &json!("typing")));
    // Of others nothing is told.
    phone.order("presence", &json!({"from": "15559990002", "state": "composing"}));
    phone.order("presence", &json!({"from": "15559990001", "state": "unavailable"}));
    events.wait_for("gone", story::TO_ACK, |event| {
        event.name == "presence.update" && event.data["payload"]["presences"][0]["lastKnownPresence"] == "offline"
    });
    let all = events.all();
    let presences: Vec<_> = all.iter().filter(|event| event.name == "presence.update").collect();
    assert!(presences.iter().all(|event| event.data["payload"]["id"] == BOB), "{presences:?}");
    api.post("/api/shop/presence", &json!({"presence": "online"})).expect(201);
    assert_eq!(
        api.post("/api/shop/presence", &json!({"presence": "typing"})).expect(422)["fields"][0]["field"],
        "chatId"
    );
    drover.stop();
}
