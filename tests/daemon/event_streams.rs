//! Events without server-sent events: over the websocket as WAHA's clients read them, and in the Redis stream.

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    time::Duration,
};

use crate::support::{Drover, Home, servers::Redis, wait_until_ok};
use serde_json::{Value, json};
use tungstenite::{Bytes, Message, WebSocket, client, protocol::frame::coding::CloseCode};

const LIMIT: Duration = Duration::from_secs(30);

/// A client that is connected.
struct Socket(WebSocket<TcpStream>);

impl Socket {
    /// Connects; what the handshake was refused with otherwise.
    fn open(drover: &Drover<'_>, query: &str) -> Result<Self, u16> {
        let address = drover.api().base().trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&address).expect("drover listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        match client(format!("ws://{address}/ws?{query}"), stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(refusal))) => {
                Err(refusal.status().as_u16())
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// The next event.
    #[track_caller]
    fn event(&mut self) -> Value {
        loop {
            match self.0.read().expect("a frame") {
                Message::Text(text) => return serde_json::from_str(&text).expect("an event is JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether nothing is there to be read just now.
    fn is_quiet(&mut self) -> bool {
        self.0.get_ref().set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        let read = self.0.read();
        self.0.get_ref().set_read_timeout(Some(LIMIT)).expect("a timeout");
        matches!(read, Err(tungstenite::Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }
}

fn order(drover: &Drover<'_>, what: &str) {
    let reply = drover.api().post(&format!("/api/queue/{what}?session=shop"), &json!({}));
    assert!(reply.status < 300, "{reply:?}");
}

#[test]
fn events_come_over_a_websocket_and_in_the_stream_of_a_redis() {
    let redis = Redis::start();
    let home = Home::bare();
    home.set("REDIS_URL", &redis.url());
    let drover = home.start();
    let api = drover.api();
    for session in ["shop", "other"] {
        let config = json!({"metadata": {"team": session}});
        api.post("/api/sessions", &json!({"name": session, "start": false, "config": config})).expect(201);
    }
    let key = api.key().expect("the admin key").to_owned();
    let scope = json!({"isAdmin": false, "session": "other", "isActive": true, "actions": ["read"]});
    let others = api.post("/api/keys", &scope).expect(201)["key"].as_str().expect("a key").to_owned();

    // Who may not, and what is wrong, is told before anything is opened.
    for (query, status) in [
        ("session=*".to_owned(), 401),
        ("session=*&x-api-key=wrong".to_owned(), 401),
        (format!("session=shop&x-api-key={others}"), 403),
        (format!("session=ghost&x-api-key={key}"), 404),
        (format!("events=mesage&x-api-key={key}"), 422),
        (format!("lastEventId=soon&x-api-key={key}"), 422),
    ] {
        assert_eq!(Socket::open(&drover, &query).err(), Some(status), "{query}");
    }
    assert_eq!(api.get("/ws").expect(426)["code"], "upgrade_required");

    // As WAHA's clients ask: a parameter for each event.
    let both = format!("session=*&events=queue.paused&events=queue.resumed&x-api-key={key}");
    let mut all = Socket::open(&drover, &both).expect("it opens");
    let mut paused =
        Socket::open(&drover, &format!("session=shop&events=queue.paused&x-api-key={key}")).expect("it opens");
    let mut of_other = Socket::open(&drover, &format!("session=*&x-api-key={others}")).expect("it opens");
    for what in ["pause", "resume", "pause"] {
        order(&drover, what);
    }
    let first = all.event();
    assert_eq!((&first["event"], &first["session"]), (&json!("queue.paused"), &json!("shop")), "{first}");
    assert_eq!(first["environment"]["tier"], "PLUS", "WAHA's envelope: {first}");
    assert_eq!(first["metadata"], json!({"team": "shop"}), "{first}");
    assert_eq!(
        (all.event()["event"].clone(), all.event()["event"].clone()),
        (json!("queue.resumed"), json!("queue.paused"))
    );
    assert_eq!(
        (paused.event()["id"].clone(), paused.event()["event"].clone()),
        (first["id"].clone(), json!("queue.paused"))
    );
    assert!(of_other.is_quiet(), "another session's events are not for this key");

    // The client asks whether anybody is there, and says things that mean nothing.
    all.0.send(Message::Text("hello".into())).expect("it is taken");
    all.0.send(Message::Ping(Bytes::from_static(b"there?"))).expect("it is taken");
    assert_eq!(all.0.read().expect("a frame"), Message::Pong(Bytes::from_static(b"there?")));

    // One that was away goes on where it stood; over a restart of drover, which says goodbye.
    let last = first["id"].as_str().expect("an id");
    let mut again = Socket::open(&drover, &format!("{both}&lastEventId={last}")).expect("it opens");
    assert_eq!(again.event()["event"], "queue.resumed");
    drover.stop();
    while let Ok(frame) = again.0.read() {
        if let Message::Close(close) = frame {
            assert_eq!(close.map(|close| close.code), Some(CloseCode::Away));
            break;
        }
    }
    let drover = home.start();
    let mut again = Socket::open(&drover, &format!("{both}&lastEventId={last}")).expect("it opens");
    assert_eq!(
        (again.event()["event"].clone(), again.event()["event"].clone()),
        (json!("queue.resumed"), json!("queue.paused"))
    );
    order(&drover, "resume");
    let newest = again.event();

    // The same is in the stream, under the same numbers.
    let number = newest["id"].as_str().expect("an id").trim_start_matches("evt_").parse::<i64>().expect("a number");
    let found = wait_until_ok("the stream has it", LIMIT, || {
        let range = redis.command(&["XRANGE", "drover:events", &number.to_string(), "+"]);
        if range.contains("queue.resumed") && range.contains(r#"{"team":"shop"}"#) { Ok(range) } else { Err(range) }
    });
    assert!(found.starts_with(&format!("{number}-0")), "{found}");
    drover.stop();
}

#[test]
fn a_websocket_is_pinged_and_one_that_does_not_answer_or_read_is_let_go() {
    let home = Home::bare();
    home.set("DROVER_HTTP__STREAM_PING_S", "1");
    let drover = home.start();
    drover.api().post("/api/sessions", &json!({"name": "shop", "start": false})).expect(201);
    let key = drover.api().key().expect("the admin key").to_owned();
    let open = || Socket::open(&drover, &format!("session=shop&x-api-key={key}")).expect("it opens");
    let (mut socket, silent) = (open(), open());
    // Nothing is answered for who is not read; who is read stays, over more pings than a silent one is given.
    let mut pings = 0;
    while pings < 6 {
        match socket.0.read().expect("a frame") {
            Message::Ping(_) => pings += 1,
            other => panic!("{other:?}"),
        }
    }
    // As bytes: the client's library would answer the pings now.
    let mut said = Vec::new();
    silent.0.get_ref().read_to_end(&mut said).expect("drover hangs up");
    assert_eq!(&said[..2], [0x89, 0], "a ping");
    let close = [&[0x88, 20][..], &1008_u16.to_be_bytes(), b"no answer to pings"].concat();
    assert!(said.ends_with(&close), "{said:?}");
    order(&drover, "resume");
    assert_eq!(socket.event()["event"], "queue.resumed", "the other is told what happens");
    // Ending waits for nobody who does not read.
    for _ in 0..20 {
        order(&drover, "pause");
    }
    drover.stop();
}

/// Whoever asks for the last events of one session gets those, however much happened elsewhere since.
#[test]
fn a_list_has_the_last_events_that_were_asked_for() {
    let home = Home::bare();
    let drover = home.start();
    drover.create_stopped("shop");
    drover.create_stopped("other");
    for what in ["pause", "resume"] {
        order(&drover, what);
    }
    for _ in 0..3 {
        for what in ["pause", "resume"] {
            drover.api().post(&format!("/api/queue/{what}?session=other"), &json!({})).expect(201);
        }
    }
    let list = |query: &str| {
        let accept = [("accept", "application/json")];
        let listed = drover.api().request("GET", &format!("/api/events?{query}"), &accept, None).expect(200);
        let kinds = listed
            .as_array()
            .expect("a list")
            .iter()
            .map(|event| event["event"].as_str().unwrap_or_default().to_owned());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(list("session=shop&limit=2"), ["queue.paused", "queue.resumed"]);
    assert_eq!(list("session=shop&events=queue.paused&limit=1"), ["queue.paused"]);
    assert_eq!(list("limit=1"), ["queue.resumed"]);
    let shown = home.run(&["events", "--session", "shop", "--last", "1", "--url", drover.api().base()]);
    assert!(shown.out.contains("queue.resumed") && shown.out.lines().count() == 1, "{shown:?}");
    drover.stop();
}
