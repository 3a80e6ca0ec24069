//! The outside world, behind small ports.
//!
//! A plugin reaches files, the clock, DNS and the rate limiter through a
//! [`World`] and in no other way. [`World::real`] is the machine we run on;
//! the frozen one of the next module is written down by a test. A port that
//! nobody has plugged in answers honestly that nothing is there.
//!
//! ```
//! use ra_plugins::world::World;
//!
//! let world = World::real("/var/qmail");
//! let path = world.path("control/rcpthosts");
//! assert_eq!(path.to_str(), Some("/var/qmail/control/rcpthosts"));
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::cdb;
use crate::memory::{InMemory, Memory};
use crate::network::{Connecting, Network, Tcp, runtime};

pub use crate::lookup::{
    Answer, Asked, Dns, DnsError, RecordType, Records, Texts,
};
pub use crate::network::Waiting;

/// The qmail folder when nothing else is said (`RA_QMAIL`).
pub const QMAIL: &str = "/var/qmail";

/// Everything outside of the session.
pub struct World {
    /// Control files and address lists.
    pub files: Arc<dyn Files>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Names and addresses.
    pub dns: Arc<dyn Dns>,
    /// The rate limiter.
    pub limiter: Arc<dyn Limiter>,
    /// What was learned in earlier sessions.
    pub memory: Arc<dyn Memory>,
    /// Other people's servers.
    pub network: Arc<dyn Network>,
    /// The qmail folder.
    pub qmail: PathBuf,
}

impl World {
    /// The machine we run on. DNS, the limiter and a memory that lasts are
    /// plugged in later by those who have them.
    pub fn real(qmail: impl Into<PathBuf>) -> Self {
        Self {
            files: Arc::new(Disk),
            clock: Arc::new(SystemClock),
            dns: Arc::new(NotThere),
            limiter: Arc::new(NotThere),
            memory: Arc::new(InMemory::default()),
            network: Arc::new(Tcp),
            qmail: qmail.into(),
        }
    }

    /// A path as a setting gives it: below the qmail folder unless absolute.
    pub fn path(&self, name: &str) -> PathBuf {
        self.qmail.join(name)
    }

    /// What something comes to, if it does so in time.
    pub async fn within<T>(
        &self,
        time: Duration,
        asked: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            answer = asked => Some(answer),
            () = async { self.clock.sleep(time).await } => None,
        }
    }
}

/// The port to files. All reading is bounded and never blocks on something
/// that is not a regular file.
pub trait Files: Send + Sync {
    /// The whole of a file, up to [`FILE_MAX`] bytes.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Whether there is something at this path.
    fn exists(&self, path: &Path) -> bool;

    /// Creates an empty file that must not exist yet, with this mode. What
    /// cannot write says so.
    fn create(&self, path: &Path, mode: u32) -> io::Result<()> {
        _ = (path, mode);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The value of a key in a CDB (reference: D. J. Bernstein's constant
    /// database), without reading the file as a whole.
    fn cdb_get(&self, path: &Path, key: &[u8]) -> io::Result<Option<Vec<u8>>>;

    /// What is known of a file, or of anything else, without reading it.
    fn about(&self, path: &Path) -> io::Result<About>;

    /// The names in a folder, up to [`FOLDER_MAX`] of them, in no order.
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its length in bytes.
    pub size: u64,
    /// When it was written last.
    pub modified: SystemTime,
}

/// The most that is read of a text file: a million long addresses fit.
pub const FILE_MAX: u64 = 64 * 1024 * 1024;

/// The most names that are read of a folder.
pub const FOLDER_MAX: usize = 1_000_000;

/// The port to time.
pub trait Clock: Send + Sync {
    /// The time of day.
    fn now(&self) -> SystemTime;

    /// Lets time pass.
    fn sleep(&self, time: Duration) -> Waiting<'_, ()>;
}

/// What the limiter says of one mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Within the limit.
    Within,
    /// Over the limit.
    Over,
    /// Nobody could be asked, or the question was wrong.
    Unknown,
}

/// The port to the rate limiter.
pub trait Limiter: Send + Sync {
    /// Marks `value` in `class`, and tells whether it is over its limit.
    fn mark<'a>(&'a self, class: &'a str, value: &'a str)
    -> Waiting<'a, Limit>;

    /// As [`Limiter::mark`], without marking.
    fn peek<'a>(&'a self, class: &'a str, value: &'a str)
    -> Waiting<'a, Limit>;
}

/// A port that is not plugged in.
pub struct NotThere;

impl Dns for NotThere {
    fn ask<'a>(&'a self, _name: &str, _wanted: RecordType) -> Asked<'a> {
        Asked::Known(Err(DnsError::NotThere))
    }
}

impl Limiter for NotThere {
    fn mark<'a>(&'a self, _: &'a str, _: &'a str) -> Waiting<'a, Limit> {
        Box::pin(std::future::ready(Limit::Unknown))
    }

    fn peek<'a>(&'a self, _: &'a str, _: &'a str) -> Waiting<'a, Limit> {
        Box::pin(std::future::ready(Limit::Unknown))
    }
}

impl Network for NotThere {
    fn connect(&self, _: SocketAddr) -> Connecting<'_> {
        Box::pin(std::future::ready(Err(io::ErrorKind::NotConnected.into())))
    }
}

/// The machine's own files.
pub struct Disk;

impl Disk {
    /// Opens a file that can be read to its end: a pipe in its place would
    /// hold us up for ever, a folder is none.
    fn open(path: &Path) -> io::Result<File> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        File::open(path)
    }
}

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Self::open(path)?.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(io::Error::other("larger than 64 MiB"));
        }
        Ok(bytes)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<()> {
        let mut options = File::options();
        let options = options.write(true).create_new(true).mode(mode);
        options.open(path).map(drop)
    }

    fn cdb_get(&self, path: &Path, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let file = Self::open(path)?;
        let read_at = |buffer: &mut [u8], position: u64| {
            file.read_exact_at(buffer, position)
        };
        cdb::get(read_at, file.metadata()?.len(), key)
    }

    fn about(&self, path: &Path) -> io::Result<About> {
        let metadata = std::fs::metadata(path)?;
        Ok(About { size: metadata.len(), modified: metadata.modified()? })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let entries = std::fs::read_dir(folder)?.take(FOLDER_MAX);
        entries.map(|entry| Ok(entry?.file_name())).collect()
    }
}

/// The machine's own clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, time: Duration) -> Waiting<'_, ()> {
        Box::pin(async move {
            runtime().await;
            tokio::time::sleep(time).await;
        })
    }
}
