//! Random orders, what came of each, and what they want of a session.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};

use super::SESSIONS;
use crate::support::{Drover, Reply, Simulator};

/// What an order wants a session to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    Running,
    Stopped,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Start,
    Stop,
    Restart,
    LogOut,
    Delete,
    Create,
    Scan,
    Send,
    Qr,
    Screenshot,
    Get,
    List,
    Pause,
    Resume,
    CheckNumber,
}

impl Order {
    /// Each as often as it stands here.
    const DECK: [Self; 29] = [
        Self::Start,
        Self::Start,
        Self::Start,
        Self::Start,
        Self::Stop,
        Self::Stop,
        Self::Stop,
        Self::Stop,
        Self::Restart,
        Self::Restart,
        Self::LogOut,
        Self::Delete,
        Self::Create,
        Self::Create,
        Self::Scan,
        Self::Scan,
        Self::Scan,
        Self::Scan,
        Self::Send,
        Self::Send,
        Self::Send,
        Self::Qr,
        Self::Qr,
        Self::Screenshot,
        Self::Get,
        Self::List,
        Self::Pause,
        Self::Resume,
        Self::CheckNumber,
    ];

    fn wants(self) -> Option<Wanted> {
        match self {
            Self::Start | Self::Restart | Self::Create => Some(Wanted::Running),
            Self::Stop => Some(Wanted::Stopped),
            Self::Delete => Some(Wanted::Gone),
            _ => None,
        }
    }

    /// Whether a page is asked, which may be gone before it answers.
    fn asks_the_page(self) -> bool {
        matches!(self, Self::Screenshot | Self::CheckNumber | Self::Qr)
    }
}

/// An order with its answer.
#[derive(Debug)]
pub(super) struct Done {
    order: Order,
    session: &'static str,
    /// Since the beginning of the test.
    begun: Duration,
    ended: Duration,
    /// None when nobody answered.
    status: Option<u16>,
    body: String,
}

impl Done {
    pub(super) fn took(&self) -> Duration {
        self.ended.saturating_sub(self.begun)
    }

    /// Answered, and not by an error of drover's own. A page that ends under a question to it is none.
    pub(super) fn is_well(&self) -> bool {
        match self.status {
            Some(503) => self.order.asks_the_page() && self.body.contains("\"page_"),
            Some(status) => status < 500,
            None => false,
        }
    }

    fn is_accepted(&self) -> bool {
        self.status.is_some_and(|status| status < 300)
    }
}

/// What the session may be at the end: what those orders want after whose answer no other was given.
pub(super) fn possible_ends(done: &[Done], session: &str) -> BTreeSet<Wanted> {
    let accepted: Vec<(&Done, Wanted)> = done
        .iter()
        .filter(|done| done.session == session && done.is_accepted())
        .filter_map(|done| Some((done, done.order.wants()?)))
        .collect();
    let last_begun = accepted.iter().map(|(done, _)| done.begun).max();
    // Nothing was ordered: it runs, as it was made.
    let Some(last_begun) = last_begun else { return BTreeSet::from([Wanted::Running]) };
    accepted.iter().filter(|(done, _)| done.ended >= last_begun).map(|(_, wanted)| *wanted).collect()
}

/// The number of the phone that scans for a session.
pub(super) fn number_of(session: &str) -> String {
    let place = SESSIONS.iter().position(|name| *name == session).expect("it is one of them");
    format!("1555000{}", 7200 + place)
}

/// How often each was ordered, how it was answered, and the longest that an answer took.
pub(super) fn print_table(done: &[Done]) {
    let mut kinds: BTreeMap<Order, (BTreeMap<u16, usize>, Duration)> = BTreeMap::new();
    for done in done {
        let (statuses, longest) = kinds.entry(done.order).or_default();
        *statuses.entry(done.status.unwrap_or_default()).or_default() += 1;
        *longest = done.took().max(*longest);
    }
    for (order, (statuses, longest)) in kinds {
        println!("{:<12} {:>6.2} s at most  {statuses:?}", format!("{order:?}"), longest.as_secs_f64());
    }
}

