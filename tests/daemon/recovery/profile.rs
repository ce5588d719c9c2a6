//! The profile: a lock that a dead process left, one that a live process holds, no space for it.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use serde_json::json;

use super::{BOB, Scene, TO_RECOVER, heals, watchful};
use crate::support::{Home, Simulator, process::Process, small_disk::SmallDisk, story, wait_until, wait_until_ok};

#[test]
fn a_lock_that_a_dead_process_left() {
    heals("15550009301", |scene| {
        scene.drover.order("shop", "stop");
        let profile = scene.home.profile("shop");
        fs::write(profile.with_extension("lock"), "4194303 1\n").expect("the data folder takes files");
        fs::write(profile.with_extension("process"), "{\"owner\":").expect("the data folder takes files");
        fs::write(profile.join("DevToolsActivePort"), "1\n/devtools/browser/x\n").expect("the profile takes files");
        for (name, target) in [("SingletonLock", "another-machine-4194303"), ("SingletonCookie", "1")] {
            let _none = fs::remove_file(profile.join(name));
            symlink(target, profile.join(name)).expect("the profile takes links");
        }
        scene.drover.order("shop", "start");
    });
}

#[test]
fn a_profile_that_a_live_process_holds() {
    heals("15550009302", |scene| {
        scene.drover.order("shop", "stop");
        let path = scene.home.profile("shop").with_extension("lock");
        let holder = Process::read(std::process::id().cast_signed()).expect("this test runs");
        fs::write(&path, format!("{} {}\n", holder.pid, holder.started)).expect("the data folder takes files");
        let lock = fs::File::open(&path).expect("it was written");
        lock.lock().expect("nobody else has it");

        scene.drover.order("shop", "start");
        let refused = wait_until_ok("the profile is refused", TO_RECOVER, || {
            let view = scene.drover.session("shop");
            if view["reason"]["code"] == "profile_in_use" { Ok(view) } else { Err(view) }
        });
        let message = refused["reason"]["message"].as_str().expect("it is told");
        assert!(message.contains(&format!("process {}", holder.pid)), "it names who holds it: {message}");
        assert!(scene.home.browser_of("shop").is_none(), "no browser was started on it");
        drop(lock);
    });
}

#[test]
fn a_profile_that_is_no_folder_waits_for_a_person_and_says_what_to_do() {
    heals("15550009305", |scene| {
        scene.drover.order("shop", "stop");
        let profile = scene.home.profile("shop");
        let aside = profile.with_extension("aside");
        fs::rename(&profile, &aside).expect("nobody uses it");
        fs::write(&profile, "no folder").expect("the data folder takes files");
        scene.drover.order("shop", "start");
        let failed = wait_until_ok("it is refused", TO_RECOVER, || {
            let view = scene.drover.session("shop");
            if view["state"] == "failed" { Ok(view) } else { Err(view) }
        });
        assert_eq!(
            (&failed["reason"]["code"], &failed["retry"]),
            (&json!("profile_unusable"), &json!(null)),
            "{failed}"
        );
        let message = failed["reason"]["message"].as_str().expect("it is told");
        assert!(message.contains(&profile.display().to_string()) && message.contains("start the session"), "{message}");
        fs::remove_file(&profile).expect("ours");
        fs::rename(&aside, &profile).expect("it is there");
        scene.drover.order("shop", "start");
    });
}

/// Runs a session whose `folder` of the data folder is on a small disk; the disk is full when the session starts, and has space
/// again later.
fn gets_over_a_full_disk(number: &str, folder: fn(&Home) -> PathBuf) {
    let simulator = Simulator::start();
    let home = Home::with(&simulator);
    watchful(&home);
    let drover = home.start();
    let phone = simulator.phone(number, "Ana");
    story::link(&drover, "shop", &phone);
    drover.order("shop", "stop");
    drover.stop();
    let disk = match SmallDisk::new(&folder(&home), 64) {
        Ok(disk) => disk,
        Err(why) => return println!("SKIPPED: this machine allows no small disk: {why}"),
    };
    home.put_on(&disk);
    let drover = home.start();
    let events = drover.events();
    let scene = Scene { simulator: &simulator, home: &home, drover: &drover, phone: &phone };
    let id = scene.send("before the disk was full");
    let filler = disk.fill(drover.pid());
    drover.order("shop", "start");
    let ill = wait_until_ok("the full disk is noticed", TO_RECOVER, || {
        let view = drover.session("shop");
        if view["reason"]["code"] == "disk_full" { Ok(view) } else { Err(view) }
    });
    assert_eq!(ill["state"], "reconnecting", "it is tried until there is space: {ill}");
    let body = json!({"session": "shop", "chatId": BOB, "text": "on the full disk"});
    let is_accepted = drover.api().post("/api/sendText", &body).status == 201;
    fs::remove_file(filler).expect("it is there");
    scene.arrives(&id, "before the disk was full");
    if is_accepted {
        wait_until("what was accepted is shown", TO_RECOVER, || phone.sent_with("on the full disk").pop());
    }
    let shown = phone.sent_with("on the full disk");
    assert_eq!(shown.len(), usize::from(is_accepted), "what was not accepted is not sent: {shown:?}");
    assert_eq!(events.count("qr"), 0, "the login was kept: {:?}", events.all());
    drover.stop();
}

#[test]
fn a_disk_of_profiles_that_is_full_at_the_start() {
    gets_over_a_full_disk("15550009303", |home| home.data().join("profiles"));
}

#[test]
fn a_disk_of_everything_that_is_full_at_the_start() {
    gets_over_a_full_disk("15550009304", Home::data);
}
