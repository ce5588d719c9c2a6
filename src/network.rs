//! HTTP to addresses that somebody else named (media, webhooks): never to one inside our own network, unless it is allowed.
//!
//! Invariants: what [`Client`] connects to was judged as an address, after DNS and in each redirect, so that neither a name
//! nor a redirect leads inside; only http and https are spoken; no proxy of the environment is used, since a proxy would
//! resolve names itself, unjudged.

mod address;
mod allowed;
mod guard;

use std::{error::Error as StdError, net::IpAddr, time::Duration};

use reqwest::{Method, RequestBuilder, Url, redirect};

use crate::config;
use guard::Guard;

/// An address that is not gone to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It lies inside a network that is not the internet.
    #[error(
        "{host} leads to {address}, an address that is not on the public internet; if that is meant, add it to \
         network.allow_hosts (DROVER_NETWORK__ALLOW_HOSTS), or set network.allow_private"
    )]
    Private {
        /// As the URL names it.
        host: String,
        /// What it leads to.
        address: IpAddr,
    },
    /// Neither http nor https.
    #[error("'{0}' is no scheme that is spoken here; use http or https")]
    Scheme(String),
    /// There is no host in it.
    #[error("there is no host in the URL")]
    NoHost,
    /// Redirected too often.
    #[error("redirected more than {0} times; use the address that it ends at")]
    TooManyRedirects(usize),
}

impl Refused {
    /// The refusal in an error of a request, if that is why it failed.
    #[must_use]
    pub fn in_error(error: &reqwest::Error) -> Option<&Self> {
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(refused) = cause.downcast_ref::<Self>() {
                return Some(refused);
            }
            source = cause.source();
        }
        None
    }
}

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// How long resolving and connecting may take.
    pub connect_timeout: Duration,
    /// How often a redirect is followed; with 0 the redirect itself is the answer.
    pub redirects: usize,
    /// How many idle connections are kept for each host.
    pub idle_per_host: usize,
}

/// A client that does not go inside. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    guard: Guard,
}

impl Client {
    /// A client under these settings.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: &config::Network, options: &ClientOptions) -> Result<Self, reqwest::Error> {
        let guard = Guard::new(settings);
        let builder = || {
            reqwest::Client::builder()
                .no_proxy()
                .referer(false)
                .connect_timeout(options.connect_timeout)
                .pool_max_idle_per_host(options.idle_per_host)
                .dns_resolver(guard.clone())
                .redirect(redirects(guard.clone(), options.redirects))
                .user_agent(concat!("drover/", env!("CARGO_PKG_VERSION")))
        };
        let http = match builder().build() {
            Ok(http) => http,
            // A system without certificates can still do everything but trust a server.
            Err(error) => {
                tracing::warn!(%error, "no https address is trusted: install the system's certificates (ca-certificates)");
                builder().tls_certs_only([]).build()?
            }
        };
        Ok(Self { http, guard })
    }

    /// A request. What it leads to is judged when it is sent; see [`Refused::in_error`].
    ///
    /// # Errors
    /// When the URL itself shows that it is not gone to.
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Refused> {
        self.guard.check(&url)?;
        Ok(self.http.request(method, url))
    }

    /// Whether a URL itself (its scheme, an address in it) would be refused; a name is judged when it is resolved.
    ///
    /// # Errors
    /// When it would.
    pub fn check(&self, url: &Url) -> Result<(), Refused> {
        self.guard.check(url)
    }
}

fn redirects(guard: Guard, most: usize) -> redirect::Policy {
    if most == 0 {
        return redirect::Policy::none();
    }
    redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > most {
            return attempt.error(Refused::TooManyRedirects(most));
        }
        match guard.check(attempt.url()) {
            Ok(()) => attempt.follow(),
            Err(refused) => attempt.error(refused),
        }
    })
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    fn client(allow_hosts: &[&str]) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let allow_hosts = allow_hosts.iter().map(|host| (*host).to_owned()).collect();
        let settings = config::Network { allow_private: false, allow_hosts };
        let options = ClientOptions { connect_timeout: Duration::from_secs(5), redirects: 3, idle_per_host: 1 };
        Client::new(&settings, &options).expect("a client")
    }

    /// Answers every request with a redirect to `to`, with `{port}` in it replaced by its own.
    async fn redirecting(to: &'static str) -> (u16, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let to = to.replace("{port}", &port.to_string());
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let answer =
                    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (port, task)
    }

    async fn refusal(client: &Client, url: &str) -> Refused {
        match client.request(Method::GET, url.parse().expect("a URL")) {
            Err(refused) => refused,
            Ok(request) => {
                let error = request.send().await.expect_err("it leads inside");
                Refused::in_error(&error).unwrap_or_else(|| panic!("{url} failed otherwise: {error:?}")).clone()
            }
        }
    }

    #[tokio::test]
    async fn a_literal_and_a_name_that_lead_inside_are_refused() {
        let client = client(&[]);
        for url in ["http://127.0.0.1:9/", "http://2130706433/", "http://[::ffff:127.0.0.1]/", "http://localhost:9/"] {
            let refused = refusal(&client, url).await;
            assert!(matches!(refused, Refused::Private { .. }), "{url}: {refused}");
            assert!(refused.to_string().contains("network.allow_hosts"), "{refused}");
        }
        assert_eq!(refusal(&client, "ftp://example.org/").await, Refused::Scheme("ftp".to_owned()));
    }

    #[tokio::test]
    async fn a_redirect_that_leads_inside_is_refused() {
        let allowed = client(&["localhost"]);
        for to in ["http://127.0.0.1:{port}/", "http://10.1.2.3/", "http://[::1]:{port}/"] {
            let (port, task) = redirecting(to).await;
            // `localhost` itself is allowed; what it redirects to is not.
            let url: Url = format!("http://localhost:{port}/").parse().expect("a URL");
            let error = allowed.request(Method::GET, url).expect("a name").send().await.expect_err("it leads inside");
            let is_refused = matches!(Refused::in_error(&error), Some(Refused::Private { .. }));
            assert!(is_refused, "{to}: {error:?}");
            task.abort();
        }
    }

    #[tokio::test]
    async fn a_redirect_without_end_ends() {
        let (port, task) = redirecting("http://localhost:{port}/").await;
        let refused = refusal(&client(&["localhost"]), &format!("http://localhost:{port}/")).await;
        assert_eq!(refused, Refused::TooManyRedirects(3));
        task.abort();
    }
}
