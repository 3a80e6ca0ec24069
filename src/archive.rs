//! Notes that last: the memory as a file of SQLite.
//!
//! Many processes write at once, and any of them may be killed at any
//! moment. SQLite's write-ahead log was made for that: a note is there or
//! it is not, and nobody has to repair anything.
//!
//! ```
//! use std::time::SystemTime;
//! use ra_plugins::memory::{Memory, Note};
//! use ra_plugins::archive::Archive;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let file = folder.path().join("notes.db");
//! let note = Note { text: "ok".into(), time: SystemTime::UNIX_EPOCH };
//! let notes = Archive::default();
//! notes.remember(&file, "joe@example.org", &note).unwrap();
//! assert_eq!(notes.recall(&file, "joe@example.org").unwrap(), Some(note));
//! ```

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use crate::memory::{Claim, Memory, Note, Purged};

/// How long we wait for others to finish writing.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long we wait before we try to open the file again.
const PAUSE: Duration = Duration::from_millis(5);

/// The tables, made by whoever comes first.
const TABLES: &str = "\
    CREATE TABLE IF NOT EXISTS notes \
    (key TEXT PRIMARY KEY, text TEXT NOT NULL, time INTEGER NOT NULL) \
    WITHOUT ROWID; \
    CREATE TABLE IF NOT EXISTS claims \
    (key TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;";

/// The memory that lasts. Opening a file takes as long as ten questions
/// about it, and a plugin has five: so the last file is kept open.
#[derive(Default)]
pub struct Archive {
    kept: Mutex<Option<Open>>,
}

/// An open file.
struct Open {
    notes: Connection,
    /// The file system and the number of the file in it.
    file: (u64, u64),
}

impl Archive {
    /// Asks about a file. Nobody waits for the one that is kept: who finds
    /// it in use opens it once more. What fails is not kept, nor is a file
    /// that somebody has replaced by another.
    fn ask<T>(
        &self,
        file: &Path,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> io::Result<T> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept().take();
        let is_same = |it: &Open| number(file).is_ok_and(|now| now == it.file);
        let last = match last.filter(is_same) {
            Some(last) => last,
            None => Open { notes: open(file)?, file: number(file)? },
        };
        let answer = question(&last.notes).map_err(trouble)?;
        *kept() = Some(last);
        Ok(answer)
    }
}

/// What tells a file from another that has taken its name.
fn number(file: &Path) -> io::Result<(u64, u64)> {
    let about = std::fs::metadata(file)?;
    Ok((about.dev(), about.ino()))
}

/// An error of SQLite as one of the system's.
fn trouble(error: rusqlite::Error) -> io::Error {
    io::Error::other(error)
}

/// Opens a file, and makes it where there is none. What is there and no
/// regular file is left alone. Of several processes that make the file, all
/// but one are told that it is locked, and SQLite's own patience does not
/// cover the moment in which the log is switched on: so we try again.
fn open(file: &Path) -> io::Result<Connection> {
    if std::fs::metadata(file).is_ok_and(|it| !it.is_file()) {
        return Err(io::Error::other("not a regular file"));
    }
    let start = Instant::now();
    loop {
        match connect(file) {
            Err(error) if is_locked(&error) && start.elapsed() < PATIENCE => {
                std::thread::sleep(PAUSE);
            }
            result => return result.map_err(trouble),
        }
    }
}

/// Whether somebody else is just using the file.
fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Connects to a file. The log is switched on by whoever makes the file;
/// NORMAL keeps it whole after a crash of the system, too, and may only lose
/// the last notes.
fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let notes = Connection::open_with_flags(file, flags)?;
    notes.busy_timeout(PATIENCE)?;
    let mode: String =
        notes.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        notes.pragma_update(None, "journal_mode", "WAL")?;
    }
    notes.pragma_update(None, "synchronous", "NORMAL")?;
    notes.execute_batch(TABLES)?;
    Ok(notes)
}

/// A time as SQLite keeps it: seconds since 1970.
fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX))
}

/// The time that was kept as seconds since 1970.
fn time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(seconds.max(0).unsigned_abs());
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A length of time in whole seconds, the last of them perhaps not used up.
fn length(time: Duration) -> i64 {
    let begun = u64::from(time.subsec_nanos() > 0);
    let seconds = time.as_secs().saturating_add(begun);
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

impl Memory for Archive {
    fn recall(&self, file: &Path, key: &str) -> io::Result<Option<Note>> {
        let query = "SELECT text, time FROM notes WHERE key = ?1";
        self.ask(file, |notes| {
            let note = notes.query_row(query, params![key], |row| {
                Ok(Note { text: row.get(0)?, time: time(row.get(1)?) })
            });
            note.optional()
        })
    }

    fn remember(&self, file: &Path, key: &str, note: &Note) -> io::Result<()> {
        let insert = "INSERT OR REPLACE INTO notes VALUES (?1, ?2, ?3)";
        let values = params![key, note.text, seconds(note.time)];
        self.ask(file, |notes| notes.execute(insert, values).map(drop))
    }

    /// One statement, so that of two processes only one can succeed. When a
    /// claim has lapsed is said in the words of
    /// [`Claim::has_lapsed`].
    fn claim(
        &self,
        file: &Path,
        key: &str,
        now: SystemTime,
        time: Duration,
    ) -> io::Result<Option<Claim>> {
        let insert = "INSERT INTO claims VALUES (?1, ?2 + ?3) \
            ON CONFLICT (key) DO UPDATE SET until = excluded.until \
            WHERE until <= ?2 OR until > ?2 + 2 * ?3 RETURNING until";
        let values = params![key, seconds(now), length(time)];
        self.ask(file, |notes| {
            let claim = notes.query_row(insert, values, |row| {
                Ok(Claim { until: self::time(row.get(0)?) })
            });
            claim.optional()
        })
    }

    fn release(&self, file: &Path, key: &str, claim: Claim) -> io::Result<()> {
        let delete = "DELETE FROM claims WHERE key = ?1 AND until = ?2";
        let values = params![key, seconds(claim.until)];
        self.ask(file, |notes| notes.execute(delete, values).map(drop))
    }

    fn purge(&self, file: &Path, before: SystemTime) -> io::Result<Purged> {
        self.ask(file, |notes| {
            let count = "SELECT COUNT(*) FROM notes";
            let traversed: i64 =
                notes.query_row(count, [], |row| row.get(0))?;
            let delete = "DELETE FROM notes WHERE time < ?1";
            let deleted = notes.execute(delete, params![seconds(before)])?;
            let lapsed = "DELETE FROM claims WHERE until < ?1";
            notes.execute(lapsed, params![seconds(before)])?;
            Ok(Purged {
                traversed: traversed.unsigned_abs(),
                deleted: u64::try_from(deleted).unwrap_or(u64::MAX),
            })
        })
    }
}
