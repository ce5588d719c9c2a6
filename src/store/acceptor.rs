//! Takes over together what waits at the same time, on either database: one transaction for many messages.
//!
//! Owns the queue of those that wait. Invariants: two messages of one chat, with one id or with one idempotency key are never
//! in one batch, so that the second sees the first as a committed row; the messages of a chat are taken over in the order in
//! which they came; one that the database refuses fails alone.

use std::collections::{HashSet, VecDeque};

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
};

use super::{
    StoreError,
    acceptance::{Inserted, NewMessage, take_over},
    database::Database,
};

/// The most that share a transaction: what waits behind it waits for one only.
const BATCH: usize = 128;
/// How often a batch is begun that PostgreSQL takes back for another's sake.
const ATTEMPTS: usize = 5;
/// Whoever comes when so many wait is held back.
const WAITING: usize = 1024;

/// Owns the task that takes over.
#[derive(Debug)]
pub(super) struct Acceptor {
    waiting: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// A message with whoever waits for it.
struct Job {
    new: NewMessage,
    answer: oneshot::Sender<Result<Inserted, StoreError>>,
}

impl Acceptor {
    pub(super) fn start(database: Database) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(take_over_what_waits(database, waiting));
        Self { waiting: Mutex::new(Some(jobs)), task: Mutex::new(Some(task)) }
    }

    pub(super) async fn take_over(&self, new: NewMessage) -> Result<Inserted, StoreError> {
        let jobs = self.waiting.lock().await.clone().ok_or(StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        jobs.send(Job { new, answer }).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Takes over what waits; after that nothing any more.
    pub(super) async fn close(&self) {
        self.waiting.lock().await.take();
        if let Some(task) = self.task.lock().await.take() {
            // It ends by itself once nothing waits.
            let _ = task.await;
        }
    }
}

async fn take_over_what_waits(database: Database, mut waiting: mpsc::Receiver<Job>) {
    let mut held = VecDeque::new();
    loop {
        if held.is_empty() {
            match waiting.recv().await {
                Some(job) => held.push_back(job),
                None => return,
            }
        }
        while held.len() < BATCH
            && let Ok(job) = waiting.try_recv()
        {
            held.push_back(job);
        }
        take_over_batch(&database, choose(&mut held)).await;
    }
}

/// Takes out what may go together; the others keep their order.
fn choose(held: &mut VecDeque<Job>) -> Vec<Job> {
    let (mut chats, mut ids, mut keys) = (HashSet::new(), HashSet::new(), HashSet::new());
    let (mut batch, mut later) = (Vec::new(), VecDeque::new());
    for job in held.drain(..) {
        let (message, key) = (&job.new.message, &job.new.idempotency_key);
        let chat = (message.session.clone(), message.chat.clone());
        let key = key.as_ref().map(|key| (message.session.clone(), key.clone()));
        let meets =
            chats.contains(&chat) || ids.contains(&message.id) || key.as_ref().is_some_and(|key| keys.contains(key));
        // Also those that wait: a third of a chat must not pass the second.
        chats.insert(chat);
        ids.insert(message.id.clone());
        keys.extend(key);
        if meets { later.push_back(job) } else { batch.push(job) }
    }
    *held = later;
    batch
}

async fn take_over_batch(database: &Database, batch: Vec<Job>) {
    let (messages, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|job| (job.new, job.answer)).unzip();
    let outcomes = match write(database, messages.clone()).await {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        Err(error) if messages.len() > 1 && error.is_of_a_row() => {
            let mut outcomes = Vec::with_capacity(messages.len());
            for new in messages {
                outcomes.push(write(database, vec![new]).await.and_then(|mut one| one.pop().ok_or(StoreError::Closed)));
            }
            outcomes
        }
        Err(error) => messages.iter().map(|_| Err(error.copied())).collect::<Vec<_>>(),
    };
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // Whoever asked may have gone.
        let _ = answer.send(outcome);
    }
}

/// Begun anew where another transaction, of whatever program, waited for this one while this one waited for it.
async fn write(database: &Database, batch: Vec<NewMessage>) -> Result<Vec<Inserted>, StoreError> {
    let engine = database.engine();
    let mut attempts = 0;
    loop {
        let given = batch.clone();
        let written = database.write(move |connection| Box::pin(take_over(connection, engine, given))).await;
        attempts += 1;
        match written {
            Err(error) if error.is_rolled_back_for_another() && attempts < ATTEMPTS => {}
            written => return written,
        }
    }
}
