//! What pages send: acks, duplicates by full key, refusals, and what is done to messages afterwards.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Linked, RawPage, Simulator, wait_until};

const ANA: &str = "15551230000";
const BOB: &str = "15557770000";

async fn bobs_lid(page: &mut RawPage) -> String {
    page.ask(json!({"what": "lid", "user": BOB})).await["value"]["lid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_text_is_shown_once_and_acked_to_the_end() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let lid = bobs_lid(&mut linked.page).await;
    linked.text_keyed(&lid, "3EB0A1", "hello").await;
    assert_eq!(linked.page.acks("3EB0A1", 3).await, [1, 2, 3]);
    let sent = simulator.sent(ANA).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["key"], format!("true_{lid}_3EB0A1"));
    assert_eq!(sent[0]["chatId"], lid);
    assert_eq!((&sent[0]["type"], &sent[0]["body"], &sent[0]["to"]), (&json!("chat"), &json!("hello"), &json!(BOB)));
    assert_eq!((&sent[0]["received"], &sent[0]["shown"], &sent[0]["ack"]), (&json!(1), &json!(1), &json!(3)));
}

#[tokio::test]
async fn the_same_full_key_is_the_same_message() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let lid = bobs_lid(&mut linked.page).await;
    for _ in 0..2 {
        linked.text_keyed(&lid, "3EB0A1", "hello").await;
        assert_eq!(linked.page.acks("3EB0A1", 3).await, [1, 2, 3]);
    }
    let sent = simulator.sent(ANA).await;
    assert_eq!((sent.len(), &sent[0]["received"], &sent[0]["shown"]), (1, &json!(2), &json!(1)));
    assert_eq!(simulator.stat("duplicates").await, 0);
}

#[tokio::test]
async fn the_same_id_under_another_key_is_shown_again_and_stays_at_ack_1() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let lid = bobs_lid(&mut linked.page).await;
    linked.text_keyed(&lid, "3EB0A1", "hello").await;
    assert_eq!(linked.page.acks("3EB0A1", 3).await, [1, 2, 3]);
    linked.text_keyed(&format!("{BOB}@c.us"), "3EB0A1", "hello").await;
    linked.text_keyed(&lid, "3EB0A2", "after").await;
    // The second message's last ack comes after all that the first could still get.
    let mut seen = Vec::new();
    while seen.last() != Some(&("3EB0A2".to_owned(), 3)) {
        let ack = linked.page.expect("ack").await;
        seen.push((ack["id"].as_str().unwrap().to_owned(), ack["ack"].as_i64().unwrap()));
    }
    let of_first: Vec<i64> = seen.iter().filter(|(id, _)| id == "3EB0A1").map(|(_, ack)| *ack).collect();
    assert_eq!(of_first, [1]);
    let sent = simulator.sent(ANA).await;
    assert_eq!((&sent[0]["received"], &sent[0]["shown"]), (&json!(2), &json!(2)));
    assert_eq!(sent[0]["keys"].as_array().unwrap().len(), 2);
    assert_eq!(simulator.stat("duplicates").await, 1);
}

#[tokio::test]
async fn somebody_without_lid_is_acked_by_number_and_nobody_at_all_is_not() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let contacts = json!([
        {"number": BOB, "name": "Bob", "onWhatsApp": true, "lid": false},
        {"number": "15557770001", "name": "Nobody", "onWhatsApp": false},
    ]);
    simulator.post(&format!("/phones/{ANA}/contacts"), contacts).await.done();
    let told = linked.page.expect("contacts").await;
    assert_eq!((&told["contacts"][0]["name"], &told["contacts"][0]["lid"]), (&json!("Bob"), &json!(null)));
    linked.text_keyed("15557770001@c.us", "3EB0A0", "anybody there?").await;
    linked.text_keyed(&format!("{BOB}@c.us"), "3EB0A1", "hello").await;
    assert_eq!(linked.page.acks("3EB0A1", 3).await, [1, 2, 3]);
    assert_eq!(simulator.sent(ANA).await[0]["ack"], 1);
    assert_eq!(linked.page.ask(json!({"what": "exists", "user": "15557770001@c.us"})).await["value"], json!(null));
    let bob = linked.page.ask(json!({"what": "exists", "user": BOB})).await["value"].clone();
    assert_eq!(bob, json!({"wid": format!("{BOB}@c.us"), "lid": null, "biz": false}));
}

