//! What plugins remember from one session to the next.
//!
//! A plugin is a process that lives for a millisecond, and many of them run
//! at once. What one of them has learned, others may recall: short texts
//! under keys, in a file that all of them share. This module is the port and
//! its simplest form, which forgets everything at the end of the process;
//! the lasting form comes with the chapter that needs it.
//!
//! ```
//! use std::{path::Path, time::SystemTime};
//! use ra_plugins::memory::{InMemory, Memory, Note};
//!
//! let memory = InMemory::default();
//! let file = Path::new("notes.db");
//! let note = Note { text: "ok".into(), time: SystemTime::UNIX_EPOCH };
//! memory.remember(file, "joe@example.org", &note).unwrap();
//! assert_eq!(memory.recall(file, "joe@example.org").unwrap(), Some(note));
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Something that was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What.
    pub text: String,
    /// When.
    pub time: SystemTime,
}

/// How many notes there were, and how many of them are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// The notes that were looked at.
    pub traversed: u64,
    /// Those that were old.
    pub deleted: u64,
}

/// The right to a key. When it ends also says whose it is: two claims to one
/// key never end at the same time, since the second is made after the end of
/// the first or, if the clock was set back, ends before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// When it ends.
    pub until: SystemTime,
}

/// The port to notes that outlive a session. An error means that nothing is
/// known and nothing was kept; it is never a reason to refuse mail.
pub trait Memory: Send + Sync {
    /// The note under a key.
    fn recall(&self, file: &Path, key: &str) -> io::Result<Option<Note>>;

    /// Puts a note under a key, in the place of an older one.
    fn remember(&self, file: &Path, key: &str, note: &Note) -> io::Result<()>;

    /// Takes a key for oneself, until it is released or `time` has passed;
    /// nothing if somebody else has it. Who dies leaves nothing locked for
    /// longer than that.
    fn claim(
        &self,
        file: &Path,
        key: &str,
        now: SystemTime,
        time: Duration,
    ) -> io::Result<Option<Claim>>;

    /// Gives a claimed key back. Where the claim has lapsed and somebody else
    /// has the key by now, it stays his.
    fn release(&self, file: &Path, key: &str, claim: Claim) -> io::Result<()>;

    /// Removes the notes that are older than `before`, and the claims that
    /// lapsed before it: their owners have died.
    fn purge(&self, file: &Path, before: SystemTime) -> io::Result<Purged>;
}

impl Claim {
    /// Whether it no longer holds. One that lies further ahead than claims
    /// are made for was made before somebody set the clock back.
    pub fn has_lapsed(self, now: SystemTime, time: Duration) -> bool {
        let latest = now.checked_add(time.saturating_mul(2));
        self.until <= now || latest.is_some_and(|latest| self.until > latest)
    }
}

/// Notes that end with the process.
#[derive(Debug, Default)]
pub struct InMemory {
    notes: Mutex<BTreeMap<(PathBuf, String), Note>>,
    claims: Mutex<BTreeMap<(PathBuf, String), Claim>>,
}

/// What a lock protects, even if somebody has panicked while holding it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A key in one of several files.
fn key_of(file: &Path, key: &str) -> (PathBuf, String) {
    (file.to_owned(), key.to_owned())
}

impl Memory for InMemory {
    fn recall(&self, file: &Path, key: &str) -> io::Result<Option<Note>> {
        Ok(locked(&self.notes).get(&key_of(file, key)).cloned())
    }

    fn remember(&self, file: &Path, key: &str, note: &Note) -> io::Result<()> {
        locked(&self.notes).insert(key_of(file, key), note.clone());
        Ok(())
    }

    fn claim(
        &self,
        file: &Path,
        key: &str,
        now: SystemTime,
        time: Duration,
    ) -> io::Result<Option<Claim>> {
        let mut claims = locked(&self.claims);
        let key = key_of(file, key);
        if claims.get(&key).is_some_and(|it| !it.has_lapsed(now, time)) {
            return Ok(None);
        }
        let claim = Claim { until: now.checked_add(time).unwrap_or(now) };
        claims.insert(key, claim);
        Ok(Some(claim))
    }

    fn release(&self, file: &Path, key: &str, claim: Claim) -> io::Result<()> {
        let key = key_of(file, key);
        let mut claims = locked(&self.claims);
        if claims.get(&key) == Some(&claim) {
            claims.remove(&key);
        }
        Ok(())
    }

    fn purge(&self, file: &Path, before: SystemTime) -> io::Result<Purged> {
        let mut purged = Purged::default();
        locked(&self.claims)
            .retain(|(owner, _), claim| owner != file || claim.until >= before);
        locked(&self.notes).retain(|(owner, _), note| {
            let ours = owner == file;
            let old = ours && note.time < before;
            purged.traversed += u64::from(ours);
            purged.deleted += u64::from(old);
            !old
        });
        Ok(purged)
    }
}
