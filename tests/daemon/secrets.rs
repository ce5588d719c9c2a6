//! Secrets go in by every path there is, good and bad; then everything that drover says of itself is searched for them: its output with
//! every library at the level of debug, the log's files, `/metrics`, traces, problems, alerts and what commands write. The same lines
//! must say whose they are: which session's, which request's.

use std::{cell::RefCell, fs, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use crate::{
    dashboard_doors::Visitor,
    kinds_media,
    receiver::{Answer, Receiver},
    support::{
        Drover, Home, Reply, Simulator,
        mail::{Encryption, MailServer},
        servers::{Postgres, Redis, free_port},
        story, wait_until_ok,
    },
    traces::Collector,
};

const LIMIT: Duration = Duration::from_secs(60);
/// No word of another name holds it.
const SESSION: &str = "qshop";
const PROXIED: &str = "qproxied";
const OWN: &str = "15558203174";
const BOB: &str = "15559306285";
const STRANGER: &str = "491737250946";
const REDIS_PASSWORD: &str = "pw-redis-hZ4kQ";
const DATABASE_PASSWORD: &str = "pw-database-tR7wX";
const MAIL_PASSWORD: &str = "pw-mail-wJ2nB";
const PROXY_PASSWORD: &str = "pw-proxy-cV8mD";

/// What must be nowhere, and what of it was said by drover so far.
#[derive(Default)]
struct Search {
    secrets: RefCell<Vec<(String, String)>>,
    said: RefCell<Vec<(String, String)>>,
}

impl Search {
    /// A secret of this kind; given back, so that it can be used where it is made.
    fn hide(&self, kind: &str, secret: &str) -> String {
        let mut forms = vec![secret.to_owned()];
        if secret.contains(' ') {
            forms.push(secret.replace(' ', "%20"));
            forms.push(secret.replace(' ', "+"));
        }
        let mut secrets = self.secrets.borrow_mut();
        secrets.extend(forms.into_iter().map(|form| (kind.to_owned(), form)));
        secret.to_owned()
    }

    fn say(&self, place: &str, text: impl Into<String>) {
        self.said.borrow_mut().push((place.to_owned(), text.into()));
    }

    /// What a request was refused with; it must be a problem, or nothing was tested.
    #[track_caller]
    fn refused(&self, reply: &Reply) {
        assert!((400..600).contains(&reply.status), "{reply:?}");
        self.say(&format!("a problem ({reply:?})"), reply.text());
    }

    #[track_caller]
    fn assert_nothing_is_found(&self) {
        let mut found = Vec::new();
        for (place, text) in self.said.borrow().iter() {
            for line in text.lines() {
                for (kind, secret) in self.secrets.borrow().iter().filter(|(_, secret)| line.contains(secret.as_str()))
                {
                    let line: String = line.chars().take(600).collect();
                    found.push(format!("{kind} ({secret}) in {place}: {line}"));
                }
            }
        }
        assert!(found.is_empty(), "{} places hold a secret:\n{}", found.len(), found.join("\n"));
    }
}

/// The secrets that are settings.
fn set_up(home: &Home, search: &Search, redis: &Redis, postgres: &Postgres, mail: &MailServer) {
    home.set("DROVER_LOG__LEVEL", "debug");
    home.set("DROVER_LOG__FORMAT", "json");
    home.set("DROVER_LOG__FILE", &home.path().join("lines/drover.log").display().to_string());
    home.set("DROVER_LOG__FILE_MAX_BYTES", "1000000");
    home.set("DROVER_LOG__FILES", "1000");
    home.set("DROVER_NETWORK__ALLOW_PRIVATE", "true");
    home.set("DROVER_WEBHOOKS__RETRY_DELAY_S", "0");
    home.set("DROVER_WEBHOOKS__ATTEMPTS", "2");
    home.set("DROVER_WEBHOOKS__CIRCUIT_FAILURES", "2");
    home.set("DROVER_ALERTS__RECIPIENTS", "ops@example.com");
    home.set("DROVER_ALERTS__DISK_FREE_MB", "900000000");
    home.set("DROVER_ALERTS__CHECK_S", "1");
    home.set("DROVER_SMTP__CA_FILE", &mail.ca_file());
    home.set("SMTP_URL", &mail.url(&search.hide("the mail password", MAIL_PASSWORD)));
    let password = search.hide("the password of Redis", REDIS_PASSWORD);
    redis.command(&["CONFIG", "SET", "requirepass", &password]);
    home.set("REDIS_URL", &redis.url().replace("redis://", &format!("redis://:{password}@")));
    let password = search.hide("the password of PostgreSQL", DATABASE_PASSWORD);
    home.set("DATABASE_URL", &postgres.url().replace("drover@", &format!("drover:{password}@")));
}

/// Links over the API, after a pairing code was asked for and a QR was shown in every form.
fn link(drover: &Drover<'_>, search: &Search, simulator: &Simulator) {
    let phone = simulator.phone(&search.hide("the own number", OWN), "Ana");
    let payload = story::read_qr(drover, SESSION);
    for part in payload.split(',').filter(|part| part.len() > 20) {
        search.hide("a QR's payload", part);
    }
    drover.qr(SESSION, "raw").expect(200);
    let asked = drover.api().post(&format!("/api/{SESSION}/auth/request-code"), &json!({"phoneNumber": OWN}));
    let code = asked.expect(201)["code"].as_str().expect("a code").to_owned();
    search.hide("a pairing code", &code);
    search.hide("a pairing code", &code.replace('-', ""));
    phone.pair(&code);
    drover.wait_status(SESSION, "WORKING", story::TO_READY);
}

/// Messages of several kinds, which go out.
fn send(drover: &Drover<'_>, search: &Search, files: &str) -> String {
    let chat = format!("{}@c.us", search.hide("a number", BOB));
    let text = search.hide("a text", "meet me under the old bridge");
    let id = drover.send_text(SESSION, &chat, &text)["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 1, story::TO_ACK);
    let card = json!({"fullName": search.hide("a name", "Leocadia Zubizarreta"), "phoneNumber": format!("+{}", search.hide("a number", STRANGER))});
    let place = search.hide("a place", "behind the third lighthouse");
    let poll = search.hide("a question", "who ate the last pancake");
    let caption = search.hide("a caption", "the plan of the vault");
    let (user, password) =
        (search.hide("a user of a URL", "usr-media-pL6"), search.hide("a password of a URL", "pw-media-fG3hS"));
    let token = search.hide("a token of a URL", "tok-media-kN9vY");
    let with_login =
        |path: &str| format!("{}{path}?token={token}", files.replace("//", &format!("//{user}:{password}@")));
    let mut last = String::new();
    for (path, part) in [
        ("sendLocation", json!({"latitude": 52.5, "longitude": 13.3, "title": place})),
        ("sendContactVcard", json!({"contacts": [card]})),
        (
            "sendPoll",
            json!({"poll": {"name": poll, "options": ["nobody saw", "everybody saw"], "multipleAnswers": false}}),
        ),
        (
            "sendFile",
            json!({"file": {"url": with_login("/good.pdf"), "filename": "quarterly-ledger.pdf"}, "caption": caption}),
        ),
        ("sendFile", json!({"file": {"url": with_login("/none.pdf")}, "caption": caption})),
    ] {
        let mut body = json!({"session": SESSION, "chatId": chat});
        body.as_object_mut().expect("an object").extend(part.as_object().expect("an object").clone());
        last = drover.api().post(&format!("/api/{path}"), &body).expect(201)["id"].as_str().expect("an id").to_owned();
    }
    search.hide("a file's name", "quarterly-ledger");
    drover.wait_state(&last, "dead", LIMIT);
    last
}

/// Requests that are refused, with secrets where they belong and where they do not.
fn ask_wrongly(drover: &Drover<'_>, search: &Search) {
    let (api, nobody) = (drover.api(), drover.api().with_key(None));
    let json_body = [("content-type", "application/json")];
    let secret = |name: &str| search.hide(name, &format!("pw-field-{name}-bX5"));
    let fields = json!({"session": SESSION, "chatId": "nobody@nowhere", "text": search.hide("a text", "never tell the neighbours"),
        "password": secret("password"), "token": secret("token"), "secret": secret("secret"), "authorization": secret("authorization")});
    let wrong = search.hide("a wrong key", "wrong-key-dM4tQ7yW");
    for path in ["/api/sendText", "/api/sendImage", "/api/sendPoll", "/api/sendContactVcard"] {
        search.refused(&api.post(path, &fields));
        search.refused(&api.request(
            "POST",
            path,
            &json_body,
            Some(&fields.to_string()[..fields.to_string().len() - 9]),
        ));
        search.refused(&api.request("POST", path, &[("content-type", "text/plain")], Some(&fields.to_string())));
        search.refused(&api.with_key(Some(&wrong)).post(path, &fields));
    }
    for text in [json!({"a": secret("nested")}), json!([secret("listed")]), json!(7)] {
        search.refused(
            &api.post("/api/sendText", &json!({"session": SESSION, "chatId": format!("{BOB}@c.us"), "text": text})),
        );
    }
    let hook = json!({"url": format!("ftp://ana:{}@example.com/", secret("hook")), "hmac": {"key": [secret("hmac")]}, "customHeaders": secret("headers")});
    let proxy =
        json!({"server": format!("nope://ana:{}@example.com", secret("proxy")), "password": [secret("listed")]});
    for config in [
        json!({"webhooks": [hook]}),
        json!({"webhooks": secret("hooks")}),
        json!({"proxy": proxy}),
        json!({"client": [secret("client")]}),
    ] {
        search.refused(&api.post("/api/sessions", &json!({"name": "wrong", "start": false, "config": config})));
    }
    let bearer = format!("Bearer {}", search.hide("a bearer's token", "tok-bearer-aE6uK8"));
    let basic = BASE64.encode(format!("ana:{}", search.hide("a password of basic", "pw-basic-zT3")));
    search.hide("the password of basic, encoded", &basic);
    let cookie = format!("drover_session={}", search.hide("a cookie", "ck-session-nH7rL2"));
    for header in [("authorization", bearer), ("authorization", format!("Basic {basic}")), ("cookie", cookie)] {
        search.refused(&nobody.request("GET", "/api/sessions", &[(header.0, &header.1)], None));
    }
    let admin = api.key().expect("the key").to_owned();
    for path in [
        format!("/ws?session=*&x-api-key={wrong}"),
        format!("/ws?session=*&x-api-key={admin}"),
        format!("/api/sessions?x-api-key={wrong}&token={}", secret("query")),
        format!("/api/{SESSION}/nothing/{BOB}@c.us"),
        format!("/api/{SESSION}/chats/{BOB}@nowhere/messages"),
        format!("/nowhere/{STRANGER}?password={}", secret("path")),
    ] {
        let with_key = if path.contains("x-api-key") { &nobody } else { api };
        search.refused(&with_key.get(&path));
    }
}

/// What a person at the dashboard types.
fn sign_in(drover: &Drover<'_>, search: &Search) {
    let admin = search.hide("the admin key", drover.api().key().expect("a key"));
    let mut visitor = Visitor::new(drover);
    assert_eq!(visitor.sign_in(&search.hide("a wrong key", "wrong-sign-in-gB5")).status, 401);
    assert_eq!(visitor.sign_in(&admin).status, 303);
    for pair in visitor.cookie().split("; ") {
        let value = pair.split_once('=').expect("a cookie").1;
        if value.len() > 8 {
            search.hide("a cookie of the dashboard", value);
        }
    }
    for page in ["/dashboard", &format!("/dashboard/sessions/{SESSION}"), "/dashboard/queue", "/dashboard/keys"] {
        assert_eq!(visitor.get(page).status, 200, "{page}");
    }
    visitor.get("/dashboard/nowhere");
}

/// Commands, well and not: what they write to standard error, and of what goes wrong also to standard output.
fn run_commands(drover: &Drover<'_>, home: &Home, search: &Search) {
    let url = drover.api().base().to_owned();
    let made = drover
        .api()
        .post("/api/keys", &json!({"isAdmin": false, "session": SESSION, "isActive": true, "actions": ["read"]}));
    search.hide("a key", made.expect(201)["key"].as_str().expect("a key"));
    let text = search.hide("a text", "burn this after reading");
    let well = home.run(&["send", SESSION, BOB, &text, "--url", &url]);
    assert_eq!(well.code, Some(0), "{well:?}");
    search.say("a command's errors", well.err);
    let with_login = url.replace(
        "//",
        &format!(
            "//{}:{}@",
            search.hide("a user of a URL", "usr-cli-rK3"),
            search.hide("a password of a URL", "pw-cli-uC9")
        ),
    );
    for (arguments, key) in [
        (&["send", SESSION, "12", &text, "--url", &url][..], None),
        (&["send", SESSION, BOB, &text, "--url", "http://127.0.0.1:1"], None),
        (&["sessions", "--url", &with_login.replace(url.rsplit(':').next().expect("a port"), "1")], None),
        (&["sessions", "--url", &url], Some("wrong-cli-key-vS2")),
        (&["migrate", "--database-url-that-is-none"], None),
    ] {
        if let Some(key) = key {
            home.set("DROVER_API_KEY", &search.hide("a wrong key", key));
        }
        let wrong = home.run(arguments);
        home.unset("DROVER_API_KEY");
        assert_ne!(wrong.code, Some(0), "{arguments:?}: {wrong:?}");
        search.say(&format!("the command {}", arguments[0]), format!("{}\n{}", wrong.out, wrong.err));
    }
}

fn add_entry(redis: &Redis, payload: &str) {
    let words = ["-a", REDIS_PASSWORD, "--no-auth-warning", "XADD", "drover:outbox", "*", "payload", payload];
    let id = redis.command(&words);
    assert!(id.contains('-'), "it was taken: {id}");
}

/// Entries of the inlet, one that can be taken and three that cannot.
fn hand_in_by_redis(drover: &Drover<'_>, search: &Search, redis: &Redis) {
    let text = search.hide("a text", "by the back door at nine");
    let good = json!({"session": SESSION, "chatId": format!("{BOB}@c.us"), "text": text}).to_string();
    add_entry(redis, &good);
    add_entry(redis, &json!({"session": SESSION, "chatId": STRANGER.to_owned() + "@nowhere", "text": text, "token": search.hide("a field", "pw-inlet-yF4")}).to_string());
    add_entry(
        redis,
        &json!({"session": SESSION, "chatId": [search.hide("a field", "pw-inlet-iO6")], "text": text}).to_string(),
    );
    add_entry(redis, &good[..good.len() - 4]);
    let rejected = ["-a", REDIS_PASSWORD, "--no-auth-warning", "XLEN", "drover:outbox:rejected"];
    wait_until_ok("three are rejected", LIMIT, || {
        let count = redis.command(&rejected);
        if count == "3" { Ok(()) } else { Err(count) }
    });
    drover.wait_status(SESSION, "WORKING", story::TO_READY);
}

/// A webhook with everything secret that one can have, at a receiver that takes nothing.
fn webhook(search: &Search, receiver: &Receiver) -> Value {
    let url = receiver.url("/hook").replace(
        "//",
        &format!(
            "//{}:{}@",
            search.hide("a user of a URL", "usr-hook-bT8"),
            search.hide("a password of a URL", "pw-hook-jW5")
        ),
    );
    json!({
        "url": format!("{url}?token={}", search.hide("a token of a URL", "tok-hook-eR6")),
        "events": ["*"],
        "hmac": {"key": search.hide("a signing key", "hmac-key-qA9xZ")},
        "customHeaders": [
            {"name": "Authorization", "value": format!("Bearer {}", search.hide("a header", "tok-header-oP3"))},
            {"name": "X-Ours", "value": search.hide("a header", "val-header-sD7")},
        ],
    })
}

/// What others write.
fn receive(drover: &Drover<'_>, search: &Search, simulator: &Simulator) {
    let phone = simulator.phone(OWN, "Ana");
    let from = format!("{STRANGER}@c.us");
    let person = json!({"name": search.hide("who wrote", "Hildegunst Mythenmetz")}).to_string();
    let put = simulator.http().request(
        "PUT",
        &format!("/phones/{STRANGER}"),
        &[("content-type", "application/json")],
        Some(&person),
    );
    assert!(put.status < 300, "{put:?}");
    let events = drover.events();
    for message in [
        json!({"type": "chat", "body": search.hide("a text that came", "the eagle has landed twice")}),
        json!({"type": "document", "fields": {"caption": search.hide("a caption that came", "my holiday on mars")},
            "media": {"data": BASE64.encode("%PDF-1.4 of a holiday"), "mimetype": "application/pdf", "filename": search.hide("a file that came", "mars-diary.pdf")}}),
        json!({"type": "vcard", "fields": {"vcardFormattedName": "Wenzel Storch-Pfeffer"}, "body": format!("BEGIN:VCARD\nVERSION:3.0\nFN:{}\nEND:VCARD", search.hide("a card that came", "Wenzel Storch-Pfeffer"))}),
    ] {
        let mut order = message;
        order["from"] = json!(from);
        phone.order("incoming", &order);
    }
    phone.order("call", &json!({"from": from}));
    events.wait_for("the call comes last", LIMIT, |event| event.name == "call.received");
}

/// Everything of a line that names a session or a request.
fn names(line: &Value) -> (Option<&str>, Option<&str>) {
    let of = |name: &str| line[name].as_str().or_else(|| line["span"][name].as_str());
    (of("session.id"), of("request_id"))
}

/// Every line of a session's says so, and every one of a request.
#[track_caller]
fn assert_lines_are_named(lines: &[Value]) {
    // What runs for one session alone.
    const OF_SESSIONS: [&str; 5] = [
        "drover::session::actor",
        "drover::session::sender",
        "drover::session::inbound",
        "drover::webhook::lane",
        "drover::browser::",
    ];
    // Said before a session is known.
    const OF_BROWSERS: [&str; 3] = ["drover::browser::sandbox", "drover::browser::find", "drover::browser::bridge"];
    const OF_REQUESTS: [&str; 1] = ["drover::api::"];
    const OF_CONNECTIONS: [&str; 2] = ["drover::api::serving", "drover::api::doorman"];
    let mut wrong = Vec::new();
    let mut named = (0, 0);
    for line in lines {
        let target = line["target"].as_str().expect("a target");
        let begins = |all: &[&str]| all.iter().any(|prefix| target.starts_with(prefix));
        let (session, request) = names(line);
        named = (named.0 + usize::from(session.is_some()), named.1 + usize::from(request.is_some()));
        let text = line.to_string();
        let is_of_session = begins(&OF_SESSIONS) && !begins(&OF_BROWSERS)
            || target.starts_with("drover") && (text.contains(SESSION) || text.contains(PROXIED));
        let is_of_request = begins(&OF_REQUESTS) && !begins(&OF_CONNECTIONS);
        if is_of_session && session.is_none() || is_of_request && request.is_none() {
            wrong.push(text);
        }
    }
    assert!(named.0 > 50 && named.1 > 50, "there is much to look at: {named:?} of {}", lines.len());
    assert!(wrong.is_empty(), "{} lines do not say whose they are:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_secret_leaves_by_what_drover_says_of_itself_and_each_line_says_whose_it_is() {
    let search = Search::default();
    let (simulator, collector, receiver) = (Simulator::start(), Collector::start(), Receiver::start());
    let (mut redis, postgres) = (Redis::start(), Postgres::start());
    let mail = MailServer::start(Encryption::StartTls);
    let files = kinds_media::serve(b"%PDF-1.4\n of a test".to_vec());
    receiver.answer(|_| Answer::Status(500, "echoed".to_owned()));
    let home = Home::with(&simulator);
    set_up(&home, &search, &redis, &postgres, &mail);
    home.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
    let drover = home.start();
    let alerts = drover.events();
    let hook = webhook(&search, &receiver);
    drover.api().post("/api/sessions", &json!({"name": SESSION, "config": {"webhooks": [hook]}})).expect(201);
    let proxy = json!({"server": format!("http://127.0.0.1:{}", free_port()), "username": search.hide("a proxy's user", "usr-proxy-mX2"),
        "password": search.hide("a proxy's password", PROXY_PASSWORD)});
    drover.api().post("/api/sessions", &json!({"name": PROXIED, "config": {"proxy": proxy}})).expect(201);
    link(&drover, &search, &simulator);
    let dead = send(&drover, &search, &files);
    ask_wrongly(&drover, &search);
    sign_in(&drover, &search);
    run_commands(&drover, &home, &search);
    hand_in_by_redis(&drover, &search, &redis);
    receive(&drover, &search, &simulator);
    search.say("a dead letter", drover.message(&dead)["_data"]["error"].to_string());
    alerts.wait_for("the webhook is given up", LIMIT, |event| {
        event.name == "alert"
            && event.data["payload"]["code"].as_str().is_some_and(|code| code.starts_with("webhook_unreachable"))
    });
    drover.wait_status(PROXIED, "STARTING", LIMIT);
    // A Redis that dies, and comes back without its password: what it is told then fails, too.
    redis.kill();
    drover.api().get("/health");
    redis.start_again();
    wait_until_ok("Redis refuses the password", LIMIT, || {
        let text = drover.log().text();
        if text.contains("Redis is still down") { Ok(()) } else { Err(text.len()) }
    });
    redis.command(&["CONFIG", "SET", "requirepass", REDIS_PASSWORD]);
    wait_until_ok("Redis is well", LIMIT, || {
        let health = drover.api().get("/health").json();
        if health["details"]["redis"]["status"] == "up" { Ok(()) } else { Err(health) }
    });
    search.say("/metrics", drover.api().get("/metrics").text());
    search.say("the settings", drover.api().get("/api/server/config").text());
    search.say(
        "the sessions",
        drover.api().get("/api/sessions?all=true").text().replace(OWN, "").replace("usr-", "").replace("tok-hook", ""),
    );
    search.say("alerts", drover.api().get("/api/alerts").text());
    for event in alerts.all().into_iter().filter(|event| event.name == "alert" || event.name.starts_with("queue.")) {
        search.say(&format!("the event {}", event.name), event.data["payload"].to_string());
    }
    let log = drover.log().clone();
    drover.stop();

    let mut lines = Vec::new();
    for entry in fs::read_dir(home.path().join("lines")).expect("the log's folder").flatten() {
        let text = fs::read_to_string(entry.path()).expect("a log");
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON")));
        search.say("a log's file", text);
    }
    assert!(lines.len() > 500, "the log is one of debug: {}", lines.len());
    search.say("the log", log.text());
    search.assert_nothing_is_found();
    let secrets = search.secrets.borrow();
    let in_traces: Vec<_> = secrets.iter().filter(|(_, secret)| collector.holds(secret)).collect();
    assert!(in_traces.is_empty(), "{in_traces:?} in traces");
    assert_lines_are_named(&lines);
}
