//! What a session gets over by itself: without a person, without a QR, and with each message that was handed in meanwhile shown
//! exactly once. (kill -9 of drover, of the browser and of Redis are in `crash`.)

mod just_linked;
mod page;
mod profile;
mod whatsapp;
mod worst_moment;

use std::time::Duration;

use crate::support::{Drover, Home, Phone, Simulator, story};

const BOB: &str = "15559990001@c.us";

/// From the fault's end to the ack of what was handed in, on two cores that other tests use too.
const TO_RECOVER: Duration = Duration::from_secs(90);

/// A session that is ready, and all around it.
struct Scene<'all> {
    simulator: &'all Simulator,
    home: &'all Home,
    drover: &'all Drover<'all>,
    phone: &'all Phone<'all>,
}

impl Scene<'_> {
    /// Hands a text in; its id.
    #[track_caller]
    fn send(&self, text: &str) -> String {
        self.drover.send_text("shop", BOB, text)["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until the session is ready and this message has arrived, once.
    #[track_caller]
    fn arrives(&self, id: &str, text: &str) {
        self.drover.wait_ack(id, 1, TO_RECOVER);
        self.drover.wait_status("shop", "WORKING", TO_RECOVER);
        self.phone.shown_once(text);
    }
}

/// Settings with which trouble is noticed within seconds, so that tests are quick.
fn watchful(home: &Home) {
    home.set("DROVER_BROWSER__CALL_TIMEOUT_S", "2");
    home.set("DROVER_KEEPALIVE__HEARTBEAT_S", "1");
    home.set("DROVER_KEEPALIVE__PING_S", "4");
    home.set("DROVER_KEEPALIVE__WATCHDOG_S", "5");
    home.set("DROVER_KEEPALIVE__SOCKET_GRACE_S", "4");
}

/// Links a session, lets `fault` happen to it, hands a message in, and asserts that the session gets over it.
#[track_caller]
fn heals(number: &str, fault: impl FnOnce(&Scene<'_>)) {
    heals_with(number, watchful, fault);
}

/// As [`heals`], with settings.
#[track_caller]
fn heals_with(number: &str, settings: fn(&Home), fault: impl FnOnce(&Scene<'_>)) {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    settings(&home);
    let drover = home.start();
    let phone = simulator.phone(number, "Ana");
    story::keep_login(&drover, "shop", &phone);
    let events = drover.events();
    let scene = Scene { simulator: &simulator, home: &home, drover: &drover, phone: &phone };
    fault(&scene);
    let id = scene.send("meanwhile");
    scene.arrives(&id, "meanwhile");
    assert_eq!(events.count("qr"), 0, "the login was kept: {:?}", events.all());
    assert_eq!(simulator.stats()["duplicates"], 0);
    drover.wait_no_zombies();
    drover.stop();
}
