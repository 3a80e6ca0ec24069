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
use crate::rater::wire::Answer;

/// So many shards that each is swept in well under a millisecond.
const SHARDS: usize = 256;

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
    /// How many keys there may be.
    pub max_keys: AtomicUsize,
    /// How many there are.
    pub keys: AtomicUsize,
    /// How many had to go before their time.
    pub evicted: AtomicU64,
}

impl Store {
    /// An empty store.
    pub fn new(max_keys: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            max_keys: max_keys.into(),
            keys: 0.into(),
            evicted: 0.into(),
        }
    }

    /// Counts a mark and tells how its key stands. The limit is asked for
    /// only where it is not known by the rules of this generation. What has
    /// no limit is not remembered, nor what is only looked at.
    pub fn mark(
        &self,
        mark: Mark<'_>,
        generation: u32,
        limit: impl FnOnce() -> Result<Limit, Answer>,
    ) -> Result<Answer, Answer> {
        let hash = self.hasher.hash_one(mark.key);
        let mut shard = self.shard(hash);
        let found = shard.find(hash, mark.key);
        let known = found.map(|slot| shard.entry(slot));
        let limit = match known {
            Some(entry) if entry.generation == generation => entry.limit,
            _ => limit()?,
        };
        if limit.count == 0 || (mark.weight == 0 && found.is_none()) {
            return Ok(Answer::Standing { count: 0, limit: limit.count });
        }
        let slot = match found {
            Some(slot) => slot,
            None => self.insert(&mut shard, hash, mark),
        };
        let entry = shard.freshen(slot, mark);
        (entry.limit, entry.generation) = (limit, generation);
        let count = entry.window.mark(mark, limit.seconds);
        if let (Some(journal), 1..) = (&mut shard.journal, mark.weight) {
            journal::append(journal, mark, limit.seconds);
        }
        drop(shard);
        while self.keys.load(Relaxed) > self.max_keys.load(Relaxed) {
            self.evict();
        }
        Ok(Answer::Standing { count, limit: limit.count })
    }

    /// Forgets a key. Whether it was known.
    pub fn forget(&self, key: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        if let Some(journal) = &mut shard.journal {
            journal::append(journal, Mark { key, weight: 0, now: 0 }, 0);
        }
        let found = shard.find(hash, key);
        found.inspect(|slot| self.remove(&mut shard, *slot)).is_some()
    }

    /// Forgets the keys whose windows have passed, a shard at a time.
    pub fn sweep(&self, now: u32) {
        for mut shard in self.shards() {
            let Shard { table, entries, .. } = &mut *shard;
            let before = table.len();
            table.retain(|slot| {
                let Entry { window, limit, .. } = entries.peek(*slot);
                let age = now.saturating_sub(window.last());
                let is_idle = age >= limit.seconds;
                if is_idle {
                    entries.remove(*slot);
                }
                !is_idle
            });
            self.keys.fetch_sub(before - table.len(), Relaxed);
        }
    }

    /// The shards, locked one after the other.
    pub fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(lock)
    }

    /// The shard of a key; the table in it uses other bits of the hash.
    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        let [first, ..] = &self.shards;
        let [.., number, _, _] = hash.to_le_bytes();
        lock(self.shards.get(usize::from(number) % SHARDS).unwrap_or(first))
    }

    /// Adds a key to its shard.
    fn insert(&self, shard: &mut Shard, hash: u64, mark: Mark<'_>) -> u32 {
        let Shard { table, entries, .. } = shard;
        let slot = entries.insert(Entry {
            key: String::from_utf8_lossy(mark.key).into(),
            window: Window::new(mark.now),
            limit: Limit::default(),
            generation: 0,
        });
        table.insert_unique(hash, slot, |slot| {
            let Entry { key, .. } = entries.peek(*slot);
            self.hasher.hash_one(key.as_bytes())
        });
        self.keys.fetch_add(1, Relaxed);
        slot
    }

    /// Forgets the key whose last mark is the oldest of all, to the second.
    fn evict(&self) {
        let age = |it: &&_| lock(it).oldest().unwrap_or(u32::MAX);
        let oldest = self.shards.iter().min_by_key(age);
        let Some(mut shard) = oldest.map(lock) else { return };
        let Some(slot) = shard.entries.lru() else { return };
        self.remove(&mut shard, slot);
        self.evicted.fetch_add(1, Relaxed);
    }

    /// Takes a key out of its shard.
    fn remove(&self, shard: &mut Shard, slot: u32) {
        let entry = shard.entries.remove(slot);
        let hash = self.hasher.hash_one(entry.key.as_bytes());
        if let Ok(place) = shard.table.find_entry(hash, |it| *it == slot) {
            place.remove();
        }
        self.keys.fetch_sub(1, Relaxed);
    }
}

impl Shard {
    /// The key in a place.
    fn entry(&self, slot: u32) -> &Entry {
        self.entries.peek(slot)
    }

    /// Where a key is.
    fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let is_it = |slot: &u32| self.entry(*slot).key.as_bytes() == key;
        self.table.find(hash, is_it).copied()
    }

    /// The key that is to be marked. The first mark of a second brings it to
    /// the front; for the others it is there already.
    fn freshen(&mut self, slot: u32, mark: Mark<'_>) -> &mut Entry {
        let last = self.entry(slot).window.last();
        if mark.weight > 0 && last < mark.now {
            self.entries.get_mut(slot)
        } else {
            self.entries.peek_mut(slot)
        }
    }

    /// The second of the mark that is the longest ago.
    fn oldest(&self) -> Option<u32> {
        Some(self.entry(self.entries.lru()?).window.last())
    }
}

/// Locks a shard; no panic leaves one half changed.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
