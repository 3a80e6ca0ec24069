//! Parsing a record: from left to right, each byte looked at once.
//!
//! There is no table of tokens and no regular expression: the grammar of
//! RFC 7208 section 12 is small enough for one function a rule. Where a rule
//! is broken the parser stops, and where it stands then is where the error
//! is.
//!
//! ```
//! use ra_plugins::spf::record::{Flaw, Record};
//!
//! let record = Record::parse("v=spf1 ip4:192.0.2.0/24 mx -all").unwrap();
//! assert_eq!(record.directives.len(), 3);
//! let error = Record::parse("v=spf1 mx ip4:192.0.2 -all").unwrap_err();
//! assert_eq!((error.at, error.flaw), (14, Flaw::BadIp4));
//! let flaw = |text| Record::parse(text).unwrap_err().flaw;
//! assert_eq!(flaw("v=spf1 a:%{d0}.example.org"), Flaw::BadMacro);
//! assert_eq!(flaw("v=spf1 ip4:192.0.2.0/33"), Flaw::BadPrefix);
//! ```

use std::net::Ipv4Addr;

use crate::spf::macros::{Percent, Place};
use crate::spf::record::{
    Directive, DomainSpec, Flaw, Mechanism, Prefixes, RECORD_MAX, Record, Span,
    SpfResult, SyntaxError, VERSION, is_spf,
};
use crate::spf::token::{
    A, ADDRESS, ALL, EXISTS, INCLUDE, IP4, IP6, LITERAL, MX, NAME, PTR, kinds,
    network_ip6, number, word,
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
        let rest = text.get(VERSION.len()..).unwrap_or_default();
        let mut parser = Parser { text, rest };
        parser.terms().map_err(|flaw| flaw.at(parser.at()))
    }
}

