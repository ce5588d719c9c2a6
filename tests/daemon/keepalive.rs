//! A session's keepalive, seen from outside: how well it does, when it is degraded, what it shows of the account, and what becomes of
//! one that cannot send, crashes too often, never gets ready or is shut out.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use crate::support::{Drover, Events, Home, Simulator, story, wait_until, wait_until_ok};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const BOB: &str = "15559990001@c.us";
const LAST_ACK: &str = "drover_session_last_ack_timestamp_seconds{session=\"shop\"}";
const TO_RECOVER: Duration = Duration::from_secs(90);

/// Waits until the session is as wanted.
#[track_caller]
fn wait_session(drover: &Drover<'_>, what: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
    wait_until_ok(what, limit, || {
        let view = drover.session("shop");
        if wanted(&view) { Ok(view) } else { Err(view) }
    })
}

/// The alerts of a code so far: whether each was the end of its problem.
fn alerts(events: &Events, code: &str) -> Vec<bool> {
    let alerts =
        events.all().into_iter().filter(|event| event.name == "alert" && event.data["payload"]["code"] == code);
    alerts.map(|event| event.data["payload"]["isResolved"] == true).collect()
}

#[track_caller]
fn wait_alerts(events: &Events, code: &str, expected: &[bool]) {
    wait_until_ok(&format!("alerts of {code}"), TO_RECOVER, || {
        let alerts = alerts(events, code);
        if alerts == expected { Ok(()) } else { Err(alerts) }
    });
}

/// Metrics, each line `name{labels} value`.
fn metric(drover: &Drover<'_>, name: &str) -> Option<String> {
    let text = drover.api().get("/metrics").text();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))
}

#[test]
fn a_session_shows_how_well_it_does_and_is_degraded_before_it_fails() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_KEEPALIVE__HEARTBEAT_S", "1");
    home.set("DROVER_QUALITY__DROPS_PER_HOUR", "2");
    let drover = home.start();
    let phone = simulator.phone("15550005001", "Ana");
    story::link(&drover, "shop", &phone);
    let events = drover.events();

    let view = wait_session(&drover, "a latency", story::TO_READY, |view| !view["health"]["latency"].is_null());
    let latency = &view["health"]["latency"];
    assert!(latency["p50Ms"].as_u64() <= latency["p95Ms"].as_u64(), "{view}");
    assert_eq!((&view["degraded"], &view["quarantined"]), (&json!(false), &json!(false)), "{view}");
    assert_eq!(view["presence"], "offline", "{view}");

    assert_eq!(
        (&view["health"]["lastAckAt"], metric(&drover, LAST_ACK).as_deref()),
        (&Value::Null, Some("0")),
        "{view}"
    );
    drover.send_text("shop", BOB, "hello");
    wait_session(&drover, "an ack", TO_RECOVER, |view| !view["health"]["lastAckAt"].is_null());
    assert!(metric(&drover, LAST_ACK).is_some_and(|at| at.parse::<f64>().is_ok_and(|at| at > 1.7e9)));

    for drops in 1..=2 {
        phone.fault(json!({"drop_socket": true}));
        wait_session(&drover, "the drop is counted, and over", TO_RECOVER, |view| {
            view["health"]["socketDropsLastHour"] == drops && view["status"] == "WORKING"
        });
    }
    let degraded = events.wait_for("degraded", TO_RECOVER, |event| event.name == "session.degraded");
    assert_eq!(degraded.data["payload"]["causes"], json!(["socket_drops"]), "{degraded:?}");
    let view = drover.session("shop");
    assert_eq!((&view["degraded"], &view["status"]), (&json!(true), &json!("WORKING")), "{view}");

    for (name, value) in [
        ("drover_session_degraded{session=\"shop\"}", "1"),
        ("drover_session_working{session=\"shop\"}", "1"),
        ("drover_sessions{state=\"ready\"}", "1"),
        ("drover_session_socket_drops_total{session=\"shop\"}", "2"),
        ("drover_session_recoveries_total{cause=\"socket_lost\"}", "2"),
        ("drover_session_recovery_seconds_count{cause=\"socket_lost\"}", "2"),
        ("drover_session_transitions_total{from=\"reconnecting\",to=\"ready\"}", "2"),
    ] {
        assert_eq!(metric(&drover, name).as_deref(), Some(value), "{name}");
    }
    let heartbeats = metric(&drover, "drover_session_latency_seconds_count{session=\"shop\"}");
    assert!(heartbeats.is_some_and(|count| count != "0"), "heartbeats are measured");

    // Nothing is wrong with one that is not to send; and how another login did is not this one's fault.
    assert_eq!(drover.order("shop", "stop")["degraded"], false);
    drover.order("shop", "start");
    drover.wait_status("shop", "WORKING", TO_RECOVER);
    wait_session(&drover, "its drops are still of this hour", TO_RECOVER, |view| view["degraded"] == true);
    drover.order("shop", "logout");
    wait_session(&drover, "they are forgotten with the login", TO_RECOVER, |view| {
        view["state"] == "awaiting_scan"
            && view["degraded"] == false
            && view["health"]["socketDropsLastHour"] == 0
            && view["health"]["lastAckAt"].is_null()
    });
    assert_eq!(metric(&drover, LAST_ACK).as_deref(), Some("0"), "it was another login's");
    let told: Vec<Value> = events
        .all()
        .into_iter()
        .filter(|event| event.name == "session.degraded")
        .map(|event| event.data["payload"]["degraded"].clone())
        .collect();
    assert_eq!(told, [true, false, true, false]);

    drover.api().delete("/api/sessions/shop").expect(200);
    wait_until("a deleted session shows zeros", story::TO_STOP, || {
        let zeros = ["drover_session_degraded{session=\"shop\"}", "drover_session_working{session=\"shop\"}"];
        zeros.iter().all(|name| metric(&drover, name).as_deref() == Some("0")).then_some(())
    });
    drover.stop();
}

