//! The line protocol: `CLASS VALUE` in, `0 3/10` out.
//!
//! ```
//! use ra_plugins::rater::wire::{Line, Standing, read};
//!
//! let asked = read(b"ip 192.0.2.9\r", false).unwrap();
//! assert_eq!(asked, Line::Mark { key: b"ip 192.0.2.9", weight: 1 });
//! assert_eq!(Standing { count: 12, limit: 10 }.to_string(), "1 12/10");
//! ```

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::spp::clean;

/// The longest line, its end not counted.
pub const LINE_MAX: usize = 1000;

/// How long a client may take over its first line.
pub const LINE_TIME: Duration = Duration::from_secs(5);

/// How long a connection that is kept may be idle.
pub const IDLE_TIME: Duration = Duration::from_secs(60);

/// A line of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// `keep`: leave the connection open.
    Keep,
    /// `ping`: are you there?
    Ping,
    /// `CLASS VALUE`. With `keep` also `+3 CLASS VALUE`, and
    /// `?CLASS VALUE`, which weighs nothing: it peeks.
    Mark {
        /// `CLASS VALUE`, the name of a window.
        key: &'a [u8],
        /// How many marks at once.
        weight: u32,
    },
}

/// Why a line gets the answer 2.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// A line without a space is no question.
    #[error("Bad Input (no space)")]
    NoSpace,
    /// The configuration does not have this class.
    #[error("Class not found: {0}")]
    NoClass(String),
    /// More than [`LINE_MAX`] bytes.
    #[error("Line is too long")]
    TooLong,
    /// Keys are text.
    #[error("Bad Input (not UTF-8)")]
    NotUtf8,
    /// No line within [`LINE_TIME`].
    #[error("Timeout")]
    Timeout,
}

/// Whether what has arrived is too much for a line, its newline still to
/// come.
pub fn is_too_long(line: &[u8]) -> bool {
    line.strip_suffix(b"\r").unwrap_or(line).len() > LINE_MAX
}

/// Reads a line without its newline. The prefixes are an extension: only a
/// client that has said `keep` means them.
pub fn read(line: &[u8], kept: bool) -> Result<Line<'_>, Refusal> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        _ if is_too_long(line) => Err(Refusal::TooLong),
        b"keep" => Ok(Line::Keep),
        b"ping" => Ok(Line::Ping),
        [b'?', key @ ..] if kept => Ok(Line::Mark { key, weight: 0 }),
        [b'+', rest @ ..] if kept => {
            Ok(weighted(rest).unwrap_or(Line::Mark { key: line, weight: 1 }))
        }
        key => Ok(Line::Mark { key, weight: 1 }),
    }
}

/// The rest of a line that begins with `+`: a number, a space, the key.
fn weighted(rest: &[u8]) -> Option<Line<'_>> {
    let space = rest.iter().position(|byte| *byte == b' ')?;
    let (number, key) = rest.split_at_checked(space)?;
    let weight = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some(Line::Mark { key: key.strip_prefix(b" ")?, weight })
}

/// The class and the value of a key.
pub fn split(key: &[u8]) -> Result<(&str, &str), Refusal> {
    let text = std::str::from_utf8(key).map_err(|_| Refusal::NotUtf8)?;
    text.split_once(' ').ok_or(Refusal::NoSpace)
}

/// How a value stands against its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The marks in the window, those over the limit included.
    pub count: u64,
    /// How many are allowed; 0 where nothing is limited.
    pub limit: u32,
}

impl Standing {
    /// Whether there are too many marks.
    pub fn is_over(self) -> bool {
        self.limit > 0 && self.count > u64::from(self.limit)
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", u8::from(self.is_over()), self.count, self.limit)
    }
}

/// What a line is answered with, before the line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `keep`.
    Kept,
    /// To `ping`.
    Pong,
    /// To a mark or a peek.
    Standing(Standing),
    /// To anything else.
    Refused(Refusal),
}

impl Answer {
    /// The number with which it begins.
    pub fn number(&self) -> usize {
        match self {
            Self::Kept | Self::Pong => 0,
            Self::Standing(standing) => usize::from(standing.is_over()),
            Self::Refused(_) => 2,
        }
    }
}

impl From<Result<Standing, Refusal>> for Answer {
    fn from(result: Result<Standing, Refusal>) -> Self {
        result.map_or_else(Self::Refused, Self::Standing)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("0 keep"),
            Self::Pong => f.write_str("0 pong"),
            Self::Standing(standing) => standing.fmt(f),
            Self::Refused(refusal) => {
                write!(f, "2 {}", clean(&refusal.to_string()))
            }
        }
    }
}