/// Reads a record from left to right.
struct Parser<'a> {
    /// All of it.
    text: &'a [u8],
    /// What has not been read.
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    /// Where we are, in bytes from the beginning.
    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// Steps over a byte if it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let Some(rest) = self.rest.strip_prefix(&[byte]) else { return false };
        self.rest = rest;
        true
    }

    /// Steps over all bytes of a kind, and returns them.
    fn take_while(&mut self, kind: u8) -> &'a [u8] {
        let length = self.rest.iter().position(|it| kinds(it) & kind == 0);
        let length = length.unwrap_or(self.rest.len());
        let (taken, rest) =
            self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        taken
    }

    /// All terms, with spaces before them (4.6.1).
    fn terms(&mut self) -> Result<Record, Flaw> {
        let mut record = Record::default();
        // Most terms are networks, which take about this much.
        record.directives.reserve(2 + self.text.len() / 16);
        loop {
            match self.rest {
                [] => return Ok(record),
                [b' ', rest @ ..] => self.rest = rest,
                _ => self.term(&mut record)?,
            }
        }
    }

    /// One term: a directive or a modifier.
    fn term(&mut self, record: &mut Record) -> Result<(), Flaw> {
        let start = self.at();
        let (sign, from) = match self.rest {
            [b'+', rest @ ..] => (Some(SpfResult::Pass), rest),
            [b'-', rest @ ..] => (Some(SpfResult::Fail), rest),
            [b'~', rest @ ..] => (Some(SpfResult::SoftFail), rest),
            [b'?', rest @ ..] => (Some(SpfResult::Neutral), rest),
            rest => (None, rest),
        };
        self.rest = from;
        let result = sign.unwrap_or(SpfResult::Pass);
        // Most terms are networks: they are told by a glance.
        match from {
            [b'i' | b'I', b'p' | b'P', b'4', b':', rest @ ..] => {
                self.rest = rest;
                let mechanism = self.ip4()?;
                return self.push(record, start, result, mechanism, None);
            }
            [b'i' | b'I', b'p' | b'P', b'6', b':', rest @ ..] => {
                self.rest = rest;
                let mechanism = self.ip6()?;
                return self.push(record, start, result, mechanism, None);
            }
            _ => {}
        }
        let name = self.take_while(NAME);
        if sign.is_none() && self.rest.starts_with(b"=") {
            return self.modifier(record, name);
        }
        let (mechanism, domain) = self.mechanism(name, from)?;
        self.push(record, start, result, mechanism, domain)
    }

    /// Adds a directive that ends here.
    fn push(
        &self,
        record: &mut Record,
        start: usize,
        result: SpfResult,
        mechanism: Mechanism,
        domain: Option<DomainSpec>,
    ) -> Result<(), Flaw> {
        if !matches!(self.rest, [] | [b' ', ..]) {
            return Err(Flaw::BadCharacter);
        }
        let span = Span::new(start, self.at());
        record.directives.push(Directive { result, mechanism, domain, span });
        Ok(())
    }

    /// A modifier whose `=` comes next (section 6).
    fn modifier(
        &mut self,
        record: &mut Record,
        name: &[u8],
    ) -> Result<(), Flaw> {
        if !name.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err(Flaw::BadCharacter);
        }
        self.take(b'=');
        let slot = if name.eq_ignore_ascii_case(b"redirect") {
            &mut record.redirect
        } else if name.eq_ignore_ascii_case(b"exp") {
            &mut record.explanation
        } else {
            // RFC 7208 6: an unknown modifier is ignored, wherever and
            // however often it stands; its macros still have to be macros.
            return self.macro_string(Place::Explanation).map(|_| ());
        };
        // RFC 7208 6: these two must not appear twice.
        if slot.is_some() {
            return Err(Flaw::Repeated);
        }
        *slot = Some(self.domain()?);
        Ok(())
    }

    /// What stands behind the name of a mechanism (section 5); `from` is
    /// where that name began.
    fn mechanism(
        &mut self,
        name: &[u8],
        from: &'a [u8],
    ) -> Result<(Mechanism, Option<DomainSpec>), Flaw> {
        match word(name) {
            ALL => Ok((Mechanism::All, None)),
            A => {
                let (domain, prefixes) = self.domain_and_prefixes()?;
                Ok((Mechanism::A(prefixes), domain))
            }
            MX => {
                let (domain, prefixes) = self.domain_and_prefixes()?;
                Ok((Mechanism::Mx(prefixes), domain))
            }
            PTR => {
                let has_domain = self.take(b':');
                let domain = has_domain.then(|| self.domain()).transpose()?;
                Ok((Mechanism::Ptr, domain))
            }
            INCLUDE => Ok((Mechanism::Include, Some(self.colon_domain()?))),
            EXISTS => Ok((Mechanism::Exists, Some(self.colon_domain()?))),
            IP4 => Err(Flaw::BadIp4),
            IP6 => Err(Flaw::BadIp6),
            _ => {
                self.rest = from;
                Err(Flaw::UnknownMechanism)
            }
        }
    }

    /// The name that `include` and `exists` cannot be without.
    fn colon_domain(&mut self) -> Result<DomainSpec, Flaw> {
        match self.take(b':') {
            true => self.domain(),
            false => Err(Flaw::NoDomain),
        }
    }

    /// Four numbers, perhaps a prefix (5.6).
    fn ip4(&mut self) -> Result<Mechanism, Flaw> {
        let (mut bits, mut rest) = (0, self.rest);
        for dot in [&b""[..], b".", b".", b"."] {
            let octet = rest.strip_prefix(dot).and_then(number);
            let (octet, more) = octet.ok_or(Flaw::BadIp4)?;
            let octet = u8::try_from(octet).map_err(|_| Flaw::BadIp4)?;
            (bits, rest) = (bits << 8 | u32::from(octet), more);
        }
        self.rest = rest;
        Ok(Mechanism::Ip4(Ipv4Addr::from_bits(bits), self.prefix(32)?))
    }

    /// `:` and an address, perhaps a prefix (5.6). A zone index, as in
    /// `fe80::1%eth0`, is no part of it.
    fn ip6(&mut self) -> Result<Mechanism, Flaw> {
        let address = if let Some((network, rest)) = network_ip6(self.rest) {
            self.rest = rest;
            network
        } else {
            let text = std::str::from_utf8(self.take_while(ADDRESS)).ok();
            let address = text.and_then(|text| text.parse().ok());
            address.ok_or(Flaw::BadIp6)?
        };
        Ok(Mechanism::Ip6(address, self.prefix(128)?))
    }

    /// `/` and a number of bits, or nothing: then all bits count.
    fn prefix(&mut self, max: u8) -> Result<u8, Flaw> {
        let [b'/', rest @ ..] = self.rest else { return Ok(max) };
        let (bits, rest) = number(rest).ok_or(Flaw::BadPrefix)?;
        let bits = u8::try_from(bits).ok().filter(|bits| *bits <= max);
        let bits = bits.ok_or(Flaw::BadPrefix)?;
        self.rest = rest;
        Ok(bits)
    }

    /// What may stand behind `a` and `mx`: a name, prefixes, both, nothing.
    fn domain_and_prefixes(
        &mut self,
    ) -> Result<(Option<DomainSpec>, Prefixes), Flaw> {
        let mut domain = None;
        if self.take(b':') {
            let start = self.at();
            let macros = self.macro_string(Place::Domain)?;
            // A slash may be part of a name, so the prefixes are found from
            // the end.
            let from = start.max(macros);
            let tail = self.text.get(from..self.at()).unwrap_or_default();
            let end = from + without_prefixes(tail);
            self.rest = self.text.get(end..).unwrap_or_default();
            domain = Some(self.finish_domain(start, macros)?);
        }
        let only_ip6 = self.rest.starts_with(b"//");
        let ip4 = if only_ip6 { 32 } else { self.prefix(32)? };
        let ip6 = match self.rest {
            [b'/', b'/', ..] => {
                self.take(b'/');
                self.prefix(128)?
            }
            [b'/', ..] => return Err(Flaw::BadPrefix),
            _ => 128,
        };
        Ok((domain, Prefixes { ip4, ip6 }))
    }

    /// A name up to the end of the term (7.1).
    fn domain(&mut self) -> Result<DomainSpec, Flaw> {
        let start = self.at();
        let macros = self.macro_string(Place::Domain)?;
        self.finish_domain(start, macros)
    }

    /// The name from `start` to here, if it ends as it must: in a macro, or
    /// in a dot and a top-level label and perhaps another dot (7.1). Its
    /// last macro ends at `macros`.
    fn finish_domain(
        &self,
        start: usize,
        macros: usize,
    ) -> Result<DomainSpec, Flaw> {
        let end = self.at();
        let tail = self.text.get(start.max(macros)..end).unwrap_or_default();
        if start == end {
            return Err(Flaw::NoDomain);
        }
        if !tail.is_empty() && !ends_in_top_label(tail) {
            return Err(Flaw::BadDomainEnd);
        }
        let span = Span::new(start, end);
        Ok(DomainSpec { span, has_macros: macros > 0 })
    }

    /// A `macro-string` up to the end of the term (7.1), and where the last
    /// of its macros ends: 0 if there is none.
    fn macro_string(&mut self, place: Place) -> Result<usize, Flaw> {
        let mut macros = 0;
        loop {
            self.take_while(LITERAL);
            match self.rest {
                [] | [b' ', ..] => return Ok(macros),
                [b'%', ..] => {
                    let percent = Percent::parse(self.rest, place);
                    let (_, rest) = percent.ok_or(Flaw::BadMacro)?;
                    self.rest = rest;
                    macros = self.at();
                }
                _ => return Err(Flaw::BadCharacter),
            }
        }
    }
}

/// The length of a text without the `/24`, `//64` or `/24//64` at its end.
fn without_prefixes(text: &[u8]) -> usize {
    let strip = |text: &[u8]| {
        let digits = text.iter().rev().take_while(|it| it.is_ascii_digit());
        let slash = text.len().checked_sub(digits.count() + 1)?;
        (text.get(slash) == Some(&b'/')).then_some(slash)
    };
    let Some(end) = strip(text) else { return text.len() };
    match text.get(..end) {
        Some([before @ .., b'/']) => strip(before).unwrap_or(before.len()),
        _ => end,
    }
}

/// Whether the last label of a text is one that a name may end in: letters,
/// digits and inner hyphens, not all of them digits (7.1: `toplabel`).
fn ends_in_top_label(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let Some(dot) = text.iter().rposition(|byte| *byte == b'.') else {
        return false;
    };
    let label = text.get(dot + 1..).unwrap_or_default();
    let is_label = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    label.iter().all(is_label)
        && !label.iter().all(u8::is_ascii_digit)
        && label.first() != Some(&b'-')
        && label.last() != Some(&b'-')
}
