//! qmail's own tables: which domains are virtual, and whose mail goes where.
//!
//! ```
//! use ra_plugins::frozen::Frozen;
//! use ra_plugins::mailboxes::qmail::assignment;
//!
//! let world = Frozen::new()
//!     .file("users/assign", "+example.org-:v:89:89:/home/v/org:-::\n.\n")
//!     .world();
//! let found = assignment(&world, "example.org-joe").unwrap().unwrap();
//! assert_eq!(found.home.to_str(), Some("/home/v/org"));
//! assert_eq!(found.extension, "joe");
//! ```

use std::path::PathBuf;

use crate::control::{Control, Unreadable, lower};
use crate::mailboxes::cdb_text;
use crate::session::Address;
use crate::world::World;

/// The domains whose addresses belong to somebody: `domain:prepend`.
pub const VIRTUALDOMAINS: &str = "control/virtualdomains";

/// Whose mail goes where, compiled.
pub const USERS_CDB: &str = "users/cdb";

/// The text that it is compiled from.
pub const USERS_ASSIGN: &str = "users/assign";

/// What is put before the local part of a virtual address, if it is one.
/// The address itself is looked for first, then its domain, then the
/// domain's parents; an empty prepend is an exception.
pub fn prepend(
    world: &World,
    address: &Address<'_>,
) -> Result<Option<String>, Unreadable> {
    let table = Control::read(world, VIRTUALDOMAINS)?;
    let (local_part, domain) = (address.local_part, address.domain);
    let whole = format!("{local_part}@{domain}");
    let dots = domain.match_indices('.');
    let parents = dots.filter_map(|(dot, _)| domain.get(dot..));
    for name in [whole.as_str(), domain].into_iter().chain(parents) {
        let mut lines = table.lines().filter_map(|it| it.split_once(':'));
        let line = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        if let Some((_, prepend)) = line {
            let prepend = lower(prepend).into_owned();
            return Ok((!prepend.is_empty()).then_some(prepend));
        }
    }
    Ok(None)
}

/// Where the mail of a local address goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The folder that holds the `.qmail` files.
    pub home: PathBuf,
    /// What stands behind `.qmail-` in their names.
    pub extension: String,
}

/// Looks a local address up in users/cdb or, where there is none, in
/// users/assign.
pub fn assignment(
    world: &World,
    local: &str,
) -> Result<Option<Assignment>, Unreadable> {
    let local = lower(local);
    match compiled(world, &local) {
        Err(error) if error.is_absent() => written(world, &local),
        result => result,
    }
}

/// Looks a local address up in users/cdb: the whole of it, then its fronts
/// from the longest to the shortest, of which only those can be there whose
/// last character the empty key lists.
fn compiled(
    world: &World,
    local: &str,
) -> Result<Option<Assignment>, Unreadable> {
    let get =
        |key: &str| cdb_text(world, world.path(USERS_CDB), key.as_bytes());
    if let Some(value) = get(&format!("!{local}\0"))? {
        return Ok(from_fields(value.split('\0'), ""));
    }
    let last_characters = get("")?.unwrap_or_default();
    for (front, rest) in fronts(local) {
        let possible = front.chars().next_back();
        if possible.is_none_or(|last| last_characters.contains(last))
            && let Some(value) = get(&format!("!{front}"))?
        {
            return Ok(from_fields(value.split('\0'), rest));
        }
    }
    Ok(None)
}

/// A text cut in two at every character, the longest front first.
fn fronts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    (0..=text.len()).rev().filter_map(|at| text.split_at_checked(at))
}

/// Looks a local address up in users/assign: a line `=` is for the whole of
/// it, the longest `+` for what begins so. A line of one dot is the end.
fn written(
    world: &World,
    local: &str,
) -> Result<Option<Assignment>, Unreadable> {
    let table = Control::read(world, USERS_ASSIGN)?;
    let mut best: Option<(&str, &str)> = None;
    for line in table.lines().take_while(|line| *line != ".") {
        let Some((name, fields)) = line.split_once(':') else { continue };
        let name = lower(name);
        if name.strip_prefix('=') == Some(local) {
            return Ok(from_fields(fields.split(':'), ""));
        }
        let rest = name.strip_prefix('+').and_then(|it| local.strip_prefix(it));
        if let Some(rest) = rest
            && best.is_none_or(|(shortest, _)| rest.len() < shortest.len())
        {
            best = Some((rest, fields));
        }
    }
    Ok(best.and_then(|(rest, fields)| from_fields(fields.split(':'), rest)))
}

/// Takes user, uid, gid, home, dash and extension; `rest` is what the entry
/// did not cover. Too few fields, or a home that is not absolute, are no
/// assignment.
fn from_fields<'a>(
    mut fields: impl Iterator<Item = &'a str>,
    rest: &str,
) -> Option<Assignment> {
    let home = PathBuf::from(fields.nth(3)?);
    let _dash = fields.next()?;
    let extension = fields.next()?.to_owned() + rest;
    home.is_absolute().then_some(Assignment { home, extension })
}
