//! A session from its creation to its end: QR in every form, scan, ready, stop, start without a QR, logout, delete; pairing
//! by code; an unlink on the phone; what happens to a QR that nobody scans.

use std::{collections::BTreeSet, fs};

use crate::support::{Drover, Home, Simulator, home::wait_gone, qr, story, wait_until, wait_until_ok};
use base64::{Engine, engine::general_purpose::STANDARD};
use drover::clock::{Clock, SystemClock};
use jiff::Timestamp;
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

#[test]
fn a_session_from_creation_to_deletion() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550001001", "Ana");

    let created = drover.create("shop");
    assert_eq!(created["name"], "shop");
    assert!(matches!(created["status"].as_str(), Some("STARTING" | "SCAN_QR_CODE")), "{created}");

    phone.scan(&story::read_qr(&drover, "shop"));
    let ready = drover.wait_status("shop", "WORKING", story::TO_READY);
    assert_eq!(ready["state"], "ready");
    assert_eq!(ready["me"]["id"], "15550001001@c.us");
    assert_eq!(ready["me"]["pushName"], "Ana");
    assert_eq!(drover.api().get("/api/sessions/shop/me").expect(200), ready["me"]);
    assert_eq!(drover.qr("shop", "raw").status, 422, "no QR while it is linked");

    // A stop keeps the login, ends the browser and forgets no session.
    let browser = home.browser_of("shop").expect("a browser runs");
    drover.order("shop", "stop");
    drover.wait_status("shop", "STOPPED", story::TO_STOP);
    wait_gone("the stopped session's browser", story::TO_STOP, &browser);
    drover.wait_no_zombies();
    assert_eq!(drover.order("shop", "stop")["status"], "STOPPED", "stopping twice is stopping once");

    // The next start needs no QR.
    let events = drover.events();
    drover.order("shop", "start");
    drover.wait_status("shop", "WORKING", story::TO_READY);
    assert_eq!(drover.order("shop", "start")["status"], "WORKING", "starting twice is starting once");
    assert_eq!(events.count("qr"), 0, "no QR after a restart: {:?}", events.all());

    // A logout ends the login on the phone, too; the profile is archived and not destroyed.
    drover.order("shop", "logout");
    wait_until("the phone has no linked device", story::TO_STOP, || (!phone.has_open_page()).then_some(()));
    assert!(!story::read_qr(&drover, "shop").is_empty(), "a session that shall run shows a QR after a logout");
    assert_eq!(drover.session("shop")["me"], Value::Null);
    assert_eq!(archived(&home), 1, "the old login is kept");

    drover.api().delete("/api/sessions/shop").expect(200);
    assert_eq!(drover.api().get("/api/sessions/shop").status, 404);
    wait_until("its browser is gone", story::TO_STOP, || home.browser_of("shop").is_none().then_some(()));
    assert!(!home.profile("shop").exists(), "a DELETE takes the profile with it");
    drover.stop();
}

/// How many logins are in the archive.
fn archived(home: &Home) -> usize {
    fs::read_dir(home.data().join("archive")).expect("an archive").flatten().count()
}

#[test]
fn a_qr_is_served_as_picture_as_base64_and_as_text() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    drover.create("shop");

    // All three forms within the life of one code.
    let (raw, image, base64) = wait_until_ok("three forms of one QR", story::TO_QR, || {
        let raw = drover.qr("shop", "raw");
        let image = drover.qr("shop", "image");
        let base64 =
            drover.api().request("GET", "/api/shop/auth/qr?format=image", &[("accept", "application/json")], None);
        let same = raw.status == 200 && raw.header("x-qr-seq") == base64.header("x-qr-seq");
        if same { Ok((raw, image, base64)) } else { Err((raw.text(), base64.text())) }
    });
    let text = raw.json();
    assert_eq!(raw.header("x-qr-seq").map(str::to_owned), text["seq"].as_u64().map(|seq| seq.to_string()));
    assert_eq!(raw.header("x-qr-expires-at").map(str::to_owned), text["expiresAt"].as_str().map(str::to_owned));
    assert_eq!(text["value"].as_str().map(|value| value.split(',').count()), Some(5), "five parts: {text}");

    assert_eq!(image.header("content-type"), Some("image/png"));
    assert!(image.body.starts_with(PNG));
    assert_eq!(qr::decode_png(&image.body), text["value"]);

    let wrapped = base64.json();
    assert_eq!(wrapped["mimetype"], "image/png");
    let png = STANDARD.decode(wrapped["data"].as_str().expect("base64")).expect("base64");
    assert_eq!(qr::decode_png(&png), text["value"]);

    let screenshot = drover.api().get("/api/screenshot?session=shop");
    assert_eq!((screenshot.status, screenshot.header("content-type")), (200, Some("image/png")));
    assert!(screenshot.body.starts_with(PNG));
    drover.stop();
}

/// In Unix milliseconds.
fn expiry(raw: &Value) -> i64 {
    let at: Timestamp = raw["expiresAt"].as_str().expect("a time").parse().expect("RFC 3339");
    at.as_millisecond()
}

