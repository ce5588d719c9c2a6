//! The table `inbound`: what came in, each once, committed together with the events that tell of it; and up to when each
//! session's messages are known to have come in.

use serde_json::Value;
use sqlx::{AnyConnection, any::AnyRow};

use super::{
    StoreError,
    database::Database,
    row::{Columns, to_json},
};
use crate::model::{Event, MessageKey, NewEvent, SessionName};

/// The tables `inbound` and `inbound_cursors`.
#[derive(Debug, Clone)]
pub struct Inbound {
    database: Database,
}

/// Something that came in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewInbound {
    /// To which session.
    pub session: SessionName,
    /// Its own key: that of a message, a reaction, a vote.
    pub key: MessageKey,
    /// Who wrote.
    pub sender: String,
    /// WhatsApp Web's type, or `reaction`, `poll_vote`.
    pub kind: String,
    /// What it says.
    pub body: String,
    /// Unix time in seconds, as WhatsApp has it.
    pub sent_at_s: i64,
    /// As the API shows it.
    pub payload: Value,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub enum TakenIn {
    /// It is committed, with these events.
    New(Vec<Event>),
    /// It came before, under the same id.
    Known,
    /// The same was said in the same chat by the same person within the window, under another id.
    SaidBefore,
}

/// One that came in, as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundRecord {
    /// Its key.
    pub key: MessageKey,
    /// As the API shows it.
    pub payload: Value,
}

impl Inbound {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Takes something in once, with the events that tell of it: all of it is committed, or nothing. `window_s`: within how many
    /// seconds the same words count as the same message; 0 never.
    ///
    /// # Errors
    /// When the database fails; the same may then be given again.
    pub async fn take_in(
        &self,
        new: &NewInbound,
        events: &[NewEvent],
        window_s: i64,
        now_ms: i64,
    ) -> Result<TakenIn, StoreError> {
        let (new, events) = (new.clone(), events.to_vec());
        self.database
            .write(move |connection| {
                Box::pin(async move { take_in_on(connection, &new, events, (window_s, now_ms)).await })
            })
            .await
    }

    /// What came in under a bare id, in any chat.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, session: &SessionName, id: &str) -> Result<Option<InboundRecord>, StoreError> {
        let row = sqlx::query("SELECT * FROM inbound WHERE session = $1 AND id = $2 ORDER BY from_me LIMIT 1")
            .bind(session.to_string())
            .bind(id.to_owned())
            .fetch_optional(&mut *self.database.reader().await?)
            .await?;
        row.as_ref().map(decode).transpose()
    }

    /// Up to when (Unix seconds) the messages of this account of the session are known to have come in; None when it has none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cursor(&self, session: &SessionName, account: &str) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query("SELECT seen_to_s FROM inbound_cursors WHERE session = $1 AND account = $2")
            .bind(session.to_string())
            .bind(account.to_owned())
            .fetch_optional(&mut *self.database.reader().await?)
            .await?;
        row.map(|row| Columns::of("inbound_cursors", &row).number("seen_to_s")).transpose()
    }

    /// From now on the session's messages count from this time (Unix seconds).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_cursor(&self, session: &SessionName, account: &str, at_s: i64) -> Result<(), StoreError> {
        let (session, account) = (session.to_string(), account.to_owned());
        self.database
            .execute(
                "INSERT INTO inbound_cursors (session, account, seen_to_s) VALUES ($1, $2, $3) \
                 ON CONFLICT (session) DO UPDATE SET account = excluded.account, seen_to_s = excluded.seen_to_s",
                move |query| query.bind(session).bind(account).bind(at_s),
            )
            .await
            .map(drop)
    }

    /// Forgets what came into a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget(&self, session: &SessionName) -> Result<(), StoreError> {
        let name = session.to_string();
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    for sql in
                        ["DELETE FROM inbound WHERE session = $1", "DELETE FROM inbound_cursors WHERE session = $1"]
                    {
                        sqlx::query(sql).bind(name.clone()).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// [`Inbound::take_in`] within a transaction.
pub(super) async fn take_in_on(
    connection: &mut AnyConnection,
    new: &NewInbound,
    events: Vec<NewEvent>,
    (window_s, now_ms): (i64, i64),
) -> Result<TakenIn, StoreError> {
    if window_s > 0 && was_said(connection, new, window_s).await? {
        return Ok(TakenIn::SaidBefore);
    }
    if !insert(connection, new, now_ms).await? {
        return Ok(TakenIn::Known);
    }
    move_cursor(connection, &new.session, new.sent_at_s.min(now_ms / 1000)).await?;
    let mut published = Vec::with_capacity(events.len());
    for event in events {
        published.push(super::events::append_on(connection, event, now_ms).await?);
    }
    Ok(TakenIn::New(published))
}

/// The same words of the same person in the same chat at about the same time.
async fn was_said(connection: &mut AnyConnection, new: &NewInbound, window_s: i64) -> Result<bool, StoreError> {
    if new.body.trim().is_empty() {
        return Ok(false);
    }
    let found = sqlx::query(
        "SELECT position FROM inbound WHERE session = $1 AND chat = $2 AND sent_at_s BETWEEN $3 AND $4 AND body = $5 \
         AND kind = $6 AND sender = $7 AND id <> $8 LIMIT 1",
    )
    .bind(new.session.to_string())
    .bind(new.key.remote().to_owned())
    .bind(new.sent_at_s.saturating_sub(window_s))
    .bind(new.sent_at_s.saturating_add(window_s))
    .bind(storable(&new.body))
    .bind(new.kind.clone())
    .bind(new.sender.clone())
    .bind(new.key.id().to_owned())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

async fn insert(connection: &mut AnyConnection, new: &NewInbound, now_ms: i64) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO inbound (session, id, from_me, message_key, chat, sender, kind, body, sent_at_s, received_at_ms, payload) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
    )
    .bind(new.session.to_string())
    .bind(new.key.id().to_owned())
    .bind(i64::from(new.key.from_me()))
    .bind(new.key.to_string())
    .bind(new.key.remote().to_owned())
    .bind(new.sender.clone())
    .bind(new.kind.clone())
    .bind(storable(&new.body))
    .bind(new.sent_at_s)
    .bind(now_ms)
    .bind(to_json(&new.payload))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

async fn move_cursor(connection: &mut AnyConnection, session: &SessionName, at_s: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE inbound_cursors SET seen_to_s = $2 WHERE session = $1 AND seen_to_s < $2")
        .bind(session.to_string())
        .bind(at_s)
        .execute(connection)
        .await?;
    Ok(())
}

/// PostgreSQL's texts hold no U+0000, which anybody may send us.
fn storable(text: &str) -> String {
    text.replace('\0', "")
}

fn decode(row: &AnyRow) -> Result<InboundRecord, StoreError> {
    let columns = Columns::of("inbound", row);
    Ok(InboundRecord { key: columns.parsed("message_key")?, payload: columns.json("payload")? })
}
