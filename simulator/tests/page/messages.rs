//! Sending, looking up, resending; acks; edits and revokes; media; what comes in.

use serde_json::{Value, json};

use crate::chromium::{Chromium, until, until_login_is_on_disk};
use crate::{ANA, BOB, Session};

const ID: &str = "3EB0AAAAAAAAAAAAAAAAAA";

async fn acked(session: &mut Session, key: &str, ack: u8) {
    session.page.until(&format!("client.get('{key}')?.ack === {ack}")).await;
}

fn of_id<'a>(sent: &'a [Value], id: &str) -> &'a Value {
    sent.iter().find(|one| one["id"] == id).unwrap()
}

#[tokio::test]
async fn a_text_is_stored_before_it_leaves_and_gets_its_acks() {
    let mut session = Session::ready(&[]).await;
    let key = session.key_to_bob(ID).await;
    assert!(key.contains("@lid"), "{key}");
    session.page.take_notes();
    let sent = session.text(ID, "hello").await;
    assert_eq!((&sent["key"], &sent["inTable"]), (&json!(key), &json!(1)));
    assert_eq!(sent["result"], "OK");
    acked(&mut session, &key, 3).await;
    let notes = session.page.take_notes();
    assert!(notes.contains(&format!("add {key} chat true")), "{notes:#?}");
    assert!(notes.iter().any(|note| note.ends_with("e2e_notification true")), "{notes:#?}");
    let acks: Vec<&str> = notes.iter().filter_map(|note| note.strip_prefix(&format!("ack {key} "))).collect();
    assert_eq!(acks, ["1 0", "2 1", "3 2"]);
    let by_number =
        session.page.eval(&format!("require('WAWebCollections').Chat.get('{BOB}@c.us') === undefined")).await;
    assert_eq!(by_number, true);
}

#[tokio::test]
async fn a_full_key_is_sent_once_and_the_other_form_is_another_message() {
    let mut session = Session::ready(&[]).await;
    let key = session.key_to_bob(ID).await;
    session.text(ID, "once").await;
    acked(&mut session, &key, 3).await;
    assert_eq!(session.text(ID, "once").await["error"], "DuplicateMessageError");
    session.page.reload().await;
    session.page.until_ready().await;
    assert_eq!(session.text(ID, "once").await["error"], "DuplicateMessageError");
    let other = session.page.eval(&format!("client.text('{BOB}@c.us', '{ID}', 'twice', '{BOB}@c.us')")).await;
    let number_key = format!("true_{BOB}@c.us_{ID}");
    assert_eq!(other["key"], number_key.as_str());
    until("it is shown twice", async || (of_id(&session.simulator.sent(ANA).await, ID)["shown"] == 2).then_some(()))
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(session.page.eval(&format!("client.get('{number_key}').ack")).await, 1);
}

#[tokio::test]
async fn a_message_without_an_ack_is_failed_after_a_reload_and_stays_so() {
    let mut session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "stay_at_ack": 0})).await;
    let key = session.key_to_bob(ID).await;
    assert_eq!(session.text(ID, "stuck").await["result"], "pending");
    let other = session.text("3EB0BBBBBBBBBBBBBBBBBB", "not held up").await;
    assert_eq!(other["inTable"], 1);
    session.page.reload().await;
    session.page.until_ready().await;
    let row = session.page.eval(&format!("client.row('{key}')")).await;
    assert_eq!((&row["ack"], &row["failed"]), (&json!(0), &json!(true)));
    assert_eq!(session.page.eval(&format!("client.byId('{key}').then((x) => x ?? null)")).await, Value::Null);
    let sent = session.simulator.sent(ANA).await;
    assert_eq!(of_id(&sent, ID)["received"], 1, "not sent again by itself");
    session.simulator.delete("/faults").await.done();
    let load =
        "client.chatOf('15557770000@c.us').then((chat) => require('WAWebChatLoadMessages').loadEarlierMsgs({chat}))";
    session.page.eval(&format!("{load}.then(() => true)")).await;
    let resent = session
        .page
        .eval(&format!("require('WAWebResendMsgAction').resendMsg(require('WAWebCollections').Msg.get('{key}'))"))
        .await;
    assert_eq!(resent, "OK");
    acked(&mut session, &key, 3).await;
    let sent = session.simulator.sent(ANA).await;
    let once = of_id(&sent, ID);
    assert_eq!((&once["received"], &once["shown"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn a_stored_message_survives_the_kill_of_the_browser() {
    let mut session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "stay_at_ack": 0})).await;
    until_login_is_on_disk(session.profile.path()).await;
    let key = session.key_to_bob(ID).await;
    assert_eq!(session.text(ID, "last words").await["inTable"], 1);
    drop(session.page);
    session.page = Chromium::open(&session.simulator, session.profile.path()).await;
    session.page.until_ready().await;
    let row = session.page.eval(&format!("client.row('{key}')")).await;
    assert_eq!((&row["ack"], &row["failed"]), (&json!(0), &json!(true)));
    assert_eq!(session.text(ID, "last words").await["error"], "DuplicateMessageError");
}

