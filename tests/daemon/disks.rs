//! Disks that take nothing more: read-only or full, at a start and while it runs. Said clearly, and what needs no disk goes on.

use std::{fs, process::Command, time::Duration};

use crate::support::{Home, Simulator, small_disk::SmallDisk, story, wait_until_ok};

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
        assert!(line.contains(words), "{words:?} in: {line}");
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
    assert!(matches!(refused.status, 201 | 500 | 503 | 507), "taken over or refused, never half: {}", refused.text());

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
