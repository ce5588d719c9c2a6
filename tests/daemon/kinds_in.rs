//! What comes in: every kind as an event in WAHA's shape, what is done to messages, what is left out, and each thing once and in
//! order, whatever happened in between.

use std::time::Duration;

use crate::support::events::Event;
use crate::support::{DevTools, Drover, Events, Home, Phone, Simulator, holds_for, story, wait_until_ok};
use serde_json::{Value, json};

const BOB: &str = "15559990001";
const CARL: &str = "15559990002";
const CARD: &str = "BEGIN:VCARD\nVERSION:3.0\nFN:Dev\nEND:VCARD";

/// Somebody writes; gives what the simulator made of it, with its `id` and `key`.
#[track_caller]
fn write(phone: &Phone<'_>, from: &str, body: Value) -> Value {
    let mut message = json!({"from": from});
    message.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
    phone.order("incoming", &message)
}

/// Waits for the event of a kind whose payload holds.
#[track_caller]
fn told(events: &Events, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let event = events.wait_for(name, story::TO_ACK, |event| event.name == name && holds(&event.data["payload"]));
    event.data["payload"].clone()
}

fn of_id(id: &Value) -> impl Fn(&Value) -> bool {
    let id = id.as_str().expect("an id").to_owned();
    move |payload| payload["id"].as_str().is_some_and(|key| key.split('_').nth(2) == Some(&id))
}

/// The texts of the events of a kind, in their order.
fn texts(events: &[Event], name: &str) -> Vec<String> {
    let named = events.iter().filter(|event| event.name == name);
    named.filter_map(|event| event.data["payload"]["body"].as_str().map(str::to_owned)).collect()
}

fn linked<'home>(home: &'home Home, phone: &Phone<'_>) -> Drover<'home> {
    let drover = home.start();
    story::link(&drover, "shop", phone);
    drover
}

