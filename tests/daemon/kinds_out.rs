//! Every kind of message on its way out, as the phone shows it: accepted with its final id, queued, sent once. And what is refused.

use crate::support::{Drover, Home, Phone, Simulator, story, wait_until_ok};
use serde_json::{Value, json};

const BOB: &str = "15559990001@c.us";
const CARL: &str = "15559990002@c.us";
const CARD: &str = "BEGIN:VCARD\nVERSION:3.0\nFN:Dev\nTEL;type=CELL;waid=15557770003:+1 555 777 0003\nEND:VCARD";

fn bare(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").rsplit('_').next().expect("its last part").to_owned()
}

/// Hands a message in, waits until the server has it, and gives what the phone shows of it.
#[track_caller]
fn sent(drover: &Drover<'_>, phone: &Phone<'_>, path: &str, body: &Value) -> (Value, Value) {
    let answer = drover.api().post(path, body).expect(201);
    let id = bare(&answer);
    drover.wait_ack(&id, 1, story::TO_ACK);
    let shown = phone.sent().into_iter().find(|message| message["id"] == id.as_str());
    let shown = shown.unwrap_or_else(|| panic!("{id} reached the phone under its id: {:?}", phone.sent()));
    assert_eq!(shown["shown"], 1, "{shown}");
    (answer, shown)
}

/// Waits until something holds of what the phone shows of a message.
#[track_caller]
fn wait_shown(phone: &Phone<'_>, id: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    wait_until_ok(what, story::TO_ACK, || {
        let shown = phone.sent().into_iter().find(|message| message["id"] == id).unwrap_or_default();
        if holds(&shown) { Ok(shown) } else { Err(shown) }
    })
}

