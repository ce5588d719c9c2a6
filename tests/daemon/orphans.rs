//! What a killed drover left running (browsers, its private Redis) is ended by the next start; a lock left behind by a dead
//! process blocks nothing, one held by a live drover does.

use std::time::Duration;

use crate::support::{Home, Simulator, home::wait_gone, story};

#[test]
fn the_next_start_ends_what_a_killed_drover_left() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550005001", "Ana");
    story::link(&drover, "shop", &phone);
    let browser = home.browser_of("shop").expect("a browser runs");
    let redis = home.redis().expect("a private Redis runs");
    drover.crash();
    assert!(browser.runs() && redis.runs(), "a kill -9 ends drover alone: {browser:?} {redis:?}");

    // The orphans are asked before they are killed: even a login of a second ago is on the disk then.
    let drover = home.start();
    wait_gone("the orphaned browser", story::TO_STOP, &browser);
    wait_gone("the orphaned Redis", story::TO_STOP, &redis);
    drover.wait_status("shop", "WORKING", story::TO_READY);
    let running = home.browser_of("shop").expect("a browser of its own");
    assert_ne!(running, browser);
    drover.stop();
}

#[test]
fn a_second_drover_on_the_same_data_folder_refuses() {
    let home = Home::bare();
    home.set("DROVER_LOG__LEVEL", "error");
    home.set("DROVER_DATA__LOCK_WAIT_S", "0");
    let drover = home.start();
    let refusal = home.start_refused();
    let line = refusal.one_line();
    assert!(line.contains(&home.data().display().to_string()), "it names the folder: {line}");
    assert!(line.contains(&drover.pid().to_string()), "it names who holds it: {line}");
    assert!(drover.try_ping(), "the first one was not disturbed");
    drover.stop();
    // Its lock went with it.
    let drover = home.start();
    drover.stop();
}

#[test]
fn a_killed_drover_leaves_no_lock_that_blocks_a_start() {
    let home = Home::bare();
    home.start().crash();
    let drover = home.start();
    assert!(drover.stop() < Duration::from_secs(15));
}
