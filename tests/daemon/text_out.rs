//! A text on its way out: row, queue, claim, page, acks; the id that was answered is the id that the phone receives, shown once,
//! in order; what is refused, delayed, cancelled or given up on the way.

use std::time::Duration;

use crate::support::{Drover, Home, Phone, Simulator, holds_for, story, wait_until, wait_until_ok};
use drover::clock::{Clock, SystemClock};
use serde_json::{Value, json};

const BOB: &str = "15559990001@c.us";
const CARL: &str = "15559990002@c.us";

/// The bare id of a public one (`true_<chat>_<id>`).
fn bare(public: &Value) -> String {
    public.as_str().expect("an id").rsplit('_').next().expect("its last part").to_owned()
}

#[test]
fn a_text_goes_out_once_and_its_ticks_come_back() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003001", "Ana");
    story::link(&drover, "shop", &phone);
    let events = drover.events();

    let answer = drover.send_text("shop", BOB, "Hello Bob");
    let public = answer["id"].as_str().expect("an id").to_owned();
    let id = bare(&answer["id"]);
    assert_eq!(public, format!("true_{BOB}_{id}"));
    assert!(id.len() == 22 && id.starts_with("3EB0"), "as WhatsApp Web chooses them: {id}");
    assert_eq!((&answer["ack"], &answer["ackName"]), (&json!(0), &json!("PENDING")), "{answer}");
    assert_eq!(
        (&answer["fromMe"], &answer["body"], &answer["source"]),
        (&json!(true), &json!("Hello Bob"), &json!("api"))
    );

    let read = drover.wait_ack(&id, 3, story::TO_ACK);
    assert_eq!(read["state"], "read", "{read}");
    assert_eq!(read["ackName"], "READ", "{read}");
    let attempts = read["attempts"].as_array().expect("a list").clone();
    assert_eq!(attempts.len(), 1, "{read}");
    assert_eq!(attempts[0]["outcome"], "sent", "{read}");

    let shown = phone.shown_once("Hello Bob");
    assert_eq!(shown["id"], id.as_str(), "the id that was answered is the one that the phone received");
    assert_eq!(shown["key"], read["key"], "and so is the full key");
    assert!(shown["key"].as_str().is_some_and(|key| key.contains("@lid")), "the chat has a hidden number: {shown}");

    // Every form of the id finds it, and its ticks came in order under the public id.
    for form in [id.as_str(), public.as_str(), read["key"].as_str().expect("a key")] {
        assert_eq!(drover.message(form)["id"], read["id"]);
    }
    let ticks = || -> Vec<i64> {
        let ours = events.all().into_iter().filter(|event| event.name == "message.ack");
        ours.filter(|event| event.data["payload"]["id"] == public.as_str())
            .filter_map(|event| event.data["payload"]["ack"].as_i64())
            .collect()
    };
    wait_until_ok("three ticks", story::TO_ACK, || if ticks().len() >= 3 { Ok(()) } else { Err(ticks()) });
    assert_eq!(ticks(), [1, 2, 3]);
    drover.stop();
}

#[test]
fn the_attempt_is_committed_before_the_page_is_told() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_QUEUE__SEND_TIMEOUT_S", "4");
    let drover = home.start();
    let phone = simulator.phone("15550003002", "Ana");
    story::link(&drover, "shop", &phone);
    phone.fault(json!({"stay_at_ack": 0}));

    let id = bare(&drover.send_text("shop", BOB, "no tick yet")["id"]);
    let shown = wait_until("the server has it", story::TO_ACK, || phone.sent_with("no tick yet").pop());
    let message = drover.message(&id);
    assert_eq!((&message["state"], &message["ack"]), (&json!("sending"), &json!(0)), "{message}");
    assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1), "{message}");
    assert_eq!(message["attempts"][0]["outcome"], Value::Null, "nobody knows yet: {message}");
    assert_eq!(message["key"], shown["key"], "the key was committed: {message}");
    holds_for("without an acknowledgement nothing is sent", Duration::from_secs(1), || {
        drover.message(&id)["state"] == "sending"
    });

    simulator.clear_faults();
    drover.wait_ack(&id, 1, story::TO_READY);
    phone.shown_once("no tick yet");
    drover.stop();
}

