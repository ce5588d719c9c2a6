//! What the page says by itself: walk two of ARCHITECTURE.md.

use std::time::Duration;

use tokio_util::task::TaskTracker;
use tracing::{debug, error};

use super::Actor;
use crate::{
    model::{Ack, Alert, EventKind, MessageId, MessageKey, Qr, SessionState},
    page::{PageEvent, Probe},
    session::{payload, state_machine::Input},
};

impl Actor {
    pub(super) async fn hear_page(&mut self, event: PageEvent, tasks: &TaskTracker) {
        match event {
            PageEvent::Attached(probe) => {
                self.keeper.is_reloading = false;
                self.note_probe(probe).await;
            }
            // Of the document before.
            PageEvent::Status(_) | PageEvent::Qr { .. } if self.keeper.is_reloading => {}
            PageEvent::Status(snapshot) => {
                self.note_snapshot(&snapshot).await;
                self.step(Input::Status(snapshot), tasks).await;
            }
            PageEvent::Qr { value, ttl } => self.hear_qr(value, ttl, tasks).await,
            PageEvent::LoggingOut => self.step(Input::LoggingOut, tasks).await,
            PageEvent::LoggedOut { code } => self.step(Input::LoggedOut(code), tasks).await,
            PageEvent::Gone { reason } => self.step(Input::Gone(reason), tasks).await,
            // An error means that the daemon is ending; the page has it, and the next start finds it.
            PageEvent::Arrived(arrival) => {
                self.usage.touch(self.services.clock.steady_ms());
                drop(self.outputs.arrivals.send(*arrival).await);
            }
            PageEvent::Ack { key, ack } => {
                self.hear_ack(&key, ack).await;
                self.note_ack(tasks).await;
            }
            // The sender reads the refusal from its own call, or by key from the page's database, and reports what comes of it; there
            // is no ack to keep.
            PageEvent::SendFailure { key } => debug!(id = key.id(), "WhatsApp refused a message"),
        }
    }

    async fn hear_qr(&mut self, value: String, ttl: Duration, tasks: &TaskTracker) {
        self.step(Input::Qr, tasks).await;
        let is_new = self.qr.current.as_ref().is_none_or(|qr| qr.value != value);
        if self.machine.state != SessionState::AwaitingScan || !is_new {
            return;
        }
        let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        let expires_at_ms = self.services.clock.now_ms().saturating_add(ttl_ms);
        self.qr.seq += 1;
        self.qr.current = Some(Qr { value, seq: self.qr.seq, expires_at_ms });
        self.publish().await;
        // The payload itself is a secret: who may see it asks for it.
        self.tell(EventKind::Qr, serde_json::json!({ "seq": self.qr.seq, "expiresAt": expires_at_ms })).await;
    }

    async fn note_probe(&mut self, probe: Probe) {
        self.browser.is_attached = true;
        let known = self.outputs.view.borrow().page.clone();
        self.outputs.view.send_modify(|view| {
            if probe.web_version.is_some() {
                view.page.web_version.clone_from(&probe.web_version);
            }
            view.page.missing_capabilities.clone_from(&probe.missing);
        });
        if let Some(version) = probe.web_version.as_ref().filter(|version| known.web_version.as_ref() != Some(*version))
        {
            self.note_web_version(known.web_version.as_deref(), version).await;
        }
        if !probe.missing.is_empty() && known.missing_capabilities != probe.missing {
            debug!(missing = ?probe.missing, "WhatsApp Web lacks what the bridge looks for");
            self.tell(EventKind::BridgeDegraded, serde_json::json!({ "missing": probe.missing })).await;
        }
        if probe.missing.is_empty() {
            // An earlier run may have told of it: what is not open is not resolved.
            self.alert(Alert::resolved("web_changed", "the bridge finds everything that it looks for")).await;
        }
    }

    /// Kept with the session, so that a change is noticed over a restart, too. The first one is none.
    async fn note_web_version(&self, before: Option<&str>, after: &str) {
        let name = self.outputs.view.borrow().name.clone();
        if let Err(failure) = self.services.store.sessions().set_web_version(&name, after).await {
            error!(error = %failure, "WhatsApp Web's version was not stored");
        }
        if before.is_some() {
            let payload = serde_json::json!({ "before": before, "after": after });
            self.tell(EventKind::WebVersion, payload).await;
        }
    }

    async fn hear_ack(&self, key: &MessageKey, ack: Ack) {
        let Ok(id) = key.id().parse::<MessageId>() else { return };
        match self.services.store.messages().record_ack(&id, ack).await {
            Ok(Some(message)) => {
                let me = self.outputs.view.borrow().me.as_ref().map(|me| me.id.clone());
                self.tell(EventKind::MessageAck, payload::ack(&message, me.as_deref(), ack)).await;
            }
            // Not one of drover's, or nothing new.
            Ok(None) => {}
            Err(failure) => error!(error = %failure, "an acknowledgement was not stored"),
        }
    }
}