#[test]
fn every_kind_is_told_in_wahas_shape() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let phone = simulator.phone("15550005001", "Ana");
    let drover = linked(&home, &phone);
    let events = drover.events();

    let odd = "👨‍👩‍👧‍👦 שלום \u{7} \"x\" </script>";
    let text = write(&phone, BOB, json!({"type": "chat", "body": odd}));
    let payload = told(&events, "message", of_id(&text["id"]));
    assert_eq!((&payload["body"], &payload["id"]), (&json!(odd), &text["key"]), "{payload}");
    assert_eq!((&payload["fromMe"], &payload["hasMedia"]), (&json!(false), &json!(false)), "{payload}");
    told(&events, "message.any", of_id(&text["id"]));

    // As long as no phone writes, and with what no database's text holds.
    for body in ["long 🐑 ".repeat(12_500), "nul \u{0} and \u{202e}back".to_owned()] {
        let message = write(&phone, CARL, json!({"type": "chat", "body": body}));
        assert_eq!(told(&events, "message", of_id(&message["id"]))["body"], body);
    }

    let reply = write(&phone, BOB, json!({"type": "chat", "body": "Yes", "quotedId": text["id"]}));
    let payload = told(&events, "message", of_id(&reply["id"]));
    assert_eq!((&payload["replyTo"]["id"], &payload["replyTo"]["body"]), (&text["id"], &json!(odd)), "{payload}");
    assert_eq!(payload["replyTo"]["hasMedia"], false, "{payload}");

    let fields = json!({"lat": 48.8584, "lng": 2.2945, "loc": "Tour Eiffel\nParis"});
    let place = write(&phone, BOB, json!({"type": "location", "fields": fields}));
    let payload = told(&events, "message", of_id(&place["id"]));
    assert_eq!(payload["location"]["latitude"], "48.8584", "{payload}");
    assert_eq!(payload["location"]["description"], "Tour Eiffel\nParis", "{payload}");
    assert_eq!(payload["location"]["live"], false, "{payload}");

    let card = write(&phone, BOB, json!({"type": "vcard", "body": CARD, "fields": {"vcardFormattedName": "Dev"}}));
    assert_eq!(told(&events, "message", of_id(&card["id"]))["vCards"], json!([CARD]));

    let options = json!([{"name": "Friday", "localId": 0}, {"name": "Saturday", "localId": 1}]);
    let fields = json!({"pollName": "When?", "pollOptions": options, "pollSelectableOptionsCount": 1});
    let poll = write(&phone, BOB, json!({"type": "poll_creation", "fields": fields}));
    let payload = told(&events, "message", of_id(&poll["id"]));
    assert_eq!(payload["poll"], json!({"name": "When?", "options": ["Friday", "Saturday"]}), "{payload}");
    phone.order("vote", &json!({"id": poll["id"], "options": ["Saturday"], "from": BOB}));
    let vote = told(&events, "poll.vote", |vote| vote["poll"]["id"] == poll["key"]);
    assert_eq!(vote["vote"]["selectedOptions"], json!(["Saturday"]), "{vote}");

    let group = json!({"subject": "Team", "participants": [BOB, CARL]});
    let message = write(&phone, CARL, json!({"type": "chat", "body": "in the group", "group": group}));
    let payload = told(&events, "message", of_id(&message["id"]));
    assert!(payload["from"].as_str().is_some_and(|from| from.ends_with("@g.us")), "{payload}");
    assert!(payload["participant"].as_str().is_some_and(|who| who.ends_with("@lid")), "who in the group: {payload}");

    // Not readable at first; told when it is, and once.
    let sealed = write(&phone, BOB, json!({"type": "ciphertext", "body": "now you can read it", "resolveMs": 300}));
    assert_eq!(told(&events, "message", of_id(&sealed["id"]))["body"], "now you can read it");

    // What is written on the phone itself is no `message`, and what drover sends is neither.
    let own = phone.order("send", &json!({"to": BOB, "body": "from my phone"}));
    let payload = told(&events, "message.any", of_id(&own["id"]));
    assert_eq!((&payload["fromMe"], &payload["body"]), (&json!(true), &json!("from my phone")), "{payload}");
    let sent = drover.send_text("shop", BOB, "from drover");
    drover.wait_ack(sent["id"].as_str().expect("an id"), 2, story::TO_ACK);
    let all = events.all();
    assert!(!texts(&all, "message").iter().any(|text| text.starts_with("from ")), "{all:?}");
    assert!(!texts(&all, "message.any").contains(&"from drover".to_owned()), "{all:?}");
    assert_eq!(texts(&all, "message").iter().filter(|text| *text == "now you can read it").count(), 1);
    drover.stop();
}

