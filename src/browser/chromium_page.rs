//! A page of WhatsApp Web in a Chromium of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chromiumoxide::{
    Browser,
    cdp::{
        browser_protocol::{
            dom::SetFileInputFilesParams,
            input::{DispatchMouseEventParams, DispatchMouseEventType},
            page::{
                AddScriptToEvaluateOnNewDocumentParams, CaptureScreenshotFormat, ReloadParams,
                RemoveScriptToEvaluateOnNewDocumentParams, ScriptIdentifier,
            },
        },
        js_protocol::{
            heap_profiler::CollectGarbageParams,
            runtime::{EvaluateParams, ReleaseObjectParams},
        },
    },
};
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    bridge::to_keep,
    camera::Camera,
    cdp::Cdp,
    login_copy::{self, LoginCopy},
};
use crate::{
    clock::{Clock, SystemClock},
    model::{ChatId, MessageId, MessageKey, PhoneNumber, Reason},
    page::{
        FileToSend, Found, PageError, Prepared, Probe, Question, SendOutcome, SendRequest, Snapshot, WhatsAppPage,
        wire::{JobAnswer, NumberAnswer, SendAnswer},
    },
};

/// chromiumoxide gives up on a call after 30 s: a send that may take longer is asked about in slices.
const SLICE: Duration = Duration::from_secs(15);
/// How long WhatsApp's media servers may take for a file.
const UPLOAD_LIMIT: Duration = Duration::from_secs(300);
/// How often a page is drawn anew to let go of its last frames, and what lies between: what one drawing frees goes with the next (measured).
const DRAWINGS: u32 = 3;
const BETWEEN_DRAWINGS: Duration = Duration::from_secs(5);
/// How old a page is when Chromium has some more ready to be freed, which goes as soon as something happens in the page (measured: at 60.0 s
/// of its renderer's age nothing goes, at 60.2 s it does).
const FREES_WHEN_OLD: Duration = Duration::from_secs(61);

/// The bridge as it stands in the page.
#[derive(Debug)]
pub(super) struct InstalledBridge {
    /// Chromium's name of it among the scripts for new documents.
    pub(super) script: ScriptIdentifier,
    pub(super) source: Arc<str>,
}

/// See [`WhatsAppPage`].
pub(super) struct ChromiumPage {
    pub(super) cdp: Cdp,
    /// For `Browser.close`, and what the browser asks.
    pub(super) browser: Arc<Mutex<Browser>>,
    pub(super) bridge: Mutex<InstalledBridge>,
    pub(super) login_copy: Arc<LoginCopy>,
    pub(super) camera: Camera,
    pub(super) kill: CancellationToken,
    /// A page that nobody holds any more is killed.
    pub(super) _kill_on_drop: DropGuard,
    pub(super) is_closing: Arc<AtomicBool>,
    pub(super) ended: watch::Receiver<bool>,
    /// How long a call may take.
    pub(super) limit: Duration,
    /// When there was an empty page that WhatsApp Web is loaded into.
    pub(super) made_at: Instant,
}

impl ChromiumPage {
    async fn call<T: serde::de::DeserializeOwned>(&self, function: &str, argument: Value) -> Result<T, PageError> {
        self.cdp.call(function, &argument, self.limit).await
    }

