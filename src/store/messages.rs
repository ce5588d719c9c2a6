//! The table `messages`, read: the truth about every message.

use std::sync::Arc;

use sqlx::{AnyConnection, any::AnyRow};

use super::{StoreError, acceptor::Acceptor, attempts, database::Database, row::Columns};
use crate::model::{
    MessageId, MessageKey, MessageState, OutboundMessage, Priority, SessionName,
    message::{Progress, Schedule},
};

/// Messages of a session that could be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Whose they are.
    pub session: SessionName,
    /// How many.
    pub messages: u64,
    /// Unix milliseconds since which the oldest could be sent.
    pub since_ms: i64,
}

/// What waits to be sent in a session at one priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose.
    pub session: SessionName,
    /// How urgent.
    pub priority: Priority,
    /// How many.
    pub messages: u64,
    /// When the oldest was accepted (Unix milliseconds).
    pub oldest_ms: i64,
}

/// The table `messages`.
#[derive(Debug, Clone)]
pub struct Messages {
    database: Database,
    acceptor: Arc<Acceptor>,
}

/// A page of what waits, in the order of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// After this position; 0 from the start.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
}

/// A message that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undispatched {
    /// Its place in the order of acceptance, for the next [`Page`].
    pub position: i64,
    /// The message, without its attempts.
    pub message: OutboundMessage,
}

/// A statement that selects whole messages.
macro_rules! select_messages {
    ($rest:literal) => {
        concat!(
            "SELECT position, id, session, chat, content, priority, send_at_ms, expires_at_ms, state, ack, message_key, \
             error_code, error_detail, attempts_forgiven, fingerprint, created_at_ms FROM messages ",
            $rest
        )
    };
}
pub(super) use select_messages;

impl Messages {
    pub(super) fn new(database: Database, acceptor: Arc<Acceptor>) -> Self {
        Self { database, acceptor }
    }

    pub(super) fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// A message with its attempts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, id: &MessageId) -> Result<Option<OutboundMessage>, StoreError> {
        let mut reader = self.database.reader().await?;
        find(&mut reader, id).await
    }

    /// The message of ours that a page's full key means, in whichever form.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_by_key(&self, key: &MessageKey) -> Result<Option<OutboundMessage>, StoreError> {
        match key.id().parse() {
            Ok(id) if key.from_me() => self.get(&id).await,
            _ => Ok(None),
        }
    }

    /// What waits to be sent in a session: `accepted`, `queued`, `claimed`, `sending`, in the order of acceptance.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn undispatched(&self, session: &SessionName, page: Page) -> Result<Vec<Undispatched>, StoreError> {
        let rows = sqlx::query(select_messages!(
            "WHERE session = $1 AND position > $2 AND state IN ('accepted', 'queued', 'claimed', 'sending') \
             ORDER BY position LIMIT $3"
        ))
        .bind(session.to_string())
        .bind(page.after)
        .bind(i64::from(page.limit))
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        let read = |row: &AnyRow| {
            let position = Columns::of("messages", row).number("position")?;
            Ok(Undispatched { position, message: decode(row)? })
        };
        rows.iter().map(read).collect()
    }

    /// What waits to be sent, by session and priority; those without any are not named.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        let rows = sqlx::query(
            "SELECT session, priority, COUNT(*) AS waiting, MIN(created_at_ms) AS oldest_ms FROM messages \
             WHERE state IN ('accepted', 'queued', 'claimed', 'sending') GROUP BY session, priority",
        )
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        let read = |row: &AnyRow| {
            let columns = Columns::of("messages", row);
            Ok(Waiting {
                session: columns.parsed("session")?,
                priority: columns.named("priority")?,
                messages: columns.narrow("waiting")?,
                oldest_ms: columns.number("oldest_ms")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// What waits and could be sent at `now_ms`, by session; those without any are not named.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due(&self, now_ms: i64) -> Result<Vec<Due>, StoreError> {
        let rows = sqlx::query(
            "SELECT session, COUNT(*) AS messages, MIN(COALESCE(send_at_ms, created_at_ms)) AS since_ms FROM messages \
             WHERE state IN ('accepted', 'queued', 'claimed', 'sending') AND (send_at_ms IS NULL OR send_at_ms <= $1) \
             GROUP BY session ORDER BY session",
        )
        .bind(now_ms)
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        let read = |row: &AnyRow| {
            let columns = Columns::of("messages", row);
            Ok(Due {
                session: columns.parsed("session")?,
                messages: columns.narrow("messages")?,
                since_ms: columns.number("since_ms")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// When the latest of those that wait was accepted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest_waiting_ms(&self) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query(
            "SELECT MAX(created_at_ms) AS latest_ms FROM messages \
             WHERE state IN ('accepted', 'queued', 'claimed', 'sending')",
        )
        .fetch_one(&mut *self.database.reader().await?)
        .await?;
        Columns::of("messages", &row).optional_number("latest_ms")
    }

    /// What waits, is not being sent, and may not be sent any more at `now_ms`; the most overdue first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn overdue(&self, now_ms: i64, limit: u32) -> Result<Vec<OutboundMessage>, StoreError> {
        let rows = sqlx::query(select_messages!(
            "WHERE expires_at_ms IS NOT NULL AND expires_at_ms <= $1 AND state IN ('accepted', 'queued') \
             ORDER BY expires_at_ms LIMIT $2"
        ))
        .bind(now_ms)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        rows.iter().map(decode).collect()
    }

    /// The messages of a session that were accepted last, the latest first, without their attempts. Looked for in the chats
    /// that were written to last, so that a table with many others is not read.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest(&self, session: &SessionName, limit: u32) -> Result<Vec<OutboundMessage>, StoreError> {
        let rows = sqlx::query(select_messages!(
            "WHERE session = $1 AND chat IN (SELECT chat FROM chats WHERE session = $1 \
             ORDER BY last_accepted_ms DESC LIMIT $2) ORDER BY position DESC LIMIT $2"
        ))
        .bind(session.to_string())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        rows.iter().map(decode).collect()
    }

    /// How many messages of a session stand where; states without any are not named.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self, session: &SessionName) -> Result<Vec<(MessageState, i64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT state, COUNT(*) AS messages FROM messages WHERE session = $1 GROUP BY state ORDER BY state",
        )
        .bind(session.to_string())
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        let read = |row: &AnyRow| {
            let columns = Columns::of("messages", row);
            Ok((columns.parsed("state")?, columns.number("messages")?))
        };
        rows.iter().map(read).collect()
    }
}

