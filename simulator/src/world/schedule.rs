//! What has to happen later: acks, sync chunks, ciphertexts that resolve, sockets that flap.
//!
//! A heap by time; entries of the same time run in the order in which they were put.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::time::Instant;

use super::World;
use super::devices::Token;
use super::faults::Scope;
use super::messages::MessageIndex;
use super::pages::PageId;
use crate::id::Number;

/// Something to do at its time.
#[derive(Debug)]
pub(crate) enum Due {
    /// The next ack of something that a page sent.
    Ack(super::acks::PlannedAck),
    /// The critical sync of a newly linked device, if it is still on this page.
    CriticalSync { device: Token, page: PageId },
    /// The chunk of the history sync that begins with this message, if the device is still on this page.
    HistoryChunk { device: Token, page: PageId, from: usize },
    /// A ciphertext turns into its message.
    Resolve { message: MessageIndex },
    /// A call that nobody took ends.
    CallEnds { owner: Number, id: String, from: String, is_video: bool, is_group: bool },
    /// The sockets are dropped again.
    Flap { scope: Scope, every: Duration },
}

/// The heap of what is due.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    heap: BinaryHeap<Reverse<Entry>>,
    next_sequence: u64,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    sequence: u64,
    due: Due,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl Schedule {
    /// Puts something on the schedule.
    pub(crate) fn after_ms(&mut self, ms: u64, due: Due) {
        self.at(Instant::now() + Duration::from_millis(ms), due);
    }

    fn at(&mut self, at: Instant, due: Due) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.heap.push(Reverse(Entry { at, sequence, due }));
    }

    /// When the next entry is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    fn take_due(&mut self, now: Instant) -> Option<Due> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.due)
    }
}

impl World {
    /// Does all that is due by now.
    pub(crate) fn run_due(&mut self, now: Instant) {
        while let Some(due) = self.schedule.take_due(now) {
            match due {
                Due::Ack(planned) => self.give_planned_ack(planned),
                Due::CriticalSync { device, page } => self.give_critical_sync(&device, page),
                Due::HistoryChunk { device, page, from } => self.give_history_chunk(&device, page, from),
                Due::Resolve { message } => self.resolve_ciphertext(message),
                Due::CallEnds { owner, id, from, is_video, is_group } => {
                    self.end_call(owner, &id, &from, (is_video, is_group))
                }
                Due::Flap { scope, every } => self.flap(scope, every),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(from: usize) -> Due {
        Due::HistoryChunk { device: Token::from("t"), page: 1, from }
    }

    #[test]
    fn what_is_due_comes_by_time_then_by_order() {
        let mut schedule = Schedule::default();
        let start = Instant::now();
        schedule.at(start + Duration::from_millis(20), chunk(2));
        schedule.at(start, chunk(0));
        schedule.at(start, chunk(1));
        let mut seen = Vec::new();
        while let Some(Due::HistoryChunk { from, .. }) = schedule.take_due(start + Duration::from_millis(10)) {
            seen.push(from);
        }
        assert_eq!(seen, [0, 1]);
        assert_eq!(schedule.next_at(), Some(start + Duration::from_millis(20)));
    }
}
