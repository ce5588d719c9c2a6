//! The commands as an operator and a script use them: what they print, and how they end.

use std::time::Duration;

use serde_json::Value;

use crate::support::{
    Cli, Drover, Home, Simulator,
    mail::{Encryption, MailServer, PASSWORD},
    servers::{Postgres, Redis},
    wait_until,
};

#[track_caller]
fn json(drover: &Drover<'_>, arguments: &[&str]) -> Value {
    serde_json::from_str(&Cli::run(drover, arguments)).expect("--json is JSON")
}

/// A command that must fail; its exit code and its line.
#[track_caller]
fn refused(drover: &Drover<'_>, arguments: &[&str]) -> (Option<i32>, String) {
    let mut cli = Cli::start(drover, arguments);
    let status = cli.wait(Duration::from_secs(30));
    (status.code(), cli.errors())
}

#[test]
fn keys_and_sessions_are_looked_after_from_the_shell() {
    let home = Home::bare();
    let drover = home.start();

    // A key of its own for a backend: the key alone on stdout, so that a script can take it.
    let key = Cli::run(&drover, &["keys", "create", "--session", "shop", "--actions", "read,send"]);
    let key = key.trim();
    assert!(key.starts_with("drover_") && key.lines().count() == 1, "{key}");
    assert_eq!(drover.api().with_key(Some(key)).get("/api/keys").status, 403);
    let keys = json(&drover, &["keys", "list", "--json"]);
    let made = keys.as_array().expect("a list").iter().find(|key| key["session"] == "shop").expect("it is listed");
    let id = made["id"].as_str().expect("an id");
    let listed = Cli::run(&drover, &["keys", "list"]);
    assert!(listed.contains(id) && listed.contains("read, send") && !listed.contains(key), "{listed}");
    assert!(!listed.contains('\u{1b}'), "no colours where there is no terminal: {listed:?}");
    assert_eq!(refused(&drover, &["keys", "revoke", id]).0, Some(2));
    Cli::run(&drover, &["keys", "revoke", id, "--yes"]);
    assert_eq!(drover.api().with_key(Some(key)).get("/api/sessions").status, 401);
    let (code, line) = refused(&drover, &["keys", "revoke", id, "--yes"]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");

    // A session that is never started: no browser is needed.
    let body = serde_json::json!({ "name": "shop", "start": false });
    drover.api().post("/api/sessions", &body).expect(201);
    assert!(Cli::run(&drover, &["sessions"]).contains("STOPPED"));
    assert_eq!(json(&drover, &["sessions", "list", "--json"])[0]["name"], "shop");
    assert_eq!(json(&drover, &["sessions", "--json"])[0]["name"], "shop");
    assert_eq!(json(&drover, &["sessions", "show", "shop", "--json"])["status"], "STOPPED");
    assert!(Cli::run(&drover, &["sessions", "show", "shop"]).contains("wanted"), "what is wanted is shown");
    assert!(Cli::run(&drover, &["sessions", "stop", "shop"]).starts_with("shop: STOPPED"));
    assert!(Cli::run(&drover, &["sessions", "hibernate", "shop"]).starts_with("shop: "));
    let (code, line) = refused(&drover, &["sessions", "stop", "shop", "nobody"]);
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("nobody"), "{line}");
    let (code, line) = refused(&drover, &["sessions", "screenshot", "shop"]);
    assert_eq!((code, line.contains("start it first")), (Some(1), true), "{line}");
    for order in ["logout", "delete"] {
        let (code, line) = refused(&drover, &["sessions", order, "shop"]);
        assert_eq!((code, line.contains("--yes")), (Some(2), true), "{line}");
    }
    Cli::run(&drover, &["sessions", "delete", "shop", "--yes"]);
    assert_eq!(drover.api().get("/api/sessions/shop").status, 404);
    drover.stop();
}

#[test]
fn events_are_followed_until_somebody_interrupts() {
    const LIMIT: Duration = Duration::from_secs(30);
    let home = Home::bare();
    let drover = home.start();
    drover.create_stopped("shop");
    drover.api().post("/api/queue/pause?session=shop", &Value::Null).expect(201);
    let mut lines = Cli::start(&drover, &["events", "--follow", "--session", "shop"]);
    wait_until("what was is shown first", LIMIT, || lines.output().contains("queue.paused").then_some(()));
    drover.api().post("/api/queue/resume?session=shop", &Value::Null).expect(201);
    wait_until("what happens follows", LIMIT, || lines.output().contains("queue.resumed").then_some(()));
    lines.interrupt();
    assert_eq!(lines.wait(LIMIT).code(), Some(130), "{}", lines.errors());
    let event = json(&drover, &["events", "--json", "--events", "queue.resumed"]);
    assert_eq!((&event["event"], &event["session"]), (&"queue.resumed".into(), &"shop".into()), "one a line: {event}");
    let (code, line) = refused(&drover, &["events", "--events", "mesage"]);
    assert_eq!((code, line.contains("docs/events.md")), (Some(1), true), "{line}");
    let (code, line) = refused(&drover, &["send", "ghost", "15551234567", "hello"]);
    assert_eq!((code, line.contains("drover link")), (Some(1), true), "a person is told of commands: {line}");
    drover.stop();
}

