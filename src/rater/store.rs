//! The store: many windows, and forgetting them in time.
//!
//! A key is remembered until its window has passed, or until there are too
//! many and it is the one that was marked least recently. With its window
//! stands its limit, so that a key which is known needs no rules.
//!
//! The keys are spread over shards, each behind its own lock, so that
//! connections rarely meet and nobody waits for long.
//!
//! ```
//! use ra_plugins::rater::rules::Limit;
//! use ra_plugins::rater::store::Store;
//! use ra_plugins::rater::window::Mark;
//!
//! let store = Store::new(1000);
//! let mark = Mark { key: b"ip 192.0.2.9", weight: 1, now: 100 };
//! let limit = || Ok(Limit { seconds: 10, count: 1 });
//! assert_eq!(store.mark(mark, 1, limit).unwrap().to_string(), "0 1/1");
//! assert_eq!(store.mark(mark, 1, limit).unwrap().to_string(), "1 2/1");
//! ```

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use lru_slab::LruSlab;
use smol_str::SmolStr;

use crate::rater::journal;
use crate::rater::rules::Limit;
use crate::rater::window::{Mark, Window};
use crate::rater::wire::{Refusal, Standing};

/// So many shards that each is swept in well under a millisecond.
const SHARDS: usize = 64;

/// A key that is known: 64 bytes with its place in the slab.
#[derive(Debug)]
pub struct Entry {
    /// `CLASS VALUE`; up to 23 bytes need no memory of their own.
    pub key: SmolStr,
    /// Its marks.
    pub window: Window,
    /// Its limit, by the rules of `generation`.
    pub limit: Limit,
    generation: u32,
}

impl Entry {
    /// Whether its window has passed.
    fn is_idle(&self, now: u32) -> bool {
        now.saturating_sub(self.window.last()) >= self.limit.seconds
    }
}

/// A part of the keys.
#[derive(Default)]
pub struct Shard {
    /// Places in the slab, by hash of the key.
    table: HashTable<u32>,
    /// The keys, in the order in which they were last marked. Those of the
    /// same second are in no order.
    pub entries: LruSlab<Entry>,
    /// Marks that are not yet on disk, where they are to get there.
    pub journal: Option<Vec<u8>>,
}

/// All keys.
pub struct Store {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    max_keys: AtomicUsize,
    /// How many keys there are.
    pub keys: AtomicUsize,
    /// How many had to go before their time.
    pub evicted: AtomicU64,
}

impl Store {
    /// An empty store for `max_keys` keys.
    pub fn new(max_keys: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            max_keys: max_keys.into(),
            keys: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
        }
    }
}

impl Store {
    /// Counts a mark. The limit is asked for only where the key is not
    /// known by the rules of this generation. What has no limit is not
    /// remembered.
    pub fn mark(
        &self,
        mark: Mark<'_>,
        generation: u32,
        limit: impl FnOnce() -> Result<Limit, Refusal>,
    ) -> Result<Standing, Refusal> {
        let hash = self.hasher.hash_one(mark.key);
        let mut shard = self.shard(hash);
        let slot = match shard.find(hash, mark.key) {
            Some(slot) if shard.is_current(slot, generation) => slot,
            known => match (known, limit()?) {
                (_, Limit { count: 0, .. }) => return Ok(Standing::default()),
                (Some(slot), limit) => {
                    let entry = shard.entries.peek_mut(slot);
                    (entry.limit, entry.generation) = (limit, generation);
                    slot
                }
                (None, Limit { count: limit, .. }) if mark.weight == 0 => {
                    return Ok(Standing { count: 0, limit });
                }
                (None, limit) => {
                    let key = String::from_utf8_lossy(mark.key).into();
                    let window = Window::new(mark.now);
                    let entry = Entry { key, window, limit, generation };
                    self.insert(&mut shard, hash, entry)
                }
            },
        };
        let standing = shard.mark(slot, mark);
        drop(shard);
        self.evict();
        Ok(standing)
    }

