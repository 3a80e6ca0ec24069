//! A cache of answers: bounded, and each only for as long as it may be kept.
//!
//! What a reader has made of an answer stays with it
//! ([`crate::world::Texts`]), so a server that runs for long parses a popular
//! SPF record once an hour and not once a mail.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use ra_plugins::dns::cache::Cache;
//! use ra_plugins::world::{DnsError, RecordType};
//!
//! let cache = Cache::new(1000);
//! let (now, minute) = (Instant::now(), Duration::from_secs(60));
//! let answer = Err(DnsError::NoName);
//! cache.put("gone.example", RecordType::A, &answer, now + minute);
//! let again = cache.get("Gone.Example", RecordType::A, now);
//! assert_eq!(again, Some(answer));
//! assert_eq!(cache.get("gone.example", RecordType::A, now + minute), None);
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::control::lower;
use crate::world::{Answer, RecordType};

/// An answer, and until when it holds.
#[derive(Clone, Debug)]
struct Entry {
    wanted: RecordType,
    answer: Answer,
    until: Instant,
}

/// The answers at each name.
type Names = HashMap<Box<str>, Vec<Entry>>;

/// Two generations of answers. When the young one is full it becomes the
/// old one, and what was old and has not been asked for since is forgotten:
/// a bound without a list of who was used when.
#[derive(Debug, Default)]
struct Generations {
    young: Names,
    old: Names,
}

/// Answers that may be given again.
#[derive(Debug)]
pub struct Cache {
    half: usize,
    names: Mutex<Generations>,
}

impl Cache {
    /// An empty cache for so many names at most.
    pub fn new(names_max: usize) -> Self {
        Self { half: names_max.div_ceil(2), names: Mutex::default() }
    }

    /// An answer that still holds.
    pub fn get(
        &self,
        name: &str,
        wanted: RecordType,
        now: Instant,
    ) -> Option<Answer> {
        let name = lower(name);
        let mut names =
            self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = names.old.remove(&*name) {
            names.make_room(self.half);
            names.young.entry(name.clone().into()).or_default().extend(entries);
        }
        let entries = names.young.get(&*name)?;
        let fresh = |it: &&Entry| it.wanted == wanted && it.until > now;
        let entry: &Entry = entries.iter().rfind(fresh)?;
        Some(entry.answer.clone())
    }

    /// Keeps an answer.
    pub fn put(
        &self,
        name: &str,
        wanted: RecordType,
        answer: &Answer,
        until: Instant,
    ) {
        let mut names =
            self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.make_room(self.half);
        let entries = names.young.entry(lower(name).into()).or_default();
        entries.retain(|entry| entry.wanted != wanted);
        entries.push(Entry { wanted, answer: answer.clone(), until });
    }
}

impl Generations {
    /// Lets the young grow old when there are too many of them.
    fn make_room(&mut self, half: usize) {
        if self.young.len() >= half {
            self.old = std::mem::take(&mut self.young);
        }
    }
}
