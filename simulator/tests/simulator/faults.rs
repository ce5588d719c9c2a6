//! Faults that the server itself does, seen by a raw page: for one number, for all, and over again when cleared.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Linked, RawPage, Simulator, qr, wait_until};

const ANA: &str = "15551230000";
const BOB: &str = "15557770000";

async fn put(simulator: &Simulator, fault: Value) -> Value {
    simulator.post("/faults", fault).await.done()
}

async fn send(simulator: &Simulator, linked: &mut Linked, id: &str) {
    let before = simulator.stat("received").await;
    let lid = linked.page.ask(json!({"what": "lid", "user": "15558880000"})).await["value"]["lid"]
        .as_str()
        .unwrap()
        .to_owned();
    linked.text_keyed(&lid, id, "hello").await;
    wait_until("it is received", || async { (simulator.stat("received").await > before).then_some(()) }).await;
}

#[tokio::test]
async fn sockets_drop_for_one_number_or_for_all() {
    let simulator = Simulator::start(&[]);
    let (mut ana, mut bob) = (Linked::new(&simulator, ANA).await, Linked::new(&simulator, BOB).await);
    put(&simulator, json!({"number": ANA, "drop_socket": true})).await;
    ana.page.ended().await;
    bob.page.ask(json!({"what": "upload"})).await;
    ana.reconnect(&simulator).await;
    put(&simulator, json!({"drop_socket": true})).await;
    ana.page.ended().await;
    bob.page.ended().await;
}

#[tokio::test]
async fn sockets_are_refused_for_a_while() {
    let simulator = Simulator::start(&[]);
    let mut ana = Linked::new(&simulator, ANA).await;
    let mut bob = Linked::new(&simulator, BOB).await;
    put(&simulator, json!({"number": ANA, "refuse_socket_ms": 400, "drop_socket": true})).await;
    ana.page.ended().await;
    let mut refused = RawPage::connect(&simulator).await;
    refused.hello(Some(&ana.token)).await;
    refused.ended().await;
    bob.reconnect(&simulator).await;
    wait_until("the time is over", || async {
        let mut page = RawPage::connect(&simulator).await;
        page.hello(Some(&ana.token)).await;
        page.next().await
    })
    .await;
    put(&simulator, json!({"refuse_socket_ms": 60_000})).await;
    assert!(RawPage::try_connect(&simulator).await.is_err());
    simulator.delete("/faults").await.done();
    bob.reconnect(&simulator).await;
}

#[tokio::test]
async fn the_faults_of_one_number_end_alone() {
    let simulator = Simulator::start(&[]);
    put(&simulator, json!({"number": ANA, "stay_at_ack": 0, "slow_load_ms": 9})).await;
    put(&simulator, json!({"number": BOB, "stay_at_ack": 1})).await;
    put(&simulator, json!({"ack_delay_ms": 5})).await;
    let left = simulator.delete(&format!("/faults?number={ANA}")).await.done();
    let numbers: Vec<&Value> = left.as_array().unwrap().iter().map(|standing| &standing["number"]).collect();
    assert_eq!(numbers, [&Value::Null, &json!(BOB)]);
    assert_eq!(simulator.delete("/faults?nubmer=1").await.status, 422);
    assert_eq!(simulator.delete("/faults").await.done(), json!([]));
}

