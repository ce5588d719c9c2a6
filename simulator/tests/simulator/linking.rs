//! Linking: refs and their times, QRs good and bad, pairing codes, unlinking.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Linked, RawPage, Simulator, qr, wait_until};

const ANA: &str = "15551230000";

async fn listed(simulator: &Simulator) -> Vec<Value> {
    simulator.get("/phones/pages").await.done().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_page_gets_six_refs_and_their_times() {
    let simulator = Simulator::start(&["--first-ref-ms=4000", "--next-ref-ms=2000"]);
    let mut page = RawPage::connect(&simulator).await;
    page.hello(None).await;
    let frame = page.expect("refs").await;
    assert_eq!((&frame["firstMs"], &frame["nextMs"]), (&json!(4000), &json!(2000)));
    let refs = frame["refs"].as_array().unwrap();
    assert_eq!(refs.len(), 6);
    let pages = listed(&simulator).await;
    assert_eq!(pages.len(), 1);
    assert_eq!((&pages[0]["linked"], &pages[0]["ref"], &pages[0]["mode"]), (&json!(false), &refs[0], &json!("QR")));
}

#[tokio::test]
async fn a_scan_links_and_the_login_is_resumed() {
    let simulator = Simulator::start(&[]);
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    let wrapped = format!("https://wa.me/settings/linked_devices#{},https://faq.whatsapp.com/r/ld", qr(&refs[0]));
    let scan = simulator.post("/phones/scan", json!({"qr": wrapped, "number": format!("+{ANA}"), "name": "Ana"}));
    let sign = async {
        let paired = page.expect("paired").await;
        page.send(json!({"t": "signed"})).await;
        paired
    };
    let (scanned, paired) = tokio::join!(scan, sign);
    assert_eq!(scanned.done()["number"], ANA);
    assert_eq!(paired["me"]["pn"], format!("{ANA}@c.us"));
    assert_eq!(paired["me"]["pushname"], "Ana");
    assert_eq!(qr("x").split(',').nth(3), paired["adv"].as_str());

    let (mut page, resumed) = RawPage::resume(&simulator, paired["token"].as_str().unwrap()).await;
    assert_eq!(resumed["me"], paired["me"]);
    assert_eq!(page.expect("offline").await["count"], 0);
    page.expect("online").await;
    page.expect("critical").await;
    assert_eq!(page.expect("history").await["last"], true);
    assert_eq!(simulator.stat("logins").await, 1);
}

#[tokio::test]
async fn a_login_that_comes_before_the_word_that_it_is_signed_is_no_stranger() {
    let simulator = Simulator::start(&[]);
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    let scan = simulator.post("/phones/scan", json!({"qr": qr(&refs[0]), "number": ANA}));
    let resume = async {
        let paired = page.expect("paired").await;
        let (_, resumed) = RawPage::resume(&simulator, paired["token"].as_str().unwrap()).await;
        page.send(json!({"t": "signed"})).await;
        (paired, resumed)
    };
    let (scanned, (paired, resumed)) = tokio::join!(scan, resume);
    assert_eq!(scanned.done()["number"], ANA);
    assert_eq!(resumed["me"], paired["me"]);
    assert_eq!(simulator.stat("logins").await, 1);
}

#[tokio::test]
async fn syncs_come_again_until_they_are_done() {
    let simulator = Simulator::start(&["--history-chats=3", "--history-messages=450"]);
    let mut linked = Linked::new(&simulator, ANA).await;
    assert_eq!(
        simulator.get("/phones").await.done().as_array().unwrap().len(),
        1,
        "made-up contacts are nobody's phones"
    );
    let frames = linked.reconnect(&simulator).await;
    assert!(frames.iter().all(|frame| frame["t"] != "critical" && frame["t"] != "history"));

    let other = "15551230001";
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    let scan = simulator.post("/phones/scan", json!({"qr": qr(&refs[0]), "number": other}));
    let sign = async {
        let token = page.expect("paired").await["token"].as_str().unwrap().to_owned();
        page.send(json!({"t": "signed"})).await;
        token
    };
    let (_, token) = tokio::join!(scan, sign);
    for _ in 0..2 {
        let (mut page, _) = RawPage::resume(&simulator, &token).await;
        let critical = page.expect("critical").await;
        assert_eq!(critical["chats"].as_array().unwrap().len(), 3);
        assert!(critical["contacts"].as_array().unwrap().iter().any(|contact| contact["name"] == "Ada 1"));
        let mut messages = 0;
        loop {
            let chunk = page.expect("history").await;
            messages += chunk["messages"].as_array().unwrap().len();
            if chunk["last"] == true {
                assert_eq!(chunk["progress"], 100);
                break;
            }
        }
        assert_eq!(messages, 450);
    }
}

#[tokio::test]
async fn wrong_old_and_used_qrs_are_refused_with_the_reason() {
    let simulator = Simulator::start(&["--first-ref-ms=400", "--next-ref-ms=100000"]);
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    let scan = |text: String| simulator.post("/phones/scan", json!({"qr": text, "number": ANA}));
    scan("not a qr".to_owned()).await.refused(409, "wrong_qr");
    scan(qr("2@unheard-of")).await.refused(409, "wrong_qr");
    scan(qr(&refs[0]).replace("bm9pc2U=", "b3RoZXI=")).await.refused(409, "wrong_qr");
    wait_until("the first ref ends", || async {
        (listed(&simulator).await[0]["ref"] == refs[1].as_str()).then_some(())
    })
    .await;
    scan(qr(&refs[0])).await.refused(409, "expired_qr");
    let (scanned, ()) = tokio::join!(scan(qr(&refs[1])), async {
        page.expect("paired").await;
        page.send(json!({"t": "signed"})).await;
    });
    scanned.done();
    scan(qr(&refs[1])).await.refused(409, "used_qr");
}

#[tokio::test]
async fn a_page_may_refuse_or_be_gone() {
    let simulator = Simulator::start(&[]);
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    let scan = simulator.post("/phones/scan", json!({"qr": qr(&refs[0]), "number": ANA}));
    let (scanned, ()) = tokio::join!(scan, async {
        page.expect("paired").await;
        page.send(json!({"t": "unsigned", "reason": "foreign secret"})).await;
    });
    scanned.refused(409, "refused_by_page");

    let (mut page, refs) = RawPage::waiting(&simulator).await;
    let scan = simulator.post("/phones/scan", json!({"qr": qr(&refs[0]), "number": ANA}));
    let (scanned, ()) = tokio::join!(scan, async {
        page.expect("paired").await;
        drop(page);
    });
    scanned.refused(409, "no_page");
    assert_eq!(simulator.stat("linked").await, 0);
}

#[tokio::test]
async fn refs_run_out_and_are_refreshed() {
    let simulator = Simulator::start(&["--first-ref-ms=30", "--next-ref-ms=10"]);
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    wait_until("the refs end", || async {
        let pages = listed(&simulator).await;
        (pages[0]["mode"] == "UNPAIRED_IDLE" && pages[0]["ref"].is_null()).then_some(())
    })
    .await;
    simulator.post("/phones/scan", json!({"qr": qr(&refs[5]), "number": ANA})).await.refused(409, "expired_qr");
    page.send(json!({"t": "refresh"})).await;
    let again = page.refs().await;
    assert_eq!(again.len(), 6);
    assert!(again.iter().all(|new| !refs.contains(new)));
}

#[tokio::test]
async fn new_refs_end_the_old_ones() {
    let simulator = Simulator::start(&[]);
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    page.send(json!({"t": "refresh"})).await;
    page.refs().await;
    simulator.post("/phones/scan", json!({"qr": qr(&refs[0]), "number": ANA})).await.refused(409, "expired_qr");
}

#[tokio::test]
async fn the_camera_can_see_a_screen() {
    let simulator = Simulator::start(&[]);
    let (mut page, _) = RawPage::waiting(&simulator).await;
    let id = listed(&simulator).await[0]["page"].clone();
    let scan = simulator.post("/phones/scan", json!({"page": id, "number": ANA}));
    let (scanned, paired) = tokio::join!(scan, async {
        let paired = page.expect("paired").await;
        page.send(json!({"t": "signed"})).await;
        paired
    });
    scanned.done();
    assert!(paired.get("adv").is_none());
    simulator.post("/phones/scan", json!({"page": id, "number": ANA})).await.refused(409, "no_page");
    simulator.post("/phones/scan", json!({"number": ANA})).await.refused(422, "invalid");
}

#[tokio::test]
async fn a_pairing_code_is_good_once_for_its_number() {
    let simulator = Simulator::start(&[]);
    let (mut page, _) = RawPage::waiting(&simulator).await;
    let first = page.ask(json!({"what": "pairing_code", "phone": ANA})).await["value"].as_str().unwrap().to_owned();
    let code = page.ask(json!({"what": "pairing_code", "phone": ANA})).await["value"].as_str().unwrap().to_owned();
    assert_eq!(code.len(), 8);
    let pair = |code: String, number: &str| {
        simulator.post("/phones/pair", json!({"code": code, "number": number, "name": "Ana"}))
    };
    pair(first, ANA).await.refused(409, "wrong_code");
    pair(code.clone(), "15557770000").await.refused(409, "other_number");
    let typed = format!("{}-{}", &code[..4], &code[4..]).to_lowercase();
    let (paired, ()) = tokio::join!(pair(typed, ANA), async {
        page.expect("paired").await;
        page.send(json!({"t": "signed"})).await;
    });
    paired.done();
    pair(code, ANA).await.refused(409, "wrong_code");
}

#[tokio::test]
async fn a_pairing_code_ends() {
    let simulator = Simulator::start(&["--pairing-code-ms=0"]);
    let (mut page, _) = RawPage::waiting(&simulator).await;
    let code = page.ask(json!({"what": "pairing_code", "phone": ANA})).await["value"].clone();
    simulator.post("/phones/pair", json!({"code": code, "number": ANA})).await.refused(409, "expired_code");
}

#[tokio::test]
async fn a_phone_unlinks_and_the_login_is_gone() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let unlinked = simulator.post(&format!("/phones/{ANA}/unlink"), json!({"reason": "user"})).await.done();
    assert_eq!(unlinked["unlinked"], 1);
    assert_eq!(linked.page.expect("unlinked").await["reason"], "user");
    linked.page.ended().await;
    let mut page = RawPage::connect(&simulator).await;
    page.hello(Some(&linked.token)).await;
    page.expect("unlinked").await;
    page.ended().await;
}

