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

use std::any::Any;
use std::ffi::OsString;
use std::fmt::{self, Debug, Display, Formatter};
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use thiserror::Error;

use crate::cdb;
use crate::memory::{InMemory, Memory};
use crate::network::{Connecting, Network, Tcp};

/// Something that a port may take its time over.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

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

/// What can be asked of DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    /// Texts.
    Txt,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchangers.
    Mx,
    /// The names of an address.
    Ptr,
}

impl Display for RecordType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Txt => "TXT",
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Mx => "MX",
            Self::Ptr => "PTR",
        })
    }
}

/// TXT records, each with its character-strings joined (RFC 7208 3.3), and
/// room for what a reader has made of them. What is left there lives and
/// dies with the answer: a cache of answers is a cache of parsed records.
#[derive(Default)]
pub struct Texts {
    records: Box<[Box<[u8]>]>,
    made: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Texts {
    /// What `make` makes of the records, or has made of them before. Only
    /// one kind of reader can leave something; another gets `None`.
    pub fn made<T: Any + Send + Sync>(
        &self,
        make: impl FnOnce(&[Box<[u8]>]) -> T,
    ) -> Option<&T> {
        let made = self.made.get_or_init(|| Box::new(make(&self.records)));
        made.downcast_ref()
    }
}

impl FromIterator<Box<[u8]>> for Texts {
    fn from_iter<I: IntoIterator<Item = Box<[u8]>>>(records: I) -> Self {
        let records = records.into_iter().collect();
        Self { records, made: OnceLock::new() }
    }
}

impl Deref for Texts {
    type Target = [Box<[u8]>];

    fn deref(&self) -> &Self::Target {
        &self.records
    }
}

impl Debug for Texts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let texts = self.iter().map(|text| String::from_utf8_lossy(text));
        f.debug_list().entries(texts).finish()
    }
}

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.records == other.records
    }
}

impl Eq for Texts {}

/// What DNS has answered: the records of the type that was asked for. It
/// is shared, so that an answer out of memory costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// Texts.
    Txt(Arc<Texts>),
    /// IPv4 addresses.
    A(Arc<[Ipv4Addr]>),
    /// IPv6 addresses.
    Aaaa(Arc<[Ipv6Addr]>),
    /// Preference and name, in the order of the answer.
    Mx(Arc<[(u16, Box<str>)]>),
    /// Names.
    Ptr(Arc<[Box<str>]>),
}

/// Why DNS has no records for us.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DnsError {
    /// The name does not exist (RCODE 3).
    #[error("no such name")]
    NoName,
    /// The name exists, the type does not.
    #[error("no such record")]
    NoRecord,
    /// The servers answered with an error (RCODE 2 and others).
    #[error("server failure")]
    Failure,
    /// Nobody answered in time.
    #[error("timeout")]
    Timeout,
    /// There is no DNS here.
    #[error("no DNS")]
    NotThere,
}

/// What a question to DNS comes to.
pub type Answer = Result<Records, DnsError>;

/// An answer at once, or the wait for it: what is in memory costs no box.
pub enum Asked<'a> {
    /// The answer was known.
    Known(Answer),
    /// Somebody has been asked.
    Waiting(Waiting<'a, Answer>),
}

impl Records {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Txt(list) => list.is_empty(),
            Self::A(list) => list.is_empty(),
            Self::Aaaa(list) => list.is_empty(),
            Self::Mx(list) => list.is_empty(),
            Self::Ptr(list) => list.is_empty(),
        }
    }
}

impl Display for Records {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let list = match self {
            Self::Txt(list) => {
                let texts = list.iter().map(|it| String::from_utf8_lossy(it));
                texts.map(|it| format!("{it:?}")).collect()
            }
            Self::A(list) => words(list.iter()),
            Self::Aaaa(list) => words(list.iter()),
            Self::Mx(list) => {
                words(list.iter().map(|(at, name)| format!("{at} {name}")))
            }
            Self::Ptr(list) => words(list.iter()),
        };
        f.write_str(&list.join(", "))
    }
}

/// Each as it is displayed.
fn words(list: impl Iterator<Item = impl Display>) -> Vec<String> {
    list.map(|it| it.to_string()).collect()
}

impl Asked<'_> {
    /// The answer, however long it takes.
    pub async fn answer(self) -> Answer {
        match self {
            Self::Known(answer) => answer,
            Self::Waiting(waiting) => waiting.await,
        }
    }
}

/// The port to DNS.
pub trait Dns: Send + Sync {
    /// Asks for the records of a type at a name. The name is text without a
    /// trailing dot.
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a>;
}

impl<D: Dns + ?Sized> Dns for Arc<D> {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        (**self).ask(name, wanted)
    }
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
        Box::pin(async move { tokio::time::sleep(time).await })
    }
}
