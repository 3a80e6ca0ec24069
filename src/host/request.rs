//! What the client asks for: a verb, and for MAIL and RCPT an address.
//!
//! qmail reads what other servers would call mistakes: spaces before an
//! address, no brackets around it, parameters that nobody knows. We do the
//! same, and leave the bytes of an address alone.
//!
//! ```
//! use ra_plugins::host::request::{Request, Verb, path};
//!
//! let request = Request::parse(b"mail FROM: <joe@example.org> SIZE=7");
//! assert_eq!(request.verb, Verb::Mail);
//! let path = path(request.argument).unwrap();
//! assert_eq!(path.address, b"joe@example.org");
//! assert_eq!(path.parameter("size"), Some("7"));
//! ```

/// The verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// HELO.
    Helo,
    /// EHLO.
    Ehlo,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// VRFY.
    Vrfy,
    /// HELP.
    Help,
    /// QUIT.
    Quit,
    /// AUTH.
    Auth,
    /// STARTTLS.
    StartTls,
    /// Anything else.
    Unknown,
}

/// The verbs as they are written.
const VERBS: [(&[u8], Verb); 12] = [
    (b"HELO", Verb::Helo),
    (b"EHLO", Verb::Ehlo),
    (b"MAIL", Verb::Mail),
    (b"RCPT", Verb::Rcpt),
    (b"DATA", Verb::Data),
    (b"RSET", Verb::Rset),
    (b"NOOP", Verb::Noop),
    (b"VRFY", Verb::Vrfy),
    (b"HELP", Verb::Help),
    (b"QUIT", Verb::Quit),
    (b"AUTH", Verb::Auth),
    (b"STARTTLS", Verb::StartTls),
];

/// A command line, taken apart at its first space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is to be done.
    pub verb: Verb,
    /// What comes after it, without the spaces around it.
    pub argument: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a command line. One with a NUL is no command: what stands
    /// behind it would be seen by some and not by others. Nor is one with a
    /// CR in it, which might go on as a line end in an address.
    pub fn parse(line: &'a [u8]) -> Self {
        let line = line.trim_ascii_end();
        if line.iter().any(|byte| matches!(byte, 0 | b'\r')) {
            return Self { verb: Verb::Unknown, argument: b"" };
        }
        let mut words = line.splitn(2, |byte| *byte == b' ');
        let word = words.next().unwrap_or_default();
        let argument = words.next().unwrap_or_default().trim_ascii();
        let verb = VERBS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map_or(Verb::Unknown, |(_, verb)| *verb);
        Self { verb, argument }
    }
}

/// The longest address we take, as in qmail. RFC 5321 4.5.3.1.3 asks for 256.
const ADDRESS_MAX: usize = 900;

/// An address of MAIL or RCPT, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// The address: no brackets, no route, no quotes.
    pub address: Vec<u8>,
    parameters: &'a [u8],
}

impl Path<'_> {
    /// The value of a parameter such as `SIZE=1000`; empty where there is
    /// only the name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let words = self.parameters.split(|byte| *byte == b' ');
        words.filter_map(|word| std::str::from_utf8(word).ok()).find_map(
            |word| {
                let (key, value) = word.split_once('=').unwrap_or((word, ""));
                key.eq_ignore_ascii_case(name).then_some(value)
            },
        )
    }

    /// How large the client says that the message is, in bytes; 0 if it does
    /// not say (RFC 1870 6). A number larger than we can count is larger
    /// than anything that we take.
    pub fn size(&self) -> u64 {
        let size = self.parameter("SIZE").unwrap_or_default();
        let is_number = size.bytes().all(|byte| byte.is_ascii_digit());
        match is_number && !size.is_empty() {
            true => size.parse().unwrap_or(u64::MAX),
            false => 0,
        }
    }
}

/// Reads the argument of MAIL or RCPT: what stands between brackets or,
/// where there are none, behind the colon up to a space. A source route is
/// dropped (RFC 5321 appendix C). Quotes and backslashes are taken off as
/// qmail does it: they belong to the line, the address is what they protect.
pub fn path(argument: &[u8]) -> Option<Path<'_>> {
    let opening = argument.iter().position(|byte| *byte == b'<');
    let (rest, closing) = match opening {
        Some(at) => (argument.get(at + 1..)?, b'>'),
        None => {
            let colon = argument.iter().position(|byte| *byte == b':')?;
            (argument.get(colon + 1..)?.trim_ascii_start(), b' ')
        }
    };
    let (address, end) = unquoted(without_route(rest), closing);
    if address.len() > ADDRESS_MAX {
        return None;
    }
    let skipped = rest.len() - without_route(rest).len();
    let parameters = rest.get(skipped + end..).unwrap_or_default();
    Some(Path { address, parameters })
}

/// An address without its source route, `@a,@b:`.
fn without_route(rest: &[u8]) -> &[u8] {
    if rest.first() != Some(&b'@') {
        return rest;
    }
    let colon = rest.iter().position(|byte| *byte == b':');
    colon.and_then(|at| rest.get(at + 1..)).unwrap_or_default()
}

/// The bytes up to an unquoted `closing`, and the index behind it.
fn unquoted(rest: &[u8], closing: u8) -> (Vec<u8>, usize) {
    let mut address = Vec::new();
    let (mut is_escaped, mut is_quoted) = (false, false);
    for (index, byte) in rest.iter().copied().enumerate() {
        if is_escaped {
            address.push(byte);
            is_escaped = false;
        } else if byte == b'\\' {
            is_escaped = true;
        } else if byte == b'"' {
            is_quoted = !is_quoted;
        } else if byte == closing && !is_quoted {
            return (address, index + 1);
        } else {
            address.push(byte);
        }
    }
    (address, rest.len())
}
