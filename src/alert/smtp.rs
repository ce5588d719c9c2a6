//! The mail server: the only place that speaks SMTP.

use std::{error::Error, io, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        self, PoolConfig,
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::error::AlertError;
use crate::{
    config::{self, Encryption},
    store::NewMail,
    telemetry::scrub,
};

const SUBMISSION_PORT: u16 = 587;
const SUBMISSIONS_PORT: u16 = 465;
/// What the server answers when it wants another login: that is mended in the settings, not in the mail.
const LOGIN_CODES: [u16; 5] = [530, 534, 535, 538, 454];

/// Sends mails by one server.
#[derive(Clone)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    limit: Duration,
    /// Host and port.
    place: String,
}

/// A mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotSent {
    /// For programs.
    pub(super) code: &'static str,
    /// For people: what the server said.
    pub(super) message: String,
    /// Whether trying again makes sense.
    pub(super) fate: Fate,
}

/// What becomes of a mail that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The server takes no mail now: all of them wait.
    AllWait,
    /// The server does not take this one now.
    Waits,
    /// The server never takes it.
    GivenUp,
}

/// Tells other programs not to answer (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mailer {
    /// By the settings; None when they name no server. Within a runtime, which looks after the connections.
    pub(super) fn new(settings: &config::Smtp) -> Result<Option<Self>, AlertError> {
        if settings.url.is_empty() {
            return Ok(None);
        }
        let wrong = |why: &str| AlertError::Smtp { setting: "smtp.url", why: why.to_owned() };
        let url = Url::parse(&settings.url)
            .map_err(|_| wrong("this is no address such as smtp://user:password@mail.example.com:587"))?;
        let host = url.host_str().ok_or_else(|| wrong("it names no host"))?.trim_matches(['[', ']']).to_owned();
        let is_tls = url.scheme() == "smtps";
        let port = url.port().unwrap_or(if is_tls { SUBMISSIONS_PORT } else { SUBMISSION_PORT });
        let limit = Duration::from_secs(settings.timeout_s);
        let tls = match (is_tls, settings.encryption) {
            (true, _) => Tls::Wrapper(tls(&host, &settings.ca_file)?),
            (false, Encryption::Required) => Tls::Required(tls(&host, &settings.ca_file)?),
            (false, Encryption::None) => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone());
        let mut builder = builder.port(port).tls(tls).timeout(Some(limit));
        builder = builder.pool_config(PoolConfig::new().max_size(1).idle_timeout(Duration::from_secs(20)));
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
        let user = decoded(url.username()).map_err(|_| wrong("its user is no text"))?;
        if let Some(password) = url.password() {
            let password = decoded(password).map_err(|_| wrong("its password is no text"))?;
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        let (from, place) = (from(&settings.from, &user, &host)?, format!("{host}:{port}"));
        Ok(Some(Self { transport: builder.build(), from, limit, place }))
    }

    /// Host and port of the server.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Connects as for a mail, and sends none.
    pub(super) async fn log_in(&self) -> Result<(), NotSent> {
        match tokio::time::timeout(self.limit * 4, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(NotSent {
                code: "smtp_unreachable",
                message: format!("{} took the login, and hung up then", self.place),
                fate: Fate::AllWait,
            }),
            Ok(Err(error)) => Err(NotSent::of(&error)),
            Err(_) => Err(NotSent::too_slow()),
        }
    }

    /// Hands one mail to the server.
    pub(super) async fn send(&self, mail: &NewMail) -> Result<(), NotSent> {
        let message =
            self.message(mail).map_err(|why| NotSent { code: "unwritable", message: why, fate: Fate::GivenUp })?;
        // Connecting, greeting, login and mail each have the limit; all of it together has this one.
        match tokio::time::timeout(self.limit * 4, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(NotSent::of(&error)),
            Err(_) => Err(NotSent::too_slow()),
        }
    }

    fn message(&self, mail: &NewMail) -> Result<Message, String> {
        let to: Mailbox =
            mail.recipient.parse().map_err(|error| format!("{} is no address: {error}", mail.recipient))?;
        let domain = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject.clone())
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|error| error.to_string())
    }
}

impl NotSent {
    fn too_slow() -> Self {
        Self {
            code: "smtp_timeout",
            message: "the mail server does not answer in time (smtp.timeout_s)".to_owned(),
            fate: Fate::AllWait,
        }
    }

