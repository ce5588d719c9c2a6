//! What is written about drover says what drover is: docs/configuration.md and docs/metrics.md are made of the source (`make docs`
//! writes them anew), docs/events.md names every event, and metrics named anywhere are metrics that exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use drover::{
    config::DEFAULTS,
    model::EventKind,
    telemetry::catalogue::{self, Kind},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Holds a document against what it is made of; `make docs` writes it instead.
#[track_caller]
fn is_up_to_date(path: &str, made: &str) {
    if std::env::var_os("DROVER_WRITE_DOCS").is_some() {
        fs::write(root().join(path), made).expect("the repository can be written to");
        return;
    }
    let stands = fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(stands == made, "{path} is not what the source says: run `make docs` and commit it");
}

#[test]
fn the_metrics_are_documented() {
    is_up_to_date("docs/metrics.md", &catalogue::document());
}

#[test]
fn the_settings_are_documented() {
    is_up_to_date("docs/configuration.md", &configuration(DEFAULTS));
}

#[test]
fn the_events_are_documented() {
    let page = read("docs/events.md");
    let names = page.split_once("\nNames: ").expect("a list").1.split_once("\n\n").expect("it ends").0;
    let told: BTreeSet<&str> = names.split('`').skip(1).step_by(2).collect();
    let known: BTreeSet<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(told, known);
}

/// docs/configuration.md: each section of config.default.toml with its settings, defaults and comments.
fn configuration(defaults: &str) -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         Every setting, made of [config.default.toml](../config.default.toml) by `make docs`. A setting `key` of `[section]` is written\n\
         into `drover.toml` in the working folder (or into the file that `drover --config` names), or set in the environment as\n\
         `DROVER_SECTION__KEY`. The environment wins over `.env`, `.env` over `drover.toml`, `drover.toml` over the defaults below. A\n\
         variable that is empty counts as not set. `drover config check` shows what is in force, and from where.\n",
    );
    let mut section = String::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in defaults.lines() {
        if let Some(words) = line.strip_prefix('#') {
            comment.push(words.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
            text.push_str(&format!("\n## [{section}]\n"));
            // The file's own introduction stands before a blank line, and is not here.
            if !comment.is_empty() {
                text.push_str(&format!("\n{}\n", comment.join("\n")));
            }
            comment.clear();
        } else if let Some((key, value)) = line.split_once(" = ") {
            let variable = format!("DROVER_{}__{}", section.to_uppercase(), key.to_uppercase());
            text.push_str(&format!("\n### `{key}` = `{value}`\n\n`{variable}`. {}\n", comment.join("\n")));
            comment.clear();
        } else {
            comment.clear();
        }
    }
    text
}

#[test]
fn the_configuration_is_read_line_by_line() {
    let made = configuration("# Intro.\n\n# About it.\n[one]\n# What\n# it does.\nkey_s = 5\n");
    let end = "\n## [one]\n\nAbout it.\n\n### `key_s` = `5`\n\n`DROVER_ONE__KEY_S`. What\nit does.\n";
    assert!(made.ends_with(end) && !made.contains("Intro"), "{made}");
}

/// Codes that the source gives a session's state beside those that stand in a `Reason::new("...")`.
const OTHER_REASONS: [&str; 12] = [
    "browser_closed",
    "config_unusable",
    "disk_full",
    "launch_failed",
    "load_timeout",
    "never_ready",
    "no_browser",
    "not_started",
    "profile_in_use",
    "profile_unusable",
    "proxy_block",
    "unlinking",
];

/// Why a session is as it is: the codes of the source, by the file that gives them.
fn reasons() -> BTreeMap<String, PathBuf> {
    let mut found: BTreeMap<String, PathBuf> =
        OTHER_REASONS.iter().map(|code| ((*code).to_owned(), PathBuf::new())).collect();
    let is_of_state = |path: &PathBuf| {
        let name = path.to_string_lossy();
        let rooms = ["/src/session", "/src/browser/warden", "/src/browser/cdp", "/src/api/backup", "/src/api/sessions"];
        rooms.iter().any(|room| name.contains(room)) && !name.contains("/tests") && !name.contains("/sender")
    };
    for path in sources(&root().join("src")).into_iter().filter(is_of_state) {
        let text = fs::read_to_string(&path).expect("a source file is text");
        for call in text.split("Reason::new(").skip(1) {
            if let Some((code, _)) = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                found.insert(code.to_owned(), path.clone());
            }
        }
    }
    found
}

