//! Each kind of alert from what really happens to a session: a mail in English and one in Spanish, over a real mail server, and the
//! event at a webhook; once, and its end once. What is linked, lost for good and well again is in `alerts`, disks in `disks`.

use std::{cell::Cell, fs, time::Duration};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    alerts::{OPS, TO_MAIL, mailed},
    receiver::Receiver,
    support::{
        Drover, Home, Phone, Simulator,
        mail::{Encryption, Mail, MailServer},
        story, wait_until, wait_until_ok,
    },
};

const ANA: &str = "ana@example.com";
const TO_RECOVER: Duration = Duration::from_secs(90);

/// Where alerts arrive.
struct Ends {
    mails: MailServer,
    hook: Receiver,
    /// How often a mail said so far that all is well again, to each.
    ended: Cell<usize>,
}

/// What a kind is told with.
struct Told<'t> {
    code: &'t str,
    /// How the subjects end, in English and in Spanish.
    subjects: [&'t str; 2],
    /// What the bodies say, in English and in Spanish.
    words: [&'t str; 2],
}

impl Ends {
    fn mails_to(&self, to: &str, end: &str) -> Vec<Mail> {
        let all = self.mails.mails().into_iter();
        all.filter(|mail| mail.to == [to] && mail.subject.ends_with(end)).collect()
    }

    fn events(&self, code: &str, is_resolved: bool) -> usize {
        let is_one = |body: &Value| body["payload"]["code"] == code && body["payload"]["isResolved"] == is_resolved;
        self.hook.received().iter().map(crate::receiver::Received::json).filter(is_one).count()
    }

    /// It is told to both, each in their language, and to the webhook, once.
    #[track_caller]
    fn wait_raised(&self, told: &Told<'_>) {
        for ((to, subject), words) in [OPS, ANA].into_iter().zip(told.subjects).zip(told.words) {
            let mails = wait_until_ok(&format!("{} is mailed to {to}", told.code), TO_RECOVER, || {
                let mails = self.mails_to(to, subject);
                if mails.is_empty() { Err(self.subjects()) } else { Ok(mails) }
            });
            assert_eq!(mails.len(), 1, "{subject}: once");
            assert!(mails[0].is_safe && mails[0].is_automatic, "{:?}", mails[0]);
            for body in [&mails[0].text, &mails[0].html] {
                assert!(body.contains(words), "{words:?} in: {body}");
            }
        }
        wait_until_ok(&format!("{} is told to the webhook", told.code), TO_MAIL, || {
            let count = self.events(told.code, false);
            if count == 1 { Ok(()) } else { Err(count) }
        });
    }

    /// So is its end.
    #[track_caller]
    fn wait_ended(&self, code: &str) {
        let count = self.ended.get() + 1;
        self.ended.set(count);
        for (to, subject) in [(OPS, "well again"), (ANA, "de nuevo en orden")] {
            wait_until_ok(&format!("the end of {code} is mailed to {to}"), TO_RECOVER, || {
                if self.mails_to(to, subject).len() == count { Ok(()) } else { Err(self.subjects()) }
            });
        }
        wait_until_ok(&format!("the end of {code} is told to the webhook"), TO_MAIL, || {
            let count = self.events(code, true);
            if count == 1 { Ok(()) } else { Err(count) }
        });
    }

    fn subjects(&self) -> Vec<(String, String)> {
        self.mails.mails().into_iter().map(|mail| (mail.to.join(" "), mail.subject)).collect()
    }
}

fn set_up(home: &Home, ends: &Ends) {
    mailed(home, &ends.mails);
    for (name, value) in [
        ("LOG__FORMAT", "json"),
        ("NETWORK__ALLOW_HOSTS", "127.0.0.1"),
        ("ALERTS__DEAD_LETTERS", "2"),
        ("ALERTS__QUEUE_STUCK_S", "3"),
        ("KEEPALIVE__ATTEMPTS", "1"),
        ("KEEPALIVE__BACKOFF_S", "1"),
        ("KEEPALIVE__SLOW_RETRY_S", "2"),
        ("MEMORY__SAMPLE_S", "1"),
        ("QUEUE__ATTEMPTS", "20"),
        ("QUEUE__BACKOFF_S", "1"),
        ("QUEUE__CIRCUIT_FAILURES", "3"),
        ("QUEUE__CIRCUIT_OPEN_S", "1"),
    ] {
        home.set(&format!("DROVER_{name}"), value);
    }
}

#[test]
fn each_kind_is_told_in_both_languages_and_to_webhooks_from_what_really_happens() {
    let simulator = Simulator::start_with(&["--sync-limit-ms", "15000"]);
    let ends = Ends { mails: MailServer::start(Encryption::StartTls), hook: Receiver::start(), ended: Cell::new(0) };
    let home = Home::with(&simulator);
    set_up(&home, &ends);
    let drover = home.start();
    // Spans are there at any level: a line says whose it is.
    assert!(drover.api().put("/api/server/log", &json!({"level": "warn"})).status < 300);
    let since = drover.log().text().len();
    let phone = simulator.phone("15550008811", "Ana");

    login_is_not_accepted(&drover, &phone, &ends, &simulator);
    whatsapp_web_changes(&drover, &ends, &simulator);
    messages_are_given_up(&drover, &phone, &ends, &simulator);
    the_number_is_restricted(&drover, &phone, &ends, &simulator);
    it_cannot_be_brought_back(&drover, &ends, &simulator);
    memory_gets_critical(&drover, &ends);

    assert_lines_are_named_and_say_each_once(&drover.log().text()[since..]);
    drover.stop();
}

/// WhatsApp Web unlinks itself when a first sync takes too long.
fn login_is_not_accepted(drover: &Drover<'_>, phone: &Phone<'_>, ends: &Ends, simulator: &Simulator) {
    phone.fault(json!({"never_sync": true}));
    let config = json!({
        "alerts": {"recipients": [ANA], "language": "es"},
        "webhooks": [{"url": ends.hook.url("/alerts"), "events": ["alert"]}],
    });
    drover.api().post("/api/sessions", &json!({"name": "shop", "config": config})).expect(201);
    phone.scan(&story::read_qr(drover, "shop"));
    ends.wait_raised(&Told {
        code: "auth_failed",
        subjects: ["shop: WhatsApp did not accept the login", "shop: WhatsApp no aceptó el inicio de sesión"],
        words: ["unlinked itself after a failed sync", "sincronización"],
    });
    simulator.clear_faults();
    phone.scan(&story::read_qr(drover, "shop"));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    ends.wait_ended("auth_failed");
    drover.home().wait_login_written("shop", &phone.number);
}

fn whatsapp_web_changes(drover: &Drover<'_>, ends: &Ends, simulator: &Simulator) {
    simulator.fault(&json!({"missing_export": {"module": "WAWebQueryExistsJob", "export": "queryWidExists"}}));
    drover.order("shop", "restart");
    ends.wait_raised(&Told {
        code: "web_changed",
        subjects: ["shop: WhatsApp Web changed, something is missing", "shop: WhatsApp Web cambió, falta algo"],
        words: ["check_number", "check_number"],
    });
    simulator.clear_faults();
    drover.order("shop", "restart");
    drover.wait_status("shop", "WORKING", story::TO_READY);
    ends.wait_ended("web_changed");
}

fn messages_are_given_up(drover: &Drover<'_>, phone: &Phone<'_>, ends: &Ends, simulator: &Simulator) {
    let nobody = ["15559990411", "15559990412"];
    let contacts: Vec<Value> =
        nobody.iter().map(|number| json!({"number": number, "name": "Nobody", "onWhatsApp": false})).collect();
    let reply = simulator.http().post(&format!("/phones/{}/contacts", phone.number), &json!(contacts));
    assert!(reply.status < 300, "{reply:?}");
    for number in nobody {
        drover.send_text("shop", number, "is anybody there?");
    }
    ends.wait_raised(&Told {
        code: "dead_letters",
        subjects: ["shop: 2 messages were given up", "shop: se abandonaron 2 mensajes"],
        words: ["dead letters", "abandonados"],
    });
    drover.api().delete("/api/queue/dead?confirm=shop").expect(200);
    ends.wait_ended("dead_letters");
}

/// The server refuses everybody, also after the circuit has rested; the queue is paused then, and what waits does not move.
fn the_number_is_restricted(drover: &Drover<'_>, phone: &Phone<'_>, ends: &Ends, simulator: &Simulator) {
    phone.fault(json!({"fail_send": 463}));
    let ids: Vec<String> = (1..=4)
        .map(|number| {
            let sent = drover.send_text("shop", &format!("1555999042{number}"), "whoever you are");
            sent["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    ends.wait_raised(&Told {
        code: "whatsapp_restricted",
        subjects: ["shop: WhatsApp restricts this number", "shop: WhatsApp restringe este número"],
        words: ["queue is paused", "cola está en pausa"],
    });
    ends.wait_raised(&Told {
        code: "queue_stuck",
        subjects: ["shop: its queue does not move", "shop: su cola no avanza"],
        words: ["4 messages of the session", "4 mensajes de la sesión"],
    });
    simulator.clear_faults();
    drover.api().post("/api/queue/resume?session=shop", &Value::Null).expect(201);
    for id in &ids {
        drover.wait_ack(id, 1, TO_RECOVER);
    }
    ends.wait_ended("whatsapp_restricted");
    ends.wait_ended("queue_stuck");
}

/// Its browser dies again and again before the page is there.
fn it_cannot_be_brought_back(drover: &Drover<'_>, ends: &Ends, simulator: &Simulator) {
    simulator.fault(&json!({"slow_load_ms": 60_000}));
    wait_until("its attempts are spent", TO_RECOVER, || {
        if let Some(browser) = drover.home().browser_of("shop") {
            browser.signal(Signal::SIGKILL);
        }
        (ends.events("attempts_spent", false) > 0).then_some(())
    });
    ends.wait_raised(&Told {
        code: "attempts_spent",
        subjects: ["shop: could not be brought back", "shop: no se pudo recuperar"],
        words: ["goes on trying", "sigue intentando"],
    });
    simulator.clear_faults();
    // What was asked for while pages came late still does.
    if let Some(browser) = drover.home().browser_of("shop") {
        browser.signal(Signal::SIGKILL);
    }
    drover.wait_status("shop", "WORKING", TO_RECOVER);
    ends.wait_ended("attempts_spent");
}

/// A budget that is lowered while drover runs, to less than it holds.
fn memory_gets_critical(drover: &Drover<'_>, ends: &Ends) {
    let file = drover.home().path().join("drover.toml");
    fs::write(&file, "[memory]\nbudget = \"1MB\"\n").expect("written");
    ends.wait_raised(&Told {
        code: "memory_critical",
        subjects: [": memory is critical", ": memoria en estado crítico"],
        words: ["of the 1 MB", "de los 1 MB"],
    });
    fs::write(&file, "").expect("written");
    ends.wait_ended("memory_critical");
}

/// Every line about a session names it, though only warnings are written; and what happened is said in one.
#[track_caller]
fn assert_lines_are_named_and_say_each_once(log: &str) {
    let lines: Vec<Value> =
        log.lines().filter(|line| line.starts_with('{')).filter_map(|line| serde_json::from_str(line).ok()).collect();
    let is_low = |line: &&Value| !matches!(line["level"].as_str(), Some("WARN" | "ERROR"));
    assert_eq!(lines.iter().filter(is_low).count(), 0, "only warnings: {log}");
    let named = |line: &&Value| line["session.id"] == "shop" || line["span"]["session.id"] == "shop";
    let of_session = |line: &&Value| {
        let target = line["target"].as_str().unwrap_or_default();
        line.to_string().contains("shop") || target.starts_with("drover::session::") && !target.contains("memory")
    };
    let unnamed: Vec<_> = lines.iter().filter(of_session).filter(|line| !named(line)).collect();
    assert!(lines.iter().filter(named).count() > 5, "there is something to look at: {log}");
    assert!(unnamed.is_empty(), "{unnamed:#?}");
    for code in [
        "auth_failed",
        "web_changed",
        "dead_letters",
        "whatsapp_restricted",
        "queue_stuck",
        "attempts_spent",
        "memory_critical",
    ] {
        assert_eq!(lines.iter().filter(|line| line["code"] == code).count(), 1, "{code}: {log}");
    }
    for words in ["lacks what the bridge looks for", "WhatsApp refused a message", "WS Connection error"] {
        assert!(!log.contains(words), "what is told already: {words}");
    }
}
