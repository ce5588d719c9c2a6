//! What faults do to the pages that are connected.

use std::time::Duration;

use super::{Fault, Scope};
use crate::frame::{PageFault, ServerFrame};
use crate::id::Number;
use crate::world::World;
use crate::world::devices::Token;
use crate::world::pages::{Page, PageId};
use crate::world::schedule::Due;

impl World {
    /// Lets faults happen, or stand from now on.
    pub(crate) fn put_faults(&mut self, scope: Scope, faults: Vec<Fault>) {
        for fault in faults {
            if !fault.is_momentary()
                && let Some(standing) = self.faults.standing(scope)
            {
                standing.put(fault.clone());
            }
            if !fault.is_off() {
                self.happen(scope, &fault);
            } else if !fault.is_momentary() {
                self.renew_page_faults(scope);
            }
        }
        self.changed = true;
    }

    /// What a fault does to the pages that are connected now.
    fn happen(&mut self, scope: Scope, fault: &Fault) {
        match fault {
            Fault::DropSocket(_) => self.in_scope(scope).for_each(|(_, page)| page.cut()),
            Fault::Replaced(_) => {
                let frame = ServerFrame::StreamError { reason: "replaced".to_owned() };
                for (_, page) in self.in_scope(scope).filter(|(_, page)| page.device.is_some()) {
                    page.push(&frame);
                    page.close();
                }
            }
            Fault::RefsRunOut(_) => {
                let waiting: Vec<PageId> =
                    self.in_scope(scope).map(|(id, _)| id).filter(|id| self.linking.is_waiting(*id)).collect();
                waiting.into_iter().for_each(|page| self.run_refs_out(page));
            }
            Fault::SocketsFlapEveryMs(ms) => {
                let every = Duration::from_millis((*ms).max(1));
                self.schedule.after_ms(*ms, Due::Flap { scope, every });
            }
            _ => {
                if let Some(fault) = fault.for_page() {
                    let frame = ServerFrame::Fault(fault);
                    self.in_scope(scope).for_each(|(_, page)| page.push(&frame));
                }
            }
        }
    }

    fn in_scope(&self, scope: Scope) -> impl Iterator<Item = (PageId, &Page)> {
        self.pages.iter().filter(move |(id, page)| match scope {
            Scope::All => true,
            Scope::Page(wanted) => *id == wanted,
            Scope::Number(number) => {
                let device = page.device.as_ref().and_then(|token| self.devices.get(token));
                device.is_some_and(|device| device.number == number)
            }
        })
    }

    /// Cuts the connections and does it again, as long as the fault stands.
    pub(crate) fn flap(&mut self, scope: Scope, every: Duration) {
        let number = if let Scope::Number(number) = scope { Some(number) } else { None };
        let flapping = |fault: &Fault| {
            if let Fault::SocketsFlapEveryMs(ms) = fault { Some(*ms) } else { None }
        };
        let stands = self.faults.find(number, flapping).is_some_and(|ms| u128::from(ms.max(1)) == every.as_millis());
        if stands {
            self.in_scope(scope).for_each(|(_, page)| page.cut());
            self.schedule.after_ms(u64::try_from(every.as_millis()).unwrap_or(u64::MAX), Due::Flap { scope, every });
        }
    }

    /// Tells the pages anew what they have to do wrong.
    fn renew_page_faults(&self, scope: Scope) {
        for (_, page) in self.in_scope(scope) {
            let number = page.device.as_ref().and_then(|token| self.devices.get(token)).map(|device| device.number);
            page.push(&ServerFrame::Fault(PageFault::Clear {}));
            for fault in self.faults.for_page(number) {
                page.push(&ServerFrame::Fault(fault));
            }
        }
    }

    /// Ends all faults, or those of a number; syncs that one held up come now.
    pub(crate) fn clear_faults(&mut self, number: Option<Number>) {
        let held_up = self.devices.all().filter(|(_, device)| self.faults.never_syncs(device.number));
        let held_up: Vec<Token> = held_up.map(|(token, _)| token.clone()).collect();
        self.faults.clear(number);
        self.renew_page_faults(number.map_or(Scope::All, Scope::Number));
        held_up.iter().for_each(|token| self.plan_syncs(token));
        self.changed = true;
    }
}
