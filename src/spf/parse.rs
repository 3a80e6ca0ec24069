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

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::spf::macros::{Place, skip_percent};
use crate::spf::record::{
    Directive, DomainSpec, Flaw, Mechanism, Prefixes, RECORD_MAX, Record, Span,
    SpfResult, SyntaxError, VERSION, is_spf,
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

    /// The next byte.
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Steps over some bytes.
    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    /// Steps over a byte if it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let [first, rest @ ..] = self.rest else { return false };
        let found = *first == byte;
        if found {
            self.rest = rest;
        }
        found
    }

    /// Steps over all bytes of a kind, and returns them.
    fn take_while(&mut self, kind: impl Fn(&u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|byte| !kind(byte));
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
            match self.peek() {
                Some(b' ') => self.skip(1),
                Some(_) => self.term(&mut record)?,
                None => return Ok(record),
            }
        }
    }

    /// One term: a directive or a modifier.
    fn term(&mut self, record: &mut Record) -> Result<(), Flaw> {
        let start = self.at();
        let sign = match self.peek() {
            Some(b'+') => Some(SpfResult::Pass),
            Some(b'-') => Some(SpfResult::Fail),
            Some(b'~') => Some(SpfResult::SoftFail),
            Some(b'?') => Some(SpfResult::Neutral),
            _ => None,
        };
        self.skip(usize::from(sign.is_some()));
        // Most terms are IPv4 networks: they are told by a glance and go
        // into the list without a detour, which halves the time.
        if let [b'i' | b'I', b'p' | b'P', b'4', b':', ..] = self.rest {
            self.skip(4);
            let (network, prefix) = self.ip4()?;
            let mechanism = Mechanism::Ip4(network, prefix);
            return self.push(record, sign, mechanism, start);
        }
        let from = self.rest;
        let name = self.take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
        });
        if self.peek() == Some(b'=') && sign.is_none() {
            return self.modifier(record, name);
        }
        let mechanism = self.mechanism(name);
        if matches!(mechanism, Err(Flaw::UnknownMechanism)) {
            self.rest = from;
        }
        self.push(record, sign, mechanism?, start)
    }

    /// Adds a directive that ends here.
    fn push(
        &self,
        record: &mut Record,
        sign: Option<SpfResult>,
        mechanism: Mechanism,
        start: usize,
    ) -> Result<(), Flaw> {
        if !matches!(self.peek(), None | Some(b' ')) {
            return Err(Flaw::BadCharacter);
        }
        let result = sign.unwrap_or(SpfResult::Pass);
        let span = Span::new(start, self.at());
        record.directives.push(Directive { result, mechanism, span });
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
        self.skip(1);
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
        match slot.replace(self.domain_spec()?) {
            Some(_) => Err(Flaw::Repeated),
            None => Ok(()),
        }
    }

    /// What stands behind the name of a mechanism (section 5).
    fn mechanism(&mut self, name: &[u8]) -> Result<Mechanism, Flaw> {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"include") {
            Ok(Mechanism::Include(self.domain()?.ok_or(Flaw::NoDomain)?))
        } else if is(b"all") {
            Ok(Mechanism::All)
        } else if is(b"ip6") {
            let (network, prefix) = self.ip6()?;
            Ok(Mechanism::Ip6(network, prefix))
        } else if is(b"a") {
            let (domain, prefixes) = self.domain_and_prefixes()?;
            Ok(Mechanism::A(domain, prefixes))
        } else if is(b"mx") {
            let (domain, prefixes) = self.domain_and_prefixes()?;
            Ok(Mechanism::Mx(domain, prefixes))
        } else if is(b"exists") {
            Ok(Mechanism::Exists(self.domain()?.ok_or(Flaw::NoDomain)?))
        } else if is(b"ptr") {
            Ok(Mechanism::Ptr(self.domain()?))
        } else if is(b"ip4") {
            Err(Flaw::BadIp4)
        } else {
            Err(Flaw::UnknownMechanism)
        }
    }

    /// Four numbers, perhaps a prefix (5.6).
    fn ip4(&mut self) -> Result<(Ipv4Addr, u8), Flaw> {
        let (mut bits, mut rest) = (0, self.rest);
        for dot in [&b""[..], b".", b".", b"."] {
            let octet = rest.strip_prefix(dot).and_then(number);
            let (octet, more) = octet.ok_or(Flaw::BadIp4)?;
            let octet = u8::try_from(octet).map_err(|_| Flaw::BadIp4)?;
            (bits, rest) = (bits << 8 | u32::from(octet), more);
        }
        self.rest = rest;
        Ok((Ipv4Addr::from_bits(bits), self.prefix(32)?))
    }

    /// `:` and an address, perhaps a prefix (5.6). A zone index, as in
    /// `fe80::1%eth0`, is no part of it.
    fn ip6(&mut self) -> Result<(Ipv6Addr, u8), Flaw> {
        let colon = self.take(b':');
        let text = self.take_while(|byte| {
            byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
        });
        let any = || std::str::from_utf8(text).ok()?.parse().ok();
        let address = network_ip6(text).or_else(any).filter(|_| colon);
        Ok((address.ok_or(Flaw::BadIp6)?, self.prefix(128)?))
    }

    /// `/` and a number of bits, or nothing: then all bits count.
    fn prefix(&mut self, max: u8) -> Result<u8, Flaw> {
        let [b'/', rest @ ..] = self.rest else { return Ok(max) };
        let (bits, rest) = number(rest).ok_or(Flaw::BadPrefix)?;
        let bits = u8::try_from(bits).ok().filter(|bits| *bits <= max);
        self.rest = rest;
        bits.ok_or(Flaw::BadPrefix)
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
            let from = start.max(macros.end);
            let tail = self.text.get(from..self.at()).unwrap_or_default();
            let end = from + without_prefixes(tail);
            self.rest = self.text.get(end..).unwrap_or_default();
            domain = Some(self.finish_domain(start, macros)?);
        }
        let only_ip6 = self.rest.starts_with(b"//");
        let ip4 = if only_ip6 { 32 } else { self.prefix(32)? };
        let ip6 = match (self.take(b'/'), self.peek()) {
            (false, _) => 128,
            (true, Some(b'/')) => self.prefix(128)?,
            (true, _) => return Err(Flaw::BadPrefix),
        };
        Ok((domain, Prefixes { ip4, ip6 }))
    }

    /// `:` and a name, or nothing.
    fn domain(&mut self) -> Result<Option<DomainSpec>, Flaw> {
        if self.take(b':') { self.domain_spec().map(Some) } else { Ok(None) }
    }

    /// A name up to the end of the term (7.1).
    fn domain_spec(&mut self) -> Result<DomainSpec, Flaw> {
        let start = self.at();
        let macros = self.macro_string(Place::Domain)?;
        self.finish_domain(start, macros)
    }

    /// The name from `start` to here, if it ends as it must: in a macro, or
    /// in a dot and a top-level label and perhaps another dot (7.1).
    fn finish_domain(
        &self,
        start: usize,
        macros: Macros,
    ) -> Result<DomainSpec, Flaw> {
        let end = self.at();
        let tail = self.text.get(start.max(macros.end)..end);
        let tail = tail.unwrap_or_default();
        if start == end {
            return Err(Flaw::NoDomain);
        }
        if !tail.is_empty() && !ends_in_top_label(tail) {
            return Err(Flaw::BadDomainEnd);
        }
        let has_macros = macros.end > 0;
        let asks_for_p = macros.asks_for_p;
        Ok(DomainSpec { span: Span::new(start, end), has_macros, asks_for_p })
    }

    /// A `macro-string` up to the end of the term (7.1).
    fn macro_string(&mut self, place: Place) -> Result<Macros, Flaw> {
        let mut macros = Macros { end: 0, asks_for_p: false };
        loop {
            self.take_while(|it| matches!(it, b'!'..=b'$' | b'&'..=b'~'));
            match self.peek() {
                None | Some(b' ') => return Ok(macros),
                Some(b'%') => {
                    let (length, is_p) =
                        skip_percent(self.rest, place).ok_or(Flaw::BadMacro)?;
                    self.skip(length);
                    macros.end = self.at();
                    macros.asks_for_p |= is_p;
                }
                Some(_) => return Err(Flaw::BadCharacter),
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
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    edge(label.first())
        && edge(label.last())
        && label.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && !label.iter().all(u8::is_ascii_digit)
}

/// A decimal number at the beginning of a text, and what is left. It ends
/// after a leading zero and after three digits: what may follow a number is
/// no digit, so more of them are an error there.
fn number(text: &[u8]) -> Option<(u16, &[u8])> {
    let value = |digit: &u8| u16::from(digit - b'0');
    match text {
        [b'0', rest @ ..] => Some((0, rest)),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
            Some((value(a) * 100 + value(b) * 10 + value(c), rest))
        }
        [a @ b'1'..=b'9', b @ b'0'..=b'9', rest @ ..] => {
            Some((value(a) * 10 + value(b), rest))
        }
        [a @ b'1'..=b'9', rest @ ..] => Some((value(a), rest)),
        _ => None,
    }
}

/// An IPv6 network as most are written: up to seven groups, then `::`. The
/// standard library knows all forms of an address, and takes five times as
/// long.
fn network_ip6(text: &[u8]) -> Option<Ipv6Addr> {
    let (mut bits, mut shift) = (0, 128_u32);
    let (mut group, mut digits) = (0_u32, 0);
    // With one colon of the two gone, a colon ends each group.
    for byte in text.strip_suffix(b"::").and(text.strip_suffix(b":"))? {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b':' if shift > 16 && (1..=4).contains(&digits) => {
                shift -= 16;
                bits |= u128::from(group) << shift;
                (group, digits) = (0, 0);
                continue;
            }
            _ => return None,
        };
        (group, digits) = (group << 4 | u32::from(digit), digits + 1);
    }
    Some(Ipv6Addr::from_bits(bits))
}
