//! The inlet, as docs/inlet.md tells it: with redis-cli alone, a text reaches the phone; what is wrong is laid aside.

use std::{fs, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::support::{Home, Simulator, servers::Redis, story, wait_until};

/// The lines of docs/inlet.md for a shell.
fn documented_lines() -> Vec<String> {
    let document =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/inlet.md")).expect("it is there");
    let blocks = document.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("its first part").trim().to_owned()).collect()
}

/// Runs a documented line against this Redis.
fn run(redis: &Redis, line: &str) -> String {
    let port = redis.url().rsplit(':').next().expect("an address ends with its port").to_owned();
    let line = line.replace("redis-cli", &format!("redis-cli -p {port}"));
    let done = Command::new("bash").args(["-c", &line]).output().expect("bash is installed");
    assert!(done.status.success(), "{line}: {done:?}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn what_is_written_to_the_stream_is_sent_once_and_in_order() {
    let simulator = Simulator::start();
    let redis = Redis::start();
    let home = Home::with(&simulator);
    home.set("REDIS_URL", &redis.url());
    let lines = documented_lines();
    // Written before there is a drover, or a session.
    let drover = home.start();
    let phone = simulator.phone("15550009101", "Ana");
    story::link(&drover, "main", &phone);
    run(&redis, &lines[0]);
    wait_until("the documented text is shown", story::TO_ACK, || {
        phone.sent_with("Your order 17 is on its way").pop().filter(|sent| sent["shown"] == 1)
    });

    drover.terminate().finish();
    for number in 0..10 {
        let payload =
            json!({"session": "main", "chatId": "15559990001", "text": format!("while it was away {number}")});
        redis.command(&["XADD", "drover:outbox", "*", "payload", &payload.to_string()]);
    }
    redis.command(&["XADD", "drover:outbox", "*", "payload", r#"{"session":"ghost","chatId":"1555999","text":"x"}"#]);
    let drover = home.start();
    wait_until("all are shown", story::TO_READY, || (phone.sent().len() >= 11).then_some(()));
    let shown: Vec<Value> = phone.sent().iter().map(|sent| sent["body"].clone()).skip(1).collect();
    let written: Vec<Value> = (0..10).map(|number| json!(format!("while it was away {number}"))).collect();
    assert_eq!(shown, written);
    wait_until("the stream is trimmed", Duration::from_secs(10), || {
        (redis.command(&["XLEN", "drover:outbox"]) == "0").then_some(())
    });
    let aside = run(&redis, &lines[1]);
    assert!(aside.contains("unknown_session") && aside.contains("ghost"), "{aside}");
    let metrics = drover.api().get("/metrics").text();
    assert!(metrics.contains("drover_inlet_entries_total{outcome=\"rejected\"} 1"), "{metrics}");
    drover.stop();
}

#[test]
fn a_backends_own_user_may_write_there_and_nowhere_else() {
    let redis = Redis::start();
    run(&redis, &documented_lines()[2]);
    let by_backend = |words: &[&str]| {
        let login = ["--user", "backend", "--pass", "a-long-password", "--no-auth-warning"];
        redis.command(&[&login, words].concat())
    };
    assert!(by_backend(&["XADD", "drover:outbox", "*", "payload", "{}"]).contains('-'));
    assert_eq!(by_backend(&["XLEN", "drover:outbox"]), "1");
    for refused in
        [vec!["XADD", "drover:outbox:rejected", "*", "a", "b"], vec!["FLUSHALL"], vec!["XADD", "x", "*", "a", "b"]]
    {
        assert!(by_backend(&refused).contains("NOPERM"), "{refused:?}");
    }
}
