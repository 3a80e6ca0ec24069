//! A world that a test has written down.
//!
//! Its files are in memory, its clock moves only when somebody sleeps, and
//! its limiter always gives the same answer. Nothing in it takes time.
//!
//! ```
//! use ra_plugins::frozen::Frozen;
//!
//! let world = Frozen::new().file("control/me", "mx.example.org\n").world();
//! let text = world.files.read(&world.path("control/me")).unwrap();
//! assert_eq!(text, b"mx.example.org\n");
//! ```

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::cdb;
use crate::memory::{InMemory, Memory};
use crate::network::Network;
use crate::world::{
    About, Clock, Dns, Files, Limit, Limiter, NotThere, QMAIL, Waiting, World,
};

/// What stands at a path of the frozen world.
#[derive(Clone, Debug)]
enum Entry {
    /// A file with these bytes.
    File(Vec<u8>),
    /// A CDB with these keys and values.
    Cdb(BTreeMap<Vec<u8>, Vec<u8>>),
    /// A file that may not be read.
    Locked,
}

/// The frozen world, while it is being written down.
#[derive(Clone)]
pub struct Frozen {
    entries: BTreeMap<PathBuf, Entry>,
    modified: BTreeMap<PathBuf, Duration>,
    start: Duration,
    created: Arc<Mutex<BTreeMap<PathBuf, u32>>>,
    slept: Arc<Mutex<Duration>>,
    limit: Limit,
    dns: Arc<dyn Dns>,
    memory: Arc<dyn Memory>,
    network: Arc<dyn Network>,
}

impl Default for Frozen {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            modified: BTreeMap::new(),
            start: Duration::ZERO,
            created: Arc::default(),
            slept: Arc::default(),
            limit: Limit::Unknown,
            dns: Arc::new(NotThere),
            memory: Arc::new(InMemory::default()),
            network: Arc::new(NotThere),
        }
    }
}

impl Frozen {
    /// An empty world at the beginning of time: no files, no DNS, no
    /// limiter.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; its path is below the qmail folder unless absolute.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.entry(path, Entry::File(content.as_ref().to_owned()))
    }

    /// Adds a CDB whose keys have no values.
    #[must_use]
    pub fn cdb<'a>(
        self,
        path: &str,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.cdb_with(path, keys.into_iter().map(|key| (key, "")))
    }

    /// Adds a CDB with keys and values.
    #[must_use]
    pub fn cdb_with<'a>(
        self,
        path: &str,
        records: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let bytes = |text: &str| text.as_bytes().to_owned();
        let records = records.into_iter();
        let records = records.map(|(key, value)| (bytes(key), bytes(value)));
        self.entry(path, Entry::Cdb(records.collect()))
    }

    /// Says when a file was written last: so long after the beginning of
    /// time, at which all others were.
    #[must_use]
    pub fn dated(mut self, path: &str, after: Duration) -> Self {
        self.modified.insert(Path::new(QMAIL).join(path), after);
        self
    }

    /// Adds a file that we may not read.
    #[must_use]
    pub fn locked(self, path: &str) -> Self {
        self.entry(path, Entry::Locked)
    }

    /// Gives the limiter its one answer.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// Plugs DNS in.
    #[must_use]
    pub fn dns(mut self, dns: impl Dns + 'static) -> Self {
        self.dns = Arc::new(dns);
        self
    }

    /// Plugs a memory in; without one, each world has its own.
    #[must_use]
    pub fn memory(mut self, memory: impl Memory + 'static) -> Self {
        self.memory = Arc::new(memory);
        self
    }

    /// Plugs a network in.
    #[must_use]
    pub fn network(mut self, network: impl Network + 'static) -> Self {
        self.network = Arc::new(network);
        self
    }

    /// Starts at a time of day; without it, at the beginning of time.
    #[must_use]
    pub fn at(mut self, time: Duration) -> Self {
        self.start = time;
        self
    }

    /// How long anybody has slept in this world, all in all.
    pub fn slept(&self) -> Duration {
        *self.slept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files that have been created in this world, with their modes.
    pub fn created(&self) -> BTreeMap<PathBuf, u32> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The world as plugins see it.
    pub fn world(&self) -> World {
        World {
            files: Arc::new(self.clone()),
            clock: Arc::new(self.clone()),
            dns: Arc::clone(&self.dns),
            limiter: Arc::new(self.clone()),
            memory: Arc::clone(&self.memory),
            network: Arc::clone(&self.network),
            qmail: QMAIL.into(),
        }
    }

    /// Puts something at a path.
    fn entry(mut self, path: &str, entry: Entry) -> Self {
        self.entries.insert(Path::new(QMAIL).join(path), entry);
        self
    }
}

impl Files for Frozen {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.entries.get(path) {
            Some(Entry::File(bytes)) => Ok(bytes.clone()),
            Some(Entry::Cdb(_)) => Ok(b"a CDB".to_vec()),
            Some(Entry::Locked) => Err(io::ErrorKind::PermissionDenied.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.about(path).is_ok() || self.created().contains_key(path)
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<()> {
        if self.exists(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut created =
            self.created.lock().unwrap_or_else(PoisonError::into_inner);
        created.insert(path.to_owned(), mode);
        Ok(())
    }

    fn cdb_get(&self, path: &Path, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        match self.entries.get(path) {
            Some(Entry::Cdb(records)) => Ok(records.get(key).cloned()),
            Some(Entry::File(bytes)) => cdb::get_from(bytes, key),
            Some(Entry::Locked) => Err(io::ErrorKind::PermissionDenied.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn about(&self, path: &Path) -> io::Result<About> {
        let size = match self.entries.get(path) {
            Some(Entry::File(bytes)) => bytes.len(),
            Some(Entry::Cdb(_) | Entry::Locked) => 4096,
            None if self.list(path).is_ok() => 4096,
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let after = self.modified.get(path).copied().unwrap_or_default();
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        Ok(About { size, modified: SystemTime::UNIX_EPOCH + after })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let below = self.entries.keys().filter_map(|path| {
            let rest = path.strip_prefix(folder).ok()?;
            Some(rest.components().next()?.as_os_str().to_owned())
        });
        let mut names: Vec<OsString> = below.collect();
        names.dedup();
        if names.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names)
    }
}

impl Clock for Frozen {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.start + self.slept()
    }

    fn sleep(&self, time: Duration) -> Waiting<'_, ()> {
        *self.slept.lock().unwrap_or_else(PoisonError::into_inner) += time;
        Box::pin(std::future::ready(()))
    }
}

impl Limiter for Frozen {
    fn mark<'a>(&'a self, _: &'a str, _: &'a str) -> Waiting<'a, Limit> {
        Box::pin(std::future::ready(self.limit))
    }

    fn peek<'a>(&'a self, _: &'a str, _: &'a str) -> Waiting<'a, Limit> {
        Box::pin(std::future::ready(self.limit))
    }
}
