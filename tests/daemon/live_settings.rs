//! What changes while drover runs: settings, log levels and the bridge, by the files, by SIGHUP and over the API; what is wrong is
//! refused once, with its line, and the old one stays. And log lines in a file, also when its disk is full.

use std::{fs, path::Path, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::support::{Drover, Home, Simulator, small_disk::SmallDisk, story, wait_until, wait_until_ok};

/// A change of a file is heard, read and taken over.
const TO_TAKE: Duration = Duration::from_secs(15);

fn settings(drover: &Drover<'_>) -> Value {
    drover.api().get("/api/server/config").expect(200)
}

fn value(drover: &Drover<'_>, name: &str) -> Value {
    let settings = settings(drover);
    let all = settings["settings"].as_array().expect("a list");
    all.iter().find(|setting| setting["name"] == name).unwrap_or_else(|| panic!("{name} is a setting"))["value"].clone()
}

#[track_caller]
fn wait_log(drover: &Drover<'_>, wanted: &str, times: usize) {
    wait_until_ok(&format!("the log says {times} times: {wanted}"), TO_TAKE, || {
        let said = drover.log().text().matches(wanted).count();
        if said == times { Ok(()) } else { Err(said) }
    });
}

#[test]
fn settings_and_levels_change_while_it_runs_and_a_wrong_file_changes_nothing() {
    let home = Home::bare();
    home.unset("DROVER_LIMITS__PER_HOUR");
    home.unset("DROVER_LOG__LEVEL");
    let file = home.path().join("drover.toml");
    fs::write(&file, "[limits]\nper_hour = 100000\n").expect("written");
    let drover = home.start();
    assert_eq!(value(&drover, "limits.per_hour"), "100000");
    let log = || drover.api().get("/api/server/log").expect(200)["level"].clone();
    assert_eq!(log(), "info");

    // Half written: refused with its line, once, however often it is written so; the old one stays.
    for _ in 0..2 {
        fs::write(&file, "[limits]\nper_hour = 200000\n[log]\nlevel = \"de").expect("written");
        wait_until_ok("it is refused", TO_TAKE, || {
            let refused = settings(&drover)["refused"]["message"].as_str().unwrap_or_default().to_owned();
            if refused.contains("drover.toml:4") { Ok(()) } else { Err(refused) }
        });
        kill(Pid::from_raw(drover.pid()), Signal::SIGHUP).expect("it runs");
    }
    let at = settings(&drover)["refused"]["at"].clone();
    assert!(at.as_str().is_some_and(|at| at.ends_with('Z')), "times are RFC 3339: {at}");
    wait_log(&drover, "SIGHUP", 2);
    wait_log(&drover, "the settings stay as they were", 1);
    assert_eq!((value(&drover, "limits.per_hour"), log()), (json!("100000"), json!("info")));

    // Written to its end: what can be is taken over, the rest is named.
    let whole = "[limits]\nper_hour = 200000\n[log]\nlevel = \"debug\"\n[http]\nwait_timeout_s = 61\napi_key = \"not-to-be-shown\"\n";
    fs::write(&file, whole).expect("written");
    wait_until_ok("it is taken over", TO_TAKE, || if log() == "debug" { Ok(()) } else { Err(settings(&drover)) });
    wait_log(&drover, "need a restart", 1);
    let all = settings(&drover);
    assert_eq!((&all["refused"], value(&drover, "limits.per_hour")), (&Value::Null, json!("200000")));
    assert_eq!(all["awaitingRestart"], json!(["http.api_key", "http.wait_timeout_s"]));
    for text in [all.to_string(), drover.log().text()] {
        assert!(!text.contains("not-to-be-shown"), "a secret is shown: {text}");
    }

    // Levels a module, over the API; what is none is refused.
    let changed = drover.api().put("/api/server/log", &json!({"level": "warn,drover::api=trace"}));
    assert_eq!(changed.expect(200)["level"], "warn,drover::api=trace");
    assert_eq!(log(), "warn,drover::api=trace");
    for wrong in [json!({}), json!({"level": 3}), json!({"level": "loud"}), json!({"level": "info,drover=shout"})] {
        let problem = drover.api().put("/api/server/log", &wrong).expect(422);
        assert_eq!(problem["fields"][0]["field"], "level", "{problem}");
    }
    for path in ["/api/server/log", "/api/server/config"] {
        assert_eq!(drover.api().with_key(None).get(path).status, 401);
    }
    drover.stop();
}

#[test]
fn a_bridge_that_does_not_work_or_lacks_something_is_taken_back_and_said_once() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let file = home.path().join("bridge.js");
    let whole = drover::browser::built_in_bridge();
    fs::write(&file, &whole).expect("written");
    home.set("DROVER_BRIDGE", &file.display().to_string());
    let drover = home.start();
    let events = drover.events();
    let phone = simulator.phone("15550007011", "Ana");
    story::link(&drover, "shop", &phone);

    let refusals = |resolved: bool| {
        let is_one = |event: &crate::support::events::Event| {
            event.name == "alert"
                && event.data["payload"]["code"] == "bridge_refused"
                && event.data["payload"]["isResolved"] == resolved
        };
        events.all().into_iter().filter(is_one).collect::<Vec<_>>()
    };
    for (number, (wrong, why)) in [
        ("this is no script".to_owned(), "does not run"),
        (whole.replace("WAWebAltDeviceLinkingApi", "WAWebRenamedOverNight"), "lacks"),
        ("window.nothing = true;".to_owned(), "sets nothing up"),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&file, wrong).expect("written");
        wait_until_ok("the refusal is said", story::TO_READY, || {
            let text = drover.log().text();
            let said: Vec<_> = text.lines().filter(|line| line.contains("was refused by the page of 'shop'")).collect();
            if said.len() == number + 1 && said[number].contains(why) { Ok(()) } else { Err(said.join("\n")) }
        });
        // One problem until a bridge works.
        let told = wait_until("the refusal is told", story::TO_READY, || refusals(false).first().cloned());
        assert_eq!((refusals(false).len(), &told.data["session"]), (1, &json!("server")));
        let text = format!("after refusal {number}");
        let id = drover.send_text("shop", "15559990001@c.us", &text)["id"].as_str().expect("an id").to_owned();
        drover.wait_ack(&id, 1, story::TO_ACK);
        assert_eq!(drover.session("shop")["page"]["missingCapabilities"], json!([]), "the old one is back");
    }

    // What a refused bridge missed was never WhatsApp Web's change.
    let flashes = |event: &crate::support::events::Event| {
        event.name == "bridge.degraded" || event.data["payload"]["code"] == "web_changed"
    };
    assert_eq!(events.all().into_iter().filter(flashes).count(), 0, "{:?}", events.all());

    // A page that starts now gets the one that works, too.
    drover.order("shop", "restart");
    drover.wait_status("shop", "WORKING", story::TO_READY);
    assert_eq!(drover.session("shop")["page"]["missingCapabilities"], json!([]));

    fs::write(&file, format!("{whole}\n// mended\n")).expect("written");
    wait_until_ok("the end is told", story::TO_READY, || {
        let told = refusals(true);
        if told.len() == 1 { Ok(()) } else { Err(events.all()) }
    });
    drover.stop();
}

