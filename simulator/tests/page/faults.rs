//! Everything that can be made to go wrong in the page or under it, as a client in the page sees it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{ANA, Session};

#[tokio::test]
async fn a_dropped_socket_comes_back_and_what_was_pending_leaves_once() {
    let mut session = Session::ready(&[]).await;
    session.page.take_notes();
    session.fault(json!({"number": ANA, "drop_socket": true})).await;
    session.page.noted("stream DISCONNECTED").await;
    let key = session.key_to_bob("3EB0AAAAAAAAAAAAAAAAAA").await;
    session.text("3EB0AAAAAAAAAAAAAAAAAA", "in between").await;
    session.page.noted("stream CONNECTED").await;
    session.page.until(&format!("client.get('{key}').ack === 3")).await;
    let notes = session.page.take_notes();
    assert!(!notes.iter().any(|note| note.starts_with("hasSynced")), "{notes:#?}");
    let sent = session.simulator.sent(ANA).await;
    assert_eq!(sent[0]["shown"], 1, "{sent:#?}");
}

#[tokio::test]
async fn sockets_flap_without_an_end() {
    let mut session = Session::ready(&[]).await;
    session.page.take_notes();
    session.fault(json!({"number": ANA, "sockets_flap_every_ms": 700})).await;
    for _ in 0..2 {
        session.page.noted("stream DISCONNECTED").await;
        session.page.noted("stream CONNECTED").await;
        session.page.take_notes();
    }
}

#[tokio::test]
async fn replaced_looks_like_a_conflict_that_only_a_reload_ends() {
    let mut session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "replaced": true})).await;
    session.page.until("client.state().stream === 'DISCONNECTED'").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let state = session.page.eval("client.state()").await;
    assert_eq!(
        (&state["state"], &state["stream"], &state["hasSynced"], &state["mode"]),
        (&json!("CONNECTED"), &json!("DISCONNECTED"), &json!(true), &json!("MAIN"))
    );
    for attempt in ["takeover", "reconnect"] {
        let call = format!("require('WAWebSocketModel').Socket.{attempt}()");
        assert!(session.page.try_eval(&call).await.is_err(), "{attempt}");
    }
    session.simulator.delete("/faults").await.done();
    session.page.reload().await;
    session.page.until_ready().await;
}

#[tokio::test]
async fn an_export_is_missing_for_one_number_also_after_a_reload() {
    let mut session = Session::ready(&[]).await;
    let export = json!({"module": "WAWebQueryExistsJob", "export": "queryWidExists"});
    session.fault(json!({"number": ANA, "missing_export": export})).await;
    let gone = "require('WAWebQueryExistsJob').queryWidExists === undefined";
    session.page.until(gone).await;
    session.page.reload().await;
    session.page.until(gone).await;
    session.page.until_ready().await;
    session.simulator.delete("/faults").await.done();
    session.page.until("typeof require('WAWebQueryExistsJob').queryWidExists === 'function'").await;
}

#[tokio::test]
async fn keys_have_the_older_shape_for_all() {
    let mut session = Session::waiting(&[]).await;
    session.fault(json!({"old_msgkey": true})).await;
    session.scan().await;
    session.page.until_ready().await;
    session.text("3EB0AAAAAAAAAAAAAAAAAA", "old").await;
    let old = session
        .page
        .eval("require('WAWebCollections').Msg.findFirst((msg) => msg.body === 'old').id._serialized")
        .await;
    assert!(old.as_str().unwrap().ends_with("3EB0AAAAAAAAAAAAAAAAAA"));
}

#[tokio::test]
async fn a_page_hangs_and_goes_on() {
    let mut session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "hang_page_ms": 1500})).await;
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(4) {
        let asked = Instant::now();
        session.page.eval("1").await;
        longest = longest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(longest > Duration::from_millis(1000), "{longest:?}");
}

#[tokio::test]
async fn a_renderer_crashes() {
    let mut session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "crash_renderer": true})).await;
    session.page.until_crashed().await;
}

#[tokio::test]
async fn a_heap_is_large_and_grows() {
    let mut session = Session::ready(&[]).await;
    let heap = "performance.memory.usedJSHeapSize > ";
    session.fault(json!({"number": ANA, "heap_mb": 150})).await;
    session.page.until(&format!("{heap} 150e6")).await;
    session.fault(json!({"number": ANA, "leak_mb_per_minute": 1200})).await;
    session.page.until(&format!("{heap} 190e6")).await;
}

#[tokio::test]
async fn a_page_loads_slowly() {
    let mut session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "slow_load_ms": 1500})).await;
    let start = Instant::now();
    session.page.reload().await;
    assert!(start.elapsed() > Duration::from_millis(1400));
    session.page.until_ready().await;
}

#[tokio::test]
async fn refs_run_out_at_once() {
    let mut session = Session::waiting(&[]).await;
    session.fault(json!({"refs_run_out": true})).await;
    session.page.until_state("UNPAIRED_IDLE").await;
}

#[tokio::test]
async fn acks_come_late_out_of_order_or_not_above_a_limit() {
    let mut session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "acks_out_of_order": true})).await;
    let key = session.key_to_bob("3EB0AAAAAAAAAAAAAAAAAA").await;
    session.text("3EB0AAAAAAAAAAAAAAAAAA", "backwards").await;
    session.page.until(&format!("client.get('{key}').ack === 3")).await;
    session.simulator.delete("/faults").await.done();
    session.fault(json!({"stay_at_ack": 1, "ack_delay_ms": 600})).await;
    let key = session.key_to_bob("3EB0BBBBBBBBBBBBBBBBBB").await;
    assert_eq!(session.text("3EB0BBBBBBBBBBBBBBBBBB", "late").await["ack"], 0);
    session.page.until(&format!("client.get('{key}').ack === 1")).await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(session.page.eval(&format!("client.get('{key}').ack")).await, 1);
}
