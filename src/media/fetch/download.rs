//! One download: its tries, its pauses, and how one goes on where the last stood.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use metrics::counter;
use rand::RngExt;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, ACCEPT_ENCODING, IF_RANGE, RANGE},
};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use super::response::{self, Validator};
use crate::{
    config,
    media::{
        FetchError, Kind,
        scratch::{Scratch, Whole},
    },
    network::{Client, Refused},
};

/// The longest pause before a try, whatever the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the server said of the file.
#[derive(Debug, Default)]
pub(super) struct Served {
    pub(super) mime: Option<String>,
    pub(super) file_name: Option<String>,
}

/// A download under way.
pub(super) struct Download<'f> {
    client: &'f Client,
    settings: &'f Arc<config::Media>,
    url: Url,
    host: String,
    kind: Kind,
    scratch: Scratch,
    known: Known,
}

/// What the answers so far told.
#[derive(Debug, Default)]
struct Known {
    served: Served,
    /// By what the server knows this very version of the file; None: it cannot go on.
    validator: Option<Validator>,
    total_bytes: Option<u64>,
}

impl<'f> Download<'f> {
    pub(super) fn new(
        client: &'f Client,
        settings: &'f Arc<config::Media>,
        url: Url,
        host: String,
        kind: Kind,
        scratch: Scratch,
    ) -> Self {
        Self { client, settings, url, host, kind, scratch, known: Known::default() }
    }

    /// Tries until it is whole, wrong for good, tried too often without getting ahead, or out of time.
    pub(super) async fn run(mut self) -> Result<(Whole, Served), FetchError> {
        let deadline = Instant::now() + Duration::from_secs(self.settings.fetch_timeout_s);
        let mut failures = 0;
        loop {
            let before = self.scratch.bytes();
            let Ok(tried) = timeout_at(deadline, self.attempt()).await else {
                return Err(self.too_slow(format!("{} s were not enough", self.settings.fetch_timeout_s)));
            };
            let Err(error) = tried else { break };
            if !error.is_hosts_failure() {
                return Err(error);
            }
            // One that brought the file ahead, and can be gone on from, shows that trying helps.
            let is_ahead = self.known.validator.is_some() && self.scratch.bytes() > before;
            failures = if is_ahead { 1 } else { failures + 1 };
            let pause = self.pause(failures, &error);
            if failures > self.settings.retries || Instant::now() + pause >= deadline {
                return Err(error);
            }
            debug!(%error, failures, "a download is tried again");
            counter!("drover_media_fetch_retries_total", "cause" => error.code()).increment(1);
            tokio::time::sleep(pause).await;
        }
        let kind = self.kind;
        let whole = self.scratch.finish().await.map_err(|error| FetchError::of_write(error, kind))?;
        Ok((whole, self.known.served))
    }

    /// Doubled each time, at least half of it.
    fn pause(&self, failures: u32, error: &FetchError) -> Duration {
        let full_ms = self.settings.backoff_ms.saturating_mul(1 << failures.saturating_sub(1).min(16));
        let pause = Duration::from_millis(full_ms).mul_f64(rand::rng().random_range(0.5..=1.0));
        pause.max(error.retry_after().unwrap_or_default()).min(LONGEST_PAUSE)
    }

    async fn attempt(&mut self) -> Result<(), FetchError> {
        if self.known.validator.is_none() {
            self.begin_anew().await?;
        }
        let stood_at = self.scratch.bytes();
        let answer = self.ask(stood_at).await?;
        match answer.status() {
            StatusCode::OK => self.begin(&answer).await?,
            StatusCode::PARTIAL_CONTENT if stood_at > 0 => self.go_on(&answer, stood_at).await?,
            StatusCode::RANGE_NOT_SATISFIABLE if stood_at > 0 => {
                // Nothing is behind what we have: it was whole, and its length was told wrongly.
                if response::unsatisfied_total(answer.headers()) == Some(stood_at) {
                    return Ok(());
                }
                return Err(self.forget(stood_at).await?);
            }
            status => return Err(response::failure(status, answer.headers(), &self.host)),
        }
        self.take_body(answer).await
    }