#[tokio::test]
async fn acks_above_1_come_again_until_they_are_confirmed() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let lid = bobs_lid(&mut linked.page).await;
    linked.text_keyed(&lid, "3EB0A1", "hello").await;
    assert_eq!(linked.page.acks("3EB0A1", 3).await, [1, 2, 3]);
    let again = linked.reconnect(&simulator).await;
    let acks: Vec<_> = again
        .iter()
        .filter(|frame| frame["t"] == "ack")
        .map(|frame| (frame["ack"].clone(), frame["n"].clone()))
        .collect();
    assert_eq!(acks.iter().map(|(ack, _)| ack.clone()).collect::<Vec<_>>(), [json!(2), json!(3)]);
    let numbers: Vec<_> = acks.into_iter().map(|(_, n)| n).collect();
    linked.page.send(json!({"t": "got", "n": numbers})).await;
    linked.page.ask(json!({"what": "upload"})).await;
    assert!(linked.reconnect(&simulator).await.iter().all(|frame| frame["t"] != "ack"));
}

#[tokio::test]
async fn acks_reach_a_page_that_was_away() {
    let simulator = Simulator::start(&["--ack-server-ms=30", "--ack-device-ms=40", "--ack-read-ms=50"]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let lid = bobs_lid(&mut linked.page).await;
    linked.text_keyed(&lid, "3EB0A1", "hello").await;
    wait_until("the message arrives", || async { (simulator.sent(ANA).await.len() == 1).then_some(()) }).await;
    simulator.post("/faults", json!({"number": ANA, "drop_socket": true})).await.done();
    linked.page.ended().await;
    wait_until("the message is read", || async { (simulator.sent(ANA).await[0]["ack"] == 3).then_some(()) }).await;
    let frames = linked.reconnect(&simulator).await;
    let acks: Vec<_> = frames.iter().filter(|frame| frame["t"] == "ack").map(|frame| frame["ack"].clone()).collect();
    assert_eq!(acks, [json!(2), json!(3)], "the server's own ack was lost with the connection");
}

#[tokio::test]
async fn a_phone_without_network_acks_later() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    simulator.put(&format!("/phones/{BOB}"), json!({"airplane": true})).await.done();
    let lid = bobs_lid(&mut linked.page).await;
    linked.text_keyed(&lid, "3EB0A1", "hello").await;
    linked.text_keyed(&linked.lid.clone(), "3EB0SELF", "note").await;
    assert_eq!(linked.page.acks("3EB0A1", 1).await, [1]);
    linked.page.acks("3EB0SELF", 3).await;
    assert_eq!(simulator.sent(ANA).await[0]["ack"], 1);
    let path = format!("/phones/{BOB}/chats/{ANA}");
    let at_bobs = || async { simulator.get(&path).await.done().as_array().unwrap().len() };
    assert_eq!(at_bobs().await, 0);
    simulator.put(&format!("/phones/{BOB}"), json!({"airplane": false})).await.done();
    assert_eq!(linked.page.acks("3EB0A1", 3).await, [2, 3]);
    assert_eq!(at_bobs().await, 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_malformed_frames_do_no_harm() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let lid = bobs_lid(&mut linked.page).await;
    let send = |key: String, chat: &str| json!({"t": "send", "id": "A", "key": key, "chatId": chat, "type": "chat", "body": "x"});
    for (key, chat) in [
        ("nonsense".to_owned(), lid.as_str()),
        (format!("false_{lid}_A"), lid.as_str()),
        (format!("true_{lid}_OTHER"), lid.as_str()),
        (format!("true_{lid}_A"), "15550000001@c.us"),
    ] {
        linked.page.send(send(key, chat)).await;
        assert_eq!(linked.page.expect("refused").await["code"], 400);
    }
    linked.page.send(send("true_120363000000000000@g.us_A".to_owned(), "120363000000000000@g.us")).await;
    assert_eq!(linked.page.expect("refused").await["code"], 403);
    for text in ["", "{", "[]", "null", r#"{"t":"nothing"}"#, r#"{"t":"send"}"#, r#"{"t":"hello","token":5}"#] {
        linked.page.send_text(text).await;
    }
    linked.page.send_raw(Message::binary(vec![0, 159, 146, 150])).await;
    linked.text_keyed(&lid, "3EB0A1", "still here").await;
    assert_eq!(linked.page.acks("3EB0A1", 3).await, [1, 2, 3]);
    assert_eq!(simulator.stat("malformed").await, 8);
    let logged = simulator.logged();
    assert_eq!(logged.lines().filter(|line| line.contains("not understood")).count(), 8, "{logged}");
    assert_eq!(simulator.stat("refused").await, 5);
}

#[tokio::test]
async fn a_raw_frame_that_breaks_the_protocol_ends_only_its_own_connection() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let (mut other, _) = RawPage::waiting(&simulator).await;
    other.send_raw(Message::Frame(broken_frame())).await;
    other.ended().await;
    let lid = bobs_lid(&mut linked.page).await;
    linked.text_keyed(&lid, "3EB0A1", "still here").await;
    assert_eq!(linked.page.acks("3EB0A1", 3).await, [1, 2, 3]);
}

