//! A page played by hand: a raw websocket that speaks PROTOCOL.md.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Simulator, tls};

/// How long a frame may take.
const FRAME: Duration = Duration::from_secs(10);

/// A connected page.
pub(crate) struct RawPage {
    socket: WebSocketStream<TlsStream<TcpStream>>,
}

/// A page that is linked, with who it is.
pub(crate) struct Linked {
    pub(crate) page: RawPage,
    pub(crate) token: String,
    pub(crate) lid: String,
}

/// The secret that pages of these tests carry in their QR.
pub(crate) fn secret() -> String {
    STANDARD.encode([9u8; 32])
}

impl RawPage {
    /// Connects; the server may refuse.
    pub(crate) async fn try_connect(simulator: &Simulator) -> Result<Self, Error> {
        let stream = tls::connect(simulator.https).await;
        let (socket, _) = client_async("wss://web.whatsapp.com/ws/chat", stream).await?;
        Ok(Self { socket })
    }

    pub(crate) async fn connect(simulator: &Simulator) -> Self {
        Self::try_connect(simulator).await.unwrap()
    }

    /// Connects as a page without login, up to its refs.
    pub(crate) async fn waiting(simulator: &Simulator) -> (Self, Vec<String>) {
        let mut page = Self::connect(simulator).await;
        page.hello(None).await;
        let refs = page.refs().await;
        (page, refs)
    }

    /// Connects with a login, up to `resumed`.
    pub(crate) async fn resume(simulator: &Simulator, token: &str) -> (Self, Value) {
        let mut page = Self::connect(simulator).await;
        page.hello(Some(token)).await;
        let resumed = page.expect("resumed").await;
        (page, resumed)
    }

    pub(crate) async fn hello(&mut self, token: Option<&str>) {
        let hello =
            json!({"t": "hello", "token": token, "noise": "bm9pc2U=", "identity": "aWRlbnRpdHk=", "platform": "1"});
        self.send(hello).await;
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// The next frame; `None` when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            match timeout(FRAME, self.socket.next()).await.expect("no frame came") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return None,
            }
        }
    }

    /// The next frame of this name; others before it are passed over.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("the connection ended before '{name}'"));
            if frame["t"] == name {
                return frame;
            }
        }
    }

    pub(crate) async fn refs(&mut self) -> Vec<String> {
        let refs = self.expect("refs").await;
        refs["refs"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// Waits for the end of the connection; frames before it are passed over.
    pub(crate) async fn ended(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask(&mut self, mut question: Value) -> Value {
        question["t"] = json!("ask");
        question["rid"] = json!(1);
        self.send(question).await;
        self.expect("answer").await
    }

    /// The acks of a message, in the order in which they come, until this one.
    pub(crate) async fn acks(&mut self, id: &str, until: i64) -> Vec<i64> {
        let mut acks = Vec::new();
        while acks.last() != Some(&until) {
            let frame = self.expect("ack").await;
            if frame["id"] == id {
                acks.push(frame["ack"].as_i64().unwrap());
            }
        }
        acks
    }
}

/// What a QR with this ref reads.
pub(crate) fn qr(reference: &str) -> String {
    format!("{reference},bm9pc2U=,aWRlbnRpdHk=,{},1", secret())
}

impl Linked {
    /// Links a page to a number and brings it up to `online`, with both syncs done.
    pub(crate) async fn new(simulator: &Simulator, number: &str) -> Self {
        let (mut page, refs) = RawPage::waiting(simulator).await;
        let scan = simulator.post("/phones/scan", json!({"qr": qr(&refs[0]), "number": number, "name": "Ana"}));
        let sign = async {
            let paired = page.expect("paired").await;
            page.send(json!({"t": "signed"})).await;
            paired
        };
        let (scanned, paired) = tokio::join!(scan, sign);
        scanned.done();
        let token = paired["token"].as_str().unwrap().to_owned();
        let lid = paired["me"]["lid"].as_str().unwrap().to_owned();
        let mut linked = Self { page, token, lid };
        linked.reconnect(simulator).await;
        linked.page.expect("critical").await;
        linked.page.send(json!({"t": "synced", "what": "critical"})).await;
        while linked.page.expect("history").await["last"] == false {}
        linked.page.send(json!({"t": "synced", "what": "history"})).await;
        linked
    }

    /// Connects anew; gives all frames up to `online`.
    pub(crate) async fn reconnect(&mut self, simulator: &Simulator) -> Vec<Value> {
        let (page, _) = RawPage::resume(simulator, &self.token).await;
        self.page = page;
        let mut frames = Vec::new();
        loop {
            let frame = self.page.next().await.unwrap();
            if frame["t"] == "online" {
                return frames;
            }
            frames.push(frame);
        }
    }

    /// Sends a text under a key of this remote.
    pub(crate) async fn text_keyed(&mut self, remote: &str, id: &str, body: &str) {
        let key = format!("true_{remote}_{id}");
        self.page
            .send(json!({"t": "send", "id": id, "key": key, "chatId": remote, "type": "chat", "body": body}))
            .await;
    }
}
