//! Starting a browser on a profile, up to the moment in which WhatsApp Web begins to load.
//!
//! Order: find, lock the profile, start, connect, put everything into an empty page (identity, binding, bridge), silence
//! what costs, navigate. Whatever fails, the processes are ended and the profile is released before the error is returned; and
//! a start that nobody waits for any more is given up, and cleaned up likewise.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use chromiumoxide::{
    Browser, Handler, Page,
    cdp::{
        browser_protocol::{
            emulation::SetLocaleOverrideParams,
            inspector, log, network,
            page::{
                AddScriptToEvaluateOnNewDocumentParams, EventJavascriptDialogOpening, HandleJavaScriptDialogParams,
            },
            performance, target,
        },
        js_protocol::runtime::{AddBindingParams, CompileScriptParams, EventBindingCalled},
    },
    error::CdpError,
    handler::HandlerConfig,
    listeners::EventStream,
};
use futures::StreamExt;
use tokio::{
    sync::{Mutex, OnceCell, mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use tracing::Instrument;

use super::{
    arguments::{CommandLine, ForbiddenArgument, check_extra},
    bridge::{self, BINDING, BridgeSource},
    camera::Camera,
    cdp::Cdp,
    chromium_page::{ChromiumPage, InstalledBridge},
    events,
    find::Search,
    intercept::{self, Answers, Questions},
    login_copy::{LoginCopy, Restoring},
    process::BrowserProcess,
    profile::LockedProfile,
    sandbox, space,
    user_agent::{UserAgent, UserAgents},
    view::View,
    warden::{CrashSigns, Signs, Warden},
};
use crate::{
    config,
    page::{LaunchError, LaunchRequest, Launched, PageLauncher, PageOptions, options::DeviceName},
};

/// What drover drives.
const WHATSAPP_WEB: &str = "https://web.whatsapp.com/";

/// The settings do not do.
#[derive(Debug, thiserror::Error)]
pub enum LauncherError {
    /// An argument that is not on the list.
    #[error(transparent)]
    Argument(#[from] ForbiddenArgument),
    /// The page that shall stand for WhatsApp's.
    #[error(
        "browser.web_version_html: {path} cannot be read ({source}): put the page there, or leave the setting empty"
    )]
    PinnedPage {
        /// Which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
}

/// Starts Chromiums.
#[derive(Debug, Clone)]
pub struct ChromiumLauncher {
    settings: config::Browser,
    search: Search,
    bridge: BridgeSource,
    /// The page that is served instead of WhatsApp's own, in base64.
    pinned: Option<Arc<str>>,
    agents: UserAgents,
    /// Found out at the first start.
    has_sandbox: Arc<OnceCell<bool>>,
    tasks: TaskTracker,
    starts: Starts,
}

impl ChromiumLauncher {
    /// From the settings.
    ///
    /// # Errors
    /// When `browser.args` has an argument that is not allowed, or the pinned page cannot be read.
    pub fn new(settings: config::Browser) -> Result<Self, LauncherError> {
        check_extra(&settings.args)?;
        let pinned = intercept::read_page(&settings.web_version_html)
            .map_err(|source| LauncherError::PinnedPage { path: settings.web_version_html.clone(), source })?;
        let search = Search::new(&settings.prefer, &settings.executable);
        let bridge = BridgeSource::new(&settings.bridge);
        Ok(Self {
            settings,
            search,
            bridge,
            pinned,
            agents: UserAgents::default(),
            has_sandbox: Arc::default(),
            tasks: TaskTracker::new(),
            starts: Starts::default(),
        })
    }

    /// Where it looks for Chromium.
    #[must_use]
    pub fn search(&self) -> &Search {
        &self.search
    }

    /// The bridge in use.
    #[must_use]
    pub fn good_bridge(&self) -> String {
        self.bridge.good()
    }

    /// Running pages took this bridge: it is the one in use.
    pub fn accept_bridge(&self, source: &str) {
        self.bridge.accept(source);
    }

    /// A running page refused this bridge: pages that start get the one in use instead.
    pub fn refuse_bridge(&self, source: &str) {
        self.bridge.refuse(source);
    }

    /// Waits until every browser that it started is gone and cleaned up. Ends none: whoever holds a page does.
    pub async fn wait_ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Runs beside the session that it belongs to, whose name its lines carry.
    fn beside<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tasks.spawn(work.in_current_span())
    }

    async fn start(self, mut request: LaunchRequest, given_up: CancellationToken) -> Result<Launched, LaunchError> {
        request.profile = std::path::absolute(&request.profile)
            .map_err(|source| LaunchError::Profile { profile: request.profile.clone(), source })?;
        let executable = self.search.find().map_err(|error| LaunchError::NoBrowser(error.to_string()))?;
        let agent = self.agents.of(&executable.path).await.map_err(failed)?;
        space::check(&request.profile)
            .map_err(|source| LaunchError::Profile { profile: request.profile.clone(), source })?;
        let profile = LockedProfile::lock(&request.profile).await?;
        let options = request.options.clone();
        let user_agent = agent.header(options.user_agent.as_deref());
        let command_line = CommandLine {
            executable: &executable,
            profile: &request.profile,
            user_agent: &user_agent,
            simulator: &self.settings.simulator,
            extra: &self.settings.args,
            has_sandbox: *self.has_sandbox.get_or_init(sandbox::is_available).await,
            options: &options,
        };
        let view = command_line.view();
        let mut process = BrowserProcess::spawn(&command_line, profile).map_err(failed)?;
        let limit = Duration::from_secs(self.settings.launch_timeout_s);
        let prepared = tokio::select! {
            opened = timeout(limit, self.open(&mut process, &agent, &request, view)) => {
                opened.unwrap_or_else(|_| Err(format!("it did not answer within {limit:?}")))
            }
            () = given_up.cancelled() => Err("nobody waits for it any more".to_owned()),
        };
        match prepared {
            Ok(opened) => Ok(self.hand_over(request, process, opened)),
            Err(error) => {
                let last_words = process.end_failed().await;
                Err(failed(format!("{error}{}; its last words: {last_words}", advice(&last_words))))
            }
        }
    }

    /// Connects and makes the empty page ready for WhatsApp Web.
    async fn open(
        &self,
        process: &mut BrowserProcess,
        agent: &UserAgent,
        request: &LaunchRequest,
        view: View,
    ) -> Result<Opened, String> {
        let options = &request.options;
        let login_copy = Arc::new(LoginCopy::of(&request.profile));
        let endpoint = process.endpoint().await?;
        let connection = Connection::open(&endpoint).await?;
        let page = connection.page().await?;
        let opened = async {
            let calls = page.event_listener().await?;
            identify(&page, agent, options).await?;
            page.execute(view.at_rest()).await?;
            let questions = Questions::listen(&connection.browser, self.answers(options)).await?;
            page.execute(AddBindingParams::new(BINDING)).await?;
            let restoring = login_copy.restore(&page, WHATSAPP_WEB).await?;
            let bridge = self.install_bridge(&page).await?;
            silence(&page).await?;
            let crashes = CrashSigns {
                of_page: page.event_listener::<inspector::EventTargetCrashed>().await?,
                of_browser: connection.browser.event_listener::<target::EventTargetCrashed>().await?,
                destroyed: connection.browser.event_listener::<target::EventTargetDestroyed>().await?,
                target: page.target_id().clone(),
            };
            let dialogs = page.event_listener().await?;
            Ok((calls, restoring, bridge, crashes, dialogs, questions))
        };
        let opened = opened.await;
        let (calls, restoring, bridge, crashes, dialogs, questions) =
            opened.map_err(|error: CdpError| error.to_string())?;
        let login = Login { copy: login_copy, restoring };
        Ok(Opened { connection, page, view, calls, login, bridge, crashes, dialogs, questions })
    }

    fn answers(&self, options: &PageOptions) -> Answers {
        let credentials = options.proxy.as_ref().and_then(|proxy| proxy.credentials.clone());
        Answers { page: self.pinned.clone(), credentials }
    }

    /// The first script that parses becomes the script of every new document.
    async fn install_bridge(&self, page: &Page) -> Result<InstalledBridge, CdpError> {
        let mut candidates = self.bridge.candidates();
        while candidates.len() > 1 {
            let compile = CompileScriptParams::new(candidates[0].clone(), "drover-bridge.js", false);
            let Some(problem) = page.execute(compile).await?.result.exception_details else { break };
            let problem = problem.exception.and_then(|exception| exception.description).unwrap_or(problem.text);
            tracing::error!(problem, "the bridge named in browser.bridge does not parse: using the built-in one");
            candidates.remove(0);
        }
        let source = candidates.swap_remove(0);
        let kept = bridge::to_keep(&source);
        let script = page.execute(AddScriptToEvaluateOnNewDocumentParams::new(source)).await?.result.identifier;
        Ok(InstalledBridge { script, source: kept })
    }

    /// From here on the browser belongs to its warden.
    fn hand_over(&self, request: LaunchRequest, process: BrowserProcess, opened: Opened) -> Launched {
        let Opened { connection, page, view, calls, login, bridge, crashes, dialogs, questions } = opened;
        let Connection { browser, driver } = connection;
        let browser = Arc::new(Mutex::new(browser));
        let (gone, is_gone) = watch::channel(None);
        let (ended, has_ended) = watch::channel(false);
        let (sender, receiver) = mpsc::channel(events::CAPACITY);
        let (kill, refusal) = (CancellationToken::new(), CancellationToken::new());
        let is_closing = Arc::new(AtomicBool::new(false));
        let process_group = process.id();
        self.beside(events::forward(request.session, calls, is_gone.clone(), sender));
        if let Some(questions) = questions {
            self.beside(questions.answer(Arc::clone(&browser), is_gone.clone(), refusal.clone()));
        }
        self.beside(dismiss_dialogs(page.clone(), dialogs));
        let login_copy = Arc::clone(&login.copy);
        let navigation = AbortOnDropHandle::new(self.beside(navigate(page.clone(), login)));
        let signs = Signs {
            crashes,
            connection: driver,
            navigation,
            refusal,
            kill: kill.clone(),
            is_closing: is_closing.clone(),
        };
        self.beside(Warden { process, signs, gone, ended }.run());
        let (cdp, limit) = (Cdp::new(page, is_gone), Duration::from_secs(self.settings.call_timeout_s));
        let page = ChromiumPage {
            camera: Camera::new(cdp.clone(), view, limit, self.tasks.clone()),
            cdp,
            browser,
            bridge: Mutex::new(bridge),
            login_copy,
            _kill_on_drop: kill.clone().drop_guard(),
            kill,
            is_closing,
            ended: has_ended,
            limit,
            made_at: Instant::now(),
        };
        Launched { page: Arc::new(page), events: receiver, process_group }
    }
}

#[async_trait]
impl PageLauncher for ChromiumLauncher {
    async fn launch(&self, request: LaunchRequest) -> Result<Launched, LaunchError> {
        let request_profile = request.profile.clone();
        let given_up = CancellationToken::new();
        let _give_up_on_drop = given_up.clone().drop_guard();
        let start = self.starts.of(&request.profile).track_future(self.clone().start(request, given_up));
        let outcome = self.beside(start).await;
        self.starts.forget_if_over(&request_profile);
        match outcome {
            Ok(launched) => launched,
            Err(error) => Err(failed(format!("the start ended unexpectedly: {error}"))),
        }
    }

    async fn wait_given_up(&self, profile: &Path) {
        let starts = self.starts.of(profile);
        starts.close();
        starts.wait().await;
        self.starts.forget(profile);
    }
}

/// The starts that are under way, by profile.
#[derive(Debug, Clone, Default)]
struct Starts(Arc<std::sync::Mutex<BTreeMap<PathBuf, TaskTracker>>>);

impl Starts {
    fn of(&self, profile: &Path) -> TaskTracker {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(profile.to_owned()).or_default().clone()
    }

    /// Nobody starts on it, and nobody waits for those who did.
    fn forget_if_over(&self, profile: &Path) {
        let mut starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if starts.get(profile).is_some_and(|starts| starts.is_empty() && !starts.is_closed()) {
            starts.remove(profile);
        }
    }

    fn forget(&self, profile: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(profile);
    }
}

/// What to do about the ends that are not Chromium's fault.
fn advice(last_words: &str) -> &'static str {
    if last_words.contains("No usable sandbox") {
        " (it has no sandbox here: allow user namespaces, or put --no-sandbox into browser.args)"
    } else if last_words.contains("error while loading shared libraries") {
        " (it lacks a library: install Chromium by the system's package manager)"
    } else {
        " (check the free memory, and the free space under the data folder)"
    }
}