#[test]
fn codes_are_numbered_and_an_expired_one_is_never_served() {
    let simulator = Simulator::start_with(&["--first-ref-ms", "2000", "--next-ref-ms", "700"]);
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550001003", "Ana");
    drover.create("shop");

    // Six refs live 5.5 s together: after nine codes the page ran out of them and was given new ones.
    let mut values = BTreeSet::new();
    let mut last_seq = 0;
    let mut first = None;
    wait_until("nine codes were shown", story::TO_QR * 2, || {
        let asked_at_ms = SystemClock.now_ms();
        let reply = drover.qr("shop", "raw");
        if reply.status != 200 {
            assert_eq!(reply.status, 422, "{reply:?}");
            return None;
        }
        let raw = reply.json();
        assert!(expiry(&raw) > asked_at_ms, "it was served after its end, {asked_at_ms}: {raw}");
        let seq = raw["seq"].as_u64().expect("a number");
        assert!(seq >= last_seq, "numbers never go back: {seq} after {last_seq}");
        let value = raw["value"].as_str().expect("text").to_owned();
        if seq > last_seq {
            assert!(values.insert(value.clone()), "each number is another code: {raw}");
        }
        last_seq = seq;
        first.get_or_insert(value);
        (values.len() >= 9).then_some(())
    });

    // A phone refuses the first of them now, and takes the one that is served.
    assert_eq!(phone.try_scan(&first.expect("a first code")).status, 409);
    wait_until("a fresh code is taken", story::TO_QR, || {
        let raw = drover.qr("shop", "raw");
        let is_taken = raw.status == 200 && phone.try_scan(raw.json()["value"].as_str()?).status < 300;
        is_taken.then_some(())
    });
    drover.wait_status("shop", "WORKING", story::TO_READY);
    drover.stop();
}

#[test]
fn a_phone_pairs_by_code() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550001004", "Ana");
    drover.create("shop");
    drover.wait_status("shop", "SCAN_QR_CODE", story::TO_QR);

    let request = json!({"phoneNumber": "+1 555 000-1004"});
    let first = drover.api().post("/api/shop/auth/request-code", &request).expect(201);
    let second = drover.api().post("/api/shop/auth/request-code", &request).expect(201);
    let code: String = second["code"].as_str().expect("a code").chars().filter(|c| *c != '-').collect();
    assert_eq!(code.len(), 8, "{second}");
    assert_ne!(first["code"], second["code"], "a new request is a new code");
    phone.pair(&code);
    let ready = drover.wait_status("shop", "WORKING", story::TO_READY);
    assert_eq!(ready["me"]["id"], "15550001004@c.us");
    drover.stop();
}

#[test]
fn an_unlink_on_the_phone_archives_the_login_and_shows_a_new_qr() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550001005", "Ana");
    story::link(&drover, "shop", &phone);
    let events = drover.events();

    phone.unlink();
    phone.scan(&story::read_qr(&drover, "shop"));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    let logged_out = events
        .all()
        .into_iter()
        .any(|event| event.name == "session.status" && event.data["payload"]["state"] == "logged_out");
    assert!(logged_out, "the loss of the login was told: {:?}", events.all());
    assert_eq!(archived(&home), 1, "the old login is kept");
    drover.stop();
}

#[test]
fn a_qr_that_nobody_scans_stops_the_session() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_KEEPALIVE__QR_TIMEOUT_S", "2");
    let drover = home.start();
    drover.create("shop");
    let stopped = wait_until_ok("the session stops by itself", story::TO_QR, || {
        let view = drover.session("shop");
        if view["reason"]["code"] == "qr_timeout" { Ok(view) } else { Err(view) }
    });
    assert_eq!(stopped["status"], "STOPPED", "{stopped}");
    wait_until("its browser is gone", story::TO_STOP, || home.browser_of("shop").is_none().then_some(()));
    drover.order("shop", "start");
    drover.wait_status("shop", "SCAN_QR_CODE", story::TO_QR);
    drover.stop();
}

#[test]
fn sessions_are_listed_and_come_back_as_they_were_left() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    drover.api().post("/api/sessions", &json!({"name": "resting", "start": false})).expect(201);
    drover.create("waiting");
    let names = |drover: &Drover<'_>, all: bool| -> Vec<String> {
        let list = drover.api().get(&format!("/api/sessions?all={all}")).expect(200);
        let list = list.as_array().expect("a list").clone();
        list.iter().map(|session| session["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&drover, true), ["resting", "waiting"]);
    assert_eq!(names(&drover, false), ["waiting"], "stopped ones only with all=true");
    drover.wait_status("waiting", "SCAN_QR_CODE", story::TO_QR);
    drover.stop();

    let drover = home.start();
    assert_eq!(names(&drover, true), ["resting", "waiting"]);
    drover.wait_status("waiting", "SCAN_QR_CODE", story::TO_QR);
    assert_eq!(drover.session("resting")["status"], "STOPPED", "what was stopped stays so");
    drover.stop();
}
