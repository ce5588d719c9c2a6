//! The tables `media_files` and `media_holds`: which files lie under `media/`, and which of them a message still needs.
//!
//! The bytes are the media room's; a file counts only once its row is there.

use sqlx::{Row, any::AnyRow};

use super::{StoreError, database::Database, row::Columns};
use crate::model::{MessageId, SessionName};

/// How long a hold counts whose message is not there yet: it is committed before the message is accepted.
const HOLD_BEFORE_ACCEPTANCE_MS: i64 = 10 * 60 * 1000;

/// A file as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRecord {
    /// Whose it is.
    pub session: SessionName,
    /// Its name in the session's folder, unique there.
    pub name: String,
    /// Its type, such as `image/jpeg`.
    pub mime: String,
    /// The name that people gave it.
    pub file_name: Option<String>,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
    /// Unix time in milliseconds.
    pub created_at_ms: i64,
}

/// The tables `media_files` and `media_holds`.
#[derive(Debug, Clone)]
pub struct MediaFiles {
    database: Database,
}

impl MediaFiles {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Adds a file; one of the same name is replaced, and counts as made now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put(&self, file: &MediaRecord) -> Result<(), StoreError> {
        let file = file.clone();
        let bytes = i64::try_from(file.bytes).unwrap_or(i64::MAX);
        self.database
            .execute(
                "INSERT INTO media_files (session, name, mime, file_name, bytes, sha256, created_at_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (session, name) DO UPDATE SET mime = excluded.mime, \
                 file_name = excluded.file_name, bytes = excluded.bytes, sha256 = excluded.sha256, \
                 created_at_ms = excluded.created_at_ms",
                move |query| {
                    query
                        .bind(file.session.to_string())
                        .bind(file.name)
                        .bind(file.mime)
                        .bind(file.file_name)
                        .bind(bytes)
                        .bind(file.sha256)
                        .bind(file.created_at_ms)
                },
            )
            .await
            .map(drop)
    }

    /// One file.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(&self, session: &SessionName, name: &str) -> Result<Option<MediaRecord>, StoreError> {
        let row = sqlx::query("SELECT * FROM media_files WHERE session = $1 AND name = $2")
            .bind(session.to_string())
            .bind(name.to_owned())
            .fetch_optional(&mut *self.database.reader().await?)
            .await?;
        row.as_ref().map(decode).transpose()
    }

    /// Keeps a file until this message was sent or given up. Called before the message is accepted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold(
        &self,
        session: &SessionName,
        name: &str,
        message: &MessageId,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (session, name, message) = (session.to_string(), name.to_owned(), message.to_string());
        self.database
            .execute(
                "INSERT INTO media_holds (message_id, session, name, held_at_ms) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (session, name, message_id) DO UPDATE SET held_at_ms = excluded.held_at_ms",
                move |query| query.bind(message).bind(session).bind(name).bind(now_ms),
            )
            .await
            .map(drop)
    }

    /// The bytes of all files together.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn total_bytes(&self) -> Result<u64, StoreError> {
        // PostgreSQL's SUM of BIGINT is NUMERIC.
        let row = sqlx::query("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS total FROM media_files")
            .fetch_one(&mut *self.database.reader().await?)
            .await?;
        Columns::of("media_files", &row).narrow("total")
    }

    /// The oldest files that nobody waits for, made before `before_ms`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn oldest_free(&self, before_ms: i64, now_ms: i64, limit: u32) -> Result<Vec<MediaRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM media_files f WHERE created_at_ms < $1 AND NOT EXISTS (\
             SELECT 1 FROM media_holds h LEFT JOIN messages m ON m.id = h.message_id \
             WHERE h.session = f.session AND h.name = f.name AND (\
             m.state IN ('accepted', 'queued', 'claimed', 'sending') OR m.id IS NULL AND h.held_at_ms > $2)) \
             ORDER BY created_at_ms, name LIMIT $3",
        )
        .bind(before_ms)
        .bind(now_ms - HOLD_BEFORE_ACCEPTANCE_MS)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        rows.iter().map(decode).collect()
    }

    /// Forgets a file, unless it was replaced since it was read. False when it is not there any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove(&self, file: &MediaRecord) -> Result<bool, StoreError> {
        let (session, name, at_ms) = (file.session.to_string(), file.name.clone(), file.created_at_ms);
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    let removed =
                        sqlx::query("DELETE FROM media_files WHERE session = $1 AND name = $2 AND created_at_ms = $3")
                            .bind(session.clone())
                            .bind(name.clone())
                            .bind(at_ms)
                            .execute(&mut *connection)
                            .await?
                            .rows_affected();
                    if removed > 0 {
                        sqlx::query("DELETE FROM media_holds WHERE session = $1 AND name = $2")
                            .bind(session)
                            .bind(name)
                            .execute(&mut *connection)
                            .await?;
                    }
                    Ok(removed > 0)
                })
            })
            .await
    }

    /// Forgets all files of a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_session(&self, session: &str) -> Result<(), StoreError> {
        let session = session.to_owned();
        self.database
            .write(move |connection| {
                Box::pin(async move {
                    for sql in
                        ["DELETE FROM media_files WHERE session = $1", "DELETE FROM media_holds WHERE session = $1"]
                    {
                        sqlx::query(sql).bind(session.clone()).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// The names of the sessions that have files here and are no sessions any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn abandoned_sessions(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT session FROM media_files f \
             WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.name = f.session)",
        )
        .fetch_all(&mut *self.database.reader().await?)
        .await?;
        rows.iter().map(|row| row.try_get("session").map_err(StoreError::from)).collect()
    }
}

fn decode(row: &AnyRow) -> Result<MediaRecord, StoreError> {
    let columns = Columns::of("media_files", row);
    Ok(MediaRecord {
        session: columns.parsed("session")?,
        name: columns.text("name")?,
        mime: columns.text("mime")?,
        file_name: columns.optional_text("file_name")?,
        bytes: columns.narrow("bytes")?,
        sha256: columns.text("sha256")?,
        created_at_ms: columns.number("created_at_ms")?,
    })
}