    fn of(error: &smtp::Error) -> Self {
        let message = scrub(&chain(error)).into_owned();
        let Some(code) = error.status().map(u16::from) else {
            let code = if error.is_tls() || is_of_tls(error) {
                "smtp_tls"
            } else if error.is_client() {
                "smtp_refused"
            } else {
                "smtp_unreachable"
            };
            return Self { code, message, fate: Fate::AllWait };
        };
        if LOGIN_CODES.contains(&code) {
            return Self {
                code: "smtp_login",
                message: format!("{message}; see to user and password in smtp.url (SMTP_URL)"),
                fate: Fate::AllWait,
            };
        }
        if error.is_permanent() {
            return Self { code: "smtp_rejected", message, fate: Fate::GivenUp };
        }
        // 421: it closes the connection, whatever the mail is.
        let fate = if code == 421 { Fate::AllWait } else { Fate::Waits };
        Self { code: "smtp_deferred", message, fate }
    }
}

/// An error with its causes, each once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let next = source.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = source.source();
    }
    text
}

/// A certificate that is refused while a connection starts comes as a failure of the connection.
fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn tls(host: &str, ca_file: &str) -> Result<TlsParameters, AlertError> {
    let wrong = |why: String| AlertError::Smtp { setting: "smtp.ca_file", why };
    let mut builder = TlsParameters::builder(host.to_owned());
    if !ca_file.is_empty() {
        let pem = std::fs::read(ca_file).map_err(|error| wrong(format!("{ca_file} cannot be read: {error}")))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(chain(&error)))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build().map_err(|error| wrong(chain(&error)))
}

fn from(given: &str, user: &str, host: &str) -> Result<Mailbox, AlertError> {
    let text = match (given, user.rsplit_once('@')) {
        ("", Some((_, domain))) => format!("drover <drover@{domain}>"),
        ("", None) if host.parse::<std::net::IpAddr>().is_ok() => "drover <drover@localhost>".to_owned(),
        ("", None) => format!("drover <drover@{host}>"),
        (given, _) => given.to_owned(),
    };
    let refused = |error| AlertError::Smtp { setting: "smtp.from", why: format!("{text} is no address: {error}") };
    text.parse().map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, from: &str) -> config::Smtp {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let set = [("SMTP_URL", url), ("DROVER_SMTP__FROM", from)];
        let sources = config::Sources::of(std::path::Path::new("/srv"), &set);
        config::load(&sources).expect("valid settings").config.smtp
    }

    #[tokio::test]
    async fn who_sends_follows_from_the_settings() {
        for (url, given, expected) in [
            ("smtps://ana%40example.com:a%3Ab@mail.example.net", "", "drover <drover@example.com>"),
            ("smtp://ana:b@mail.example.net:25", "", "drover <drover@mail.example.net>"),
            ("smtp://127.0.0.1:25", "", "drover <drover@localhost>"),
            ("smtp://[::1]:25", "", "drover <drover@localhost>"),
            ("smtp://mail.example.net", "ours <a@b.example>", "ours <a@b.example>"),
        ] {
            let mailer = Mailer::new(&settings(url, given)).expect("usable").expect("a server");
            assert_eq!(mailer.from.to_string(), expected);
        }
        assert!(Mailer::new(&settings("", "")).expect("none is none").is_none());
        assert!(Mailer::new(&settings("smtp://:0:0", "")).is_err());
    }

    #[tokio::test]
    async fn a_mail_has_both_bodies_and_says_that_a_program_wrote_it() {
        let mailer = Mailer::new(&settings("smtp://mail.example.net", "")).expect("usable").expect("a server");
        let mail = NewMail {
            id: "mail_1".to_owned(),
            recipient: "ops@example.com".to_owned(),
            subject: "año nuevo".to_owned(),
            text: "as text".to_owned(),
            html: "<p>as HTML</p>".to_owned(),
        };
        let written = String::from_utf8(mailer.message(&mail).expect("a mail").formatted()).expect("ASCII");
        for part in [
            "Message-ID: <mail_1@mail.example.net>",
            "Auto-Submitted: auto-generated",
            "multipart/alternative",
            "text/plain",
            "text/html",
        ] {
            assert!(written.contains(part), "{part} is missing in {written}");
        }
        let nobody = NewMail { recipient: "nobody".to_owned(), ..mail };
        assert!(mailer.message(&nobody).is_err());
    }
}