#[test]
fn texts_places_cards_and_polls_reach_the_phone_as_they_were_meant() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550004001", "Ana");
    story::link(&drover, "shop", &phone);

    let odd = "👨‍👩‍👧‍👦 שלום \u{202e}abc\u{202c} bell\u{7} esc\u{1b} \"quoted\" </script> \u{2028}";
    let (_, shown) = sent(&drover, &phone, "/api/sendText", &json!({"session": "shop", "chatId": BOB, "text": odd}));
    assert_eq!(shown["body"], odd, "every character arrives as it was");

    let first = json!({"session": "shop", "chatId": BOB, "text": "the first"});
    let (first, _) = sent(&drover, &phone, "/api/sendText", &first);
    let reply = json!({"session": "shop", "chatId": BOB, "text": "the answer", "reply_to": first["id"]});
    let (reply, shown) = sent(&drover, &phone, "/api/sendText", &reply);
    assert_eq!(shown["fields"]["quotedStanzaID"], bare(&first), "{shown}");
    assert_eq!(reply["replyTo"], json!({ "id": bare(&first), "hasMedia": false }), "{reply}");

    let mention = json!({"session": "shop", "chatId": BOB, "text": "ask @15559990002", "mentions": [CARL]});
    let (_, shown) = sent(&drover, &phone, "/api/sendText", &mention);
    assert_eq!(shown["fields"]["mentionedJidList"], json!([CARL]), "{shown}");

    let link = json!({"session": "shop", "chatId": BOB, "text": "see https://shop.example/offer today"});
    let (_, shown) = sent(&drover, &phone, "/api/sendText", &link);
    assert_eq!(shown["fields"]["title"], "shop.example", "links have a preview: {shown}");
    let plain = json!({"session": "shop", "chatId": CARL, "text": "see https://shop.example", "linkPreview": false});
    let (_, shown) = sent(&drover, &phone, "/api/sendText", &plain);
    assert_eq!(shown["fields"].get("title"), None, "unless it is not wanted: {shown}");

    let place =
        json!({"session": "shop", "chatId": BOB, "latitude": 52.516_275, "longitude": 13.377_704, "title": "Gate"});
    let (answer, shown) = sent(&drover, &phone, "/api/sendLocation", &place);
    assert_eq!((&shown["type"], &shown["fields"]["lat"]), (&json!("location"), &json!(52.516_275)), "{shown}");
    assert_eq!((&shown["fields"]["lng"], &shown["fields"]["loc"]), (&json!(13.377_704), &json!("Gate")), "{shown}");
    assert_eq!((&answer["location"]["description"], &answer["location"]["live"]), (&json!("Gate"), &json!(false)));

    let card = json!({"session": "shop", "chatId": BOB, "contacts": [{"vcard": CARD}]});
    let (_, shown) = sent(&drover, &phone, "/api/sendContactVcard", &card);
    assert_eq!((&shown["type"], &shown["body"]), (&json!("vcard"), &json!(CARD)), "{shown}");
    let made = json!({"fullName": "Eva Ek", "organization": "Acme", "phoneNumber": "+1 555 777 0004"});
    let cards = json!({"session": "shop", "chatId": BOB, "contacts": [{"vcard": CARD}, made]});
    let (_, shown) = sent(&drover, &phone, "/api/sendContactVcard", &cards);
    assert_eq!(shown["type"], "multi_vcard", "{shown}");
    assert_eq!(shown["fields"]["vcardList"][1]["displayName"], "Eva Ek", "{shown}");

    let poll = json!({"name": "Lunch?", "options": ["Soup", "Bread"], "multipleAnswers": false});
    let poll = json!({"session": "shop", "chatId": BOB, "poll": poll});
    let (_, shown) = sent(&drover, &phone, "/api/sendPoll", &poll);
    assert_eq!((&shown["type"], &shown["fields"]["pollName"]), (&json!("poll_creation"), &json!("Lunch?")), "{shown}");
    assert_eq!(shown["fields"]["pollSelectableOptionsCount"], 1, "{shown}");
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn messages_are_reacted_to_edited_forwarded_seen_and_taken_back() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550004002", "Ana");
    story::link(&drover, "shop", &phone);
    let api = drover.api();

    let text = json!({"session": "shop", "chatId": BOB, "text": "the frist"});
    let (message, _) = sent(&drover, &phone, "/api/sendText", &text);
    let (public, id) = (message["id"].as_str().expect("an id").to_owned(), bare(&message));

    let reaction = |emoji: &str| {
        let body = json!({"session": "shop", "messageId": public, "reaction": emoji});
        let answer = api.put("/api/reaction", &body).expect(200);
        drover.wait_ack(&bare(&answer), 1, story::TO_ACK);
    };
    reaction("👍");
    wait_shown(&phone, &id, "the reaction", |shown| shown["reactions"] == json!(["👍"]));
    reaction("❤️");
    reaction("👍");
    wait_shown(&phone, &id, "the last reaction", |shown| shown["reactions"] == json!(["👍"]));
    reaction("");
    wait_shown(&phone, &id, "no reaction", |shown| shown["reactions"] == json!([]));

    let path = format!("/api/shop/chats/{BOB}/messages/{public}");
    let edit = api.put(&path, &json!({"text": "the first"})).expect(200);
    drover.wait_ack(&bare(&edit), 1, story::TO_ACK);
    let shown = wait_shown(&phone, &id, "the edit", |shown| shown["edited"] == true);
    assert_eq!(shown["body"], "the first");

    let forward = json!({"session": "shop", "chatId": CARL, "messageId": public});
    let (_, shown) = sent(&drover, &phone, "/api/forwardMessage", &forward);
    assert_eq!((&shown["body"], &shown["fields"]["isForwarded"]), (&json!("the first"), &json!(true)), "{shown}");

    let incoming = phone.order("incoming", &json!({"from": "15559990001", "type": "chat", "body": "Read me"}));
    let seen = api.post("/api/sendSeen", &json!({"session": "shop", "chatId": BOB})).expect(201);
    drover.wait_ack(&bare(&seen), 1, story::TO_ACK);
    let chat = || simulator.http().get("/phones/15550004002/chats/15559990001").expect(200);
    wait_until_ok("nothing is unread", story::TO_ACK, || {
        let chats = simulator.http().get("/phones").expect(200).to_string();
        if chat()["unread"].as_i64().unwrap_or(0) == 0 { Ok(()) } else { Err(chats) }
    });
    let theirs = json!({"session": "shop", "messageId": incoming["key"], "reaction": "🎉"});
    let answer = api.put("/api/reaction", &theirs).expect(200);
    drover.wait_ack(&bare(&answer), 1, story::TO_ACK);

    let revoke = api.delete(&path).expect(200);
    drover.wait_ack(&bare(&revoke), 1, story::TO_ACK);
    wait_shown(&phone, &id, "it is taken back", |shown| shown["revoked"] == true);

    // What is gone cannot be answered, forwarded or edited any more: a dead letter, with nothing stuck behind it.
    let reply = json!({"session": "shop", "chatId": BOB, "text": "what?", "reply_to": public});
    let dead = drover.wait_state(&bare(&api.post("/api/sendText", &reply).expect(201)), "dead", story::TO_ACK);
    assert_eq!(dead["error"]["code"], "unknown_message", "{dead}");
    assert_eq!(dead["attempts"].as_array().map(Vec::len), Some(1), "no further try would help: {dead}");
    let dead = drover.wait_state(&bare(&api.put(&path, &json!({"text": "again"})).expect(200)), "dead", story::TO_ACK);
    assert_eq!(dead["error"]["code"], "unknown_message", "{dead}");
    let after = json!({"session": "shop", "chatId": BOB, "text": "goes on"});
    sent(&drover, &phone, "/api/sendText", &after);
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn what_is_done_to_messages_survives_a_restart_in_between() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_QUEUE__SEND_TIMEOUT_S", "3");
    home.set("DROVER_QUEUE__BACKOFF_S", "1");
    let drover = home.start();
    let phone = simulator.phone("15550004003", "Ana");
    story::link(&drover, "shop", &phone);
    let (message, _) =
        sent(&drover, &phone, "/api/sendText", &json!({"session": "shop", "chatId": BOB, "text": "one"}));
    let (other, _) = sent(&drover, &phone, "/api/sendText", &json!({"session": "shop", "chatId": BOB, "text": "two"}));

    // The acknowledgements are withheld: nobody knows whether the edit and the revoke were done, and both are.
    phone.fault(json!({"stay_at_ack": 0}));
    let public = |message: &Value| message["id"].as_str().expect("an id").to_owned();
    let path = |message: &Value| format!("/api/shop/chats/{BOB}/messages/{}", public(message));
    let edit = bare(&drover.api().put(&path(&message), &json!({"text": "one, better"})).expect(200));
    wait_shown(&phone, &bare(&message), "the edit", |shown| shown["body"] == "one, better");
    let unknown = || drover.message(&edit)["attempts"][0]["outcome"] == "unknown";
    wait_until_ok("its fate is unknown", story::TO_ACK, || if unknown() { Ok(()) } else { Err(drover.message(&edit)) });
    drover.stop();
    simulator.clear_faults();

    let drover = home.start();
    drover.wait_status("shop", "WORKING", story::TO_READY);
    drover.wait_ack(&edit, 1, story::TO_ACK);
    let revoke = bare(&drover.api().delete(&path(&other)).expect(200));
    drover.wait_ack(&revoke, 1, story::TO_ACK);
    wait_shown(&phone, &bare(&other), "it is taken back", |shown| shown["revoked"] == true);
    // A message that only the page's database has after the restart.
    let body = json!({"session": "shop", "messageId": public(&message), "reaction": "👍"});
    let reaction = bare(&drover.api().put("/api/reaction", &body).expect(200));
    drover.wait_ack(&reaction, 1, story::TO_ACK);
    let shown = wait_shown(&phone, &bare(&message), "the reaction", |shown| shown["reactions"] == json!(["👍"]));
    assert_eq!((&shown["body"], &shown["shown"]), (&json!("one, better"), &json!(1)), "{shown}");
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn typing_is_shown_at_once_and_before_a_text_if_wanted() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550004004", "Ana");
    let typing = json!({"session": "shop", "chatId": BOB});
    drover.api().post("/api/sessions", &json!({"name": "shop", "start": false})).expect(201);
    let refused = drover.api().post("/api/startTyping", &typing).expect(422);
    assert_eq!(refused["code"], "wrong_state", "{refused}");
    drover.order("shop", "start");
    phone.scan(&story::read_qr(&drover, "shop"));
    drover.wait_status("shop", "WORKING", story::TO_READY);

    let is_seen = || {
        let phones = simulator.http().get("/phones").expect(200);
        let bob = phones.as_array().expect("phones").iter().find(|phone| phone["number"] == "15559990001").cloned();
        bob.is_some_and(|bob| bob["chats"][0]["typing"].is_string())
    };
    sent(&drover, &phone, "/api/sendText", &json!({"session": "shop", "chatId": BOB, "text": "hello"}));
    drover.api().post("/api/startTyping", &typing).expect(201);
    wait_until_ok("typing is shown", story::TO_ACK, || if is_seen() { Ok(()) } else { Err("not yet") });
    drover.api().post("/api/stopTyping", &typing).expect(201);
    wait_until_ok("typing has ended", story::TO_ACK, || if is_seen() { Err("still") } else { Ok(()) });

    // 60 characters at 50 ms each: long enough to be seen.
    let config = json!({"config": {"typing": true}});
    drover.api().put("/api/sessions/shop", &config).expect(200);
    let long = json!({"session": "shop", "chatId": BOB, "text": "somebody takes their time to write these sixty characters..."});
    let answer = drover.api().post("/api/sendText", &long).expect(201);
    wait_until_ok("typing is shown first", story::TO_ACK, || if is_seen() { Ok(()) } else { Err("not yet") });
    assert!(drover.message(&bare(&answer))["attempts"].as_array().is_some_and(Vec::is_empty), "then it is sent");
    drover.wait_ack(&bare(&answer), 1, story::TO_ACK);
    drover.stop();
}