    async fn wait_ended(&self) {
        // The sender lives in the warden, which sends before it ends.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    /// Tells the page once, then asks it for the outcome until `wait` is over. `argument` gets the times.
    async fn tell_and_wait(&self, function: &str, mut argument: Value, wait: Duration) -> SendOutcome {
        if let Some(error) = self.cdp.gone() {
            return not_told(&error);
        }
        let deadline = Instant::now() + wait;
        let key = argument["key"].clone();
        argument["notAfterMs"] = json!(SystemClock.now_ms().saturating_add(as_ms(self.limit)));
        argument["waitMs"] = json!(as_ms(wait.min(SLICE)));
        let mut answer = self.cdp.call::<SendAnswer>(function, &argument, wait.min(SLICE) + self.limit).await;
        loop {
            match answer.map(SendAnswer::outcome) {
                Ok(Some(outcome)) => return outcome,
                Ok(None) => {}
                Err(error) => return after_error(&error),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return SendOutcome::Unknown(Reason::new("no_ack", format!("no acknowledgement within {wait:?}")));
            }
            let slice = left.min(SLICE);
            let question = json!({ "key": key, "waitMs": as_ms(slice) });
            answer = self.cdp.call("outcome", &question, slice + self.limit).await;
        }
    }

    /// Puts a file into an input of the bridge's, by its path: its bytes never pass through drover.
    async fn put_file(&self, key: &MessageKey, file: &FileToSend) -> Result<(), PageError> {
        let input = EvaluateParams::new(format!("window.__drover.fileInput({})", json!(key)));
        let answer = self.cdp.execute(input, self.limit).await?;
        let Some(object) = answer.result.object_id else { return Err(PageError::NotLoaded) };
        let path = file.path.display().to_string();
        let files =
            SetFileInputFilesParams { object_id: Some(object.clone()), ..SetFileInputFilesParams::new(vec![path]) };
        self.cdp.execute(files, self.limit).await?;
        self.cdp.execute(ReleaseObjectParams::new(object), self.limit).await.map(drop)
    }

    /// Makes `source` the script of new documents, then that of this one.
    async fn install(&self, bridge: &mut InstalledBridge, source: &str) -> Result<(), PageError> {
        let new = AddScriptToEvaluateOnNewDocumentParams::new(source);
        let script = self.cdp.execute(new, self.limit).await?.identifier;
        let old = std::mem::replace(bridge, InstalledBridge { script, source: to_keep(source) });
        self.cdp.execute(RemoveScriptToEvaluateOnNewDocumentParams::new(old.script), self.limit).await?;
        // A script that sets nothing up leaves the old bridge there, which must not answer for it.
        self.cdp.evaluate(MARK_OLD_BRIDGE.to_owned(), self.limit).await?;
        self.cdp.evaluate(source.to_owned(), self.limit).await?;
        let is_old = self.cdp.evaluate(IS_OLD_BRIDGE.to_owned(), self.limit).await?;
        if is_old == Value::Bool(true) { Err(PageError::NotLoaded) } else { Ok(()) }
    }
}

/// Keeps what the page says until a bridge is judged. Taken, all of it is told; refused, the bridge is ended, and all is told but what it
/// found.
const HOLD_NOTICES: &str = "(() => {
  const tell = window.__droverNotice;
  const held = [];
  window.__droverNotice = (text) => void held.push(text);
  window.__droverTrial = (isTaken) => {
    window.__droverNotice = tell;
    delete window.__droverTrial;
    if (!isTaken) try { window.__drover.detach(); } catch {}
    for (const text of held) if (isTaken || JSON.parse(text).type !== 'attached') tell(text);
  };
})()";
const MARK_OLD_BRIDGE: &str = "if (window.__drover) window.__drover.isOld = true";
const IS_OLD_BRIDGE: &str = "window.__drover?.isOld === true";

#[async_trait]
impl WhatsAppPage for ChromiumPage {
    async fn snapshot(&self) -> Result<Snapshot, PageError> {
        self.call("snapshot", Value::Null).await
    }

    async fn refresh_qr(&self) -> Result<(), PageError> {
        self.call("refreshQr", Value::Null).await
    }

    async fn request_pairing_code(&self, phone: &PhoneNumber) -> Result<String, PageError> {
        self.call("pairingCode", json!({ "phone": phone })).await
    }

    async fn prepare(&self, chat: &ChatId, id: &MessageId, known_as: Option<&ChatId>) -> Result<Prepared, PageError> {
        self.call("prepare", json!({ "chat": chat, "id": id, "knownAs": known_as })).await
    }

    async fn look_up(&self, keys: &[MessageKey]) -> Result<Option<Found>, PageError> {
        self.call("lookUp", json!({ "keys": keys })).await
    }

    async fn send(&self, request: &SendRequest) -> SendOutcome {
        if !is_key_of(&request.chat, &request.key) {
            let message = format!("the key {} is not of the chat {}", request.key, request.chat);
            return SendOutcome::Failed(Reason::new("key_of_another_chat", message));
        }
        let argument = json!({ "key": request.key, "content": request.content, "isRepeat": request.is_repeat });
        self.tell_and_wait("send", argument, request.wait).await
    }

    async fn resend(&self, key: &MessageKey, wait: Duration) -> SendOutcome {
        self.tell_and_wait("resend", json!({ "key": key }), wait).await
    }

