//! The layers of settings, and what a wrong one gets: one line that says which, where, what and what is allowed.

use std::path::Path;

use drover::config::{self, Loaded, Sources};
use proptest::prelude::*;

/// A working folder with these files, and a process with these variables.
struct Place {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Place {
    fn new(toml: &str, dotenv: &str, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("drover.toml", toml), (".env", dotenv)] {
            if !text.is_empty() {
                std::fs::write(folder.path().join(name), text).expect("a file");
            }
        }
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { folder, variables }
    }

    fn load(&self) -> Result<Loaded, String> {
        let sources = Sources::gather(self.folder.path(), None, &self.variables).map_err(|error| error.to_string())?;
        config::load(&sources).map_err(|error| error.to_string())
    }

    fn refusal(&self) -> String {
        let refusal = self.load().expect_err("this should have been refused");
        assert!(!refusal.contains('\n'), "more than a line: {refusal}");
        refusal
    }
}

fn port(place: &Place) -> u16 {
    place.load().expect("valid settings").config.http.port
}

#[test]
fn the_later_layer_wins() {
    let toml = "[http]\nport = 1001\n";
    assert_eq!(port(&Place::new("", "", &[])), 3000);
    assert_eq!(port(&Place::new(toml, "", &[])), 1001);
    assert_eq!(port(&Place::new(toml, "PORT=1002", &[])), 1002);
    assert_eq!(port(&Place::new(toml, "DROVER_HTTP__PORT=1002", &[("PORT", "1003")])), 1003);
    assert_eq!(port(&Place::new(toml, "PORT=1002", &[("PORT", "1003"), ("DROVER_HTTP__PORT", "1004")])), 1004);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert_eq!(port(&Place::new("[http]\nport = 1001\n", "PORT=", &[("DROVER_HTTP__PORT", " ")])), 1001);
    assert_eq!(port(&Place::new("", "PORT=1002", &[("PORT", "")])), 1002);
}

#[test]
fn known_variables_are_honoured() {
    let place = Place::new(
        "",
        "",
        &[
            ("RAILWAY_VOLUME_MOUNT_PATH", "/volume"),
            ("REDIS_URL", "redis://host"),
            ("DATABASE_URL", "postgres://host/name"),
            ("LOG_LEVEL", "debug"),
            ("DROVER_CHROMIUM", "/nix/store/*/bin/chromium"),
            ("DROVER_SIMULATOR", "127.0.0.1:8443"),
            ("DROVER_API_KEY", "a-key-of-mine"),
            ("DROVER_BROWSER__ARGS", "--lang=es --mute-audio"),
            ("DROVER_QUEUE__UNKNOWN", "hold"),
        ],
    );
    let config = place.load().expect("valid settings").config;
    assert_eq!(config.data.dir, Path::new("/volume"));
    assert_eq!(config.redis.url, "redis://host");
    assert_eq!(config.database.url, "postgres://host/name");
    assert_eq!(config.log.level, "debug");
    assert_eq!(config.browser.executable, "/nix/store/*/bin/chromium");
    assert_eq!(config.browser.simulator, "127.0.0.1:8443");
    assert_eq!(config.http.api_key, "a-key-of-mine");
    assert_eq!(config.browser.args, ["--lang=es", "--mute-audio"]);
    assert_eq!(config.queue.unknown, config::Unknown::Hold);
}

#[test]
fn the_data_folder_is_relative_to_the_working_folder() {
    let place = Place::new("", "", &[("DROVER_DATA_DIR", "data"), ("RAILWAY_VOLUME_MOUNT_PATH", "/volume")]);
    assert_eq!(place.load().expect("valid settings").config.data.dir, place.folder.path().join("data"));
}

