//! Calls to one page over CDP, each with a deadline, each failing at once when the browser is gone.
//!
//! chromiumoxide leaves calls pending for ever when the browser dies, and gives up on any call after 30 s by itself: whoever
//! waits longer asks in slices.

use std::time::Duration;

use chromiumoxide::{
    Page,
    cdp::js_protocol::runtime::{EvaluateParams, TerminateExecutionParams},
    error::CdpError,
    types::Command,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use super::bridge::call_expression;
use crate::{
    model::Reason,
    page::{PageError, wire::Answer},
};

/// How long a page that is not hung may take for nothing.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// What ended the page; None while it lives.
pub(super) type GoneWatch = watch::Receiver<Option<Reason>>;

/// Waits for the end of the page.
pub(super) async fn wait_gone(gone: &mut GoneWatch) -> Reason {
    let reason = gone.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
    reason.unwrap_or_else(|| Reason::new("browser_gone", "the browser's watcher ended"))
}

/// One page, to call.
#[derive(Debug, Clone)]
pub(super) struct Cdp {
    page: Page,
    gone: GoneWatch,
}

impl Cdp {
    pub(super) fn new(page: Page, gone: GoneWatch) -> Self {
        Self { page, gone }
    }

    /// The error that every call ends in, once the page is gone.
    pub(super) fn gone(&self) -> Option<PageError> {
        self.gone.borrow().as_ref().map(|reason| PageError::Gone(reason.message.clone()))
    }

    /// Runs one command.
    pub(super) async fn execute<C: Command>(&self, command: C, limit: Duration) -> Result<C::Response, PageError> {
        let mut gone = self.gone.clone();
        tokio::select! {
            biased;
            reason = wait_gone(&mut gone) => Err(PageError::Gone(reason.message)),
            answer = tokio::time::timeout(limit, self.page.execute(command)) => match answer {
                Ok(Ok(answer)) => Ok(answer.result),
                Ok(Err(error)) => Err(page_error(error, limit)),
                Err(_) => Err(PageError::Timeout(limit)),
            },
        }
    }

    /// The value of an expression, awaited if it is a promise.
    pub(super) async fn evaluate(&self, expression: String, limit: Duration) -> Result<Value, PageError> {
        let mut parameters = EvaluateParams::new(expression);
        parameters.await_promise = Some(true);
        parameters.return_by_value = Some(true);
        let answer = self.execute(parameters, limit).await?;
        match answer.exception_details {
            None => Ok(answer.result.value.unwrap_or_default()),
            Some(thrown) => Err(PageError::Refused(
                thrown.exception.and_then(|exception| exception.description).unwrap_or(thrown.text),
            )),
        }
    }

    /// Calls a function of the bridge.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        function: &str,
        argument: &Value,
        limit: Duration,
    ) -> Result<T, PageError> {
        let value = self.evaluate(call_expression(function, argument), limit).await?;
        let answer: Answer = serde_json::from_value(value)
            .map_err(|error| PageError::Refused(format!("the bridge's answer cannot be read: {error}")))?;
        answer.into_result()
    }

    /// Frees a page that hangs in a script, so that it can be closed in order.
    pub(super) async fn free_if_hung(&self) {
        if matches!(self.evaluate("1".to_owned(), PING_LIMIT).await, Err(PageError::Timeout(_))) {
            tracing::warn!("the page hangs: its script is ended");
            let _ = self.execute(TerminateExecutionParams::default(), PING_LIMIT).await;
        }
    }
}

/// Chromium answers a call whose page went away under it with one of these.
const NAVIGATED: [&str; 5] = [
    "Execution context was destroyed",
    "Inspected target navigated or closed",
    "Cannot find context with specified id",
    "Cannot find default execution context",
    "Promise was collected",
];

fn page_error(error: CdpError, limit: Duration) -> PageError {
    match error {
        CdpError::Timeout => PageError::Timeout(limit),
        CdpError::ChannelSendError(_) | CdpError::Ws(_) | CdpError::Io(_) => PageError::Gone(error.to_string()),
        CdpError::Chrome(error) if NAVIGATED.iter().any(|message| error.message.contains(message)) => {
            PageError::Navigated
        }
        error => PageError::Refused(error.to_string()),
    }
}
