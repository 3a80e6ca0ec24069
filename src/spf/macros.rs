//! Macros: the little language inside names and explanations (section 7).
//!
//! `%{ir}.%{v}._spf.%{d2}` says "the client's address backwards, its kind,
//! and the last two labels of the domain". Whoever sends mail chooses what
//! some of the letters stand for, and whoever publishes the record how often
//! they stand there; so whatever is expanded is kept short on the way.
//!
//! ```
//! use ra_plugins::spf::macros::{Letters, Place, expand};
//! use ra_plugins::world::SystemClock;
//!
//! let letters = Letters {
//!     client_ip: "192.0.2.9".parse().unwrap(),
//!     local_part: "strong-bad",
//!     sender_domain: "email.example.com",
//!     domain: "email.example.com",
//!     helo: "mx.example.org",
//!     receiver: "unknown",
//!     validated: "unknown",
//!     clock: &SystemClock,
//! };
//! let name = expand("%{ir}.%{v}.%{l1r-}.%{d2}", Place::Domain, &letters);
//! assert_eq!(name.unwrap(), "9.2.0.192.in-addr.strong.example.com");
//! ```

use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use crate::dns::NAME_MAX;
use crate::world::Clock;

/// Where a macro stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a name that DNS will be asked about.
    Domain,
    /// In words for people, where `c`, `r` and `t` are allowed too (7.2).
    Explanation,
}

/// What the letters stand for (7.2).
#[derive(Clone, Copy)]
pub struct Letters<'a> {
    /// `i`, `c` and `v`.
    pub client_ip: IpAddr,
    /// `l`, and the first half of `s`.
    pub local_part: &'a str,
    /// `o`, and the second half of `s`.
    pub sender_domain: &'a str,
    /// `d`: the domain of the record that is being evaluated.
    pub domain: &'a str,
    /// `h`
    pub helo: &'a str,
    /// `r`
    pub receiver: &'a str,
    /// `p`
    pub validated: &'a str,
    /// `t`
    pub clock: &'a dyn Clock,
}

/// What a `%` can begin (7.1: `macro-expand`).
pub enum Percent<'a> {
    /// `%%`, `%_` and `%-`.
    Sign(&'static str),
    /// `%{…}`
    Macro(Macro<'a>),
}

impl<'a> Percent<'a> {
    /// Reads what a `%` at the beginning of a text stands for, and returns
    /// what is behind it; nothing if the grammar does not know it.
    pub fn parse(text: &'a [u8], place: Place) -> Option<(Self, &'a [u8])> {
        match text {
            [_, b'%', rest @ ..] => Some((Self::Sign("%"), rest)),
            [_, b'_', rest @ ..] => Some((Self::Sign(" "), rest)),
            [_, b'-', rest @ ..] => Some((Self::Sign("%20"), rest)),
            [_, b'{', letter, rest @ ..] => {
                let (it, rest) = Macro::parse(*letter, rest, place)?;
                Some((Self::Macro(it), rest))
            }
            _ => None,
        }
    }
}

/// `%{…}`, taken apart.
pub struct Macro<'a> {
    letter: u8,
    keep: usize,
    reverse: bool,
    delimiters: &'a [u8],
}

impl<'a> Macro<'a> {
    /// Reads what stands behind the letter of a macro, up to its `}`, and
    /// returns what is behind that.
    fn parse(
        letter: u8,
        mut rest: &'a [u8],
        place: Place,
    ) -> Option<(Self, &'a [u8])> {
        let known = match letter.to_ascii_lowercase() {
            b's' | b'l' | b'o' | b'd' | b'i' | b'p' | b'v' | b'h' => true,
            b'c' | b'r' | b't' => place == Place::Explanation,
            _ => false,
        };
        let mut keep = None;
        while let [digit @ b'0'..=b'9', more @ ..] = rest {
            let more_digits = keep.unwrap_or(0_usize).saturating_mul(10);
            keep = Some(more_digits.saturating_add((digit - b'0').into()));
            rest = more;
        }
        let reverse = matches!(rest, [b'r' | b'R', ..]);
        let rest = rest.get(usize::from(reverse)..)?;
        let end = rest.iter().position(|byte| *byte == b'}')?;
        let (delimiters, rest) = rest.split_at_checked(end)?;
        let allowed = |byte: &u8| b".-+,/_=".contains(byte);
        // RFC 7208 7.3: the number must not be zero.
        let sound = keep != Some(0) && delimiters.iter().all(allowed);
        let keep = keep.unwrap_or(usize::MAX);
        let it = Self { letter, keep, reverse, delimiters };
        (known && sound).then_some((it, rest.get(1..)?))
    }