    async fn ask(&self, stood_at: u64) -> Result<Response, FetchError> {
        let request = self.client.request(Method::GET, self.url.clone());
        let mut request = request.map_err(|refused| FetchError::of_refusal(&refused))?;
        // A compressed body has other lengths and ranges than the file.
        request = request.header(ACCEPT, "*/*").header(ACCEPT_ENCODING, "identity");
        if let Some(validator) = self.known.validator.as_ref().filter(|_| stood_at > 0) {
            request = request.header(RANGE, format!("bytes={stood_at}-")).header(IF_RANGE, validator.header());
        }
        match timeout(self.stall(), request.send()).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.of_request(&error)),
            Err(_) => Err(self.stalled()),
        }
    }

    /// The whole file comes: what was had of it is let go.
    async fn begin(&mut self, answer: &Response) -> Result<(), FetchError> {
        self.begin_anew().await?;
        let headers = answer.headers();
        if let Some(encoding) = response::encoding(headers) {
            let reason = format!("it comes as {encoding} only, which no file is");
            return Err(FetchError::Refused { host: self.host.clone(), reason });
        }
        let total_bytes = answer.content_length();
        self.known = Known {
            served: Served { mime: response::mime(headers), file_name: response::file_name(headers, answer.url()) },
            validator: Validator::of(headers),
            total_bytes,
        };
        self.check_size(total_bytes)
    }

    /// The rest of the file comes.
    async fn go_on(&mut self, answer: &Response, stood_at: u64) -> Result<(), FetchError> {
        let range = response::content_range(answer.headers());
        let is_rest = range.is_some_and(|(first, _)| first == stood_at);
        let is_same = Validator::of(answer.headers()).is_none_or(|validator| Some(validator) == self.known.validator);
        if !is_rest || !is_same {
            return Err(self.forget(stood_at).await?);
        }
        if let Some((_, Some(total))) = range {
            self.known.total_bytes = Some(total);
        }
        self.check_size(self.known.total_bytes)
    }

    async fn take_body(&mut self, mut answer: Response) -> Result<(), FetchError> {
        loop {
            match timeout(self.stall(), answer.chunk()).await {
                Ok(Ok(Some(part))) => {
                    let kind = self.kind;
                    self.scratch.append(&part).await.map_err(|error| FetchError::of_write(error, kind))?;
                }
                Ok(Ok(None)) => break,
                Ok(Err(_)) => return Err(self.aborted(self.scratch.bytes())),
                Err(_) => return Err(self.stalled()),
            }
        }
        match self.known.total_bytes {
            Some(total) if total != self.scratch.bytes() => Err(self.aborted(self.scratch.bytes())),
            _ => Ok(()),
        }
    }

    fn check_size(&self, total_bytes: Option<u64>) -> Result<(), FetchError> {
        let limit_bytes = self.kind.max_bytes(self.settings);
        match total_bytes {
            Some(total) if total > limit_bytes => Err(FetchError::TooLarge { kind: self.kind, limit_bytes }),
            _ => Ok(()),
        }
    }

    async fn begin_anew(&mut self) -> Result<(), FetchError> {
        if self.scratch.bytes() > 0 {
            self.scratch.restart().await?;
        }
        Ok(())
    }

    /// The file changed, or the server cannot tell its parts: the next try begins anew.
    async fn forget(&mut self, stood_at: u64) -> Result<FetchError, FetchError> {
        let error = self.aborted(stood_at);
        self.known = Known::default();
        self.begin_anew().await?;
        Ok(error)
    }

    fn of_request(&self, error: &reqwest::Error) -> FetchError {
        if let Some(refused) = Refused::in_error(error) {
            return FetchError::of_refusal(refused);
        }
        if error.is_builder() {
            return FetchError::InvalidAddress("no request can be made of it".to_owned());
        }
        if error.is_connect() {
            return FetchError::Unreachable { host: self.host.clone(), reason: root_of(error) };
        }
        if error.is_redirect() {
            return FetchError::Refused { host: self.host.clone(), reason: "it redirects to no URL".to_owned() };
        }
        self.aborted(self.scratch.bytes())
    }

    fn aborted(&self, received_bytes: u64) -> FetchError {
        FetchError::Aborted { host: self.host.clone(), received_bytes, total_bytes: self.known.total_bytes }
    }

    fn stalled(&self) -> FetchError {
        self.too_slow(format!("nothing came for {} s", self.settings.stall_timeout_s))
    }

    fn too_slow(&self, reason: String) -> FetchError {
        FetchError::Timeout { host: self.host.clone(), reason }
    }

    fn stall(&self) -> Duration {
        Duration::from_secs(self.settings.stall_timeout_s)
    }
}

/// The innermost cause: those around it repeat the URL.
fn root_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
