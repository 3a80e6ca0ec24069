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
        let rest = text.get(VERSION.len()..).unwrap_or_default();
        let mut parser = Parser { text, rest };
        let mut record = Self::default();
        // Most terms are networks, which take about this much.
        record.directives.reserve(2 + text.len() / 16);
        while let Some(byte) = parser.peek() {
            if byte == b' ' {
                parser.skip(1);
            } else {
                parser.term(&mut record)?;
            }
        }
        Ok(record)
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
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
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

    /// One term: a directive or a modifier (4.6.1).
    fn term(&mut self, record: &mut Record) -> Result<(), SyntaxError> {
        let start = self.at();
        let qualifier = self.qualifier();
        // Most terms are IPv4 networks: they are told by a glance and go
        // into the list without a detour, which halves the time.
        if let [b'i' | b'I', b'p' | b'P', b'4', b':', ..] = self.rest {
            self.skip(3);
            let (network, prefix) = self.ip4()?;
            let mechanism = Mechanism::Ip4(network, prefix);
            return self.push(record, qualifier, mechanism, start);
        }
        let name_at = self.at();
        let name = self.take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
        });
        if self.peek() == Some(b'=') && qualifier.is_none() {
            return self.modifier(record, name, start);
        }
        let mechanism = self.mechanism(name, name_at)?;
        self.push(record, qualifier, mechanism, start)
    }

    /// Adds a directive that ends here, with its term.
    fn push(
        &self,
        record: &mut Record,
        qualifier: Option<Qualifier>,
        mechanism: Mechanism,
        start: usize,
    ) -> Result<(), SyntaxError> {
        if !matches!(self.peek(), None | Some(b' ')) {
            return Err(Flaw::BadCharacter.at(self.at()));
        }
        let qualifier = qualifier.unwrap_or(Qualifier::Pass);
        let span = Span::new(start, self.at());
        record.directives.push(Directive { qualifier, mechanism, span });
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
        self.skip(1);
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
        self.skip(1);
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
        if is(b"include") {
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
        } else if is(b"ip4") {
            Err(Flaw::BadIp4.at(self.at()))
        } else {
            Err(Flaw::UnknownMechanism.at(name_at))
        }
    }

    /// `:` and a name.
    fn required_domain(&mut self) -> Result<DomainSpec, SyntaxError> {
        self.optional_domain()?.ok_or(Flaw::NoDomain.at(self.at()))
    }

    /// `:` and a name, or nothing.
    fn optional_domain(&mut self) -> Result<Option<DomainSpec>, SyntaxError> {
        if self.take(b':') { self.domain_spec().map(Some) } else { Ok(None) }
    }

    /// `:` and four numbers, perhaps a prefix (5.6).
    fn ip4(&mut self) -> Result<(Ipv4Addr, u8), SyntaxError> {
        let flaw = Flaw::BadIp4.at(self.at() + 1);
        let mut bits = 0;
        for before in *b":..." {
            if !self.take(before) {
                return Err(flaw);
            }
            bits = bits << 8 | u32::from(self.number(255).ok_or(flaw)?);
        }
        Ok((Ipv4Addr::from_bits(bits), self.prefix(32)?))
    }

    /// `:` and an address, perhaps a prefix (5.6). A zone index, as in
    /// `fe80::1%eth0`, is no part of it. The standard library knows all
    /// forms of an address but takes its time: it only gets those that end
    /// in an IPv4 address.
    fn ip6(&mut self) -> Result<Mechanism, SyntaxError> {
        let flaw = Flaw::BadIp6.at(self.at() + 1);
        if !self.take(b':') {
            return Err(flaw);
        }
        let start = self.rest;
        let mut address = self.groups();
        if self.peek() == Some(b'.') {
            self.rest = start;
            let text = self.take_while(|byte| {
                byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')
            });
            let text = std::str::from_utf8(text).unwrap_or_default();
            address = text.parse().ok();
        }
        let address = address.ok_or(flaw)?;
        let prefix = self.prefix(128)?;
        Ok(Mechanism::Ip6(address, prefix))
    }

    /// Groups of hexadecimal digits, eight of them or fewer and a `::`.
    fn groups(&mut self) -> Option<Ipv6Addr> {
        let (mut bits, mut count, mut gap) = (0_u128, 0, None);
        if let [b':', b':', rest @ ..] = self.rest {
            (self.rest, gap) = (rest, Some(0));
        }
        while let Some(group) = self.group() {
            bits = bits << 16 | u128::from(group);
            count += 1;
            match self.rest {
                [b':', b':', rest @ ..] if gap.is_none() => {
                    (self.rest, gap) = (rest, Some(count));
                }
                [b':', rest @ ..] if rest.first() != Some(&b':') => {
                    self.rest = rest;
                    rest.first().filter(|it| it.is_ascii_hexdigit())?;
                }
                _ => break,
            }
        }
        match gap {
            None => (count == 8).then(|| Ipv6Addr::from_bits(bits)),
            Some(at) if count < 8 => {
                let low = 16 * (count - at);
                let tail = bits & (1_u128 << low).wrapping_sub(1);
                let head = (bits >> low).checked_shl(128 - 16 * at);
                Some(Ipv6Addr::from_bits(head.unwrap_or(0) | tail))
            }
            Some(_) => None,
        }
    }

    /// One to four hexadecimal digits.
    fn group(&mut self) -> Option<u16> {
        let (mut group, before) = (0, self.rest.len());
        while let [byte, rest @ ..] = self.rest {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                _ => break,
            };
            if group > 0xfff || before - rest.len() > 4 {
                return None;
            }
            group = group << 4 | u16::from(digit);
            self.rest = rest;
        }
        (self.rest.len() < before).then_some(group)
    }

    /// A decimal number. It ends after a leading zero and after three
    /// digits: what may follow it is no digit, so more of them are an error
    /// there.
    fn number(&mut self, max: u8) -> Option<u8> {
        let [first @ b'0'..=b'9', rest @ ..] = self.rest else { return None };
        let mut value = u16::from(first - b'0');
        self.rest = rest;
        for _ in 0..2 {
            let [digit @ b'0'..=b'9', rest @ ..] = self.rest else { break };
            if value == 0 {
                return None;
            }
            value = value * 10 + u16::from(digit - b'0');
            self.rest = rest;
        }
        u8::try_from(value).ok().filter(|value| *value <= max)
    }

    /// `/` and a number of bits, or nothing: then all bits count.
    fn prefix(&mut self, max: u8) -> Result<u8, SyntaxError> {
        let start = self.at();
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
            let (start, macros) =
                (self.at(), self.macro_string(Place::Domain)?);
            // A slash may be part of a name, so the prefixes are found from
            // the end.
            let from = start.max(macros.end);
            let end = from + without_prefixes(self.piece(from, self.at()));
            self.rest = self.text.get(end..).unwrap_or_default();
            Some(self.finish_domain(start, macros)?)
        } else {
            None
        };
        let ip4 = match self.rest {
            [b'/', b'/', ..] => 32,
            _ => self.prefix(32)?,
        };
        let start = self.at();
        let ip6 = match (self.take(b'/'), self.peek()) {
            (false, _) => 128,
            (true, Some(b'/')) => self.prefix(128)?,
            (true, _) => return Err(Flaw::BadPrefix.at(start)),
        };
        Ok((domain, Prefixes { ip4, ip6 }))
    }

    /// A piece of the text.
    fn piece(&self, start: usize, end: usize) -> &'a [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    /// A name up to the end of the term (7.1).
    fn domain_spec(&mut self) -> Result<DomainSpec, SyntaxError> {
        let (start, macros) = (self.at(), self.macro_string(Place::Domain)?);
        self.finish_domain(start, macros)
    }

    /// The name from `start` to here, if it ends as it must: in a macro, or
    /// in a dot and a top-level label and perhaps another dot (7.1).
    fn finish_domain(
        &self,
        start: usize,
        macros: Macros,
    ) -> Result<DomainSpec, SyntaxError> {
        let end = self.at();
        if start == end {
            return Err(Flaw::NoDomain.at(start));
        }
        let tail = self.piece(start.max(macros.end), end);
        if !tail.is_empty() && !ends_in_top_label(tail) {
            return Err(Flaw::BadDomainEnd.at(end));
        }
        Ok(DomainSpec {
            span: Span::new(start, end),
            has_macros: macros.end > 0,
            asks_for_p: macros.asks_for_p,
        })
    }

    /// A `macro-string` up to the end of the term (7.1).
    fn macro_string(&mut self, place: Place) -> Result<Macros, SyntaxError> {
        let mut macros = Macros { end: 0, asks_for_p: false };
        loop {
            self.take_while(|it| matches!(it, b'!'..=b'$' | b'&'..=b'~'));
            match self.peek() {
                None | Some(b' ') => return Ok(macros),
                Some(b'%') => {
                    let (length, is_p) = skip_percent(self.rest, place)
                        .ok_or(Flaw::BadMacro.at(self.at()))?;
                    self.skip(length);
                    macros.end = self.at();
                    macros.asks_for_p |= is_p;
                }
                Some(_) => return Err(Flaw::BadCharacter.at(self.at())),
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
    let Some(mut end) = strip(text) else { return text.len() };
    if let Some([before @ .., b'/']) = text.get(..end) {
        end = strip(before).unwrap_or(before.len());
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
