//! Maps that cannot grow without end: each bounded in number and in time, with a name under which its size and its evictions stand in
//! the metrics. For what is looked up by something that others choose (people, hosts) or that comes and goes (sessions).
//!
//! Owns nothing but the maps' own memory. What must not be lost does not belong here: an entry may go at any time.

use std::{
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use metrics::{counter, gauge};
use moka::{notification::RemovalCause, policy::EvictionPolicy, sync::Cache};

/// How far a map may grow.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Its name in the metrics.
    pub name: &'static str,
    /// How many entries it has at most, or what they weigh together; beyond, those go that were not used for longest.
    pub most: u64,
    /// How long an entry lives.
    pub life: Life,
}

/// How long an entry lives.
#[derive(Debug, Clone, Copy)]
pub enum Life {
    /// After it was put in.
    Put(Duration),
    /// After it was used last.
    Used(Duration),
    /// Whichever of the two comes first.
    Both {
        /// After it was put in.
        put: Duration,
        /// After it was used last.
        used: Duration,
    },
}

/// A map that is bounded. Clones share it.
#[derive(Clone)]
pub struct Bounded<K, V>(Arc<Map<K, V>>);

struct Map<K, V> {
    name: &'static str,
    cache: Cache<K, V>,
}

/// The maps there are: what is too old goes, and the metrics tell, also where nobody looks anything up.
static MAPS: Mutex<Vec<Weak<dyn Settle>>> = Mutex::new(Vec::new());

/// A map that lets go what it no longer needs when it is told to, also where nobody looks anything up.
pub trait Settle: Send + Sync {
    /// Lets go what is too old or of no use any more, and shows how much is left ([`show_size`]).
    fn settle(&self);
}

/// Has a map settled with all others, for as long as somebody holds it.
pub fn keep_settled(map: &Arc<impl Settle + 'static>) {
    let shared: Arc<dyn Settle> = map.clone();
    MAPS.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&shared));
}

/// Lets go, in every map, what is too old, and shows how much is left. To be done now and then.
pub fn settle() {
    let maps = {
        let mut maps = MAPS.lock().unwrap_or_else(PoisonError::into_inner);
        maps.retain(|map| map.strong_count() > 0);
        maps.clone()
    };
    for map in maps.iter().filter_map(Weak::upgrade) {
        map.settle();
    }
}

impl<K, V> fmt::Debug for Bounded<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bounded").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl<K, V> Settle for Map<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn settle(&self) {
        self.cache.run_pending_tasks();
        show_size(self.name, self.cache.entry_count());
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
        Self::weighed(bounds, |_, _| 1)
    }

    /// An empty one whose entries count by what they weigh.
    #[must_use]
    pub fn weighed(bounds: Bounds, weigh: impl Fn(&K, &V) -> u32 + Send + Sync + 'static) -> Self {
        let name = bounds.name;
        let cache = Cache::builder()
            .name(name)
            .max_capacity(bounds.most)
            .weigher(weigh)
            // What is new is kept, however often it was wanted before: a limit that forgets it at once would be none.
            .eviction_policy(EvictionPolicy::lru())
            .support_invalidation_closures()
            .eviction_listener(move |_, _, cause| {
                let why = match cause {
                    RemovalCause::Expired => "time",
                    RemovalCause::Size => "number",
                    RemovalCause::Explicit | RemovalCause::Replaced => return,
                };
                count_evictions(name, why, 1);
            });
        let cache = match bounds.life {
            Life::Put(life) => cache.time_to_live(life),
            Life::Used(life) => cache.time_to_idle(life),
            Life::Both { put, used } => cache.time_to_live(put).time_to_idle(used),
        };
        let map = Arc::new(Map { name, cache: cache.build() });
        keep_settled(&map);
        Self(map)
    }

    /// What is there under a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.0.cache.get(key)
    }

    /// What is there under a key, after `make` has put it there if nothing was. Of several at once one makes it, for all.
    pub fn get_or_make(&self, key: K, make: impl FnOnce() -> V) -> V {
        let entry = self.0.cache.entry(key).or_insert_with(make);
        if entry.is_fresh() {
            self.0.settle();
        }
        entry.into_value()
    }

    /// Puts something in; what was there under the key is replaced.
    pub fn insert(&self, key: K, value: V) {
        self.0.cache.insert(key, value);
        self.0.settle();
    }

    /// Takes out what is there under a key.
    pub fn remove(&self, key: &K) {
        self.0.cache.invalidate(key);
        self.0.settle();
    }

    /// Takes out whatever `is_meant`.
    pub fn remove_all(&self, is_meant: impl Fn(&K, &V) -> bool + Send + Sync + 'static) {
        // Fails only for a cache that was built without closures.
        let _ = self.0.cache.invalidate_entries_if(is_meant);
        self.0.settle();
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.cache.run_pending_tasks();
        self.0.cache.entry_count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The size of a map, for the metrics.
pub fn show_size(name: &'static str, entries: u64) {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    gauge!("drover_map_entries", "map" => name).set(entries as f64);
}

/// Counts entries that went from a map without being asked to: for their age (`time`), their number (`number`), or because nobody
/// holds them any more (`unused`).
pub fn count_evictions(name: &'static str, cause: &'static str, entries: u64) {
    counter!("drover_map_evictions_total", "map" => name, "cause" => cause).increment(entries);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_it_may_and_nothing_for_longer() {
        let bounds = Bounds { name: "test", most: 100, life: Life::Put(Duration::from_millis(200)) };
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
    fn what_is_used_stays_and_what_is_not_goes_though_nobody_looks_at_the_map() {
        let life = Duration::from_millis(600);
        let map = Bounded::new(Bounds { name: "test", most: 100, life: Life::Used(life) });
        assert_eq!(map.get_or_make("used", || 1), 1);
        assert_eq!(map.get_or_make("used", || 2), 1, "it is there already");
        map.insert("idle", 3);
        let began = std::time::Instant::now();
        while began.elapsed() < 3 * life || map.0.cache.entry_count() > 1 {
            assert!(began.elapsed() < Duration::from_secs(10), "what nobody uses is still there");
            assert_eq!(map.get(&"used"), Some(1));
            settle();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn what_is_meant_is_taken_out() {
        let map = Bounded::new(Bounds { name: "test", most: 100, life: Life::Put(Duration::from_secs(60)) });
        for number in 0..10 {
            map.insert(number, number);
        }
        map.remove(&3);
        map.remove_all(|key, _| key % 2 == 0);
        assert_eq!((map.get(&3), map.get(&4), map.get(&5)), (None, None, Some(5)));
    }
}