#[test]
fn another_file_is_read_where_it_is_named() {
    let place = Place::new("[http]\nport = 1001\n", "", &[]);
    std::fs::write(place.folder.path().join("other.toml"), "[http]\nport = 1002\n").expect("a file");
    let sources = Sources::gather(place.folder.path(), Some(Path::new("other.toml")), &[]).expect("it is there");
    assert_eq!(config::load(&sources).expect("valid settings").config.http.port, 1002);

    let missing = Sources::gather(place.folder.path(), Some(Path::new("missing.toml")), &[]);
    let refusal = missing.err().expect("it is not there").to_string();
    assert!(refusal.starts_with("missing.toml cannot be read: "), "{refusal}");
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_what_is_allowed() {
    for (toml, dotenv, variables, expected) in [
        (
            "# ours\n\n[queue]\nattempts = 0\n",
            "",
            &[][..],
            "queue.attempts is 0 (drover.toml:4): it must be a whole number from 1 to 100",
        ),
        (
            "[http]\nport = \"3000\"\n",
            "",
            &[],
            "http.port is \"3000\" (drover.toml:2): it must be a whole number from 0 to 65535",
        ),
        ("", "# ours\nPORT=eighty", &[], "http.port is \"eighty\" (.env:2): it must be a whole number from 0 to 65535"),
        (
            "",
            "",
            &[("DROVER_LOG__FORMAT", "xml")],
            "log.format is \"xml\" (environment variable DROVER_LOG__FORMAT): it must be auto or pretty or json",
        ),
        (
            "[queue]\nlease_s = 50\n",
            "",
            &[],
            "queue.lease_s is 50 (drover.toml:2): it must be more than 56 (queue.send_timeout_s, twice browser.call_timeout_s, and typing.longest_ms)",
        ),
        (
            "",
            "",
            &[("DROVER_LIMITS__BURST", "11")],
            "limits.burst is 11 (environment variable DROVER_LIMITS__BURST): it must be at most 10 (limits.per_minute)",
        ),
    ] {
        assert_eq!(Place::new(toml, dotenv, variables).refusal(), expected);
    }
}

#[test]
fn settings_that_depend_on_each_other_must_fit() {
    for (name, value) in [
        ("DROVER_KEEPALIVE__WATCHDOG_S", "3"),
        ("DROVER_KEEPALIVE__WATCHDOG_LOADING_S", "11"),
        ("DROVER_KEEPALIVE__ACKS_S", "20"),
        ("DROVER_KEEPALIVE__BACKOFF_MAX_S", "1"),
        ("DROVER_BROWSER__CLOSE_GRACE_S", "11"),
        ("DROVER_QUEUE__SEND_TIMEOUT_S", "60"),
        ("DROVER_LIMITS__PER_HOUR", "2"),
    ] {
        let refusal = Place::new("", "", &[(name, value)]).refusal();
        assert!(refusal.contains("it must be"), "{refusal}");
    }
}

#[test]
fn a_key_that_is_no_setting_is_refused_with_the_nearest() {
    for (toml, expected) in [
        ("[http]\nprot = 1\n", "http.prot is no setting of drover (drover.toml:2); did you mean http.port?"),
        ("port = 1\n", "port is no setting of drover (drover.toml:1); did you mean http.port?"),
        ("\n[htpp]\nport = 1\n", "htpp.port is no setting of drover (drover.toml:3); did you mean http.port?"),
        ("[limit]\n", "limit is no setting of drover (drover.toml:1); did you mean limits?"),
        ("[queue]\nzebras = 1\n", "queue.zebras is no setting of drover (drover.toml:2)"),
    ] {
        assert_eq!(Place::new(toml, "", &[]).refusal(), expected);
    }
    for (variable, name, nearest) in [
        ("DROVER_HTTP__PROT", "http.prot", "; did you mean DROVER_HTTP__PORT?"),
        ("DROVER_HTTP_PORT", "DROVER_HTTP_PORT", "; did you mean DROVER_HTTP__PORT?"),
        ("DROVER_DATADIR", "DROVER_DATADIR", "; did you mean DROVER_DATA_DIR?"),
        ("DROVER_ZEBRAS__COUNT", "zebras.count", ""),
    ] {
        let refusal = Place::new("", "", &[(variable, "1")]).refusal();
        let expected = format!("{name} is no setting of drover (environment variable {variable}){nearest}");
        assert_eq!(refusal, expected);
    }
}

#[test]
fn variables_that_platforms_put_beside_ours_are_left_alone() {
    let variables = [
        ("DROVER_SERVICE_HOST", "10.0.0.1"),
        ("DROVER_PORT_3000_TCP_ADDR", "10.0.0.1"),
        ("DROVER_URL", "http://127.0.0.1:3000"),
        ("PATH", "/usr/bin"),
    ];
    Place::new("", "", &variables).load().expect("none of these is ours");
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_line() {
    let refusal = Place::new("[http]\nport = = 1\n", "", &[]).refusal();
    assert!(refusal.starts_with("drover.toml:2: "), "{refusal}");
    let refusal = Place::new("[http]\nport = 1\nport = 2\n", "", &[]).refusal();
    assert!(refusal.starts_with("drover.toml:3: "), "{refusal}");
}

#[test]
fn a_secret_is_never_repeated() {
    let secret = "open sesame";
    let url = format!("ftp://user:{secret}@host");
    for place in [
        Place::new("", "", &[("DROVER_API_KEY", secret)]),
        Place::new(&format!("[http]\napi_key = \"{secret}\"\n"), "", &[]),
        Place::new("", "", &[("REDIS_URL", &url)]),
        Place::new("", "", &[("DATABASE_URL", &url)]),
        Place::new("", &format!("DROVER_API_KEY={secret}"), &[]),
    ] {
        let refusal = place.refusal();
        assert!(!refusal.contains("sesame"), "{refusal}");
    }

    let secret = "open-sesame";
    let place = Place::new(
        "",
        "",
        &[
            ("DROVER_API_KEY", secret),
            ("REDIS_URL", "redis://:open-sesame@host"),
            ("DATABASE_URL", "sqlite:open-sesame"),
        ],
    );
    let loaded = place.load().expect("valid settings");
    assert_eq!(loaded.config.http.api_key, secret);
    assert!(!format!("{loaded:?}").contains(secret));
}

#[test]
fn each_setting_tells_where_it_was_set() {
    let place = Place::new("[queue]\nattempts = 2\n", "LOG_LEVEL=warn", &[("PORT", "1003")]);
    let loaded = place.load().expect("valid settings");
    let origin = |name: &str| {
        let setting = loaded.settings.iter().find(|setting| setting.name == name).expect(name);
        format!("{} {}", setting.value, setting.origin)
    };
    assert_eq!(origin("queue.attempts"), "2 drover.toml:2");
    assert_eq!(origin("log.level"), "\"warn\" .env:1");
    assert_eq!(origin("http.port"), "1003 environment variable PORT");
    assert_eq!(origin("http.bind"), "\"127.0.0.1\" default");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics(toml in ".{0,80}", dotenv in ".{0,80}", value in ".{1,40}") {
        let place = Place::new(&toml, &dotenv, &[("PORT", &value), ("DROVER_BROWSER__ARGS", &value)]);
        let _ = place.load();
    }
}
