//! WhatsApp is asked for a number once a day at most: before the first send to it, or when the API is asked.

use serde_json::{Value, json};

use crate::support::{Home, Phone, Simulator, story};

fn set_on_whatsapp(simulator: &Simulator, phone: &Phone<'_>, number: &str, is_there: bool) {
    let contacts = json!([{"number": number, "name": "Somebody", "onWhatsApp": is_there}]);
    let reply = simulator.http().post(&format!("/phones/{}/contacts", phone.number), &contacts);
    assert!(reply.status < 300, "{reply:?}");
}

#[test]
fn an_answer_is_kept_whichever_it_was_until_somebody_tries_again() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550009301", "Ana");
    story::link(&drover, "shop", &phone);
    let (absent, present) = ("15559990404", "15559990405");
    set_on_whatsapp(&simulator, &phone, absent, false);
    set_on_whatsapp(&simulator, &phone, present, true);
    let exists = |number: &str| -> Value {
        drover.api().get(&format!("/api/contacts/check-exists?phone={number}&session=shop")).expect(200)
    };
    let id = drover.send_text("shop", absent, "is anybody there?")["id"].as_str().expect("an id").to_owned();
    let dead = drover.wait_state(&id, "dead", story::TO_ACK);
    assert_eq!(dead["error"]["code"], "not_on_whatsapp", "{dead}");
    assert_eq!(exists(present)["numberExists"], true);

    // What WhatsApp would answer now is another thing: it is not asked.
    set_on_whatsapp(&simulator, &phone, absent, true);
    set_on_whatsapp(&simulator, &phone, present, false);
    assert_eq!(exists(absent), json!({"numberExists": false}));
    assert_eq!(exists(present)["numberExists"], true);
    let again = drover.send_text("shop", absent, "and now?")["id"].as_str().expect("an id").to_owned();
    let dead = drover.wait_state(&again, "dead", story::TO_ACK);
    assert_eq!(dead["error"]["code"], "not_on_whatsapp", "{dead}");
    assert!(dead["attempts"].as_array().is_some_and(Vec::is_empty), "the page was not told: {dead}");
    let known = drover.send_text("shop", present, "you are known")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&known, 1, story::TO_ACK);
    phone.shown_once("you are known");

    // Whoever tries a dead letter again believes that something has changed.
    drover.api().post(&format!("/api/queue/dead/{id}/retry"), &Value::Null).expect(201);
    drover.wait_ack(&id, 1, story::TO_ACK);
    phone.shown_once("is anybody there?");
    assert_eq!(exists(absent)["numberExists"], true);
    drover.stop();
}
