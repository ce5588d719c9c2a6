//! What pages and phones do to link: refs and codes are given, a phone reads one, the page signs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{CODE_LETTERS, LinkError, PairingCode, Qr, REFS, REMEMBER_REFS, Ref, UnderWay};
use crate::frame::{Hello, Me, ServerFrame};
use crate::id::{Form, Number};
use crate::world::devices::Token;
use crate::world::pages::PageId;
use crate::world::{World, random_hex};

impl World {
    /// Gives a page six new refs; the ones before are no longer good.
    pub(crate) fn give_refs(&mut self, page: PageId) {
        let times = &self.settings.linking;
        let (first_ms, next_ms) = (times.first_ref_ms, times.next_ref_ms);
        let now = Instant::now();
        self.linking.expire_refs(page);
        self.linking.refs.retain(|_, known| known.until + REMEMBER_REFS > now);
        let refs: Vec<String> =
            (0..REFS).map(|_| format!("2@{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 36]>()))).collect();
        for (place, text) in (0u64..).zip(&refs) {
            let until = now + Duration::from_millis(first_ms + place * next_ms);
            self.linking.refs.insert(text.clone(), Ref { page, until, used: false });
        }
        self.linking.shown.insert(page, refs.clone());
        if let Some(page) = self.pages.get_mut(page) {
            "QR".clone_into(&mut page.mode);
            page.push(&ServerFrame::Refs { refs, first_ms, next_ms });
        }
        self.changed = true;
    }

    /// A page has no refs left, before their time.
    pub(crate) fn run_refs_out(&mut self, page: PageId) {
        let times = &self.settings.linking;
        let frame = ServerFrame::Refs { refs: Vec::new(), first_ms: times.first_ref_ms, next_ms: times.next_ref_ms };
        self.linking.expire_refs(page);
        if let Some(page) = self.pages.get(page) {
            page.push(&frame);
        }
        self.changed = true;
    }

    /// Makes the pairing code that a page shows to the person with this number; one page has one code.
    pub(crate) fn make_pairing_code(&mut self, page: PageId, number: Number) -> String {
        let code: String =
            (0..8).map(|_| char::from(CODE_LETTERS[usize::from(rand::random::<u8>()) % CODE_LETTERS.len()])).collect();
        let until = Instant::now() + Duration::from_millis(self.settings.linking.pairing_code_ms);
        self.linking.codes.insert(page, PairingCode { code: code.clone(), number, until });
        code
    }

    /// A phone scans a QR. The answer comes when the page has signed.
    pub(crate) fn scan(
        &mut self,
        qr: &str,
        number: Number,
    ) -> Result<(PageId, oneshot::Receiver<Result<(), LinkError>>), LinkError> {
        let qr = Qr::parse(qr)?;
        let page = self.linking.page_of_ref(qr.reference)?;
        let hello = self.waiting_hello(page)?;
        if (qr.noise, qr.identity) != (hello.noise.as_str(), hello.identity.as_str()) {
            return Err(LinkError::WrongQr("its keys are not those of the page with this ref"));
        }
        let adv = qr.adv.to_owned();
        let answer = self.begin_link(page, number, Some(adv))?;
        if let Some(known) = self.linking.refs.get_mut(qr.reference) {
            known.used = true;
        }
        Ok((page, answer))
    }

    /// A phone scans whatever is on a page's screen now.
    pub(crate) fn scan_screen(
        &mut self,
        page: PageId,
        number: Number,
    ) -> Result<oneshot::Receiver<Result<(), LinkError>>, LinkError> {
        self.waiting_hello(page)?;
        let current = self.linking.current_ref(page).ok_or(LinkError::ExpiredQr)?.to_owned();
        let answer = self.begin_link(page, number, None)?;
        if let Some(known) = self.linking.refs.get_mut(&current) {
            known.used = true;
        }
        Ok(answer)
    }

    /// A person types a pairing code into a phone.
    pub(crate) fn pair(
        &mut self,
        code: &str,
        number: Number,
    ) -> Result<(PageId, oneshot::Receiver<Result<(), LinkError>>), LinkError> {
        let (page, wanted) = self.linking.page_of_code(code)?;
        if wanted != number {
            return Err(LinkError::OtherNumber(wanted));
        }
        self.waiting_hello(page)?;
        let answer = self.begin_link(page, number, None)?;
        self.linking.codes.remove(&page);
        Ok((page, answer))
    }

    fn waiting_hello(&self, page: PageId) -> Result<Hello, LinkError> {
        let waiting = self.linking.is_waiting(page);
        let page = self.pages.get(page).ok_or(LinkError::NoPage("it has been closed"))?;
        if !waiting {
            return Err(LinkError::NoPage("it is linked already"));
        }
        page.hello.clone().ok_or(LinkError::NoPage("it has not said hello"))
    }

    fn begin_link(
        &mut self,
        page: PageId,
        number: Number,
        adv: Option<String>,
    ) -> Result<oneshot::Receiver<Result<(), LinkError>>, LinkError> {
        if self.people.is_in_airplane_mode(number) {
            return Err(LinkError::Airplane);
        }
        let token = Token::from(random_hex(24));
        let me = Me {
            pn: number.pn(),
            lid: number.id(Form::Lid),
            pushname: self.people.pushname(number),
            platform: "android".to_owned(),
            device_id: self.devices.next_device_id(),
        };
        let (done, answer) = oneshot::channel();
        if let Some(page) = self.pages.get(page) {
            page.push(&ServerFrame::Paired { token: token.to_string(), me: me.clone(), adv });
        }
        self.linking.under_way.insert(page, UnderWay { token, number, me, done });
        Ok(answer)
    }

    /// The page takes the link: its device exists from now on. It reconnects by itself.
    pub(crate) fn link_signed(&mut self, page: PageId) {
        let Some(under_way) = self.linking.under_way.remove(&page) else {
            return;
        };
        self.linking.expire_refs(page);
        self.linking.forget_page(page);
        self.devices.link(under_way.token, under_way.number, under_way.me);
        self.people.phone_or_new(under_way.number).held = true;
        self.make_history(under_way.number);
        self.counts.logins += 1;
        self.changed = true;
        // The scanner may have stopped waiting; the device is linked all the same, as with a real phone.
        let _ = under_way.done.send(Ok(()));
    }

    /// The page refuses the link.
    pub(crate) fn link_refused(&mut self, page: PageId, reason: String) {
        if let Some(under_way) = self.linking.under_way.remove(&page) {
            let _ = under_way.done.send(Err(LinkError::Refused(reason)));
        }
    }

    /// The page did not answer in time: it may still not link later.
    pub(crate) fn link_timed_out(&mut self, page: PageId) {
        self.linking.under_way.remove(&page);
    }

    /// Unlinks a device; its page, if connected, is told why.
    pub(crate) fn unlink(&mut self, token: &Token, reason: Option<String>) {
        let Some(device) = self.devices.unlink(token) else {
            return;
        };
        if let Some(page) = device.page.and_then(|page| self.pages.get_mut(page)) {
            page.device = None;
            page.push(&ServerFrame::Unlinked { reason });
            page.close();
        }
        self.changed = true;
    }
}
