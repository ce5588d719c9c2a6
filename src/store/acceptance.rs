//! Taking messages over: one transaction that decides for each between new, replayed, conflicting and duplicate.
//!
//! What waits together is taken over together (see [`super::acceptor`]): two statements for all of it, each with the rows as
//! one JSON text, since a round trip to PostgreSQL costs more than the row does.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use sqlx::AnyConnection;

use super::{
    Engine, Messages, StoreError,
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
        self.acceptor().take_over(new.clone()).await
    }
}

/// One row, as the statements read it.
#[derive(Serialize)]
struct Row<'m> {
    /// Its place in the batch: the order of acceptance.
    place: usize,
    id: String,
    session: String,
    chat: String,
    content: String,
    priority: String,
    send_at_ms: Option<i64>,
    expires_at_ms: Option<i64>,
    state: &'static str,
    ack: i64,
    accepted_by: &'m str,
    idempotency_key: Option<&'m str>,
    fingerprint: &'m str,
    created_at_ms: i64,
    duplicate_since_ms: i64,
    duplicate_until_ms: i64,
}

impl<'m> Row<'m> {
    fn of(place: usize, new: &'m NewMessage) -> Self {
        let message = &new.message;
        Self {
            place,
            id: message.id.to_string(),
            session: message.session.to_string(),
            chat: message.chat.to_string(),
            content: to_json(&message.content),
            priority: name_of(&message.schedule.priority),
            send_at_ms: message.schedule.send_at_ms,
            expires_at_ms: message.schedule.expires_at_ms,
            state: message.progress.state.as_str(),
            ack: i64::from(message.progress.ack.0),
            accepted_by: &new.accepted_by,
            idempotency_key: new.idempotency_key.as_deref(),
            fingerprint: &new.fingerprint,
            created_at_ms: message.created_at_ms,
            duplicate_since_ms: new.duplicate_since_ms.unwrap_or(i64::MAX),
            duplicate_until_ms: duplicate_until_ms(new),
        }
    }
}

fn rows(batch: &[NewMessage]) -> String {
    to_json(&batch.iter().enumerate().map(|(place, new)| Row::of(place, new)).collect::<Vec<_>>())
}

/// Up to when an earlier message counts as a duplicate: one that is as far ahead as the window is long was accepted by a clock that went
/// back since.
fn duplicate_until_ms(new: &NewMessage) -> i64 {
    let created_at_ms = new.message.created_at_ms;
    let window_ms = new.duplicate_since_ms.map_or(0, |since_ms| created_at_ms.saturating_sub(since_ms));
    created_at_ms.saturating_add(window_ms)
}

/// The rows of a JSON text, `each.value`, in the words of either database; else the statement is the same.
macro_rules! statement_over_rows {
    ($engine:expr, $before:literal, $after:literal) => {
        match $engine {
            Engine::Sqlite => concat!($before, " json_each($1) AS each ", $after),
            Engine::Postgres => concat!($before, " jsonb_array_elements(CAST($1 AS jsonb)) AS each(value) ", $after),
        }
    };
}

