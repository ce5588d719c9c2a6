//! The handle that everything shares: the world behind its lock, and who has to hear of changes.
//!
//! All work on the world is short and done under [`Simulator::with`]; nothing waits while it holds the lock.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::settings::Settings;
use crate::world::World;

/// A shared handle on the simulator.
#[derive(Clone)]
pub(crate) struct Simulator {
    inner: Arc<Inner>,
}

struct Inner {
    world: Mutex<World>,
    /// The schedule has an earlier entry than before.
    sooner: Notify,
    /// Counts the changes that the phone page shows.
    version: watch::Sender<u64>,
    ending: CancellationToken,
    tasks: TaskTracker,
}

impl Simulator {
    /// A simulator that knows nobody; it ends its sockets and streams when the token is cancelled, and is over when the
    /// tracker is empty.
    pub(crate) fn new(settings: Settings, ending: CancellationToken, tasks: TaskTracker) -> Self {
        let world = Mutex::new(World::new(Arc::new(settings)));
        let inner = Inner { world, sooner: Notify::new(), version: watch::Sender::new(0), ending, tasks };
        Self { inner: Arc::new(inner) }
    }

    /// Does something with the world.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        // A panic in one request leaves a world that is still usable: it has no invariants across frames that matter more
        // than to go on serving the other pages.
        let mut world = self.inner.world.lock().unwrap_or_else(PoisonError::into_inner);
        let next = world.schedule.next_at();
        let result = work(&mut world);
        let sooner = world.schedule.next_at() != next;
        let changed = std::mem::take(&mut world.changed);
        drop(world);
        if sooner {
            self.inner.sooner.notify_one();
        }
        if changed {
            self.inner.version.send_modify(|version| *version += 1);
        }
        result
    }

    /// Follows the number of changes.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.inner.version.subscribe()
    }

    /// Cancelled when the simulator ends.
    pub(crate) fn ending(&self) -> &CancellationToken {
        &self.inner.ending
    }

    /// Held by work that the simulator's end has to wait for.
    pub(crate) fn tracked(&self) -> TaskTrackerToken {
        self.inner.tasks.token()
    }

    /// Does what is on the schedule, each at its time, until the simulator ends.
    pub(crate) async fn run_schedule(self) {
        loop {
            let next = self.with(|world| {
                world.run_due(Instant::now());
                world.schedule.next_at()
            });
            let wait = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.inner.sooner.notified() => {}
                () = self.inner.ending.cancelled() => return,
            }
        }
    }
}
