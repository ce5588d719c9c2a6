//! Memory: measured truly, held within a budget, and a session that holds too much gets a new browser.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::support::{Drover, Events, Home, Simulator, story, wait_until_ok};

const BOB: &str = "15559990001";
const MB: u64 = 1 << 20;
/// Some measurements, on a busy machine.
const TO_MEASURE: Duration = Duration::from_secs(60);

/// Private memory of these processes by their smaps, in bytes; those of drover's are what it should tell.
fn private_bytes(home: &Home) -> u64 {
    let of = |pid: i32| -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let lines = rollup
            .lines()
            .filter(|line| ["Private_Clean:", "Private_Dirty:", "Swap:"].iter().any(|name| line.starts_with(name)));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>() * 1024
    };
    home.look().iter().map(|process| of(process.pid)).sum()
}

fn memory(drover: &Drover<'_>) -> Value {
    drover.api().get("/api/memory").expect(200)
}

/// What drover, its browsers and its Redis hold, in bytes, by what memory says.
fn held(memory: &Value) -> u64 {
    let sum = |part: &Value| part["privateBytes"].as_u64().unwrap_or(0);
    let sessions: u64 = memory["sessions"].as_array().expect("a list").iter().map(sum).sum();
    sum(&memory["drover"]) + sum(&memory["children"]) + sessions
}

/// Waits for what memory says.
#[track_caller]
fn until(drover: &Drover<'_>, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    wait_until_ok(what, TO_MEASURE, || {
        let memory = memory(drover);
        if holds(&memory) { Ok(memory) } else { Err(memory) }
    })
}

/// Links sessions, and lets them forget that they were linked just now.
fn linked(simulator: &Simulator, home: &Home, names: &[&str]) {
    let drover = home.start();
    for (number, name) in names.iter().enumerate() {
        story::link_for_good(&drover, name, &simulator.phone(&phone(number), name));
    }
    drover.stop();
}

fn phone(number: usize) -> String {
    format!("1555001200{number}")
}

fn hibernated(events: &Events, session: &str, reason: &str) {
    events.wait_for(&format!("{session} sleeps: {reason}"), TO_MEASURE, |event| {
        event.name == "session.hibernated"
            && event.data["session"] == session
            && event.data["payload"]["reason"]["code"] == reason
    });
}

#[test]
fn what_is_held_is_measured_and_kept_within_the_budget() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_MEMORY__SAMPLE_S", "1");
    home.set("DROVER_MEMORY__IDLE_MIN_S", "1");
    home.set("DROVER_MEMORY__SESSION_MAX", "8GB");
    home.set("DROVER_ADMISSION__MEMORY_PER_START_MB", "100");
    let names = ["a", "b", "pinned"];
    linked(&simulator, &home, &names);
    let drover = home.start();
    let put = [("content-type", "application/json")];
    let body = json!({"config": {"pinned": true}}).to_string();
    drover.api().request("PUT", "/api/sessions/pinned", &put, Some(&body)).expect(200);
    for name in names {
        drover.wait_status(name, "WORKING", story::TO_READY);
    }

    // As true as what /proc says of each process.
    let measured = wait_until_ok("drover tells what /proc tells", TO_MEASURE, || {
        let memory = memory(&drover);
        let told = held(&memory);
        let (seen, tolerance) = (private_bytes(&home), 25 * MB);
        let is_close =
            told.abs_diff(seen) < tolerance && memory["sessions"].as_array().is_some_and(|all| all.len() == 3);
        if is_close { Ok(memory) } else { Err((told, seen, memory)) }
    });
    assert_eq!(measured["level"], "normal");
    assert!(measured["limitBytes"].as_u64() >= measured["budgetBytes"].as_u64(), "{measured}");
    assert!(!measured["evictionOrder"].to_string().contains("pinned"), "{measured}");
    let metrics = drover.api().get("/metrics").text();
    for name in
        ["drover_session_memory_private_bytes{session=\"a\"}", "drover_memory_used_bytes", "drover_memory_own_bytes"]
    {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        assert!(value.is_some_and(|value| value > 1e6), "{name}: {value:?}");
    }
    let used = held(&measured);
    drover.stop();

    // Less than half of the budget is in use, until pages grow; and there is room for what is set aside for three starts.
    let budget = used + 500 * MB;
    home.set("DROVER_MEMORY__BUDGET", &budget.to_string());
    let drover = home.start();
    let events = drover.events();
    for name in names {
        drover.wait_status(name, "WORKING", story::TO_READY);
    }
    // They let go of what they loaded with, some 20 s after they are ready; what is measured after that stays so.
    wait_until_ok("their garbage is collected", TO_MEASURE, || {
        let metrics = drover.api().get("/metrics").text();
        let line = metrics.lines().find(|line| line.starts_with("drover_session_collections_total"));
        if line == Some("drover_session_collections_total 3") { Ok(()) } else { Err(line.map(str::to_owned)) }
    });
    let collected_at = memory(&drover)["measuredAt"].clone();
    let calm = until(&drover, "they settle, and nothing is set aside for their start", |memory| {
        let is_new = memory["measuredAt"].as_str() > collected_at.as_str();
        is_new && memory["usedBytes"].as_u64().expect("bytes") < held(memory) + MB
    });
    let calm_bytes = held(&calm);
    let mb_to = |percent: u64| (budget * percent / 100).saturating_sub(calm_bytes) / MB;
    simulator.fault(&json!({"number": phone(2), "heap_mb": mb_to(77)}));
    events.wait_for("memory is short", TO_MEASURE, |event| event.name == "memory.warning");
    drover.send_text("a", BOB, "a was used just now");
    simulator.fault(&json!({"number": phone(2), "heap_mb": mb_to(125)}));
    let critical = events.wait_for("memory is critical", TO_MEASURE, |event| event.name == "memory.critical");
    assert_eq!(critical.data["session"], "pinned", "the largest: {critical:?}");
    hibernated(&events, "b", "memory_critical");
    let alert = |resolved: bool| {
        events.wait_for(&format!("an alert, resolved: {resolved}"), TO_MEASURE, |event| {
            event.name == "alert"
                && event.data["payload"]["code"] == "memory_critical"
                && event.data["payload"]["isResolved"] == resolved
        });
    };
    alert(false);
    assert_eq!(drover.session("pinned")["status"], "WORKING", "it never sleeps");
    // A page that shrinks ends it; who sleeps is still there, and wakes.
    drover.api().request("PUT", "/api/sessions/pinned", &put, Some(&json!({"config": {}}).to_string())).expect(200);
    hibernated(&events, "pinned", "memory_critical");
    alert(true);
    let id = drover.send_text("b", BOB, "b is still there")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(id.rsplit('_').next().expect("a bare id"), 1, TO_MEASURE);
    drover.stop();
}

