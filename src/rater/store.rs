//! The store: many windows, and forgetting them in time.
//!
//! A key is remembered until its window has passed, or until there are too
//! many and it is the one that was marked least recently. With its window
//! stands its limit, so that a key which is known needs no rules.
//!
//! The keys are spread over shards, so that whatever has to look at all of
//! them can do it in small steps, and nobody waits for long.
//!
//! ```
//! use ra_plugins::rater::rules::Limit;
//! use ra_plugins::rater::store::Store;
//! use ra_plugins::rater::window::Mark;
//!
//! let mut store = Store::new(1000);
//! let mark = Mark { key: b"ip 192.0.2.9", weight: 1, now: 100 };
//! let limit = || Ok(Limit { seconds: 10, count: 1 });
//! assert_eq!(store.mark(mark, limit).unwrap().to_string(), "0 1/1");
//! assert_eq!(store.mark(mark, limit).unwrap().to_string(), "1 2/1");
//! ```

use std::hash::BuildHasher;
use std::hint::black_box;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use lru_slab::LruSlab;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use tinyvec::TinyVec;

use crate::rater::journal;
use crate::rater::rules::Limit;
use crate::rater::window::{Mark, Window};
use crate::rater::wire::Answer;

/// So many shards that to walk through one takes well under a millisecond.
const SHARDS: usize = 256;

/// A key that is known: 64 bytes, and 8 for its place in the order of marks.
#[derive(Debug)]
pub struct Entry {
    /// `CLASS VALUE`; up to 28 bytes need no memory of their own.
    pub key: TinyVec<[u8; 28]>,
    /// Its marks.
    pub window: Window,
    /// Its limit. With a count of 0 the rules have to be asked again.
    pub limit: Limit,
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
    shards: [Shard; SHARDS],
    hasher: RandomState,
    /// How many keys there may be.
    pub max_keys: usize,
    /// How many there are.
    pub keys: usize,
    /// How many had to go before their time.
    pub evicted: u64,
}

impl Store {
    /// An empty store.
    pub fn new(max_keys: usize) -> Self {
        let shards = std::array::from_fn(|_| Shard::default());
        let hasher = RandomState::default();
        Self { shards, hasher, max_keys, keys: 0, evicted: 0 }
    }

    /// Counts a mark and tells how its key stands. The limit is asked for
    /// only where it is not known. What has no limit is not remembered, nor
    /// what is only looked at.
    pub fn mark(
        &mut self,
        mark: Mark<'_>,
        limit: impl FnOnce() -> Result<Limit, Answer>,
    ) -> Result<Answer, Answer> {
        self.mark_at(self.hash(mark.key), mark, limit)
    }

    /// Where a key belongs.
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Has a key brought here from memory that is far away. Who asks for
    /// several in a row waits for them together.
    pub fn fetch(&mut self, hash: u64) {
        let shard = shard(&mut self.shards, hash);
        if let Some(slot) = shard.table.find(hash, |_| true) {
            black_box(shard.entry(*slot).limit.count);
        }
    }

    /// Counts a mark whose hash is known.
    pub fn mark_at(
        &mut self,
        hash: u64,
        mark: Mark<'_>,
        limit: impl FnOnce() -> Result<Limit, Answer>,
    ) -> Result<Answer, Answer> {
        let shard = shard(&mut self.shards, hash);
        let found = shard.find(hash, mark.key);
        let limit = match found.map(|slot| shard.entry(slot).limit) {
            Some(limit @ Limit { count: 1.., .. }) => limit,
            Some(_) | None => limit()?,
        };
        if limit.count == 0 || (mark.weight == 0 && found.is_none()) {
            return Ok(Answer::Standing { count: 0, limit: limit.count });
        }
        let slot = found.unwrap_or_else(|| {
            self.keys += 1;
            shard.insert(hash, mark, &self.hasher)
        });
        let count = shard.count(slot, mark, limit);
        if self.keys > self.max_keys {
            self.evict();
        }
        Ok(Answer::Standing { count, limit: limit.count })
    }

