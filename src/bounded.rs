//! Maps that cannot grow without end: each bounded in number and in time, with a name under which its size and its evictions stand in
//! the metrics. For what is looked up by something that others choose (people, hosts) or that comes and goes (sessions).
//!
//! Owns nothing but the maps' own memory. What must not be lost does not belong here: an entry may go at any time.

use std::{fmt, hash::Hash, time::Duration};

use metrics::{counter, gauge};
use moka::{notification::RemovalCause, sync::Cache};

/// How far a map may grow.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Its name in the metrics.
    pub name: &'static str,
    /// How many entries it has at most; beyond, those that were used least go.
    pub entries: u64,
    /// How long an entry lives after it was put in.
    pub life: Duration,
}

/// A map that is bounded. Clones share it.
#[derive(Clone)]
pub struct Bounded<K, V> {
    name: &'static str,
    cache: Cache<K, V>,
}

impl<K, V> fmt::Debug for Bounded<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bounded").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<K, V> Bounded<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An empty one.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let name = bounds.name;
        let cache = Cache::builder()
            .name(name)
            .max_capacity(bounds.entries)
            .time_to_live(bounds.life)
            .support_invalidation_closures()
            .eviction_listener(move |_, _, cause| {
                let why = match cause {
                    RemovalCause::Expired => "time",
                    RemovalCause::Size => "number",
                    RemovalCause::Explicit | RemovalCause::Replaced => return,
                };
                counter!("drover_map_evictions_total", "map" => name, "cause" => why).increment(1);
            })
            .build();
        Self { name, cache }
    }

    /// What is there under a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.cache.get(key)
    }

    /// Puts something in; what was there under the key is replaced.
    pub fn insert(&self, key: K, value: V) {
        self.cache.insert(key, value);
        self.show();
    }

    /// Takes out what is there under a key.
    pub fn remove(&self, key: &K) {
        self.cache.invalidate(key);
        self.show();
    }

    /// Takes out whatever `is_meant`.
    pub fn remove_all(&self, is_meant: impl Fn(&K, &V) -> bool + Send + Sync + 'static) {
        // Fails only for a cache that was built without closures.
        let _ = self.cache.invalidate_entries_if(is_meant);
        self.show();
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.entry_count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn show(&self) {
        show_size(self.name, self.len());
    }
}

/// The size of a map that bounds itself, for the metrics.
pub fn show_size(name: &'static str, entries: u64) {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    gauge!("drover_map_entries", "map" => name).set(entries as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_it_may_and_nothing_for_longer() {
        let bounds = Bounds { name: "test", entries: 100, life: Duration::from_millis(200) };
        let map: Bounded<u32, u32> = Bounded::new(bounds);
        for number in 0..10_000 {
            map.insert(number, number);
            assert!(map.len() <= 100);
        }
        let began = std::time::Instant::now();
        while !map.is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10), "{} are left", map.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn what_is_meant_is_taken_out() {
        let map = Bounded::new(Bounds { name: "test", entries: 100, life: Duration::from_secs(60) });
        for number in 0..10 {
            map.insert(number, number);
        }
        map.remove(&3);
        map.remove_all(|key, _| key % 2 == 0);
        assert_eq!((map.get(&3), map.get(&4), map.get(&5)), (None, None, Some(5)));
    }
}