#[tokio::test]
async fn resending_leaves_a_pending_message_alone_unless_forced() {
    let mut session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "stay_at_ack": 0})).await;
    let key = session.key_to_bob(ID).await;
    session.text(ID, "pending").await;
    let model = format!("require('WAWebCollections').Msg.get('{key}')");
    session.page.eval(&format!("require('WAWebResendMsgAction').resendMsg({model})")).await;
    assert_eq!(of_id(&session.simulator.sent(ANA).await, ID)["received"], 1);
    session
        .page
        .eval(&format!(
            "client.chatOf('{BOB}@c.us').then((chat) => void require('WAWebSendMsgChatAction').resendMsgToChat(chat, Promise.resolve({model})))"
        ))
        .await;
    until("it is received again", async || {
        (of_id(&session.simulator.sent(ANA).await, ID)["received"] == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_refusal_shows_as_a_failure_at_ack_0() {
    let mut session = Session::ready(&[]).await;
    session.fault(json!({"number": ANA, "fail_send": 463})).await;
    let key = session.key_to_bob(ID).await;
    let sent = session.text(ID, "no").await;
    assert_ne!(sent["result"], "OK");
    let got = session.page.eval(&format!("client.get('{key}')")).await;
    assert_eq!((&got["ack"], &got["failed"]), (&json!(0), &json!(true)));
    session.page.noted(&format!("isSendFailure {key} true")).await;
    session.simulator.delete("/faults").await.done();
    let resend = format!("require('WAWebResendMsgAction').resendMsg(require('WAWebCollections').Msg.get('{key}'))");
    assert_eq!(session.page.eval(&resend).await, "OK");
    acked(&mut session, &key, 3).await;
}

#[tokio::test]
async fn an_edit_dips_the_ack_and_a_revoke_replaces_the_key() {
    let mut session = Session::ready(&[]).await;
    let key = session.key_to_bob(ID).await;
    session.text(ID, "first").await;
    acked(&mut session, &key, 3).await;
    session.page.take_notes();
    let model = format!("require('WAWebCollections').Msg.get('{key}')");
    session.page.eval(&format!("require('WAWebSendMessageEditAction').sendMessageEdit({model}, 'second', {{}})")).await;
    acked(&mut session, &key, 3).await;
    let notes = session.page.take_notes();
    assert!(notes.contains(&format!("body {key} second first")), "{notes:#?}");
    assert!(notes.contains(&format!("ack {key} 0 3")), "{notes:#?}");
    let revoke = format!(
        "{{ const msg = {model}; require('WAWebRevokeMsgAction').sendRevoke({{type: 'message', data: msg}}, require('WAWebCmd').Revoke.Sender, true).then(() => ({{key: String(msg.id), type: msg.type, was: String(msg.protocolMessageKey)}})) }}"
    );
    let revoked = session.page.eval(&revoke).await;
    assert_eq!((&revoked["type"], &revoked["was"]), (&json!("revoked"), &json!(key)));
    assert_ne!(revoked["key"], key.as_str());
    assert_eq!(session.page.eval(&format!("client.row('{key}').then((x) => x ?? null)")).await, Value::Null);
}

#[tokio::test]
async fn a_file_is_uploaded_once_and_arrives_whole() {
    let mut session = Session::ready(&[]).await;
    let send = |id: &str| {
        format!(
            "(async () => {{ const file = new File([new Uint8Array(100000).map((_, i) => i % 251)], 'a.bin', {{type: 'application/octet-stream'}}); \
             const data = await require('WAWebMediaOpaqueData').createFromData(file, file.type); \
             const media = await require('WAWebPrepRawMedia').prepRawMedia(data, {{asDocument: true}}).waitForPrep(); \
             const mediaObject = require('WAWebMediaStorage').getOrCreateMediaObject(media.filehash); mediaObject.consolidate(media.toJSON()); \
             const {{kind, mediaEntry}} = await require('WAWebMediaMmsV4Upload').uploadMedia({{mimetype: media.mimetype, mediaObject, mediaType: media.type}}); \
             const {{directPath, mediaKey, mediaKeyTimestamp, encFilehash}} = mediaEntry; \
             const fields = {{...media.toJSON(), directPath, mediaKey, mediaKeyTimestamp, encFilehash, type: 'document'}}; \
             return {{kind, hash: media.filehash, ...(await client.send('{BOB}@c.us', '{id}', fields))}}; }})()"
        )
    };
    let first = session.page.eval(&send(ID)).await;
    assert_eq!((&first["kind"], &first["result"]), (&json!("success"), &json!("OK")));
    session.page.eval(&send("3EB0BBBBBBBBBBBBBBBBBB")).await;
    let uploads = "performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/mms/')).length";
    assert_eq!(session.page.eval(uploads).await, 1);
    let sent = session.simulator.sent(ANA).await;
    let media = &of_id(&sent, ID)["media"];
    assert_eq!((&media["bytes"], &media["mimetype"]), (&json!(100_000), &json!("application/octet-stream")));
}

#[tokio::test]
async fn what_comes_in_is_new_once_and_a_ciphertext_resolves() {
    let mut session = Session::ready(&[]).await;
    let write = async |session: &Session, body: Value| {
        session.simulator.post(&format!("/phones/{ANA}/incoming"), body).await.done()
    };
    write(&session, json!({"from": BOB, "body": "hi", "id": "3A01"})).await;
    session.page.until("require('WAWebCollections').Msg.some((msg) => msg.body === 'hi' && msg.isNewMsg)").await;
    write(&session, json!({"from": BOB, "type": "ciphertext", "body": "late", "resolveMs": 300, "id": "3A02"})).await;
    session
        .page
        .until("require('WAWebCollections').Msg.some((msg) => msg.body === 'late' && msg.type === 'chat')")
        .await;
    let notes = session.page.take_notes();
    let of_late: Vec<&String> = notes.iter().filter(|note| note.contains("_3A02")).collect();
    assert!(of_late[0].starts_with("add") && of_late[0].ends_with("ciphertext true"), "{of_late:#?}");
    assert!(of_late.iter().any(|note| note.starts_with("type") && note.ends_with("chat ciphertext")), "{of_late:#?}");
    session.page.reload().await;
    session.page.until_ready().await;
    let notes = session.page.take_notes();
    assert!(
        !notes.iter().any(|note| note.starts_with("add") && note.ends_with("true")),
        "nothing is new twice: {notes:#?}"
    );
}

#[tokio::test]
async fn a_number_is_on_whatsapp_or_not() {
    let mut session = Session::ready(&[]).await;
    let contacts = json!([{"number": BOB, "name": "Bob"}, {"number": "15557779999", "onWhatsApp": false}]);
    session.simulator.post(&format!("/phones/{ANA}/contacts"), contacts).await.done();
    let exists = |number: &str| {
        format!(
            "require('WAWebQueryExistsJob').queryWidExists(require('WAWebWidFactory').createWid('{number}@c.us')).then((x) => x && String(x.wid))"
        )
    };
    assert_eq!(session.page.eval(&exists(BOB)).await, format!("{BOB}@c.us"));
    assert_eq!(session.page.eval(&exists("15557779999")).await, Value::Null);
    let text = session.page.try_eval("require('WAWebQueryExistsJob').queryWidExists('1@c.us')").await;
    assert!(text.is_err());
}
