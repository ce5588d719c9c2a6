//! What a session counts: its states, its recoveries, its health. A session that is gone shows zeros.

use metrics::{counter, gauge, histogram};

use crate::model::{Desired, SessionName, SessionState, SessionView};

/// The meters of one session.
pub(super) struct Meters {
    session: String,
    state: SessionState,
    /// Since when it is trouble, and of which code.
    trouble: Option<(String, i64)>,
}

impl Meters {
    pub(super) fn new(session: &SessionName, state: SessionState) -> Self {
        gauge!("drover_sessions", "state" => state.as_str()).increment(1.0);
        Self { session: session.to_string(), state, trouble: None }
    }

    /// Notes what changed.
    pub(super) fn note(&mut self, view: &SessionView, now_ms: i64) {
        self.note_health(view);
        if view.state != self.state {
            gauge!("drover_sessions", "state" => self.state.as_str()).decrement(1.0);
            gauge!("drover_sessions", "state" => view.state.as_str()).increment(1.0);
            let (from, to) = (self.state.as_str(), view.state.as_str());
            counter!("drover_session_transitions_total", "from" => from, "to" => to).increment(1);
            if view.reason.as_ref().is_some_and(|reason| reason.code == "socket_lost")
                && self.state == SessionState::Ready
            {
                counter!("drover_session_socket_drops_total", "session" => self.session.clone()).increment(1);
            }
            self.state = view.state;
        }
        self.note_trouble(view, now_ms);
    }

    /// A recovery goes from the first trouble to ready; what a person does or must do is none.
    fn note_trouble(&mut self, view: &SessionView, now_ms: i64) {
        use SessionState::{AwaitingScan, Hibernated, LoggedOut, Ready, Stopped};
        match view.state {
            Ready => {
                let Some((cause, since_ms)) = self.trouble.take() else { return };
                #[expect(clippy::cast_precision_loss, reason = "milliseconds of a recovery")]
                let seconds = (now_ms - since_ms).max(0) as f64 / 1_000.0;
                histogram!("drover_session_recovery_seconds", "cause" => cause.clone()).record(seconds);
                counter!("drover_session_recoveries_total", "cause" => cause).increment(1);
            }
            Stopped | Hibernated | LoggedOut | AwaitingScan => self.trouble = None,
            _ if view.desired == Desired::Stopped => self.trouble = None,
            _ => {
                if let (None, Some(reason)) = (&self.trouble, &view.reason) {
                    self.trouble = Some((reason.code.clone(), now_ms));
                }
            }
        }
    }

    fn note_health(&self, view: &SessionView) {
        self.set("drover_session_working", f64::from(u8::from(view.state == SessionState::Ready)));
        self.set("drover_session_degraded", f64::from(u8::from(!view.health.degraded.is_empty())));
        self.set("drover_session_quarantined", f64::from(u8::from(view.health.quarantined)));
        #[expect(clippy::cast_precision_loss, reason = "a few an hour")]
        self.set("drover_session_socket_drops_last_hour", view.health.socket_drops_last_hour as f64);
        #[expect(clippy::cast_precision_loss, reason = "a time of this century")]
        let acked_at = view.health.last_ack_at_ms.map_or(0.0, |at_ms| at_ms as f64 / 1_000.0);
        self.set("drover_session_last_ack_timestamp_seconds", acked_at);
    }

    fn set(&self, name: &'static str, value: f64) {
        gauge!(name, "session" => self.session.clone()).set(value);
    }
}

impl Drop for Meters {
    fn drop(&mut self) {
        gauge!("drover_sessions", "state" => self.state.as_str()).decrement(1.0);
        for name in [
            "drover_session_working",
            "drover_session_degraded",
            "drover_session_quarantined",
            "drover_session_socket_drops_last_hour",
            "drover_session_last_ack_timestamp_seconds",
        ] {
            self.set(name, 0.0);
        }
    }
}
