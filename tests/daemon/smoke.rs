//! `make smoke`: the story of the demo without a person. Prints one line a step with its time; fails at the first that does not
//! hold.

use std::time::{Duration, Instant};

use crate::support::{Drover, Home, Phone, Simulator, home::wait_gone, qr, story, wait_until};

const BOB: &str = "15559990001@c.us";

/// From a crash to WORKING again.
const TO_RECOVER: Duration = Duration::from_secs(90);

/// Runs a step and prints how long it took; what fails prints that it failed.
fn step<T>(what: &str, act: impl FnOnce() -> T) -> T {
    struct Line<'what>(&'what str, Instant);
    impl Drop for Line<'_> {
        fn drop(&mut self) {
            let outcome = if std::thread::panicking() { "FAILED" } else { "ok" };
            println!("{:>7.2} s  {outcome:<6}  {}", self.1.elapsed().as_secs_f64(), self.0);
        }
    }
    let _line = Line(what, Instant::now());
    act()
}

fn send(drover: &Drover<'_>, text: &str) -> String {
    drover.send_text("demo", BOB, text)["id"].as_str().expect("an id").to_owned()
}

#[test]
fn the_whole_story() {
    println!();
    let began = Instant::now();
    let simulator = step("the simulator starts", Simulator::start);
    let home = Home::with(&simulator);
    home.set("DROVER_LIMITS__GAP_MS", "150");
    let phone = simulator.phone("15550001111", "Ana");

    let drover = step("drover starts, with a Redis and a database of its own", || home.start());
    link(&drover, &phone);
    send_and_receive(&drover, &phone);
    restart_the_session(&home, &drover, &phone);
    let drover = kill_drover(&home, drover, &phone);
    kill_chromium(&home, &drover, &phone);
    end(&simulator, &home, drover, &phone);
    println!("{:>7.2} s  in all", began.elapsed().as_secs_f64());
}

fn link(drover: &Drover<'_>, phone: &Phone<'_>) {
    step("a session is created", || drover.create("demo"));
    let png = step("its QR is served as PNG", || story::wait_qr(drover, "demo"));
    let text = step("the QR is decoded", || qr::decode_png(&png));
    step("the phone scans it", || phone.scan(&text));
    step("the session is ready", || drover.wait_status("demo", "WORKING", story::TO_READY));
}

fn send_and_receive(drover: &Drover<'_>, phone: &Phone<'_>) {
    let events = drover.events();
    let id = step("a text is accepted", || send(drover, "Hello from drover"));
    for (ack, whose) in [(1, "the server"), (2, "the other phone"), (3, "the other person")] {
        step(&format!("ack {ack}: {whose} has it"), || drover.wait_ack(&id, ack, story::TO_ACK));
    }
    step("it is shown once, under the id that was answered", || {
        let shown = phone.shown_once("Hello from drover");
        assert!(id.ends_with(shown["id"].as_str().expect("an id")), "{id} was sent as {shown}");
    });
    step("a reply arrives as an event", || {
        phone.receive("15559990001", "Hello yourself");
        events.wait_for("the reply", story::TO_ACK, |event| {
            event.name == "message" && event.data["payload"]["body"] == "Hello yourself"
        });
    });
}

fn restart_the_session(home: &Home, drover: &Drover<'_>, phone: &Phone<'_>) {
    let browser = home.browser_of("demo").expect("a browser runs");
    step("the session is stopped, its browser gone", || {
        drover.order("demo", "stop");
        drover.wait_status("demo", "STOPPED", story::TO_STOP);
        wait_gone("the browser", story::TO_STOP, &browser);
    });
    let events = drover.events();
    step("it starts again without a QR", || {
        drover.order("demo", "start");
        drover.wait_status("demo", "WORKING", story::TO_READY);
        assert_eq!(events.count("qr"), 0, "a QR was shown");
    });
    step("it still sends", || {
        let id = send(drover, "after the restart");
        drover.wait_ack(&id, 1, story::TO_ACK);
        phone.shown_once("after the restart");
    });
}

fn kill_drover<'home>(home: &'home Home, drover: Drover<'home>, phone: &Phone<'_>) -> Drover<'home> {
    let texts: Vec<String> = (1..=20).map(|number| format!("queued {number:02}")).collect();
    let ids: Vec<String> = step("20 messages are queued", || texts.iter().map(|text| send(&drover, text)).collect());
    step("drover is killed (kill -9) while it sends them", || {
        wait_until("the first ones are out", story::TO_ACK, || {
            (!phone.sent_with("queued 03").is_empty()).then_some(())
        });
        drover.crash();
        assert!(phone.sent_with("queued 20").is_empty(), "the kill came too late");
    });
    let drover = step("drover starts again and ends what it left", || home.start());
    step("the session is ready by itself", || drover.wait_status("demo", "WORKING", TO_RECOVER));
    step("all 20 are acknowledged, and each is shown exactly once", || {
        for id in &ids {
            drover.wait_ack(id, 1, TO_RECOVER);
        }
        for text in &texts {
            phone.shown_once(text);
        }
    });
    drover
}

fn kill_chromium(home: &Home, drover: &Drover<'_>, phone: &Phone<'_>) {
    let browser = home.browser_of("demo").expect("a browser runs");
    step("Chromium is killed (kill -9); the session is ready by itself", || {
        browser.signal(nix::sys::signal::Signal::SIGKILL);
        wait_until("another browser runs", TO_RECOVER, || {
            home.browser_of("demo").filter(|other| *other != browser).map(drop)
        });
        drover.wait_status("demo", "WORKING", TO_RECOVER);
    });
    step("it still sends", || {
        let id = send(drover, "after the crash");
        drover.wait_ack(&id, 3, TO_RECOVER);
        phone.shown_once("after the crash");
    });
}

fn end(simulator: &Simulator, home: &Home, drover: Drover<'_>, phone: &Phone<'_>) {
    step("the account is logged out", || {
        drover.order("demo", "logout");
        wait_until("the phone has no linked device", story::TO_STOP, || (!phone.has_open_page()).then_some(()));
    });
    step("the session is deleted", || {
        drover.api().delete("/api/sessions/demo").expect(200);
        assert_eq!(drover.api().get("/api/sessions/demo").status, 404);
    });
    step("SIGTERM ends drover", || drover.stop());
    step("no process, lock or temporary file is left", || home.assert_nothing_left());
    step("nothing was ever shown twice", || assert_eq!(simulator.stats()["duplicates"], 0));
}
