//! Alerts by mail, over a real mail server: who is told what, once; what happens while the server does not take it; templates; and the
//! command that tries it out.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    Drover, Home, Simulator, holds_for,
    mail::{Encryption, Mail, MailServer, PASSWORD},
    story, wait_until, wait_until_ok,
};

/// A mail is written, handed over and on the disk of the server.
pub(crate) const TO_MAIL: Duration = Duration::from_secs(20);
pub(crate) const OPS: &str = "ops@example.com";

/// Settings that mail over this server.
pub(crate) fn mailed(home: &Home, server: &MailServer) {
    home.set("SMTP_URL", &server.url(PASSWORD));
    home.set("DROVER_SMTP__CA_FILE", &server.ca_file());
    home.set("DROVER_SMTP__TIMEOUT_S", "5");
    home.set("DROVER_ALERTS__RECIPIENTS", OPS);
    home.set("DROVER_ALERTS__CHECK_S", "1");
    home.set("DROVER_HTTP__PUBLIC_URL", "https://drover.example.com");
}

fn subjects(mails: &[Mail]) -> Vec<(&str, &str)> {
    mails.iter().map(|mail| (mail.to[0].as_str(), mail.subject.as_str())).collect()
}

fn alerts(drover: &Drover<'_>) -> Value {
    drover.api().get("/api/alerts").expect(200)
}

#[test]
fn a_phone_that_is_linked_lost_and_linked_again_is_told_to_everybody_once() {
    let simulator = Simulator::start();
    let server = MailServer::start(Encryption::StartTls);
    let home = Home::with(&simulator);
    mailed(&home, &server);
    home.set("DROVER_ALERTS__QUIET_S", "10");
    let drover = home.start();
    let phone = simulator.phone("15550008801", "Ana");
    let own = json!({"alerts": {"recipients": ["ana@example.com"], "severity": "critical", "language": "es"}});
    drover.api().post("/api/sessions", &json!({"name": "shop", "config": own})).expect(201);
    phone.scan(&story::read_qr(&drover, "shop"));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    let mails = server.wait_mails(1, TO_MAIL);
    assert_eq!(subjects(&mails), [(OPS, "shop: the phone is linked")], "the session's own want what is critical only");
    assert!(mails[0].is_safe && mails[0].is_automatic, "over TLS, after a login: {:?}", mails[0]);

    phone.unlink();
    let mails = server.wait_mails(3, TO_MAIL);
    let mut told = mails[1..].to_vec();
    told.sort_by_key(|mail| std::cmp::Reverse(mail.to.clone()));
    let expected = [
        (OPS, "shop: disconnected, a person must scan the QR"),
        ("ana@example.com", "shop: desconectada, alguien debe escanear el QR"),
    ];
    assert_eq!(subjects(&told), expected);
    for (mail, words) in told.iter().zip(["unlinked this device", "desvinculó este dispositivo"]) {
        // In HTML a slash of a value is written as an entity.
        for body in [mail.text.clone(), mail.html.replace("&#x2f;", "/")] {
            assert!(
                body.contains(words) && body.contains("https://drover.example.com/dashboard/sessions/shop"),
                "{body}"
            );
        }
        assert!(!mail.text.contains("15550008801") && !mail.html.contains("15550008801"), "numbers are masked");
    }
    assert_eq!(alerts(&drover)["open"][0]["code"], "disconnected");

    phone.scan(&story::read_qr(&drover, "shop"));
    drover.wait_status("shop", "WORKING", story::TO_READY);
    wait_until_ok("the recovery and the link are told", TO_MAIL, || {
        let mails = server.mails();
        let has = |wanted: (&str, &str)| subjects(&mails).contains(&wanted);
        if has((OPS, "shop: well again")) && has(("ana@example.com", "shop: de nuevo en orden")) {
            Ok(())
        } else {
            Err(format!("{:?}", subjects(&mails)))
        }
    });
    assert_eq!(alerts(&drover)["open"], json!([]));

    // Again within the quiet: no mail of its own, but a digest once it is over.
    phone.unlink();
    let mails = wait_until_ok("a digest comes", TO_MAIL * 2, || {
        let mails = server.mails();
        let digest =
            mails.iter().find(|mail| mail.to[0] == "ana@example.com" && mail.subject.contains("volvió")).cloned();
        digest.ok_or_else(|| format!("{:?}", subjects(&mails)))
    });
    assert!(
        mails.text.contains("shop: estaba desconectada de su teléfono (1×") && mails.text.contains("sigue abierto"),
        "{}",
        mails.text
    );
    let all = server.mails();
    let ids: std::collections::BTreeSet<_> = all.iter().map(|mail| mail.id.clone()).collect();
    assert_eq!(ids.len(), all.len(), "none came twice");
    drover.stop();
}