#[test]
fn migrations_are_shown_and_done_without_a_daemon() {
    let home = Home::bare();
    let data = home.path().join("new");
    home.set("DROVER_DATA_DIR", &data.display().to_string());
    let status = || -> Value {
        let ended = home.run(&["migrate", "status", "--json"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        serde_json::from_str(&ended.out).expect("--json is JSON")
    };
    let applied = |status: &Value| status.as_array().expect("a list").iter().all(|row| row["applied"] == true);
    assert!(!applied(&status()) && !data.exists(), "looking changes nothing");
    let done = home.run(&["migrate"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.contains("applied 1 (initial)"), "{done:?}");
    assert!(applied(&status()));
    assert!(home.run(&["migrate", "run"]).out.contains("up to date"));
    assert!(home.run(&["migrate", "status"]).out.contains("applied"));
}

#[test]
fn the_doctor_tells_what_is_well_and_what_is_not() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let check = |findings: &Value, name: &str| {
        let checks = findings["checks"].as_array().expect("a list");
        checks.iter().find(|check| check["check"] == name).cloned().unwrap_or_else(|| panic!("{name} in {findings}"))
    };
    let looked = || {
        let ended = home.run(&["doctor", "--json"]);
        (ended.code, serde_json::from_str::<Value>(&ended.out).unwrap_or_else(|_| panic!("{ended:?}")))
    };
    let (code, findings) = looked();
    for name in ["chromium", "redis", "database", "disk", "files", "clock", "whatsapp"] {
        assert_ne!(check(&findings, name)["verdict"], "fail", "{findings}");
    }
    assert_eq!(code, Some(i32::from(findings["verdict"] == "fail")), "{findings}");
    for check in findings["checks"].as_array().expect("a list") {
        assert_eq!(check["verdict"] == "ok", check["advice"] == "", "what is not well says what to do: {check}");
    }

    // Servers that are there, one that is not, and no Chromium.
    let (mut redis, postgres) = (Redis::start(), Postgres::start());
    home.set("REDIS_URL", &redis.url());
    home.set("DATABASE_URL", &postgres.url());
    let findings = looked().1;
    assert!(
        check(&findings, "redis")["found"].as_str().is_some_and(|found| found.contains("noeviction")),
        "{findings}"
    );
    assert!(check(&findings, "database")["found"].as_str().is_some_and(|found| found.contains("PostgreSQL")));
    assert!(check(&findings, "clock")["found"].as_str().is_some_and(|found| found.contains(" ms ")), "{findings}");
    redis.kill();
    home.set("DROVER_CHROMIUM", "/nowhere/chromium");
    home.set("PATH", "/nowhere");
    home.set("DATABASE_URL", "postgres://nobody:secret@127.0.0.1:1/none");
    let ended = home.run(&["doctor"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.out.contains("secret") && !ended.out.contains('\u{1b}'), "{ended:?}");
    for line in ["fail  redis ", "fail  database "] {
        assert!(ended.out.contains(line), "{line} in {ended:?}");
    }
    assert!(ended.err.starts_with("drover: not well: ") && ended.err.lines().count() == 1, "{ended:?}");
}

#[test]
fn the_doctor_tries_the_mail_server_and_sends_nothing() {
    let (mut server, home) = (MailServer::start(Encryption::StartTls), Home::bare());
    home.set("DROVER_SMTP__CA_FILE", &server.ca_file());
    let looked = || {
        let ended = home.run(&["doctor", "--json"]);
        let findings: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
        let checks = findings["checks"].as_array().expect("a list").clone();
        let smtp = checks.into_iter().find(|check| check["check"] == "smtp").expect("its line");
        assert_eq!(smtp["verdict"] == "ok", smtp["advice"] == "", "{smtp}");
        assert!(!smtp.to_string().contains("pa55") && !smtp.to_string().contains("wrong-one"), "{smtp}");
        let text = |name: &str| smtp[name].as_str().expect("a text").to_owned();
        (text("verdict"), format!("{} {}", text("found"), text("advice")))
    };
    let expect = |verdict: &str, part: &str| {
        let found = looked();
        assert!(found.0 == verdict && found.1.contains(part), "{verdict}, {part}: {found:?}");
    };
    expect("warn", "set SMTP_URL");
    home.set("SMTP_URL", &server.url(PASSWORD));
    expect("ok", "lets drover in");
    assert!(server.mails().is_empty(), "none was sent");
    home.set("SMTP_URL", &server.url("wrong-one"));
    expect("fail", "user and password");
    home.set("SMTP_URL", &server.url(PASSWORD));
    home.unset("DROVER_SMTP__CA_FILE");
    expect("fail", "ca_file");
    home.set("DROVER_SMTP__CA_FILE", &server.ca_file());
    server.end();
    expect("fail", "check host and port");
}

#[test]
fn completions_are_written_even_where_the_settings_are_wrong() {
    let home = Home::bare();
    home.set("DROVER_HTTP__PORT", "no port");
    for shell in ["bash", "zsh", "fish"] {
        let ended = home.run(&["completions", shell]);
        assert!(ended.code == Some(0) && ended.out.contains("sessions"), "{shell}: {ended:?}");
    }
    assert_eq!(home.run(&["config", "check"]).code, Some(2));
}