fn failed(detail: impl Into<String>) -> LaunchError {
    LaunchError::Browser { detail: detail.into() }
}

/// A browser with an empty page in which everything is ready.
struct Opened {
    connection: Connection,
    page: Page,
    view: View,
    calls: EventStream<EventBindingCalled>,
    login: Login,
    bridge: InstalledBridge,
    crashes: CrashSigns,
    dialogs: EventStream<EventJavascriptDialogOpening>,
    questions: Option<Questions>,
}

/// The copy of the profile's login, and the script that puts it back if there was one.
struct Login {
    copy: Arc<LoginCopy>,
    restoring: Option<Restoring>,
}

/// A CDP connection and the task that drives it.
struct Connection {
    browser: Browser,
    driver: AbortOnDropHandle<()>,
}

impl Connection {
    async fn open(endpoint: &str) -> Result<Self, String> {
        // Certificates are checked as Chromium was told to.
        let config = HandlerConfig { ignore_https_errors: false, ..HandlerConfig::default() };
        let (browser, handler) = Browser::connect_with_config(endpoint, config)
            .await
            .map_err(|error| format!("no connection to {endpoint}: {error}"))?;
        Ok(Self { browser, driver: AbortOnDropHandle::new(tokio::spawn(drive(handler).in_current_span())) })
    }

