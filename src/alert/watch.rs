//! Looks for problems: hears the events, and looks at queues, dead letters and the disk now and then.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    Alerts,
    rules::{self, QueueFigures, Rules},
};
use crate::{
    host::Disk,
    model::{Alert, Event, PauseCause, SessionName},
    store::StoreError,
};

/// Looks for problems.
pub(super) struct Watch {
    alerts: Alerts,
    heard: Receiver<Arc<Event>>,
    rules: Rules,
    /// When the queues were seen to move last, by the runtime's clock, which never jumps; and how many attempts there were then.
    moved: BTreeMap<SessionName, (i64, Instant)>,
    /// Whether it was said that the database does not answer.
    is_stuck: bool,
}

impl Watch {
    pub(super) fn new(alerts: Alerts) -> Self {
        let heard = alerts.services().events.subscribe();
        Self { alerts, heard, rules: Rules::default(), moved: BTreeMap::new(), is_stuck: false }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        self.end_of_the_last_run().await;
        let mut look_at = Instant::now();
        loop {
            tokio::select! {
                event = self.heard.recv() => match event {
                    Ok(event) => self.hear(&event).await,
                    // What was missed told of states that have changed since; the next ones say how it is.
                    Err(RecvError::Lagged(missed)) => debug!(missed, "alerts did not see every event"),
                    Err(RecvError::Closed) => return,
                },
                () = tokio::time::sleep_until(look_at) => {
                    self.look().await;
                    look_at = Instant::now() + Duration::from_secs(self.alerts.setup().alerts.check_s);
                }
                () = stop.cancelled() => return,
            }
        }
    }

    /// What only the process before knew of is over with it.
    async fn end_of_the_last_run(&self) {
        let open = match self.alerts.services().store.alerts().open().await {
            Ok(open) => open,
            Err(error) => return warn!(%error, "what was told before the start cannot be read"),
        };
        for problem in open.into_iter().filter(|problem| problem.code == "quarantined") {
            let text = "drover was started anew, and its sessions are tried again";
            self.tell(&problem.session, Alert::resolved(&problem.code, text)).await;
        }
    }

    async fn hear(&mut self, event: &Event) {
        let alerts = self.rules.hear(&event.event);
        self.tell_news(&event.event.session, alerts).await;
    }

    async fn look(&mut self) {
        match self.look_at_queues().await {
            Ok(()) => self.is_stuck = false,
            Err(error) => {
                if !std::mem::replace(&mut self.is_stuck, true) {
                    warn!(%error, "queues and dead letters are not watched until the database answers");
                }
            }
        }
        let (path, thresholds) = (self.alerts.services().place.data_dir.clone(), self.alerts.setup().alerts.thresholds);
        match Disk::of(&path) {
            Ok(disk) => {
                let alert = rules::judge_disk(disk.available_bytes, &path.display().to_string(), &thresholds);
                self.tell_news(&SessionName::server(), vec![alert]).await;
            }
            Err(error) => debug!(%error, "the disk's free space cannot be read"),
        }
    }

    async fn look_at_queues(&mut self) -> Result<(), StoreError> {
        let (store, clock) = (self.alerts.services().store.clone(), Arc::clone(&self.alerts.services().clock));
        let thresholds = self.alerts.setup().alerts.thresholds;
        let now_ms = clock.now_ms();
        let (sessions, paused) = (store.sessions().list().await?, store.pauses().list().await?);
        let mut standing = store.messages().standing(now_ms).await?;
        for problem in store.alerts().open().await? {
            if !problem.session.is_server() && !sessions.iter().any(|session| session.name == problem.session) {
                store.alerts().forget(&problem.session).await?;
            }
        }
        self.moved.retain(|name, _| sessions.iter().any(|session| session.name == *name));
        for session in sessions {
            let standing = standing.remove(&session.name).unwrap_or_default();
            let by_hand = paused.all || paused.sessions.get(&session.name) == Some(&PauseCause::Operator);
            let tried = standing.last_tried_at_ms.unwrap_or_default();
            let moved = self.moved.entry(session.name.clone()).or_insert((tried, Instant::now()));
            // A queue that is empty, or paused by hand, is silent for a good reason.
            if moved.0 != tried || standing.due == 0 || by_hand {
                *moved = (tried, Instant::now());
            }
            let figures = QueueFigures {
                waiting: standing.waiting,
                waited_ms: standing.oldest_due_ms.map_or(0, |at_ms| now_ms - at_ms),
                silent_ms: i64::try_from(moved.1.elapsed().as_millis()).unwrap_or(i64::MAX),
                is_paused: by_hand,
                dead: standing.dead,
                session: session.name,
            };
            self.tell_news(&figures.session, rules::judge_queue(&figures, &thresholds)).await;
        }
        Ok(())
    }

    /// Tells those alerts that are news; a look at the table spares a write for each that is none.
    async fn tell_news(&self, session: &SessionName, alerts: Vec<Alert>) {
        for alert in alerts {
            let known = self.alerts.services().store.alerts().get(session, &alert.code).await;
            let is_open = known.is_ok_and(|problem| problem.is_some_and(|problem| problem.resolved_at_ms.is_none()));
            if is_open == alert.is_resolved {
                self.tell(session, alert).await;
            }
        }
    }

    async fn tell(&self, session: &SessionName, alert: Alert) {
        if let Err(error) = self.alerts.services().events.alert(session, alert).await {
            warn!(%error, session.id = %session, "an alert was not stored");
        }
    }
}
