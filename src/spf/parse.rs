//! Parsing a record: from left to right, each byte looked at once.
//!
//! There is no table of tokens and no regular expression: the grammar of
//! RFC 7208 section 12 is small enough for one function a rule.
//!
//! ```
//! use ra_plugins::spf::record::{Flaw, Record};
//!
//! let flaw = |text| Record::parse(text).unwrap_err().flaw;
//! assert_eq!(flaw("v=spf1 a:%{d0}.example.org"), Flaw::BadMacro);
//! assert_eq!(flaw("v=spf1 ip4:192.0.2.0/033"), Flaw::BadPrefix);
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::spf::macros::{Place, skip_percent};
use crate::spf::record::{
    Directive, DomainSpec, Flaw, Mechanism, Prefixes, Qualifier, RECORD_MAX,
    Record, Span, SyntaxError, VERSION, is_spf,
};

impl Record {
    /// Parses the text of a record.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Self::parse_bytes(text.as_bytes())
    }

    /// Parses the bytes of a record, which are ASCII if they parse.
    pub fn parse_bytes(text: &[u8]) -> Result<Self, SyntaxError> {
        if !is_spf(text) {
            return Err(Flaw::NoVersion.at(0));
        }
        if text.len() > RECORD_MAX {
            return Err(Flaw::TooLong.at(RECORD_MAX));
        }
        let mut parser = Parser { text, at: VERSION.len() };
        let mut record = Self::default();
        record.directives.reserve(2 + text.len() / 20);
        loop {
            while parser.take(b' ') {}
            match parser.peek() {
                Some(_) => parser.term(&mut record)?,
                None => return Ok(record),
            }
        }
    }
}

