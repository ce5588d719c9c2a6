//! HTTP to drover and to the simulator's phones.

use std::{fmt, time::Duration};

use serde_json::Value;
use ureq::{Agent, http};

/// Longer than any answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than any answer may be, in bytes.
const LONGEST_ANSWER: u64 = 64 << 20;

/// A base address, and the key that goes with every request.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    key: Option<String>,
}

impl Client {
    /// A client of `base`, such as `http://127.0.0.1:3000`.
    pub fn new(base: &str, key: Option<&str>) -> Self {
        // No connection is kept: a daemon that was killed and started again is another server.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .max_idle_connections(0)
            .build();
        Self { agent: config.into(), base: base.to_owned(), key: key.map(str::to_owned) }
    }

    /// The same with another key, or none.
    pub fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..self.clone() }
    }

    /// The same, which shows redirects instead of following them.
    pub fn without_redirects(&self) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .max_idle_connections(0)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Self { agent: config.into(), ..self.clone() }
    }

    /// The key that goes with every request.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The address without a path.
    pub fn base(&self) -> &str {
        &self.base
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path, &[], None)
    }

    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.request("POST", path, &[("content-type", "application/json")], Some(&body.to_string()))
    }

    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Reply {
        self.request("PUT", path, &[("content-type", "application/json")], Some(&body.to_string()))
    }

    #[track_caller]
    pub fn delete(&self, path: &str) -> Reply {
        self.request("DELETE", path, &[], None)
    }

    /// Any request, with headers and a body exactly as given.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Reply {
        match self.try_request(method, path, headers, body) {
            Ok(reply) => reply,
            Err(error) => panic!("{method} {path} was not answered: {error}"),
        }
    }

    /// As [`Self::request`], for when nobody may be listening.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Reply, ureq::Error> {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Some(body) => self.agent.run(request.body(body.to_owned()).expect("the test's own request"))?,
            None => self.agent.run(request.body(()).expect("the test's own request"))?,
        };
        let (parts, mut body) = answer.into_parts();
        let body = body.with_config().limit(LONGEST_ANSWER).read_to_vec()?;
        Ok(Reply { asked: format!("{method} {path}"), status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

/// An answer, read to its end.
pub struct Reply {
    asked: String,
    pub status: u16,
    headers: http::HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// Asserts the status, and gives the body as JSON (null when it is empty).
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "the status of {self:?}");
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}) in {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Reply {
    /// All values of a header.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text().chars().take(600).collect();
        write!(formatter, "{} -> {} {text}", self.asked, self.status)
    }
}
