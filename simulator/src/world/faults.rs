//! What goes wrong on purpose, for one number or for all pages.
//!
//! Some faults happen once, at once (a dropped socket, a crash); the others stand until they are replaced or cleared. What
//! the page itself must do wrong reaches it as a [`PageFault`]: at load in the HTML, and as a frame after its `hello`.

use std::collections::HashMap;
use std::mem::discriminant;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::pages::PageId;
use crate::frame::PageFault;
use crate::id::Number;

mod happen;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every page, also those that come later.
    All,
    /// The pages linked to a number.
    Number(Number),
    /// One connected page; for faults that happen at once.
    Page(PageId),
}

/// One fault, as `POST /faults` names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// Cuts the connection once.
    DropSocket(bool),
    /// Takes no connection for so long.
    RefuseSocketMs(u64),
    /// Gives every ack so much later.
    AckDelayMs(u64),
    /// Gives no ack above this one.
    StayAtAck(i8),
    /// Gives acks 1, 2, 3 in the reverse order.
    AcksOutOfOrder(bool),
    /// Refuses what is sent.
    FailSend(FailSend),
    /// The page's main thread is busy for so long.
    HangPageMs(u64),
    /// The renderer crashes.
    CrashRenderer(bool),
    /// The page itself comes so much later.
    SlowLoadMs(u64),
    /// The page never gets ready.
    NeverSync(bool),
    /// The page gets ready so much later.
    LateHasSyncedMs(u64),
    /// The stream ends with the error `replaced`.
    Replaced(bool),
    /// The refs on the screen end now.
    RefsRunOut(bool),
    /// A module lacks an export.
    MissingExport { module: String, export: String },
    /// WhatsApp shuts the page out: the screen's mode, such as `TOS_BLOCK` or `DEPRECATED_VERSION`.
    Block(String),
    /// A logout begins and never gets its storage cleared.
    HangLogout(bool),
    /// Message keys have the shape from before August 2026.
    OldMsgkey(bool),
    /// The page's heap grows.
    LeakMbPerMinute(f64),
    /// The page's heap holds so much more.
    HeapMb(f64),
    /// Cuts the connections again and again.
    SocketsFlapEveryMs(u64),
}

/// The code of a refusal, and how many messages get it (all, unless said).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum FailSend {
    Always(u32),
    Sometimes { code: u32, times: Option<u32> },
}

/// The faults that stand.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    all: Standing,
    by_number: HashMap<Number, Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    faults: Vec<Fault>,
    refuse_until: Option<Instant>,
}

impl Fault {
    /// Whether it happens once; else it stands.
    pub(crate) fn is_momentary(&self) -> bool {
        matches!(
            self,
            Self::DropSocket(_)
                | Self::HangPageMs(_)
                | Self::CrashRenderer(_)
                | Self::Replaced(_)
                | Self::RefsRunOut(_)
        )
    }

    /// A switch that is put to off: the fault ends.
    fn is_off(&self) -> bool {
        matches!(
            self,
            Self::DropSocket(false)
                | Self::AcksOutOfOrder(false)
                | Self::CrashRenderer(false)
                | Self::NeverSync(false)
                | Self::Replaced(false)
                | Self::RefsRunOut(false)
                | Self::OldMsgkey(false)
                | Self::HangLogout(false)
        )
    }

    /// What the page has to do about it.
    fn for_page(&self) -> Option<PageFault> {
        Some(match self {
            Self::HangPageMs(ms) => PageFault::Hang { ms: *ms },
            Self::CrashRenderer(true) => PageFault::Crash {},
            Self::NeverSync(true) => PageFault::NeverSync {},
            Self::LateHasSyncedMs(ms) => PageFault::LateHasSynced { ms: *ms },
            Self::MissingExport { module, export } => {
                PageFault::MissingExport { module: module.clone(), export: export.clone() }
            }
            Self::Block(mode) => PageFault::Block { mode: mode.clone() },
            Self::HangLogout(true) => PageFault::HangLogout {},
            Self::OldMsgkey(true) => PageFault::OldMsgkey {},
            Self::LeakMbPerMinute(mb_per_minute) => PageFault::Leak { mb_per_minute: *mb_per_minute },
            Self::HeapMb(mb) => PageFault::Heap { mb: *mb },
            _ => return None,
        })
    }
}

impl Standing {
    fn put(&mut self, fault: Fault) {
        let several = matches!(fault, Fault::MissingExport { .. });
        self.faults.retain(|other| if several { *other != fault } else { discriminant(other) != discriminant(&fault) });
        if let Fault::RefuseSocketMs(ms) = fault {
            self.refuse_until = Some(Instant::now() + Duration::from_millis(ms));
        } else if !fault.is_off() {
            self.faults.push(fault);
        }
    }
}

impl Faults {
    /// The first answer of the faults that hold for a number, its own before those of all.
    fn find<T>(&self, number: Option<Number>, answer: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let own = number.and_then(|number| self.by_number.get(&number));
        own.into_iter().chain(std::iter::once(&self.all)).flat_map(|standing| &standing.faults).find_map(answer)
    }

    fn standing(&mut self, scope: Scope) -> Option<&mut Standing> {
        match scope {
            Scope::All => Some(&mut self.all),
            Scope::Number(number) => Some(self.by_number.entry(number).or_default()),
            Scope::Page(_) => None,
        }
    }

    /// Ends all, or those of a number.
    pub(crate) fn clear(&mut self, number: Option<Number>) {
        match number {
            None => *self = Self::default(),
            Some(number) => drop(self.by_number.remove(&number)),
        }
    }

