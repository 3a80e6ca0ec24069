//! What can be asked of DNS, and what it answers.
//!
//! These are the words of the port; who answers is somebody else's business.
//!
//! ```
//! use std::sync::Arc;
//! use ra_plugins::lookup::{Answer, DnsError, Records};
//!
//! let address = "192.0.2.1".parse().unwrap();
//! let answer: Answer = Ok(Records::A(Arc::new([address])));
//! assert_eq!(answer.unwrap().to_string(), "192.0.2.1");
//! assert_eq!(DnsError::NoName.to_string(), "no such name");
//! ```

use std::any::Any;
use std::fmt::{self, Debug, Display, Formatter};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use thiserror::Error;

use crate::network::Waiting;

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

/// An answer at once, or the wait for it: what is in memory costs no box,
/// and what stays there is not even counted.
pub enum Asked<'a> {
    /// The answer was known.
    Known(Answer),
    /// The answer was known, and stays where it is.
    Lent(&'a Answer),
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
            Self::Lent(answer) => answer.clone(),
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
