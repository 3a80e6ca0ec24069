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
use ipnet::{IpNet, Ipv6Net};
use prefix_trie::PrefixMap;

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
    glob_places: Vec<usize>,
    networks: PrefixMap<Ipv6Net, usize>,
}

impl Class {
    /// Sorts rules into the indexes. Of two for the same network the first
    /// stays.
    pub fn new(rules: &[(String, Limit)]) -> Result<Self, Error> {
        let mut class = Self::default();
        let mut globs = GlobSet::builder();
        for (place, (pattern, limit)) in rules.iter().enumerate() {
            class.limits.push(*limit);
            if let Some(network) = network(pattern) {
                class.networks.entry(network).or_insert(place);
            } else {
                globs.add(glob(pattern)?);
                class.glob_places.push(place);
            }
        }
        class.globs = globs.build()?;
        Ok(class)
    }

    /// The limit of the first rule that matches, if any does.
    pub fn limit(&self, value: &str) -> Option<Limit> {
        let globs = self.globs.matches(value);
        let glob = globs.first().and_then(|it| self.glob_places.get(*it));
        let address = network(value);
        let networks = address.iter().flat_map(|it| self.networks.cover(it));
        let place = networks.map(|(_, place)| place).chain(glob).min()?;
        self.limits.get(*place).copied()
    }
}

/// Compiles a glob that means what it means to fnmatch: the library knows
/// folders in `**` and alternatives in `{}`.
pub fn glob(pattern: &str) -> Result<Glob, Error> {
    let mut plain = pattern.replace('{', "[{]").replace('}', "[}]");
    while plain.contains("**") {
        plain = plain.replace("**", "*");
    }
    GlobBuilder::new(&plain).backslash_escape(true).build()
}

/// A network, or an address as the network that has no other. IPv4 has its
/// place in IPv6, which no network of IPv6 in use contains.
pub fn network(text: &str) -> Option<Ipv6Net> {
    let network = match text.parse() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    match network {
        IpNet::V6(network) => Some(network),
        IpNet::V4(network) => {
            let address = network.addr().to_ipv6_mapped();
            Ipv6Net::new(address, network.prefix_len() + 96).ok()
        }
    }
}

/// The rules of all classes.
#[derive(Debug, Default)]
pub struct Rules {
    /// The classes by name. Marks of one never count in another.
    pub classes: BTreeMap<String, Class>,
    /// How often the rules have been read: what is remembered from earlier
    /// ones does not count.
    pub generation: u32,
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
