//! The rules: which limit applies to a value.
//!
//! A class is a list of rules, and the first whose pattern matches counts.
//! Ten thousand rules must not cost more than ten, so a list is sorted into
//! two indexes when it is read: networks by prefix, globs by what they begin
//! or end with (`globset`).
//!
//! ```
//! use ra_plugins::rater::rules::{Class, Limit};
//!
//! let rule = |pattern: &str, seconds, count| {
//!     (pattern.to_owned(), Limit { seconds, count })
//! };
//! let user = Class::new(&[
//!     rule("rosario", 90, 20),
//!     rule("*@sales.example.org", 3600, 200),
//!     rule("*", 30, 2),
//! ])
//! .unwrap();
//! assert_eq!(user.limit("rosario").unwrap().count, 20);
//! assert_eq!(user.limit("joe@sales.example.org").unwrap().count, 200);
//! assert_eq!(user.limit("joe").unwrap().count, 2);
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;

use globset::{Error, Glob, GlobBuilder, GlobSet};
use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use crate::rater::wire::{Answer, split};

/// At most `count` marks in `seconds`; a count of 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// The length of the window.
    pub seconds: u32,
    /// How many marks are allowed.
    pub count: u32,
}

/// The rules of one class. Both indexes lead to places in the list.
#[derive(Debug, Default)]
pub struct Class {
    limits: Vec<Limit>,
    globs: GlobSet,
    networks: JointPrefixMap<IpNet, usize>,
}

impl Class {
    /// Sorts rules into the indexes. A network is a glob as well, one that
    /// matches its own name, so that the number of a glob is its place. Of
    /// two rules for the same network the first stays.
    pub fn new(rules: &[(String, Limit)]) -> Result<Self, Error> {
        let mut networks = JointPrefixMap::new();
        let mut globs = GlobSet::builder();
        for (place, (pattern, _)) in rules.iter().enumerate() {
            globs.add(glob(pattern)?);
            if let Some(network) = network(pattern) {
                networks.entry(network).or_insert(place);
            }
        }
        let limits = rules.iter().map(|(_, limit)| *limit).collect();
        Ok(Self { limits, globs: globs.build()?, networks })
    }

    /// The limit of the first rule that matches, if any does.
    pub fn limit(&self, value: &str) -> Option<Limit> {
        let globs = self.globs.matches(value);
        let address = network(value);
        let networks = address.iter().flat_map(|it| self.networks.cover(it));
        let networks = networks.map(|(_, place)| place);
        let place = networks.chain(globs.first()).min()?;
        self.limits.get(*place).copied()
    }
}

/// Compiles a glob that means what it means to fnmatch: the library knows
/// folders in `**` and alternatives in `{}`. What is quoted or in a set
/// stays as it is.
pub fn glob(pattern: &str) -> Result<Glob, Error> {
    let (mut plain, mut before, mut rest) = (String::new(), "", pattern);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\\' => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            '[' => set(rest).unwrap_or(1),
            other => other.len_utf8(),
        };
        let (piece, others) = rest.split_at(length);
        plain += match piece {
            "{" => "[{]",
            "}" => "[}]",
            "*" if before == "*" => "",
            other => other,
        };
        (before, rest) = (piece, others);
    }
    GlobBuilder::new(&plain).backslash_escape(true).build()
}

/// The length of the set that begins here, if it has an end: the first `]`
/// that is not its first letter.
fn set(text: &str) -> Option<usize> {
    let letters = text.strip_prefix('[')?;
    let letters = letters.strip_prefix(['!', '^']).unwrap_or(letters);
    let letters = letters.strip_prefix(']').unwrap_or(letters);
    Some(text.len() - letters.len() + letters.find(']')? + 1)
}

/// A network, or an address as the network that has no other.
pub fn network(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        // `::ffff:192.0.2.9` is a way to write 192.0.2.9.
        Ok(address) => Some(address.to_canonical().into()),
        Err(_) => text.parse().ok(),
    }
}

/// The rules of all classes.
#[derive(Debug, Default)]
pub struct Rules {
    /// The classes by name. Marks of one never count in another.
    pub classes: BTreeMap<String, Class>,
}

impl Rules {
    /// The limit of a key; none where its class has no rule for it.
    pub fn limit(&self, key: &[u8]) -> Result<Limit, Answer> {
        let (class, value) = split(key)?;
        match self.classes.get(class) {
            Some(class) => Ok(class.limit(value).unwrap_or_default()),
            None => Err(Answer::NoClass(class.to_owned())),
        }
    }
}
