//! Backups as an operator makes and uses them: of a running drover, of a data folder at rest, on both databases; restored
//! elsewhere, ready without a QR. And logins that another client made, brought in.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    Cli, Drover, Home, Simulator,
    home::Refusal,
    servers::Postgres,
    story::{TO_ACK, TO_READY, link_for_good},
    wait_until,
};

const COMMAND: Duration = Duration::from_secs(120);

/// Runs a command against this daemon that may take a while; it must go well.
#[track_caller]
fn run(drover: &Drover<'_>, arguments: &[&str]) -> String {
    let mut cli = Cli::start(drover, arguments);
    let status = cli.wait(COMMAND);
    assert!(status.success(), "'drover {}': {status}: {}{}", arguments.join(" "), cli.output(), cli.errors());
    cli.output()
}

/// Runs a command without a daemon; it must go well.
#[track_caller]
fn alone(home: &Home, arguments: &[&str]) -> Refusal {
    let ended = home.run(arguments);
    assert_eq!(ended.code, Some(0), "'drover {}': {ended:?}", arguments.join(" "));
    ended
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// The kinds of events of a session, the oldest first.
fn kinds(drover: &Drover<'_>, session: &str) -> Vec<String> {
    let path = format!("/api/events?session={session}&limit=1000");
    // Without it the answer is the stream.
    let events = drover.api().request("GET", &path, &[("Accept", "application/json")], None).expect(200);
    let events = events.as_array().expect("a list");
    events.iter().filter_map(|event| event["event"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_running_session_is_backed_up_and_ready_elsewhere_without_a_qr() {
    let simulator = Simulator::start();
    let phone = simulator.phone("15550100001", "Shop");
    let home = Home::with(&simulator);
    fs::write(home.path().join("drover.toml"), "[limits]\nburst = 900\n").expect("a new file");
    let secret = path(home.path(), "secret");
    fs::write(&secret, "a passphrase of this test\n").expect("a new file");
    let drover = home.start();
    link_for_good(&drover, "shop", &phone);
    // One that was just linked is left alone while it brings in its history; a kept login has it.
    drover.order("shop", "restart");
    drover.wait_status("shop", "WORKING", TO_READY);
    let before = drover.send_text("shop", "15550100002", "before the backup");
    drover.wait_ack(before["id"].as_str().expect("an id"), 1, TO_ACK);

    // While it runs: put to sleep, copied, woken. A message that comes meanwhile is sent.
    let file = path(home.path(), "drover.age");
    let mut making = Cli::start(&drover, &["backup", "--to", &file, "--passphrase-file", &secret, "--json"]);
    let during = drover.send_text("shop", "15550100002", "during the backup");
    assert!(making.wait(COMMAND).success(), "{}{}", making.output(), making.errors());
    let made: Value = serde_json::from_str(&making.output()).expect("--json is JSON");
    assert_eq!((&made["sessions"], &made["missing"]), (&json!(["shop"]), &json!([])), "{made}");
    drover.wait_status("shop", "WORKING", TO_READY);
    drover.wait_ack(during["id"].as_str().expect("an id"), 1, TO_ACK);
    phone.shown_once("before the backup");
    phone.shown_once("during the backup");
    let verified = alone(&home, &["backup", "verify", &file, "--passphrase-file", &secret]);
    assert!(verified.out.contains("shop") && verified.out.contains("sqlite"), "{verified:?}");
    assert!(!home.data().join(".backup").exists() && !home.data().join(".backup.lock").exists());

    // What is not the file, or not the passphrase, is refused, and nothing is written.
    let target = path(home.path(), "restored");
    let wrong = path(home.path(), "wrong");
    fs::write(&wrong, "another passphrase\n").expect("a new file");
    let restore =
        |file: &str, secret: &str| home.run(&["restore", file, "--passphrase-file", secret, "--data-dir", &target]);
    let whole = fs::read(&file).expect("the backup");
    let damaged = path(home.path(), "damaged.age");
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    fs::write(&damaged, &changed).expect("a new file");
    let cut = path(home.path(), "cut.age");
    fs::write(&cut, &whole[..whole.len() - 5]).expect("a new file");
    for (file, secret, says) in
        [(&file, &wrong, "cannot be opened"), (&damaged, &secret, "damaged"), (&cut, &secret, "damaged")]
    {
        let refused = restore(file, secret);
        assert!(refused.one_line().contains(says), "{refused:?}");
        assert!(!Path::new(&target).exists(), "nothing is written");
    }
    let used = home.run(&["restore", &file, "--passphrase-file", &secret]);
    assert!(used.one_line().contains("is not empty"), "{used:?}");
    let qrs = |drover: &Drover<'_>| kinds(drover, "shop").into_iter().filter(|kind| kind == "qr").count();
    let shown = qrs(&drover);
    drover.stop();

    // Elsewhere: the same simulator, another data folder.
    let restored = restore(&file, &secret);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(Path::new(&target).join("restored-settings/drover.toml").is_file());
    let key = fs::read_to_string(home.data().join("admin.key")).expect("the key");
    assert_eq!(fs::read_to_string(Path::new(&target).join("admin.key")).expect("the key"), key);
    let other = Home::with(&simulator);
    fs::remove_dir_all(other.data()).expect("it is empty");
    fs::rename(&target, other.data()).expect("a folder moves");
    let drover = other.start();
    drover.wait_status("shop", "WORKING", TO_READY);
    assert_eq!(qrs(&drover), shown, "no further QR was shown");
    let after = drover.send_text("shop", "15550100002", "after the restore");
    drover.wait_ack(after["id"].as_str().expect("an id"), 1, TO_ACK);
    for text in ["before the backup", "during the backup", "after the restore"] {
        phone.shown_once(text);
    }
    drover.stop();
}

#[test]
fn a_data_folder_at_rest_is_backed_up_for_a_key_and_a_postgres_with_it() {
    let postgres = Postgres::start();
    let home = Home::bare();
    home.set("DATABASE_URL", &postgres.url());
    let drover = home.start();
    let body = json!({ "name": "shop", "start": false, "config": { "metadata": { "note": "tab\tand\nline" } } });
    drover.api().post("/api/sessions", &body).expect(201);
    let waiting = drover.send_text("shop", "15550100002", "it waits");
    let key = path(home.path(), "backup.key");
    let public = run(&drover, &["backup", "key", "--to", &key]);
    drover.stop();

    let file = path(home.path(), "drover.age");
    alone(&home, &["backup", "--to", &file, "--recipient", public.trim()]);
    alone(&home, &["backup", "verify", &file, "--identity", &key]);
    // The database that it is of is not empty; another one is.
    let target = path(home.path(), "restored");
    let restore = || home.run(&["restore", &file, "--identity", &key, "--data-dir", &target]);
    assert!(restore().one_line().contains("not empty"), "the database is in use");
    home.unset("DATABASE_URL");
    assert!(restore().one_line().contains("DATABASE_URL"), "SQLite is another database");
    assert!(!Path::new(&target).exists(), "nothing is written");
    let other = Postgres::start();
    home.set("DATABASE_URL", &other.url());
    assert_eq!(restore().code, Some(0));

    home.set("DROVER_DATA_DIR", &target);
    fs::remove_dir_all(home.data()).expect("it is there");
    fs::rename(&target, home.data()).expect("a folder moves");
    home.set("DROVER_DATA_DIR", &home.data().display().to_string());
    let drover = home.start();
    assert_eq!(drover.session("shop")["config"]["metadata"]["note"], "tab\tand\nline");
    let id = waiting["id"].as_str().expect("an id");
    assert_eq!(drover.message(id)["id"], id);
    // The numbers that the database gives go on.
    drover.send_text("shop", "15550100002", "it waits, too");
    drover.stop();
}

#[test]
fn a_login_of_another_client_is_copied_in_and_ready_without_a_qr() {
    let simulator = Simulator::start();
    let phone = simulator.phone("15550100003", "Shop");
    // As whatsapp-web.js keeps it: a whole Chromium's profile, in `session-<clientId>` of `.wwebjs_auth`.
    let home = Home::with(&simulator);
    home.set("DROVER_BROWSER__PREFER", "chromium");
    let drover = home.start();
    link_for_good(&drover, "elsewhere", &phone);
    let folder = path(home.path(), ".wwebjs_auth");
    let live = home.profile("elsewhere").display().to_string();

    let other = Home::with(&simulator);
    let into = other.start();
    let mut refused = Cli::start(&into, &["import", &live, "--session", "shop"]);
    assert_eq!(refused.wait(COMMAND).code(), Some(1));
    assert!(refused.errors().contains("in use"), "{}", refused.errors());
    assert_eq!(into.api().get("/api/sessions?all=true").expect(200), json!([]), "nothing was made");
    drover.stop();

    fs::create_dir(&folder).expect("a new folder");
    let profile = Path::new(&folder).join("session-shop");
    fs::rename(&live, &profile).expect("a folder moves");
    let files = || walked(&profile);
    let before = files();
    let said = run(&into, &["import", &folder]);
    assert!(said.contains("shop: linked as +15550100003, without a QR"), "{said}");
    assert_eq!(files(), before, "the folder is only read");
    assert!(!kinds(&into, "shop").iter().any(|kind| kind == "qr"), "no QR was shown");
    let sent = into.send_text("shop", "15550100002", "from drover");
    into.wait_ack(sent["id"].as_str().expect("an id"), 1, TO_ACK);
    phone.shown_once("from drover");

    // A session with a login keeps it; what holds none is told.
    let mut again = Cli::start(&into, &["import", &folder]);
    assert_eq!(again.wait(COMMAND).code(), Some(1), "{}", again.output());
    into.wait_status("shop", "WORKING", TO_READY);
    let empty = path(home.path(), "empty");
    fs::create_dir(&empty).expect("a new folder");
    let mut none = Cli::start(&into, &["import", &empty]);
    assert_eq!(none.wait(COMMAND).code(), Some(1));
    assert!(none.errors().contains("holds no login"), "{}", none.errors());
    into.stop();
    wait_until("nothing is left", COMMAND, || {
        let left = fs::read_dir(other.data()).into_iter().flatten().flatten();
        let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".incoming"));
        (left.count() == 0).then_some(())
    });
}

/// Every file with its length and time.
fn walked(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    crate::support::process::visit(folder, &mut |path| {
        let about = fs::symlink_metadata(path).expect("it is there");
        files.push(format!("{} {} {:?}", path.display(), about.len(), about.modified().ok()));
    });
    files.sort();
    files
}