    /// Forgets a key. Whether it was known.
    pub fn reset(&self, key: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        let slot = shard.find(hash, key);
        slot.is_some_and(|slot| self.remove(&mut shard, hash, slot).is_some())
    }

    /// Forgets the keys whose windows have passed, a shard at a time.
    pub fn sweep(&self, now: u32) {
        for mut shard in self.shards() {
            let Shard { table, entries, .. } = &mut *shard;
            let before = table.len();
            table.retain(|slot| {
                let idle = entries.peek(*slot).is_idle(now);
                !(idle && entries.remove(*slot).is_idle(now))
            });
            self.keys.fetch_sub(before - table.len(), Relaxed);
            if table.is_empty() {
                (*table, *entries) = Default::default();
            }
        }
    }

    /// The shards, locked one after the other.
    pub fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(|shard| lock(shard))
    }

    /// The shard of a key. The table inside uses other bits of the hash.
    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        let [.., first] = &self.shards;
        let number = usize::from((hash >> 32).to_le_bytes()[0]) % SHARDS;
        lock(self.shards.get(number).unwrap_or(first))
    }

    /// Adds a key to its shard.
    fn insert(&self, shard: &mut Shard, hash: u64, entry: Entry) -> u32 {
        let Shard { table, entries, .. } = shard;
        let slot = entries.insert(entry);
        table.insert_unique(hash, slot, |slot| {
            self.hasher.hash_one(entries.peek(*slot).key.as_bytes())
        });
        self.keys.fetch_add(1, Relaxed);
        slot
    }

    /// Takes a key out of its shard.
    fn remove(&self, shard: &mut Shard, hash: u64, slot: u32) -> Option<Entry> {
        let place = shard.table.find_entry(hash, |it| *it == slot).ok()?;
        place.remove();
        self.keys.fetch_sub(1, Relaxed);
        Some(shard.entries.remove(slot))
    }

    /// Makes room where there are too many keys: the one goes whose last
    /// mark is the oldest of all, to the second.
    fn evict(&self) {
        while self.keys.load(Relaxed) > self.max_keys.load(Relaxed) {
            let by_age = |it: &&Mutex<Shard>| lock(it).oldest_mark();
            let Some(oldest) = self.shards.iter().min_by_key(by_age) else {
                return;
            };
            let mut shard = lock(oldest);
            let Some(slot) = shard.entries.lru() else { return };
            let key = shard.entries.peek(slot).key.clone();
            let hash = self.hasher.hash_one(key.as_bytes());
            self.remove(&mut shard, hash, slot);
            self.evicted.fetch_add(1, Relaxed);
        }
    }
}

impl Shard {
    /// Where a key is.
    fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let is_it = |slot: &u32| self.entries.peek(*slot).key.as_bytes() == key;
        self.table.find(hash, is_it).copied()
    }

    /// Whether the limit of a key is by these rules.
    fn is_current(&self, slot: u32, generation: u32) -> bool {
        self.entries.peek(slot).generation == generation
    }

    /// Counts a mark of a key. The first of a second brings the key to the
    /// front; for the others it is there already.
    fn mark(&mut self, slot: u32, mark: Mark<'_>) -> Standing {
        let entry = self.entries.peek(slot);
        let is_first = mark.weight > 0 && entry.window.last() < mark.now;
        let entry = if is_first {
            self.entries.get_mut(slot)
        } else {
            self.entries.peek_mut(slot)
        };
        let Limit { seconds, count: limit } = entry.limit;
        if let Some(journal) = &mut self.journal
            && mark.weight > 0
        {
            journal::append(journal, mark, seconds);
        }
        let count = entry.window.mark(mark.now, seconds, mark.weight);
        Standing { count, limit }
    }

    /// The second of the mark that is the longest ago.
    fn oldest_mark(&self) -> u32 {
        let oldest = self.entries.lru();
        oldest.map_or(u32::MAX, |slot| self.entries.peek(slot).window.last())
    }
}

/// Locks a shard; no panic leaves one half changed.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