/// Reads a record from left to right.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    /// The next byte.
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Steps over a byte if it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps over all bytes of a kind, and returns them.
    fn take_while(&mut self, kind: impl Fn(&u8) -> bool) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !kind(byte));
        let taken = rest.get(..length.unwrap_or(rest.len()));
        let taken = taken.unwrap_or_default();
        self.at += taken.len();
        taken
    }

    /// One term: a directive or a modifier (4.6.1).
    fn term(&mut self, record: &mut Record) -> Result<(), SyntaxError> {
        let start = self.at;
        let qualifier = self.qualifier();
        let name_at = self.at;
        let in_name = |b: &u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')
        };
        let name = self.take_while(in_name);
        if self.peek() == Some(b'=') && qualifier.is_none() {
            return self.modifier(record, name, start);
        }
        let mechanism = self.mechanism(name, name_at)?;
        if !matches!(self.peek(), None | Some(b' ')) {
            return Err(Flaw::BadCharacter.at(self.at));
        }
        record.directives.push(Directive {
            qualifier: qualifier.unwrap_or(Qualifier::Pass),
            mechanism,
            span: Span::new(start, self.at),
        });
        Ok(())
    }

    /// `+`, `-`, `?` or `~`.
    fn qualifier(&mut self) -> Option<Qualifier> {
        let qualifier = match self.peek()? {
            b'+' => Qualifier::Pass,
            b'-' => Qualifier::Fail,
            b'~' => Qualifier::SoftFail,
            b'?' => Qualifier::Neutral,
            _ => return None,
        };
        self.at += 1;
        Some(qualifier)
    }

    /// A modifier whose `=` comes next (section 6).
    fn modifier(
        &mut self,
        record: &mut Record,
        name: &[u8],
        start: usize,
    ) -> Result<(), SyntaxError> {
        if !name.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(Flaw::BadCharacter.at(start));
        }
        self.at += 1;
        let slot = if name.eq_ignore_ascii_case(b"redirect") {
            &mut record.redirect
        } else if name.eq_ignore_ascii_case(b"exp") {
            &mut record.explanation
        } else {
            // RFC 7208 6: an unknown modifier is ignored, wherever and
            // however often it stands; its macros still have to be macros.
            self.macro_string(Place::Explanation)?;
            return Ok(());
        };
        let domain = self.domain_spec()?;
        // RFC 7208 6: these two must not appear twice.
        match slot.replace(domain) {
            Some(_) => Err(Flaw::Repeated.at(start)),
            None => Ok(()),
        }
    }

    /// What stands behind the name of a mechanism (section 5).
    fn mechanism(
        &mut self,
        name: &[u8],
        name_at: usize,
    ) -> Result<Mechanism, SyntaxError> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"ip4") {
            self.ip4()
        } else if is(b"include") {
            Ok(Mechanism::Include(self.required_domain()?))
        } else if is(b"all") {
            Ok(Mechanism::All)
        } else if is(b"ip6") {
            self.ip6()
        } else if is(b"a") {
            let (domain, prefixes) = self.domain_and_prefixes()?;
            Ok(Mechanism::A(domain, prefixes))
        } else if is(b"mx") {
            let (domain, prefixes) = self.domain_and_prefixes()?;
            Ok(Mechanism::Mx(domain, prefixes))
        } else if is(b"exists") {
            Ok(Mechanism::Exists(self.required_domain()?))
        } else if is(b"ptr") {
            Ok(Mechanism::Ptr(self.optional_domain()?))
        } else {
            Err(Flaw::UnknownMechanism.at(name_at))
        }
    }

    /// `:` and a name.
    fn required_domain(&mut self) -> Result<DomainSpec, SyntaxError> {
        self.optional_domain()?.ok_or(Flaw::NoDomain.at(self.at))
    }

    /// `:` and a name, or nothing.
    fn optional_domain(&mut self) -> Result<Option<DomainSpec>, SyntaxError> {
        if self.take(b':') { self.domain_spec().map(Some) } else { Ok(None) }
    }

    /// `:` and four numbers, perhaps a prefix (5.6).
    fn ip4(&mut self) -> Result<Mechanism, SyntaxError> {
        let start = self.at + 1;
        let flaw = Flaw::BadIp4.at(start);
        let mut octets = [0; 4];
        let mut before = b':';
        for octet in &mut octets {
            if !self.take(before) {
                return Err(flaw);
            }
            *octet = self.number(255).ok_or(flaw)?;
            before = b'.';
        }
        let prefix = self.prefix(32)?;
        Ok(Mechanism::Ip4(Ipv4Addr::from(octets), prefix))
    }

    /// `:` and an address, perhaps a prefix (5.6). A zone index, as in
    /// `fe80::1%eth0`, is no part of it.
    fn ip6(&mut self) -> Result<Mechanism, SyntaxError> {
        let start = self.at + 1;
        let flaw = Flaw::BadIp6.at(start);
        if !self.take(b':') {
            return Err(flaw);
        }
        let text = self.take_while(|byte| {
            byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
        });
        let text = std::str::from_utf8(text).map_err(|_| flaw)?;
        let address: Ipv6Addr = text.parse().map_err(|_| flaw)?;
        let prefix = self.prefix(128)?;
        Ok(Mechanism::Ip6(address, prefix))
    }

    /// A decimal number without leading zeros.
    fn number(&mut self, max: u8) -> Option<u8> {
        let mut value = u16::from(digit(self.peek()?)?);
        self.at += 1;
        let leading_zero = value == 0;
        while let Some(next) = self.peek().and_then(digit) {
            value = value * 10 + u16::from(next);
            if leading_zero || value > max.into() {
                return None;
            }
            self.at += 1;
        }
        u8::try_from(value).ok().filter(|value| *value <= max)
    }

    /// `/` and a number of bits, or nothing: then all bits count.
    fn prefix(&mut self, max: u8) -> Result<u8, SyntaxError> {
        let start = self.at;
        if !self.take(b'/') {
            return Ok(max);
        }
        self.number(max).ok_or(Flaw::BadPrefix.at(start))
    }

    /// What may stand behind `a` and `mx`: a name, prefixes, both, nothing.
    fn domain_and_prefixes(
        &mut self,
    ) -> Result<(Option<DomainSpec>, Prefixes), SyntaxError> {
        let domain = if self.take(b':') {
            let (start, macros) = (self.at, self.macro_string(Place::Domain)?);
            // A slash may be part of a name, so the prefixes are found from
            // the end.
            let text = self.text.get(start..self.at).unwrap_or_default();
            self.at = start
                + without_prefixes(text, macros.end.saturating_sub(start));
            Some(self.finish_domain(start, macros)?)
        } else {
            None
        };
        let only_ip6 =
            matches!(self.text.get(self.at..), Some([b'/', b'/', ..]));
        let ip4 = if only_ip6 { 32 } else { self.prefix(32)? };
        let start = self.at;
        let ip6 = match (self.take(b'/'), self.peek()) {
            (false, _) => 128,
            (true, Some(b'/')) => self.prefix(128)?,
            (true, _) => return Err(Flaw::BadPrefix.at(start)),
        };
        Ok((domain, Prefixes { ip4, ip6 }))
    }

    /// A name up to the end of the term (7.1).
    fn domain_spec(&mut self) -> Result<DomainSpec, SyntaxError> {
        let (start, macros) = (self.at, self.macro_string(Place::Domain)?);
        self.finish_domain(start, macros)
    }

    /// The name from `start` to here, if it ends as it must: in a macro, or
    /// in a dot and a top-level label and perhaps another dot (7.1).
    fn finish_domain(
        &self,
        start: usize,
        macros: Macros,
    ) -> Result<DomainSpec, SyntaxError> {
        if start == self.at {
            return Err(Flaw::NoDomain.at(start));
        }
        if macros.end != self.at {
            let tail_at = start.max(macros.end);
            let tail = self.text.get(tail_at..self.at).unwrap_or_default();
            if !ends_in_top_label(tail) {
                return Err(Flaw::BadDomainEnd.at(self.at));
            }
        }
        Ok(DomainSpec {
            span: Span::new(start, self.at),
            has_macros: macros.end > start,
            asks_for_p: macros.asks_for_p,
        })
    }

    /// A `macro-string` up to the end of the term (7.1).
    fn macro_string(&mut self, place: Place) -> Result<Macros, SyntaxError> {
        let mut macros = Macros { end: 0, asks_for_p: false };
        loop {
            match self.peek() {
                None | Some(b' ') => return Ok(macros),
                Some(b'%') => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let (length, is_p) = skip_percent(rest, place)
                        .ok_or(Flaw::BadMacro.at(self.at))?;
                    self.at += length;
                    macros.end = self.at;
                    macros.asks_for_p |= is_p;
                }
                Some(b'!'..=b'~') => self.at += 1,
                Some(_) => return Err(Flaw::BadCharacter.at(self.at)),
            }
        }
    }
}

