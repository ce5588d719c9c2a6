//! The page and its processes: killed, crashed, hung, stopped, navigated away.

use nix::sys::signal::Signal;
use serde_json::json;

use super::{Scene, TO_RECOVER, heals};
use crate::support::{DevTools, home::wait_gone, story, wait_until};

/// A fault after which only another browser helps.
fn is_replaced(number: &str, fault: impl FnOnce(&Scene<'_>)) {
    heals(number, |scene| {
        let browser = scene.home.browser_of("shop").expect("a browser runs");
        fault(scene);
        let id = scene.send("at once");
        wait_gone("the browser", TO_RECOVER, &browser);
        scene.arrives(&id, "at once");
        assert_ne!(scene.home.browser_of("shop"), Some(browser));
    });
}

#[test]
fn a_killed_renderer() {
    is_replaced("15550009001", |scene| {
        let renderers = scene.home.renderers_of("shop");
        assert!(!renderers.is_empty(), "a page has a process");
        renderers.iter().for_each(|renderer| renderer.signal(Signal::SIGKILL));
    });
}

#[test]
fn a_page_in_an_endless_loop() {
    is_replaced("15550009002", |scene| DevTools::attach(&scene.home.profile("shop")).loop_for_ever());
}

#[test]
fn a_crashed_page() {
    is_replaced("15550009003", |scene| DevTools::attach(&scene.home.profile("shop")).crash());
}

#[test]
fn a_browser_that_is_stopped() {
    is_replaced("15550009004", |scene| scene.home.browser_of("shop").expect("a browser runs").signal(Signal::SIGSTOP));
}

#[test]
fn a_navigation_while_a_send_is_awaited() {
    heals("15550009005", |scene| {
        scene.phone.fault(json!({"ack_delay_ms": 5_000}));
        let id = scene.send("before the navigation");
        // From here on drover's call waits in the page for the ack.
        wait_until("the server has it", story::TO_ACK, || scene.phone.sent_with("before the navigation").pop());
        let mut page = DevTools::attach(&scene.home.profile("shop"));
        page.run("window.isOld = true");
        page.reload();
        scene.simulator.clear_faults();
        wait_until("the page is another", story::TO_QR, || {
            (DevTools::attach(&scene.home.profile("shop")).run("window.isOld ?? null").is_null()).then_some(())
        });
        scene.arrives(&id, "before the navigation");
    });
}
