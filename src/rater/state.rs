//! State that survives: a file of marks.
//!
//! The file begins with a snapshot, all keys with their marks, and goes on
//! with a journal of the marks since. Both are blocks of records (see
//! [`crate::rater::journal`]), so that reading the file is marking again.
//! When the journal has grown longer than the snapshot, a new file takes the
//! place of the old one.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::rater::journal::{self, Flaw, Record};
use crate::rater::log::{Level, Log};
use crate::rater::rules::Rules;
use crate::rater::store::{Entry, Shard, Store};
use crate::rater::window::Mark;

/// A journal shorter than this is never worth a new file.
const JOURNAL_MIN: u64 = 16 * 1024 * 1024;

/// The file, or nothing where there is none or it cannot be written.
pub struct State {
    file: Option<Open>,
}

/// A file that is written to.
struct Open {
    path: PathBuf,
    file: File,
    /// Bytes of the snapshot at its beginning.
    snapshot: u64,
    /// Bytes after it.
    journal: u64,
}

impl State {
    /// Reads the file, if there is one, and begins a new one. Returns the
    /// second of the newest mark as well: the clock must not be behind it.
    pub fn open(
        path: Option<&Path>,
        store: &Mutex<Store>,
        rules: &Rules,
        log: &Log,
    ) -> (Self, u32) {
        let Some(path) = path else { return (Self { file: None }, 0) };
        let newest = load(path, store, rules, log);
        for mut shard in Store::shards(store) {
            shard.journal = Some(Vec::new());
        }
        let mut state = Self { file: None };
        match begin(path, store, None) {
            Ok(open) => state.file = Some(open),
            Err(error) => state.give_up(store, log, path, &error),
        }
        (state, newest)
    }

    /// Brings the marks since the last time to disk.
    pub fn flush(&mut self, store: &Mutex<Store>, log: &Log) {
        let Some(open) = &mut self.file else { return };
        let mut result = Ok(());
        for mut shard in Store::shards(store) {
            let records = shard.journal.as_mut().map(std::mem::take);
            drop(shard);
            result = result.and(open.append(&records.unwrap_or_default()));
        }
        if result.is_ok() && open.journal > open.snapshot.max(JOURNAL_MIN) {
            result = begin(&open.path.clone(), store, Some(open))
                .map(|begun| *open = begun);
        }
        if let Err(error) = result {
            let path = open.path.clone();
            self.give_up(store, log, &path, &error);
        }
    }

    /// Waits until the disk has everything.
    pub fn sync(&self) {
        if let Some(open) = &self.file {
            _ = open.file.sync_data();
        }
    }

    /// Goes on without a file: limits are worth more than their memory.
    fn give_up(
        &mut self,
        store: &Mutex<Store>,
        log: &Log,
        path: &Path,
        error: &io::Error,
    ) {
        self.file = None;
        for mut shard in Store::shards(store) {
            shard.journal = None;
        }
        let path = path.display();
        let text = format!("{path}: {error}; going on without state");
        log.write(Level::Error, text);
    }
}

impl Open {
    /// Appends records as a block.
    fn append(&mut self, records: &[u8]) -> io::Result<()> {
        if !records.is_empty() {
            let block = journal::seal(records);
            self.file.write_all(&block)?;
            self.journal += u64::try_from(block.len()).unwrap_or(u64::MAX);
        }
        Ok(())
    }
}

/// Writes a snapshot into a new file and puts it in the place of the old
/// one. Shard by shard: what is not yet on disk goes to the end of the old
/// file, what is in memory into the new one, and all that comes later will
/// follow there. So either file is whole at any moment.
fn begin(
    path: &Path,
    store: &Mutex<Store>,
    mut old: Option<&mut Open>,
) -> io::Result<Open> {
    let new = beside(path, ".new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(&new)?;
    let mut open = Open { path: path.into(), file, snapshot: 0, journal: 0 };
    for mut shard in Store::shards(store) {
        let blocks = snapshot(&shard);
        let pending = shard.journal.as_mut().map(std::mem::take);
        drop(shard);
        if let Some(old) = &mut old {
            old.append(&pending.unwrap_or_default())?;
        }
        for block in blocks {
            open.append(&block)?;
        }
    }
    open.file.sync_data()?;
    std::fs::rename(&new, path)?;
    Ok(Open { snapshot: open.journal, journal: 0, ..open })
}

/// The keys of a shard, the one that was marked least recently first, in
/// blocks of about a megabyte.
fn snapshot(shard: &Shard) -> Vec<Vec<u8>> {
    let mut blocks = vec![Vec::new()];
    for (_, Entry { key, window, limit, .. }) in shard.entries.iter().rev() {
        let key = key.as_slice();
        for bucket in window.buckets() {
            let (now, weight) = (bucket.second, bucket.count);
            let mark = Mark { key, weight, now };
            if blocks.last().is_none_or(|block| block.len() > 1 << 20) {
                blocks.push(Vec::new());
            }
            if let Some(block) = blocks.last_mut() {
                journal::append(block, mark, limit.seconds);
            }
        }
    }
    blocks
}

/// Marks everything that the file says, and returns the newest second. What
/// a kill has left unfinished is dropped; a file that is damaged is moved
/// aside, and what stood before the damage counts.
fn load(path: &Path, store: &Mutex<Store>, rules: &Rules, log: &Log) -> u32 {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return 0,
        Err(error) => {
            put_aside(path, log, &error.to_string());
            return 0;
        }
    };
    let mut newest = 0;
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        match journal::open(rest) {
            Ok((records, after)) => {
                newest = newest.max(replay(records, &mut store.lock(), rules));
                rest = after;
            }
            Err(Flaw::Unfinished) => {
                let (path, left) = (path.display(), rest.len());
                let text = format!("{path}: {left} unfinished bytes dropped");
                log.write(Level::Info, text);
                break;
            }
            Err(flaw @ Flaw::Damaged) => {
                put_aside(path, log, &flaw.to_string());
                break;
            }
        }
    }
    newest
}

/// Marks what a block says, under the rules of today: a window that has
/// become longer since must not forget at the pace of the old one.
fn replay(records: &[u8], store: &mut Store, rules: &Rules) -> u32 {
    let mut newest = 0;
    for Record { mark, seconds } in journal::records(records) {
        newest = newest.max(mark.now);
        if seconds == 0 {
            store.forget(mark.key);
        } else {
            _ = store.mark(mark, || rules.limit(mark.key));
        }
    }
    newest
}

/// Moves a file that we cannot use out of the way, where it can be looked
/// at.
fn put_aside(path: &Path, log: &Log, why: &str) {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    let aside = beside(path, &format!(".damaged-{seconds}"));
    let moved = match std::fs::rename(path, &aside) {
        Ok(()) => format!("moved to {}", aside.display()),
        Err(error) => format!("cannot be moved aside: {error}"),
    };
    log.write(Level::Error, format!("{}: {why}; {moved}", path.display()));
}

/// The path with something behind it.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}
