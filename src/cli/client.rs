//! The daemon as its clients see it: an address, a key, JSON.

use std::{net::IpAddr, time::Duration};

use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::error::CliError;
use crate::{config::Config, telemetry::scrub};

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How much longer than the server's own limits an answer may take.
const SLACK: Duration = Duration::from_secs(10);

/// Asks a daemon.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
    limit: Duration,
}

/// An error as the daemon answers it.
#[derive(Deserialize)]
struct Problem {
    code: String,
    message: String,
}

impl Client {
    /// The daemon at `url`, else at DROVER_URL, else where the settings say; with the key of the settings, else that of the
    /// data folder.
    pub(super) fn new(config: &Config, url: Option<&str>) -> Result<Self, CliError> {
        Self::with_key(config, url, key(config)?)
    }

    /// The same without a key, for what anybody may ask.
    pub(super) fn without_key(config: &Config, url: Option<&str>) -> Result<Self, CliError> {
        Self::with_key(config, url, String::new())
    }

    fn with_key(config: &Config, url: Option<&str>, key: String) -> Result<Self, CliError> {
        let given = url.map(str::to_owned).or_else(|| std::env::var("DROVER_URL").ok()).filter(|url| !url.is_empty());
        let base = match given {
            Some(url) => checked(&url)?,
            None => address(config.http.bind, config.http.port)?,
        };
        // An error means that a provider is installed already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().connect_timeout(CONNECT_LIMIT);
        // Plain http is for this machine and its own network: no proxy leads there, and no certificates are needed, without
        // which (a minimal system has none) a client for https cannot even be built.
        let http = if base.starts_with("https:") { http } else { http.tls_certs_only([]).no_proxy() };
        let http = http
            .build()
            .map_err(|error| CliError::NoDrover { url: scrub(&base).into_owned(), cause: error.to_string() })?;
        let limit = Duration::from_secs(config.http.request_timeout_s + config.http.wait_timeout_s) + SLACK;
        Ok(Self { http, base, key, limit })
    }

    /// Where the daemon is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// `GET`
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        let request = self.request(Method::GET, path).header(header::ACCEPT, "application/json");
        self.read(self.send(request.timeout(self.limit)).await?).await
    }

    /// `GET` of what answers with its JSON also when it is no success; with the status.
    pub(super) async fn probe<T: DeserializeOwned>(&self, path: &str, limit: Duration) -> Result<(u16, T), CliError> {
        let request = self.request(Method::GET, path).timeout(limit);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        Ok((response.status().as_u16(), self.read(response).await?))
    }

    /// `POST`
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, CliError> {
        let request = self.request(Method::POST, path).json(body).timeout(self.limit);
        self.read(self.send(request).await?).await
    }

    /// `DELETE`
    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.read(self.send(self.request(Method::DELETE, path).timeout(self.limit)).await?).await
    }

    /// `GET` of a file of this kind.
    pub(super) async fn bytes(&self, path: &str, kind: &str) -> Result<Vec<u8>, CliError> {
        let request = self.request(Method::GET, path).header(header::ACCEPT, kind).timeout(self.limit);
        let body = self.send(request).await?.bytes().await;
        Ok(body.map_err(|error| self.unreachable(&error))?.to_vec())
    }

    /// `POST` whose answer takes as long as it takes.
    pub(super) async fn post_stream(&self, path: &str) -> Result<Response, CliError> {
        self.send(self.request(Method::POST, path)).await
    }

    /// `PUT` of a body that takes as long as it takes.
    pub(super) async fn put_stream(&self, path: &str, body: reqwest::Body) -> Result<Value, CliError> {
        self.read(self.send(self.request(Method::PUT, path).body(body)).await?).await
    }

    /// `GET` of a stream of events, after the one with this id.
    pub(super) async fn stream(&self, path: &str, last_id: Option<&str>) -> Result<Response, CliError> {
        let mut request = self.request(Method::GET, path).header(header::ACCEPT, "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        self.send(request).await
    }

    /// An answer as what a command shows of it.
    pub(super) fn understood<T: DeserializeOwned>(&self, answer: Value) -> Result<T, CliError> {
        serde_json::from_value(answer).map_err(|error| self.no_drover(error.to_string()))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header("X-Api-Key", &self.key)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, CliError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response).await)
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, CliError> {
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        // Some operations answer nothing.
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body).map_err(|error| self.no_drover(error.to_string()))
    }

    async fn refusal(&self, response: Response) -> CliError {
        let status = response.status();
        match response.json::<Problem>().await {
            Ok(Problem { code, message }) => {
                CliError::Refused { status: status.as_u16(), message: at_a_prompt(&code, message), code }
            }
            Err(_) => self.no_drover(format!("it answers {status}")),
        }
    }

    /// Its address, as far as others may see it.
    pub(super) fn shown(&self) -> String {
        scrub(&self.base).into_owned()
    }

    /// The innermost cause says what happened; those around it name the address again.
    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        CliError::Unreachable { url: self.shown(), cause: cause.to_string() }
    }

    fn no_drover(&self, cause: String) -> CliError {
        CliError::NoDrover { url: self.shown(), cause }
    }
}