    /// Appends a value: split, reversed, cut to the last parts, joined by
    /// dots, and escaped if the letter is a capital (7.3).
    fn append(&self, value: &str, out: &mut String) {
        let plain = self.keep == usize::MAX && !self.reverse;
        if plain && self.delimiters.is_empty() {
            return self.append_part(value, out);
        }
        let cut = |c: char| match self.delimiters {
            [] => c == '.',
            chosen => u8::try_from(c).is_ok_and(|c| chosen.contains(&c)),
        };
        let parts = value.split(cut);
        let skipped = parts.clone().count().saturating_sub(self.keep);
        if self.reverse {
            self.append_parts(parts.rev().skip(skipped), out);
        } else {
            self.append_parts(parts.skip(skipped), out);
        }
    }

    /// Appends parts with dots between them.
    fn append_parts<'b>(
        &self,
        parts: impl Iterator<Item = &'b str>,
        out: &mut String,
    ) {
        for (index, part) in parts.enumerate() {
            if index > 0 {
                out.push('.');
            }
            self.append_part(part, out);
        }
    }

    /// Appends a text, escaped for a URL if the letter is a capital (7.3).
    fn append_part(&self, text: &str, out: &mut String) {
        if self.letter.is_ascii_lowercase() {
            return out.push_str(text);
        }
        for byte in text.bytes() {
            let unreserved = byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'.' | b'_' | b'~');
            if unreserved {
                out.push(byte.into());
            } else {
                _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// The longest explanation that is expanded (RFC 7208 6.2: a receiver may
/// limit its length). It has to pass through an SMTP reply.
pub const EXPLANATION_MAX: usize = 1000;

/// What a name may grow to before its front is cut off: a bit more than the
/// [`NAME_MAX`] octets that survive in the end.
const NAME_SLACK: usize = 4 * NAME_MAX;

/// Expands all macros of a text (7.1 to 7.3), if they are macros.
pub fn expand(
    text: &str,
    place: Place,
    letters: &Letters<'_>,
) -> Option<String> {
    let mut out = String::with_capacity(2 * text.len().min(NAME_MAX));
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte == b'%') {
        let (before, from) = rest.split_at_checked(at)?;
        out.push_str(before);
        let (percent, behind) = Percent::parse(from.as_bytes(), place)?;
        match percent {
            Percent::Sign(sign) => out.push_str(sign),
            Percent::Macro(it) => {
                it.append(&letters.value(it.letter), &mut out);
            }
        }
        rest = from.get(from.len() - behind.len()..)?;
        shorten(&mut out, place);
    }
    out.push_str(rest);
    shorten(&mut out, place);
    Some(out)
}

/// Whether a text asks for `%{p}`, which asks DNS.
pub fn asks_for_p(text: &str) -> bool {
    let mut triples = text.as_bytes().windows(3);
    triples.any(|it| matches!(it, b"%{p" | b"%{P"))
}

/// Keeps what grows within bounds: of a name only the end counts, of an
/// explanation only the beginning.
fn shorten(out: &mut String, place: Place) {
    match place {
        Place::Domain if out.len() > NAME_SLACK => {
            let cut = out.floor_char_boundary(out.len() - NAME_MAX - 2);
            out.drain(..cut);
        }
        Place::Explanation if out.len() > EXPLANATION_MAX => {
            out.truncate(out.floor_char_boundary(EXPLANATION_MAX));
        }
        Place::Domain | Place::Explanation => {}
    }
}

impl Letters<'_> {
    /// What a letter stands for (7.2). The letters have been checked.
    fn value(&self, letter: u8) -> Cow<'_, str> {
        match letter.to_ascii_lowercase() {
            b's' => {
                format!("{}@{}", self.local_part, self.sender_domain).into()
            }
            b'l' => self.local_part.into(),
            b'o' => self.sender_domain.into(),
            b'd' => self.domain.into(),
            b'i' => dotted(self.client_ip).into(),
            b'p' => self.validated.into(),
            b'v' if self.client_ip.is_ipv4() => "in-addr".into(),
            b'v' => "ip6".into(),
            b'h' => self.helo.into(),
            b'c' => self.client_ip.to_string().into(),
            b'r' => self.receiver.into(),
            _ => {
                let now = self.clock.now();
                let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH);
                since_1970.unwrap_or_default().as_secs().to_string().into()
            }
        }
    }
}

/// An address with a dot between any two of its parts: four numbers, or 32
/// hexadecimal digits (7.3).
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let mut out = String::with_capacity(64);
            for octet in ip.octets() {
                let dot = if out.is_empty() { "" } else { "." };
                _ = write!(out, "{dot}{:x}.{:x}", octet >> 4, octet & 15);
            }
            out
        }
    }
}

/// A name as DNS can be asked: without its trailing dot, and without as
/// many of its first labels as make it too long (7.3).
pub fn fitting(name: &str) -> &str {
    let mut name = name.strip_suffix('.').unwrap_or(name);
    while name.len() > NAME_MAX
        && let Some((_, rest)) = name.split_once('.')
    {
        name = rest;
    }
    name
}
