//! What a session's standing means for whoever links it, and what is shown then; pure.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{model::SessionName, qr};

/// A session as the API answers it, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Session {
    status: String,
    state: String,
    desired: String,
    reason: Option<Reason>,
    me: Option<Me>,
    page: Page,
}

#[derive(Debug, Clone, Deserialize)]
struct Reason {
    message: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    id: String,
    push_name: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    loading_percent: Option<u8>,
}

impl Session {
    /// Whether it has to be started.
    pub(super) fn rests(&self) -> bool {
        matches!(self.status.as_str(), "STOPPED" | "FAILED") && !self.comes_back()
    }

    /// A login that was lost is archived, and a new browser follows by itself where running is wanted.
    fn comes_back(&self) -> bool {
        self.state == "logged_out" && self.desired == "running"
    }
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait; this is going on.
    Wait(String),
    /// Show the code.
    Scan,
    /// Done, with the line that says so.
    Linked(String),
    /// Ended without a link, with the line that says why.
    Over(String),
}

/// The step that a session's standing means. A session that was started a moment ago may still look stopped.
pub(super) fn step(session: &Session, was_just_started: bool) -> Step {
    let reason = session.reason.as_ref().map(|reason| reason.message.as_str());
    match session.status.as_str() {
        "WORKING" => Step::Linked(linked(session.me.as_ref())),
        "SCAN_QR_CODE" => Step::Scan,
        "STARTING" => Step::Wait(going_on(session)),
        _ if session.comes_back() => Step::Wait("the old login is being archived".to_owned()),
        _ if was_just_started => Step::Wait("starting".to_owned()),
        "FAILED" => Step::Over(format!("the session failed: {}", reason.unwrap_or("drover's log says why"))),
        _ => Step::Over(format!("the session stopped: {}", reason.unwrap_or("somebody stopped it"))),
    }
}

fn linked(me: Option<&Me>) -> String {
    match me {
        Some(Me { id, push_name }) if push_name.is_empty() => format!("linked as +{}", number(id)),
        Some(Me { id, push_name }) => format!("linked as +{} ({push_name})", number(id)),
        None => "linked".to_owned(),
    }
}

fn number(id: &str) -> &str {
    id.split('@').next().unwrap_or(id)
}

fn going_on(session: &Session) -> String {
    let what = match session.state.as_str() {
        "launching" => "starting the browser",
        "loading" => "loading WhatsApp Web",
        "pairing" => "the phone was heard: linking",
        "syncing" => "linked: chats are being synced",
        "reconnecting" => "the browser is being restarted",
        _ => "starting",
    };
    let percent = session.page.loading_percent.map_or_else(String::new, |percent| format!(" ({percent} %)"));
    let reason = session.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.message));
    format!("{what}{percent}{reason}")
}

/// What a phone needs to link.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Code {
    kind: Kind,
    expires_at_ms: i64,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Scanned { seq: u64, drawing: qr::Code },
    Typed(String),
}

impl Code {
    /// A QR code as the API answers it; None when it is none.
    pub(super) fn scanned(answer: &Value) -> Option<Self> {
        let drawing = qr::Code::of(answer["value"].as_str()?).ok()?;
        let expires_at: Timestamp = answer["expiresAt"].as_str()?.parse().ok()?;
        let kind = Kind::Scanned { seq: answer["seq"].as_u64()?, drawing };
        Some(Self { kind, expires_at_ms: expires_at.as_millisecond() })
    }

    /// A pairing code as the API answers it; None when it is none.
    pub(super) fn typed(answer: &Value, expires_at_ms: i64) -> Option<Self> {
        Some(Self { kind: Kind::Typed(answer["code"].as_str()?.to_owned()), expires_at_ms })
    }

    /// Whether it can still be used.
    pub(super) fn lives(&self, now_ms: i64) -> bool {
        now_ms < self.expires_at_ms
    }
}

/// What is shown.
#[derive(Clone)]
pub(super) struct Frame {
    /// Tells one code from the next; what is not on a terminal is shown again only when this changes.
    pub(super) key: String,
    /// What to scan.
    pub(super) drawing: Option<qr::Code>,
    /// What to read.
    pub(super) lines: Vec<String>,
    /// What changes all the time; only a terminal shows it.
    pub(super) countdown: Option<String>,
}

