//! `make bench-memory`: what linked sessions that do nothing cost here and under whatsapp-web.js, and how forty of them share the room of
//! eight. Writes target/bench/memory.json; docs/memory.md has the targets.
//!
//! Both sides drive the same simulator and are looked at in the same way, in runs that alternate: private memory and processor time of
//! every process that they have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rand::seq::SliceRandom;
use serde_json::{Value, json};

use crate::support::{
    Drover, Home, Simulator,
    process::{self, MARK, Process},
    story, wait_until_ok,
};

const BOB: &str = "15559990001";
/// What a page of WhatsApp Web with some chats holds beside itself.
const HEAP_MB: u64 = 60;

/// A number of the environment's, for a shorter run.
fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What one run of one side gave; times in seconds, one a session.
#[derive(Debug, Default)]
struct Run {
    /// Of everything: browsers, and drover with its Redis, or node.
    private_mb: f64,
    /// Of the browsers alone.
    browsers_mb: f64,
    cpu_percent: f64,
    to_qr: Vec<f64>,
    to_ready: Vec<f64>,
}

/// Private memory of some processes in MB, by smaps_rollup.
fn private_mb(processes: &BTreeSet<Process>) -> f64 {
    let of = |pid: i32| -> u64 {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let lines = rollup
            .lines()
            .filter(|line| ["Private_Clean:", "Private_Dirty:", "Swap:"].iter().any(|name| line.starts_with(name)));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
    };
    processes.iter().map(|process| of(process.pid)).sum::<u64>() as f64 / 1024.0
}

/// Their processor time so far, in clock ticks.
fn ticks(processes: &BTreeSet<Process>) -> u64 {
    let of = |pid: i32| -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    processes.iter().filter_map(|process| of(process.pid)).sum()
}

/// Lets everything settle, then looks: memory and the share of one core.
fn look(scratch: &Path, run: &mut Run) {
    thread::sleep(Duration::from_secs(setting("MEMORY_SETTLE_S", 60)));
    let watched = Duration::from_secs(setting("MEMORY_WATCH_S", 90));
    let (before, began) = (ticks(&process::family(scratch)), Instant::now());
    thread::sleep(watched);
    let family = process::family(scratch);
    // A hundred ticks are a second.
    run.cpu_percent = ticks(&family).saturating_sub(before) as f64 / began.elapsed().as_secs_f64();
    run.private_mb = private_mb(&family);
    // Each browser is a process group.
    let groups: BTreeSet<i32> =
        family.iter().filter(|process| is_browser(process)).map(|process| process.group).collect();
    run.browsers_mb = private_mb(&family.into_iter().filter(|process| groups.contains(&process.group)).collect());
}

fn number(side: usize, session: u64) -> String {
    format!("1555{side:02}{session:05}")
}

// -- drover --

/// Waits for an event of a session since `began`; seconds.
fn seconds_to(drover: &Drover<'_>, order: impl FnOnce(), is_there: impl Fn(&Value) -> bool, session: &str) -> f64 {
    let events = drover.events();
    let began = Instant::now();
    order();
    events.wait_for(&format!("{session} is there"), story::TO_READY, |event| {
        event.data["session"] == session && is_there(&event.data)
    });
    began.elapsed().as_secs_f64()
}

fn is_ready(event: &Value) -> bool {
    event["event"] == "session.status" && event["payload"]["state"] == "ready"
}

fn run_drover(simulator: &Simulator, sessions: u64, run_number: usize) -> Run {
    let mut run = Run::default();
    let home = Home::with(simulator);
    home.set("DROVER_LOG__LEVEL", "info");
    let drover = home.start();
    for session in 0..sessions {
        let name = format!("s{session}");
        let create = || drop(drover.create(&name));
        run.to_qr.push(seconds_to(&drover, create, |event| event["event"] == "qr", &name));
        simulator.phone(&number(run_number, session), &name).scan(&story::read_qr(&drover, &name));
        drover.wait_status(&name, "WORKING", story::TO_READY);
    }
    look(home.path(), &mut run);
    for session in 0..sessions {
        let name = format!("s{session}");
        drover.order(&name, "stop");
    }
    for session in 0..sessions {
        let name = format!("s{session}");
        let start = || drop(drover.order(&name, "start"));
        run.to_ready.push(seconds_to(&drover, start, is_ready, &name));
    }
    drover.stop();
    run
}

// -- whatsapp-web.js --

/// A node process with its clients, and what it says.
struct Clients {
    child: Child,
    lines: mpsc::Receiver<Value>,
}

