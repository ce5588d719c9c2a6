//! The table `messages`: dead letters, listed, tried again and removed; and what waits, taken back as a whole.

use sqlx::any::AnyRow;

use super::{
    Messages, Page, StoreError,
    messages::{decode, select_messages, with_attempts},
    row::Columns,
};
use crate::model::{MessageId, OutboundMessage, SessionName};

/// A dead letter that can be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place in the order of acceptance, for the next [`Page`].
    pub position: i64,
    /// Which message.
    pub id: MessageId,
}

impl Messages {
    /// The dead letters with their attempts, the latest accepted first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead(&self, session: Option<&SessionName>, limit: u32) -> Result<Vec<OutboundMessage>, StoreError> {
        let mut reader = self.database().reader().await?;
        let rows = sqlx::query(select_messages!(
            "WHERE state = 'dead' AND ($1 = '' OR session = $1) ORDER BY position DESC LIMIT $2"
        ))
        .bind(session.map(ToString::to_string).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&mut *reader)
        .await?;
        let mut dead = Vec::with_capacity(rows.len());
        for row in &rows {
            dead.push(with_attempts(&mut reader, decode(row)?).await?);
        }
        Ok(dead)
    }

    /// How many dead letters each session has; those without any are not named.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_counts(&self) -> Result<Vec<(SessionName, u64)>, StoreError> {
        let rows =
            sqlx::query("SELECT session, COUNT(*) AS letters FROM messages WHERE state = 'dead' GROUP BY session")
                .fetch_all(&mut *self.database().reader().await?)
                .await?;
        let read = |row: &AnyRow| {
            let columns = Columns::of("messages", row);
            Ok((columns.parsed("session")?, columns.narrow("letters")?))
        };
        rows.iter().map(read).collect()
    }

    /// The dead letters whose session still exists, in the order of acceptance.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_letters(&self, session: Option<&SessionName>, page: Page) -> Result<Vec<DeadLetter>, StoreError> {
        let rows = sqlx::query(
            "SELECT position, id FROM messages WHERE state = 'dead' AND ($1 = '' OR session = $1) AND position > $2 \
             AND EXISTS (SELECT 1 FROM sessions WHERE sessions.name = messages.session) ORDER BY position LIMIT $3",
        )
        .bind(session.map(ToString::to_string).unwrap_or_default())
        .bind(page.after)
        .bind(i64::from(page.limit))
        .fetch_all(&mut *self.database().reader().await?)
        .await?;
        let read = |row: &AnyRow| {
            let columns = Columns::of("messages", row);
            Ok(DeadLetter { position: columns.number("position")?, id: columns.parsed("id")? })
        };
        rows.iter().map(read).collect()
    }

    /// A dead letter becomes `accepted` again; its attempts stay as history and count no more. False when it is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revive(&self, id: &MessageId) -> Result<bool, StoreError> {
        self.move_one(
            "UPDATE messages SET state = 'accepted', error_code = NULL, error_detail = NULL, ack = 0, \
             attempts_forgiven = (SELECT COUNT(*) FROM attempts WHERE message_id = messages.id) \
             WHERE id = $1 AND state = 'dead'",
            id,
        )
        .await
    }

    /// Removes a dead letter with its history; false when it is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_dead(&self, id: &MessageId) -> Result<bool, StoreError> {
        self.move_one("DELETE FROM messages WHERE id = $1 AND state = 'dead'", id).await
    }

    /// Removes up to `limit` dead letters of one session or of all; how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_some_dead(&self, session: Option<&SessionName>, limit: u32) -> Result<u64, StoreError> {
        let session = session.map(ToString::to_string).unwrap_or_default();
        self.database()
            .execute(
                "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE state = 'dead' \
                 AND ($1 = '' OR session = $1) ORDER BY position LIMIT $2) AND state = 'dead'",
                move |query| query.bind(session).bind(i64::from(limit)),
            )
            .await
    }

    /// Takes up to `limit` messages of a session back that are `accepted` or `queued`; which.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel_some(&self, session: &SessionName, limit: u32) -> Result<Vec<OutboundMessage>, StoreError> {
        let session = session.to_string();
        self.database()
            .write(move |connection| {
                Box::pin(async move {
                    let rows = sqlx::query(
                        "UPDATE messages SET state = 'cancelled' WHERE id IN (SELECT id FROM messages \
                         WHERE session = $1 AND state IN ('accepted', 'queued') ORDER BY position LIMIT $2) \
                         AND state IN ('accepted', 'queued') RETURNING *",
                    )
                    .bind(session)
                    .bind(i64::from(limit))
                    .fetch_all(connection)
                    .await?;
                    rows.iter().map(decode).collect()
                })
            })
            .await
    }
}
