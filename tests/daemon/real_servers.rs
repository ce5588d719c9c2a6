//! `REDIS_URL` and `DATABASE_URL` move drover to servers of the operator's own, without any other change: the same story, the same
//! promises.

use crate::support::{
    Home, Simulator,
    servers::{Postgres, Redis},
    story, wait_until,
};

#[test]
fn the_story_over_postgresql_and_a_shared_redis() {
    let simulator = Simulator::start();
    let (postgres, mut redis) = (Postgres::start(), Redis::start());
    let home = Home::with(&simulator);
    home.set("DATABASE_URL", &postgres.url());
    home.set("REDIS_URL", &redis.url());
    home.set("DROVER_LIMITS__GAP_MS", "150");
    home.set("DROVER_QUEUE__RECONCILE_S", "1");
    let drover = home.start();
    assert!(home.redis().is_none(), "no private Redis beside the shared one");
    assert!(
        !home.data().join("drover.db").exists() && !home.data().join("redis").exists(),
        "nothing of it on the disk"
    );

    let phone = simulator.phone("15550008001", "Ana");
    story::link_for_good(&drover, "shop", &phone);
    let texts: Vec<String> = (0..10).map(|number| format!("message {number}")).collect();
    let ids: Vec<String> = texts
        .iter()
        .map(|text| drover.send_text("shop", "15559990001", text)["id"].as_str().expect("an id").to_owned())
        .collect();

    // The shared Redis comes back empty, and drover is killed, while messages are queued.
    wait_until("the first is out", story::TO_ACK, || (!phone.sent().is_empty()).then_some(()));
    redis.kill();
    redis.start_again();
    wait_until("more are out", story::TO_READY, || (phone.sent().len() >= 4).then_some(()));
    drover.crash();
    let drover = home.start();
    for (id, text) in ids.iter().zip(&texts) {
        drover.wait_ack(id, 1, story::TO_READY * 2);
        phone.shown_once(text);
    }
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.stop();
}

#[test]
fn a_shared_redis_that_is_away_holds_up_and_loses_nothing() {
    let simulator = Simulator::start();
    let mut redis = Redis::start();
    let home = Home::with(&simulator);
    home.set("REDIS_URL", &redis.url());
    home.set("DROVER_QUEUE__RECONCILE_S", "1");
    let drover = home.start();
    let phone = simulator.phone("15550008002", "Ana");
    story::link(&drover, "shop", &phone);

    redis.kill();
    let id =
        drover.send_text("shop", "15559990001", "accepted without Redis")["id"].as_str().expect("an id").to_owned();
    assert_eq!(drover.session("shop")["status"], "WORKING", "the session does not mind");
    wait_until("health tells", story::TO_ACK, || (drover.api().get("/health").status == 503).then_some(()));
    redis.start_again();
    drover.wait_ack(&id, 1, story::TO_READY);
    phone.shown_once("accepted without Redis");
    // Whoever needs Redis met it, and its link alone says so; health tells of its parts.
    let log = drover.log().text();
    let is_told =
        |line: &&str| (line.contains(" WARN ") || line.contains("ERROR ")) && !line.contains("a part is not well");
    let said: Vec<_> = log.lines().filter(is_told).collect();
    assert_eq!(said.iter().filter(|line| line.contains("the link to Redis broke")).count(), 1, "{said:#?}");
    assert!(said.iter().all(|line| line.contains("Redis broke") || !line.contains("Redis")), "one line: {said:#?}");
    drover.stop();
}

#[test]
fn a_drover_without_its_redis_still_ends_in_time() {
    let mut redis = Redis::start();
    let home = Home::bare();
    home.set("REDIS_URL", &redis.url());
    let drover = home.start();
    redis.kill();
    drover.stop();
}