/// Somebody who gives orders.
pub(super) struct Client<'all> {
    drover: &'all Drover<'all>,
    simulator: &'all Simulator,
    rng: StdRng,
    began: Instant,
    texts: u32,
    mark: u32,
}

impl<'all> Client<'all> {
    pub(super) fn new(drover: &'all Drover<'all>, simulator: &'all Simulator, mut rng: StdRng, began: Instant) -> Self {
        let mark = rng.random();
        Self { drover, simulator, rng, began, texts: 0, mark }
    }

    /// Gives so many orders, one after another.
    pub(super) fn give(mut self, count: usize) -> Vec<Done> {
        let mut done = Vec::with_capacity(count);
        while done.len() < count {
            let order = Order::DECK[self.rng.random_range(0..Order::DECK.len())];
            let session = SESSIONS[self.rng.random_range(0..SESSIONS.len())];
            // Without it no session would ever get as far as a QR.
            thread::sleep(Duration::from_millis(self.rng.random_range(0..300)));
            let begun = self.began.elapsed();
            let reply = self.ask(order, session);
            let (status, body) = match reply {
                Ok(reply) => (Some(reply.status), if reply.status < 400 { String::new() } else { reply.text() }),
                Err(error) => (None, error),
            };
            done.push(Done { order, session, begun, ended: self.began.elapsed(), status, body });
        }
        done
    }

    fn ask(&mut self, order: Order, session: &str) -> Result<Reply, String> {
        match order {
            Order::Start => self.post(&format!("/api/sessions/{session}/start"), &Value::Null),
            Order::Stop => self.post(&format!("/api/sessions/{session}/stop"), &Value::Null),
            Order::Restart => self.post(&format!("/api/sessions/{session}/restart"), &Value::Null),
            Order::LogOut => self.post(&format!("/api/sessions/{session}/logout"), &Value::Null),
            Order::Delete => self.request("DELETE", &format!("/api/sessions/{session}"), None),
            Order::Create => self.post("/api/sessions", &json!({"name": session})),
            Order::Scan => self.scan(session),
            Order::Send => {
                self.texts += 1;
                let text = format!("{} {}", self.mark, self.texts);
                self.post("/api/sendText", &json!({"session": session, "chatId": "15559990001@c.us", "text": text}))
            }
            Order::Qr => self.request("GET", &format!("/api/{session}/auth/qr?format=image"), None),
            Order::Screenshot => self.request("GET", &format!("/api/screenshot?session={session}"), None),
            Order::Get => self.request("GET", &format!("/api/sessions/{session}"), None),
            Order::List => self.request("GET", "/api/sessions?all=true", None),
            Order::Pause => self.post(&format!("/api/queue/pause?session={session}"), &Value::Null),
            Order::Resume => self.post(&format!("/api/queue/resume?session={session}"), &Value::Null),
            Order::CheckNumber => {
                self.request("GET", &format!("/api/contacts/check-exists?session={session}&phone=15559990001"), None)
            }
        }
    }

    /// Whoever holds the phone scans what is on screen; the code may be old by then, and the phone refuses it.
    fn scan(&self, session: &str) -> Result<Reply, String> {
        let reply = self.request("GET", &format!("/api/{session}/auth/qr?format=raw"), None)?;
        if reply.status == 200 {
            let qr = reply.json()["value"].clone();
            let number = number_of(session);
            let _refused =
                self.simulator.http().post("/phones/scan", &json!({"qr": qr, "number": number, "name": "Ana"}));
        }
        Ok(reply)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Reply, String> {
        self.request("POST", path, Some(&body.to_string()))
    }

    fn request(&self, method: &str, path: &str, body: Option<&str>) -> Result<Reply, String> {
        let headers: &[(&str, &str)] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
        self.drover.api().try_request(method, path, headers, body).map_err(|error| error.to_string())
    }
}