/// The macros of a name.
#[derive(Clone, Copy)]
struct Macros {
    /// Where the last of them ends; 0 if there is none.
    end: usize,
    /// Whether `%{p}` is among them.
    asks_for_p: bool,
}

/// The value of a digit.
fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// The length of a name without the `/24`, `//64` or `/24//64` behind it.
/// Nothing before `from`, the end of the last macro, is a prefix.
fn without_prefixes(text: &[u8], from: usize) -> usize {
    let strip = |text: &[u8]| {
        let digits = text.iter().rev().take_while(|it| it.is_ascii_digit());
        let slash = text.len().checked_sub(digits.count() + 1)?;
        (slash >= from && text.get(slash) == Some(&b'/')).then_some(slash)
    };
    let Some(mut end) = strip(text) else { return text.len() };
    let before = |end: usize| text.get(..end).unwrap_or_default();
    if end > from && before(end).ends_with(b"/") {
        end -= 1;
        end = strip(before(end)).unwrap_or(end);
    }
    end
}

/// Whether the last label of a text is one that a name may end in: letters,
/// digits and inner hyphens, not all of them digits (7.1: `toplabel`).
fn ends_in_top_label(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let Some(dot) = text.iter().rposition(|byte| *byte == b'.') else {
        return false;
    };
    let label = text.get(dot + 1..).unwrap_or_default();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    edge(label.first())
        && edge(label.last())
        && label.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && !label.iter().all(u8::is_ascii_digit)
}
