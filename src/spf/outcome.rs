//! What a check comes to, and what it may cost.
//!
//! A result is one word, but nobody who has to explain a refusal can work
//! with one word. So an [`Outcome`] also tells which term of which record
//! decided, or what stood in the way, and on request every step.
//!
//! ```
//! use ra_plugins::spf::outcome::{Limits, Problem, SpfResult};
//!
//! assert_eq!(Limits::default().lookups, 10);
//! assert_eq!(Problem::TooManyLookups.result(), SpfResult::PermError);
//! assert_eq!(SpfResult::PermError.to_string(), "permerror");
//! ```

use std::fmt;
use std::time::Duration;

use thiserror::Error;

pub use crate::spf::record::SpfResult;
use crate::spf::record::SyntaxError;
use crate::world::DnsError;

/// Where two editions of SPF contradict each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edition {
    /// RFC 4408, of 2006. Only its own test suite still asks for it: names
    /// that DNS cannot carry are a permerror, exchangers too many are
    /// ignored, and `exists` takes a failing server for a no.
    Rfc4408,
    /// RFC 7208, of 2014.
    #[default]
    Rfc7208,
}

/// What a check may cost (4.6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Terms that ask DNS.
    pub lookups: u8,
    /// Exchangers of one `mx`.
    pub mx: usize,
    /// Names of the client that one `ptr` or `%{p}` tries.
    pub ptr: usize,
    /// Terms that ask DNS in vain.
    pub void: u8,
    /// Time for all of it; at least 20 seconds.
    pub deadline: Duration,
    /// Whose rules.
    pub edition: Edition,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lookups: 10,
            mx: 10,
            ptr: 10,
            void: 2,
            deadline: Duration::from_secs(20),
            edition: Edition::default(),
        }
    }
}

/// Why there is no better result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Problem {
    /// The domain is not one that mail could come from (4.3).
    #[error("{0} is not a domain name")]
    NotADomain(String),
    /// No record (4.5).
    #[error("{0} has no SPF record")]
    NoRecord(String),
    /// More than one record (4.5).
    #[error("{0} has more than one SPF record")]
    SeveralRecords(String),
    /// A record against the grammar (4.6).
    #[error("the record of {0} is wrong: {1}")]
    Syntax(String, SyntaxError),
    /// `include` of a domain that has no record (5.2).
    #[error("{0} is included but has no SPF record")]
    IncludesNothing(String),
    /// `redirect` to a domain that has no record (6.1).
    #[error("{0} is redirected to but has no SPF record")]
    RedirectsNowhere(String),
    /// Too many terms that ask DNS (4.6.4).
    #[error("more terms that ask DNS than allowed")]
    TooManyLookups,
    /// Too many terms that ask DNS in vain (4.6.4).
    #[error("more terms that ask DNS in vain than allowed")]
    TooManyVoidLookups,
    /// Too many exchangers at one name (4.6.4).
    #[error("{0} has more mail exchangers than allowed")]
    TooManyExchangers(String),
    /// A name that DNS cannot carry, to the taste of RFC 4408.
    #[error("{0} is no name for DNS")]
    BadName(String),
    /// DNS failed us.
    #[error("DNS: {0}: {1}")]
    Dns(String, DnsError),
    /// Time is up (4.6.4).
    #[error("no answer in time")]
    Late,
}

impl Problem {
    /// The result that a problem makes.
    pub fn result(&self) -> SpfResult {
        match self {
            Self::NotADomain(_) | Self::NoRecord(_) => SpfResult::None,
            Self::Dns(..) | Self::Late => SpfResult::TempError,
            Self::SeveralRecords(_)
            | Self::Syntax(..)
            | Self::IncludesNothing(_)
            | Self::RedirectsNowhere(_)
            | Self::TooManyLookups
            | Self::TooManyVoidLookups
            | Self::TooManyExchangers(_)
            | Self::BadName(_) => SpfResult::PermError,
        }
    }
}

/// The term that decided, and whose record it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The domain and the term, in one piece: every check makes one of it.
    words: Box<str>,
    domain_end: usize,
}

impl Decision {
    /// The decision of a term in a domain's record; of an empty one where
    /// none has matched.
    pub fn new(domain: &str, term: &str) -> Self {
        let words = [domain, term].concat().into();
        Self { words, domain_end: domain.len() }
    }

    /// Whose record, and the term.
    pub fn parts(&self) -> (&str, &str) {
        self.words.split_at_checked(self.domain_end).unwrap_or_default()
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (domain, term) = self.parts();
        match term.is_empty() {
            true => write!(f, "no mechanism of {domain} matched"),
            false => write!(f, "mechanism {term} of {domain}"),
        }
    }
}

/// All that a check has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The word.
    pub result: SpfResult,
    /// The domain's own words about a `fail`, as they came.
    pub explanation: Option<String>,
    /// The term that decided.
    pub decision: Option<Decision>,
    /// What stood in the way.
    pub problem: Option<Problem>,
    /// Every step, if somebody asked for them: a line each.
    pub trace: Vec<String>,
}

impl Outcome {
    /// The outcome that a problem makes.
    pub fn of(problem: Problem) -> Self {
        Self {
            result: problem.result(),
            explanation: None,
            decision: None,
            problem: Some(problem),
            trace: Vec::new(),
        }
    }

    /// What decided, or what stood in the way, in a few words.
    pub fn reason(&self) -> String {
        match (&self.decision, &self.problem) {
            (Some(decision), _) => decision.to_string(),
            (None, Some(problem)) => problem.to_string(),
            (None, None) => String::new(),
        }
    }
}