impl Clients {
    fn start(simulator: &Simulator, scratch: &Path, profiles: &Path, sessions: u64) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulator/conformance/wwebjs/idle.mjs");
        let port = simulator.https().rsplit(':').next().expect("a port").to_owned();
        let mut child = Command::new("node")
            .arg(script)
            .arg(port)
            .arg(profiles)
            .arg(sessions.to_string())
            .env(MARK, scratch)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("node can be started: make bench-memory installs what it needs");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Ok(line) = serde_json::from_str(&line) {
                    let _ended = sender.send(line);
                }
            }
        });
        Self { child, lines }
    }

    /// The next line about a client.
    fn wait(&self, client: u64, event: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(story::TO_READY * 2).expect("whatsapp-web.js gets there");
            if line["client"] == client && line["event"] == event {
                return line;
            }
        }
    }

    fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        let _gone = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _status = wait_until_ok("whatsapp-web.js ends", Duration::from_secs(60), || {
            self.child.try_wait().expect("it is our child").ok_or("it runs")
        });
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        let _gone = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
        let _reaped = self.child.wait();
    }
}

fn run_wwebjs(simulator: &Simulator, sessions: u64, run_number: usize) -> Run {
    let seconds = |line: &Value| line["ms"].as_f64().expect("a time") / 1000.0;
    let mut run = Run::default();
    let scratch = tempfile::Builder::new().prefix("w-").tempdir().expect("a folder");
    let profiles = scratch.path().join("profiles");
    fs::create_dir(&profiles).expect("a new folder takes folders");
    let clients = Clients::start(simulator, scratch.path(), &profiles, sessions);
    for session in 0..sessions {
        let shown = clients.wait(session, "qr");
        run.to_qr.push(seconds(&shown));
        simulator.phone(&number(run_number, session), "w").scan(shown["qr"].as_str().expect("a QR"));
        clients.wait(session, "ready");
    }
    look(scratch.path(), &mut run);
    clients.stop();
    let clients = Clients::start(simulator, scratch.path(), &profiles, sessions);
    for session in 0..sessions {
        run.to_ready.push(seconds(&clients.wait(session, "ready")));
    }
    clients.stop();
    run
}

// -- forty in the room of eight --

/// How forty sessions did.
struct Shared {
    wake_p50_s: f64,
    delivered_p95_s: f64,
    most_awake: usize,
    sessions: usize,
    room: usize,
}

/// The middle of some figures.
fn median(figures: &[f64]) -> f64 {
    percentile(figures, 0.5)
}

fn percentile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

fn link_all(simulator: &Simulator, home: &Home, sessions: usize) {
    let drover = home.start();
    for session in 0..sessions {
        let name = format!("s{session:02}");
        story::link(&drover, &name, &simulator.phone(&number(40, session as u64), &name));
    }
    // What was linked just now brings in its history first.
    for session in 0..sessions {
        let path = format!("/api/sessions/s{session:02}/hibernate");
        wait_until_ok("it sleeps", Duration::from_secs(240), || {
            let reply = drover.api().post(&path, &Value::Null);
            if reply.status == 201 { Ok(()) } else { Err(reply.text()) }
        });
    }
    drover.stop();
}

fn wake_times(home: &Home) -> Vec<f64> {
    let drover = home.start();
    let times = (0..setting("MEMORY_WAKES", 8))
        .map(|session| {
            let name = format!("s{session:02}");
            let wake = || drop(drover.order(&name, "wake"));
            let took = seconds_to(&drover, wake, is_ready, &name);
            drover.order(&name, "hibernate");
            took
        })
        .collect();
    drover.stop();
    times
}