#[test]
fn what_is_done_to_messages_and_chats_is_told() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let phone = simulator.phone("15550005002", "Ana");
    let drover = linked(&home, &phone);
    let events = drover.events();
    let text = write(&phone, BOB, json!({"type": "chat", "body": "the frist"}));
    told(&events, "message", of_id(&text["id"]));

    phone.order("react", &json!({"id": text["id"], "text": "🎉", "from": BOB}));
    let payload = told(&events, "message.reaction", |payload| payload["reaction"]["text"] == "🎉");
    assert_eq!(payload["reaction"]["messageId"], text["key"], "{payload}");
    phone.order("react", &json!({"id": text["id"], "text": "", "from": BOB}));
    told(&events, "message.reaction", |payload| payload["reaction"]["text"] == "");

    phone.order("edit", &json!({"id": text["id"], "body": "the first"}));
    let payload = told(&events, "message.edited", |payload| payload["editedMessageId"] == text["id"]);
    assert_eq!(payload["body"], "the first", "{payload}");

    phone.order("revoke", &json!({"id": text["id"]}));
    let payload = told(&events, "message.revoked", |payload| payload["revokedMessageId"] == text["id"]);
    assert_eq!(payload["before"]["id"], text["key"], "{payload}");
    assert_eq!(payload["after"]["body"], "", "{payload}");

    let call = phone.order("call", &json!({"from": BOB, "video": true}));
    let payload = told(&events, "call.received", |payload| payload["id"] == call["id"]);
    assert_eq!((&payload["isVideo"], &payload["isGroup"]), (&json!(true), &json!(false)), "{payload}");
    assert!(payload["_data"].is_object(), "WAHA's clients want it: {payload}");
    let rejected = events.wait_for("the call's end", Duration::from_secs(40), |event| event.name == "call.rejected");
    assert_eq!(rejected.data["payload"]["id"], call["id"]);

    // One that is taken on the phone: nobody can take it there, so the page hears it here.
    let call = phone.order("call", &json!({"from": BOB}));
    told(&events, "call.received", |payload| payload["id"] == call["id"]);
    let script =
        format!("importDefault('WAWebCallCollection').get({}).set({{ state: 'HANDLED_REMOTELY' }})", call["id"]);
    let answer = DevTools::attach(&home.profile("shop")).ask("Runtime.evaluate", &json!({"expression": script}));
    assert_eq!(answer["exceptionDetails"], Value::Null, "{answer}");
    let payload = told(&events, "call.accepted", |payload| payload["id"] == call["id"]);
    assert_eq!(payload["isVideo"], json!(false), "{payload}");

    // Each of it once: what an edit or a revoke changes is no other edit.
    let counts = [
        ("message.reaction", 2),
        ("message.edited", 1),
        ("message.revoked", 1),
        ("call.received", 2),
        ("call.accepted", 1),
    ];
    for (name, count) in counts {
        assert_eq!(events.count(name), count, "{name}: {:?}", events.all());
    }
    drover.stop();
}

#[test]
fn what_came_in_during_an_outage_is_told_once_and_in_order() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let phone = simulator.phone("15550005003", "Ana");
    let drover = home.start();
    story::link_for_good(&drover, "shop", &phone);
    let events = drover.events();
    let before = write(&phone, BOB, json!({"type": "chat", "body": "before"}));
    let seen = events.wait_for("the first", story::TO_ACK, |event| of_id(&before["id"])(&event.data["payload"]));

    // drover dies, its browser lives on and takes in what nobody hears of; then the browser is gone, too.
    drover.crash();
    // Within a second: their times do not tell them apart, and the next page has the last of them first.
    let unheard = ["1 while drover was dead", "1a", "1b", "1c"];
    for body in unheard {
        write(&phone, BOB, json!({"type": "chat", "body": body}));
    }
    wait_until_ok("the page has them", story::TO_ACK, || {
        let chat = simulator.http().get(&format!("/phones/{BOB}/chats/15550005003")).expect(200).to_string();
        let taken = chat.matches("\"ack\":2").count() + chat.matches("\"ack\":3").count();
        // With the one from before.
        if taken > unheard.len() { Ok(()) } else { Err(chat) }
    });
    // WhatsApp's times are whole seconds: what follows is later.
    std::thread::sleep(Duration::from_millis(1_100));
    home.end_everything();
    write(&phone, CARL, json!({"type": "chat", "body": "2 while all was dead"}));
    let burst = ["3 while all was dead", "3a", "3b", "3c", "3d"];
    for body in burst {
        write(&phone, BOB, json!({"type": "chat", "body": body}));
    }
    phone.order("send", &json!({"to": BOB, "body": "4 on the phone itself"}));

    let drover = home.start();
    let missed = Events::follow(drover.api(), "/api/events?events=message,message.any", Some(&seen.id));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    write(&phone, BOB, json!({"type": "chat", "body": "5 afterwards"}));
    told(&missed, "message.any", |payload| payload["body"] == "5 afterwards");
    let expected = [&unheard[..], &["2 while all was dead"], &burst, &["5 afterwards"]].concat();
    assert_eq!(texts(&missed.all(), "message"), expected);
    let any: Vec<String> = texts(&missed.all(), "message.any").into_iter().filter(|text| text != "before").collect();
    assert_eq!(any.len(), expected.len() + 1, "{any:?}");

    // Another restart tells nothing twice.
    let count = missed.all().len();
    drover.order("shop", "restart");
    drover.wait_status("shop", "STARTING", story::TO_READY);
    drover.wait_status("shop", "WORKING", story::TO_READY);
    write(&phone, BOB, json!({"type": "chat", "body": "6 after a restart"}));
    told(&missed, "message.any", |payload| payload["body"] == "6 after a restart");
    assert_eq!(missed.all().len(), count + 2, "{:?}", missed.all());
    drover.stop();
}