#[test]
fn a_log_file_on_a_full_disk_stops_nobody_and_is_written_to_again() {
    let home = Home::bare();
    let folder = home.path().join("lines");
    fs::create_dir(&folder).expect("a folder");
    let disk = match SmallDisk::new(&folder, 1) {
        Ok(disk) => disk,
        Err(why) => {
            println!("not tested: this machine allows no mount ({why})");
            return;
        }
    };
    home.put_on(&disk);
    let file = folder.join("drover.log");
    home.set("DROVER_LOG__FILE", &file.display().to_string());
    home.set("DROVER_LOG__FILE_MAX_BYTES", "65536");
    home.set("DROVER_LOG__FILES", "2");
    home.set("DROVER_LOG__LEVEL", "debug");
    let drover = home.start();
    let seen =
        Path::new(&format!("/proc/{}/root", drover.pid())).join(file.strip_prefix("/").expect("an absolute path"));
    let lines = || fs::read_to_string(&seen).unwrap_or_default();
    wait_until("lines are written", TO_TAKE, || lines().contains("\"message\"").then_some(()));
    for line in lines().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "each line is JSON: {line}");
    }

    let filler = disk.fill(drover.pid());
    wait_until("it is said", TO_TAKE, || {
        drover.api().get("/api/sessions").expect(200);
        drover.log().text().contains("log lines cannot be written to their file").then_some(())
    });
    for _ in 0..20 {
        drover.api().get("/api/sessions").expect(200);
    }
    assert_eq!(drover.log().text().matches("log lines cannot be written").count(), 1, "once");
    drover.create("shop");

    fs::remove_file(filler).expect("the filler goes");
    wait_until("lines are written again", TO_TAKE, || {
        drover.api().get("/api/sessions").expect(200);
        drover.log().text().contains("written to their file again").then_some(())
    });
    wait_until("and rotated", TO_TAKE, || {
        drover.api().get("/api/sessions").expect(200);
        seen.with_file_name("drover.log.1").exists().then_some(())
    });
    for line in lines().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "no half line: {line}");
    }
    drover.stop();
}
