//! Letters with made-up content, by which templates are tried and tests are sent.

use std::sync::Arc;

use serde_json::json;

use super::{
    Place,
    letter::{Item, Letter, Subject, date, links, stem},
};
use crate::model::{Alert, Language, SessionName, Severity};

/// One full, one with counts of one, one with nothing that may be absent.
pub(super) fn samples(kind: &str, language: Language) -> Vec<Letter> {
    let full = sample(kind, language, "https://drover.example.com", Some("Ana, 155******67"));
    let bare = sample(kind, language, "", None);
    vec![full.clone(), with_ones(full), Letter { reason: None, lasted: None, ..bare }]
}

/// The same about one of everything.
fn with_ones(mut letter: Letter) -> Letter {
    for value in letter.details.values_mut().filter(|value| value.is_i64() || value.is_u64()) {
        *value = json!(1);
    }
    letter.items.truncate(1);
    letter
}

pub(super) fn sample(kind: &str, language: Language, public_url: &str, account: Option<&str>) -> Letter {
    const AT_MS: i64 = 1_764_378_300_000;
    let is_of_server = matches!(kind, "memory_critical" | "disk_low" | "disk_unwritable" | "bridge_refused");
    let session = if is_of_server { SessionName::server() } else { "shop".parse().expect("a name") };
    let place = Place { node: "drover-1".to_owned(), public_url: public_url.to_owned(), data_dir: "/data".into() };
    let subject = Subject { session, account: account.map(str::to_owned), place: Arc::new(place), quiet_s: 3_600 };
    if kind == "digest" {
        let item = |code: &str, problem: &str, is_open| Item {
            session: Some("shop".parse().expect("a name")),
            code: code.to_owned(),
            problem: problem.to_owned(),
            repeats: 3,
            is_open,
            at: date(AT_MS),
        };
        let problems = match language {
            Language::En => ["it could not be brought back", "its queue did not move"],
            Language::Es => ["no se podía recuperar", "su cola no avanzaba"],
        };
        let items = vec![item("attempts_spent", problems[0], true), item("queue_stuck", problems[1], false)];
        return Letter {
            session: None,
            links: links(public_url, None),
            ..subject.digest(items, Severity::Warning, AT_MS, language)
        };
    }
    let alert = sample_alert(kind);
    subject.letter(&alert, AT_MS, alert.is_resolved.then_some(7_500_000), language)
}

fn sample_alert(kind: &str) -> Alert {
    let reason = |code: &str, message: &str| json!({ "code": code, "message": message });
    let critical = |message: &str| Alert::raised(kind, Severity::Critical, message);
    let warning = |message: &str| Alert::raised(kind, Severity::Warning, message);
    match stem(kind) {
        "linked" => Alert::raised(kind, Severity::Info, "the phone was linked"),
        "recovered" => Alert::resolved("disconnected", "the session is ready again"),
        "disconnected" => critical("the phone unlinked it")
            .with("reason", reason("unlinked", "the phone unlinked this device; scan a new QR to link again")),
        "auth_failed" => critical("WhatsApp did not accept the login").with(
            "reason",
            reason("account_locked", "the account is locked; unlock it on the phone, then scan a new QR"),
        ),
        "attempts_spent" => {
            critical("every attempt failed").with("reason", reason("page_hung", "the page did not answer for 12 s"))
        }
        "needs_a_person" => critical("the session needs a person")
            .with("reason", reason("banned", "WhatsApp has blocked this account; look at the phone")),
        "queue_stuck" => warning("the queue does not move").with("waiting", 1_204).with("waited_s", 2_460),
        "dead_letters" => warning("messages were given up").with("dead", 57),
        "web_changed" => warning("WhatsApp Web changed").with("missing", "pair, polls"),
        "disk_low" => critical("the disk is nearly full").with("free_mb", 312).with("path", "/data"),
        "disk_unwritable" => critical("nothing can be written")
            .with("error", "Read-only file system (os error 30)")
            .with("error_code", "EROFS")
            .with("path", "/data"),
        "memory_critical" => {
            critical("3.6 GB of 4.0 GB are used; 2 idle sessions sleep").with("used_mb", 3_686).with("budget_mb", 4_096)
        }
        "whatsapp_restricted" => critical("WhatsApp refuses what it sends"),
        "quarantined" => {
            warning("the session crashed 6 times within an hour").with("cause", "crashes").with("times", 6)
        }
        "webhook_unreachable" => {
            warning("the webhook does not take events; they wait").with("origin", "https://n8n.example.com")
        }
        "bridge_refused" => warning("the changed bridge was refused")
            .with("path", "/data/bridge")
            .with("session", "shop")
            .with("error", "the bridge lacks what the one before has: send"),
        _ => warning("something happened that this version knows no mail for"),
    }
}