#[test]
fn sessions_with_work_take_turns_where_there_is_room_for_one() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let names = ["a", "b", "c"];
    linked(&simulator, &home, &names);
    for (name, value) in [
        // Less than drover itself holds: one session at a time, and no more.
        ("DROVER_MEMORY__BUDGET", "1MB"),
        ("DROVER_MEMORY__SAMPLE_S", "1"),
        ("DROVER_MEMORY__TURN_S", "4"),
        ("DROVER_MEMORY__YIELD_AFTER_S", "1"),
        ("DROVER_MEMORY__IDLE_MIN_S", "1"),
        ("DROVER_LIMITS__GAP_MS", "1500"),
    ] {
        home.set(name, value);
    }
    let drover = home.start();
    let events = drover.events();
    let mut ids = Vec::new();
    for number in 0..4 {
        for name in names {
            let sent = drover.send_text(name, BOB, &format!("{name} {number}"));
            ids.push(sent["id"].as_str().expect("an id").rsplit('_').next().expect("a bare id").to_owned());
        }
    }
    wait_until_ok("who has to wait says why", TO_MEASURE, || {
        let reasons = names.map(|name| drover.session(name)["reason"]["code"].clone());
        if reasons.contains(&json!("waiting_for_room")) { Ok(()) } else { Err(reasons) }
    });
    let browsers = || names.iter().filter(|name| home.browser_of(name).is_some()).count();
    wait_until_ok("all are sent", Duration::from_secs(240), || {
        let running = browsers();
        assert!(running <= 1, "{running} browsers in the room of one");
        let left: Vec<&String> = ids.iter().filter(|id| drover.message(id)["ack"].as_i64() < Some(1)).collect();
        if left.is_empty() { Ok(()) } else { Err(left.len()) }
    });
    for (number, name) in names.iter().enumerate() {
        let shown = simulator.phone(&phone(number), name).sent();
        assert_eq!(shown.len(), 4, "{shown:?}");
        assert!(shown.iter().all(|message| message["shown"] == 1), "{shown:?}");
    }
    let turns = events.all().into_iter().filter(|event| event.data["payload"]["reason"]["code"] == "had_its_turn");
    assert!(turns.count() >= 1, "one with messages left made room");
    drover.stop();
}

#[test]
fn a_session_that_holds_too_much_gets_a_new_browser_and_is_quarantined_if_that_does_not_help() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    home.set("DROVER_MEMORY__SAMPLE_S", "1");
    home.set("DROVER_MEMORY__SESSION_MAX", "260MB");
    linked(&simulator, &home, &["shop", "office"]);
    let drover = home.start();
    let events = drover.events();
    for name in ["shop", "office"] {
        drover.wait_status(name, "WORKING", story::TO_READY);
    }
    let office = home.browser_of("office").expect("a browser runs");
    // Above the ceiling, and not above twice that; it holds on over a new browser.
    simulator.fault(&json!({"number": phone(0), "heap_mb": 300}));
    let recycled = |event: &crate::support::events::Event| {
        event.name == "session.status"
            && event.data["session"] == "shop"
            && event.data["payload"]["reason"]["code"] == "recycled"
    };
    events.wait_for("a new browser", TO_MEASURE, recycled);
    let quarantined =
        events.wait_for("quarantine", Duration::from_secs(150), |event| event.name == "session.quarantined");
    assert_eq!(quarantined.data["payload"]["reason"]["code"], "recycled_too_often", "{quarantined:?}");
    assert_eq!(events.all().into_iter().filter(recycled).count(), 2, "the third one was the last");
    let view = drover.session("shop");
    assert_eq!((&view["quarantined"], &view["state"]), (&json!(true), &json!("reconnecting")), "{view}");
    assert_eq!(events.count("qr"), 0, "its login is kept");

    // A person who knows why restarts it.
    simulator.clear_faults();
    drover.order("shop", "restart");
    drover.wait_status("shop", "WORKING", story::TO_READY);
    assert_eq!(home.browser_of("office"), Some(office), "nobody else was touched");

    // One that leaks far beyond it is not waited for.
    simulator.fault(&json!({"number": phone(0), "heap_mb": 700}));
    drover.send_text("shop", BOB, "still sends");
    wait_until_ok("it is recycled", TO_MEASURE, || {
        let count = events.all().into_iter().filter(recycled).count();
        if count >= 3 { Ok(()) } else { Err(count) }
    });
    simulator.clear_faults();
    drover.wait_status("shop", "WORKING", story::TO_READY);
    drover.stop();
}
