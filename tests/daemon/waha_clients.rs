//! `make conformance-waha`: clients written for WAHA, that we did not write, do with drover what they do with WAHA. What they do
//! stands in tests/waha_clients.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{
    receiver::Receiver,
    support::{Home, Simulator},
};

/// The Python that `make` has put the clients into.
pub(crate) fn python(purpose: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_drover")).ancestors().nth(2).expect("a binary lies in target/<profile>");
    let python = target.join("python").join(purpose).join("bin/python");
    assert!(python.exists(), "{} is missing: use the make target", python.display());
    python
}

#[test]
#[ignore = "needs packages of a registry: make conformance-waha"]
fn clients_of_waha_work_by_changing_their_base_url() {
    const EVENTS: Duration = Duration::from_secs(30);
    let (simulator, receiver) = (Simulator::start(), Receiver::start());
    let home = Home::with(&simulator);
    home.set("DROVER_NETWORK__ALLOW_HOSTS", "127.0.0.1");
    let drover = home.start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/waha_clients/clients.py");
    let ended = Command::new(python("waha_clients"))
        .arg(script)
        .args([drover.api().base(), drover.api().key().expect("a key"), simulator.http().base(), &receiver.url("/")])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("Python runs");
    let lines = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{lines}\n{}", String::from_utf8_lossy(&ended.stderr));
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    println!();
    for row in &rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        let held = if row["held"] == true { "held" } else { "NOT HELD" };
        println!("{:<18} {:<30} {held:<9} {}", text("client"), text("operation"), text("detail"));
    }
    receiver.wait_for("the webhooks that both asked for", EVENTS, |received| {
        ["waha-py", "waha-python"].iter().all(|name| {
            received.iter().any(|one| {
                let event = one.json();
                event["session"] == *name && event["event"] == "session.status" && event["metadata"]["team"] == "sales"
            })
        })
    });
    let missed: Vec<&Value> = rows.iter().filter(|row| row["held"] != true).collect();
    println!("{} of {} operations held", rows.len() - missed.len(), rows.len());
    assert!(missed.is_empty(), "{missed:#?}");
    drover.stop();
}
