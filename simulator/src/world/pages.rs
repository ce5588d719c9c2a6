//! The pages that are connected: one websocket each, linked or not.

use std::collections::BTreeMap;

use axum::extract::ws::Utf8Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::World;
use super::devices::Token;
use crate::frame::{Hello, ServerFrame};
use crate::id::Number;

/// Frames that may wait for one page. A page that lets more pile up is cut off, as a server does with a dead peer.
pub(crate) const OUTBOX_FRAMES: usize = 4096;

/// A connected page, numbered since the start of the simulator.
pub(crate) type PageId = u64;

/// What a page's socket is told to do.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Write this frame.
    Frame(Utf8Bytes),
    /// Close, with the websocket's hand-shake, after what was written before.
    Close,
}

/// A connected page.
#[derive(Debug)]
pub(crate) struct Page {
    outbox: mpsc::Sender<Outgoing>,
    /// Ends the connection at once, without a hand-shake.
    cut: CancellationToken,
    pub(crate) hello: Option<Hello>,
    pub(crate) device: Option<Token>,
    pub(crate) mode: String,
}

/// All connected pages.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    open: BTreeMap<PageId, Page>,
    last: PageId,
}

impl Page {
    /// Queues a frame; a page that does not read is cut off.
    pub(crate) fn push(&self, frame: &ServerFrame) {
        self.push_text(frame.to_text(None));
    }

    /// Queues a frame that is text already.
    pub(crate) fn push_text(&self, text: String) {
        if self.outbox.try_send(Outgoing::Frame(text.into())).is_err() {
            warn!("a page does not read what it is sent: its connection is cut");
            self.cut.cancel();
        }
    }

    /// Closes the connection after what was queued.
    pub(crate) fn close(&self) {
        if self.outbox.try_send(Outgoing::Close).is_err() {
            self.cut.cancel();
        }
    }

    /// Cuts the connection, as a failing network does.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }
}

impl Pages {
    /// Takes a new connection in.
    pub(crate) fn open(&mut self, outbox: mpsc::Sender<Outgoing>, cut: CancellationToken) -> PageId {
        self.last += 1;
        self.open.insert(self.last, Page { outbox, cut, hello: None, device: None, mode: "OPENING".to_owned() });
        self.last
    }

    /// Forgets a connection.
    pub(crate) fn close(&mut self, id: PageId) -> Option<Page> {
        self.open.remove(&id)
    }

    pub(crate) fn get(&self, id: PageId) -> Option<&Page> {
        self.open.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: PageId) -> Option<&mut Page> {
        self.open.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PageId, &Page)> {
        self.open.iter().map(|(id, page)| (*id, page))
    }

    /// How many are connected.
    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }
}

impl World {
    /// The number that a page is linked to.
    pub(crate) fn number_of(&self, page: PageId) -> Option<Number> {
        let token = self.pages.get(page)?.device.as_ref()?;
        Some(self.devices.get(token)?.number)
    }

    /// A connection has ended.
    pub(crate) fn page_closed(&mut self, id: PageId) {
        self.linking.forget_page(id);
        if let Some(page) = self.pages.close(id)
            && let Some(device) = page.device.as_ref().and_then(|token| self.devices.get_mut(token))
            && device.page == Some(id)
        {
            device.page = None;
            if let Some(phone) = self.people.phone_mut(device.number) {
                phone.available = false;
            }
        }
        self.changed = true;
    }
}
