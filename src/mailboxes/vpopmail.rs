//! vpopmail: one folder a domain, one line a user.
//!
//! ```
//! use ra_plugins::frozen::Frozen;
//! use ra_plugins::mailboxes::vpopmail::{Domain, Resident};
//!
//! let world = Frozen::new()
//!     .file("/v/org/vpasswd", "joe:x:1:0:Joe:/v/org/joe:NOQUOTA\n")
//!     .world();
//! let domain = Domain::new("/v/org");
//! let joe = domain.resident(&world, "joe").unwrap();
//! assert!(matches!(joe, Resident::User(_)));
//! assert_eq!(domain.resident(&world, "jim").unwrap(), Resident::Nobody);
//! ```

use std::path::PathBuf;

use crate::control::{Control, Unreadable, lower};
use crate::mailboxes::qmail::{assignment, prepend};
use crate::mailboxes::quota::{Quota, percent_used};
use crate::mailboxes::{Extension, cdb_text, is_there};
use crate::session::Address;
use crate::world::World;

/// A user of vpopmail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// His Maildir.
    pub maildir: PathBuf,
    /// What it may hold.
    pub quota: Quota,
}

/// Who an address of a domain belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resident {
    /// A user with a mailbox.
    User(User),
    /// An alias: a `.qmail` file of its own.
    Alias,
    /// Nobody in particular, but a catch-all takes the mail.
    CatchAll,
    /// Nobody.
    Nobody,
}

impl Resident {
    /// Whether the mailbox of a user has reached a share of its quota, in
    /// percent.
    pub async fn is_full(&self, world: &World, limit: i64) -> bool {
        let Self::User(User { maildir, quota }) = self else { return false };
        let percent = percent_used(world, maildir, *quota).await;
        quota.is_limited()
            && i64::try_from(percent).unwrap_or(i64::MAX) >= limit
    }
}

/// The folder of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    folder: PathBuf,
}

impl Domain {
    /// The domain that lives in a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The domain of an address, if it is one of vpopmail's: virtualdomains
    /// gives it the prepend `domain`, and the users table its folder.
    pub fn of(
        world: &World,
        address: &Address<'_>,
    ) -> Result<Option<Self>, Unreadable> {
        let Some(prepend) = prepend(world, address)? else { return Ok(None) };
        if !prepend.eq_ignore_ascii_case(address.domain) {
            return Ok(None);
        }
        let found = assignment(world, &format!("{prepend}-"))?;
        Ok(found.map(|assignment| Self::new(assignment.home)))
    }

    /// Who a local part belongs to: first the files of its own, then the
    /// users, then the catch-all.
    pub fn resident(
        &self,
        world: &World,
        local_part: &str,
    ) -> Result<Resident, Unreadable> {
        if let Some(extension) = Extension::new(local_part)
            && self.has_file(world, &extension)?
        {
            return Ok(Resident::Alias);
        }
        if let Some(user) = self.user(world, local_part)? {
            return Ok(Resident::User(user));
        }
        if self.has_catch_all(world)? {
            return Ok(Resident::CatchAll);
        }
        Ok(Resident::Nobody)
    }

    /// Whether an extension has a `.qmail` file, its own or one for longer
    /// extensions, other than the domain's `.qmail-default`.
    fn has_file(
        &self,
        world: &World,
        extension: &Extension,
    ) -> Result<bool, Unreadable> {
        let own = std::iter::once(extension.file_name());
        let mut names = own.chain(extension.default_file_names());
        let is_own = |name: &String| name != ".qmail-default";
        while let Some(name) = names.by_ref().find(is_own) {
            if is_there(world, &self.folder.join(name))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The user of a name.
    fn user(
        &self,
        world: &World,
        name: &str,
    ) -> Result<Option<User>, Unreadable> {
        let name = lower(name);
        let Some(line) = self.user_line(world, &name)? else {
            return Ok(None);
        };
        let fields: Vec<&str> = line.split(':').collect();
        // password, uid, gid, gecos, dir, quota
        let (dir, quota) = match fields.as_slice() {
            [_, _, _, _, dir, quota, ..] => (*dir, *quota),
            [_, _, _, _, dir] => (*dir, ""),
            _ => return Ok(None),
        };
        let maildir = self.folder.join(dir).join("Maildir");
        Ok(Some(User { maildir, quota: Quota::parse(quota) }))
    }

    /// What stands behind a user's name: in vpasswd.cdb, or in vpasswd where
    /// that has been written later, or alone.
    fn user_line(
        &self,
        world: &World,
        name: &str,
    ) -> Result<Option<String>, Unreadable> {
        let (text, cdb) = ("vpasswd", "vpasswd.cdb");
        let (text, cdb) = (self.folder.join(text), self.folder.join(cdb));
        let text_about = world.files.about(&text);
        let is_current = match (&text_about, world.files.about(&cdb)) {
            (Ok(text), Ok(cdb)) => cdb.modified >= text.modified,
            (Err(_), _) => true,
            (Ok(_), Err(_)) => false,
        };
        if is_current {
            return cdb_text(world, cdb, name.as_bytes());
        }
        let table = Control::read_path(world, text)?;
        let mut lines = table.lines().filter_map(|it| it.split_once(':'));
        let line = lines.find(|(user, _)| user.eq_ignore_ascii_case(name));
        Ok(line.map(|(_, rest)| rest.to_owned()))
    }

    /// Whether every address of the domain exists: `.qmail-default` leads
    /// somewhere else than to a refusal or to the bin.
    fn has_catch_all(&self, world: &World) -> Result<bool, Unreadable> {
        let path = self.folder.join(".qmail-default");
        let file = match Control::read_path(world, path) {
            Ok(file) => file,
            Err(error) if error.is_absent() => return Ok(false),
            Err(error) => return Err(error),
        };
        let leads_nowhere = |line: &str| {
            line.ends_with("bounce-no-mailbox") || line.ends_with("delete")
        };
        Ok(!file.lines().any(leads_nowhere))
    }
}

/// Who an address belongs to, if its domain is one of vpopmail's.
pub fn find(
    world: &World,
    address: &Address<'_>,
) -> Result<Option<Resident>, Unreadable> {
    match Domain::of(world, address)? {
        Some(domain) => domain.resident(world, &address.unquoted()).map(Some),
        None => Ok(None),
    }
}