/// Whether Bob sees Ana online.
fn is_seen_online(simulator: &Simulator, ana: &str) -> bool {
    let phones = simulator.http().get("/phones").expect(200);
    let chats =
        phones.as_array().into_iter().flatten().flat_map(|phone| phone["chats"].as_array().into_iter().flatten());
    chats.into_iter().any(|chat| chat["chat"] == ana && chat["online"] == true)
}

#[test]
fn the_account_is_online_around_a_send_only_and_the_page_stays_active() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_KEEPALIVE__ACTIVITY_S", "1");
    home.set("DROVER_KEEPALIVE__PRESENCE_LINGER_S", "3");
    let drover = home.start();
    let phone = simulator.phone("15550005002", "Ana");
    story::link(&drover, "shop", &phone);
    wait_session(&drover, "a small input event", TO_RECOVER, |view| !view["health"]["lastActivityAt"].is_null());

    let id = drover.send_text("shop", BOB, "hello")["id"].as_str().expect("an id").to_owned();
    wait_until("Bob sees Ana online", story::TO_ACK, || is_seen_online(&simulator, &phone.number).then_some(()));
    drover.wait_ack(&id, 1, story::TO_ACK);
    wait_until("Bob sees her offline again", story::TO_ACK, || {
        (!is_seen_online(&simulator, &phone.number)).then_some(())
    });
    let view = wait_session(&drover, "it says so", story::TO_ACK, |view| view["presence"] == "offline");
    assert!(!view["health"]["lastAckAt"].is_null(), "{view}");
    assert!(metric(&drover, "drover_session_activity_total{session=\"shop\",result=\"ok\"}").is_some());
    drover.stop();
}

