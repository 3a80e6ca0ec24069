//! The rules: which limit applies to a value.
//!
//! A class is a list of rules, and the first whose pattern matches counts.
//! Ten thousand rules must not cost more than ten, so a list is sorted into
//! an index when it is read: whole words by hash, networks by prefix, globs
//! by the letters with which they begin or end.
//!
//! ```
//! use ra_plugins::rater::rules::{Class, Limit, Rule};
//!
//! let rule = |pattern: &str, seconds, count| {
//!     Rule::new(pattern, Limit { seconds, count }).unwrap()
//! };
//! let user = Class::new(vec![
//!     rule("rosario", 90, 20),
//!     rule("*@sales.example.org", 3600, 200),
//!     rule("*", 30, 2),
//! ]);
//! assert_eq!(user.limit("rosario").unwrap().count, 20);
//! assert_eq!(user.limit("joe@sales.example.org").unwrap().count, 200);
//! assert_eq!(user.limit("joe").unwrap().count, 2);
//! ```

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::ops::Bound;

use glob::{Pattern, PatternError};
use ipnet::{IpNet, Ipv6Net};
use prefix_trie::PrefixMap;

use crate::rater::wire::{Refusal, split};

/// At most `count` marks in `seconds`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// The length of the window.
    pub seconds: u32,
    /// How many marks are allowed; 0: any number.
    pub count: u32,
}

/// What a rule is about.
#[derive(Clone, Debug)]
enum What {
    /// A network or an address, as `10.0.0.0/8`.
    Network(IpNet),
    /// A glob, as `*@example.org`.
    Glob(Pattern),
}

/// One rule of a class.
#[derive(Clone, Debug)]
pub struct Rule {
    what: What,
    limit: Limit,
}

impl Rule {
    /// Reads a pattern: a network where it parses as one, a glob otherwise.
    pub fn new(pattern: &str, limit: Limit) -> Result<Self, PatternError> {
        let what = match network(pattern) {
            Some(network) => What::Network(network),
            None => What::Glob(glob(pattern)?),
        };
        Ok(Self { what, limit })
    }
}

/// A network, or an address as the network that has no other.
fn network(text: &str) -> Option<IpNet> {
    let address = || text.parse::<IpAddr>().ok();
    text.parse().ok().or_else(|| Some(address()?.to_canonical().into()))
}

/// Compiles a glob that means what it means to fnmatch: the library has
/// `**` for folders, `[!…]` only, and no backslash.
fn glob(pattern: &str) -> Result<Pattern, PatternError> {
    let mut translated = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '*' if translated.ends_with('*') => {}
            '^' if translated.ends_with('[') => translated.push('!'),
            '\\' => {
                let literal = letters.next().unwrap_or('\\').to_string();
                translated += &Pattern::escape(&literal);
            }
            _ => translated.push(letter),
        }
    }
    Pattern::new(&translated)
}

/// The rules of one class, and the index over them. The numbers in the
/// index are places in the list.
#[derive(Debug, Default)]
pub struct Class {
    rules: Vec<Rule>,
    /// Globs that are but a word.
    words: HashMap<String, usize>,
    /// Networks; those of IPv4 where IPv6 has a place for them.
    networks: PrefixMap<Ipv6Net, usize>,
    /// Globs by the letters before their first special character.
    heads: Ends,
    /// Globs by the letters after the last, read backwards.
    tails: Ends,
}

/// Which rules begin with these letters, in the order of the list.
type Ends = BTreeMap<String, Vec<usize>>;

impl Class {
    /// Sorts rules into the index. Where two are for the same word or
    /// network, the first stays.
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut class = Self::default();
        for (place, rule) in rules.iter().enumerate() {
            match &rule.what {
                What::Network(network) => {
                    class.networks.entry(wide(*network)).or_insert(place);
                }
                What::Glob(glob) => class.index(glob.as_str(), place),
            }
        }
        Self { rules, ..class }
    }

    /// Puts a glob where its longer end will be looked for.
    fn index(&mut self, glob: &str, place: usize) {
        let special = ['*', '?', '[', ']'];
        let ends = glob.split_once(special).zip(glob.rsplit_once(special));
        let Some(((head, _), (_, tail))) = ends else {
            self.words.entry(glob.to_owned()).or_insert(place);
            return;
        };
        let places = if head.len() > tail.len() {
            self.heads.entry(head.to_owned())
        } else {
            self.tails.entry(tail.chars().rev().collect())
        };
        places.or_default().push(place);
    }

    /// The limit of the first rule that matches, if any does.
    pub fn limit(&self, value: &str) -> Option<Limit> {
        let address = network(value);
        let wide = address.map(wide);
        let backwards: String = value.chars().rev().collect();
        let word = self.words.get(value).into_iter();
        let networks =
            wide.iter().flat_map(|it| self.networks.cover_values(it));
        let candidates = word
            .chain(networks)
            .map(std::slice::from_ref)
            .chain(beginnings(&self.heads, value))
            .chain(beginnings(&self.tails, &backwards));
        let mut first = None;
        for places in candidates {
            let earlier =
                |place: &&usize| first.is_none_or(|first| **place < first);
            let mut places = places.iter().take_while(earlier);
            let found = places.find(|it| self.matches(**it, value, address));
            first = found.copied().or(first);
        }
        self.rules.get(first?).map(|rule| rule.limit)
    }

    /// Whether the rule at this place is about the value.
    fn matches(&self, place: usize, value: &str, net: Option<IpNet>) -> bool {
        self.rules.get(place).is_some_and(|rule| match &rule.what {
            What::Network(network) => {
                net.is_some_and(|net| network.contains(&net))
            }
            What::Glob(glob) => glob.matches(value),
        })
    }
}

/// The network as IPv6 has it: that of IPv4 begins with `::ffff:`.
fn wide(network: IpNet) -> Ipv6Net {
    match network {
        IpNet::V6(network) => network,
        IpNet::V4(network) => Ipv6Net::new_assert(
            network.addr().to_ipv6_mapped(),
            network.prefix_len() + 96,
        ),
    }
}

/// The rules under each beginning of a text, the longest first. One look
/// into the tree finds the nearest entry; where that is not a beginning,
/// only what it has in common with the text can still be one.
fn beginnings<'a>(
    ends: &'a Ends,
    text: &'a str,
) -> impl Iterator<Item = &'a [usize]> {
    let mut bound = Some(text);
    std::iter::from_fn(move || {
        loop {
            let upto = (Bound::Unbounded, Bound::Included(bound?));
            let (end, places) = ends.range::<str, _>(upto).next_back()?;
            let is_beginning = text.starts_with(end.as_str());
            let common = if is_beginning {
                end.char_indices().next_back().map(|(last, _)| last)
            } else {
                let both = text.char_indices().zip(end.chars());
                both.into_iter().find(|((_, a), b)| a != b).map(|it| it.0.0)
            };
            bound = common.and_then(|common| text.get(..common));
            if is_beginning {
                return Some(places.as_slice());
            }
        }
    })
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
    pub fn limit(&self, key: &[u8]) -> Result<Limit, Refusal> {
        let (class, value) = split(key)?;
        match self.classes.get(class) {
            Some(rules) => Ok(rules.limit(value).unwrap_or_default()),
            None => Err(Refusal::NoClass(class.to_owned())),
        }
    }
}