    /// A page of ours alone. It comes before the one that Chromium opened is closed: a Chromium without a page ends.
    async fn page(&self) -> Result<Page, String> {
        let page = self.browser.new_page("about:blank").await.map_err(|error| format!("no page: {error}"))?;
        let others =
            self.browser.execute(target::GetTargetsParams::default()).await.map_err(|error| error.to_string())?;
        for other in &others.result.target_infos {
            if other.r#type == "page" && other.target_id != *page.target_id() {
                let _ = self.browser.execute(target::CloseTargetParams::new(other.target_id.clone())).await;
            }
        }
        Ok(page)
    }
}

/// Until the connection ends. An event that chromiumoxide does not know comes as an error and is none.
async fn drive(mut handler: Handler) {
    while let Some(step) = handler.next().await {
        match step {
            Err(error @ (CdpError::Ws(_) | CdpError::Io(_) | CdpError::UnexpectedWsMessage(_))) => {
                tracing::debug!(%error, "the connection to the browser ended");
                return;
            }
            Err(error) => tracing::debug!(%error, "an event that is not known"),
            Ok(()) => {}
        }
    }
}

/// chromiumoxide turns these on in every page; Network alone costs 6% of a core at 250 messages a second. Runtime has to stay
/// on: without it no binding is put into a new document.
async fn silence(page: &Page) -> Result<(), CdpError> {
    page.execute(network::DisableParams::default()).await?;
    page.execute(performance::DisableParams::default()).await?;
    page.execute(log::DisableParams::default()).await?;
    Ok(())
}