    /// Forgets a key. Whether it was known.
    pub fn forget(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        let shard = shard(&mut self.shards, hash);
        if let Some(journal) = &mut shard.journal {
            journal::append(journal, Mark { key, weight: 0, now: 0 }, 0);
        }
        let is_it = |slot: &u32| {
            let Entry { key: found, .. } = shard.entries.peek(*slot);
            found.as_slice() == key
        };
        let Ok(found) = shard.table.find_entry(hash, is_it) else {
            return false;
        };
        let (slot, _) = found.remove();
        shard.entries.remove(slot);
        self.keys -= 1;
        true
    }

    /// Forgets the key whose last mark is the oldest of all, to the second.
    fn evict(&mut self) {
        let oldest = self.shards.iter().filter_map(Shard::oldest);
        let oldest = oldest.min_by_key(|entry| entry.window.last());
        if let Some(key) = oldest.map(|entry| entry.key.clone()) {
            self.forget(&key);
            self.evicted += 1;
        }
    }

    /// Forgets the keys whose windows have passed, shard by shard.
    pub fn sweep(store: &Mutex<Self>, now: u32) {
        for mut shard in Self::shards(store) {
            let forgotten = shard.sweep(now);
            drop(shard);
            store.lock().keys -= forgotten;
        }
    }

    /// The shards, one after the other. In between the store is there for
    /// others: this lock is a fair one.
    pub fn shards(
        store: &Mutex<Self>,
    ) -> impl Iterator<Item = MappedMutexGuard<'_, Shard>> {
        (0..SHARDS).filter_map(|number| {
            let store = store.lock();
            MutexGuard::try_map(store, |Self { shards, .. }| {
                shards.get_mut(number)
            })
            .ok()
        })
    }
}

/// The shard of a key; the table in it uses other bits of the hash.
fn shard(shards: &mut [Shard; SHARDS], hash: u64) -> &mut Shard {
    let [last, others @ ..] = shards;
    let [.., number, _, _] = hash.to_le_bytes();
    others.get_mut(usize::from(number)).unwrap_or(last)
}

impl Shard {
    /// The key in a place.
    fn entry(&self, slot: u32) -> &Entry {
        self.entries.peek(slot)
    }

    /// Where a key is.
    fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let is_it = |slot: &u32| self.entry(*slot).key == key;
        self.table.find(hash, is_it).copied()
    }

    /// Adds a key.
    fn insert(
        &mut self,
        hash: u64,
        mark: Mark<'_>,
        hasher: &RandomState,
    ) -> u32 {
        let Self { table, entries, .. } = self;
        let slot = entries.insert(Entry {
            key: mark.key.into(),
            window: Window::new(mark.now),
            limit: Limit::default(),
        });
        table.insert_unique(hash, slot, |slot| {
            let Entry { key, .. } = entries.peek(*slot);
            hasher.hash_one(key.as_slice())
        });
        slot
    }

    /// Counts a mark. The first one in a second brings its key to the front;
    /// for the others it is there already.
    fn count(&mut self, slot: u32, mark: Mark<'_>, limit: Limit) -> u64 {
        let last = self.entry(slot).window.last();
        let entry: &mut Entry = match mark.weight > 0 && last < mark.now {
            true => self.entries.get_mut(slot),
            false => self.entries.peek_mut(slot),
        };
        entry.limit = limit;
        if let (Some(journal), 1..) = (&mut self.journal, mark.weight) {
            journal::append(journal, mark, limit.seconds);
        }
        entry.window.mark(mark, limit.seconds)
    }

    /// The key whose last mark is the longest ago.
    fn oldest(&self) -> Option<&Entry> {
        self.entries.lru().map(|slot| self.entry(slot))
    }

    /// Forgets the keys whose windows have passed, and tells how many.
    fn sweep(&mut self, now: u32) -> usize {
        let before = self.table.len();
        self.table.retain(|slot| {
            let Entry { window, limit, .. } = self.entries.peek(*slot);
            let is_idle = now.saturating_sub(window.last()) >= limit.seconds;
            if is_idle {
                self.entries.remove(*slot);
            }
            !is_idle
        });
        before - self.table.len()
    }

    /// Has the rules asked again for every key.
    pub fn ask_again(&mut self) {
        for (_, Entry { limit, .. }) in self.entries.iter_mut() {
            limit.count = 0;
        }
    }
}