#[test]
fn every_reason_is_said_on_the_dashboard_and_in_mails() {
    let reasons = reasons();
    assert!(reasons.len() > 40 && reasons.contains_key("page_hung"), "{reasons:?}");
    // Nobody is written to about these: they are no problem.
    let calm = ["/admission.rs", "/memory/keeper.rs", "/registry/adoption.rs", "/api/"];
    let mails = read("assets/email/reason.es.txt");
    for language in ["en", "es"] {
        let catalogue: toml::Table = toml::from_str(&read(&format!("assets/dashboard/{language}.toml"))).expect("TOML");
        let missing: Vec<_> = reasons.keys().filter(|code| catalogue["reason"].get(code.as_str()).is_none()).collect();
        assert!(missing.is_empty(), "not in [reason] of assets/dashboard/{language}.toml: {missing:?}");
    }
    let is_calm = |path: &Path| calm.iter().any(|part| path.to_string_lossy().contains(part));
    let mailed =
        reasons.iter().filter(|(code, path)| !is_calm(path) && !matches!(code.as_str(), "not_started" | "scan_qr"));
    let missing: Vec<_> = mailed.filter(|(code, _)| !mails.contains(&format!("\"{code}\":"))).collect();
    assert!(missing.is_empty(), "not in assets/email/reason.es.txt: {missing:?}");
}

#[test]
fn every_alert_is_said_on_the_dashboard_and_has_a_mail() {
    let mut raised = BTreeSet::new();
    for path in sources(&root().join("src")) {
        let text = fs::read_to_string(&path).expect("a source file is text");
        for call in text.split("Alert::raised(").skip(1) {
            if let Some((code, _)) = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                raised.insert(code.to_owned());
            }
        }
    }
    // Their codes stand in constants.
    raised.extend(
        [
            "attempts_spent",
            "bridge_refused",
            "mail_unsendable",
            "memory_critical",
            "needs_a_person",
            "webhook_unreachable",
            "whatsapp_restricted",
        ]
        .map(str::to_owned),
    );
    assert!(raised.contains("quarantined") && raised.contains("dead_letters"), "{raised:?}");
    let catalogue: toml::Table = toml::from_str(&read("assets/dashboard/es.toml")).expect("TOML");
    for code in raised {
        assert!(catalogue["alert"].get(&code).is_some(), "[alert] of assets/dashboard/*.toml does not say {code}");
        // That mails cannot be sent is told by no mail.
        let has_mail = root().join("assets/email").join(&code).join("subject.es.txt").is_file();
        assert!(has_mail || code == "mail_unsendable", "{code} has no mail of its own in assets/email");
    }
}

/// The metrics by name.
fn known() -> BTreeMap<&'static str, Kind> {
    catalogue::all().map(|metric| (metric.name, metric.kind)).collect()
}

#[test]
fn every_metric_of_the_source_is_in_the_catalogue_and_the_other_way_round() {
    let mut named = BTreeSet::new();
    for path in sources(&root().join("src")) {
        if path.ends_with("telemetry/catalogue.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file is text");
        named.extend(text.split('"').filter(|word| is_metric_name(word)).map(str::to_owned));
    }
    let known: BTreeSet<String> = known().keys().map(|name| (*name).to_owned()).collect();
    let strangers: Vec<&String> = named.difference(&known).collect();
    let unused: Vec<&String> = known.difference(&named).collect();
    assert!(
        strangers.is_empty(),
        "say in src/telemetry/catalogue.rs what these count, and run `make docs`: {strangers:?}"
    );
    assert!(unused.is_empty(), "in src/telemetry/catalogue.rs, and nothing counts them: {unused:?}");
}

