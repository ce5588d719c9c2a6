//! The actor of one session: the sole owner of its state. It hears requests, its page, its own tasks and the clock, asks
//! the state machine what follows, does it, and publishes what changed.
//!
//! Invariants: at most one browser; every effect that owes an answer gives one; the view is published after the store
//! knows of a changed state.

mod effects;
mod page_events;
mod publish;

use std::{sync::Arc, time::Duration};

use rand::RngExt;
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    payload::PastStatus,
    services::Services,
    state_machine::{BrowserPhase, Context, Input, Machine, step},
};
use crate::{
    model::{Desired, Qr, SessionRecord, SessionState, SessionView},
    page::{Arrival, LaunchError, Launched, PageError, PageEvent, Snapshot, WhatsAppPage},
};

/// A page that may be asked; None while there is none.
pub(super) type PageWatch = watch::Receiver<Option<Arc<dyn WhatsAppPage>>>;

/// What the registry asks of an actor.
pub(super) enum Request {
    /// Step with an input and answer with the view, at once or when the browser has ended.
    Step { input: Input, when: AnswerWhen, answer: oneshot::Sender<SessionView> },
    /// End the task once no browser is held.
    End,
}

/// When a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerWhen {
    AtOnce,
    /// No browser, and no profile on its way to the archive.
    AtRest,
    /// The login is lost, or nothing was linked.
    LoggedOut,
}

/// What an actor's own tasks tell it.
enum Report {
    Launched(Result<Launched, LaunchError>),
    Abandoned,
    BrowserEnded,
    Archived(std::io::Result<()>),
    Heartbeat { page: Arc<dyn WhatsAppPage>, answer: Result<Snapshot, PageError>, took: Duration },
}

/// The ends of an actor that others hold.
pub(super) struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) view: watch::Receiver<SessionView>,
    /// The page, whenever it can be asked.
    pub(super) page: PageWatch,
    /// The page, only while the session is ready: it may be told to send.
    pub(super) sendable: PageWatch,
}

/// What the actor publishes through.
struct Outputs {
    view: watch::Sender<SessionView>,
    page: watch::Sender<Option<Arc<dyn WhatsAppPage>>>,
    sendable: watch::Sender<Option<Arc<dyn WhatsAppPage>>>,
    statuses: Vec<PastStatus>,
    /// To whoever tells what comes in.
    arrivals: mpsc::Sender<Arrival>,
}

/// The browser that the actor holds.
#[derive(Default)]
struct BrowserHeld {
    page: Option<Arc<dyn WhatsAppPage>>,
    events: Option<mpsc::Receiver<PageEvent>>,
    abandon: CancellationToken,
    /// Its bridge is in: before that a call only waits for the page to load.
    is_attached: bool,
    heartbeat_under_way: bool,
}

/// The QR on show, and how many there were.
#[derive(Default)]
struct QrShown {
    current: Option<Qr>,
    seq: u64,
}

/// One session.
pub(super) struct Actor {
    services: Arc<Services>,
    gate: Arc<Semaphore>,
    machine: Machine,
    browser: BrowserHeld,
    qr: QrShown,
    outputs: Outputs,
    reports: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
    inbox: Inbox,
}

/// Requests, and those whose answer is still owed.
struct Inbox {
    requests: mpsc::Receiver<Request>,
    waiting: Vec<(AnswerWhen, oneshot::Sender<SessionView>)>,
    ending: bool,
}

impl Actor {
    /// An actor for the record; [`Self::run`] makes it live.
    pub(super) fn new(
        record: &SessionRecord,
        services: Arc<Services>,
        gate: Arc<Semaphore>,
        arrivals: mpsc::Sender<Arrival>,
    ) -> (Self, Handle) {
        let machine = Machine::resting(record.desired, record.state, record.reason.clone());
        let first = SessionView {
            name: record.name.clone(),
            desired: record.desired,
            state: machine.state,
            reason: machine.reason.clone(),
            since_ms: services.clock.now_ms(),
            me: record.me.clone(),
            qr: None,
            page: crate::model::session::PageView::default(),
            retry: None,
        };
        let (view_sender, view) = watch::channel(first);
        let (page_sender, page) = watch::channel(None);
        let (sendable_sender, sendable) = watch::channel(None);
        let (request_sender, requests) = mpsc::channel(32);
        let actor = Self {
            services,
            gate,
            machine,
            browser: BrowserHeld::default(),
            qr: QrShown::default(),
            outputs: Outputs {
                view: view_sender,
                page: page_sender,
                sendable: sendable_sender,
                statuses: Vec::new(),
                arrivals,
            },
            reports: mpsc::channel(16),
            inbox: Inbox { requests, waiting: Vec::new(), ending: false },
        };
        (actor, Handle { requests: request_sender, view, page, sendable })
    }

