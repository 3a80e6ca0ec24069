//! A zone: the whole of DNS, written down.
//!
//! What it knows it knows at once: aliases are followed and answers packed
//! when it is read, and a question costs one look into a table.
//!
//! ```
//! use ra_plugins::dns::zone::Zone;
//! use ra_plugins::world::{Asked, Dns, DnsError, RecordType};
//!
//! let zone = Zone::read(r#"
//! scenarios:
//! - name: "small"
//!   zone:
//!     "example.org":
//!     - {"A": "192.0.2.1"}
//! "#).unwrap();
//! let Asked::Lent(answer) = zone.ask("Example.ORG", RecordType::Mx) else {
//!     unreachable!("a zone knows all about its names");
//! };
//! assert_eq!(*answer, Err(DnsError::NoRecord));
//! ```

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde_json::Value;

use crate::control::lower;
use crate::dns::lines::{Line, Unreadable, lines};
use crate::world::{Answer, Asked, Dns, DnsError, RecordType, Records, Texts};

/// What a zone has of one type.
#[derive(Clone, Debug)]
struct Shelf<T> {
    records: Vec<T>,
    trouble: Option<DnsError>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { records: Vec::new(), trouble: None }
    }
}

impl<T> Shelf<T> {
    /// The answer to a question of this type.
    fn answer(
        &self,
        fallback: DnsError,
        pack: impl FnOnce(&[T]) -> Records,
    ) -> Answer {
        match (self.trouble, self.records.as_slice()) {
            (Some(trouble), _) => Err(trouble),
            (None, []) => Err(fallback),
            (None, records) => Ok(pack(records)),
        }
    }
}

/// Everything at one owner while the zone is being read.
#[derive(Clone, Debug, Default)]
struct Owner {
    txt: Shelf<Box<[u8]>>,
    spf: Shelf<Box<[u8]>>,
    a: Shelf<Ipv4Addr>,
    aaaa: Shelf<Ipv6Addr>,
    mx: Shelf<(u16, Box<str>)>,
    ptr: Shelf<Box<str>>,
    cname: Option<String>,
    silent: bool,
}

impl Owner {
    /// Puts one record, `{"TYPE": VALUE}`, or the bare `"TIMEOUT"`.
    fn put(&mut self, item: &Value) -> Option<()> {
        if item == "TIMEOUT" {
            self.silent = true;
            return Some(());
        }
        for (kind, value) in item.as_object()? {
            let trouble = match value.as_str() {
                Some("TIMEOUT") => Some(DnsError::Timeout),
                Some("SERVFAIL") => Some(DnsError::Failure),
                Some(_) | None => None,
            };
            self.put_value(kind, value, trouble)?;
        }
        Some(())
    }

    /// Puts one value of a type, or the trouble that stands in its place.
    fn put_value(
        &mut self,
        kind: &str,
        value: &Value,
        trouble: Option<DnsError>,
    ) -> Option<()> {
        match kind {
            "TXT" => put(&mut self.txt, trouble, || text(value)),
            "TXTHEX" => put(&mut self.txt, trouble, || hex(value.as_str()?)),
            "SPF" => put(&mut self.spf, trouble, || text(value)),
            "A" => put(&mut self.a, trouble, || value.as_str()?.parse().ok()),
            "AAAA" => {
                put(&mut self.aaaa, trouble, || value.as_str()?.parse().ok())
            }
            "MX" => put(&mut self.mx, trouble, || {
                let preference = value.get(0)?.as_u64()?.try_into().ok()?;
                Some((preference, name(value.get(1)?)?))
            }),
            "PTR" => put(&mut self.ptr, trouble, || name(value)),
            "CNAME" => {
                self.cname = Some(name(value)?.to_ascii_lowercase());
                Some(())
            }
            _ => None,
        }
    }
}

/// Puts a record, or the trouble, on its shelf.
fn put<T>(
    shelf: &mut Shelf<T>,
    trouble: Option<DnsError>,
    record: impl FnOnce() -> Option<T>,
) -> Option<()> {
    match trouble {
        Some(trouble) => shelf.trouble = Some(trouble),
        None => shelf.records.push(record()?),
    }
    Some(())
}

/// A name without its trailing dot; the root is empty.
fn name(value: &Value) -> Option<Box<str>> {
    let name = value.as_str()?;
    Some(name.strip_suffix('.').unwrap_or(name).into())
}

/// A text: one string, or a list of character-strings that are joined
/// without spaces (RFC 7208 3.3).
fn text(value: &Value) -> Option<Box<[u8]>> {
    match value.as_array() {
        None => Some(value.as_str()?.as_bytes().into()),
        Some(strings) => {
            let strings: Option<Vec<_>> =
                strings.iter().map(Value::as_str).collect();
            Some(strings?.concat().into_bytes().into())
        }
    }
}

/// Bytes from their hexadecimal digits.
fn hex(digits: &str) -> Option<Box<[u8]>> {
    let digits = digits.as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
    });
    pairs.collect()
}

/// All answers at one owner, ready to be handed out.
#[derive(Clone, Debug)]
struct Answers {
    txt: Answer,
    a: Answer,
    aaaa: Answer,
    mx: Answer,
    ptr: Answer,
}

impl Answers {
    /// The same error for every type.
    fn all(error: DnsError) -> Self {
        let error = Err(error);
        Self {
            txt: error.clone(),
            a: error.clone(),
            aaaa: error.clone(),
            mx: error.clone(),
            ptr: error,
        }
    }

