//! The queues as an operator sees and moves them: figures by state and session, paused, resumed, cleared.

use serde_json::{Value, json};

use crate::support::{Cli, Home, Simulator, story, wait_until_ok};

const BOB: &str = "15559990001@c.us";

#[test]
fn queues_are_counted_paused_resumed_and_cleared() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550009401", "Ana");
    story::link(&drover, "shop", &phone);
    drover.create_stopped("other");
    let stats = |session: &str| -> Value {
        let all = drover.api().get("/api/queue/stats").expect(200);
        let found = all["sessions"].as_array().expect("a list").iter().find(|one| one["session"] == session).cloned();
        found.expect("every session is there")
    };
    drover.send_text("other", BOB, "waits");
    Cli::run(&drover, &["queue", "pause", "shop"]);
    let ids: Vec<String> = (0..5)
        .map(|number| drover.send_text("shop", BOB, &number.to_string())["id"].as_str().expect("an id").to_owned())
        .collect();
    let shop = stats("shop");
    assert_eq!((&shop["depth"], &shop["states"]["queued"], &shop["paused"]), (&json!(5), &json!(5), &json!(true)));
    assert_eq!((&stats("other")["depth"], &stats("other")["paused"]), (&json!(1), &json!(false)));
    let table = Cli::run(&drover, &["queue", "stats"]);
    assert!(table.lines().any(|line| line.starts_with("shop") && line.contains("paused")), "{table}");

    // All of them, and one of them, are two pauses.
    drover.api().post("/api/queue/pause", &Value::Null).expect(201);
    Cli::run(&drover, &["queue", "resume", "shop"]);
    assert_eq!(stats("shop")["pausedAll"], true);

    for (path, status) in [
        ("/api/queue", 422),
        ("/api/queue?confirm=", 422),
        ("/api/queue?confirm=ghost", 404),
        ("/api/queue?confirm=a%20b", 422),
    ] {
        assert_eq!(drover.api().delete(path).status, status, "{path}");
    }
    assert_eq!(stats("shop")["depth"], 5, "nothing was cancelled by mistake");
    let answer = drover.api().delete("/api/queue?confirm=shop").expect(200);
    assert_eq!(answer, json!({"cancelled": 5, "sessions": ["shop"]}));
    assert!(ids.iter().all(|id| drover.message(id)["state"] == "cancelled"));
    assert_eq!((&stats("shop")["depth"], &stats("shop")["waiting"]), (&json!(0), &json!(0)));
    assert_eq!(stats("other")["depth"], 1);

    Cli::run(&drover, &["queue", "resume"]);
    let id = drover.send_text("shop", BOB, "goes on")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 1, story::TO_ACK);
    assert_eq!(phone.sent().len(), 1, "{:?}", phone.sent());
    let said = Cli::run(&drover, &["queue", "clear", "--all", "--yes"]);
    assert!(said.contains("1 message was cancelled"), "{said}");
    wait_until_ok("nothing waits", story::TO_ACK, || {
        let all = drover.api().get("/api/queue/stats").expect(200);
        if all["depth"] == 0 { Ok(()) } else { Err(all) }
    });
    drover.stop();
}
