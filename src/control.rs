//! Control files: lists with one entry a line, and rcpthosts.
//!
//! An administrator wrote them, perhaps on another system, perhaps in
//! haste: white space around a line and CRLF do not count, nor do blank
//! lines and those that begin with `#`; case never counts.
//!
//! ```
//! use ra_plugins::control::Control;
//!
//! let list = Control::new(b"# staff\r\njoe@example.org \r\n\r\n");
//! assert!(list.contains("Joe@Example.org"));
//! assert!(!list.contains("# staff"));
//! ```

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::session::Address;
use crate::world::World;

/// A control file that has been read.
#[derive(Clone, Debug)]
pub struct Control {
    text: String,
    /// The number of the first line that is not UTF-8, if there is one.
    pub flawed_line: Option<usize>,
}

/// A control file that could not be used.
#[derive(Debug, Error)]
#[error("{path}: {error}", path = path.display())]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub error: io::Error,
}

impl Unreadable {
    /// Whether the file just is not there.
    pub fn is_absent(&self) -> bool {
        self.error.kind() == io::ErrorKind::NotFound
    }

    /// The file and, unless it is simply absent, the reason: the words
    /// behind "error opening" in the log.
    pub fn brief(&self) -> String {
        if self.is_absent() {
            self.path.display().to_string()
        } else {
            self.to_string()
        }
    }
}

impl Control {
    /// Takes the bytes of a file. A line that is not UTF-8 stays, with
    /// U+FFFD in the place of its bad bytes, and the others still count; it
    /// is nobody's line, for no name that holds U+FFFD is ever found.
    pub fn new(bytes: &[u8]) -> Self {
        let flawed_line = std::str::from_utf8(bytes).err().map(|error| {
            let (good, _) = bytes.split_at(error.valid_up_to());
            1 + good.iter().filter(|byte| **byte == b'\n').count()
        });
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        Self { text, flawed_line }
    }

    /// Reads a control file; `name` is below the qmail folder unless it is
    /// absolute.
    pub fn read(world: &World, name: &str) -> Result<Self, Unreadable> {
        Self::read_path(world, world.path(name))
    }

    /// Reads a text file. No text has a NUL in it, but a file often has many
    /// after a power cut, and must not be taken for a list of nobody.
    pub fn read_path(world: &World, path: PathBuf) -> Result<Self, Unreadable> {
        match world.files.read(&path) {
            Ok(bytes) if bytes.contains(&0) => {
                let error = io::Error::other("not a text file");
                Err(Unreadable { path, error })
            }
            Ok(bytes) => Ok(Self::new(&bytes)),
            Err(error) => Err(Unreadable { path, error }),
        }
    }

    /// The entries.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
    }

    /// Whether one of the entries is this one.
    pub fn contains(&self, entry: &str) -> bool {
        let entry = plain(entry);
        self.lines().any(|line| is_same(line, &entry))
    }

    /// What lines of the form `user: word word` give to a user: for each
    /// that names him, what stands behind its colon, if there is one.
    pub fn given_to(&self, user: &str) -> impl Iterator<Item = &str> {
        self.lines().filter_map(move |line| {
            let (who, given) = line.split_once(':').unwrap_or((line, ""));
            names(who.trim_end(), user).then_some(given)
        })
    }
}

/// An address as lists have it: without quotes that mean nothing. Anything
/// else is as it was.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.starts_with('"')
        && let Some(address) = Address::parse(text)
    {
        let (local_part, domain) = (address.unquoted(), address.domain);
        return Cow::Owned(format!("{local_part}@{domain}"));
    }
    Cow::Borrowed(text)
}

/// Whether an entry is this name, which is plain already. U+FFFD stands for
/// bytes that were not UTF-8; whose name they were cannot be known.
fn is_same(entry: &str, name: &str) -> bool {
    plain(entry).eq_ignore_ascii_case(name) && !name.contains('\u{fffd}')
}

/// Whether an entry names somebody: it is his name or his address, or `@`
/// and his domain.
pub fn names(entry: &str, somebody: &str) -> bool {
    let domain = somebody.rfind('@').and_then(|at| somebody.get(at..));
    is_same(entry, &plain(somebody))
        || domain.is_some_and(|domain| is_same(entry, domain))
}

/// Whether a list names an entry. The list is a CDB if its name ends in
/// `.cdb` (its keys are in lower case), and a control file otherwise.
pub fn listed(
    world: &World,
    list: &str,
    entry: &str,
) -> Result<bool, Unreadable> {
    if !is_cdb(list) {
        return Ok(Control::read(world, list)?.contains(entry));
    }
    let path = world.path(list);
    let plain = plain(entry);
    let look = |key| world.files.cdb_get(&path, lower(key).as_bytes());
    // A CDB that somebody else has made may have its keys in quotes.
    let value = match look(&plain) {
        Ok(None) if plain != entry => look(entry),
        value => value,
    };
    match value {
        Ok(value) => Ok(value.is_some()),
        Err(error) => Err(Unreadable { path, error }),
    }
}

/// Whether a list is meant to be a CDB.
pub fn is_cdb(list: &str) -> bool {
    Path::new(list).extension().is_some_and(|extension| extension == "cdb")
}

/// A text in ASCII lower case, borrowed where it is so already.
pub fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// The name of this host: the first line of control/me, if it has one.
pub fn own_name(world: &World) -> Result<Option<String>, Unreadable> {
    let me = Control::read(world, "control/me")?;
    Ok(me.lines().next().map(str::to_owned))
}

/// The file of the domains that a server takes mail for.
pub const RCPTHOSTS: &str = "control/rcpthosts";

/// The CDB of further ones.
pub const MORERCPTHOSTS: &str = "control/morercpthosts.cdb";

/// Whether a domain stands in rcpthosts, or a line `.parent` covers it, or
/// morercpthosts.cdb, which may be missing, has either.
pub fn is_in_rcpthosts(
    world: &World,
    domain: &str,
) -> Result<bool, Unreadable> {
    let hosts = Control::read(world, RCPTHOSTS)?;
    if hosts.lines().any(|line| covers(line, domain)) {
        return Ok(true);
    }
    for name in names_to_try(domain) {
        match listed(world, MORERCPTHOSTS, name) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) if error.is_absent() => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Whether qmail takes mail for a domain: it is in rcpthosts, or there is no
/// such file and the server takes everything.
pub fn takes_mail_for(world: &World, domain: &str) -> Result<bool, Unreadable> {
    match is_in_rcpthosts(world, domain) {
        Err(error) if error.is_absent() => Ok(true),
        answer => answer,
    }
}

/// Whether a line of rcpthosts covers a domain: it is the domain, or it
/// begins with a dot and ends the domain.
pub fn covers(line: &str, domain: &str) -> bool {
    let start = domain.len().saturating_sub(line.len());
    let wild = line.starts_with('.') || start == 0;
    let end = domain.get(start..).unwrap_or_default();
    wild && end.eq_ignore_ascii_case(line)
}

/// A domain, then its parents with their leading dots.
fn names_to_try(domain: &str) -> impl Iterator<Item = &str> {
    let parents =
        domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot..));
    std::iter::once(domain).chain(parents)
}
