//! What happens on each frame of a page.

use tracing::debug;

use super::World;
use super::devices::Token;
use super::pages::PageId;
use crate::frame::{Hello, PageFrame, ReceiptKind, ServerFrame, Sync};
use crate::id::{ChatId, Number};

impl World {
    /// Acts on a frame; the texts returned are written to the page before anything else that waits for it.
    pub(crate) fn receive(&mut self, page: PageId, frame: PageFrame) -> Vec<String> {
        match frame {
            PageFrame::Hello(hello) => return self.hello(page, hello),
            PageFrame::Signed {} => self.link_signed(page),
            PageFrame::Unsigned { reason } => self.link_refused(page, reason),
            PageFrame::Refresh {} => self.refresh(page),
            PageFrame::Ask(ask) => self.answer(page, ask),
            PageFrame::Mode { mode } => {
                if let Some(page) = self.pages.get_mut(page) {
                    page.mode = mode;
                }
                self.changed = true;
            }
            of_a_device => {
                if let Some(token) = self.pages.get(page).and_then(|page| page.device.clone())
                    && let Some(owner) = self.devices.get(&token).map(|device| device.number)
                {
                    self.receive_from_device(page, &token, owner, of_a_device);
                } else {
                    debug!(page, "a page that is not linked acts as if it were");
                }
            }
        }
        Vec::new()
    }

    fn receive_from_device(&mut self, page: PageId, token: &Token, owner: Number, frame: PageFrame) {
        match frame {
            PageFrame::Send(send) => self.take_sent(page, token, owner, send),
            PageFrame::Receipt { keys, kind } => self.take_receipt(token, owner, &keys, kind),
            PageFrame::Got { n } => {
                if let Some(device) = self.devices.get_mut(token) {
                    device.confirmed(&n);
                }
            }
            PageFrame::Synced { what } => self.synced(page, token, what),
            PageFrame::Logout {} => self.unlink(token, None),
            PageFrame::Chatstate { chat_id, state } => self.pass_on_chatstate(owner, &chat_id, state),
            PageFrame::Presence { available } => self.pass_on_presence(owner, available),
            other => self.take_aftermath(token, owner, other),
        }
    }

    fn hello(&mut self, id: PageId, hello: Hello) -> Vec<String> {
        // Who comes with the token has signed: its new connection may be quicker than the word on the old one.
        if let Some(signer) = hello.token.as_deref().and_then(|token| self.linking.page_of_token(token)) {
            self.link_signed(signer);
        }
        let known = hello.token.as_deref().map(|token| self.devices.token(token));
        let Some(page) = self.pages.get_mut(id) else {
            return Vec::new();
        };
        page.hello = Some(hello);
        match known {
            None => {
                self.tell_page_faults(id, None);
                self.give_refs(id);
                Vec::new()
            }
            Some(None) => {
                page.push(&ServerFrame::Unlinked { reason: None });
                page.close();
                Vec::new()
            }
            Some(Some(token)) => self.resume(id, token),
        }
    }

    fn resume(&mut self, id: PageId, token: Token) -> Vec<String> {
        let Some(device) = self.devices.get_mut(&token) else {
            return Vec::new();
        };
        let (number, me, sync) = (device.number, device.me.clone(), device.sync);
        if self.faults.refuses(Some(number)) {
            if let Some(page) = self.pages.get(id) {
                page.cut();
            }
            return Vec::new();
        }
        if let Some(before) = device.page.replace(id).filter(|before| *before != id)
            && let Some(page) = self.pages.get_mut(before)
        {
            page.device = None;
            page.push(&ServerFrame::StreamError { reason: "replaced".to_owned() });
            page.close();
        }
        if let Some(page) = self.pages.get_mut(id) {
            page.device = Some(token.clone());
            (if sync.critical_done { "MAIN" } else { "SYNCING" }).clone_into(&mut page.mode);
        }
        self.changed = true;
        let mut texts: Vec<String> = self
            .faults
            .for_page(Some(number))
            .into_iter()
            .map(|fault| ServerFrame::Fault(fault).to_text(None))
            .collect();
        texts.push(ServerFrame::Resumed { me }.to_text(None));
        texts.extend(self.backlog(&token));
        self.plan_syncs(&token);
        texts
    }

    fn tell_page_faults(&self, page: PageId, number: Option<Number>) {
        if let Some(page) = self.pages.get(page) {
            for fault in self.faults.for_page(number) {
                page.push(&ServerFrame::Fault(fault));
            }
        }
    }

    fn refresh(&mut self, id: PageId) {
        let unlinked = self.pages.get(id).is_some_and(|page| page.device.is_none() && page.hello.is_some());
        if unlinked {
            self.give_refs(id);
        }
    }

    fn synced(&mut self, id: PageId, token: &Token, what: Sync) {
        if let Some(device) = self.devices.get_mut(token) {
            match what {
                Sync::Critical => device.sync.critical_done = true,
                Sync::History => device.sync.history_done = true,
            }
        }
        if what == Sync::Critical
            && let Some(page) = self.pages.get_mut(id)
        {
            "MAIN".clone_into(&mut page.mode);
        }
        self.changed = true;
    }

    fn take_receipt(&mut self, token: &Token, owner: Number, keys: &[String], kind: ReceiptKind) {
        let ack = match kind {
            ReceiptKind::Delivery => 2,
            ReceiptKind::Read => 3,
            ReceiptKind::Played => 4,
        };
        for index in keys.iter().filter_map(|key| self.target(owner, key)).collect::<Vec<_>>() {
            if kind == ReceiptKind::Delivery
                && let Some(device) = self.devices.get_mut(token)
            {
                device.forget_waiting(index);
            }
            let message = self.messages.get_mut(index);
            if message.from == owner {
                continue;
            }
            message.raise_phones_ack(ack);
            if ack >= 3
                && let Some(state) =
                    self.people.phone_mut(owner).and_then(|phone| phone.threads.get_mut(&message.thread))
            {
                state.unread = 0;
            }
        }
        self.changed = true;
    }

    fn pass_on_chatstate(&mut self, owner: Number, chat_id: &str, state: String) {
        let Some(chat) = ChatId::parse(chat_id) else {
            return;
        };
        let thread = chat.thread(owner);
        let now_ms = super::now_ms();
        for member in self.members(thread).into_iter().filter(|member| *member != owner) {
            if let Some(phone) = self.people.phone_mut(member) {
                phone.seen_states.insert(thread, (owner, state.clone(), now_ms));
            }
            let frame = self.presence_frame(member, thread, owner, state.clone());
            for token in self.devices.of(member) {
                self.push(&token, &frame);
            }
        }
        self.changed = true;
    }

    fn pass_on_presence(&mut self, owner: Number, available: bool) {
        if let Some(phone) = self.people.phone_mut(owner) {
            phone.available = available;
            self.changed = true;
        }
    }
}
