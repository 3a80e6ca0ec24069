//! Who lives here, in the words of qmail and vpopmail.
//!
//! Below this module are the places in which mailboxes are written down.
//! What comes out of an address reaches a file name there in one way only:
//! as an [`Extension`].
//!
//! ```
//! use ra_plugins::mailboxes::Extension;
//!
//! let extension = Extension::new("Joe.Doe").unwrap();
//! assert_eq!(extension.file_name(), ".qmail-joe:doe");
//! assert!(Extension::new("../../etc/passwd").is_none());
//! ```

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use crate::control::{Unreadable, lower};
use crate::world::World;

pub mod qmail;
pub mod quota;
pub mod vpopmail;
pub mod addresses;

/// The longest local part (RFC 5321 4.5.3.1.1 asks for 64; some are longer).
const LONGEST: usize = 200;

/// A local part that may become part of a file name: no slash, no NUL or
/// other control character, no dot in front, not too long. Dots become
/// colons, as in qmail, so that `..` cannot be written either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension(String);

impl Extension {
    /// The extension that qmail makes of a local part.
    pub fn new(local_part: &str) -> Option<Self> {
        let harmful = |c: char| c == '/' || c.is_control();
        let harmless = !local_part.is_empty()
            && local_part.len() <= LONGEST
            && !local_part.starts_with('.')
            && !local_part.contains(harmful);
        harmless.then(|| Self(lower(local_part).replace('.', ":")))
    }

    /// The file that says where this extension's mail goes.
    pub fn file_name(&self) -> String {
        format!(".qmail-{}", self.0)
    }

    /// The files that serve longer extensions, this one among them: from
    /// the longest name to the shortest, without `.qmail-default`.
    pub fn default_file_names(&self) -> impl Iterator<Item = String> {
        let dashes = self.0.match_indices('-').rev();
        let fronts = dashes.filter_map(|(dash, _)| self.0.get(..dash));
        fronts.map(|front| format!(".qmail-{front}-default"))
    }
}

/// Whether there is a file at a path. Anything but a clear no is an error.
pub fn is_there(world: &World, path: &Path) -> Result<bool, Unreadable> {
    match world.files.about(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Unreadable { path: path.to_owned(), error }),
    }
}

/// The value of a key in a CDB, as text.
pub fn cdb_text(
    world: &World,
    path: PathBuf,
    key: &[u8],
) -> Result<Option<String>, Unreadable> {
    match world.files.cdb_get(&path, key) {
        Ok(value) => {
            Ok(value.map(|it| Cow::into_owned(String::from_utf8_lossy(&it))))
        }
        Err(error) => Err(Unreadable { path, error }),
    }
}
