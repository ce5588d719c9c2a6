//! Disks that take nothing more: read-only or full, at a start and while it runs. Said clearly, and what needs no disk goes on.

use std::{fs, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    alerts::{TO_MAIL, mailed},
    support::{
        Drover, Home, Simulator, holds_for,
        mail::{Encryption, Mail, MailServer},
        small_disk::SmallDisk,
        story, wait_until_ok,
    },
};

const BOB: &str = "15559990031@c.us";

#[test]
fn a_volume_that_is_mounted_read_only_is_refused_at_a_start() {
    const SCRIPT: &str = r#"mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@""#;
    let home = Home::bare();
    home.set("DROVER_LOG__LEVEL", "error");
    let inner = home.command(&["serve"]);
    for namespace in [&["--mount"][..], &["--mount", "--user", "--map-root-user"]] {
        let contained = |program: &std::ffi::OsStr, arguments: Vec<&std::ffi::OsStr>| {
            let mut command = Command::new("unshare");
            command.args(namespace).args(["sh", "-c", SCRIPT, "sh"]).arg(home.data()).arg(program).args(arguments);
            command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.current_dir(home.path()).output()
        };
        if !contained("true".as_ref(), Vec::new()).is_ok_and(|output| output.status.success()) {
            continue;
        }
        let output = contained(inner.get_program(), inner.get_args().collect()).expect("unshare");
        let line = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        for words in ["the data folder", "cannot be written to", "Read-only", "DROVER_DATA_DIR"] {
            assert!(line.contains(words), "{words:?} in: {line}");
        }
        return;
    }
    println!("SKIPPED: this machine allows no mount");
}

#[test]
fn a_full_disk_is_refused_at_a_start() {
    let home = Home::bare();
    home.set("DROVER_LOG__LEVEL", "error");
    fs::write(home.data().join("filler"), vec![7; 1 << 20]).expect("this disk has room");
    let disk = match SmallDisk::new(&home.data(), 1) {
        Ok(disk) => disk,
        Err(error) => {
            println!("SKIPPED: {error}");
            return;
        }
    };
    home.put_on(&disk);
    let refusal = home.start_refused();
    let line = refusal.one_line();
    for words in ["the data folder", "cannot be written to", "No space left", "DROVER_DATA_DIR"] {
        assert_eq!(line.matches(words).count(), 1, "{words:?} in: {line}");
    }
}

#[test]
fn a_disk_that_fills_up_is_said_once_and_sessions_go_on() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_HEALTH__DISK_FREE_MB", "17");
    let drover = home.start();
    let phone = simulator.phone("15550006031", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    drover.stop();
    // Large enough for a browser to start; it runs already when the disk fills.
    let disk = match SmallDisk::new(&home.data(), 96) {
        Ok(disk) => disk,
        Err(error) => {
            println!("SKIPPED: {error}");
            return;
        }
    };
    home.put_on(&disk);
    let drover = home.start();
    drover.wait_status("shop", "WORKING", story::TO_READY);
    let before = drover.send_text("shop", BOB, "while there is room")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&before, 1, story::TO_ACK);

    let filler = disk.fill(drover.pid());
    let health = wait_until_ok("health tells", Duration::from_secs(10), || {
        let health = drover.api().get("/health").json();
        if health["details"]["disk"]["status"] == "down" { Ok(health) } else { Err(health) }
    });
    assert_eq!(health["details"]["database"]["status"], "up", "it still answers: {health}");
    let message = health["details"]["disk"]["message"].as_str().expect("what to do");
    assert!(message.contains("make room"), "{message}");
    // Asked often, said once.
    for _ in 0..5 {
        drover.api().get("/health/ready");
    }
    assert_eq!(drover.session("shop")["status"], "WORKING", "what runs goes on");
    let refused =
        drover.api().post("/api/sendText", &serde_json::json!({"session": "shop", "chatId": BOB, "text": "no room"}));
    assert!(matches!(refused.status, 201 | 503), "taken over or refused, never half: {}", refused.text());

    fs::remove_file(filler).expect("the filler goes");
    wait_until_ok("health is well again", Duration::from_secs(10), || {
        let health = drover.api().get("/health").json();
        if health["details"]["disk"]["status"] == "down" { Err(health) } else { Ok(()) }
    });
    let after = drover.send_text("shop", BOB, "with room again")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&after, 1, story::TO_READY);
    phone.shown_once("with room again");
    let log = drover.log().text();
    let said = log.lines().filter(|line| line.contains("a part is not well") && line.contains("disk is full")).count();
    assert_eq!(said, 1, "said once, however often it is asked:\n{log}");
    drover.stop();
}

/// Waits until health says this of the disk, and gives what it says.
#[track_caller]
fn wait_disk(drover: &Drover<'_>, status: &str) -> String {
    let disk = wait_until_ok(&format!("the disk is {status}"), Duration::from_secs(20), || {
        let health = drover.api().get("/health").json();
        let disk = health["details"]["disk"].clone();
        if disk["status"] == status { Ok(disk) } else { Err(health) }
    });
    disk["message"].as_str().unwrap_or_default().to_owned()
}

/// The mails about a disk that takes nothing, and about its end.
fn about_the_disk(server: &MailServer) -> Vec<Mail> {
    let is_about = |mail: &Mail| mail.subject.contains("takes nothing") || mail.subject.contains("well again");
    server.mails().into_iter().filter(is_about).collect()
}