fn share_room(simulator: &Simulator, browser_mb: f64) -> Shared {
    let sessions = usize::try_from(setting("MEMORY_MANY", 40)).expect("a number of sessions");
    let room = usize::try_from(setting("MEMORY_ROOM", 8)).expect("a number of sessions");
    let home = Home::with(simulator);
    home.set("DROVER_LOG__LEVEL", "info");
    link_all(simulator, &home, sessions);
    let wake_p50_s = median(&wake_times(&home));

    // Room for so many and a bit, below what counts as critical; 50 MB for drover and its Redis.
    let budget_mb = ((room as f64 + 0.5) * browser_mb + 50.0) / 0.85;
    home.set("DROVER_MEMORY__BUDGET", &format!("{}MB", budget_mb.round()));
    home.set("DROVER_ADMISSION__MEMORY_PER_START_MB", &format!("{}", browser_mb.round()));
    let drover = home.start();
    let events = drover.events();
    let mut order: Vec<usize> = (0..sessions).collect();
    order.shuffle(&mut rand::rng());
    let mut accepted: BTreeMap<String, Instant> = BTreeMap::new();
    for session in order {
        let sent = drover.send_text(&format!("s{session:02}"), BOB, &format!("hello from {session}"));
        let id = sent["id"].as_str().expect("an id").rsplit('_').next().expect("a bare id").to_owned();
        accepted.insert(id, Instant::now());
    }
    let mut delivered: BTreeMap<String, f64> = BTreeMap::new();
    let mut most_awake = 0;
    let began = Instant::now();
    while delivered.len() < accepted.len() {
        assert!(
            began.elapsed() < Duration::from_secs(1_800),
            "only {} of {} were sent",
            delivered.len(),
            accepted.len()
        );
        most_awake = most_awake.max(home.look().iter().filter(|process| is_browser(process)).count());
        for event in events.all().iter().filter(|event| event.name == "message.ack") {
            let id = event.data["payload"]["id"].as_str().and_then(|id| id.rsplit('_').next()).unwrap_or_default();
            if let (Some(at), false) = (accepted.get(id), delivered.contains_key(id)) {
                delivered.insert(id.to_owned(), at.elapsed().as_secs_f64());
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
    for session in 0..sessions {
        simulator.phone(&number(40, session as u64), "s").shown_once(&format!("hello from {session}"));
    }
    drover.stop();
    let times: Vec<f64> = delivered.into_values().collect();
    Shared { wake_p50_s, delivered_p95_s: percentile(&times, 0.95), most_awake, sessions, room }
}

/// The main process of a browser.
fn is_browser(process: &Process) -> bool {
    process.command.contains("--user-data-dir=")
        && !process.command.contains("--type=")
        && !process.command.starts_with("/bin/sh ")
        && !process.command.starts_with("/bin/bash ")
}

#[test]
#[ignore = "make bench-memory"]
fn bench_memory() {
    let simulator = Simulator::start();
    simulator.fault(&json!({"heap_mb": HEAP_MB}));
    let (runs, sessions) = (setting("MEMORY_RUNS", 3), setting("MEMORY_SESSIONS", 4));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..runs {
        let at = usize::try_from(run).expect("a few");
        theirs.push(run_wwebjs(&simulator, sessions, 10 + at));
        ours.push(run_drover(&simulator, sessions, 20 + at));
        println!("whatsapp-web.js: {:?}\ndrover:          {:?}", theirs[at], ours[at]);
    }
    let per_session =
        |runs: &[Run]| median(&runs.iter().map(|run| run.private_mb).collect::<Vec<_>>()) / sessions as f64;
    let middle = |runs: &[Run], times: fn(&Run) -> Vec<f64>| median(&runs.iter().flat_map(times).collect::<Vec<_>>());
    let ratio = |times: fn(&Run) -> Vec<f64>| middle(&ours, times) / middle(&theirs, times);
    let private_mb = per_session(&ours);
    let browsers_mb: Vec<f64> = ours.iter().map(|run| run.browsers_mb).collect();
    let shared = share_room(&simulator, median(&browsers_mb) / sessions as f64);
    let report = json!({
        "private_mb_per_session": private_mb,
        "private_mb_per_session_wwebjs": per_session(&theirs),
        "ratio_private": private_mb / per_session(&theirs),
        "to_qr_s": middle(&ours, |run| run.to_qr.clone()),
        "ratio_qr": ratio(|run| run.to_qr.clone()),
        "to_ready_s": middle(&ours, |run| run.to_ready.clone()),
        "ratio_ready": ratio(|run| run.to_ready.clone()),
        "idle_cpu_percent": middle(&ours, |run| vec![run.cpu_percent]),
        "ratio_idle_cpu": ratio(|run| vec![run.cpu_percent]),
        "wake_p50_s": shared.wake_p50_s,
        "sessions": shared.sessions,
        "room": shared.room,
        "most_awake": shared.most_awake,
        "delivered_p95_s": shared.delivered_p95_s,
    });
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder").join("bench");
    fs::create_dir_all(&folder).expect("the target folder takes folders");
    let text = serde_json::to_string_pretty(&report).expect("numbers can be written");
    fs::write(folder.join("memory.json"), &text).expect("the target folder can be written to");
    println!("{text}");

    let at_most = |name: &str, limit: f64| {
        let value = report[name].as_f64().expect("a figure");
        assert!(value <= limit, "{name} is {value}, more than {limit}");
    };
    at_most("ratio_private", 0.5);
    at_most("ratio_qr", 0.9);
    at_most("ratio_ready", 0.9);
    at_most("ratio_idle_cpu", 0.8);
    at_most("wake_p50_s", 6.0);
    assert!(shared.most_awake <= shared.room + 1, "{} browsers in the room of {}", shared.most_awake, shared.room);
    at_most("delivered_p95_s", 3.0 * shared.sessions as f64 * shared.wake_p50_s);
}
