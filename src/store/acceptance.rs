//! Taking a message over: one transaction that decides between new, replayed, conflicting and duplicate.

use sqlx::AnyConnection;

use super::{
    Messages, StoreError,
    messages::{decode, select_messages, with_attempts},
    row::{Columns, name_of, to_json},
};
use crate::model::OutboundMessage;

/// A message that is to be taken over.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The message. Its time of acceptance is raised where the chat already has one that is not earlier, so that the
    /// times of a chat rise strictly: they are its order.
    pub message: OutboundMessage,
    /// Who hands it in: the id of an API key.
    pub accepted_by: String,
    /// By what the caller marks a repetition, unique within the session; without one the message's own id serves.
    pub idempotency_key: Option<String>,
    /// SHA-256, in hex, of what was asked for: the same key with another fingerprint is a conflict.
    pub fingerprint: String,
    /// The same content to the same chat since this time (Unix milliseconds) is a duplicate; None: it may be repeated.
    pub duplicate_since_ms: Option<i64>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is committed, as it stands here.
    New(OutboundMessage),
    /// The same request was taken over before; this is how it stands.
    Replay(OutboundMessage),
    /// The idempotency key, or the id, belongs to another request.
    Conflict,
    /// The same content went to the same chat a short while ago, as this message.
    Duplicate(OutboundMessage),
    /// There is no such session.
    UnknownSession,
}

impl Messages {
    /// Takes a message over, or says why not.
    ///
    /// # Errors
    /// When the database fails; the same request may then be repeated: if it was committed, it is a replay.
    pub async fn insert(&self, new: &NewMessage) -> Result<Inserted, StoreError> {
        let new = new.clone();
        self.database().write(move |connection| Box::pin(take_over(connection, new))).await
    }
}

/// Two statements where all is as it should be; only what was not inserted is asked why.
async fn take_over(connection: &mut AnyConnection, mut new: NewMessage) -> Result<Inserted, StoreError> {
    let Some(turn_ms) = take_turn(connection, &new).await? else { return Ok(Inserted::UnknownSession) };
    new.message.created_at_ms = turn_ms;
    if insert_row(connection, &new).await? {
        return Ok(Inserted::New(new.message));
    }
    if let Some(repeated) = find_repeated(connection, &new).await? {
        return Ok(repeated);
    }
    // The id alone was taken, under another key.
    Ok(find_duplicate(connection, &new).await?.map_or(Inserted::Conflict, Inserted::Duplicate))
}

/// An earlier request with the same mark: the caller's key, else the id.
async fn find_repeated(connection: &mut AnyConnection, new: &NewMessage) -> Result<Option<Inserted>, StoreError> {
    let query = match &new.idempotency_key {
        Some(key) => sqlx::query(select_messages!("WHERE session = $1 AND idempotency_key = $2"))
            .bind(new.message.session.to_string())
            .bind(key.clone()),
        None => sqlx::query(select_messages!("WHERE id = $1")).bind(new.message.id.to_string()),
    };
    let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(None) };
    if Columns::of("messages", &row).text("fingerprint")? != new.fingerprint {
        return Ok(Some(Inserted::Conflict));
    }
    let message = with_attempts(connection, decode(&row)?).await?;
    Ok(Some(Inserted::Replay(message)))
}

/// Waits until no other acceptance for the chat is under way, and gives a time after every earlier one's; None: there is no
/// such session.
async fn take_turn(connection: &mut AnyConnection, new: &NewMessage) -> Result<Option<i64>, StoreError> {
    let row = sqlx::query(
        "INSERT INTO chats (session, chat, last_accepted_ms) SELECT name, $2, $3 FROM sessions WHERE name = $1 \
         ON CONFLICT (session, chat) DO UPDATE SET last_accepted_ms = \
         CASE WHEN chats.last_accepted_ms >= excluded.last_accepted_ms \
         THEN chats.last_accepted_ms + 1 ELSE excluded.last_accepted_ms END \
         RETURNING last_accepted_ms",
    )
    .bind(new.message.session.to_string())
    .bind(new.message.chat.to_string())
    .bind(new.message.created_at_ms)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Columns::of("chats", &row).number("last_accepted_ms")).transpose()
}

async fn find_duplicate(
    connection: &mut AnyConnection,
    new: &NewMessage,
) -> Result<Option<OutboundMessage>, StoreError> {
    let Some(since_ms) = new.duplicate_since_ms else { return Ok(None) };
    let row = sqlx::query(select_messages!(
        "WHERE session = $1 AND chat = $2 AND created_at_ms > $3 AND content = $4 \
         AND state NOT IN ('dead', 'cancelled', 'expired') ORDER BY created_at_ms DESC LIMIT 1"
    ))
    .bind(new.message.session.to_string())
    .bind(new.message.chat.to_string())
    .bind(since_ms)
    .bind(to_json(&new.message.content))
    .fetch_optional(&mut *connection)
    .await?;
    match row {
        Some(row) => with_attempts(connection, decode(&row)?).await.map(Some),
        None => Ok(None),
    }
}

/// Whether it was inserted: not where its mark or its id is taken, nor where it is a duplicate.
async fn insert_row(connection: &mut AnyConnection, new: &NewMessage) -> Result<bool, StoreError> {
    let message = &new.message;
    let inserted = sqlx::query(
        "INSERT INTO messages (id, session, chat, content, priority, send_at_ms, expires_at_ms, state, ack, \
         accepted_by, idempotency_key, fingerprint, created_at_ms) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 \
         WHERE NOT EXISTS (SELECT 1 FROM messages WHERE session = $2 AND chat = $3 AND created_at_ms > $14 \
         AND content = $4 AND state NOT IN ('dead', 'cancelled', 'expired')) ON CONFLICT DO NOTHING",
    )
    .bind(message.id.to_string())
    .bind(message.session.to_string())
    .bind(message.chat.to_string())
    .bind(to_json(&message.content))
    .bind(name_of(&message.schedule.priority))
    .bind(message.schedule.send_at_ms)
    .bind(message.schedule.expires_at_ms)
    .bind(message.progress.state.as_str())
    .bind(i64::from(message.progress.ack.0))
    .bind(new.accepted_by.clone())
    .bind(new.idempotency_key.clone())
    .bind(new.fingerprint.clone())
    .bind(message.created_at_ms)
    .bind(new.duplicate_since_ms.unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() > 0)
}