/// A message with its attempts.
pub(super) async fn find(
    connection: &mut AnyConnection,
    id: &MessageId,
) -> Result<Option<OutboundMessage>, StoreError> {
    let row =
        sqlx::query(select_messages!("WHERE id = $1")).bind(id.to_string()).fetch_optional(&mut *connection).await?;
    match row {
        Some(row) => with_attempts(connection, decode(&row)?).await.map(Some),
        None => Ok(None),
    }
}

/// Adds what was tried.
pub(super) async fn with_attempts(
    connection: &mut AnyConnection,
    mut message: OutboundMessage,
) -> Result<OutboundMessage, StoreError> {
    let rows = sqlx::query("SELECT * FROM attempts WHERE message_id = $1 ORDER BY number")
        .bind(message.id.to_string())
        .fetch_all(connection)
        .await?;
    message.progress.attempts = rows.iter().map(attempts::decode).collect::<Result<_, _>>()?;
    Ok(message)
}

/// One row of `messages`, without attempts.
pub(super) fn decode(row: &AnyRow) -> Result<OutboundMessage, StoreError> {
    let columns = Columns::of("messages", row);
    let code = columns.optional_named("error_code")?;
    let detail = columns.optional_text("error_detail")?;
    Ok(OutboundMessage {
        id: columns.parsed("id")?,
        session: columns.parsed("session")?,
        chat: columns.parsed("chat")?,
        content: columns.json("content")?,
        schedule: Schedule {
            priority: columns.named("priority")?,
            send_at_ms: columns.optional_number("send_at_ms")?,
            expires_at_ms: columns.optional_number("expires_at_ms")?,
        },
        progress: Progress {
            state: columns.parsed("state")?,
            ack: crate::model::Ack(columns.narrow("ack")?),
            key: columns.optional_parsed("message_key")?,
            error: code.map(|code| (code, detail.unwrap_or_default())),
            attempts: Vec::new(),
            attempts_forgiven: columns.narrow("attempts_forgiven")?,
        },
        created_at_ms: columns.number("created_at_ms")?,
    })
}