/// Says what the browser is, and in which language it wants to be spoken to.
async fn identify(page: &Page, agent: &UserAgent, options: &PageOptions) -> Result<(), CdpError> {
    let locale = options.locale.as_deref();
    page.execute(agent.page_override(options.user_agent.as_deref(), locale)).await?;
    if let Some(locale) = locale {
        page.execute(SetLocaleOverrideParams { locale: Some(locale.replace('-', "_")) }).await?;
    }
    if options.device != DeviceName::default() {
        let device = serde_json::json!({ "os": options.device.os, "name": options.device.browser });
        page.execute(AddScriptToEvaluateOnNewDocumentParams::new(format!("window.__droverDevice = {device};"))).await?;
    }
    Ok(())
}

/// Opens WhatsApp Web. A page that is slow is none that failed: the session has its own deadline for that.
async fn navigate(page: Page, login: Login) -> Result<(), String> {
    let gone_to = page.goto(WHATSAPP_WEB).await;
    if let Some(restoring) = login.restoring {
        restoring.end(&page).await;
        // A browser that did not get there ends, and leaves the copy.
        login.copy.remove_when_written();
    }
    match gone_to {
        // Aborted: the page itself has gone on to somewhere else already.
        Err(CdpError::ChromeMessage(error)) if error != "net::ERR_ABORTED" => Err(error),
        _ => Ok(()),
    }
}

/// A dialog (`beforeunload`, `alert`) stops the page until somebody answers.
async fn dismiss_dialogs(page: Page, mut dialogs: EventStream<EventJavascriptDialogOpening>) {
    while dialogs.next().await.is_some() {
        let _ = page.execute(HandleJavaScriptDialogParams::new(true)).await;
    }
}