    /// Lives until it is told to end and holds no browser.
    #[tracing::instrument(name = "session", skip_all, fields(session.id = %self.outputs.view.borrow().name))]
    pub(super) async fn run(mut self, tasks: TaskTracker) {
        if self.machine.desired == Desired::Running {
            self.step(Input::Start, &tasks).await;
        }
        let heartbeat = Duration::from_secs(self.services.settings.keepalive.heartbeat_s.max(1));
        let mut heartbeats = tokio::time::interval(heartbeat);
        heartbeats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let deadline = self.deadline();
            tokio::select! {
                request = self.inbox.requests.recv(), if !self.inbox.ending => match request {
                    Some(Request::Step { input, when, answer }) => {
                        self.inbox.waiting.push((when, answer));
                        self.step(input, &tasks).await;
                    }
                    Some(Request::End) | None => self.inbox.ending = true,
                },
                Some(report) = self.reports.1.recv() => self.hear_report(report, &tasks).await,
                event = next_event(&mut self.browser.events) => match event {
                    Some(event) => self.hear_page(event, &tasks).await,
                    None => self.browser.events = None,
                },
                _ = heartbeats.tick(), if self.may_beat() => self.beat(&tasks),
                () = tokio::time::sleep_until(deadline) => self.step(Input::Tick, &tasks).await,
            }
            if self.inbox.ending && !self.machine.holds_browser() {
                break;
            }
        }
    }

    /// When the machine wants a tick, by the runtime's clock; far away when it wants none.
    fn deadline(&self) -> Instant {
        const FAR: Duration = Duration::from_secs(3_600);
        let pause = self.machine.next_deadline_ms().map_or(FAR, |deadline_ms| {
            let left_ms = deadline_ms.saturating_sub(self.services.clock.now_ms());
            Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
        });
        Instant::now() + pause.min(FAR)
    }

    async fn step(&mut self, input: Input, tasks: &TaskTracker) {
        let settings = &self.services.settings;
        let context = Context {
            now_ms: self.services.clock.now_ms(),
            jitter: rand::rng().random(),
            keepalive: &settings.keepalive,
            load_limit_s: settings.browser.load_timeout_s,
        };
        let (machine, effects) = step(self.machine.clone(), input, &context);
        self.machine = machine;
        for effect in effects {
            self.perform(effect, tasks);
        }
        self.publish().await;
        self.answer();
    }

    /// Answers the requests whose time has come.
    fn answer(&mut self) {
        let at_rest = !self.machine.holds_browser() && !self.machine.is_archiving();
        let logged_out = !matches!(
            self.machine.state,
            SessionState::Ready | SessionState::Syncing | SessionState::Reconnecting | SessionState::LoggedOut
        ) || self.machine.state == SessionState::LoggedOut && at_rest;
        let view = self.outputs.view.borrow().clone();
        for (when, answer) in std::mem::take(&mut self.inbox.waiting) {
            let due = match when {
                AnswerWhen::AtOnce => true,
                AnswerWhen::AtRest => at_rest,
                AnswerWhen::LoggedOut => logged_out,
            };
            if due {
                // Whoever asked may have gone; then nobody needs the answer.
                let _ = answer.send(view.clone());
            } else {
                self.inbox.waiting.push((when, answer));
            }
        }
    }

    fn may_beat(&self) -> bool {
        self.machine.browser == BrowserPhase::Up && self.browser.is_attached && !self.browser.heartbeat_under_way
    }
}

async fn next_event(events: &mut Option<mpsc::Receiver<PageEvent>>) -> Option<PageEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}
