//! The actor of one session: the sole owner of its state. It hears requests, its page, its own tasks and the clock, asks
//! the state machine what follows, does it, and publishes what changed.
//!
//! Invariants: at most one browser; every effect that owes an answer gives one; the view is published after the store
//! knows of a changed state.

mod effects;
mod keeper;
mod meters;
mod page_events;
mod publish;

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use rand::RngExt;
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use keeper::{Asked, Keeper};
use meters::Meters;

use super::{
    admission::{Priority, Wait},
    gate::{Gate, Place},
    memory::Memory,
    payload::PastStatus,
    sends::Sends,
    services::Services,
    state_machine::{Context, GivenUp, Input, Machine, step},
    usage::Usage,
};
use crate::{
    model::{
        Desired, KeptScreenshot, Qr, SessionHealth, SessionRecord, SessionState, SessionView, SleepView, WakeCause,
        session::PageView,
    },
    page::{Arrival, LaunchError, Launched, PageError, PageEvent, Snapshot, WhatsAppPage},
};

/// A page that may be asked; None while there is none.
pub(super) type PageWatch = watch::Receiver<Option<Arc<dyn WhatsAppPage>>>;

/// What the registry asks of an actor.
pub(super) enum Request {
    /// Step with an input and answer with the view, at once or when the browser has ended.
    Step { input: Input, when: AnswerWhen, answer: oneshot::Sender<SessionView> },
    /// Wake it, if it sleeps.
    Wake(WakeCause),
    /// End the task once no browser is held.
    End,
}

/// When a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerWhen {
    AtOnce,
    /// No browser, and no profile on its way to the archive.
    AtRest,
    /// The same, or running is wanted again by whoever asked later.
    Stopped,
    /// The login is lost, or nothing was linked.
    LoggedOut,
    /// It sleeps and its browser has ended; at once if it does not sleep.
    Slept,
}

/// What an actor's own tasks tell it.
enum Report {
    Waiting(Option<Wait>),
    Launched(Result<Launched, LaunchError>, Place),
    Abandoned,
    BrowserEnded,
    Archived(std::io::Result<()>),
    Answered { page: Arc<dyn WhatsAppPage>, asked: Asked, answer: Result<Snapshot, PageError>, took: Duration },
    Touched { page: Arc<dyn WhatsAppPage>, result: Result<(), PageError> },
    PresenceApplied,
    ReloadFailed { page: Arc<dyn WhatsAppPage>, error: PageError },
    Pictured(Vec<KeptScreenshot>),
}

/// The ends of an actor that others hold.
pub(super) struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) view: watch::Receiver<SessionView>,
    /// The page, whenever it can be asked.
    pub(super) page: PageWatch,
    /// The page, only while the session is ready: it may be told to send.
    pub(super) sendable: PageWatch,
    /// For the sender.
    pub(super) sends: Sends,
    /// When it was used, and by whom it is held.
    pub(super) usage: Arc<Usage>,
    /// WAHA's `config`, as the store has it.
    pub(super) config: RwLock<Arc<Value>>,
}

/// What the actor publishes through.
struct Outputs {
    view: watch::Sender<SessionView>,
    page: watch::Sender<Option<Arc<dyn WhatsAppPage>>>,
    sendable: watch::Sender<Option<Arc<dyn WhatsAppPage>>>,
    statuses: Vec<PastStatus>,
    meters: Meters,
    told: ToldAlerts,
    /// Since when it is being woken.
    waking_since: Option<Instant>,
    /// To whoever tells what comes in.
    arrivals: mpsc::Sender<Arrival>,
}

/// What was told as an alert and not resolved yet.
struct ToldAlerts {
    given_up: GivenUp,
    quarantined: bool,
}

