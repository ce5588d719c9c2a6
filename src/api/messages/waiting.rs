//! Why a message that was taken over does not go at once; pure.

use crate::{
    api::wire::rfc3339,
    model::{OutboundMessage, Reason, SessionState, SessionView},
    queue::QueueStats,
};

/// The reason, None when nothing stands in its way but those before it.
pub(super) fn reason(
    message: &OutboundMessage,
    view: &SessionView,
    stats: Option<&QueueStats>,
    now_ms: i64,
) -> Option<Reason> {
    if let Some(send_at_ms) = message.schedule.send_at_ms.filter(|at_ms| *at_ms > now_ms) {
        return Some(Reason::new("scheduled", format!("it goes at {}, not before", rfc3339(send_at_ms))));
    }
    of_session(view).or_else(|| of_queue(view, stats?, now_ms))
}

fn of_session(view: &SessionView) -> Option<Reason> {
    let name = &view.name;
    let never_linked = view.me.is_none() && view.state != SessionState::LoggedOut;
    let (code, message) = match view.state {
        SessionState::Ready => return None,
        _ if never_linked => (
            "not_linked",
            format!("the session '{name}' was never linked: scan its QR (drover link {name}); until then this waits"),
        ),
        SessionState::Stopped => (
            "session_stopped",
            format!("the session is stopped: POST /api/sessions/{name}/start; until then this waits"),
        ),
        SessionState::LoggedOut | SessionState::AwaitingScan => {
            ("logged_out", format!("the phone was unlinked: scan the QR (drover link {name}); until then this waits"))
        }
        SessionState::Hibernated => ("session_hibernated", "the session sleeps and is woken for this".to_owned()),
        SessionState::Launching | SessionState::Loading | SessionState::Pairing | SessionState::Syncing => {
            ("session_starting", "the session is starting; this goes when it is ready".to_owned())
        }
        SessionState::Reconnecting => {
            ("session_reconnecting", "the session is coming back by itself; this goes when it is ready".to_owned())
        }
        SessionState::Failed => {
            let why = view.reason.as_ref().map_or("", |reason| reason.message.as_str());
            (
                "session_failed",
                format!("the session failed ({why}): POST /api/sessions/{name}/restart; until then this waits"),
            )
        }
    };
    Some(Reason::new(code, message))
}

fn of_queue(view: &SessionView, stats: &QueueStats, now_ms: i64) -> Option<Reason> {
    let blocked = &stats.blocked;
    if blocked.paused || blocked.paused_all {
        let which = if blocked.paused_all { String::new() } else { format!("?session={}", view.name) };
        return Some(Reason::new("queue_paused", format!("the queue is paused: POST /api/queue/resume{which}")));
    }
    let until_ms = blocked.circuit_open_until_ms.filter(|until_ms| *until_ms > now_ms)?;
    let message = format!("the last sends of this session failed; the next is tried at {}", rfc3339(until_ms));
    Some(Reason::new("circuit_open", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            Content, Desired, Me, MessageId,
            message::{Progress, Schedule},
            session::PageView,
        },
        queue::Blocked,
    };

    fn message(send_at_ms: Option<i64>) -> OutboundMessage {
        OutboundMessage {
            id: MessageId::choose(),
            session: "main".parse().expect("a name"),
            chat: "15551234567".parse().expect("a chat"),
            content: Content::text("hello"),
            schedule: Schedule { send_at_ms, ..Schedule::default() },
            progress: Progress::accepted(),
            created_at_ms: 0,
        }
    }

    fn view(state: SessionState, was_linked: bool) -> SessionView {
        let me = Me { id: "4915112345678@c.us".to_owned(), lid: None, push_name: String::new() };
        SessionView {
            name: "main".parse().expect("a name"),
            desired: Desired::Running,
            state,
            reason: None,
            since_ms: 0,
            me: was_linked.then_some(me),
            qr: None,
            page: PageView::default(),
            retry: None,
            health: crate::model::SessionHealth::default(),
            sleep: crate::model::SleepView::default(),
        }
    }

    fn code(view: &SessionView, stats: &QueueStats) -> Option<String> {
        reason(&message(None), view, Some(stats), 1000).map(|reason| reason.code)
    }

    #[test]
    fn each_state_but_ready_has_a_reason() {
        let idle = QueueStats::default();
        for state in SessionState::ALL {
            assert_eq!(code(&view(state, true), &idle).is_none(), state == SessionState::Ready, "{state:?}");
        }
        for state in [SessionState::Stopped, SessionState::AwaitingScan, SessionState::Launching] {
            assert_eq!(code(&view(state, false), &idle).as_deref(), Some("not_linked"), "{state:?}");
        }
        assert_eq!(code(&view(SessionState::LoggedOut, false), &idle).as_deref(), Some("logged_out"));
        assert_eq!(code(&view(SessionState::Stopped, true), &idle).as_deref(), Some("session_stopped"));
    }

    #[test]
    fn a_queue_that_stands_still_is_a_reason() {
        let ready = view(SessionState::Ready, true);
        for (blocked, expected) in [
            (Blocked { paused: true, ..Blocked::default() }, Some("queue_paused")),
            (Blocked { paused_all: true, ..Blocked::default() }, Some("queue_paused")),
            (Blocked { circuit_open_until_ms: Some(1001), ..Blocked::default() }, Some("circuit_open")),
            (Blocked { circuit_open_until_ms: Some(1000), ..Blocked::default() }, None),
        ] {
            let stats = QueueStats { blocked, ..QueueStats::default() };
            assert_eq!(code(&ready, &stats).as_deref(), expected);
        }
        assert_eq!(reason(&message(None), &ready, None, 0), None);
    }

    #[test]
    fn a_time_to_come_is_a_reason() {
        let ready = view(SessionState::Ready, true);
        let at = |send_at_ms| reason(&message(Some(send_at_ms)), &ready, None, 1000).map(|reason| reason.code);
        assert_eq!(at(1001).as_deref(), Some("scheduled"));
        assert_eq!(at(1000), None);
    }
}