/// A continuation of nothing.
fn broken_frame() -> tokio_tungstenite::tungstenite::protocol::frame::Frame {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
    Frame::message(vec![1, 2, 3], OpCode::Data(Data::Continue), true)
}

#[tokio::test]
async fn edits_reactions_and_revokes_of_a_page_are_acked_and_shown() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let lid = bobs_lid(&mut linked.page).await;
    linked.text_keyed(&lid, "3EB0A1", "hello").await;
    assert_eq!(linked.page.acks("3EB0A1", 3).await, [1, 2, 3]);
    let target = format!("true_{lid}_3EB0A1");
    let act = |name: &str, id: &str| json!({"t": name, "id": id, "key": format!("true_{lid}_{id}"), "target": target});
    let mut edit = act("edit", "3EB0E1");
    edit["body"] = json!("hello again");
    linked.page.send(edit).await;
    assert_eq!(linked.page.acks("3EB0E1", 3).await, [1, 2, 3]);
    let mut react = act("react", "3EB0E2");
    react["text"] = json!("👍");
    linked.page.send(react).await;
    assert_eq!(linked.page.acks("3EB0E2", 3).await, [1, 2, 3]);
    let sent = simulator.sent(ANA).await;
    assert_eq!((sent.len(), &sent[0]["body"], &sent[0]["edited"]), (1, &json!("hello again"), &json!(true)));
    assert_eq!(sent[0]["reactions"], json!(["👍"]));
    linked.page.send(act("revoke", "3EB0E3")).await;
    assert_eq!(linked.page.acks("3EB0E3", 3).await, [1, 2, 3]);
    assert_eq!(simulator.sent(ANA).await[0]["revoked"], true);
    let at_bobs = simulator.get(&format!("/phones/{BOB}/chats/{ANA}")).await.done();
    assert_eq!((&at_bobs[0]["type"], &at_bobs[0]["body"]), (&json!("revoked"), &json!("")));
}

#[tokio::test]
async fn a_message_reaches_the_other_persons_devices_and_ones_own() {
    let simulator = Simulator::start(&[]);
    let mut ana = Linked::new(&simulator, ANA).await;
    let mut second = Linked::new(&simulator, ANA).await;
    let mut bob = Linked::new(&simulator, BOB).await;
    ana.text_keyed(&bob.lid.clone(), "3EB0A1", "hello").await;
    let at_bobs = bob.page.expect("message").await["message"].clone();
    assert_eq!(at_bobs["key"], format!("false_{}_3EB0A1", ana.lid));
    assert_eq!(
        (&at_bobs["fromMe"], &at_bobs["notifyName"], &at_bobs["body"]),
        (&json!(false), &json!("Ana"), &json!("hello"))
    );
    let at_second = second.page.expect("message").await["message"].clone();
    assert_eq!(at_second["key"], format!("true_{}_3EB0A1", bob.lid));
    assert_eq!(at_second["fromMe"], true);
    assert_eq!(ana.page.acks("3EB0A1", 3).await, [1, 2, 3]);
}

#[tokio::test]
async fn acks_are_given_by_hand() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    simulator.post("/faults", json!({"number": ANA, "stay_at_ack": 0})).await.done();
    let lid = bobs_lid(&mut linked.page).await;
    linked.text_keyed(&lid, "3EB0A1", "hello").await;
    let path = format!("/phones/{ANA}/ack");
    let ack = |id: &str, ack: i64| simulator.post(&path, json!({"id": id, "ack": ack}));
    wait_until("the message arrives", || async { (simulator.sent(ANA).await.len() == 1).then_some(()) }).await;
    for level in [2, 1, 4] {
        ack("3EB0A1", level).await.done();
    }
    assert_eq!(linked.page.acks("3EB0A1", 4).await, [2, 1, 4]);
    ack("3EB0A1", 7).await.refused(422, "invalid");
    ack("3EB0ZZ", 1).await.refused(404, "no_message");
}
