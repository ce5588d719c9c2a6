//! Linking a phone: the refs behind the QR codes, pairing codes, and the hand-shake that makes a device of a page.
//!
//! ```text
//!   hello ──▶ refs (six, one after another) ──▶ idle ──refresh──▶ refs
//!               │ scan, or pair with the code
//!               ▼
//!            paired ── signed ──▶ linked;  unsigned, closed, or 10 s without a word ──▶ as before
//! ```
//! A ref is good once, in its own time, for the page that it was given to.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::devices::Token;
use super::pages::PageId;
use crate::frame::Me;
use crate::id::Number;

mod handshake;

/// Refs given at a time.
const REFS: usize = 6;
/// What the app may put before the parts of a QR.
const QR_PREFIX: &str = "https://wa.me/settings/linked_devices#";
/// The letters of pairing codes: none that are mistaken for another.
const CODE_LETTERS: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTVWXYZ";
/// Refs that are no longer good are remembered this long, so that a refusal can say why.
const REMEMBER_REFS: Duration = Duration::from_secs(3600);

/// Why a phone was not linked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum LinkError {
    /// Too few parts, or not of the simulator.
    #[error("this is not the QR of a waiting page: {0}")]
    WrongQr(&'static str),
    /// Its time is over.
    #[error("this QR has expired: scan the one that is on the screen now")]
    ExpiredQr,
    /// Somebody has scanned it.
    #[error("this QR has already been used: scan the one that is on the screen now")]
    UsedQr,
    /// The page is not waiting (any more).
    #[error("no page waits with this: {0}")]
    NoPage(&'static str),
    /// No page shows this code.
    #[error("this is not the pairing code of a waiting page: ask for a new one")]
    WrongCode,
    /// Its time is over.
    #[error("this pairing code has expired: ask for a new one")]
    ExpiredCode,
    /// The code was made for another number.
    #[error("this pairing code was made for another number: {0}")]
    OtherNumber(Number),
    /// The phone has no network.
    #[error("the phone is in airplane mode: switch that off first")]
    Airplane,
    /// The page did not take the link.
    #[error("the page refused the link: {0}")]
    Refused(String),
}

impl LinkError {
    /// A word for programs.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::WrongQr(_) => "wrong_qr",
            Self::ExpiredQr => "expired_qr",
            Self::UsedQr => "used_qr",
            Self::NoPage(_) => "no_page",
            Self::WrongCode => "wrong_code",
            Self::ExpiredCode => "expired_code",
            Self::OtherNumber(_) => "other_number",
            Self::Airplane => "airplane_mode",
            Self::Refused(_) => "refused_by_page",
        }
    }
}

/// Refs, codes, and links under way.
#[derive(Debug, Default)]
pub(crate) struct Linking {
    refs: HashMap<String, Ref>,
    /// The refs that each page shows, in their order.
    shown: HashMap<PageId, Vec<String>>,
    codes: HashMap<PageId, PairingCode>,
    under_way: HashMap<PageId, UnderWay>,
}

#[derive(Debug)]
struct Ref {
    page: PageId,
    until: Instant,
    used: bool,
}

#[derive(Debug)]
struct PairingCode {
    code: String,
    number: Number,
    until: Instant,
}

#[derive(Debug)]
struct UnderWay {
    token: Token,
    number: Number,
    me: Me,
    done: oneshot::Sender<Result<(), LinkError>>,
}

/// The parts of a QR that the server can judge, and the secret that only the page can. The app writes a fifth part, its
/// platform; phones also take a QR without it, and wa-js shows such a one.
#[derive(Debug, PartialEq, Eq)]
struct Qr<'a> {
    reference: &'a str,
    noise: &'a str,
    identity: &'a str,
    adv: &'a str,
}

impl<'a> Qr<'a> {
    fn parse(text: &'a str) -> Result<Self, LinkError> {
        let text = text.trim();
        let parts: Vec<&str> = text.strip_prefix(QR_PREFIX).unwrap_or(text).split(',').collect();
        match parts[..] {
            [reference, noise, identity, adv, ..] if STANDARD.decode(adv).is_ok_and(|secret| secret.len() == 32) => {
                Ok(Self { reference, noise, identity, adv })
            }
            [_, _, _, _, ..] => Err(LinkError::WrongQr("its secret is not 32 bytes in base64")),
            _ => Err(LinkError::WrongQr("it has fewer than four parts")),
        }
    }
}

impl Linking {
    /// The ref that a page shows now.
    pub(crate) fn current_ref(&self, page: PageId) -> Option<&str> {
        let now = Instant::now();
        let shown = self.shown.get(&page)?;
        shown
            .iter()
            .find(|text| self.refs.get(*text).is_some_and(|known| known.until > now && !known.used))
            .map(String::as_str)
    }

    /// Whether a page has refs or a code to link with.
    pub(crate) fn is_waiting(&self, page: PageId) -> bool {
        self.shown.contains_key(&page)
    }

    /// A page is gone, and with it what it showed.
    pub(crate) fn forget_page(&mut self, page: PageId) {
        self.shown.remove(&page);
        self.codes.remove(&page);
        self.under_way.remove(&page);
    }

    fn expire_refs(&mut self, page: PageId) {
        let now = Instant::now();
        for text in self.shown.get(&page).into_iter().flatten() {
            if let Some(known) = self.refs.get_mut(text) {
                known.until = known.until.min(now);
            }
        }
    }

    fn page_of_code(&self, code: &str) -> Result<(PageId, Number), LinkError> {
        let typed: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        let (page, known) = self.codes.iter().find(|(_, known)| known.code == typed).ok_or(LinkError::WrongCode)?;
        if known.until <= Instant::now() {
            return Err(LinkError::ExpiredCode);
        }
        Ok((*page, known.number))
    }

    /// The page whose link under way has this token.
    pub(crate) fn page_of_token(&self, token: &str) -> Option<PageId> {
        self.under_way.iter().find(|(_, link)| *link.token == *token).map(|(page, _)| *page)
    }

    fn page_of_ref(&self, reference: &str) -> Result<PageId, LinkError> {
        let known = self.refs.get(reference).ok_or(LinkError::WrongQr("no page shows it"))?;
        if known.used {
            return Err(LinkError::UsedQr);
        }
        if known.until <= Instant::now() {
            return Err(LinkError::ExpiredQr);
        }
        Ok(known.page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_is_read_with_and_without_its_wrapping() {
        let adv = STANDARD.encode([7u8; 32]);
        let bare = format!("2@ref,noise,identity,{adv},1");
        let wrapped = format!("{QR_PREFIX}{bare},https://faq.whatsapp.com/r/ld");
        let wanted = Qr { reference: "2@ref", noise: "noise", identity: "identity", adv: &adv };
        assert_eq!(Qr::parse(&bare), Ok(wanted));
        assert_eq!(Qr::parse(&wrapped).map(|qr| qr.reference), Ok("2@ref"));
        assert_eq!(Qr::parse(&format!("2@ref,noise,identity,{adv}")).map(|qr| qr.adv), Ok(adv.as_str()));
        assert!(matches!(Qr::parse("2@ref,noise"), Err(LinkError::WrongQr(_))));
        assert!(matches!(Qr::parse("2@ref,noise,identity,short,1"), Err(LinkError::WrongQr(_))));
    }
}