#[tokio::test]
async fn a_page_logs_itself_out() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    linked.page.send(json!({"t": "logout"})).await;
    linked.page.ended().await;
    assert_eq!(simulator.stat("linked").await, 0);
    assert_eq!(simulator.get(&format!("/phones/{ANA}/sent")).await.done(), json!([]));
}

#[tokio::test]
async fn a_second_page_with_the_same_login_replaces_the_first() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let (_second, _) = RawPage::resume(&simulator, &linked.token).await;
    assert_eq!(linked.page.expect("stream_error").await["reason"], "replaced");
    linked.page.ended().await;
    wait_until("one socket is left", || async { (simulator.stat("sockets").await == 1).then_some(()) }).await;
}

#[tokio::test]
async fn a_phone_without_network_cannot_scan() {
    let simulator = Simulator::start(&[]);
    let (mut page, refs) = RawPage::waiting(&simulator).await;
    simulator.put(&format!("/phones/{ANA}"), json!({"airplane": true})).await.done();
    let scan = || simulator.post("/phones/scan", json!({"qr": qr(&refs[0]), "number": ANA}));
    scan().await.refused(409, "airplane_mode");
    simulator.put(&format!("/phones/{ANA}"), json!({"airplane": false})).await.done();
    let (scanned, ()) = tokio::join!(scan(), async {
        page.expect("paired").await;
        page.send(json!({"t": "signed"})).await;
    });
    scanned.done();
}

#[tokio::test]
async fn an_unlinked_page_cannot_act_as_a_device() {
    let simulator = Simulator::start(&[]);
    let (mut page, _) = RawPage::waiting(&simulator).await;
    let send = json!({"t": "send", "id": "A", "key": "true_15557770000@c.us_A", "chatId": "15557770000@c.us", "type": "chat", "body": "x"});
    page.send(send).await;
    page.ask(json!({"what": "exists", "user": "15557770000"})).await;
    tokio::time::timeout(Duration::from_secs(5), async { assert_eq!(simulator.stat("messages").await, 0) })
        .await
        .unwrap();
}
