//! The inlet: what backends write straight to Redis is taken over as if it had come by HTTP.
//!
//! Invariants: an entry is taken out of the stream only after its row is committed, or its rejection is written; the entries
//! of a chat are taken over in their order; an entry that is read twice is one message, since without a mark of the
//! caller's own its id in the stream is the idempotency key.

use std::{collections::HashMap, time::Duration};

use futures::future::join_all;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    AcceptError, AcceptRequest, Outbox,
    send_fields::{self, NotBuilt},
};
use crate::{
    model::{ChatId, Content, without_value},
    queue::{self, InletEntry, QueueError, Rejection},
};

/// Entries that are taken over together: enough to share commits.
const AT_A_TIME: usize = 128;
/// Whoever read an entry and has not finished it for so long is dead.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);
/// Between two looks for those.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// By whom such a message is accepted, in the place of an API key's id.
const ACCEPTED_BY: &str = "inlet";

/// Takes over what is written to the stream.
#[derive(Debug)]
pub struct Inlet {
    outbox: Outbox,
    entries: queue::Inlet,
}

/// What becomes of an entry.
enum Verdict {
    TakenOver,
    Rejected(Rejection),
    /// The database failed: again later, and nothing of its chat before it.
    Later,
}

/// An entry that can be asked for.
struct Asked {
    entry: InletEntry,
    request: AcceptRequest,
}

impl Inlet {
    /// Reads the stream as `consumer`: a name that this node has after a restart too, and no other node ever.
    #[must_use]
    pub fn new(outbox: Outbox, consumer: String) -> Self {
        let entries = outbox.queue.inlet(consumer);
        Self { outbox, entries }
    }

    /// Runs until `stop` is cancelled; what was read by then is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut has_failed = false;
        // What an earlier run read and did not finish comes before anything new.
        let mut has_unfinished = true;
        let mut looked_at: Option<Instant> = None;
        while !stop.is_cancelled() {
            let is_time_to_look = !has_unfinished && looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
            let read = async {
                if has_unfinished {
                    self.entries.unfinished(AT_A_TIME).await
                } else if is_time_to_look {
                    self.entries.abandoned(ABANDONED_AFTER, AT_A_TIME).await
                } else {
                    self.entries.next(AT_A_TIME).await
                }
            };
            let Some(read) = stop.run_until_cancelled(read).await else { return };
            let worked = match read {
                Ok(entries) => {
                    match (has_unfinished, is_time_to_look) {
                        (true, _) => has_unfinished = !entries.is_empty(),
                        // As many as asked for: there may be more.
                        (_, true) if entries.len() < AT_A_TIME => looked_at = Some(Instant::now()),
                        _ => {}
                    }
                    self.work_off(entries).await
                }
                Err(error) => Err(error),
            };
            match worked {
                Ok(true) => has_failed = false,
                Ok(false) => {
                    has_unfinished = true;
                    pause(&stop).await;
                }
                Err(error) => {
                    // That Redis is gone its link reports.
                    if !error.is_redis_gone() && !std::mem::replace(&mut has_failed, true) {
                        tracing::warn!(%error, "the inlet cannot be read; trying again");
                    }
                    has_unfinished = true;
                    pause(&stop).await;
                }
            }
        }
    }

    /// Whether all of them were finished.
    async fn work_off(&mut self, entries: Vec<InletEntry>) -> Result<bool, QueueError> {
        let mut by_chat: HashMap<(String, ChatId), Vec<Asked>> = HashMap::new();
        for entry in entries {
            match read(&entry) {
                Ok((chat, request)) => {
                    let place = (request.session.to_string(), chat);
                    by_chat.entry(place).or_default().push(Asked { entry, request });
                }
                Err(rejection) => self.finish(&entry, Verdict::Rejected(rejection)).await?,
            }
        }
        let outbox = &self.outbox;
        let judged = join_all(by_chat.into_values().map(|asked| take_over(outbox, asked))).await;
        let mut is_finished = true;
        for (entry, verdict) in judged.into_iter().flatten() {
            is_finished &= !matches!(verdict, Verdict::Later);
            self.finish(&entry, verdict).await?;
        }
        Ok(is_finished)
    }

    async fn finish(&mut self, entry: &InletEntry, verdict: Verdict) -> Result<(), QueueError> {
        let outcome = match verdict {
            Verdict::Later => return Ok(()),
            Verdict::TakenOver => {
                self.entries.done(&entry.id).await?;
                "accepted"
            }
            Verdict::Rejected(rejection) => {
                tracing::warn!(entry = entry.id, code = rejection.code, "an entry of the inlet was rejected");
                self.entries.reject(entry, &rejection).await?;
                "rejected"
            }
        };
        metrics::counter!("drover_inlet_entries_total", "outcome" => outcome).increment(1);
        Ok(())
    }
}

async fn pause(stop: &CancellationToken) {
    let _stopped = stop.run_until_cancelled(sleep(PAUSE)).await;
}

