//! Getting ready: history, what waited offline, and the limits that end in a logout.

use serde_json::json;

use crate::{ANA, BOB, Session};

#[tokio::test]
async fn a_phone_brings_hundreds_of_chats_and_thousands_of_messages() {
    let mut session = Session::waiting(&["--history-chats=300", "--history-messages=6000"]).await;
    session.scan().await;
    session.page.until_ready().await;
    let stored = "Promise.all(require('WAWebCollections').Chat.map((chat) => require('WAWebDBMsgUtils').getMsgsByChatId(chat.id)))\
                  .then((chats) => chats.length >= 300 && chats.flat().length >= 6000)";
    session.page.until(stored).await;
    let loaded = session
        .page
        .eval(
            "(async () => { const { Chat, Msg } = require('WAWebCollections'); \
             const all = await Promise.all(Chat.map(async (chat) => ({chat, rows: await require('WAWebDBMsgUtils').getMsgsByChatId(chat.id)}))); \
             const {chat, rows} = all.find((one) => one.rows.length > 5); \
             const key = String(rows.find((row) => !Msg.get(row.id)).id); \
             const before = (await client.byId(key)) ?? null; \
             await require('WAWebChatLoadMessages').loadEarlierMsgs({chat}); \
             return {before, after: (await client.byId(key)).key === key, rows: rows.length, shown: chat.msgs.length}; })()",
        )
        .await;
    assert_eq!(loaded["before"], json!(null), "{loaded}");
    assert_eq!(loaded["after"], true, "{loaded}");
    assert_eq!(loaded["rows"], loaded["shown"], "{loaded}");
}

#[tokio::test]
async fn what_waited_offline_comes_with_progress() {
    let session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "refuse_socket_ms": 1500, "drop_socket": true})).await;
    for i in 0..20 {
        let incoming = json!({"from": BOB, "body": format!("waited {i}")});
        session.simulator.post(&format!("/phones/{ANA}/incoming"), incoming).await.done();
    }
    let mut session = session;
    session.page.noted("cmd offline_progress_update_from_bridge").await;
    session
        .page
        .until("require('WAWebCollections').Msg.filter((msg) => msg.body?.startsWith('waited')).length === 20")
        .await;
    let notes = session.page.take_notes();
    let told = notes.iter().filter(|note| *note == "cmd offline_progress_update_from_bridge").count();
    assert!(told >= 20, "{told}");
    session.page.until("client.state().stream === 'CONNECTED'").await;
}

#[tokio::test]
async fn a_sync_that_never_ends_logs_the_page_out() {
    let mut session = Session::waiting(&["--sync-limit-ms=1500"]).await;
    session.fault(json!({"never_sync": true})).await;
    session.scan().await;
    session.page.noted("navigated https://web.whatsapp.com/?post_logout=1&logout_reason=1").await;
    session.page.until_state("UNPAIRED").await;
    assert!(!session.page.take_notes().iter().any(|note| note == "hasSynced true"));
}

#[tokio::test]
async fn has_synced_comes_late() {
    let mut session = Session::waiting(&[]).await;
    session.fault(json!({"late_has_synced_ms": 2500})).await;
    session.scan().await;
    session.page.noted("state CONNECTED").await;
    let start = std::time::Instant::now();
    session.page.noted("hasSynced true").await;
    assert!(start.elapsed() > std::time::Duration::from_millis(2400));
}

#[tokio::test]
async fn a_never_syncing_restart_stays_registered() {
    let session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "never_sync": true})).await;
    let mut session = session.restart().await;
    session.page.until_state("CONNECTED").await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let state = session.page.eval("client.state()").await;
    assert_eq!(state["hasSynced"], false, "{state}");
    assert_eq!(state["mode"], "SYNCING", "{state}");
    assert_eq!(state["registered"], true, "{state}");
}
