//! Holds an answer until a message was acknowledged, was given up, or time ran out.

use std::{str::FromStr, time::Duration};

use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    api::{problem::Answer, state::Parts},
    model::{Ack, Event, OutboundMessage},
    shutdown::Shutdown,
    store::Store,
};
use std::sync::Arc;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// WhatsApp's server has it.
    Server,
    /// A device of the recipient has it.
    Device,
}

impl FromStr for Until {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "server" => Ok(Self::Server),
            "device" => Ok(Self::Device),
            _ => Err("this is server or device"),
        }
    }
}

impl Until {
    /// Whether nothing more is to be waited for: acknowledged so far, or never to be.
    fn is_over(self, message: &OutboundMessage) -> bool {
        let wanted = match self {
            Self::Server => Ack::SERVER,
            Self::Device => Ack(2),
        };
        let progress = &message.progress;
        progress.ack >= wanted || progress.state.is_settled() && progress.ack < Ack::SERVER
    }
}

/// Somebody who waits for a message.
pub(super) struct Watch {
    until: Until,
    limit: Duration,
    store: Store,
    events: broadcast::Receiver<Arc<Event>>,
    shutdown: Shutdown,
}

impl Watch {
    /// Hears every event from now on.
    pub(super) fn begin(parts: &Parts, until: Until) -> Self {
        Self {
            until,
            limit: Duration::from_secs(parts.facts.server.settings.wait_timeout_s),
            store: parts.rooms.store.clone(),
            events: parts.rooms.events.subscribe(),
            shutdown: parts.shutdown.clone(),
        }
    }

    /// The message as it stands when the wait is over.
    pub(super) async fn over(mut self, message: OutboundMessage) -> Answer<OutboundMessage> {
        let shutdown = self.shutdown.clone();
        let mut newest = message;
        tokio::select! {
            result = tokio::time::timeout(self.limit, self.follow(&mut newest)) => result.unwrap_or(Ok(()))?,
            () = shutdown.begun() => {}
        }
        Ok(newest)
    }

    async fn follow(&mut self, newest: &mut OutboundMessage) -> Answer<()> {
        let public_id = newest.id.public(&newest.chat);
        while !self.until.is_over(newest) {
            match self.events.recv().await {
                Ok(event) if event.event.payload["id"] != public_id.as_str() => continue,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
            if let Some(message) = self.store.messages().get(&newest.id).await? {
                *newest = message;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Content, MessageId, MessageState, message::Progress, message::Schedule};

    fn message(state: MessageState, ack: i8) -> OutboundMessage {
        OutboundMessage {
            id: MessageId::choose(),
            session: "main".parse().expect("a name"),
            chat: "15551234567".parse().expect("a chat"),
            content: Content::text("hello"),
            schedule: Schedule::default(),
            progress: Progress { state, ack: Ack(ack), ..Progress::accepted() },
            created_at_ms: 0,
        }
    }

    #[test]
    fn a_wait_ends_with_the_ack_or_when_none_will_come() {
        for (state, ack, server, device) in [
            (MessageState::Accepted, 0, false, false),
            (MessageState::Sending, 0, false, false),
            (MessageState::Sent, 1, true, false),
            (MessageState::Delivered, 2, true, true),
            (MessageState::Read, 3, true, true),
            (MessageState::Dead, 0, true, true),
            (MessageState::Cancelled, 0, true, true),
            (MessageState::Expired, 0, true, true),
        ] {
            let message = message(state, ack);
            assert_eq!(Until::Server.is_over(&message), server, "server, {state:?}");
            assert_eq!(Until::Device.is_over(&message), device, "device, {state:?}");
        }
    }
}
