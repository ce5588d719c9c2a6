//! A machine whose clock is set while drover runs, forward and back: said once, and the sessions go on as if nothing was.

use std::time::Duration;

use serde_json::json;

use crate::support::{Home, Simulator, holds_for, set_clock::SetClock, story, wait_until};

const BOB: &str = "15559990071";
const CARA: &str = "15559990072";
const HOUR_MS: i64 = 3_600_000;
/// drover looks at the clock every five seconds.
const TO_NOTICE: Duration = Duration::from_secs(20);

#[test]
fn a_clock_that_is_set_forward_and_back_is_said_once_and_the_session_goes_on() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    // A gap, a limit a minute and one an hour: each of them would last an hour longer where times of before the jump are believed.
    home.set("DROVER_LIMITS__GAP_MS", "500");
    home.set("DROVER_LIMITS__PER_RECIPIENT_PER_MINUTE", "100");
    let clock = match SetClock::of(&home) {
        Ok(clock) => clock,
        Err(error) => {
            println!("SKIPPED: {error}");
            return;
        }
    };
    let drover = home.start();
    let phone = simulator.phone("15550007071", "Ana");
    story::link(&drover, "shop", &phone);
    let browser = home.browser_of("shop").expect("it runs");
    let send = |words: &str| {
        let id = drover.send_text("shop", BOB, words)["id"].as_str().expect("an id").to_owned();
        drover.wait_ack(&id, 1, story::TO_ACK);
    };
    send("before");
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1_800);
    let body = json!({"session": "shop", "chatId": CARA, "text": "half an hour later", "sendAt": later.to_string()});
    let scheduled = drover.api().post("/api/sendText", &body).expect(201)["id"].as_str().expect("an id").to_owned();

    let said = || drover.log().text().lines().filter(|line| line.contains("the machine's clock was set")).count();
    for (number, (ahead_ms, words)) in
        [(HOUR_MS, "an hour later"), (0, "an hour earlier"), (-HOUR_MS, "two hours earlier")].into_iter().enumerate()
    {
        clock.set_ahead(ahead_ms);
        send(words);
        wait_until("it is said", TO_NOTICE, || (said() > number).then_some(()));
        holds_for("it is said once, and the session works", Duration::from_secs(6), || {
            said() == number + 1 && drover.session("shop")["status"] == "WORKING"
        });
        // Its sender waited for half an hour to pass.
        drover.wait_ack(&scheduled, 1, story::TO_ACK);
    }
    send("at last");
    assert_eq!(home.browser_of("shop").as_ref(), Some(&browser), "no browser was begun anew");
    let mut shown: Vec<String> =
        phone.sent().iter().filter_map(|sent| sent["body"].as_str().map(str::to_owned)).collect();
    shown.retain(|body| body != "half an hour later");
    assert_eq!(
        shown,
        ["before", "an hour later", "an hour earlier", "two hours earlier", "at last"],
        "each once, in order"
    );
    phone.shown_once("half an hour later");
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}
