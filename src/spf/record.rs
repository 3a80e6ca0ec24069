//! A record: the grammar of RFC 7208 section 12, read in one pass.
//!
//! The terms of a parsed [`Record`] point into its text and own nothing of
//! it. A record is all right as a whole or wrong as a whole: one bad term
//! anywhere makes it a permerror (4.6), so parsing comes before deciding.
//!
//! ```
//! use ra_plugins::spf::record::is_spf;
//!
//! assert!(is_spf(b"v=spf1 ip4:192.0.2.0/24 mx -all"));
//! assert!(!is_spf(b"v=spf10 -all"));
//! ```

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The first term of every record (4.5).
pub const VERSION: &str = "v=spf1";

/// The longest record: no TXT record holds more octets.
pub const RECORD_MAX: usize = 65_535;

/// Whether a text is an SPF record: the version, and then a space or the
/// end (4.5).
pub fn is_spf(text: &[u8]) -> bool {
    let [v, b'=', s, p, f, b'1', rest @ ..] = text else { return false };
    let letters = [v, s, p, f].map(u8::to_ascii_lowercase);
    letters == *b"vspf" && matches!(rest, [] | [b' ', ..])
}

/// A piece of the text of a record, in bytes from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// The piece from `start` to before `end`, both at most [`RECORD_MAX`].
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |at| u16::try_from(at).unwrap_or(u16::MAX);
        Self { start: narrow(start), end: narrow(end) }
    }

    /// The piece itself.
    pub fn of(self, text: &[u8]) -> &str {
        let piece = text.get(self.start.into()..self.end.into());
        std::str::from_utf8(piece.unwrap_or_default()).unwrap_or_default()
    }
}

/// A `domain-spec` (7.1): a name that may hold macros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainSpec {
    /// Where it stands.
    pub span: Span,
    /// Whether there is anything to expand.
    pub has_macros: bool,
}

/// The results of RFC 7208 2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpfResult {
    /// The domain says nothing about its mail.
    None,
    /// The domain says that it does not say.
    Neutral,
    /// The client may send.
    Pass,
    /// The client may not send.
    Fail,
    /// The client probably may not send.
    SoftFail,
    /// It could not be found out this time.
    TempError,
    /// It cannot be found out until somebody mends the record.
    PermError,
}

impl SpfResult {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

impl fmt::Display for SpfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many leading bits of an address count, for IPv4 and for IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Of 32.
    pub ip4: u8,
    /// Of 128.
    pub ip6: u8,
}

impl Prefixes {
    /// All of them.
    pub const WHOLE: Self = Self { ip4: 32, ip6: 128 };
}

/// Something that a client can match (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Everybody (5.1).
    All,
    /// Whom another record lets pass (5.2).
    Include,
    /// The addresses of a name (5.3).
    A(Prefixes),
    /// The mail exchangers of a name (5.4).
    Mx(Prefixes),
    /// The names of the client itself (5.5).
    Ptr,
    /// A network (5.6).
    Ip4(Ipv4Addr, u8),
    /// A network (5.6).
    Ip6(Ipv6Addr, u8),
    /// Anything at all at a name (5.7).
    Exists,
}

/// A mechanism and what its match means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directive {
    /// What the match means: its qualifier (4.6.2).
    pub result: SpfResult,
    /// What has to match.
    pub mechanism: Mechanism,
    /// The name that it is about, if not that of the record itself.
    pub domain: Option<DomainSpec>,
    /// The whole term.
    pub span: Span,
}

/// A record that obeys the grammar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// In the order in which they are tried (4.6.2).
    pub directives: Vec<Directive>,
    /// `redirect=` (6.1).
    pub redirect: Option<DomainSpec>,
    /// `exp=` (6.2).
    pub explanation: Option<DomainSpec>,
}

/// Why a record is none.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{flaw} at byte {at}")]
pub struct SyntaxError {
    /// The byte of the text at which it shows.
    pub at: usize,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// What can be wrong with a record or an explanation.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Flaw {
    /// The version is missing.
    #[error("no v=spf1")]
    NoVersion,
    /// More than [`RECORD_MAX`] octets.
    #[error("record too long")]
    TooLong,
    /// A control character, a character beyond ASCII, a stray sign.
    #[error("character that does not belong")]
    BadCharacter,
    /// A mechanism that nobody has heard of.
    #[error("unknown mechanism")]
    UnknownMechanism,
    /// `include`, `exists` and their like without a name.
    #[error("name missing")]
    NoDomain,
    /// A name that ends in no top-level label and no macro.
    #[error("name without a valid end")]
    BadDomainEnd,
    /// `%` without a macro behind it, or one that does not exist here.
    #[error("bad macro")]
    BadMacro,
    /// Not four numbers from 0 to 255.
    #[error("bad IPv4 address")]
    BadIp4,
    /// Not an IPv6 address.
    #[error("bad IPv6 address")]
    BadIp6,
    /// A prefix length that is none, too large or has a leading zero.
    #[error("bad prefix length")]
    BadPrefix,
    /// `redirect=` or `exp=` for the second time.
    #[error("modifier given twice")]
    Repeated,
}

impl Flaw {
    /// This flaw, at a place.
    pub fn at(self, at: usize) -> SyntaxError {
        SyntaxError { at, flaw: self }
    }
}