/// What the daemon says to programs, for a person at a prompt.
fn at_a_prompt(code: &str, message: String) -> String {
    match (code, message.split_once(';')) {
        ("unknown_session", Some((what, _))) => {
            format!("{what}; `drover sessions` lists those there are, `drover link <name>` makes one")
        }
        _ => message,
    }
}

impl CliError {
    /// Whether the daemon said that there is no such thing.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::NOT_FOUND)
    }

    /// Whether the daemon said that the session's state does not allow that.
    pub(super) fn is_wrong_state(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "wrong_state")
    }
}

/// The key of the settings, else that of the data folder.
fn key(config: &Config) -> Result<String, CliError> {
    if !config.http.api_key.is_empty() {
        return Ok(config.http.api_key.clone());
    }
    let path = config.data.dir.join("admin.key");
    let key = std::fs::read_to_string(&path).map_err(|source| CliError::NoKey { path, source })?;
    Ok(key.trim().to_owned())
}

/// An id as a segment of a path, whatever somebody typed.
pub(super) fn segment(id: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
    id.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn checked(url: &str) -> Result<String, CliError> {
    let wrong = || CliError::WrongAddress { url: scrub(url).into_owned() };
    let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
    if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
        return Err(wrong());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Where a daemon with these settings is reached from this machine.
fn address(bind: IpAddr, port: u16) -> Result<String, CliError> {
    let host = match bind {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    if port == 0 { Err(CliError::UnknownAddress) } else { Ok(format!("http://{host}:{port}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_becomes_one_to_ask() {
        for (bind, expected) in [
            ("127.0.0.1", "http://127.0.0.1:3000"),
            ("0.0.0.0", "http://127.0.0.1:3000"),
            ("::", "http://[::1]:3000"),
            ("192.168.1.5", "http://192.168.1.5:3000"),
            ("::1", "http://[::1]:3000"),
        ] {
            assert_eq!(address(bind.parse().expect("an IP"), 3000).expect("an address"), expected);
        }
        assert!(matches!(address(IpAddr::from([127, 0, 0, 1]), 0), Err(CliError::UnknownAddress)));
    }

    #[test]
    fn a_person_is_told_of_commands() {
        let said =
            at_a_prompt("unknown_session", "there is no session 'shop'; POST /api/sessions makes one".to_owned());
        assert!(said.starts_with("there is no session 'shop'; `drover sessions`"), "{said}");
        assert_eq!(at_a_prompt("forbidden", "no; not you".to_owned()), "no; not you");
    }

    #[test]
    fn an_id_is_one_segment() {
        assert_eq!(segment("true_1@c.us_3EB0"), "true_1@c.us_3EB0");
        assert_eq!(segment("../keys?a#b"), "..%2Fkeys%3Fa%23b");
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        assert_eq!(checked("https://drover.example/").expect("an address"), "https://drover.example");
        for url in ["127.0.0.1:3000", "ftp://host", "http://", "drover"] {
            assert_eq!(checked(url).expect_err(url).exit_code(), 2);
        }
    }
}
