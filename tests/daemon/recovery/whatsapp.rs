//! WhatsApp's side: connections that flap or are refused, a stream that was replaced, a sync that never comes.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Scene, TO_RECOVER, heals, heals_with, watchful};
use crate::support::{story, wait_until, wait_until_ok};

/// Hands a text in every half second, for so long; ids and texts.
fn send_for(scene: &Scene<'_>, span: Duration) -> Vec<(String, String)> {
    let began = Instant::now();
    let mut sent = Vec::new();
    while began.elapsed() < span {
        let text = format!("number {}", sent.len());
        sent.push((scene.send(&text), text));
        std::thread::sleep(Duration::from_millis(500));
    }
    sent
}

#[test]
fn a_socket_that_flaps_every_five_seconds() {
    heals("15550009101", |scene| {
        let browser = scene.home.browser_of("shop").expect("a browser runs");
        scene.phone.fault(json!({"drop_socket": true, "sockets_flap_every_ms": 5_000}));
        let sent = send_for(scene, Duration::from_secs(17));
        scene.simulator.clear_faults();
        for (id, text) in &sent {
            scene.arrives(id, text);
        }
        assert_eq!(scene.home.browser_of("shop"), Some(browser), "a socket that comes back needs no new browser");
    });
}

/// The two minutes of issue 4: longer than any grace, and longer than some restarts.
#[test]
fn a_server_that_refuses_for_two_minutes() {
    heals("15550009102", |scene| {
        const REFUSED_MS: u64 = 120_000;
        let began = Instant::now();
        scene.phone.fault(json!({"refuse_socket_ms": REFUSED_MS, "drop_socket": true}));
        wait_until_ok("the loss is noticed", TO_RECOVER, || {
            let view = scene.drover.session("shop");
            if view["status"] == "STARTING" { Ok(()) } else { Err(view) }
        });
        let id = scene.send("at the beginning");
        let refused = Duration::from_millis(REFUSED_MS);
        wait_until_ok("it is over", refused, || {
            let view = scene.drover.session("shop");
            assert_ne!(view["status"], "WORKING", "it cannot send: {view}");
            assert_ne!(view["status"], "FAILED", "it goes on trying: {view}");
            if began.elapsed() > refused - Duration::from_secs(1) { Ok(()) } else { Err(view) }
        });
        scene.arrives(&id, "at the beginning");
    });
}

#[test]
fn a_stream_that_was_replaced() {
    heals("15550009103", |scene| scene.phone.fault(json!({"replaced": true})));
}

#[test]
fn a_kept_login_that_does_not_get_ready_the_first_time() {
    let settings = |home: &_| {
        watchful(home);
        home.set("DROVER_KEEPALIVE__READY_TIMEOUT_S", "5");
    };
    heals_with("15550009104", settings, |scene| {
        scene.phone.fault(json!({"never_sync": true}));
        scene.drover.order("shop", "restart");
        let ill = wait_until_ok("it is given up", TO_RECOVER, || {
            let view = scene.drover.session("shop");
            if view["state"] == "reconnecting" { Ok(view) } else { Err(view) }
        });
        assert_eq!(ill["reason"]["code"], "never_ready", "{ill}");
        scene.simulator.clear_faults();
    });
}

#[test]
fn a_lost_socket_while_messages_go_out() {
    heals("15550009105", |scene| {
        scene.phone.fault(json!({"ack_delay_ms": 400}));
        let ids: Vec<_> =
            (0..6).map(|number| (scene.send(&format!("text {number}")), format!("text {number}"))).collect();
        for number in 0..3 {
            wait_until("another one is out", story::TO_ACK, || (scene.phone.sent().len() > number).then_some(()));
            scene.phone.fault(json!({"drop_socket": true}));
        }
        for (id, text) in &ids {
            scene.arrives(id, text);
        }
    });
}