impl Frame {
    /// A line about what is going on.
    pub(super) fn text(name: &SessionName, line: String) -> Self {
        let line = format!("{name}: {line}");
        Self { key: line.clone(), drawing: None, lines: vec![line], countdown: None }
    }

    /// The code, with how to use it. Without one, the next is on its way.
    pub(super) fn code(name: &SessionName, url: &str, code: Option<&Code>, now_ms: i64) -> Self {
        let Some(code) = code.filter(|code| code.lives(now_ms)) else {
            return Self::text(name, "the next code is on its way".to_owned());
        };
        let left_s = (code.expires_at_ms - now_ms + 999) / 1000;
        let (key, drawing, lines) = match &code.kind {
            Kind::Scanned { seq, drawing } => (
                format!("qr {seq}"),
                Some(drawing.clone()),
                vec![
                    format!("{name}: scan this with WhatsApp on the phone: Settings > Linked devices > Link a device"),
                    format!("As a picture: {url}/api/{name}/auth/qr"),
                ],
            ),
            Kind::Typed(code) => (
                format!("code {code}"),
                None,
                vec![
                    format!("{name}: type this code on the phone:  {code}"),
                    "WhatsApp > Settings > Linked devices > Link a device > Link with phone number instead".to_owned(),
                ],
            ),
        };
        Self { key, drawing, lines, countdown: Some(format!("Valid for {left_s} s; a new one follows by itself.")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn session(status: &str, state: &str, reason: Option<&str>) -> Session {
        let reason = reason.map(|message| json!({ "code": "any", "message": message }));
        serde_json::from_value(json!({
            "name": "main", "status": status, "state": state, "desired": "running", "reason": reason,
            "me": { "id": "15551234567@c.us", "pushName": "We" },
            "page": { "loadingPercent": 40, "webVersion": null },
        }))
        .expect("as the API answers")
    }

    #[test]
    fn each_standing_means_a_step() {
        assert_eq!(
            step(&session("WORKING", "ready", None), false),
            Step::Linked("linked as +15551234567 (We)".to_owned())
        );
        assert_eq!(step(&session("SCAN_QR_CODE", "awaiting_scan", None), false), Step::Scan);
        assert_eq!(
            step(&session("STARTING", "syncing", None), false),
            Step::Wait("linked: chats are being synced (40 %)".to_owned())
        );
        let stopped = session("STOPPED", "stopped", Some("nobody scanned the QR for 10 minutes"));
        assert_eq!(step(&stopped, true), Step::Wait("starting".to_owned()));
        assert_eq!(
            step(&stopped, false),
            Step::Over("the session stopped: nobody scanned the QR for 10 minutes".to_owned())
        );
        let lost = session("STOPPED", "logged_out", None);
        assert!(!lost.rests(), "it starts by itself");
        assert_eq!(step(&lost, false), Step::Wait("the old login is being archived".to_owned()));
        let failed = session("FAILED", "failed", Some("no Chromium"));
        assert_eq!(step(&failed, false), Step::Over("the session failed: no Chromium".to_owned()));
    }

    #[test]
    fn a_code_is_shown_until_it_expires() {
        let name: SessionName = "main".parse().expect("a name");
        let answer = json!({ "value": "2@ref,a,b,c,1", "seq": 3, "expiresAt": "1970-01-01T00:00:20.000Z" });
        let code = Code::scanned(&answer).expect("a code");
        let frame = Frame::code(&name, "http://host", Some(&code), 500);
        assert_eq!(frame.key, "qr 3");
        assert!(frame.drawing.is_some());
        assert_eq!(frame.countdown.as_deref(), Some("Valid for 20 s; a new one follows by itself."));
        assert!(Frame::code(&name, "http://host", Some(&code), 20_000).drawing.is_none());
        assert!(Frame::code(&name, "http://host", None, 0).drawing.is_none());
    }

    #[test]
    fn a_pairing_code_is_spelled_out() {
        let name: SessionName = "main".parse().expect("a name");
        let code = Code::typed(&json!({ "code": "ABCD-1234" }), 1000).expect("a code");
        assert!(Frame::code(&name, "", Some(&code), 0).lines[0].contains("ABCD-1234"));
        assert!(Code::typed(&json!({}), 1000).is_none());
        assert!(Code::scanned(&json!({ "value": "x", "seq": 1, "expiresAt": "soon" })).is_none());
    }
}
