//! Which events and figures are problems, and when they are over. Pure.

use std::{collections::BTreeMap, io};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    config::AlertThresholds,
    host,
    model::{Alert, EventKind, NewEvent, Reason, SessionName, SessionState, Severity},
};

/// The codes that a session's becoming ready ends.
const ENDED_BY_READY: [&str; 2] = ["disconnected", "auth_failed"];
/// Reasons of a logout that somebody asked for, or whose reason is not known before its end.
const UNTOLD: [&str; 3] = ["logging_out", "logged_out", "unlinking"];
/// Reasons of a logout that are about the account or the linking, not about the phone's wish.
const AUTHENTICATION: [&str; 3] = ["account_locked", "sync_failed", "history_sync_timeout"];

/// What is remembered of sessions between events.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Those that show a QR, or did, and were not ready since.
    linking: BTreeMap<SessionName, Linking>,
}

/// How far linking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Linking {
    /// A QR is shown.
    Shown,
    /// A phone scanned it.
    Scanned,
}

/// What `session.status` says.
#[derive(Deserialize)]
struct Status {
    state: SessionState,
    reason: Option<Reason>,
}

/// How a session's queue stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QueueFigures {
    pub(super) session: SessionName,
    /// Messages that wait.
    pub(super) waiting: u64,
    /// How long the oldest that may be sent has waited, in milliseconds.
    pub(super) waited_ms: i64,
    /// How long nothing was tried, in milliseconds.
    pub(super) silent_ms: i64,
    /// Somebody paused it.
    pub(super) is_paused: bool,
    pub(super) dead: u64,
}

impl Rules {
    /// What an event means.
    pub(super) fn hear(&mut self, event: &NewEvent) -> Vec<Alert> {
        match event.kind {
            EventKind::SessionStatus => match Status::deserialize(&event.payload) {
                Ok(status) => self.hear_status(&event.session, &status),
                Err(_) => Vec::new(),
            },
            EventKind::BridgeDegraded => bridge(&event.payload),
            _ => Vec::new(),
        }
    }