    /// Whether connections of a number (or any at all) are refused now.
    pub(crate) fn refuses(&self, number: Option<Number>) -> bool {
        let standing = match number {
            Some(number) => self.by_number.get(&number),
            None => Some(&self.all),
        };
        standing.and_then(|standing| standing.refuse_until).is_some_and(|until| until > Instant::now())
    }

    /// By how much every ack of a number is late.
    pub(crate) fn ack_delay_ms(&self, number: Number) -> u64 {
        let delay = |fault: &Fault| {
            if let Fault::AckDelayMs(ms) = fault { Some(*ms) } else { None }
        };
        self.find(Some(number), delay).unwrap_or_default()
    }

    /// Whether a number's acks come in the reverse order.
    pub(crate) fn acks_out_of_order(&self, number: Number) -> bool {
        self.find(Some(number), |fault| matches!(fault, Fault::AcksOutOfOrder(true)).then_some(())).is_some()
    }

    /// Whether a number's acks stay below this level.
    pub(crate) fn stays_below(&self, number: Number, level: i8) -> bool {
        let highest = |fault: &Fault| {
            if let Fault::StayAtAck(ack) = fault { Some(*ack) } else { None }
        };
        self.find(Some(number), highest).is_some_and(|highest| level > highest)
    }

    /// By how much the page itself is late.
    pub(crate) fn slow_load_ms(&self, number: Option<Number>) -> u64 {
        let delay = |fault: &Fault| {
            if let Fault::SlowLoadMs(ms) = fault { Some(*ms) } else { None }
        };
        self.find(number, delay).unwrap_or_default()
    }

    /// Whether a number's page never gets its syncs.
    pub(crate) fn never_syncs(&self, number: Number) -> bool {
        self.find(Some(number), |fault| matches!(fault, Fault::NeverSync(true)).then_some(())).is_some()
    }

    /// The code with which the next message of a number is refused; counted.
    pub(crate) fn take_send_failure(&mut self, number: Number) -> Option<u32> {
        let own = self.by_number.get_mut(&number);
        for standing in own.into_iter().chain(std::iter::once(&mut self.all)) {
            let Some(place) = standing.faults.iter().position(|fault| matches!(fault, Fault::FailSend(_))) else {
                continue;
            };
            let Fault::FailSend(fail) = &mut standing.faults[place] else {
                continue;
            };
            match fail {
                FailSend::Always(code) | FailSend::Sometimes { code, times: None } => {
                    return Some(*code);
                }
                FailSend::Sometimes { code, times: Some(times) } => {
                    let code = *code;
                    *times = times.saturating_sub(1);
                    if *times == 0 {
                        standing.faults.remove(place);
                    }
                    return Some(code);
                }
            }
        }
        None
    }

    /// What a page has to do wrong: all pages', and those of its number.
    pub(crate) fn for_page(&self, number: Option<Number>) -> Vec<PageFault> {
        let own = number.and_then(|number| self.by_number.get(&number));
        let standing = std::iter::once(&self.all).chain(own);
        standing.flat_map(|standing| &standing.faults).filter_map(Fault::for_page).collect()
    }

    /// Everything that stands, with whose it is.
    pub(crate) fn list(&self) -> Vec<(Option<Number>, Vec<Fault>)> {
        let mut list = vec![(None, self.all.faults.clone())];
        list.extend(self.by_number.iter().map(|(number, standing)| (Some(*number), standing.faults.clone())));
        list.retain(|(_, faults)| !faults.is_empty());
        list.sort_by_key(|(number, _)| *number);
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> Number {
        Number::parse("15551230000").unwrap()
    }

    #[test]
    fn a_numbers_own_fault_goes_before_that_of_all() {
        let mut faults = Faults::default();
        faults.standing(Scope::All).unwrap().put(Fault::AckDelayMs(10));
        faults.standing(Scope::Number(number())).unwrap().put(Fault::AckDelayMs(99));
        assert_eq!(faults.ack_delay_ms(number()), 99);
        assert_eq!(faults.ack_delay_ms(Number::parse("15557770000").unwrap()), 10);
    }

    #[test]
    fn a_send_fails_as_often_as_was_said() {
        let mut faults = Faults::default();
        faults.standing(Scope::All).unwrap().put(Fault::FailSend(FailSend::Sometimes { code: 463, times: Some(2) }));
        assert_eq!([0; 3].map(|_| faults.take_send_failure(number())), [Some(463), Some(463), None]);
    }

    #[test]
    fn faults_replace_their_kind_and_switch_off() {
        let mut standing = Standing::default();
        standing.put(Fault::StayAtAck(0));
        standing.put(Fault::StayAtAck(1));
        standing.put(Fault::OldMsgkey(true));
        standing.put(Fault::OldMsgkey(false));
        for export in ["a", "b", "a"] {
            standing.put(Fault::MissingExport { module: "M".to_owned(), export: export.to_owned() });
        }
        let missing = |export: &str| Fault::MissingExport { module: "M".to_owned(), export: export.to_owned() };
        assert_eq!(standing.faults, [Fault::StayAtAck(1), missing("b"), missing("a")]);
    }

    #[test]
    fn acks_stay_where_they_were_told_to() {
        let mut faults = Faults::default();
        faults.standing(Scope::All).unwrap().put(Fault::StayAtAck(1));
        assert!(!faults.stays_below(number(), 1));
        assert!(faults.stays_below(number(), 2));
    }
}
