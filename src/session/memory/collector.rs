//! When a page's garbage is collected: once after it became ready, since loading leaves half of what it holds then, and in the largest
//! pages while memory is short. Pure.

use std::collections::BTreeMap;

use crate::model::SessionName;

/// A page that became ready works for a while yet.
const SETTLED_MS: i64 = 20_000;
/// What was collected just now gives nothing more, unless the page has grown since, by this part of what it held then.
const PAUSE_MS: i64 = 300_000;
const GROWN_BY: u64 = 4;
/// How many pages at a time while memory is short: each stands still for some 100 ms meanwhile, and what the largest give may do.
const AT_A_TIME: usize = 2;

/// A page that may be told to collect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) name: &'a SessionName,
    /// For how long it is ready, in milliseconds.
    pub(super) ready_ms: i64,
    pub(super) private_bytes: u64,
}

/// Which pages were told.
#[derive(Debug, Default)]
pub(super) struct Collector {
    told: BTreeMap<SessionName, Told>,
}

/// When one was told, and what it held then.
#[derive(Debug, Clone, Copy)]
struct Told {
    at_ms: i64,
    private_bytes: u64,
}

impl Told {
    /// Whether collecting again may give something.
    fn is_worth_it(self, page: &Page<'_>, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.at_ms) >= PAUSE_MS
            || page.private_bytes >= self.private_bytes.saturating_add(self.private_bytes / GROWN_BY)
    }
}

impl Collector {
    /// Which pages are to collect now, the largest first: all that have not since they became ready, so that none waits for another's turn.
    /// `is_short`: memory is.
    pub(super) fn due(&mut self, pages: &[Page<'_>], is_short: bool, now_ms: i64) -> Vec<SessionName> {
        self.told.retain(|name, _| pages.iter().any(|page| page.name == name));
        let mut by_size: Vec<&Page<'_>> = pages.iter().filter(|page| page.ready_ms >= SETTLED_MS).collect();
        by_size.sort_by_key(|page| std::cmp::Reverse(page.private_bytes));
        let mut again = if is_short { AT_A_TIME } else { 0 };
        let due: Vec<Page<'_>> = by_size
            .into_iter()
            .filter(|page| match self.told_since_ready(page, now_ms) {
                None => true,
                Some(told) => {
                    let is_due = again > 0 && told.is_worth_it(page, now_ms);
                    again -= usize::from(is_due);
                    is_due
                }
            })
            .copied()
            .collect();
        for page in &due {
            self.told.insert(page.name.clone(), Told { at_ms: now_ms, private_bytes: page.private_bytes });
        }
        due.into_iter().map(|page| page.name.clone()).collect()
    }

    /// One that was told before it was ready has loaded anew since.
    fn told_since_ready(&self, page: &Page<'_>, now_ms: i64) -> Option<Told> {
        self.told.get(page.name).copied().filter(|told| now_ms.saturating_sub(told.at_ms) < page.ready_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_collects_once_after_it_is_ready_and_the_largest_when_memory_is_short() {
        let names: Vec<SessionName> = ["a", "b", "c"].iter().map(|name| name.parse().expect("a name")).collect();
        let pages = |ready_ms: i64| -> Vec<Page<'_>> {
            names.iter().zip([10, 30, 20]).map(|(name, private_bytes)| Page { name, ready_ms, private_bytes }).collect()
        };
        let [a, b, c] = [&names[0], &names[1], &names[2]];
        let mut collector = Collector::default();
        assert!(collector.due(&pages(SETTLED_MS - 1), true, 0).is_empty(), "they still work");
        assert_eq!(collector.due(&pages(SETTLED_MS), false, 2_000), [b.clone(), c.clone(), a.clone()]);
        assert!(collector.due(&pages(SETTLED_MS + 1_000), true, 3_000).is_empty(), "just now");
        let later = 2_000 + PAUSE_MS;
        assert!(collector.due(&pages(later), false, later).is_empty(), "memory is plenty");
        assert_eq!(collector.due(&pages(later), true, later), [b.clone(), c.clone()]);
        assert_eq!(collector.due(&pages(later), true, later), std::slice::from_ref(a));
    }

    #[test]
    fn a_page_that_has_grown_collects_again_at_once_when_memory_is_short() {
        let name: SessionName = "a".parse().expect("a name");
        let page = |private_bytes| [Page { name: &name, ready_ms: 100_000, private_bytes }];
        let mut collector = Collector::default();
        assert_eq!(collector.due(&page(100), false, 50_000).len(), 1);
        assert!(collector.due(&page(124), true, 51_000).is_empty(), "by too little");
        assert!(collector.due(&page(125), false, 51_000).is_empty(), "memory is plenty");
        assert_eq!(collector.due(&page(125), true, 51_000).len(), 1);
        assert!(collector.due(&page(125), true, 52_000).is_empty(), "it gave what it had");
    }

    #[test]
    fn a_page_that_was_loaded_anew_collects_again() {
        let name: SessionName = "a".parse().expect("a name");
        let page = |ready_ms| [Page { name: &name, ready_ms, private_bytes: 10 }];
        let mut collector = Collector::default();
        assert_eq!(collector.due(&page(SETTLED_MS), false, 50_000).len(), 1);
        assert_eq!(collector.due(&page(SETTLED_MS), false, 90_000).len(), 1);
        assert!(collector.due(&page(SETTLED_MS + 1), false, 90_001).is_empty());
    }
}
