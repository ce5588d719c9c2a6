//! The bridge can be replaced from disk, by a file or a folder of parts; it says what it misses, and is there again after every
//! navigation and in every new page.

use std::{fs, path::Path};

use crate::support::{Home, Simulator, story, wait_until_ok};
use nix::sys::signal::Signal;

/// The built-in bridge's source.
fn built_in() -> String {
    drover::browser::built_in_bridge()
}

/// The module that only pairing by code needs, and a name that WhatsApp Web never had.
const PAIRING: &str = "WAWebAltDeviceLinkingApi";
const GONE: &str = "WAWebRenamedOverNight";

#[test]
fn another_bridge_is_taken_from_disk_and_what_it_misses_is_shown() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let file = home.path().join("bridge.js");
    takes_another(&simulator, &home, &file, &file, &built_in());
}

#[test]
fn a_folder_of_parts_is_as_good_as_a_file() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let folder = home.path().join("bridge");
    fs::create_dir(&folder).expect("the scratch folder takes folders");
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/bridge");
    for part in fs::read_dir(&checkout).expect("the parts are in the checkout") {
        let part = part.expect("readable");
        fs::copy(part.path(), folder.join(part.file_name())).expect("the scratch folder takes files");
    }
    let names = fs::read_to_string(checkout.join("names.js")).expect("a part");
    takes_another(&simulator, &home, &folder, &folder.join("names.js"), &names);
}

/// Starts with a bridge that lacks a name, then writes the `whole` text into `file` of that bridge.
fn takes_another(simulator: &Simulator, home: &Home, bridge: &Path, file: &Path, whole: &str) {
    assert!(whole.contains(PAIRING), "the test renames a module that the bridge names");
    fs::write(file, whole.replace(PAIRING, GONE)).expect("the scratch folder takes files");
    home.set("DROVER_BRIDGE", &bridge.display().to_string());
    let drover = home.start();
    let events = drover.events();
    drover.create("shop");
    let degraded = events.wait_for("the loss is told", story::TO_QR, |event| event.name == "bridge.degraded");
    assert!(degraded.data["payload"].to_string().contains("pair"), "it names the capability: {}", degraded.data);
    let missing = drover.session("shop")["page"]["missingCapabilities"].clone();
    assert_eq!(missing.as_array().map(Vec::len), Some(1), "one lost capability degrades only itself: {missing}");

    // The rest works, and what is lost says so.
    let phone = simulator.phone("15550007001", "Ana");
    let text = story::read_qr(&drover, "shop");
    let body = serde_json::json!({"phoneNumber": "15550007001"});
    let refused = drover.api().post("/api/shop/auth/request-code", &body);
    assert!(refused.status >= 400 && refused.text().contains("DROVER_BRIDGE"), "it says what to do: {refused:?}");
    phone.scan(&text);
    drover.wait_status("shop", "WORKING", story::TO_READY);

    // WhatsApp Web changed, and so does the file, without a restart of anything.
    let browser = home.browser_of("shop").expect("a browser runs");
    fs::write(file, whole).expect("the file is ours");
    wait_until_ok("the new bridge is in", story::TO_READY, || {
        let view = drover.session("shop");
        let missing = view["page"]["missingCapabilities"].as_array().map(Vec::len);
        if missing == Some(0) { Ok(()) } else { Err(view) }
    });
    assert_eq!(home.browser_of("shop"), Some(browser), "in the running page");
    let id =
        drover.send_text("shop", "15559990001@c.us", "by the new bridge")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 3, story::TO_ACK);
    phone.shown_once("by the new bridge");
    drover.stop();
}

#[test]
fn it_is_there_again_after_a_navigation_and_in_a_new_page() {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    let drover = home.start();
    let phone = simulator.phone("15550007002", "Ana");
    story::link(&drover, "shop", &phone);

    // An unlink makes WhatsApp Web clear its storage and navigate: a QR can be read after it only by a bridge that is there.
    phone.unlink();
    phone.scan(&story::read_qr(&drover, "shop"));
    drover.wait_status("shop", "WORKING", story::TO_READY);

    home.wait_login_written("shop", &phone.number);

    // A browser that died is followed by another with a page of its own.
    home.browser_of("shop").expect("a browser runs").signal(Signal::SIGKILL);
    let id =
        drover.send_text("shop", "15559990001@c.us", "from the new page")["id"].as_str().expect("an id").to_owned();
    drover.wait_ack(&id, 3, story::TO_READY * 2);
    phone.shown_once("from the new page");
    drover.stop();
}