#[test]
fn a_session_to_which_nothing_is_acknowledged_is_not_working_and_one_late_ack_is_harmless() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_QUEUE__SEND_TIMEOUT_S", "2");
    home.set("DROVER_QUEUE__BACKOFF_S", "1");
    home.set("DROVER_QUEUE__ATTEMPTS", "100");
    home.set("DROVER_KEEPALIVE__ACKS_S", "6");
    home.set("DROVER_QUALITY__ACKS_S", "3");
    let drover = home.start();
    let phone = simulator.phone("15550005003", "Ana");
    story::keep_login(&drover, "shop", &phone);

    let events = drover.events();
    phone.fault(json!({"stay_at_ack": 0}));
    let withheld = drover.send_text("shop", BOB, "late")["id"].as_str().expect("an id").to_owned();
    wait_until("the server has it", story::TO_ACK, || phone.sent_with("late").pop());
    simulator.clear_faults();
    let other = drover.send_text("shop", "15559990002@c.us", "on time")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&other, 1, story::TO_ACK);
    drover.wait_ack(&withheld, 1, story::TO_ACK);
    assert_eq!(events.count("session.status"), 0, "it stayed WORKING: {:?}", events.all());

    phone.fault(json!({"stay_at_ack": 0}));
    let id = drover.send_text("shop", BOB, "nobody answers")["id"].as_str().expect("an id").to_owned();
    let left = events.wait_for("it is not WORKING", TO_RECOVER, |event| event.name == "session.status");
    assert_eq!(left.data["payload"]["reason"]["code"], "no_acks", "{left:?}");
    assert_ne!(left.data["payload"]["status"], "WORKING");
    let degraded = events.wait_for("it was degraded before", TO_RECOVER, |event| event.name == "session.degraded");
    assert_eq!(degraded.data["payload"]["causes"], json!(["acks"]), "{degraded:?}");
    assert!(degraded.id < left.id, "degraded first: {degraded:?} {left:?}");
    simulator.clear_faults();
    drover.wait_ack(&id, 1, TO_RECOVER);
    drover.wait_status("shop", "WORKING", TO_RECOVER);
    for text in ["late", "on time", "nobody answers"] {
        phone.shown_once(text);
    }
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn a_session_that_crashes_too_often_is_quarantined_until_somebody_restarts_it() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_KEEPALIVE__QUARANTINE_CRASHES", "1");
    let drover = home.start();
    let phone = simulator.phone("15550005004", "Ana");
    story::keep_login(&drover, "shop", &phone);
    let events = drover.events();

    home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
    wait_session(&drover, "it recovers", TO_RECOVER, |view| {
        view["health"]["crashesLastHour"] == 1 && view["status"] == "WORKING"
    });
    home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
    let view = wait_session(&drover, "it is quarantined", TO_RECOVER, |view| view["quarantined"] == true);
    assert_eq!((&view["state"], &view["status"]), (&json!("reconnecting"), &json!("STARTING")), "{view}");
    assert_eq!(view["retry"]["attempt"], 1, "{view}");
    wait_alerts(&events, "quarantined", &[false]);
    assert_eq!(metric(&drover, "drover_session_quarantined{session=\"shop\"}").as_deref(), Some("1"));

    drover.order("shop", "restart");
    let view = drover.wait_status("shop", "WORKING", TO_RECOVER);
    assert_eq!(view["quarantined"], false, "{view}");
    wait_alerts(&events, "quarantined", &[false, true]);
    assert_eq!(events.count("qr"), 0, "the login was kept");
    drover.stop();
}

#[test]
fn attempts_that_are_spent_raise_one_alert_and_the_slow_retry_brings_it_back() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    for (name, value) in [("ATTEMPTS", "1"), ("BACKOFF_S", "1"), ("READY_TIMEOUT_S", "5"), ("SLOW_RETRY_S", "2")] {
        home.set(&format!("DROVER_KEEPALIVE__{name}"), value);
    }
    let drover = home.start();
    let phone = simulator.phone("15550005005", "Ana");
    story::keep_login(&drover, "shop", &phone);
    let events = drover.events();

    phone.fault(json!({"never_sync": true}));
    drover.order("shop", "restart");
    let failed = |count: usize| {
        wait_until_ok("it failed", TO_RECOVER, || {
            let failures = events.all().into_iter().filter(|event| event.data["payload"]["status"] == "FAILED").count();
            if failures >= count { Ok(()) } else { Err(drover.session("shop")) }
        });
    };
    failed(1);
    failed(2);
    wait_alerts(&events, "attempts_spent", &[false]);
    let view = drover.session("shop");
    let kept = view["screenshots"].as_array().expect("a list").last().expect("a picture").clone();
    assert_eq!(kept["reason"], "never_ready", "{view}");
    assert_png(&drover, &kept);

    simulator.clear_faults();
    drover.wait_status("shop", "WORKING", TO_RECOVER);
    wait_alerts(&events, "attempts_spent", &[false, true]);
    assert_eq!(events.count("qr"), 0, "the login was kept");
    drover.stop();
}

