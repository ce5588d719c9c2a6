//! What the browser is answered instead of the network: the pinned page, and a proxy that asks who we are.
//!
//! It goes through the browser's own CDP session, so that every page and worker is covered and chromiumoxide, which answers what
//! pages' sessions say, does not answer before us. Websockets cannot be intercepted at all; but a proxy's answer is kept by Chromium
//! and given for them, too. Nothing is turned on for a browser that needs neither.

use std::{collections::HashSet, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chromiumoxide::{
    Browser,
    cdp::browser_protocol::{
        fetch::{
            AuthChallengeResponse, AuthChallengeResponseResponse, AuthChallengeSource, ContinueRequestParams,
            ContinueWithAuthParams, EnableParams, EventAuthRequired, EventRequestPaused, FulfillRequestParams,
            HeaderEntry, RequestPattern,
        },
        network::ResourceType,
    },
    error::CdpError,
    listeners::EventStream,
};
use futures::StreamExt;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::cdp::{GoneWatch, wait_gone};

/// The page's address; after a logout it comes with a query. `?` is a pattern's wild card. A challenge is told only for what is
/// intercepted: the page is the first that goes through a proxy.
const DOCUMENTS: [&str; 2] = ["https://web.whatsapp.com/", "https://web.whatsapp.com/\\?*"];
/// How many challenges are remembered.
const REMEMBERED: usize = 1_000;

/// What is answered.
#[derive(Clone, Default)]
pub(super) struct Answers {
    /// The pinned page, in base64.
    pub(super) page: Option<Arc<str>>,
    /// User and password for the proxy.
    pub(super) credentials: Option<(String, String)>,
}

/// The file that is served as the page, in base64; None without a path.
pub(super) fn read_page(path: &str) -> std::io::Result<Option<Arc<str>>> {
    if path.is_empty() { Ok(None) } else { Ok(Some(BASE64.encode(std::fs::read(path)?).into())) }
}

/// What the browser asks.
pub(super) struct Questions {
    answers: Answers,
    paused: EventStream<EventRequestPaused>,
    challenges: EventStream<EventAuthRequired>,
}

impl Questions {
    /// From now on the browser asks; None if there is nothing to answer.
    pub(super) async fn listen(browser: &Browser, answers: Answers) -> Result<Option<Self>, CdpError> {
        if answers.page.is_none() && answers.credentials.is_none() {
            return Ok(None);
        }
        let paused = browser.event_listener().await?;
        let challenges = browser.event_listener().await?;
        let document = |url: &str| RequestPattern {
            url_pattern: Some(url.to_owned()),
            resource_type: Some(ResourceType::Document),
            request_stage: None,
        };
        let enable = EnableParams {
            patterns: Some(DOCUMENTS.iter().map(|url| document(url)).collect()),
            handle_auth_requests: Some(answers.credentials.is_some()),
        };
        browser.execute(enable).await?;
        Ok(Some(Self { answers, paused, challenges }))
    }

    /// Answers until the browser is gone; cancels `refusal` when the proxy does not take what it is told.
    pub(super) async fn answer(
        mut self,
        browser: Arc<Mutex<Browser>>,
        mut gone: GoneWatch,
        refusal: CancellationToken,
    ) {
        let mut answered = HashSet::new();
        loop {
            let result = tokio::select! {
                _ = wait_gone(&mut gone) => return,
                Some(paused) = self.paused.next() => self.serve(&*browser.lock().await, &paused).await,
                Some(challenge) = self.challenges.next() => {
                    let is_first = answered.insert(challenge.request_id.clone());
                    self.log_in(&*browser.lock().await, &challenge, is_first, &refusal).await
                }
                else => return,
            };
            // A request that its page gave up meanwhile needs no answer.
            if let Err(error) = result {
                tracing::debug!(%error, "the browser did not take an answer");
            }
            if answered.len() >= REMEMBERED {
                answered.clear();
            }
        }
    }

    async fn serve(&self, browser: &Browser, paused: &EventRequestPaused) -> Result<(), CdpError> {
        let Some(page) = &self.answers.page else {
            browser.execute(ContinueRequestParams::new(paused.request_id.clone())).await?;
            return Ok(());
        };
        let header = |name: &str, value: &str| HeaderEntry { name: name.to_owned(), value: value.to_owned() };
        let mut answer = FulfillRequestParams::new(paused.request_id.clone(), 200);
        answer.response_headers =
            Some(vec![header("Content-Type", "text/html; charset=utf-8"), header("Cache-Control", "no-store")]);
        answer.body = Some(page.to_string().into());
        browser.execute(answer).await?;
        Ok(())
    }

    /// Each request once: a proxy that asks again did not like the answer.
    async fn log_in(
        &self,
        browser: &Browser,
        challenge: &EventAuthRequired,
        is_first: bool,
        refusal: &CancellationToken,
    ) -> Result<(), CdpError> {
        let is_proxy = challenge.auth_challenge.source == Some(AuthChallengeSource::Proxy);
        let mut response = AuthChallengeResponse::new(AuthChallengeResponseResponse::CancelAuth);
        match &self.answers.credentials {
            Some((user, password)) if is_proxy && is_first => {
                response.response = AuthChallengeResponseResponse::ProvideCredentials;
                response.username = Some(user.clone());
                response.password = Some(password.clone());
            }
            _ if is_proxy => {
                tracing::warn!("the proxy refuses its user and password: check config.proxy of the session");
                refusal.cancel();
            }
            _ => response.response = AuthChallengeResponseResponse::Default,
        }
        browser.execute(ContinueWithAuthParams::new(challenge.request_id.clone(), response)).await?;
        Ok(())
    }
}