    async fn check_number(&self, phone: &PhoneNumber) -> Result<Option<ChatId>, PageError> {
        let answer: NumberAnswer = self.call("checkNumber", json!({ "phone": phone })).await?;
        Ok(answer.chat)
    }

    async fn ask(&self, question: &Question) -> Result<Value, PageError> {
        let mut call = json!(question);
        let argument = call["argument"].take();
        self.call(call["function"].as_str().unwrap_or_default(), argument).await
    }

    async fn upload(&self, key: &MessageKey, file: &FileToSend) -> Result<(), PageError> {
        self.put_file(key, file).await?;
        let deadline = Instant::now() + UPLOAD_LIMIT;
        let mut question = json!({
            "key": key,
            "media": file.media,
            "mimetype": file.mimetype,
            "filename": file.filename,
            "waitMs": as_ms(SLICE),
        });
        let mut function = "upload";
        while Instant::now() < deadline {
            let JobAnswer { is_done } = self.cdp.call(function, &question, SLICE + self.limit).await?;
            if is_done {
                return Ok(());
            }
            (function, question) = ("uploadEnd", json!({ "key": key, "waitMs": as_ms(SLICE) }));
        }
        Err(PageError::Timeout(UPLOAD_LIMIT))
    }

    async fn keep_login(&self) -> Result<(), PageError> {
        let entries = self.cdp.evaluate(login_copy::ENTRIES.to_owned(), self.limit).await?;
        let entries = entries.as_str().unwrap_or_default().to_owned();
        let kept = self.login_copy.keep(entries).await;
        kept.map_err(|error| PageError::Refused(format!("the copy of the login cannot be written: {error}")))
    }

    async fn log_out(&self) -> Result<(), PageError> {
        self.call("logOut", Value::Null).await
    }

    async fn reload(&self) -> Result<(), PageError> {
        self.cdp.execute(ReloadParams::default(), self.limit).await.map(|_| ())
    }

    async fn touch(&self) -> Result<(), PageError> {
        // The corner has nothing that a pointer could open.
        let moved = DispatchMouseEventParams::new(DispatchMouseEventType::MouseMoved, 1.0, 1.0);
        self.cdp.execute(moved, self.limit).await.map(|_| ())
    }

    async fn set_available(&self, available: bool) -> Result<(), PageError> {
        self.call("setAvailable", json!({ "available": available })).await
    }

    async fn let_go(&self) -> Result<(), PageError> {
        self.cdp.execute(CollectGarbageParams::default(), self.limit).await?;
        // A page that stands still keeps what its last frames were made of until it is drawn anew.
        for _ in 0..DRAWINGS {
            self.camera.draw(CaptureScreenshotFormat::Jpeg).await?;
            if timeout(BETWEEN_DRAWINGS, self.wait_ended()).await.is_ok() {
                return Ok(());
            }
        }
        if timeout_at(self.made_at + FREES_WHEN_OLD, self.wait_ended()).await.is_ok() {
            return Ok(());
        }
        self.touch().await
    }

    async fn screenshot(&self) -> Result<Vec<u8>, PageError> {
        let data = self.camera.draw(CaptureScreenshotFormat::Png).await?;
        BASE64
            .decode(data)
            .map_err(|error| PageError::Refused(format!("Chromium's screenshot cannot be read: {error}")))
    }

    async fn replace_bridge(&self, source: &str) -> Result<Probe, PageError> {
        let mut bridge = self.bridge.lock().await;
        let replaced = bridge.source.clone();
        let before: Result<Probe, PageError> = self.call("probe", Value::Null).await;
        // What a bridge that is refused says of itself is told to nobody.
        self.cdp.evaluate(HOLD_NOTICES.to_owned(), self.limit).await?;
        let after: Result<Probe, PageError> = match self.install(&mut bridge, source).await {
            Ok(()) => self.call("probe", Value::Null).await,
            Err(error) => Err(error),
        };
        let judged = judge_bridge(before.as_ref(), after);
        let told = self.cdp.evaluate(format!("window.__droverTrial?.({})", judged.is_ok()), self.limit).await;
        if judged.is_err() && self.cdp.gone().is_none() {
            self.install(&mut bridge, &replaced).await?;
        }
        let probe = judged?;
        told?;
        Ok(probe)
    }

