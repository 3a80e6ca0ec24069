//! A list of addresses, made into a CDB.
//!
//! The new file is complete and on the disk before it takes the old one's
//! place, so a plugin that looks an address up meanwhile sees one of the two
//! and never a half.
//!
//! ```
//! use ra_plugins::mailboxes::addresses::sorted;
//!
//! let list = b"# staff\nJoe@example.org\njane@example.org\n";
//! let keys = sorted(list).unwrap();
//! assert_eq!(keys, ["jane@example.org", "joe@example.org"]);
//! ```

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::control::{Control, lower, plain};
use crate::spp::clean;
use crate::world::{Disk, Files};

/// Why there is no new CDB. The old one is as it was.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The list cannot be read.
    #[error("{path}: {error}", path = path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The list holds something that no address or domain can be.
    #[error("not an address or a domain: {0}")]
    Entry(String),
    /// The CDB cannot be written.
    #[error("{path}: {error}", path = path.display())]
    Cdb {
        /// The CDB.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// The entries of a list as they are looked up: plain, in lower case, each
/// once, in order. A list with a
/// wrong entry is refused whole: half a list would refuse the other half's
/// mail.
pub fn sorted(list: &[u8]) -> Result<Vec<String>, BuildError> {
    let list = Control::new(list);
    let foreign = |c: char| c.is_whitespace() || c.is_control();
    let is_wrong = |entry: &&str| {
        entry.contains('\u{fffd}')
            || !entry.starts_with('"') && entry.contains(foreign)
    };
    if let Some(entry) = list.lines().find(is_wrong) {
        return Err(BuildError::Entry(clean(entry).into_owned()));
    }
    let mut keys: Vec<String> =
        list.lines().map(|entry| lower(&plain(entry)).into_owned()).collect();
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// Makes a CDB of a list, and tells how many entries it has.
pub fn build(list: &Path, cdb: &Path) -> Result<usize, BuildError> {
    let bytes = Disk.read(list).map_err(|error| {
        let path = list.to_owned();
        BuildError::List { path, error }
    })?;
    let keys = sorted(&bytes)?;
    replace(cdb, &keys).map_err(|error| {
        let path = cdb.to_owned();
        BuildError::Cdb { path, error }
    })?;
    Ok(keys.len())
}

/// Puts a CDB with these keys in the place of another. The temporary file
/// is beside it, for a rename works only within a file system.
fn replace(cdb: &Path, keys: &[String]) -> io::Result<()> {
    let mut name = cdb.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = cdb.with_file_name(name);
    let result = write(&temporary, keys)
        .and_then(|()| keep_mode(cdb, &temporary))
        .and_then(|()| fs::rename(&temporary, cdb))
        .and_then(|()| sync_folder(cdb));
    if result.is_err() {
        // It may not even have been made; there is nothing more to do.
        _ = fs::remove_file(&temporary);
    }
    result
}

/// Writes a CDB to the disk, and waits until it is there.
fn write(path: &Path, keys: &[String]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut writer = cdb2::CDBMake::new(file.try_clone()?)?;
    for key in keys {
        writer.add(key.as_bytes(), b"")?;
    }
    writer.finish()?;
    file.sync_all()
}

/// Gives the new file the permissions of the old one, if there is one.
fn keep_mode(old: &Path, new: &Path) -> io::Result<()> {
    match fs::metadata(old) {
        Ok(metadata) => fs::set_permissions(new, metadata.permissions()),
        Err(_) => Ok(()),
    }
}

/// Waits until the rename is on the disk as well.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