    fn hear_status(&mut self, session: &SessionName, status: &Status) -> Vec<Alert> {
        use SessionState::{AwaitingScan, Failed, LoggedOut, Pairing, Ready, Stopped, Syncing};
        match status.state {
            // A page may sync before it was seen pairing.
            Pairing | Syncing => {
                if let Some(linking) = self.linking.get_mut(session) {
                    *linking = Linking::Scanned;
                }
                Vec::new()
            }
            Ready => {
                let linked = self.linking.remove(session).map(|_| {
                    let text = format!("the phone of '{session}' was linked; the session is ready");
                    Alert::raised("linked", Severity::Info, text)
                });
                let over =
                    ENDED_BY_READY.map(|code| Alert::resolved(code, format!("the session '{session}' is ready again")));
                over.into_iter().chain(linked).collect()
            }
            AwaitingScan => {
                let before = self.linking.insert(session.clone(), Linking::Shown);
                let reason = Reason::new(
                    "link_not_finished",
                    "the phone scanned the QR, but linking did not finish; scan it again",
                );
                (before == Some(Linking::Scanned))
                    .then(|| authentication_failed(session, &reason))
                    .into_iter()
                    .collect()
            }
            LoggedOut => {
                self.linking.remove(session);
                status
                    .reason
                    .iter()
                    .filter(|reason| !UNTOLD.contains(&reason.code.as_str()))
                    .map(|reason| {
                        if AUTHENTICATION.contains(&reason.code.as_str()) {
                            authentication_failed(session, reason)
                        } else {
                            let text = format!("'{session}' is disconnected for good: {}", reason.message);
                            Alert::raised("disconnected", Severity::Critical, text).with("reason", json!(reason))
                        }
                    })
                    .collect()
            }
            Stopped | Failed => {
                self.linking.remove(session);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

fn authentication_failed(session: &SessionName, reason: &Reason) -> Alert {
    let text = format!("WhatsApp did not accept the login of '{session}': {}", reason.message);
    Alert::raised("auth_failed", Severity::Critical, text).with("reason", json!(reason))
}

fn bridge(payload: &Value) -> Vec<Alert> {
    let missing: Vec<&str> = payload["missing"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if missing.is_empty() {
        return vec![Alert::resolved("web_changed", "the bridge finds everything again")];
    }
    let missing = missing.join(", ");
    let text = format!(
        "WhatsApp Web changed, and the bridge does not find what it needs for: {missing}; update drover or DROVER_BRIDGE"
    );
    vec![Alert::raised("web_changed", Severity::Warning, text).with("missing", missing)]
}

/// What a session's figures mean: for each problem, that it is there or that it is not.
pub(super) fn judge_queue(figures: &QueueFigures, thresholds: &AlertThresholds) -> Vec<Alert> {
    let (session, waiting) = (&figures.session, figures.waiting);
    let stuck_ms = i64::try_from(thresholds.queue_stuck_s.saturating_mul(1000)).unwrap_or(i64::MAX);
    let is_stuck = stuck_ms > 0 && !figures.is_paused && figures.waited_ms.min(figures.silent_ms) > stuck_ms;
    let is_long = thresholds.queue_messages > 0 && waiting >= thresholds.queue_messages;
    let queue = if is_stuck || is_long {
        let waited_s = figures.waited_ms.max(0) / 1000;
        let text = match waiting {
            1 => format!("1 message of '{session}' waits, for {waited_s} s; see GET /api/{session}/queue"),
            _ => format!(
                "{waiting} messages of '{session}' wait, the oldest for {waited_s} s; see GET /api/{session}/queue"
            ),
        };
        Alert::raised("queue_stuck", Severity::Warning, text).with("waiting", waiting).with("waited_s", waited_s)
    } else {
        Alert::resolved("queue_stuck", "the queue moves again")
    };
    let dead = figures.dead;
    let dead_letters = if thresholds.dead_letters > 0 && dead >= thresholds.dead_letters {
        let (messages, were) = if dead == 1 { ("message", "was") } else { ("messages", "were") };
        let text =
            format!("{dead} {messages} of '{session}' {were} given up; see GET /api/queue/dead?session={session}");
        Alert::raised("dead_letters", Severity::Warning, text).with("dead", dead)
    } else {
        Alert::resolved("dead_letters", "there are few dead letters again")
    };
    vec![queue, dead_letters]
}

/// What the disk's figures mean.
pub(super) fn judge_disk(free_bytes: u64, path: &str, thresholds: &AlertThresholds) -> Alert {
    let free_mb = free_bytes >> 20;
    if free_mb < thresholds.disk_free_mb {
        let text =
            format!("{free_mb} MB are free on the disk of {path}; without any, no login and no message can be written");
        return Alert::raised("disk_low", Severity::Critical, text).with("free_mb", free_mb).with("path", path);
    }
    Alert::resolved("disk_low", format!("{free_mb} MB are free on the disk again"))
}

/// What it means whether a little could be written into the data folder.
pub(super) fn judge_writing(refusal: Option<&io::Error>, path: &str) -> Alert {
    match refusal {
        Some(error) => {
            let text = format!(
                "nothing can be written to {path} ({error}): what runs goes on, but no message is accepted and no login is kept; look at \
                 dmesg, make room or mount it writable"
            );
            Alert::raised("disk_unwritable", Severity::Critical, text)
                .with("error", error.to_string())
                .with("error_code", host::error_name(error))
                .with("path", path)
        }
        None => Alert::resolved("disk_unwritable", "the disk can be written to again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(rules: &mut Rules, state: &str, reason: Option<&str>) -> Vec<(String, bool)> {
        let reason = reason.map(|code| Reason::new(code, "why"));
        let payload = json!({"name": "shop", "status": "any", "state": state, "reason": reason});
        let event = NewEvent { kind: EventKind::SessionStatus, session: "shop".parse().expect("a name"), payload };
        rules.hear(&event).into_iter().map(|alert| (alert.code, alert.is_resolved)).collect()
    }

    fn one(code: &str, is_resolved: bool) -> (String, bool) {
        (code.to_owned(), is_resolved)
    }

    #[test]
    fn linking_is_told_and_a_lost_link_is_a_problem_until_it_is_ready() {
        let mut rules = Rules::default();
        for state in ["launching", "loading", "awaiting_scan", "pairing", "syncing"] {
            assert!(status(&mut rules, state, None).is_empty(), "{state}");
        }
        let over = [one("disconnected", true), one("auth_failed", true)];
        assert_eq!(status(&mut rules, "ready", None), [&over[..], &[one("linked", false)]].concat());
        assert_eq!(status(&mut rules, "ready", None), over, "it was linked before");
        assert_eq!(status(&mut rules, "logged_out", Some("unlinked")), [one("disconnected", false)]);
        assert!(status(&mut rules, "logged_out", Some("logged_out")).is_empty(), "somebody asked for it");
        assert!(status(&mut rules, "logged_out", Some("unlinking")).is_empty(), "why is not known yet");
        assert_eq!(status(&mut rules, "logged_out", Some("account_locked")), [one("auth_failed", false)]);
        assert!(status(&mut rules, "awaiting_scan", None).is_empty());
        status(&mut rules, "syncing", None);
        assert_eq!(status(&mut rules, "awaiting_scan", None), [one("auth_failed", false)]);
        assert!(status(&mut rules, "awaiting_scan", None).is_empty(), "once");
    }

    #[test]
    fn a_queue_is_stuck_when_nothing_moves_and_nobody_paused_it() {
        let sources = crate::config::Sources::of(std::path::Path::new("/srv"), &[]);
        let thresholds = crate::config::load(&sources).expect("the defaults").config.alerts.thresholds;
        let calm = QueueFigures {
            session: "shop".parse().expect("a name"),
            waiting: 3,
            waited_ms: 0,
            silent_ms: 0,
            is_paused: false,
            dead: 0,
        };
        let judged = |figures: QueueFigures| {
            judge_queue(&figures, &thresholds).into_iter().map(|alert| !alert.is_resolved).collect::<Vec<_>>()
        };
        let hour = 3_600_000;
        assert_eq!(judged(calm.clone()), [false, false]);
        assert_eq!(judged(QueueFigures { waited_ms: hour, ..calm.clone() }), [false, false], "it moves, slowly");
        let stuck = QueueFigures { waited_ms: hour, silent_ms: hour, ..calm.clone() };
        assert_eq!(judged(stuck.clone()), [true, false]);
        assert_eq!(judged(QueueFigures { is_paused: true, ..stuck.clone() }), [false, false]);
        assert_eq!(
            judged(QueueFigures { waited_ms: -hour, silent_ms: -hour, ..stuck }),
            [false, false],
            "the clock went back"
        );
        assert_eq!(judged(QueueFigures { waiting: 1_000, dead: 50, ..calm.clone() }), [true, true]);
        // One of anything is said as one.
        let low = AlertThresholds { dead_letters: 1, queue_messages: 1, ..thresholds };
        let one = judge_queue(&QueueFigures { waiting: 1, dead: 1, ..calm }, &low);
        assert!(one[0].message.starts_with("1 message of 'shop' waits, for 0 s;"), "{}", one[0].message);
        assert!(one[1].message.starts_with("1 message of 'shop' was given up;"), "{}", one[1].message);
    }

    #[test]
    fn a_bridge_that_misses_something_and_a_full_disk_are_problems_until_they_are_not() {
        let alert = |payload: Value| {
            let event = NewEvent { kind: EventKind::BridgeDegraded, session: "shop".parse().expect("a name"), payload };
            Rules::default().hear(&event).remove(0)
        };
        let raised = alert(json!({"missing": ["pair", "polls"]}));
        assert_eq!(
            (raised.code.as_str(), raised.is_resolved, &raised.details["missing"]),
            ("web_changed", false, &json!("pair, polls"))
        );
        assert!(alert(json!({"missing": []})).is_resolved);
        let sources = crate::config::Sources::of(std::path::Path::new("/srv"), &[]);
        let thresholds = crate::config::load(&sources).expect("the defaults").config.alerts.thresholds;
        assert!(!judge_disk(499 << 20, "/data", &thresholds).is_resolved);
        assert!(judge_disk(500 << 20, "/data", &thresholds).is_resolved);
        assert!(judge_writing(None, "/data").is_resolved);
        let refused = judge_writing(Some(&io::Error::from_raw_os_error(30)), "/data");
        assert!(!refused.is_resolved && refused.message.contains("/data (Read-only file system"), "{refused:?}");
        assert_eq!(refused.details["error_code"], "EROFS");
    }
}
