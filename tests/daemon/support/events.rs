//! drover's event stream (`GET /api/events`, server-sent events), read in a thread.

use std::{
    io::{BufRead, BufReader},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use ureq::{Agent, http};

use super::Client;

/// An event as the stream gives it.
#[derive(Debug, Clone)]
pub struct Event {
    /// What `Last-Event-ID` resumes from.
    pub id: String,
    /// Its name, such as `message.ack`.
    pub name: String,
    /// The envelope.
    pub data: Value,
}

#[derive(Default)]
struct Received {
    events: Mutex<Vec<Event>>,
    changed: Condvar,
}

/// A stream that is being read. The reading thread ends with the connection, at the latest with the daemon.
pub struct Events {
    received: Arc<Received>,
}

impl Events {
    /// Opens the stream at a path, behind `last` if one is given. Returns when the daemon has begun to answer.
    #[track_caller]
    pub fn follow(client: &Client, path: &str, last: Option<&str>) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).build();
        let agent: Agent = config.into();
        let mut request = http::Request::builder().uri(format!("{}{path}", client.base()));
        if let Some(key) = client.key() {
            request = request.header("x-api-key", key);
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = agent.run(request.body(()).expect("the test's own request")).expect("the stream opens");
        assert_eq!(answer.status().as_u16(), 200, "the stream's status");
        let received = Arc::new(Received::default());
        let into = Arc::clone(&received);
        thread::spawn(move || read(BufReader::new(answer.into_body().into_reader()), &into));
        Self { received }
    }

    /// Waits for the first event, among all so far, that `wanted` takes.
    #[track_caller]
    pub fn wait_for(&self, what: &str, limit: Duration, wanted: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + limit;
        let mut events = self.received.events.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(event) = events.iter().find(|event| wanted(event)) {
                return event.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {limit:?} for this event, in vain: {what}; came: {events:#?}");
            events = self.received.changed.wait_timeout(events, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All so far.
    pub fn all(&self) -> Vec<Event> {
        self.received.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many of a kind came so far.
    pub fn count(&self, name: &str) -> usize {
        self.all().iter().filter(|event| event.name == name).count()
    }
}

/// Reads until the connection ends, by the format of the HTML standard ("Server-sent events").
fn read(stream: impl BufRead, into: &Received) {
    let (mut id, mut name, mut data) = (String::new(), String::new(), String::new());
    for line in stream.lines() {
        let Ok(line) = line else { return };
        if line.is_empty() {
            if let Ok(value) = serde_json::from_str(&data) {
                let event = Event { id: id.clone(), name: name.clone(), data: value };
                into.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
                into.changed.notify_all();
            }
            name.clear();
            data.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut id),
            "event" => value.clone_into(&mut name),
            "data" => data.push_str(value),
            _ => {}
        }
    }
}