#[test]
fn a_disk_that_fails_is_said_once_by_mail_too_and_its_sessions_are_there_when_it_is_mended() {
    let simulator = Simulator::start();
    let server = MailServer::start(Encryption::StartTls);
    let home = Home::with(&simulator);
    mailed(&home, &server);
    home.set("DROVER_HEALTH__DISK_FREE_MB", "17");
    home.set("DROVER_ALERTS__DISK_FREE_MB", "0");
    let drover = home.start();
    let phone = simulator.phone("15550006032", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    drover.stop();
    let disk = match SmallDisk::that_can_fail(&home.data(), 192) {
        Ok(disk) => disk,
        Err(error) => {
            println!("SKIPPED: {error}");
            return;
        }
    };
    home.put_on(&disk);
    let drover = home.start();
    drover.wait_status("shop", "WORKING", story::TO_READY);
    let send = |drover: &Drover<'_>, words: &str| {
        drover.api().post("/api/sendText", &json!({"session": "shop", "chatId": BOB, "text": words}))
    };
    let before = send(&drover, "while it is well").expect(201)["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&before, 1, story::TO_ACK);

    disk.fail(drover.pid());
    let message = wait_disk(&drover, "down");
    assert!(message.contains("cannot be written to") || message.contains("read-only"), "{message}");
    // The database lies on that disk: the alert is mailed all the same.
    let mails = wait_until_ok("it is mailed", TO_MAIL, || {
        let mails = about_the_disk(&server);
        if mails.is_empty() { Err(drover.log().text()) } else { Ok(mails) }
    });
    assert!(mails[0].text.contains("Read-only file system") && mails[0].html.contains("dmesg"), "{}", mails[0].text);
    let open = drover.api().get("/api/alerts").expect(200)["open"].clone();
    assert_eq!((&open[0]["code"], &open[1]), (&json!("disk_unwritable"), &Value::Null), "whoever asks is told: {open}");
    let refused = send(&drover, "nothing takes it down");
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("database_unwritable")), "{}", refused.text());
    holds_for("the session goes on", Duration::from_secs(5), || drover.session("shop")["status"] == "WORKING");
    let log = drover.log().text();
    let said = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(said("nothing can be written to"), 1, "once:\n{log}");
    assert_eq!(about_the_disk(&server).len(), 1, "once");
    drover.stop();

    let drover = home.start();
    drover.wait_status("shop", "WORKING", story::TO_READY);
    wait_disk(&drover, "up");
    let after = send(&drover, "mended").expect(201)["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&after, 1, story::TO_ACK);
    for words in ["while it is well", "mended"] {
        phone.shown_once(words);
    }
    assert!(phone.sent_with("nothing takes it down").is_empty(), "it was refused");
    drover.stop();
}

#[test]
fn a_volume_that_turns_read_only_is_an_alert_until_it_can_be_written_to_again() {
    let simulator = Simulator::start();
    let server = MailServer::start(Encryption::StartTls);
    let home = Home::with(&simulator);
    mailed(&home, &server);
    home.set("DROVER_HEALTH__DISK_FREE_MB", "17");
    home.set("DROVER_ALERTS__DISK_FREE_MB", "0");
    let drover = home.start();
    let phone = simulator.phone("15550006033", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    drover.stop();
    let disk = match SmallDisk::new(&home.data(), 128) {
        Ok(disk) => disk,
        Err(error) => {
            println!("SKIPPED: {error}");
            return;
        }
    };
    home.put_on(&disk);
    let drover = home.start();
    drover.wait_status("shop", "WORKING", story::TO_READY);
    let events = drover.events();
    if let Err(error) = disk.forbid_writing(drover.pid()) {
        println!("SKIPPED: {error}");
        drover.stop();
        return;
    }
    let message = wait_disk(&drover, "down");
    assert!(message.contains("mounted read-only") && message.contains("mount it writable"), "{message}");
    let told = |resolved: bool| {
        events.wait_for("the alert", TO_MAIL, |event| {
            event.name == "alert"
                && event.data["payload"]["code"] == "disk_unwritable"
                && event.data["payload"]["isResolved"] == resolved
        })
    };
    let alert = told(false).data["payload"].clone();
    assert!(alert["message"].as_str().is_some_and(|text| text.contains("Read-only file system")), "{alert}");
    let open = drover.api().get("/api/alerts").expect(200)["open"].clone();
    let codes: Vec<&Value> = open.as_array().expect("a list").iter().map(|open| &open["code"]).collect();
    assert_eq!(codes, ["disk_unwritable"], "{open}");
    holds_for("the session goes on", Duration::from_secs(3), || drover.session("shop")["status"] == "WORKING");

    disk.allow_writing(drover.pid()).expect("it is unmounted");
    wait_disk(&drover, "up");
    told(true);
    let subjects = wait_until_ok("its end is mailed", TO_MAIL, || {
        let mails: Vec<_> = about_the_disk(&server).into_iter().map(|mail| mail.subject).collect();
        if mails.len() == 2 { Ok(mails) } else { Err(mails) }
    });
    assert!(subjects[0].contains("takes nothing") && subjects[1].contains("well again"), "{subjects:?}");
    let id = drover.send_text("shop", BOB, "writable again")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 1, story::TO_ACK);
    phone.shown_once("writable again");
    let log = drover.log().text();
    assert_eq!(log.lines().filter(|line| line.contains("nothing can be written to")).count(), 1, "once:\n{log}");
    drover.stop();
}
