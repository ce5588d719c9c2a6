//! Linking and unlinking: refs, codes, the order of events, what survives.

use serde_json::json;

use crate::{ANA, Session};

#[tokio::test]
async fn a_scan_links_in_the_order_of_the_real_app() {
    let mut session = Session::waiting(&[]).await;
    session.page.until("client.qr().then((qr) => document.querySelector('[data-ref]')?.dataset.ref === qr)").await;
    session.page.take_notes();
    session.scan().await;
    session.page.until_ready().await;
    let notes: Vec<String> = session
        .page
        .take_notes()
        .into_iter()
        .filter(|note| ["state", "mode", "hasSynced", "stream"].iter().any(|kind| note.starts_with(kind)))
        .collect();
    assert_eq!(
        notes,
        [
            "mode SYNCING",
            "state OPENING",
            "state PAIRING",
            "state CONNECTED",
            "mode MAIN",
            "hasSynced true",
            "stream CONNECTED",
        ]
    );
    let state = session.page.eval("client.state()").await;
    assert_eq!((state["registered"].clone(), state["loggedIn"].clone()), (json!(true), json!(true)));
}

#[tokio::test]
async fn a_qr_with_another_secret_does_not_link() {
    let mut session = Session::waiting(&[]).await;
    let qr = session.page.eval("client.qr()").await;
    let mut parts: Vec<&str> = qr.as_str().unwrap().split(',').collect();
    parts[3] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let scan = json!({"qr": parts.join(","), "number": ANA});
    let answer = session.simulator.post("/phones/scan", scan).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert_eq!(session.page.eval("client.state()").await["registered"], false);
    let spent = qr.as_str().unwrap().split(',').next().unwrap();
    session.page.until(&format!("client.state().state === 'UNPAIRED' && client.state().ref !== '{spent}'")).await;
    session.scan().await;
    session.page.until_ready().await;
}

#[tokio::test]
async fn refs_run_out_and_a_refresh_gives_new_ones() {
    let mut session = Session::waiting(&["--first-ref-ms=400", "--next-ref-ms=150"]).await;
    session.page.until_state("UNPAIRED_IDLE").await;
    let notes = session.page.take_notes();
    let refs: Vec<&str> = notes.iter().filter_map(|note| note.strip_prefix("ref ")).collect();
    let stale = session.page.eval("client.state().ref").await;
    assert_eq!(refs.last().copied(), stale.as_str());
    session.page.eval("void require('WAWebLaunchSocketUtils').refreshQR()").await;
    session.page.until_state("UNPAIRED").await;
    assert_ne!(session.page.eval("client.state().ref").await, stale);
    session.page.until_state("UNPAIRED_IDLE").await;
    session.page.eval("void require('WAWebBackendEventBus').BackendEventBus.triggerRefreshQR()").await;
    session.page.until_state("UNPAIRED").await;
}

#[tokio::test]
async fn a_pairing_code_links_and_takes_the_place_of_the_qr() {
    let mut session = Session::waiting(&[]).await;
    let page = &mut session.page;
    let api = "require('WAWebAltDeviceLinkingApi')";
    let uninitialised = page.try_eval(&format!("{api}.startAltLinkingFlow('{ANA}', true)")).await;
    assert!(uninitialised.is_err());
    let begin = format!("{api}.setPairingType('ALT_DEVICE_LINKING'); {api}.initializeAltDeviceLinking()");
    page.eval(&begin).await;
    let with_plus = page.try_eval(&format!("{api}.startAltLinkingFlow('+{ANA}', true)")).await;
    assert!(with_plus.is_err());
    page.eval(&begin).await;
    let first = page.eval(&format!("{api}.startAltLinkingFlow('{ANA}', true)")).await;
    assert_eq!(first.as_str().unwrap().len(), 8);
    let again = page.try_eval(&format!("{api}.startAltLinkingFlow('{ANA}', true)")).await;
    assert!(again.is_err());
    assert!(page.try_eval("client.qr()").await.is_err());
    page.eval(&begin).await;
    let code = page.eval(&format!("{api}.startAltLinkingFlow('{ANA}', true)")).await;
    let pair = json!({"code": code, "number": ANA, "name": "Ana"});
    session.simulator.post("/phones/pair", pair).await.done();
    session.page.until_ready().await;
}

#[tokio::test]
async fn back_from_a_code_the_qr_has_a_new_secret_under_the_same_ref() {
    let mut session = Session::waiting(&[]).await;
    let page = &mut session.page;
    page.eval("require('WAWebUserPrefsMultiDevice').advSecretEventEmitter.on('change', () => note('secret'))").await;
    let before = page.eval("client.qr()").await;
    page.eval("require('WAWebAltDeviceLinkingApi').initializeAltDeviceLinking()").await;
    page.eval("require('WAWebAltDeviceLinkingApi').initializeQRLinking()").await;
    page.noted("secret").await;
    let after = page.eval("client.qr()").await;
    let parts =
        |qr: &serde_json::Value| -> Vec<String> { qr.as_str().unwrap().split(',').map(str::to_owned).collect() };
    let (before, after) = (parts(&before), parts(&after));
    assert_eq!(before[..3], after[..3]);
    assert_ne!(before[3], after[3]);
    session.scan().await;
    session.page.until_ready().await;
}

#[tokio::test]
async fn an_unlink_on_the_phone_ends_without_a_reason() {
    let mut session = Session::ready(&[]).await;
    // Told right before the next document comes, it may reach the test too late, or never; the session's storage stays.
    session
        .page
        .eval("require('WAWebCmd').Cmd.on('logout_from_bridge', () => sessionStorage.setItem('told', 'yes'))")
        .await;
    session.page.take_notes();
    session.simulator.post(&format!("/phones/{ANA}/unlink"), json!({})).await.done();
    session.page.noted("navigated https://web.whatsapp.com/?post_logout=1").await;
    let notes = session.page.take_notes();
    let begin: Vec<&str> = notes.iter().map(String::as_str).take(4).collect();
    assert_eq!(
        begin,
        ["hasSynced undefined", "cmd starting_logout_from_bridge", "stream DISCONNECTED", "mode SYNCING"]
    );
    assert!(!notes.iter().any(|note| note.contains("logout_reason")));
    session.page.until_state("UNPAIRED").await;
    assert_eq!(session.page.eval("sessionStorage.getItem('told')").await, "yes");
    assert_eq!(session.page.eval("client.state()").await["registered"], false);
}

#[tokio::test]
async fn a_login_survives_with_its_profile() {
    let mut session = Session::ready(&[]).await;
    session.text("3EB000000000000000000A", "before").await;
    let key = session.key_to_bob("3EB000000000000000000A").await;
    let mut session = session.restart().await;
    for body in ["one", "two", "three"] {
        let incoming = json!({"from": crate::BOB, "body": body});
        session.simulator.post(&format!("/phones/{ANA}/incoming"), incoming).await.done();
    }
    session.page.until_ready().await;
    let notes = session.page.take_notes();
    assert!(!notes.iter().any(|note| note.starts_with("ref ")), "{notes:#?}");
    assert_eq!(session.page.eval(&format!("client.row('{key}')")).await["body"], "before");
    let progress = "require('WAWebOfflineHandler').OfflineMessageHandler.getOfflineDeliveryProgress()";
    assert_eq!(session.page.eval(progress).await, 99);
}