#[test]
fn the_same_words_at_once_are_one_message_and_a_history_is_no_news() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_INBOUND__DUPLICATE_WINDOW_S", "3");
    let phone = simulator.phone("15550005004", "Ana");
    let history = json!({"name": "Ana", "history": {"chats": 4, "messages": 20}}).to_string();
    let put =
        simulator.http().request("PUT", "/phones/15550005004", &[("content-type", "application/json")], Some(&history));
    assert!(put.status < 300, "{put:?}");
    let drover = linked(&home, &phone);
    let events = drover.events();
    for _ in 0..3 {
        write(&phone, BOB, json!({"type": "chat", "body": "hello?"}));
    }
    write(&phone, CARL, json!({"type": "chat", "body": "hello?"}));
    write(&phone, BOB, json!({"type": "chat", "body": "are you there?"}));
    told(&events, "message", |payload| payload["body"] == "are you there?");
    assert_eq!(texts(&events.all(), "message"), ["hello?", "hello?", "are you there?"], "one of each person");
    wait_until_ok("said again later, it is another message", story::TO_ACK, || {
        write(&phone, BOB, json!({"type": "chat", "body": "hello?"}));
        std::thread::sleep(Duration::from_millis(4_200));
        if texts(&events.all(), "message").len() > 3 { Ok(()) } else { Err(events.all()) }
    });
    drover.stop();
}

#[test]
fn what_is_ignored_is_not_told_and_a_flood_is_cut() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_INBOUND__PER_SENDER_PER_MINUTE", "5");
    home.set("DROVER_INBOUND__LIMIT_REPLY", "Too many messages; please wait a minute.");
    let phone = simulator.phone("15550005005", "Ana");
    let drover = home.start();
    let refused = json!({"name": "other", "start": false, "config": {"ignore": {"groups": "yes"}}});
    let problem = drover.api().post("/api/sessions", &refused).expect(422);
    assert_eq!(problem["fields"][0]["field"], "config.ignore.groups", "{problem}");
    story::link(&drover, "shop", &phone);
    drover.api().put("/api/sessions/shop", &json!({"config": {"ignore": {"groups": true}}})).expect(200);
    let events = drover.events();
    let group = json!({"subject": "Team", "participants": [BOB, CARL]});
    write(&phone, CARL, json!({"type": "chat", "body": "in the group", "group": group}));
    // Sixteen of each are enough to have five in one minute and one beyond, whenever the minute turns.
    for number in 0..16 {
        write(&phone, BOB, json!({"type": "chat", "body": format!("flood {number}")}));
    }
    write(&phone, CARL, json!({"type": "chat", "body": "somebody else"}));
    told(&events, "message", |payload| payload["body"] == "somebody else");
    let told = texts(&events.all(), "message");
    assert!(!told.contains(&"in the group".to_owned()), "{told:?}");
    let floods = told.iter().filter(|text| text.starts_with("flood")).count();
    assert!((5..=10).contains(&floods), "{told:?}");
    wait_until_ok("whoever writes too much is told so", story::TO_ACK, || {
        let answers = phone.sent_with("Too many messages; please wait a minute.").len();
        if answers == 1 { Ok(()) } else { Err(answers) }
    });
    holds_for("once", Duration::from_secs(1), || phone.sent().len() == 1);
    drover.stop();
}
