//! The media hosts: uploads by their hash, downloads, CORS.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{Linked, Simulator};

const ANA: &str = "15551230000";
const HOST: &str = "mmg.whatsapp.net";

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

#[tokio::test]
async fn an_upload_is_sent_and_the_phone_has_the_same_bytes() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let permission = linked.page.ask(json!({"what": "upload"})).await["value"].clone();
    assert_eq!(permission["hosts"], json!([HOST]));
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| at.to_le_bytes()[0]).collect();
    let path = format!("/mms/image/{}?auth={}&token=t", hash(&bytes), permission["auth"].as_str().unwrap());
    let url = simulator.web(HOST, &path);
    let preflight = simulator
        .client()
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://web.whatsapp.com")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "https://web.whatsapp.com");
    assert!(preflight.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    let uploaded: Value = simulator.client().post(&url).body(bytes.clone()).send().await.unwrap().json().await.unwrap();
    let direct_path = uploaded["direct_path"].as_str().unwrap();
    assert_eq!(uploaded["url"], format!("https://{HOST}{direct_path}"));
    let file = simulator.client().get(simulator.web(HOST, direct_path)).send().await.unwrap();
    assert_eq!(file.headers()["access-control-allow-origin"], "*");
    assert_eq!(file.bytes().await.unwrap(), bytes);

    let bob = linked.page.ask(json!({"what": "lid", "user": "15557770000"})).await["value"]["lid"]
        .as_str()
        .unwrap()
        .to_owned();
    let media = json!({"directPath": direct_path, "mimetype": "image/jpeg"});
    let send = json!({"t": "send", "id": "3EB0M1", "key": format!("true_{bob}_3EB0M1"), "chatId": bob, "type": "image", "fields": {"caption": "look"}, "media": media});
    linked.page.send(send).await;
    linked.page.acks("3EB0M1", 3).await;
    let sent = simulator.sent(ANA).await;
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sent[0]["media"], json!({"sha256": sha256, "bytes": bytes.len(), "mimetype": "image/jpeg"}));
    assert_eq!(sent[0]["fields"]["caption"], "look");
    let shown = simulator
        .client()
        .get(format!("http://{}/phones/15557770000/media/3EB0M1", simulator.http))
        .send()
        .await
        .unwrap();
    assert_eq!(shown.headers()["content-type"], "image/jpeg");
    assert_eq!(shown.bytes().await.unwrap(), bytes);
}

#[tokio::test]
async fn everybody_on_whatsapp_has_a_picture() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let contacts = json!([{"number": "15557770001", "onWhatsApp": false}]);
    simulator.post(&format!("/phones/{ANA}/contacts"), contacts).await.done();
    assert_eq!(linked.page.ask(json!({"what": "picture", "id": "15557770001@c.us"})).await["value"], json!(null));
    let picture = linked.page.ask(json!({"what": "picture", "id": linked.lid})).await["value"].clone();
    let path = picture["url"].as_str().unwrap().strip_prefix("https://mmg.whatsapp.net").unwrap();
    let file = simulator.client().get(simulator.web(HOST, path)).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "image/svg+xml");
}

#[tokio::test]
async fn other_bytes_or_no_permission_are_refused() {
    let simulator = Simulator::start(&[]);
    let mut linked = Linked::new(&simulator, ANA).await;
    let permission = linked.page.ask(json!({"what": "upload"})).await["value"].clone();
    let auth = permission["auth"].as_str().unwrap();
    let post = |path: String| simulator.client().post(simulator.web(HOST, &path)).body("bytes").send();
    let wrong_hash = post(format!("/mms/image/{}?auth={auth}", hash(b"others"))).await.unwrap();
    assert_eq!(wrong_hash.status(), 400);
    let wrong_auth = post(format!("/mms/image/{}?auth=guess", hash(b"bytes"))).await.unwrap();
    assert_eq!(wrong_auth.status(), 401);
    assert_eq!(wrong_auth.headers()["access-control-allow-origin"], "*");
    let missing = simulator.client().get(simulator.web(HOST, "/v/t62.7118-24/none.enc")).send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn the_page_and_the_media_are_told_apart_by_host() {
    let simulator = Simulator::start(&[]);
    let get = |host: &str, path: &str| simulator.client().get(simulator.web(host, path)).send();
    let page = get("web.whatsapp.com", "/?post_logout=1").await.unwrap();
    assert_eq!(page.status(), 200);
    let html = page.text().await.unwrap();
    assert!(
        html.contains(r#"<script type="application/json" id="simulator">"#) && !html.contains("<!--simulator-->"),
        "{html}"
    );
    let script = get("web.whatsapp.com", "/page/main.js").await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    for path in ["/page/none.js", "/favicon.ico", "/phones/pages", "/stats", "/mms/image/x"] {
        assert_eq!(get("web.whatsapp.com", path).await.unwrap().status(), 404, "{path}");
    }
    assert_eq!(get(HOST, "/").await.unwrap().status(), 404);
}
