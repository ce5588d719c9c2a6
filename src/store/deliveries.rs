//! The table `webhook_deliveries`: what a webhook did not take at the first try.

use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, any::AnyRow};

use super::{
    LaneKey, StoreError,
    database::Database,
    row::{Columns, name_of, to_json},
    webhooks::ADVANCE,
};
use crate::model::{Event, NewEvent, SessionName};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It is tried again when it is due.
    Waiting,
    /// It was given up.
    Dead,
}

/// A delivery that failed at least once.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id, which the receiver sees.
    pub id: String,
    /// To which webhook, of which session.
    pub lane: LaneKey,
    /// What is delivered.
    pub event: Event,
    /// How it stands.
    pub progress: DeliveryProgress,
}

/// How a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryProgress {
    /// Waiting or dead.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again; Unix milliseconds.
    pub due_at_ms: i64,
    /// Why the last try failed: a code and a sentence.
    pub failure: Option<(String, String)>,
    /// When it was last tried; Unix milliseconds.
    pub updated_at_ms: i64,
}

/// The table `webhook_deliveries`.
#[derive(Debug, Clone)]
pub struct Deliveries {
    database: Database,
}

impl Deliveries {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Keeps how a delivery stands. With one that is dead the lane goes on: its cursor moves in the same transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let delivery = delivery.clone();
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    put(connection, &delivery).await?;
                    if delivery.progress.state == DeliveryState::Dead {
                        advance(connection, &delivery.lane, delivery.event.seq).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// A delivery was taken after all: its row goes, and the lane goes on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let (id, lane, seq) = (delivery.id.clone(), delivery.lane.clone(), delivery.event.seq);
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    let delete = sqlx::query("DELETE FROM webhook_deliveries WHERE id = $1").bind(id);
                    delete.execute(&mut *connection).await?;
                    advance(connection, &lane, seq).await
                })
            })
            .await
    }

    /// What waits in a lane, in the order of the events.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting(&self, lane: &LaneKey) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM webhook_deliveries WHERE webhook = $1 AND session = $2 AND state = 'waiting' ORDER BY seq",
        )
        .bind(lane.webhook.clone())
        .bind(lane.session.to_string())
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        rows.iter().map(decode).collect()
    }

    /// The dead letters of one session or all, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead(&self, session: Option<&SessionName>, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM webhook_deliveries WHERE state = 'dead' AND ($1 = '' OR session = $1) \
             ORDER BY updated_at_ms DESC, seq DESC LIMIT $2",
        )
        .bind(session.map(ToString::to_string).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        rows.iter().map(decode).collect()
    }

    /// One delivery that failed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, id: &str) -> Result<Option<Delivery>, StoreError> {
        let row = sqlx::query("SELECT * FROM webhook_deliveries WHERE id = $1")
            .bind(id.to_owned())
            .fetch_optional(&mut *self.database.reader().await?)
            .await?;
        row.as_ref().map(decode).transpose()
    }

    /// Lets a dead letter be tried again from the start; false when it is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revive(&self, id: &str, now_ms: i64) -> Result<bool, StoreError> {
        let id = id.to_owned();
        let sql = "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, due_at_ms = $2 \
                   WHERE id = $1 AND state = 'dead'";
        self.database.execute(sql, move |query| query.bind(id).bind(now_ms)).await.map(|rows| rows > 0)
    }

    /// Removes a dead letter; false when it is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_dead(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        let sql = "DELETE FROM webhook_deliveries WHERE id = $1 AND state = 'dead'";
        self.database.execute(sql, move |query| query.bind(id)).await.map(|rows| rows > 0)
    }
}

async fn put(connection: &mut AnyConnection, delivery: &Delivery) -> Result<(), StoreError> {
    let Delivery { id, lane, event, progress } = delivery;
    let (code, detail) = progress.failure.clone().unzip();
    sqlx::query(
        "INSERT INTO webhook_deliveries (id, webhook, session, seq, at_ms, kind, payload, state, attempts, due_at_ms, \
         error_code, error_detail, updated_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, \
         due_at_ms = excluded.due_at_ms, error_code = excluded.error_code, error_detail = excluded.error_detail, \
         updated_at_ms = excluded.updated_at_ms",
    )
    .bind(id.clone())
    .bind(lane.webhook.clone())
    .bind(lane.session.to_string())
    .bind(event.seq)
    .bind(event.at_ms)
    .bind(event.event.kind.as_str())
    .bind(to_json(&event.event.payload))
    .bind(name_of(&progress.state))
    .bind(i64::from(progress.attempts))
    .bind(progress.due_at_ms)
    .bind(code)
    .bind(detail)
    .bind(progress.updated_at_ms)
    .execute(connection)
    .await?;
    Ok(())
}

async fn advance(connection: &mut AnyConnection, lane: &LaneKey, seq: i64) -> Result<(), StoreError> {
    let query = sqlx::query(ADVANCE).bind(lane.webhook.clone()).bind(lane.session.to_string()).bind(seq);
    query.execute(connection).await?;
    Ok(())
}

fn decode(row: &AnyRow) -> Result<Delivery, StoreError> {
    let columns = Columns::of("webhook_deliveries", row);
    let session: SessionName = columns.parsed("session")?;
    let failure = columns.optional_text("error_code")?.zip(columns.optional_text("error_detail")?);
    Ok(Delivery {
        id: columns.text("id")?,
        lane: LaneKey { webhook: columns.text("webhook")?, session: session.clone() },
        event: Event {
            seq: columns.number("seq")?,
            at_ms: columns.number("at_ms")?,
            event: NewEvent { kind: columns.parsed("kind")?, session, payload: columns.json("payload")? },
        },
        progress: DeliveryProgress {
            state: columns.named("state")?,
            attempts: columns.narrow("attempts")?,
            due_at_ms: columns.number("due_at_ms")?,
            failure,
            updated_at_ms: columns.number("updated_at_ms")?,
        },
    })
}
