//! The table `messages`, moved on: every change of a message's state, each one statement that checks where it stands.

use super::{Messages, StoreError, messages::find};
use crate::model::{Ack, DeadCode, MessageId, MessageState, OutboundMessage, SessionName};

impl Messages {
    /// Moves an unsettled message on; false when it is settled or unknown: then it must not be sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_state(&self, id: &MessageId, state: MessageState) -> Result<bool, StoreError> {
        let id = id.to_string();
        let moved = self
            .database()
            .execute(
                "UPDATE messages SET state = $2 \
                 WHERE id = $1 AND state IN ('accepted', 'queued', 'claimed', 'sending')",
                move |query| query.bind(id).bind(state.as_str()),
            )
            .await?;
        Ok(moved > 0)
    }

    /// `accepted` becomes `queued`; anything else stays: a sender may have been faster.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_queued(&self, id: &MessageId) -> Result<bool, StoreError> {
        self.move_one("UPDATE messages SET state = 'queued' WHERE id = $1 AND state = 'accepted'", id).await
    }

    /// `queued` becomes `accepted`: Redis did not take it. Anything else stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mark_unqueued(&self, id: &MessageId) -> Result<bool, StoreError> {
        self.move_one("UPDATE messages SET state = 'accepted' WHERE id = $1 AND state = 'queued'", id).await
    }

    /// Keeps the highest acknowledgement and moves the state on; an acknowledgement of the server proves even a dead letter
    /// sent. The message when something changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record_ack(&self, id: &MessageId, ack: Ack) -> Result<Option<OutboundMessage>, StoreError> {
        let id = id.clone();
        let Some(state) = MessageState::from_ack(ack) else {
            return if ack < Ack::PENDING { self.record_error(id).await } else { Ok(None) };
        };
        self.database()
            .write(move |connection| {
                Box::pin(async move {
                    let raised = sqlx::query(
                        "UPDATE messages SET ack = $2, state = $3, error_code = NULL, error_detail = NULL \
                         WHERE id = $1 AND ack < $2",
                    )
                    .bind(id.to_string())
                    .bind(i64::from(ack.0))
                    .bind(state.as_str())
                    .execute(&mut *connection)
                    .await?;
                    if raised.rows_affected() == 0 { Ok(None) } else { find(connection, &id).await }
                })
            })
            .await
    }

    /// WhatsApp's error (-1) is kept while nothing better is known. It moves no state: the sender looks the message up.
    async fn record_error(&self, id: MessageId) -> Result<Option<OutboundMessage>, StoreError> {
        self.database()
            .write(move |connection| {
                Box::pin(async move {
                    let marked = sqlx::query("UPDATE messages SET ack = -1 WHERE id = $1 AND ack = 0")
                        .bind(id.to_string())
                        .execute(&mut *connection)
                        .await?;
                    if marked.rows_affected() == 0 { Ok(None) } else { find(connection, &id).await }
                })
            })
            .await
    }

    /// Gives an unsettled message up; false when it is settled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bury(&self, id: &MessageId, code: DeadCode, detail: &str) -> Result<bool, StoreError> {
        let (id, detail) = (id.to_string(), detail.to_owned());
        let buried = self
            .database()
            .execute(
                "UPDATE messages SET state = 'dead', error_code = $2, error_detail = $3 \
                 WHERE id = $1 AND state IN ('accepted', 'queued', 'claimed', 'sending')",
                move |query| query.bind(id).bind(code.as_str()).bind(detail),
            )
            .await?;
        Ok(buried > 0)
    }

    /// Gives up all unsettled messages of a session; the number of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bury_all(&self, session: &SessionName, code: DeadCode, detail: &str) -> Result<u64, StoreError> {
        let (session, detail) = (session.to_string(), detail.to_owned());
        self.database()
            .execute(
                "UPDATE messages SET state = 'dead', error_code = $2, error_detail = $3 \
                 WHERE session = $1 AND state IN ('accepted', 'queued', 'claimed', 'sending')",
                move |query| query.bind(session).bind(code.as_str()).bind(detail),
            )
            .await
    }

    /// Takes a message back that is `accepted` or `queued`; false when it is further, settled or unknown.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(&self, id: &MessageId) -> Result<bool, StoreError> {
        self.move_one("UPDATE messages SET state = 'cancelled' WHERE id = $1 AND state IN ('accepted', 'queued')", id)
            .await
    }

    /// Its time passed; false once an attempt is under way, for then it may have been sent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire(&self, id: &MessageId) -> Result<bool, StoreError> {
        self.move_one(
            "UPDATE messages SET state = 'expired' WHERE id = $1 AND state IN ('accepted', 'queued', 'claimed')",
            id,
        )
        .await
    }

    pub(super) async fn move_one(&self, sql: &'static str, id: &MessageId) -> Result<bool, StoreError> {
        let id = id.to_string();
        self.database().execute(sql, move |query| query.bind(id)).await.map(|moved| moved > 0)
    }
}
