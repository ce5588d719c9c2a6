//! What all lanes share: the rooms they use, a circuit for each URL, places for each host, and what the envelope says of a
//! session.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Semaphore;

use super::{
    attempt::AnswerLimits,
    changes::Changes,
    circuit::{Circuit, CircuitSettings},
    cursors::Cursors,
    inbox::Signal,
    retry::Retries,
    target::Target,
};
use crate::{
    clock::Clock,
    event::{About, Environment, EventLog},
    model::SessionName,
    network::Client,
    outbox::Outbox,
    store::{LaneKey, Store, StoreError},
};

/// For how long what the envelope says of a session is believed.
const FACTS_MS: i64 = 5_000;

pub(super) struct Hub {
    pub(super) store: Store,
    pub(super) events: EventLog,
    pub(super) outbox: Outbox,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) client: Client,
    /// WAHA's `environment`.
    pub(super) environment: Environment,
    pub(super) limits: AnswerLimits,
    pub(super) circuits: CircuitSettings,
    pub(super) per_host: usize,
    /// How failures are tried again when a webhook does not say.
    pub(super) usual: Retries,
    pub(super) global: Vec<Arc<Target>>,
    pub(super) cursors: Cursors,
    /// Sessions that were made, changed or deleted.
    pub(super) changes: Changes,
    pub(super) books: Books,
}

/// What is looked up by name.
#[derive(Default)]
pub(super) struct Books {
    circuits: Mutex<HashMap<String, Arc<Circuit>>>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
    facts: Mutex<HashMap<SessionName, (i64, Arc<About>)>>,
    lanes: Mutex<BTreeMap<LaneKey, LaneStatus>>,
}

/// A lane that runs, for whoever asks how it stands.
#[derive(Debug, Clone)]
pub(super) struct LaneStatus {
    pub(super) target: Arc<Target>,
    pub(super) signal: Arc<Signal>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// The circuit of a target's URL.
    pub(super) fn circuit(&self, target: &Target) -> Arc<Circuit> {
        let mut circuits = lock(&self.books.circuits);
        let circuit = circuits
            .entry(target.settings.url.to_string())
            .or_insert_with(|| Arc::new(Circuit::new(self.circuits, Arc::clone(&self.clock))));
        Arc::clone(circuit)
    }

    /// The places for deliveries to a target's host.
    pub(super) fn host(&self, target: &Target) -> Arc<Semaphore> {
        let mut hosts = lock(&self.books.hosts);
        Arc::clone(hosts.entry(target.origin()).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))))
    }

    /// How many URLs rest now.
    pub(super) fn open_circuits(&self) -> usize {
        lock(&self.books.circuits).values().filter(|circuit| circuit.open_until_ms().is_some()).count()
    }

    /// What the envelope says of a session; from the store, now and then.
    pub(super) async fn facts(&self, session: &SessionName) -> Result<Arc<About>, StoreError> {
        let now_ms = self.clock.now_ms();
        if let Some((read_at_ms, facts)) = lock(&self.books.facts).get(session)
            && now_ms.abs_diff(*read_at_ms) < FACTS_MS.unsigned_abs()
        {
            return Ok(Arc::clone(facts));
        }
        let record = self.store.sessions().get(session).await?;
        let facts = Arc::new(record.as_ref().map(About::of).unwrap_or_default());
        lock(&self.books.facts).insert(session.clone(), (now_ms, Arc::clone(&facts)));
        Ok(facts)
    }

    /// Has them read anew.
    pub(super) fn forget_facts(&self, session: &SessionName) {
        lock(&self.books.facts).remove(session);
    }

    pub(super) fn enter(&self, lane: LaneKey, status: LaneStatus) {
        lock(&self.books.lanes).insert(lane, status);
    }

    /// Strikes a lane out, and what only it used.
    pub(super) fn strike_out(&self, lane: &LaneKey) {
        let targets: Vec<Arc<Target>> = {
            let mut lanes = lock(&self.books.lanes);
            lanes.remove(lane);
            lanes.values().map(|status| Arc::clone(&status.target)).collect()
        };
        let is_used = |found: &dyn Fn(&Target) -> bool| targets.iter().any(|target| found(target));
        lock(&self.books.circuits).retain(|url, _| is_used(&|target| target.settings.url.as_str() == url));
        lock(&self.books.hosts).retain(|origin, _| is_used(&|target| target.origin() == *origin));
    }

    pub(super) fn lanes(&self) -> Vec<(LaneKey, LaneStatus)> {
        lock(&self.books.lanes).iter().map(|(lane, status)| (lane.clone(), status.clone())).collect()
    }
}