#[test]
fn what_stays_unacknowledged_is_looked_up_and_shown_once() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_QUEUE__SEND_TIMEOUT_S", "2");
    home.set("DROVER_QUEUE__BACKOFF_S", "1");
    let drover = home.start();
    let phone = simulator.phone("15550003003", "Ana");
    story::link(&drover, "shop", &phone);
    phone.fault(json!({"stay_at_ack": 0}));

    let id = bare(&drover.send_text("shop", BOB, "lost tick")["id"]);
    wait_until_ok("the first attempt is unknown", story::TO_ACK, || {
        let message = drover.message(&id);
        if message["attempts"][0]["outcome"] == "unknown" { Ok(()) } else { Err(message) }
    });
    simulator.clear_faults();
    drover.wait_ack(&id, 1, story::TO_READY);
    let shown = phone.shown_once("lost tick");
    assert_eq!(shown["id"], id.as_str());
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn the_order_within_a_chat_is_kept_and_wins_over_priority() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003004", "Ana");
    story::link(&drover, "shop", &phone);
    drover.api().post("/api/queue/pause?session=shop", &Value::Null).expect(201);

    let send = |chat: &str, text: &str, priority: &str| {
        let body = json!({"session": "shop", "chatId": chat, "text": text, "priority": priority});
        bare(&drover.api().post("/api/sendText", &body).expect(201)["id"])
    };
    let ids = [
        send(BOB, "b1", "low"),
        send(BOB, "b2", "normal"),
        send(BOB, "b3", "high"),
        send(CARL, "c1", "normal"),
        send("15559990003@c.us", "d1", "high"),
    ];
    drover.api().post("/api/queue/resume?session=shop", &Value::Null).expect(201);
    for id in &ids {
        drover.wait_ack(id, 1, story::TO_ACK);
    }
    let order: Vec<String> = phone.sent().iter().filter_map(|sent| sent["body"].as_str().map(str::to_owned)).collect();
    let place =
        |text: &str| order.iter().position(|body| body == text).unwrap_or_else(|| panic!("{text} in {order:?}"));
    assert!(place("b1") < place("b2") && place("b2") < place("b3"), "the order within a chat: {order:?}");
    assert!(place("d1") < place("c1"), "high before normal: {order:?}");
    drover.stop();
}

#[test]
fn a_send_to_a_session_that_was_never_linked_waits_and_says_so() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003005", "Ana");
    drover.create_stopped("shop");

    let answer = drover.send_text("shop", BOB, "as soon as you can");
    assert!(
        answer["_data"]["waiting"]["message"].as_str().is_some_and(|why| why.contains("link")),
        "the answer says that it waits: {answer}"
    );
    let id = bare(&answer["id"]);
    holds_for("it waits", Duration::from_secs(1), || {
        matches!(drover.message(&id)["state"].as_str(), Some("accepted" | "queued"))
    });
    drover.order("shop", "start");
    phone.scan(&story::read_qr(&drover, "shop"));
    drover.wait_ack(&id, 1, story::TO_READY);
    phone.shown_once("as soon as you can");
    drover.stop();
}

#[test]
fn an_idempotency_key_makes_two_requests_one_message() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003006", "Ana");
    story::link(&drover, "shop", &phone);

    let send = |key: &str, text: &str| {
        let body = json!({"session": "shop", "chatId": BOB, "text": text}).to_string();
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        drover.api().request("POST", "/api/sendText", &headers, Some(&body))
    };
    let first = send("order-17", "Your order 17").expect(201);
    let again = send("order-17", "Your order 17").expect(201);
    assert_eq!(first["id"], again["id"]);
    assert_eq!(send("order-17", "Your order 18").status, 409, "the same key with another body");
    drover.wait_ack(&bare(&first["id"]), 1, story::TO_ACK);
    assert_eq!(send("order-17", "Your order 17").expect(201)["id"], first["id"], "also after it was sent");
    phone.shown_once("Your order 17");
    assert_eq!(phone.sent().len(), 1);
    drover.stop();
}

#[test]
fn the_same_text_to_the_same_chat_is_refused_unless_it_is_wanted() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003007", "Ana");
    story::link(&drover, "shop", &phone);

    drover.send_text("shop", BOB, "once");
    let body = json!({"session": "shop", "chatId": BOB, "text": "once"});
    assert_eq!(drover.api().post("/api/sendText", &body).status, 409);
    drover.send_text("shop", CARL, "once");
    let wanted = json!({"session": "shop", "chatId": BOB, "text": "once", "allowDuplicate": true});
    let id = bare(&drover.api().post("/api/sendText", &wanted).expect(201)["id"]);
    drover.wait_ack(&id, 1, story::TO_ACK);
    assert_eq!(phone.sent_with("once").len(), 3);
    drover.stop();
}

