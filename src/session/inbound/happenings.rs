//! What is done to messages and chats: reactions, edits, revokes, votes, calls, presence. And the answer to a flood.

use serde_json::Value;
use tracing::{error, warn};

use super::Inbound;
use crate::{
    model::{Content, EventKind, MessageKey, NewEvent, message::Schedule},
    outbox::{AcceptError, AcceptOptions, AcceptRequest},
    page::{
        Arrival, Incoming,
        inbound::{CallState, PollVote, Reaction, Revoked},
    },
    session::payload,
    store::NewInbound,
};

/// Who answers, in the column `accepted_by`.
const ANSWERED_BY: &str = "inbound.limit_reply";

impl Inbound {
    pub(super) async fn hear_happening(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Message(_) => {}
            Arrival::Reaction(reaction) => self.hear_reaction(&reaction).await,
            Arrival::PollVote(vote) => self.hear_vote(&vote).await,
            Arrival::Edited(edited) => {
                if !self.left_out().await.takes(edited.message.key.remote()) {
                    self.tell(EventKind::MessageEdited, payload::edited(&edited)).await;
                }
            }
            Arrival::Revoked(revoked) => self.hear_revoked(&revoked).await,
            Arrival::Call(call) => {
                let kind = match call.state {
                    CallState::Received => EventKind::CallReceived,
                    CallState::Accepted => EventKind::CallAccepted,
                    CallState::Rejected => EventKind::CallRejected,
                };
                self.tell(kind, payload::call(&call)).await;
            }
            Arrival::Presence(presence) => self.tell(EventKind::PresenceUpdate, payload::presence(&presence)).await,
        }
    }

    /// A page that syncs its history tells old reactions as if they were new.
    async fn hear_reaction(&mut self, reaction: &Reaction) {
        let new = self.row("reaction", &reaction.key, &reaction.from, (&reaction.text, reaction.timestamp));
        let payload = payload::reaction(reaction, &self.me());
        self.hear_unless_old(new, EventKind::MessageReaction, payload).await;
    }

    async fn hear_vote(&mut self, vote: &PollVote) {
        let body = vote.options.join("\n");
        let new = self.row("poll_vote", &vote.key, &vote.from, (&body, vote.timestamp));
        let payload = payload::poll_vote(vote, &self.me());
        self.hear_unless_old(new, EventKind::PollVote, payload).await;
    }

    fn row(&self, kind: &str, key: &MessageKey, sender: &str, (body, sent_at_s): (&str, i64)) -> NewInbound {
        NewInbound {
            session: self.session.clone(),
            key: key.clone(),
            sender: sender.to_owned(),
            kind: kind.to_owned(),
            // The same vote or emoji within seconds, on another message, is another one.
            body: String::new(),
            sent_at_s,
            payload: Value::String(body.to_owned()),
        }
    }

    async fn hear_unless_old(&mut self, mut new: NewInbound, kind: EventKind, payload: Value) {
        let cursor = self.services.store.inbound().cursor(&self.session, &self.me()).await;
        let is_history = match cursor {
            Ok(Some(cursor)) => new.sent_at_s < cursor - super::OVERLAP_S,
            Ok(None) => true,
            Err(_) => false,
        };
        if is_history || self.left_out().await.takes(new.key.remote()) {
            return;
        }
        new.payload = payload;
        self.hear_row(new, kind).await;
    }

    async fn hear_revoked(&mut self, revoked: &Revoked) {
        if self.left_out().await.takes(revoked.key.remote()) {
            return;
        }
        let before = match self.services.store.inbound().find(&self.session, revoked.key.id()).await {
            Ok(record) => record.map(|record| record.payload),
            Err(failure) => {
                warn!(error = %failure, "what a revoked message said is not known");
                None
            }
        };
        self.tell(EventKind::MessageRevoked, payload::revoked(revoked, before)).await;
    }

    async fn tell(&self, kind: EventKind, payload: Value) {
        let event = NewEvent { kind, session: self.session.clone(), payload };
        if let Err(failure) = self.services.events.publish(event).await {
            error!(error = %failure, kind = kind.as_str(), "an event was not stored");
        }
    }

    /// Tells somebody who writes too much that they do, once a minute.
    pub(super) async fn answer_too_many(&self, message: &Incoming) {
        let text = &self.services.settings.inbound.limit_reply;
        if text.is_empty() || message.key.remote().ends_with("@g.us") {
            return;
        }
        let request = AcceptRequest {
            session: self.session.clone(),
            chat: message.key.remote().to_owned(),
            content: Content::text(text.as_str()),
            schedule: Schedule::default(),
            options: AcceptOptions::default(),
        };
        match self.services.outbox.accept(request, ANSWERED_BY).await {
            Ok(_) | Err(AcceptError::DuplicateMessage { .. } | AcceptError::RateLimited { .. }) => {}
            Err(failure) => warn!(error = %failure, "somebody who writes too much was not answered"),
        }
    }
}
