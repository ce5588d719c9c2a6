//! A start that cannot succeed says so in one line that names what is wrong and what to do, ends with an exit code that is
//! not 0, and leaves nothing running.

use std::{fs, net::TcpListener};

use crate::support::{Home, servers::free_port};

/// Starts drover, which must refuse with a line that contains all of `words`, and leave nothing.
#[track_caller]
fn refused(home: &Home, words: &[&str]) {
    home.set("DROVER_LOG__LEVEL", "error");
    let refusal = home.start_refused();
    let line = refusal.one_line();
    for word in words {
        assert!(line.contains(word), "{word:?} in: {line}");
    }
    home.assert_nothing_left();
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let home = Home::bare();
    home.set("PORT", &port);
    refused(&home, &[&port, "in use"]);
}

#[test]
fn an_address_of_another_machine() {
    let home = Home::bare();
    home.set("DROVER_HTTP__BIND", "192.0.2.1");
    refused(&home, &["192.0.2.1"]);
}

#[test]
fn a_data_folder_that_cannot_be_made() {
    let home = Home::bare();
    let file = home.path().join("a-file");
    fs::write(&file, "").expect("the scratch folder takes files");
    let folder = file.join("data");
    home.set("DROVER_DATA_DIR", &folder.display().to_string());
    refused(&home, &[&folder.display().to_string()]);
}

#[test]
fn a_data_folder_that_is_not_writable() {
    // Not even root writes there.
    let home = Home::bare();
    home.set("DROVER_DATA_DIR", "/proc/self/fdinfo");
    refused(&home, &["/proc/self/fdinfo"]);
}

#[test]
fn a_redis_that_is_not_there() {
    let home = Home::bare();
    home.set("REDIS_URL", &format!("redis://127.0.0.1:{}", free_port()));
    refused(&home, &["REDIS_URL"]);
}

#[test]
fn a_redis_server_that_is_not_installed() {
    let home = Home::bare();
    home.set("DROVER_REDIS__SERVER", "/nonexistent/redis-server");
    refused(&home, &["/nonexistent/redis-server"]);
}

#[test]
fn a_redis_server_that_is_something_else() {
    let home = Home::bare();
    home.set("DROVER_REDIS__SERVER", "/bin/false");
    refused(&home, &["/bin/false"]);
}

#[test]
fn a_database_that_is_not_there() {
    let home = Home::bare();
    home.set("DATABASE_URL", &format!("postgres://nobody:secret@127.0.0.1:{}/drover", free_port()));
    home.set("DROVER_LOG__LEVEL", "error");
    let refusal = home.start_refused();
    let line = refusal.one_line();
    assert!(line.contains("DATABASE_URL"), "{line}");
    assert!(!line.contains("secret"), "the password is masked: {line}");
    home.assert_nothing_left();
}

#[test]
fn a_database_file_that_is_none() {
    let home = Home::bare();
    fs::write(home.data().join("drover.db"), "this is no database, and is long enough to be looked at as one")
        .expect("a file");
    refused(&home, &["drover.db"]);
}

#[test]
fn a_wrong_setting_is_named_with_its_value_and_what_is_allowed() {
    for (name, value, words) in [
        ("DROVER_LIMITS__PER_MINUTE", "many", &["limits.per_minute", "many"][..]),
        ("DROVER_LIMITS__PER_MINUTE", "-1", &["limits.per_minute", "-1"]),
        ("PORT", "99999", &["99999", "65535"]),
        ("DROVER_QUEUE__UNKNOWN", "guess", &["queue.unknown", "guess", "resend", "hold"]),
        ("DROVER_HTTP__BIND", "localhost", &["http.bind", "localhost"]),
        ("DROVER_LIMITS__PER_MINUT", "5", &["per_minut"]),
        ("DROVER_BROWSER__PREFER", "firefox", &["browser.prefer", "firefox", "headless-shell", "chromium"]),
        ("DROVER_NETWORK__ALLOW_PRIVATE", "perhaps", &["network.allow_private", "perhaps", "true or false"]),
        ("DROVER_NETWORK__ALLOW_HOSTS", "http://n8n", &["network.allow_hosts", "http://n8n", "10.0.0.0/8"]),
        ("DROVER_BRIDGE", "/nonexistent/bridge.js", &["/nonexistent/bridge.js"]),
        ("DROVER_BROWSER__WEB_VERSION_HTML", "/nonexistent/page.html", &["/nonexistent/page.html"]),
        ("DROVER_ADMISSION__STARTS", "-1", &["admission.starts", "-1"]),
        ("DROVER_SIMULATOR", "everywhere", &["everywhere"]),
        ("DROVER_MEDIA__IMAGE_MAX_BYTES", "16MB", &["media.image_max_bytes", "16MB"]),
        ("DROVER_MEDIA__STALL_TIMEOUT_S", "120", &["media.stall_timeout_s", "media.fetch_timeout_s"]),
        ("DROVER_DATA__LOCK_WAIT_S", "-1", &["data.lock_wait_s", "-1"]),
        ("DROVER_HEALTH__DISK_FREE_MB", "1", &["health.disk_free_mb", "16"]),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", &["telemetry.otlp_endpoint", "collector:4318", "http://"]),
        ("DROVER_RETENTION__MEDIA_DAYS", "-1", &["retention.media_days", "-1"]),
        ("DROVER_RETENTION__EVENTS_DAYS", "a month", &["retention.events_days", "a month"]),
        ("DROVER_EVENTS__STREAM_LENGTH", "all", &["events.stream_length", "all"]),
    ] {
        let home = Home::bare();
        home.set(name, value);
        refused(&home, words);
    }
}

#[test]
fn a_wrong_line_in_the_file_is_named() {
    for (text, words) in [
        ("[limits]\nper_minute = \"ten\"\n", &["drover.toml", "limits.per_minute"][..]),
        ("[limits]\nper_minut = 10\n", &["drover.toml", "per_minut"]),
        ("[limits\n", &["drover.toml"]),
    ] {
        let home = Home::bare();
        // The environment would win over the file.
        home.unset("DROVER_LIMITS__PER_MINUTE");
        fs::write(home.path().join("drover.toml"), text).expect("the scratch folder takes files");
        refused(&home, words);
    }
}

#[test]
fn the_environment_file_and_the_configuration_file_are_read() {
    let home = Home::bare();
    home.unset("PORT");
    fs::write(home.path().join("drover.toml"), "[http]\nport = 1\n[limits]\nburst = 2\n").expect("a file");
    fs::write(home.path().join(".env"), "PORT=0\n").expect("a file");
    // .env wins over drover.toml: port 1 would be refused to most, and is not what answers.
    let drover = home.start();
    assert!(!drover.api().base().ends_with(":1"));
    drover.stop();
}