/// The browser that the actor holds.
#[derive(Default)]
struct BrowserHeld {
    page: Option<Arc<dyn WhatsAppPage>>,
    events: Option<mpsc::Receiver<PageEvent>>,
    abandon: CancellationToken,
    /// Its bridge is in: before that a call only waits for the page to load.
    is_attached: bool,
    /// Among the starts, until its page is loaded.
    place: Option<Place>,
    /// Among the pages that were just linked, until it has synced.
    linking: Option<Place>,
    /// Among the pages that bring in their history.
    history: Option<Place>,
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
    gate: Arc<Gate>,
    memory: Arc<Memory>,
    usage: Arc<Usage>,
    /// For whom the next browser is launched.
    priority: Priority,
    machine: Machine,
    browser: BrowserHeld,
    qr: QrShown,
    outputs: Outputs,
    keeper: Keeper,
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
        (gate, memory): (Arc<Gate>, Arc<Memory>),
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
            page: PageView { web_version: record.web_version.clone(), ..PageView::default() },
            retry: None,
            health: SessionHealth::default(),
            sleep: SleepView { counts_as_working: memory.settings().hibernated_is_working, ..SleepView::default() },
        };
        let usage = Arc::new(Usage::new(services.clock.steady_ms(), &record.config));
        let kept = services.screenshots().list(&record.name);
        let (keeper, sends) = Keeper::new(&services.settings.keepalive, kept);
        // An earlier run has told of what it gave up.
        let told = ToldAlerts { given_up: machine.trouble.given_up, quarantined: false };
        let meters = Meters::new(&record.name, machine.state);
        let (view_sender, view) = watch::channel(first);
        let (page_sender, page) = watch::channel(None);
        let (sendable_sender, sendable) = watch::channel(None);
        let (request_sender, requests) = mpsc::channel(32);
        let actor = Self {
            services,
            gate,
            memory,
            usage: Arc::clone(&usage),
            priority: Priority::Background,
            machine,
            browser: BrowserHeld::default(),
            qr: QrShown::default(),
            outputs: Outputs {
                view: view_sender,
                page: page_sender,
                sendable: sendable_sender,
                statuses: Vec::new(),
                meters,
                told,
                waking_since: None,
                arrivals,
            },
            keeper,
            reports: mpsc::channel(16),
            inbox: Inbox { requests, waiting: Vec::new(), ending: false },
        };
        let config = RwLock::new(Arc::new(record.config.clone()));
        (actor, Handle { requests: request_sender, view, page, sendable, sends, usage, config })
    }

    /// Lives until it is told to end and holds no browser.
    #[tracing::instrument(level = "error", name = "session", skip_all, fields(session.id = %self.outputs.view.borrow().name))]
    pub(super) async fn run(mut self, tasks: TaskTracker) {
        self.step(Input::Resume, &tasks).await;
        self.publish().await;
        loop {
            let deadline = self.deadline();
            let keep_at = self.keeper.due(self.machine.state == SessionState::Ready);
            tokio::select! {
                request = self.inbox.requests.recv(), if !self.inbox.ending => match request {
                    Some(Request::Step { input, when, answer }) => {
                        self.inbox.waiting.push((when, answer));
                        self.priority = Priority::Operator;
                        self.step(input, &tasks).await;
                    }
                    Some(Request::Wake(cause)) => {
                        if cause != WakeCause::Message {
                            self.priority = Priority::Operator;
                        }
                        self.step(Input::Wake(cause), &tasks).await;
                    }
                    Some(Request::End) | None => self.inbox.ending = true,
                },
                Some(report) = self.reports.1.recv() => self.hear_report(report, &tasks).await,
                event = next_event(&mut self.browser.events) => match event {
                    Some(event) => self.hear_page(event, &tasks).await,
                    None => self.browser.events = None,
                },
                Some(sign) = self.keeper.signs.recv() => self.hear_sign(sign, &tasks).await,
                () = tokio::time::sleep_until(keep_at), if self.may_ask() => self.keep(&tasks).await,
                () = tokio::time::sleep_until(deadline) => {
                    // After a pause of ours an answer may lie here that came in time.
                    while let Ok(report) = self.reports.1.try_recv() {
                        self.hear_report(report, &tasks).await;
                    }
                    let input = if self.was_not_asked() { Input::NotAsked } else { Input::Tick };
                    self.step(input, &tasks).await;
                }
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
            let left_ms = deadline_ms.saturating_sub(self.services.clock.steady_ms());
            Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
        });
        Instant::now() + pause.min(FAR)
    }

    async fn step(&mut self, input: Input, tasks: &TaskTracker) {
        let settings = &self.services.settings;
        let context = Context {
            now_ms: self.services.clock.steady_ms(),
            jitter: rand::rng().random(),
            keepalive: &settings.keepalive,
            load_limit_s: settings.browser.load_timeout_s,
            wake_every_s: self.memory.settings().wake_every_s,
        };
        let (machine, effects) = step(self.machine.clone(), input, &context);
        let was_ready = self.machine.state == SessionState::Ready;
        self.machine = machine;
        for effect in effects {
            self.perform(effect, tasks);
        }
        self.note_readiness(was_ready, tasks);
        self.publish().await;
        self.keep_places();
        self.keep_account();
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
                AnswerWhen::Stopped => at_rest || self.machine.desired == Desired::Running,
                AnswerWhen::LoggedOut => logged_out,
                AnswerWhen::Slept => at_rest || self.machine.state != SessionState::Hibernated,
            };
            if due {
                // Whoever asked may have gone; then nobody needs the answer.
                let _ = answer.send(view.clone());
            } else {
                self.inbox.waiting.push((when, answer));
            }
        }
    }

    /// What being ready, or no longer, means for the keepalive.
    fn note_readiness(&mut self, was_ready: bool, tasks: &TaskTracker) {
        let is_ready = self.machine.state == SessionState::Ready;
        if is_ready && !was_ready {
            self.usage.touch(self.services.clock.steady_ms());
            self.plan_activity();
            self.apply_presence(true, tasks);
        }
        if was_ready && self.machine.state == SessionState::Reconnecting && self.machine.signals.lost.is_some() {
            self.keeper.quality.note_drop(self.services.clock.steady_ms());
        }
    }
}

async fn next_event(events: &mut Option<mpsc::Receiver<PageEvent>>) -> Option<PageEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}