/// Takes over what has no chat, no id and no idempotency key in common. Two statements where all is as it should be; only what
/// was not inserted is asked why.
pub(super) async fn take_over(
    connection: &mut AnyConnection,
    engine: Engine,
    mut batch: Vec<NewMessage>,
) -> Result<Vec<Inserted>, StoreError> {
    let turns = take_turns(connection, engine, &batch).await?;
    let turn_of = |new: &NewMessage| turns.get(&(new.message.session.to_string(), new.message.chat.to_string()));
    for new in &mut batch {
        if let Some(turn_ms) = turn_of(new) {
            new.message.created_at_ms = *turn_ms;
        }
    }
    let (known, unknown): (Vec<_>, Vec<_>) = batch.into_iter().enumerate().partition(|(_, new)| turn_of(new).is_some());
    let (places, known): (Vec<usize>, Vec<NewMessage>) = known.into_iter().unzip();
    let inserted = insert_rows(connection, engine, &known).await?;
    let mut outcomes: Vec<(usize, Inserted)> =
        unknown.into_iter().map(|(place, _)| (place, Inserted::UnknownSession)).collect();
    for (place, new) in places.into_iter().zip(known) {
        let outcome = if inserted.contains(&new.message.id.to_string()) {
            Inserted::New(new.message)
        } else {
            why_not(connection, &new).await?
        };
        outcomes.push((place, outcome));
    }
    outcomes.sort_unstable_by_key(|(place, _)| *place);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Why a row was not inserted.
async fn why_not(connection: &mut AnyConnection, new: &NewMessage) -> Result<Inserted, StoreError> {
    if let Some(repeated) = find_repeated(connection, new).await? {
        return Ok(repeated);
    }
    // The id alone was taken, under another key.
    Ok(find_duplicate(connection, new).await?.map_or(Inserted::Conflict, Inserted::Duplicate))
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

/// Waits until no other acceptance for these chats is under way, and gives for each a time after every earlier one's, by
/// session and chat; none where there is no such session. In one order, so that two nodes never wait for each other.
async fn take_turns(
    connection: &mut AnyConnection,
    engine: Engine,
    batch: &[NewMessage],
) -> Result<HashMap<(String, String), i64>, StoreError> {
    let sql = statement_over_rows!(
        engine,
        "INSERT INTO chats (session, chat, last_accepted_ms) \
         SELECT each.value ->> 'session', each.value ->> 'chat', CAST(each.value ->> 'created_at_ms' AS BIGINT) FROM",
        "WHERE each.value ->> 'session' IN (SELECT name FROM sessions) ORDER BY 1, 2 \
         ON CONFLICT (session, chat) DO UPDATE SET last_accepted_ms = \
         CASE WHEN chats.last_accepted_ms >= excluded.last_accepted_ms \
         THEN chats.last_accepted_ms + 1 ELSE excluded.last_accepted_ms END \
         RETURNING session, chat, last_accepted_ms"
    );
    let found = sqlx::query(sql).bind(rows(batch)).fetch_all(connection).await?;
    let read = |row| {
        let columns = Columns::of("chats", row);
        Ok(((columns.text("session")?, columns.text("chat")?), columns.number("last_accepted_ms")?))
    };
    found.iter().map(read).collect()
}

async fn find_duplicate(
    connection: &mut AnyConnection,
    new: &NewMessage,
) -> Result<Option<OutboundMessage>, StoreError> {
    let Some(since_ms) = new.duplicate_since_ms else { return Ok(None) };
    let row = sqlx::query(select_messages!(
        "WHERE session = $1 AND chat = $2 AND created_at_ms > $3 AND created_at_ms <= $5 AND content = $4 \
         AND state NOT IN ('dead', 'cancelled', 'expired') ORDER BY created_at_ms DESC LIMIT 1"
    ))
    .bind(new.message.session.to_string())
    .bind(new.message.chat.to_string())
    .bind(since_ms)
    .bind(to_json(&new.message.content))
    .bind(duplicate_until_ms(new))
    .fetch_optional(&mut *connection)
    .await?;
    match row {
        Some(row) => with_attempts(connection, decode(&row)?).await.map(Some),
        None => Ok(None),
    }
}

/// The ids of those that were inserted: not where its mark or its id is taken, nor where it is a duplicate. The look for a
/// duplicate is a subquery of its own, which no planner turns into a join over the whole table. By their idempotency keys, the eleventh
/// column, so that two nodes never wait for each other.
async fn insert_rows(
    connection: &mut AnyConnection,
    engine: Engine,
    batch: &[NewMessage],
) -> Result<HashSet<String>, StoreError> {
    let sql = statement_over_rows!(
        engine,
        "INSERT INTO messages (id, session, chat, content, priority, send_at_ms, expires_at_ms, state, ack, \
         accepted_by, idempotency_key, fingerprint, created_at_ms) \
         SELECT each.value ->> 'id', each.value ->> 'session', each.value ->> 'chat', each.value ->> 'content', \
         each.value ->> 'priority', CAST(each.value ->> 'send_at_ms' AS BIGINT), \
         CAST(each.value ->> 'expires_at_ms' AS BIGINT), each.value ->> 'state', CAST(each.value ->> 'ack' AS BIGINT), \
         each.value ->> 'accepted_by', each.value ->> 'idempotency_key', each.value ->> 'fingerprint', \
         CAST(each.value ->> 'created_at_ms' AS BIGINT) FROM",
        "WHERE (SELECT 1 FROM messages WHERE session = each.value ->> 'session' AND chat = each.value ->> 'chat' \
         AND created_at_ms > CAST(each.value ->> 'duplicate_since_ms' AS BIGINT) \
         AND created_at_ms <= CAST(each.value ->> 'duplicate_until_ms' AS BIGINT) \
         AND content = each.value ->> 'content' AND state NOT IN ('dead', 'cancelled', 'expired') LIMIT 1) IS NULL \
         ORDER BY 11, 2, CAST(each.value ->> 'place' AS BIGINT) ON CONFLICT DO NOTHING RETURNING id"
    );
    let found = sqlx::query(sql).bind(rows(batch)).fetch_all(connection).await?;
    found.iter().map(|row| Columns::of("messages", row).text("id")).collect()
}
