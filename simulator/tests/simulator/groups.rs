//! Groups: who is in them, what is said in them, and who has it.

use serde_json::{Value, json};

use crate::support::{Linked, Simulator};

const ANA: &str = "15551230000";
const BOB: &str = "15557770000";
const EVE: &str = "15557770001";

#[tokio::test]
async fn a_message_from_a_group_names_its_author() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let incoming =
        json!({"from": BOB, "body": "hi all", "id": "3AG", "group": {"subject": "Team", "participants": [EVE]}});
    let written = simulator.post(&format!("/phones/{ANA}/incoming"), incoming).await.done();
    let group = linked.page.expect("group").await["group"].clone();
    assert_eq!((&group["subject"], &group["participants"].as_array().unwrap().len()), (&json!("Team"), &3));
    let message = linked.page.expect("message").await["message"].clone();
    assert_eq!((&message["chatId"], &message["from"]), (&group["id"], &group["id"]));
    let author = message["participant"].as_str().unwrap();
    assert_eq!(message["key"], format!("false_{}_3AG_{author}", group["id"].as_str().unwrap()));
    assert_eq!(written["key"], message["key"]);
    let asked = linked.page.ask(json!({"what": "group", "id": group["id"]})).await["value"].clone();
    assert_eq!(asked, group);
}

#[tokio::test]
async fn a_group_has_a_message_when_the_last_one_has() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let made = simulator
        .post(&format!("/phones/{ANA}/groups"), json!({"subject": "Team", "participants": [BOB, EVE]}))
        .await
        .done();
    let group = made["id"].as_str().unwrap();
    linked.page.expect("group").await;
    simulator.put(&format!("/phones/{EVE}"), json!({"airplane": true})).await.done();
    let key = format!("true_{group}_3EB0G1_{}", linked.lid);
    linked
        .page
        .send(json!({"t": "send", "id": "3EB0G1", "key": key, "chatId": group, "type": "chat", "body": "hi"}))
        .await;
    assert_eq!(linked.page.acks("3EB0G1", 1).await, [1]);
    let first: Vec<Value> = vec![linked.page.expect("receipted").await, linked.page.expect("receipted").await];
    assert_eq!(first.iter().map(|by| by["ack"].as_i64().unwrap()).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(simulator.sent(ANA).await[0]["ack"], 1);
    simulator.put(&format!("/phones/{EVE}"), json!({"airplane": false})).await.done();
    assert_eq!(linked.page.acks("3EB0G1", 3).await, [2, 3]);
    let sent = simulator.sent(ANA).await;
    assert_eq!((&sent[0]["chatId"], &sent[0]["to"], &sent[0]["shown"]), (&json!(group), &json!(null), &json!(1)));
}

#[tokio::test]
async fn a_group_is_part_of_the_sync_and_closed_to_others() {
    let simulator = Simulator::start(&[]);
    simulator.put(&format!("/phones/{ANA}"), json!({"name": "Ana"})).await.done();
    let made = simulator
        .post(&format!("/phones/{ANA}/groups"), json!({"subject": "Team", "participants": [BOB]}))
        .await
        .done();
    let _linked = Linked::new(&simulator, ANA).await;
    let group = made["id"].as_str().unwrap();
    simulator.put(&format!("/phones/{EVE}"), json!({})).await.done();
    simulator
        .post(&format!("/phones/{EVE}/send"), json!({"to": group, "body": "let me in"}))
        .await
        .refused(404, "not_found");
    let wrong = json!({"from": BOB, "body": "x", "group": "15557770000@c.us"});
    simulator.post(&format!("/phones/{ANA}/incoming"), wrong).await.refused(422, "invalid");
}
