//! The mail server of the settings: whether it lets drover in. No mail is sent.

use super::Finding;
use crate::{alert, config};

const CHECK: &str = "smtp";

pub(super) async fn examine(settings: &config::Smtp) -> Finding {
    // Whoever has it installed already did what is wanted here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match alert::reach(settings).await {
        Ok(Some(place)) => Finding::ok(CHECK, format!("{place} lets drover in")),
        Ok(None) => Finding::warn(
            CHECK,
            "no mail server is named: nobody gets a mail when a session needs a person",
            "set SMTP_URL, such as smtp://user:password@mail.example.com:587, and [alerts] recipients",
        ),
        Err(refused) => Finding::fail(CHECK, refused.message, advice(refused.code)),
    }
}

fn advice(code: &str) -> &'static str {
    match code {
        "smtp_login" => "correct user and password in SMTP_URL; @, : and / in them are written %40, %3A and %2F",
        "smtp_tls" => {
            "use the name that the server's certificate has; for an authority of your own set [smtp] ca_file; a server that \
             encrypts from the start has smtps://, one that offers STARTTLS has smtp://"
        }
        "smtp_refused" => {
            "the server does not offer what the settings ask for: smtps:// if it encrypts from the start; [smtp] encryption \
             = \"none\" only for a server on this machine or its own network"
        }
        "smtp_unreachable" | "smtp_timeout" => {
            "check host and port in SMTP_URL (587 for smtp://, 465 for smtps://), and whether a firewall, or the platform, lets \
             mail out"
        }
        "smtp_settings" => "correct it, then try again",
        _ => "see what the server says, or ask who runs it",
    }
}