    /// What the records of an owner answer.
    fn of(owner: &Owner, edition: Type99) -> Self {
        let none =
            if owner.silent { DnsError::Timeout } else { DnsError::NoRecord };
        let texts = |list: &[Box<[u8]>]| {
            let texts: Texts = list.iter().cloned().collect();
            Records::Txt(Arc::new(texts))
        };
        let mut of_type99 = owner.spf.records.iter();
        let has_spf = of_type99.any(|text| {
            text.get(..6).is_some_and(|it| it.eq_ignore_ascii_case(b"v=spf1"))
        });
        let txt = match edition {
            Type99::Preferred if has_spf => &owner.spf,
            Type99::Preferred | Type99::Ignored => &owner.txt,
        };
        Self {
            txt: txt.answer(none, texts),
            a: owner.a.answer(none, |list| Records::A(list.into())),
            aaaa: owner.aaaa.answer(none, |list| Records::Aaaa(list.into())),
            mx: owner.mx.answer(none, |list| Records::Mx(list.into())),
            ptr: owner.ptr.answer(none, |list| Records::Ptr(list.into())),
        }
    }
}

/// What becomes of records of type 99, which RFC 4408 had invented for SPF
/// and RFC 7208 3.1 abolished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type99 {
    /// Nobody asks for them.
    Ignored,
    /// Where one of them is an SPF record, they stand in for TXT: the way
    /// of RFC 4408, for its own suite.
    Preferred,
}

/// The most links of a CNAME chain that are followed.
const CHAIN_MAX: usize = 16;

/// A DNS that is written down.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    owners: HashMap<Box<str>, Answers, RandomState>,
}

impl Zone {
    /// Reads the zones of all scenarios of a file as one. Where several of
    /// them have the same owner, the last one counts.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let mut all = Builder::default();
        for scenario in scenarios(text)? {
            all.owners.extend(scenario.zone.owners);
        }
        Ok(all.build(Type99::Ignored))
    }

    /// The answers at a name. Most names are in lower case already, so they
    /// are only changed when they are not found.
    fn answers(&self, name: &str) -> Option<&Answers> {
        let found = self.owners.get(name);
        found.or_else(|| self.owners.get(&*lower(name)))
    }
}

impl Dns for Zone {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        let Some(answers) = self.answers(name) else {
            return Asked::Known(Err(DnsError::NoName));
        };
        let answer = match wanted {
            RecordType::Txt => &answers.txt,
            RecordType::A => &answers.a,
            RecordType::Aaaa => &answers.aaaa,
            RecordType::Mx => &answers.mx,
            RecordType::Ptr => &answers.ptr,
        };
        Asked::Lent(answer)
    }
}

/// A scenario as it is written down.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Its DNS.
    pub zone: Builder,
    /// Its tests, and in which line each of them stands.
    pub tests: Vec<(usize, Value)>,
}

/// Reads all scenarios of a file that hold anything. What comes before the
/// first of them is one without a name.
pub fn scenarios(text: &str) -> Result<Vec<Scenario>, Unreadable> {
    let mut read = Vec::new();
    let mut scenario = Scenario::default();
    let (mut in_tests, mut owner) = (false, String::new());
    for line in lines(text) {
        match line? {
            (_, Line::Scenario(name)) => {
                let next = Scenario { name, ..Scenario::default() };
                read.push(std::mem::replace(&mut scenario, next));
            }
            (_, Line::Zone) => in_tests = false,
            (_, Line::Tests) => in_tests = true,
            (_, Line::Owner(name)) => {
                owner = name.trim_end_matches('.').to_ascii_lowercase();
                scenario.zone.owners.entry(owner.clone()).or_default();
            }
            (line, Line::Item(item)) if in_tests => {
                scenario.tests.push((line, item));
            }
            (line, Line::Item(item)) => {
                let owner = scenario.zone.owners.entry(owner.clone());
                let flawed = || format!("not a record: {item}");
                let put = owner.or_default().put(&item);
                put.ok_or_else(|| Unreadable::new(line, flawed()))?;
            }
        }
    }
    read.push(scenario);
    read.retain(|it| !it.zone.owners.is_empty() || !it.tests.is_empty());
    Ok(read)
}

/// A zone while it is being read.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    owners: HashMap<String, Owner>,
}

impl Builder {
    /// The zone. Aliases are followed now, once for all; the parents of an
    /// owner exist without records (RFC 8020).
    pub fn build(&self, edition: Type99) -> Zone {
        let mut owners = HashMap::default();
        for name in self.owners.keys() {
            let answers = match self.follow(name) {
                Ok(owner) => Answers::of(owner, edition),
                Err(error) => Answers::all(error),
            };
            owners.insert(name.as_str().into(), answers);
        }
        for name in self.owners.keys() {
            let mut name = name.as_str();
            while let Some((_, parent)) = name.split_once('.') {
                let nothing = || Answers::all(DnsError::NoRecord);
                owners.entry(parent.into()).or_insert_with(nothing);
                name = parent;
            }
        }
        Zone { owners }
    }

    /// The owner at the end of a chain of aliases. There is none where it
    /// ends outside of the zone, and where it never ends.
    fn follow(&self, name: &str) -> Result<&Owner, DnsError> {
        let mut name = name;
        for _ in 0..=CHAIN_MAX {
            let owner = self.owners.get(name).ok_or(DnsError::NoName)?;
            match &owner.cname {
                Some(target) => name = target,
                None => return Ok(owner),
            }
        }
        Err(DnsError::Failure)
    }
}