/// What a call of one of the macros counts: its kind, the metric, and the labels.
fn calls(text: &str) -> Vec<(Kind, String, BTreeSet<String>)> {
    let mut found = Vec::new();
    for (start, kind) in [("counter!(", Kind::Counter), ("gauge!(", Kind::Gauge), ("histogram!(", Kind::Histogram)] {
        for rest in text.split(start).skip(1) {
            let mut depth = 1;
            let end = rest.find(|character| {
                depth += match character {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                depth == 0
            });
            let arguments = &rest[..end.unwrap_or(rest.len())];
            // A name that is no literal is looked at by the names alone.
            let Some((name, labels)) = arguments.trim().strip_prefix('"').and_then(|rest| rest.split_once('"')) else {
                continue;
            };
            let labels = labels.split("=>").map(|before| before.trim().trim_end_matches('"').rsplit('"').next());
            let mut labels: Vec<_> = labels.flatten().map(str::to_owned).collect();
            labels.pop();
            found.push((kind, name.to_owned(), labels.into_iter().collect()));
        }
    }
    found
}

#[test]
fn labels_and_kinds_of_the_catalogue_are_those_of_the_source() {
    let known: BTreeMap<&str, _> = catalogue::all().map(|metric| (metric.name, metric)).collect();
    let mut looked_at = 0;
    for path in sources(&root().join("src")) {
        for (kind, name, labels) in calls(&fs::read_to_string(&path).expect("a source file is text")) {
            let Some(metric) = known.get(name.as_str()) else { continue };
            let documented: BTreeSet<String> = metric.labels.iter().map(|label| (*label).to_owned()).collect();
            assert_eq!((kind, labels), (metric.kind, documented), "{name} in {}", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at > 40, "{looked_at}");
}

/// Not every word with that beginning is one: a metric ends in a unit, in `_total`, or stands in the catalogue.
fn is_metric_name(word: &str) -> bool {
    const ENDS: [&str; 4] = ["_total", "_seconds", "_bytes", "_info"];
    let is_name = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let is_ours = word.starts_with("drover_") || word.starts_with("process_");
    is_name && is_ours && (ENDS.iter().any(|end| word.ends_with(end)) || known().contains_key(word))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("readable").path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn names_follow_prometheus_conventions() {
    let mut seen = BTreeSet::new();
    for metric in catalogue::all() {
        assert!(seen.insert(metric.name), "{} stands there twice", metric.name);
        assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
        assert!(metric.kind != Kind::Histogram || metric.name.ends_with("_seconds"), "{}", metric.name);
        assert!(metric.help.ends_with('.'), "{}", metric.name);
        const BOUNDED: [&str; 16] = [
            "session",
            "state",
            "from",
            "to",
            "cause",
            "result",
            "outcome",
            "priority",
            "code",
            "script",
            "step",
            "table",
            "kind",
            "version",
            "arch",
            "operation",
        ];
        // Routes, methods, statuses, alerts and levels are written in the source, so there are few of them as well.
        const FEW: [&str; 9] = ["map", "route", "method", "status", "alert", "level", "reason", "limit", "language"];
        for label in metric.labels {
            assert!(BOUNDED.contains(label) || FEW.contains(label), "{}: is {label} bounded?", metric.name);
        }
    }
}

/// The metrics that a PromQL text names; what a histogram adds is taken off.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let word = |byte: char| !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == '_');
    let names = text.split(word).filter(|word| word.starts_with("drover_") || word.starts_with("process_"));
    let known = known();
    names
        .map(|name| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            match base {
                Some(base) if known.get(base) == Some(&Kind::Histogram) => base.to_owned(),
                _ => name.to_owned(),
            }
        })
        .collect()
}

#[test]
fn the_dashboard_shows_metrics_that_exist() {
    let text = read("deploy/grafana/drover.json");
    let dashboard: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len(), "panels have ids of their own");
    let expressions = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut shown = BTreeSet::new();
    for target in expressions {
        let expression = target["expr"].as_str().expect("an expression");
        let metrics = metrics_in(expression);
        assert!(!metrics.is_empty(), "it shows nothing of drover's: {expression}");
        shown.extend(metrics);
    }
    let known = known();
    let strangers: Vec<&String> = shown.iter().filter(|name| !known.contains_key(name.as_str())).collect();
    assert!(strangers.is_empty(), "no such metrics: {strangers:?}");
    assert!(shown.len() > 30, "it shows what there is: {}", shown.len());
}

#[test]
fn alert_rules_are_about_metrics_that_exist_and_have_a_chapter_in_the_runbook() {
    let text = read("deploy/prometheus/alerts.yml");
    let rules: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
    let runbook = read("docs/runbook.md");
    let chapters: BTreeSet<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| title.to_lowercase().replace(' ', "-").replace(['\'', ','], ""))
        .collect();
    let known = known();
    let rules = rules["groups"][0]["rules"].as_array().expect("rules").clone();
    assert!(rules.len() >= 12, "{}", rules.len());
    for rule in rules {
        let name = rule["alert"].as_str().expect("each rule is an alert");
        let expression = rule["expr"].as_str().expect("an expression");
        for metric in metrics_in(expression) {
            assert!(known.contains_key(metric.as_str()), "{name}: no such metric: {metric}");
        }
        assert!(matches!(rule["labels"]["severity"].as_str(), Some("critical" | "warning")), "{name}");
        let link = rule["annotations"]["runbook"].as_str().expect("where to look");
        let chapter = link.strip_prefix("docs/runbook.md").expect("in the runbook").trim_start_matches('#');
        assert!(chapter.is_empty() || chapters.contains(chapter), "{name}: no such chapter: {chapter} ({chapters:?})");
        assert!(read("deploy/prometheus/alerts_test.yml").contains("alertname:"), "the rules have unit tests");
    }
}

#[test]
fn platforms_wait_longer_than_drover_takes_to_end() {
    let defaults: toml::Value = toml::from_str(DEFAULTS).expect("TOML");
    let needed_s = defaults["shutdown"]["grace_s"].as_integer().expect("seconds") + 5;
    let railway: serde_json::Value = serde_json::from_str(&read("railway.json")).expect("JSON");
    assert!(railway["deploy"]["drainingSeconds"].as_i64() >= Some(needed_s));
    assert_eq!(railway["deploy"]["healthcheckPath"], "/health/ready");
    let compose: serde_json::Value = serde_saphyr::from_str(&read("deploy/docker-compose.yml")).expect("YAML");
    let grace = compose["services"]["drover"]["stop_grace_period"].as_str().expect("a grace");
    assert!(grace.trim_end_matches('s').parse::<i64>().expect("seconds") >= needed_s);
    let unit = read("deploy/systemd/drover.service");
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).expect("a limit");
    assert!(stop.parse::<i64>().expect("seconds") >= needed_s);
    let nixpacks: toml::Value = toml::from_str(&read("nixpacks.toml")).expect("TOML");
    assert_eq!(nixpacks["start"]["cmd"].as_str(), Some("./target/release/drover serve"));
    assert!(!read("Dockerfile").lines().any(|line| line.starts_with("VOLUME")), "Railway refuses it");
}