#[test]
fn what_can_never_be_sent_goes_to_the_dead_letters_with_its_reason() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003008", "Ana");
    story::link(&drover, "shop", &phone);
    let nobody = json!([{"number": "15559990404", "name": "Nobody", "onWhatsApp": false}]);
    let reply = simulator.http().post("/phones/15550003008/contacts", &nobody);
    assert!(reply.status < 300, "{reply:?}");

    let id = bare(&drover.send_text("shop", "15559990404", "is anybody there?")["id"]);
    let dead = drover.wait_state(&id, "dead", story::TO_ACK);
    assert_eq!(dead["error"]["code"], "not_on_whatsapp", "{dead}");

    phone.fault(json!({"fail_send": 463}));
    let id = bare(&drover.send_text("shop", BOB, "refused")["id"]);
    let dead = drover.wait_state(&id, "dead", story::TO_ACK);
    assert_eq!(dead["error"]["code"], "refused", "{dead}");
    assert!(dead["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{dead}");

    // The next one is not held up by them.
    simulator.clear_faults();
    let id = bare(&drover.send_text("shop", BOB, "goes on")["id"]);
    drover.wait_ack(&id, 1, story::TO_ACK);
    drover.stop();
}

#[test]
fn a_message_is_cancelled_while_nobody_holds_it_and_expires_when_its_time_is_over() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003009", "Ana");
    drover.create_stopped("shop");

    let cancelled = bare(&drover.send_text("shop", BOB, "never mind")["id"]);
    assert!(drover.api().delete(&format!("/api/messages/{cancelled}")).status < 300);
    assert_eq!(drover.message(&cancelled)["state"], "cancelled");

    let soon = jiff::Timestamp::from_millisecond(SystemClock.now_ms() + 500).expect("a time").to_string();
    let body = json!({"session": "shop", "chatId": BOB, "text": "only now", "expiresAt": soon});
    let expired = bare(&drover.api().post("/api/sendText", &body).expect(201)["id"]);

    drover.order("shop", "start");
    phone.scan(&story::read_qr(&drover, "shop"));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    drover.wait_state(&expired, "expired", story::TO_ACK);
    let sent = bare(&drover.send_text("shop", BOB, "this one")["id"]);
    drover.wait_ack(&sent, 1, story::TO_ACK);
    assert_eq!(phone.sent().len(), 1, "{:?}", phone.sent());
    assert_eq!(drover.api().delete(&format!("/api/messages/{sent}")).status, 422, "too late to cancel");
    drover.stop();
}

#[test]
fn a_message_waits_for_its_time() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003010", "Ana");
    story::link(&drover, "shop", &phone);
    let due_ms = SystemClock.now_ms() + 2_000;
    let due = jiff::Timestamp::from_millisecond(due_ms).expect("a time").to_string();
    let body = json!({"session": "shop", "chatId": BOB, "text": "later", "sendAt": due});
    let id = bare(&drover.api().post("/api/sendText", &body).expect(201)["id"]);
    let sent = drover.wait_ack(&id, 1, story::TO_ACK);
    assert!(SystemClock.now_ms() >= due_ms, "not before its time: {sent}");
    phone.shown_once("later");
    drover.stop();
}

#[test]
fn the_answer_can_wait_for_an_ack() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003011", "Ana");
    story::link(&drover, "shop", &phone);
    let wait = |text: &str, ack: &str| -> Value {
        let body = json!({"session": "shop", "chatId": BOB, "text": text});
        drover.api().post(&format!("/api/sendText?wait={ack}"), &body).expect(201)
    };
    assert!(wait("to the server", "server")["ack"].as_i64() >= Some(1));
    assert!(wait("to the device", "device")["ack"].as_i64() >= Some(2));
    drover.stop();
}

#[test]
fn what_somebody_writes_becomes_an_event_that_can_be_caught_up_with() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550003012", "Ana");
    story::link(&drover, "shop", &phone);
    let events = drover.events();
    phone.receive("15559990001", "Is it open today?");
    let incoming = events.wait_for("the message", story::TO_ACK, |event| {
        event.name == "message" && event.data["payload"]["body"] == "Is it open today?"
    });
    assert_eq!(incoming.data["session"], "shop");
    assert_eq!(incoming.data["payload"]["fromMe"], false);

    // Whoever was away, or restarts drover, catches up from the last event seen.
    phone.receive("15559990001", "Hello?");
    events.wait_for("the second message", story::TO_ACK, |event| event.data["payload"]["body"] == "Hello?");
    drover.stop();
    let drover = home.start();
    let missed = crate::support::Events::follow(drover.api(), "/api/events?events=message", Some(&incoming.id));
    missed.wait_for("what was missed", story::TO_ACK, |event| event.data["payload"]["body"] == "Hello?");
    assert_eq!(missed.count("message"), 1, "and nothing that was seen: {:?}", missed.all());
    wait_ready_again(&drover, &phone);
    drover.stop();
}

fn wait_ready_again(drover: &Drover<'_>, phone: &Phone<'_>) {
    drover.wait_status("shop", "WORKING", story::TO_READY);
    assert_eq!(drover.session("shop")["me"]["id"], format!("{}@c.us", phone.number));
}
