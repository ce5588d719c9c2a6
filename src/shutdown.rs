//! How everything ends: a soft signal (finish what you hold), a hard one (let go), and a tracker that knows every task.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{task::JoinHandle, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Handed to whoever runs tasks. Clones share the signals.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
    /// When everything that ends with this should be over.
    deadline: Arc<OnceLock<Instant>>,
}

impl Shutdown {
    /// Signals that nobody gave yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task that [`Self::finish`] waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Asks everybody to finish what they hold and take nothing new.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Ends when [`Self::begin`] was called.
    pub async fn begun(&self) {
        self.soft.cancelled().await;
    }

    /// Whether [`Self::begin`] was called.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Notes when all of it should be over; the first time that is noted counts.
    pub fn set_deadline(&self, deadline: Instant) {
        let _ = self.deadline.set(deadline);
    }

    /// How long until then; None while there is no such time.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.get().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Tells everybody that there is no time left.
    pub fn hurry(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    /// Ends when there is no time left: what is held is let go as it is.
    pub async fn hurried(&self) {
        self.hard.cancelled().await;
    }

    /// Asks softly, waits up to `grace`, then hard, and waits up to two seconds more. True if every task ended.
    pub async fn finish(&self, grace: Duration) -> bool {
        self.soft.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_ok() {
            return true;
        }
        self.hard.cancel();
        tokio::time::timeout(Duration::from_secs(2), self.tasks.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_listens_ends_softly_and_one_that_does_not_is_hurried() {
        let shutdown = Shutdown::new();
        let soft = shutdown.clone();
        let listens = shutdown.spawn(async move { soft.begun().await });
        let hard = shutdown.clone();
        let stubborn = shutdown.spawn(async move { hard.hurried().await });
        assert!(shutdown.finish(Duration::from_millis(20)).await);
        listens.await.expect("it ended by itself");
        stubborn.await.expect("it ended when hurried");
    }

    #[tokio::test]
    async fn what_never_ends_is_reported() {
        let shutdown = Shutdown::new();
        let task = shutdown.spawn(std::future::pending::<()>());
        assert!(!shutdown.finish(Duration::from_millis(20)).await);
        task.abort();
    }
}
