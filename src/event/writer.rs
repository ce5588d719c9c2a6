//! The task that writes the log: takes what waits, commits it together, and tells it in the order of the numbers.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    clock::Clock,
    model::Event,
    store::{LogWrite, LogWritten, Store, StoreError, TakenIn},
};

/// The most that share a commit: what waits behind it waits for one commit only.
const TOGETHER: usize = 64;

/// A write, with whoever waits for it.
pub(super) struct Job {
    pub(super) write: LogWrite,
    pub(super) answer: oneshot::Sender<Result<LogWritten, StoreError>>,
}

/// Runs until nobody can hand in any more and everything is written.
pub(super) async fn run(
    store: Store,
    clock: Arc<dyn Clock>,
    told: broadcast::Sender<Arc<Event>>,
    mut waiting: mpsc::Receiver<Job>,
) {
    let mut jobs = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut jobs, TOGETHER).await > 0 {
        let (writes, answers): (Vec<_>, Vec<_>) = jobs.drain(..).map(|job| (job.write, job.answer)).unzip();
        let written = store.write_log(writes, clock.now_ms()).await;
        for (answer, written) in answers.into_iter().zip(written) {
            if let Ok(written) = &written {
                tell(&told, written);
            }
            // Whoever asked may have gone.
            let _ = answer.send(written);
        }
    }
}

fn tell(told: &broadcast::Sender<Arc<Event>>, written: &LogWritten) {
    // An error means that nobody listens right now.
    let tell = |event: &Event| drop(told.send(Arc::new(event.clone())));
    match written {
        LogWritten::Appended(event) => tell(event),
        LogWritten::Alerted(event) => event.iter().for_each(tell),
        LogWritten::TakenIn(all) => {
            for taken in all {
                if let TakenIn::New(events) = taken {
                    events.iter().for_each(tell);
                }
            }
        }
    }
}