#[test]
fn what_no_phone_could_show_is_refused_with_its_field() {
    let home = Home::bare();
    let drover = home.start();
    let api = drover.api();
    drover.create_stopped("shop");
    let to = |fields: Value| {
        let mut body = json!({"session": "shop", "chatId": BOB});
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        body
    };
    let options = |count: usize| (0..count).map(|number| format!("option {number}")).collect::<Vec<_>>();
    let poll = |options: Vec<String>| to(json!({"poll": {"name": "Lunch?", "options": options}}));
    let place = |latitude: f64, longitude: f64| to(json!({"latitude": latitude, "longitude": longitude, "title": "x"}));
    let card = |vcard: &str| to(json!({"contacts": [{"vcard": vcard}]}));
    for (path, body, field) in [
        ("/api/sendText", to(json!({"text": "x".repeat(100_000)})), "text"),
        ("/api/sendText", to(json!({"text": "a\u{0}b"})), "text"),
        ("/api/sendText", to(json!({"text": "hi", "reply_to": "nobody knows this one"})), "reply_to"),
        ("/api/sendText", to(json!({"text": "hi", "mentions": ["nobody"]})), "mentions"),
        ("/api/sendPoll", poll(options(1)), "poll.options"),
        ("/api/sendPoll", poll(options(13)), "poll.options"),
        ("/api/sendPoll", to(json!({"poll": {"name": " ", "options": options(2)}})), "poll.name"),
        ("/api/sendPoll", to(json!({})), "poll"),
        ("/api/sendLocation", place(90.1, 0.0), "latitude"),
        ("/api/sendLocation", place(0.0, -180.1), "longitude"),
        ("/api/sendLocation", to(json!({"latitude": "north", "longitude": 0})), "latitude"),
        ("/api/sendContactVcard", card("BEGIN:VCARD\nFN:Dev"), "contacts.vcard"),
        ("/api/sendContactVcard", card("hello"), "contacts.vcard"),
        ("/api/sendContactVcard", to(json!({"contacts": []})), "contacts"),
        ("/api/sendContactVcard", to(json!({"contacts": [{"fullName": "Dev"}]})), "contacts[0].phoneNumber"),
        ("/api/forwardMessage", to(json!({"messageId": "no id"})), "messageId"),
        ("/api/startTyping", to(json!({"chatId": "nobody"})), "chatId"),
    ] {
        let problem = api.post(path, &body).expect(422);
        assert_eq!(problem["fields"][0]["field"], field, "{path}: {problem}");
    }
    let reaction = json!({"session": "shop", "messageId": format!("true_{BOB}_3EB0AAAAAAAA"), "reaction": "no emoji"});
    assert_eq!(api.put("/api/reaction", &reaction).expect(422)["fields"][0]["field"], "reaction");
    let theirs = format!("/api/shop/chats/{BOB}/messages/false_{BOB}_3EB0AAAAAAAA");
    assert_eq!(api.put(&theirs, &json!({"text": "x"})).expect(422)["fields"][0]["field"], "messageId");
    assert_eq!(api.delete(&theirs).expect(422)["fields"][0]["field"], "messageId");
    let elsewhere = format!("/api/shop/chats/120363000000000000@g.us/messages/true_{BOB}_3EB0AAAAAAAA");
    assert_eq!(api.delete(&elsewhere).expect(422)["fields"][0]["field"], "chatId");
    assert_eq!(api.put("/api/reaction", &json!({"session": "ghost", "messageId": "x", "reaction": "👍"})).status, 422);
    drover.stop();
}