#[test]
fn while_the_server_takes_none_mails_are_kept_over_a_restart_and_it_is_said_once() {
    let mut server = MailServer::start(Encryption::Tls);
    let home = Home::bare();
    mailed(&home, &server);
    home.unset("SMTP_URL");
    let file = home.path().join("drover.toml");
    let write = |url: &str| {
        fs::write(&file, format!("[smtp]\nurl = '{url}'\n[alerts]\ndisk_free_mb = 900000000\n")).expect("written")
    };
    write(&server.url("wrong"));
    let drover = home.start();

    // A wrong password: said once, in the log and as an alert, with what to do; nothing of it is shown.
    let codes = |all: &Value| {
        all["open"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|open| open["code"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    // As a problem it is open once its event was heard, a moment after the outage is known.
    wait_until_ok("the outage is told", TO_MAIL, || {
        let all = alerts(&drover);
        let is_told = all["mail"]["outage"].is_string() && codes(&all) == ["disk_low", "mail_unsendable"];
        if is_told { Ok(()) } else { Err(all) }
    });
    let all = alerts(&drover);
    assert_eq!(all["mail"]["waiting"][0]["error"]["code"], "smtp_login", "{all}");
    let log = drover.log().text();
    assert_eq!(log.matches("mails about alerts cannot be sent").count(), 1, "once");
    assert!(log.contains("SMTP_URL") && !log.contains("pa55") && !log.contains(":wrong"), "what to do, and no secret");

    // Unreachable, over a restart.
    server.end();
    drover.stop();
    let drover = home.start();
    wait_until("it is unreachable", TO_MAIL, || alerts(&drover)["mail"]["outage"].is_string().then_some(()));
    assert!(server.mails().is_empty());
    // The right password in the file, and a server: sent at once, without a restart.
    server.start_again();
    write(&server.url(PASSWORD));
    let mails = server.wait_mails(1, TO_MAIL * 4);
    assert!(mails[0].subject.contains("the disk is nearly full"), "{}", mails[0].subject);
    wait_until_ok("the outage is over", TO_MAIL, || {
        let all = alerts(&drover);
        if codes(&all) == ["disk_low"] && all["mail"]["outage"].is_null() { Ok(()) } else { Err(all) }
    });
    holds_for("it is sent once", Duration::from_secs(2), || server.mails().len() == 1);
    drover.stop();
}

/// The first rest is a minute, later ones up to half an hour; who mended the server, or has news, does not wait for it.
#[test]
fn news_and_a_test_find_out_that_the_server_is_back() {
    let mut server = MailServer::start(Encryption::StartTls);
    server.end();
    let home = Home::bare();
    mailed(&home, &server);
    home.set("DROVER_ALERTS__DISK_FREE_MB", "900000000");
    home.set("DROVER_ALERTS__QUEUE_MESSAGES", "1");
    let drover = home.start();
    let wait_resting = |count: usize| {
        wait_until_ok(&format!("{count} wait for the server"), TO_MAIL, || {
            let all = alerts(&drover);
            let waiting = all["mail"]["waiting"].as_array().expect("a list");
            let tried = waiting.iter().filter(|mail| mail["attempts"] != 0).count();
            if all["mail"]["outage"].is_string() && tried == count { Ok(()) } else { Err(all) }
        });
    };
    wait_resting(1);
    server.start_again();
    drover.create_stopped("shop");
    drover.send_text("shop", "15559990051", "waits");
    let mails = server.wait_mails(2, TO_MAIL);
    assert!(mails[0].subject.contains("its queue does not move"), "news first: {:?}", subjects(&mails));
    assert!(mails[1].subject.contains("the disk is nearly full"), "then what waited: {:?}", subjects(&mails));

    server.end();
    drover.create_stopped("other");
    drover.send_text("other", "15559990052", "waits");
    wait_resting(1);
    server.start_again();
    assert!(alerts(&drover)["mail"]["outage"].is_string(), "nobody tried meanwhile");
    let tried = drover.api().post("/api/alerts/test", &json!({"kind": "linked"})).expect(200);
    assert_eq!(tried["results"][0]["sent"], true, "{tried}");
    wait_until_ok("what waited is sent", TO_MAIL, || {
        let mails = server.mails();
        let is_sent = mails.iter().any(|mail| mail.subject == "other: its queue does not move");
        if is_sent { Ok(()) } else { Err(format!("{:?}", subjects(&mails))) }
    });
    drover.stop();
}

#[test]
fn a_mail_that_is_deferred_waits_and_one_that_is_refused_is_given_up_and_the_others_go() {
    let server = MailServer::start(Encryption::StartTls);
    server.behave(&json!({"password": PASSWORD, "recipients": {
        "gone@example.com": "550 5.1.1 no such user", "full@example.com": "452 4.2.2 mailbox full",
    }}));
    let home = Home::bare();
    mailed(&home, &server);
    home.set("DROVER_ALERTS__RECIPIENTS", "gone@example.com full@example.com ops@example.com");
    home.set("DROVER_ALERTS__DISK_FREE_MB", "900000000");
    let drover = home.start();
    let mails = server.wait_mails(1, TO_MAIL);
    assert_eq!(mails[0].to, [OPS]);
    let all = wait_until_ok("both are noted", TO_MAIL, || {
        let all = alerts(&drover);
        let noted = all["mail"]["dead"][0]["error"].is_object() && all["mail"]["waiting"][0]["error"].is_object();
        if noted { Ok(all) } else { Err(all) }
    });
    assert_eq!(
        (&all["mail"]["dead"][0]["recipient"], &all["mail"]["dead"][0]["error"]["code"]),
        (&json!("gone@example.com"), &json!("smtp_rejected"))
    );
    assert_eq!(
        (&all["mail"]["waiting"][0]["recipient"], &all["mail"]["waiting"][0]["error"]["code"]),
        (&json!("full@example.com"), &json!("smtp_deferred"))
    );
    assert!(all["mail"]["outage"].is_null(), "the server as such is well");

    // What concerns no single session is asked for by the name under which it stands, by who may read all of them.
    let heard = drover.api().request("GET", "/api/events?session=server", &[("accept", "application/json")], None);
    let heard = heard.expect(200);
    let codes: Vec<_> = heard.as_array().expect("a list").iter().map(|event| &event["payload"]["code"]).collect();
    assert!(codes.contains(&&json!("disk_low")), "{heard}");
    let made = drover.api().post("/api/keys", &json!({"session": "shop", "actions": ["read"]})).expect(201);
    let of_shop = drover.api().with_key(made["key"].as_str());
    assert_eq!(of_shop.get("/api/events?session=server").status, 403);

    // The command tells what became of each, and ends accordingly.
    let url = drover.api().base().to_owned();
    let tried = home.run(&["alert", "test", "--url", &url]);
    assert_eq!(tried.code, Some(1), "{tried:?}");
    assert!(
        tried.out.contains("sent to ops@example.com")
            && tried.out.contains("not sent to gone@example.com (smtp_rejected)"),
        "{tried:?}"
    );
    let tried = home.run(&["alert", "test", "--kind", "queue_stuck", "--to", OPS, "--language", "es", "--url", &url]);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    let test = server.mails().pop().expect("it came");
    assert!(test.subject.contains("su cola no avanza") && test.text.contains("ESTO ES UNA PRUEBA"), "{test:?}");
    let listed = home.run(&["alert", "list", "--url", &url]);
    assert!(listed.out.contains("disk_low") && listed.out.contains("1 given up"), "{listed:?}");

    for (wrong, code) in [
        (json!({"kind": "nothing"}), "kind"),
        (json!({"recipient": "nobody"}), "recipient"),
        (json!({"language": "fr"}), "language"),
    ] {
        let problem = drover.api().post("/api/alerts/test", &wrong).expect(422);
        assert_eq!(problem["fields"][0]["field"], code, "{problem}");
    }
    drover.stop();
}

#[test]
fn templates_of_the_operator_are_taken_over_and_one_with_an_error_is_refused() {
    let server = MailServer::start(Encryption::StartTls);
    let home = Home::bare();
    mailed(&home, &server);
    let folder = home.path().join("mails");
    fs::create_dir_all(folder.join("linked")).expect("a folder");
    home.set("DROVER_ALERTS__TEMPLATES", &folder.display().to_string());
    let drover = home.start();
    let tried = || {
        let answer = drover.api().post("/api/alerts/test", &json!({"kind": "linked"})).expect(200);
        answer["results"][0]["subject"].as_str().expect("a subject").to_owned()
    };
    assert_eq!(tried(), "shop: the phone is linked");
    let file = folder.join("linked/subject.en.txt");
    fs::write(&file, "ours: {{ session }}").expect("written");
    wait_until("it is taken over", TO_MAIL, || (tried() == "ours: shop").then_some(()));
    fs::write(&file, "fine\n{{ sesion }}").expect("written");
    let refused = wait_until_ok("it is refused", TO_MAIL, || {
        let all = alerts(&drover);
        if all["refusedTemplates"][0].is_object() { Ok(all["refusedTemplates"][0].clone()) } else { Err(all) }
    });
    assert_eq!((&refused["template"], &refused["line"]), (&json!("linked/subject.en.txt"), &json!(2)));
    assert_eq!(tried(), "ours: shop", "the one before stays");
    wait_until("it is said", TO_MAIL, || drover.log().text().contains("a template was refused").then_some(()));
    drover.stop();
}