#[tokio::test]
async fn acks_are_late_withheld_or_out_of_order() {
    let simulator = Simulator::start(&[]);
    let mut ana = Linked::new(&simulator, ANA).await;
    put(&simulator, json!({"number": ANA, "ack_delay_ms": 300})).await;
    let start = Instant::now();
    send(&simulator, &mut ana, "3EB0A1").await;
    assert_eq!(ana.page.acks("3EB0A1", 3).await, [1, 2, 3]);
    assert!(start.elapsed() >= Duration::from_millis(300));
    simulator.delete("/faults").await.done();

    put(&simulator, json!({"stay_at_ack": 1})).await;
    send(&simulator, &mut ana, "3EB0A2").await;
    assert_eq!(ana.page.acks("3EB0A2", 1).await, [1]);
    put(&simulator, json!({"stay_at_ack": 0})).await;
    send(&simulator, &mut ana, "3EB0A3").await;
    let sent = simulator.sent(ANA).await;
    assert_eq!((&sent[2]["id"], &sent[2]["shown"]), (&json!("3EB0A3"), &json!(1)), "withheld is not lost");
    simulator.delete("/faults").await.done();

    put(&simulator, json!({"acks_out_of_order": true})).await;
    send(&simulator, &mut ana, "3EB0A4").await;
    assert_eq!(ana.page.acks("3EB0A4", 1).await, [3, 2, 1]);
    let sent = simulator.sent(ANA).await;
    assert_eq!(sent.iter().map(|message| message["ack"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 1, 0, 3]);
}

#[tokio::test]
async fn sends_fail_with_the_code_as_often_as_was_said() {
    let simulator = Simulator::start(&[]);
    let (mut ana, mut bob) = (Linked::new(&simulator, ANA).await, Linked::new(&simulator, BOB).await);
    put(&simulator, json!({"number": ANA, "fail_send": {"code": 463, "times": 1}})).await;
    send(&simulator, &mut ana, "3EB0A1").await;
    let refused = ana.page.expect("refused").await;
    assert_eq!((&refused["id"], &refused["code"]), (&json!("3EB0A1"), &json!(463)));
    assert_eq!(simulator.sent(ANA).await.len(), 0);
    send(&simulator, &mut ana, "3EB0A1").await;
    assert_eq!(ana.page.acks("3EB0A1", 3).await, [1, 2, 3]);
    assert_eq!(simulator.sent(ANA).await[0]["received"], 1, "what was refused was never received");
    put(&simulator, json!({"fail_send": 500})).await;
    for linked in [&mut ana, &mut bob] {
        send(&simulator, linked, "3EB0A2").await;
        assert_eq!(linked.page.expect("refused").await["code"], 500);
    }
}

#[tokio::test]
async fn a_replaced_stream_ends() {
    let simulator = Simulator::start(&[]);
    let (mut ana, mut bob) = (Linked::new(&simulator, ANA).await, Linked::new(&simulator, BOB).await);
    put(&simulator, json!({"number": ANA, "replaced": true})).await;
    assert_eq!(ana.page.expect("stream_error").await["reason"], "replaced");
    ana.page.ended().await;
    bob.page.ask(json!({"what": "upload"})).await;
    ana.reconnect(&simulator).await;
}

#[tokio::test]
async fn refs_run_out_before_their_time() {
    let simulator = Simulator::start(&[]);
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    put(&simulator, json!({"refs_run_out": true})).await;
    assert_eq!(page.refs().await, Vec::<String>::new());
    simulator.post("/phones/scan", json!({"qr": qr(&refs[0]), "number": ANA})).await.refused(409, "expired_qr");
    page.send(json!({"t": "refresh"})).await;
    assert_eq!(page.refs().await.len(), 6);
}

#[tokio::test]
async fn sockets_flap_until_the_fault_is_cleared() {
    let simulator = Simulator::start(&[]);
    let mut ana = Linked::new(&simulator, ANA).await;
    put(&simulator, json!({"number": ANA, "sockets_flap_every_ms": 120})).await;
    for _ in 0..3 {
        ana.page.ended().await;
        ana.reconnect(&simulator).await;
    }
    simulator.delete("/faults").await.done();
    let quiet = tokio::time::timeout(Duration::from_millis(400), ana.page.ended()).await;
    assert!(quiet.is_err(), "it still flaps");
}

#[tokio::test]
async fn a_sync_that_never_comes_does_not_come() {
    let simulator = Simulator::start(&[]);
    put(&simulator, json!({"number": ANA, "never_sync": true})).await;
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    let scan = simulator.post("/phones/scan", json!({"qr": qr(&refs[0]), "number": ANA}));
    let (_, token) = tokio::join!(scan, async {
        let token = page.expect("paired").await["token"].as_str().unwrap().to_owned();
        page.send(json!({"t": "signed"})).await;
        token
    });
    let mut page = RawPage::connect(&simulator).await;
    page.hello(Some(&token)).await;
    assert_eq!(page.next().await.unwrap(), json!({"t": "fault", "name": "never_sync"}));
    page.expect("online").await;
    let nothing = tokio::time::timeout(Duration::from_millis(200), page.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    simulator.delete("/faults").await.done();
    page.expect("critical").await;
    assert_eq!(page.expect("history").await["last"], true);
}

#[tokio::test]
async fn pages_hear_what_they_have_to_do_wrong() {
    let simulator = Simulator::start(&[]);
    let (mut ana, mut bob) = (Linked::new(&simulator, ANA).await, Linked::new(&simulator, BOB).await);
    let faults = [
        (json!({"hang_page_ms": 5}), json!({"t": "fault", "name": "hang", "ms": 5})),
        (json!({"crash_renderer": true}), json!({"t": "fault", "name": "crash"})),
        (json!({"late_has_synced_ms": 7}), json!({"t": "fault", "name": "late_has_synced", "ms": 7})),
        (json!({"old_msgkey": true}), json!({"t": "fault", "name": "old_msgkey"})),
        (json!({"leak_mb_per_minute": 1.5}), json!({"t": "fault", "name": "leak", "mbPerMinute": 1.5})),
        (json!({"heap_mb": 20}), json!({"t": "fault", "name": "heap", "mb": 20.0})),
        (
            json!({"missing_export": {"module": "WAWebCmd", "export": "Cmd"}}),
            json!({"t": "fault", "name": "missing_export", "module": "WAWebCmd", "export": "Cmd"}),
        ),
    ];
    for (mut fault, frame) in faults {
        fault["number"] = json!(ANA);
        put(&simulator, fault).await;
        assert_eq!(ana.page.expect("fault").await, frame);
    }
    let frames = {
        let mut page = RawPage::connect(&simulator).await;
        page.hello(Some(&ana.token)).await;
        let mut frames = Vec::new();
        while let Some(frame) = page.next().await.filter(|frame| frame["t"] == "fault") {
            frames.push(frame["name"].as_str().unwrap().to_owned());
        }
        frames
    };
    assert_eq!(frames, ["late_has_synced", "old_msgkey", "leak", "heap", "missing_export"], "those that stand, again");
    let html = simulator
        .client()
        .get(simulator.web("web.whatsapp.com", "/"))
        .header("cookie", format!("device={}", ana.token));
    assert!(html.send().await.unwrap().text().await.unwrap().contains(r#""name":"old_msgkey""#));
    let without =
        simulator.client().get(simulator.web("web.whatsapp.com", "/")).send().await.unwrap().text().await.unwrap();
    assert!(without.contains(r#""faults":[]"#), "{without}");
    simulator.delete("/faults").await.done();
    assert_eq!(bob.page.expect("fault").await, json!({"t": "fault", "name": "clear"}));
    assert_eq!(simulator.get("/faults").await.done(), json!([]));
}

#[tokio::test]
async fn the_page_itself_is_slow() {
    let simulator = Simulator::start(&[]);
    put(&simulator, json!({"slow_load_ms": 300})).await;
    let start = Instant::now();
    let url = simulator.web("web.whatsapp.com", "/");
    assert_eq!(simulator.client().get(&url).send().await.unwrap().status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
    simulator.delete("/faults").await.done();
    let linked = Linked::new(&simulator, ANA).await;
    put(&simulator, json!({"number": ANA, "slow_load_ms": 300})).await;
    let start = Instant::now();
    let cookie = format!("lang=en; device={}", linked.token);
    simulator.client().get(&url).header("cookie", cookie).send().await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused() {
    let simulator = Simulator::start(&[]);
    let fault = |body: Value| simulator.post("/faults", body);
    fault(json!({})).await.refused(422, "invalid");
    fault(json!({"explode": true})).await.refused(422, "invalid");
    fault(json!({"stay_at_ack": "zero"})).await.refused(422, "invalid");
    fault(json!({"missing_export": {"module": "M"}})).await.refused(422, "invalid");
    fault(json!({"number": "12", "drop_socket": true})).await.refused(422, "invalid");
    fault(json!({"number": "15550000009", "drop_socket": true})).await.refused(404, "unknown_phone");
    fault(json!({"page": 99, "drop_socket": true})).await.refused(404, "not_found");
    fault(json!({"number": "15550000009", "stay_at_ack": 0})).await.done();
}

#[tokio::test]
async fn a_switch_that_is_put_to_off_ends_the_fault() {
    let simulator = Simulator::start(&[]);
    put(&simulator, json!({"old_msgkey": true, "ack_delay_ms": 5})).await;
    let left = put(&simulator, json!({"old_msgkey": false})).await;
    assert_eq!(left, json!([{"number": null, "faults": [{"ack_delay_ms": 5}]}]));
}

#[tokio::test]
async fn one_page_alone_can_be_hit() {
    let simulator = Simulator::start(&[]);
    let (mut first, _) = RawPage::waiting(&simulator).await;
    let (mut second, _) = RawPage::waiting(&simulator).await;
    let pages = simulator.get("/phones/pages").await.done();
    put(&simulator, json!({"page": pages[0]["page"], "drop_socket": true})).await;
    first.ended().await;
    second.ask(json!({"what": "exists", "user": BOB})).await;
    simulator.post("/faults", json!({"page": pages[1]["page"], "stay_at_ack": 0})).await.refused(422, "invalid");
}
