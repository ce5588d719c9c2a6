//! Group commit for a database with one writer: what waits at the same time is committed together, each piece under a
//! savepoint of its own, so that one commit to disk serves many and one failure undoes only itself.

use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::{AnyConnection, Connection};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
};

use super::StoreError;

/// The most that share a commit: what waits behind it waits for one commit only.
const GROUP_SIZE: usize = 128;
/// Whoever comes when so many wait is held back.
const WAITING: usize = 1024;

/// Owns the task that owns the connection.
#[derive(Debug)]
pub(super) struct GroupWriter {
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl GroupWriter {
    pub(super) fn start(connection: AnyConnection) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(write_groups(connection, waiting));
        Self { jobs: Mutex::new(Some(jobs)), task: Mutex::new(Some(task)) }
    }

    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let jobs = self.jobs.lock().await.clone().ok_or(StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        let job = TypedJob { work: Some(work), result: None, answer };
        jobs.send(Box::new(job)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Commits what waits, then closes the connection.
    pub(super) async fn close(&self) {
        self.jobs.lock().await.take();
        if let Some(task) = self.task.lock().await.take() {
            // It ends by itself once nothing waits; it panics only if a piece of work did, and has nothing to say then.
            let _ = task.await;
        }
    }
}

/// A piece of work with whoever waits for it.
trait Job: Send {
    /// Does the work; whether it is to be kept.
    fn run<'c>(&'c mut self, connection: &'c mut AnyConnection) -> BoxFuture<'c, bool>;
    /// Tells how it went, once the group is committed or has failed.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct TypedJob<T, W> {
    work: Option<W>,
    result: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Job for TypedJob<T, W>
where
    T: Send,
    W: for<'c> FnOnce(&'c mut AnyConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send,
{
    fn run<'c>(&'c mut self, connection: &'c mut AnyConnection) -> BoxFuture<'c, bool> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return false };
            let result = work(connection).await;
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        })
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let result = match (committed, self.result) {
            (_, Some(Err(error))) | (Err(error), _) => Err(error),
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Closed),
        };
        // Whoever asked may have gone.
        let _ = self.answer.send(result);
    }
}

async fn write_groups(mut connection: AnyConnection, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = waiting.recv().await {
        let mut group = vec![first];
        let committed = match write_group(&mut connection, &mut group, &mut waiting).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // Whoever waits behind a locked database would wait as long again for the same answer.
                while let Ok(job) = waiting.try_recv() {
                    group.push(job);
                }
                Err(Arc::new(error))
            }
        };
        for job in group {
            job.answer(committed.clone().map_err(StoreError::of_group));
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database did not close well");
    }
}

async fn write_group(
    connection: &mut AnyConnection,
    group: &mut Vec<Box<dyn Job>>,
    waiting: &mut mpsc::Receiver<Box<dyn Job>>,
) -> sqlx::Result<()> {
    // Not sqlx's own transaction, which goes on for ever when SQLite itself has rolled back, as it does on a full disk.
    // IMMEDIATE takes the write lock at once: a transaction that reads first could find it taken by another program.
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let committed = write_pieces(connection, group, waiting).await;
    if committed.is_err() {
        // Fails where SQLite has done it already.
        let _ = sqlx::query("ROLLBACK").execute(connection).await;
    }
    committed
}

async fn write_pieces(
    connection: &mut AnyConnection,
    group: &mut Vec<Box<dyn Job>>,
    waiting: &mut mpsc::Receiver<Box<dyn Job>>,
) -> sqlx::Result<()> {
    let mut done = 0;
    while done < group.len() {
        sqlx::query("SAVEPOINT piece").execute(&mut *connection).await?;
        if !group[done].run(connection).await {
            sqlx::query("ROLLBACK TO piece").execute(&mut *connection).await?;
        }
        sqlx::query("RELEASE piece").execute(&mut *connection).await?;
        done += 1;
        if done == group.len() && done < GROUP_SIZE {
            group.extend(waiting.try_recv());
        }
    }
    sqlx::query("COMMIT").execute(connection).await.map(drop)
}
