//! Looks for problems: hears the events, and looks at queues, dead letters and the disk now and then.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Alerts, at_once,
    rules::{self, QueueFigures, Rules},
};
use crate::{
    host::{self, Disk},
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
        self.look_at_disk().await;
    }

    async fn look_at_disk(&self) {
        let (folder, thresholds) =
            (self.alerts.services().place.data_dir.clone(), self.alerts.setup().alerts.thresholds);
        let path = folder.display().to_string();
        // A disk may take its time.
        let looked = tokio::task::spawn_blocking(move || look_at(&folder)).await;
        let (disk, writing) = match looked {
            Ok(found) => found,
            Err(error) => return debug!(%error, "the disk was not looked at"),
        };
        let mut alerts = vec![rules::judge_writing(writing.err().as_ref(), &path)];
        match disk {
            Ok(disk) => alerts.push(rules::judge_disk(disk.available_bytes, &path, &thresholds)),
            Err(error) => debug!(%error, "the disk's free space cannot be read"),
        }
        self.tell_news(&SessionName::server(), alerts).await;
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
            if self.alerts.0.unkept.has(session, &alert.code) {
                self.tell_unkept(session, alert).await;
                continue;
            }
            let known = self.alerts.services().store.alerts().get(session, &alert.code).await;
            let is_open = known.is_ok_and(|problem| problem.is_some_and(|problem| problem.resolved_at_ms.is_none()));
            if is_open == alert.is_resolved {
                self.tell(session, alert).await;
            }
        }
    }

    async fn tell(&self, session: &SessionName, alert: Alert) {
        let Err(error) = self.alerts.services().events.alert(session, alert.clone()).await else { return };
        if alert.is_resolved {
            warn!(%error, session.id = %session, "the end of an alert was not stored");
        } else if self.alerts.0.unkept.add(session, &alert, self.alerts.services().clock.now_ms()) {
            warn!(%error, session.id = %session, code = alert.code, "an alert was not stored: {}", alert.message);
            at_once::send(&self.alerts, session, &alert).await;
        }
    }

    /// It was told without the database: so is its end.
    async fn tell_unkept(&self, session: &SessionName, alert: Alert) {
        if !alert.is_resolved {
            return;
        }
        self.alerts.0.unkept.remove(session, &alert.code);
        info!(session.id = %session, code = alert.code, "{}", alert.message);
        at_once::send(&self.alerts, session, &alert).await;
    }
}

/// How the disk of a folder is, and whether it takes something.
fn look_at(folder: &Path) -> (std::io::Result<Disk>, std::io::Result<()>) {
    (Disk::of(folder), host::try_writing(folder))
}
