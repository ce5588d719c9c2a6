//! All sessions of this node, by name: the door through which everybody else reaches them.

mod adoption;
mod asking;
mod contact_cache;
mod sleeping;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use contact_cache::ContactCache;
pub use sleeping::HeldAsleep;

use super::{
    actor::{Actor, AnswerWhen, Handle, Request},
    error::{RefusedBridge, SessionError},
    gate::Gate,
    inbound::{self, Inbound},
    memory::{Keeper, Memory, MemoryView},
    sender::{self, Sender},
    services::Services,
    state_machine::Input,
};
use crate::{
    config::SessionLimits,
    model::{ChatId, DeadCode, Desired, PhoneNumber, Reason, SessionName, SessionRecord, SessionState, SessionView},
    page::{PageError, WhatsAppPage},
    store::StoreError,
};

/// How long a stop, logout or delete may take.
const REST_LIMIT: Duration = Duration::from_secs(15);

/// A session with what the operator gave for it.
#[derive(Debug, Clone)]
pub struct SessionDetails {
    /// As it shows itself.
    pub view: SessionView,
    /// WAHA's `config`.
    pub config: Value,
}

/// The sessions. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    services: Arc<Services>,
    gate: Arc<Gate>,
    memory: Arc<Memory>,
    handles: RwLock<BTreeMap<SessionName, Arc<Handle>>>,
    /// Held while sessions are made or removed, so that one name never has two actors.
    membership: Mutex<()>,
    actors: TaskTracker,
    /// Ends whoever looks after memory.
    stop_keeper: CancellationToken,
    contacts: ContactCache,
}