/// Asserts that a picture is served, and that only its owner may read it.
#[track_caller]
fn assert_png(drover: &Drover<'_>, kept: &Value) {
    let reply = drover.api().get(kept["path"].as_str().expect("a path"));
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("image/png")));
    assert!(reply.body.starts_with(b"\x89PNG\r\n\x1a\n"));
    let file = drover.home().data().join("screenshots/shop").join(kept["name"].as_str().expect("a name"));
    let mode = fs::metadata(file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn one_that_is_shut_out_waits_for_a_person_and_keeps_a_picture() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_KEEPALIVE__SLOW_RETRY_S", "1");
    let drover = home.start();
    let phone = simulator.phone("15550005006", "Ana");
    story::keep_login(&drover, "shop", &phone);
    let events = drover.events();

    for (times, (mode, code)) in
        [("TOS_BLOCK", "banned"), ("DEPRECATED_VERSION", "deprecated_version")].iter().enumerate()
    {
        phone.fault(json!({"block": mode}));
        let view = drover.wait_status("shop", "FAILED", TO_RECOVER);
        assert_eq!(view["reason"]["code"], *code, "{view}");
        assert_eq!(view["retry"], Value::Null, "no retry helps: {view}");
        let view = wait_session(&drover, "a picture is kept", TO_RECOVER, |view| {
            view["screenshots"].as_array().is_some_and(|kept| kept.iter().any(|kept| kept["reason"] == *code))
        });
        assert_png(&drover, view["screenshots"].as_array().expect("a list").last().expect("a picture"));
        wait_until("its browser is gone", story::TO_STOP, || home.browser_of("shop").is_none().then_some(()));
        let expected: Vec<bool> = [false, true].into_iter().cycle().take(times * 2 + 1).collect();
        wait_alerts(&events, "needs_a_person", &expected);

        simulator.clear_faults();
        drover.order("shop", "start");
        drover.wait_status("shop", "WORKING", TO_RECOVER);
        wait_alerts(&events, "needs_a_person", &[&expected[..], &[true]].concat());
    }
    assert_eq!(events.count("qr"), 0, "the login was kept");
    let unknown = drover.api().get("/api/sessions/shop/screenshots/1-banned.png").expect(404);
    assert_eq!(unknown["code"], "unknown_screenshot");
    drover.stop();
}

#[test]
fn a_logout_that_hangs_is_noticed_and_the_login_is_archived() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_KEEPALIVE__LOGOUT_TIMEOUT_S", "3");
    let drover = home.start();
    let phone = simulator.phone("15550005007", "Ana");
    // Before the page is linked, so that it has it before it is ready: one that is put later may come after the logout.
    phone.fault(json!({"hang_logout": true}));
    story::link(&drover, "shop", &phone);
    let events = drover.events();

    drover.order("shop", "logout");
    let hung = |event: &crate::support::events::Event| event.data["payload"]["reason"]["code"] == "logout_hung";
    events.wait_for("it is noticed", TO_RECOVER, hung);
    simulator.clear_faults();
    assert!(!story::read_qr(&drover, "shop").is_empty(), "a new QR follows");
    assert_eq!(fs::read_dir(home.data().join("archive")).expect("an archive").count(), 1);
    drover.stop();
}

#[test]
fn a_page_that_was_just_linked_is_left_alone_though_it_hangs() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_BROWSER__CALL_TIMEOUT_S", "2");
    home.set("DROVER_KEEPALIVE__PING_S", "1");
    home.set("DROVER_KEEPALIVE__WATCHDOG_S", "3");
    home.set("DROVER_KEEPALIVE__WATCHDOG_LOADING_S", "4");
    home.set("DROVER_QUALITY__UNANSWERED_S", "2");
    home.set("DROVER_ADMISSION__STARTS", "1");
    let drover = home.start();
    let phone = simulator.phone("15550005021", "Ana");
    story::link(&drover, "shop", &phone);
    let browser = home.browser_of("shop").expect("a browser runs");
    phone.fault(json!({"hang_page_ms": 15_000}));
    let hung = std::time::Instant::now();
    wait_session(&drover, "that it does not answer shows", TO_RECOVER, |view| view["degraded"] == true);
    // Others start meanwhile, one at a time, and are well.
    story::keep_login(&drover, "other", &simulator.phone("15550005022", "Ben"));
    let view = wait_session(&drover, "it answers again", TO_RECOVER, |view| view["degraded"] == false);
    assert!(hung.elapsed() > Duration::from_secs(12), "it hung for far longer than watchdog_s: {:?}", hung.elapsed());
    assert_eq!((&view["status"], home.browser_of("shop")), (&json!("WORKING"), Some(browser)), "{view}");

    // The same page with another browser is not new any more.
    drover.order("shop", "restart");
    drover.wait_status("shop", "WORKING", story::TO_READY);
    let browser = home.browser_of("shop").expect("a browser runs");
    phone.fault(json!({"hang_page_ms": 600_000}));
    crate::support::home::wait_gone("the browser", TO_RECOVER, &browser);
    simulator.clear_faults();
    drover.wait_status("shop", "WORKING", TO_RECOVER);
    drover.stop();
}