    async fn close(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        self.is_closing.store(true, Ordering::Release);
        if self.cdp.gone().is_none() {
            self.cdp.free_if_hung().await;
            // Its answer may get lost when the browser is quick; its exit counts.
            let _ = timeout_at(deadline, async { self.browser.lock().await.close().await }).await;
        }
        if timeout_at(deadline, self.wait_ended()).await.is_err() {
            tracing::warn!(?grace, "the browser did not close in time: it is killed");
            self.kill().await;
        }
    }

    async fn kill(&self) {
        self.kill.cancel();
        self.wait_ended().await;
    }
}

/// What a bridge's probe is worth beside that of the one before: it must run, and must not lose what the old one had.
fn judge_bridge(before: Result<&Probe, &PageError>, after: Result<Probe, PageError>) -> Result<Probe, PageError> {
    match (before, after) {
        (Ok(before), Ok(after)) => {
            let lost: Vec<&str> =
                after.missing.iter().filter(|part| !before.missing.contains(part)).map(String::as_str).collect();
            if lost.is_empty() {
                return Ok(after);
            }
            Err(PageError::UnfitBridge(format!("lacks {}, which the one before has", lost.join(", "))))
        }
        (_, Err(PageError::Refused(why))) => Err(PageError::UnfitBridge(format!("does not run: {why}"))),
        (Ok(_), Err(PageError::NotLoaded)) => Err(PageError::UnfitBridge("sets nothing up".to_owned())),
        (_, after) => after,
    }
}

/// Whether the key can be one of the chat: of the same id; or, for a number, of the LID or of the other spelling by which
/// WhatsApp has that number.
fn is_key_of(chat: &ChatId, key: &MessageKey) -> bool {
    let remote = key.remote();
    let is_person = |id: &str| id.ends_with("@c.us") || id.ends_with("@lid");
    remote == chat.as_str() || chat.as_str().ends_with("@c.us") && is_person(remote)
}

/// The page was not even asked.
fn not_told(error: &PageError) -> SendOutcome {
    SendOutcome::Failed(Reason::new("page_gone", error.to_string()))
}

/// The page was asked and did not answer properly. Certainly not sent only where it cannot have begun.
fn after_error(error: &PageError) -> SendOutcome {
    let (code, is_certain) = match error {
        PageError::Gone(_) => ("page_gone", false),
        PageError::Timeout(_) => ("page_timeout", false),
        PageError::Navigated => ("page_navigated", false),
        PageError::Refused(_) => ("page_refused", false),
        PageError::NotLoaded => ("not_loaded", true),
        PageError::InvalidMedia(_) => ("invalid_media", true),
        PageError::MissingCapability(_) => ("missing_capability", true),
        PageError::UnfitBridge(_) => ("unfit_bridge", false),
    };
    let reason = Reason::new(code, error.to_string());
    if is_certain { SendOutcome::Failed(reason) } else { SendOutcome::Unknown(reason) }
}

fn as_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_chat_is_told_apart() {
        for (chat, remote, is_of_it) in [
            ("15550001111@c.us", "15550001111@c.us", true),
            ("15550001111@c.us", "90001@lid", true),
            ("5511912345678@c.us", "551112345678@c.us", true),
            ("15550001111@c.us", "120363000000000000@g.us", false),
            ("120363000000000000@g.us", "120363000000000000@g.us", true),
            ("120363000000000000@g.us", "120363000000000001@g.us", false),
            ("90001@lid", "90002@lid", false),
        ] {
            let key = format!("true_{remote}_3EB0AA").parse().expect("a key");
            assert_eq!(is_key_of(&chat.parse().expect("a chat"), &key), is_of_it, "{chat} {remote}");
        }
    }

    #[test]
    fn only_what_cannot_have_begun_is_certainly_not_sent() {
        let missing = PageError::MissingCapability("send".to_owned());
        assert!(matches!(after_error(&missing), SendOutcome::Failed(_)));
        assert!(matches!(after_error(&PageError::NotLoaded), SendOutcome::Failed(_)));
        for error in [
            PageError::Gone(String::new()),
            PageError::Timeout(Duration::ZERO),
            PageError::Navigated,
            PageError::Refused(String::new()),
        ] {
            assert!(matches!(after_error(&error), SendOutcome::Unknown(_)), "{error}");
        }
    }
}