/// The entries of one chat, one after another.
async fn take_over(outbox: &Outbox, chat: Vec<Asked>) -> Vec<(InletEntry, Verdict)> {
    let mut judged = Vec::with_capacity(chat.len());
    for Asked { entry, request } in chat {
        let verdict = match outbox.accept_unlimited(request, ACCEPTED_BY).await {
            Ok(_) => Verdict::TakenOver,
            Err(AcceptError::Store(error)) => {
                tracing::warn!(entry = entry.id, %error, "an entry of the inlet waits for the database");
                judged.push((entry, Verdict::Later));
                return judged;
            }
            Err(error) => Verdict::Rejected(Rejection { code: error.code(), reason: error.to_string() }),
        };
        judged.push((entry, verdict));
    }
    judged
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    text: String,
    idempotency_key: Option<String>,
}

/// What an entry asks for, in the API's words.
fn read(entry: &InletEntry) -> Result<(ChatId, AcceptRequest), Rejection> {
    let invalid = |reason: String| Rejection { code: "invalid_request", reason };
    let text = entry.payload.as_deref().ok_or_else(|| invalid("the field payload is missing, or not UTF-8".into()))?;
    let not_built: NotBuilt = parse(text)?;
    if let Some(what) = not_built.asked_for() {
        return Err(Rejection {
            code: "not_built",
            reason: format!("by Redis this cannot be had yet: {what}, or use HTTP"),
        });
    }
    let Payload { text: body, idempotency_key } = parse(text)?;
    let mut request =
        send_fields::request(parse(text)?, (parse(text)?, parse(text)?), idempotency_key, Content::text(body));
    let chat = request.chat.parse::<ChatId>().map_err(|error| invalid(format!("chatId: {}", error.0)))?;
    let options = &mut request.options;
    if options.idempotency_key.is_none() && options.id.is_none() {
        options.idempotency_key = Some(mark_of(&entry.id, text));
    }
    Ok((chat, request))
}

/// Names an entry for good: a Redis that was emptied may give an id again, but not to the same text.
fn mark_of(id: &str, payload: &str) -> String {
    let digest = Sha256::digest(payload);
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("inlet:{id}:{digest}")
}

fn parse<'p, T: Deserialize<'p>>(payload: &'p str) -> Result<T, Rejection> {
    let mut json = serde_json::Deserializer::from_str(payload);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // A text that is no JSON has no place.
        let place = if path == "." || path == "?" { "payload" } else { &path };
        let said = error.inner().to_string();
        // Where in the text helps nobody who has the field's name.
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        Rejection { code: "invalid_request", reason: format!("{place}: {}", without_value(said)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(payload: &str) -> Result<(ChatId, AcceptRequest), Rejection> {
        read(&InletEntry { id: "1-0".to_owned(), payload: Some(payload.to_owned()) })
    }

    #[test]
    fn an_entry_without_a_mark_is_marked_by_its_place_in_the_stream() {
        let plain = r#"{"session":"main","chatId":"15551234567","text":"hi"}"#;
        let (chat, request) = reading(plain).expect("it is right");
        assert_eq!(chat.as_str(), "15551234567@c.us");
        let mark = request.options.idempotency_key.expect("a mark");
        assert!(mark.starts_with("inlet:1-0:") && mark.len() == 26, "{mark}");
        let marked = r#"{"session":"main","chatId":"15551234567","text":"hi","idempotencyKey":"k","priority":"low"}"#;
        assert_eq!(reading(marked).expect("it is right").1.options.idempotency_key.as_deref(), Some("k"));
        let named = r#"{"session":"main","chatId":"15551234567","text":"hi","id":"3EB0A1B2C3D4E5F6A7B8C9"}"#;
        assert_eq!(reading(named).expect("it is right").1.options.idempotency_key, None, "the id is the mark");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (payload, code, said) in [
            ("", "invalid_request", "payload: "),
            ("{bad", "invalid_request", "payload: key must be a string"),
            ("[]", "invalid_request", ""),
            ("{}", "invalid_request", "text"),
            (r#"{"session":"a b","chatId":"15551234567","text":"hi"}"#, "invalid_request", "session: "),
            (r#"{"session":"a","chatId":"anna","text":"hi"}"#, "invalid_request", "chatId: "),
            (r#"{"session":"a","chatId":"15551234567","text":5}"#, "invalid_request", "text: "),
            (r#"{"session":"a","chatId":"15551234567","text":"hi","sendAt":"soon"}"#, "invalid_request", "sendAt: "),
            (r#"{"session":"a","chatId":"15551234567","text":"hi","reply_to":"x"}"#, "not_built", "reply_to"),
        ] {
            let rejection = reading(payload).expect_err(payload);
            assert!(rejection.code == code && rejection.reason.contains(said), "{payload}: {rejection:?}");
        }
        let entry = InletEntry { id: "1-0".to_owned(), payload: None };
        assert!(read(&entry).expect_err("no payload").reason.contains("payload is missing"));
    }
}