impl Registry {
    /// All sessions of the store; those that should run are started side by side.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn open(services: Services) -> Result<Self, StoreError> {
        let records = services.store.sessions().list().await?;
        let memory = services.memory();
        let gate = services.launch_gate(Arc::clone(&memory));
        let registry = Self {
            inner: Arc::new(Inner {
                services: Arc::new(services),
                gate,
                memory,
                handles: RwLock::default(),
                membership: Mutex::new(()),
                actors: TaskTracker::new(),
                stop_keeper: CancellationToken::new(),
                contacts: ContactCache::new(),
            }),
        };
        for record in &records {
            if let Some(me) = &record.me {
                let services = &registry.inner.services;
                let linked_at_ms = services.store.accounts().linked(&me.id, services.clock.now_ms()).await?;
                services.queue.set_linked_at(&record.name, Some(linked_at_ms));
            }
            registry.spawn(record);
        }
        let keeper = Keeper::new(registry.clone(), Arc::clone(&registry.inner.memory));
        registry.inner.actors.spawn(keeper.run(registry.inner.stop_keeper.clone()));
        Ok(registry)
    }

    fn spawn(&self, record: &SessionRecord) -> Arc<Handle> {
        let inner = &self.inner;
        inner.services.queue.set_session_limits(&record.name, SessionLimits::of_config(&record.config));
        let (arrivals, arrived) = mpsc::channel(inbound::WAITING);
        let shared = (Arc::clone(&inner.gate), Arc::clone(&inner.memory));
        let (actor, handle) = Actor::new(record, Arc::clone(&inner.services), shared, arrivals);
        let sender = Sender {
            session: record.name.clone(),
            services: Arc::clone(&inner.services),
            sendable: handle.sendable.clone(),
            view: handle.view.clone(),
            sends: handle.sends.clone(),
            usage: Arc::clone(&handle.usage),
            requests: handle.requests.clone(),
            refusals: sender::Refusals::default(),
        };
        let watches = (handle.sendable.clone(), handle.view.clone());
        let inbound = Inbound::new(record.name.clone(), Arc::clone(&inner.services), arrived, watches);
        inner.services.senders.spawn(sender.run());
        inner.actors.spawn(inbound.run());
        inner.actors.spawn(actor.run(inner.actors.clone()));
        let handle = Arc::new(handle);
        let mut handles = inner.handles.write().unwrap_or_else(PoisonError::into_inner);
        handles.insert(record.name.clone(), Arc::clone(&handle));
        handle
    }

    /// What the sessions are given.
    pub(super) fn services(&self) -> &Services {
        &self.inner.services
    }

    /// Where what belongs to no single session runs until the end.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.inner.actors
    }

    pub(super) fn handle(&self, name: &SessionName) -> Result<Arc<Handle>, SessionError> {
        let handles = self.inner.handles.read().unwrap_or_else(PoisonError::into_inner);
        handles.get(name).cloned().ok_or_else(|| SessionError::Unknown(name.clone()))
    }

    /// Makes a session, and starts it if wanted; else what needs its page first starts it.
    ///
    /// # Errors
    /// When the name is taken or the store fails.
    pub async fn create(&self, name: SessionName, config: Value, start: bool) -> Result<SessionView, SessionError> {
        let _membership = self.inner.membership.lock().await;
        if self.inner.services.senders.has_begun() {
            return Err(SessionError::Closing);
        }
        let record = SessionRecord {
            name: name.clone(),
            desired: if start { Desired::Running } else { Desired::Stopped },
            state: SessionState::Stopped,
            reason: (!start).then(Reason::not_started),
            me: None,
            config,
            web_version: None,
            created_at_ms: self.inner.services.clock.now_ms(),
        };
        if !self.inner.services.store.sessions().insert(&record).await? {
            return Err(SessionError::Exists(name));
        }
        info!(session.id = %name, "a session was made");
        let handle = self.spawn(&record);
        if start { self.ask(&handle, Input::Start, AnswerWhen::AtOnce).await } else { Ok(handle.view.borrow().clone()) }
    }

    /// How memory stands.
    #[must_use]
    pub fn memory(&self) -> MemoryView {
        self.inner.memory.view()
    }

    /// Every session as it shows itself, by name.
    #[must_use]
    pub fn views(&self) -> Vec<SessionView> {
        let handles = self.inner.handles.read().unwrap_or_else(PoisonError::into_inner);
        handles.values().map(|handle| handle.view.borrow().clone()).collect()
    }

    /// Shows every session with its `config` as they stand, by name, and copies nothing. `look` asks nothing of the registry.
    pub fn visit(&self, mut look: impl FnMut(&SessionView, &Arc<Value>)) {
        let handles = self.inner.handles.read().unwrap_or_else(PoisonError::into_inner);
        for handle in handles.values() {
            let config = handle.config.read().unwrap_or_else(PoisonError::into_inner);
            look(&handle.view.borrow(), &config);
        }
    }

    /// A session's `config`.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn config(&self, name: &SessionName) -> Result<Arc<Value>, SessionError> {
        Ok(Arc::clone(&self.handle(name)?.config.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inner.handles.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// One session as it shows itself.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn view(&self, name: &SessionName) -> Result<SessionView, SessionError> {
        Ok(self.handle(name)?.view.borrow().clone())
    }

    /// Follows a session's view.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn watch(&self, name: &SessionName) -> Result<watch::Receiver<SessionView>, SessionError> {
        Ok(self.handle(name)?.view.clone())
    }

    /// One session with its configuration.
    ///
    /// # Errors
    /// When there is none of that name, or the store fails.
    pub async fn details(&self, name: &SessionName) -> Result<SessionDetails, SessionError> {
        let view = self.view(name)?;
        let record = self.inner.services.store.sessions().get(name).await?;
        let record = record.ok_or_else(|| SessionError::Unknown(name.clone()))?;
        Ok(SessionDetails { view, config: record.config })
    }

    /// Replaces a session's configuration; its limits are in force with the next claim.
    ///
    /// # Errors
    /// When there is none of that name, or the store fails.
    pub async fn configure(&self, name: &SessionName, config: Value) -> Result<SessionDetails, SessionError> {
        let handle = self.handle(name)?;
        self.inner.services.store.sessions().set_config(name, &config).await?;
        handle.usage.configure(&config);
        self.inner.services.queue.set_session_limits(name, SessionLimits::of_config(&config));
        *handle.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.clone());
        Ok(SessionDetails { view: handle.view.borrow().clone(), config })
    }

    /// Starts a session; one that runs is left alone.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn start(&self, name: &SessionName) -> Result<SessionView, SessionError> {
        self.ask(&*self.handle(name)?, Input::Start, AnswerWhen::AtOnce).await
    }

    /// Stops a session and waits until its browser has ended; the login is kept.
    ///
    /// # Errors
    /// When there is none of that name, or it does not end in time.
    pub async fn stop(&self, name: &SessionName) -> Result<SessionView, SessionError> {
        self.ask(&*self.handle(name)?, Input::Stop, AnswerWhen::Stopped).await
    }

    /// Gives a session a new browser; the login is kept.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn restart(&self, name: &SessionName) -> Result<SessionView, SessionError> {
        self.ask(&*self.handle(name)?, Input::Restart, AnswerWhen::AtOnce).await
    }

    /// Unlinks the account and archives the login; if running is wanted, a new QR follows.
    ///
    /// # Errors
    /// When there is none of that name, or it does not end in time.
    pub async fn log_out(&self, name: &SessionName) -> Result<SessionView, SessionError> {
        let handle = self.handle(name)?;
        // Only a page can tell the phone.
        if handle.view.borrow().me.is_some() {
            self.rouse(&handle, |view| view.state == SessionState::Ready).await;
        }
        self.ask(&handle, Input::LogOut, AnswerWhen::LoggedOut).await
    }

    /// Removes a session for good: its browser, its login, its queue. What still waited becomes dead letters.
    ///
    /// # Errors
    /// When there is none of that name, it does not end in time, or something cannot be removed.
    pub async fn delete(&self, name: &SessionName) -> Result<(), SessionError> {
        let _membership = self.inner.membership.lock().await;
        let services = &self.inner.services;
        let handle = self.handle(name)?;
        // Suspended, so that no order that comes meanwhile starts it again.
        let rests = self.ask(&handle, Input::Suspend, AnswerWhen::AtRest).await;
        // An error means that the actor has ended already.
        let _ = handle.requests.send(Request::End).await;
        match rests {
            // A delete before this one ended it, and did not come to its own end.
            Ok(_) | Err(SessionError::Unknown(_)) => {}
            Err(error) => return Err(error),
        }
        services.store.sessions().delete(name).await?;
        services.store.inbound().forget(name).await?;
        self.inner.contacts.forget(name);
        self.inner.memory.forget(name);
        let detail = "its session was deleted before it could be sent";
        services.store.messages().bury_all(name, DeadCode::SessionDeleted, detail).await?;
        services.store.pauses().lift(Some(name)).await?;
        if let Err(failure) = services.queue.clear(name).await {
            warn!(session.id = %name, error = %failure, "the queue of a deleted session was not cleared");
        }
        let removed = services.logins().delete(name).await.and_then(|()| services.screenshots().delete(name));
        removed.map_err(|source| SessionError::Profile { name: name.clone(), source })?;
        self.inner.handles.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        info!(session.id = %name, "a session was deleted");
        Ok(())
    }

    /// A code to type on the phone instead of scanning.
    ///
    /// # Errors
    /// When the session does not show a QR, or the page refuses.
    pub async fn request_pairing_code(&self, name: &SessionName, phone: &PhoneNumber) -> Result<String, SessionError> {
        let page = self.page(name, |view| view.state == SessionState::AwaitingScan).await;
        let state = self.view(name)?.state;
        if state != SessionState::AwaitingScan {
            let needed = "start it and wait until it shows a QR (status SCAN_QR_CODE)";
            return Err(SessionError::WrongState { name: name.clone(), state, needed });
        }
        Ok(page?.request_pairing_code(phone).await?)
    }

    /// The visible page as PNG.
    ///
    /// # Errors
    /// When the session has no page, or the page does not answer.
    pub async fn screenshot(&self, name: &SessionName) -> Result<Vec<u8>, SessionError> {
        let is_there = |view: &SessionView| matches!(view.state, SessionState::Ready | SessionState::AwaitingScan);
        Ok(self.page(name, is_there).await?.screenshot().await?)
    }

    /// A picture that was kept of a failure, as PNG; None when there is none of that name.
    ///
    /// # Errors
    /// When there is no such session, or the picture cannot be read.
    pub async fn kept_screenshot(&self, name: &SessionName, file: &str) -> Result<Option<Vec<u8>>, SessionError> {
        self.handle(name)?;
        let (screenshots, session, file) = (self.inner.services.screenshots(), name.clone(), file.to_owned());
        let read = tokio::task::spawn_blocking(move || screenshots.read(&session, &file)).await;
        read.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(SessionError::Screenshot)
    }

    /// The chat of a number, None if it has no WhatsApp. WhatsApp is asked at most once a day.
    ///
    /// # Errors
    /// When the session is not ready, or the page does not answer.
    pub async fn check_number(&self, name: &SessionName, phone: &PhoneNumber) -> Result<Option<ChatId>, SessionError> {
        let page = self.ready_page(name, "numbers can be checked while it is WORKING").await?;
        let services = &self.inner.services;
        let chat = ChatId::of_phone(phone);
        if let Some(known) = services.known_number(&chat).await {
            return Ok(known.chat);
        }
        let found = page.check_number(phone).await?;
        services.note_number(&chat, found.clone()).await;
        Ok(found)
    }

    /// The page, of a session that sleeps once `is_there`.
    async fn page(
        &self,
        name: &SessionName,
        is_there: impl Fn(&SessionView) -> bool,
    ) -> Result<Arc<dyn WhatsAppPage>, SessionError> {
        let handle = self.handle(name)?;
        self.rouse(&handle, is_there).await;
        let state = handle.view.borrow().state;
        let page = handle.page.borrow().clone();
        page.ok_or(SessionError::WrongState { name: name.clone(), state, needed: "start it first" })
    }

    /// Puts a new bridge into every running page; how many there are. Ends at the first page that refuses it, which keeps what it
    /// has. A page that is gone, or whose answer does not come, says nothing about the bridge: it is passed over.
    ///
    /// # Errors
    /// Which page refused it, why, and how many had taken it.
    pub async fn replace_bridge(&self, source: &str) -> Result<usize, RefusedBridge> {
        let pages: Vec<_> = {
            let handles = self.inner.handles.read().unwrap_or_else(PoisonError::into_inner);
            handles.iter().filter_map(|(name, handle)| Some((name.clone(), handle.page.borrow().clone()?))).collect()
        };
        let mut taken_by = 0;
        for (session, page) in pages {
            match page.replace_bridge(source).await {
                Ok(probe) => {
                    taken_by += 1;
                    info!(session.id = %session, bridge = probe.bridge, missing = ?probe.missing, "the bridge was replaced");
                }
                Err(
                    failure
                    @ (PageError::Gone(_) | PageError::Timeout(_) | PageError::Navigated | PageError::NotLoaded),
                ) => {
                    warn!(session.id = %session, error = %failure, "the bridge was not replaced in a page that did not answer");
                }
                Err(source) => return Err(RefusedBridge { session, source, taken_by }),
            }
        }
        Ok(taken_by)
    }

    /// Lets the senders finish, then closes every browser. What is wanted of the sessions stays as it is.
    pub async fn close(&self, grace: Duration) {
        let _membership = self.inner.membership.lock().await;
        self.inner.stop_keeper.cancel();
        if !self.inner.services.senders.finish(grace).await {
            warn!("a message was still being sent when time ran out; it is looked up at the next start");
        }
        let handles: Vec<_> = {
            let handles = self.inner.handles.read().unwrap_or_else(PoisonError::into_inner);
            handles.values().cloned().collect()
        };
        for handle in &handles {
            let (answer, _) = oneshot::channel();
            let suspend = Request::Step { input: Input::Suspend, when: AnswerWhen::AtOnce, answer };
            // An error means that the actor has ended already.
            let _ = handle.requests.send(suspend).await;
            let _ = handle.requests.send(Request::End).await;
        }
        self.inner.actors.close();
        if tokio::time::timeout(REST_LIMIT, self.inner.actors.wait()).await.is_err() {
            warn!("a browser did not end in time; the next start ends it");
        }
    }

    pub(super) async fn ask(
        &self,
        handle: &Handle,
        input: Input,
        when: AnswerWhen,
    ) -> Result<SessionView, SessionError> {
        let name = handle.view.borrow().name.clone();
        let (answer, answered) = oneshot::channel();
        let request = Request::Step { input, when, answer };
        let sent: Result<(), mpsc::error::SendError<Request>> = handle.requests.send(request).await;
        // An actor ends with drover, or with its session.
        let ended = || match self.inner.services.senders.has_begun() {
            true => SessionError::Closing,
            false => SessionError::Unknown(name.clone()),
        };
        sent.map_err(|_| ended())?;
        match tokio::time::timeout(REST_LIMIT, answered).await {
            Ok(answered) => answered.map_err(|_| ended()),
            Err(_) => Err(SessionError::TooSlow(name)),
        }
    }
}
