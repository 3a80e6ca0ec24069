//! The line protocol: `CLASS VALUE` in, `0 3/10` out.
//!
//! ```
//! use ra_plugins::rater::wire::{Answer, read};
//!
//! let (key, weight) = read(b"ip 192.0.2.9\r", false).unwrap();
//! assert_eq!((key, weight), (&b"ip 192.0.2.9"[..], 1));
//! let over = Answer::Standing { count: 12, limit: 10 };
//! assert_eq!(over.to_string(), "1 12/10");
//! ```

use std::time::Duration;

use thiserror::Error;

use crate::spp::clean;

/// The longest line, its end not counted.
pub const LINE_MAX: usize = 1000;

/// How long a client may take over its first line.
pub const LINE_TIME: Duration = Duration::from_secs(5);

/// How long a connection that is kept may be idle.
pub const IDLE_TIME: Duration = Duration::from_secs(60);

/// What a line is answered with.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Answer {
    /// To `keep`.
    #[error("0 keep")]
    Kept,
    /// To `ping`.
    #[error("0 pong")]
    Pong,
    /// The marks in the window, those over the limit included, and how many
    /// are allowed; both 0 where nothing is limited.
    #[error("{} {count}/{limit}", u8::from(is_over(*.count, *.limit)))]
    Standing {
        /// How many marks there are.
        count: u64,
        /// How many are allowed.
        limit: u32,
    },
    /// A line without a space is no question.
    #[error("2 Bad Input (no space)")]
    NoSpace,
    /// Keys are text.
    #[error("2 Bad Input (not UTF-8)")]
    NotUtf8,
    /// The configuration does not have this class.
    #[error("2 Class not found: {}", clean(.0))]
    NoClass(String),
    /// More than [`LINE_MAX`] bytes.
    #[error("2 Line is too long")]
    TooLong,
    /// No line within [`LINE_TIME`].
    #[error("2 Timeout")]
    Timeout,
}

impl Answer {
    /// Writes the line, and tells the number with which it begins. Numbers
    /// are written without the machinery of `fmt`: they are most of what is
    /// ever said.
    pub fn write(&self, line: &mut Vec<u8>) -> usize {
        let Self::Standing { count, limit } = *self else {
            let number = usize::from(!matches!(self, Self::Kept | Self::Pong));
            line.extend_from_slice(format!("{self}\r\n").as_bytes());
            return number * 2;
        };
        let over = is_over(count, limit);
        let (mut left, mut right) = (itoa::Buffer::new(), itoa::Buffer::new());
        let number = if over { "1 " } else { "0 " };
        let (count, limit) = (left.format(count), right.format(limit));
        for part in [number, count, "/", limit, "\r\n"] {
            line.extend_from_slice(part.as_bytes());
        }
        usize::from(over)
    }
}

/// Whether there are too many marks.
pub fn is_over(count: u64, limit: u32) -> bool {
    limit > 0 && count > u64::from(limit)
}

/// Reads a line without its newline, which may still be on its way: the key
/// `CLASS VALUE` and how many marks at once, or the answer where there is
/// nothing to count. The prefixes are an extension, and only a client that
/// has said `keep` means them: `+3 CLASS VALUE`, and `?CLASS VALUE`, which
/// weighs nothing: it peeks.
pub fn read(line: &[u8], kept: bool) -> Result<(&[u8], u32), Answer> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        _ if line.len() > LINE_MAX => Err(Answer::TooLong),
        b"keep" => Err(Answer::Kept),
        b"ping" => Err(Answer::Pong),
        [b'?', key @ ..] if kept => Ok((key, 0)),
        [b'+', rest @ ..] if kept => Ok(weighted(rest).unwrap_or((line, 1))),
        _ => Ok((line, 1)),
    }
}

/// What follows a `+`: a number, a space, the key.
fn weighted(rest: &[u8]) -> Option<(&[u8], u32)> {
    let (number, _) = split(rest).ok()?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    let weight = number.parse().ok().filter(|_| is_plain)?;
    Some((rest.get(number.len() + 1..)?, weight))
}

/// The class and the value of a key.
pub fn split(key: &[u8]) -> Result<(&str, &str), Answer> {
    let text = std::str::from_utf8(key).map_err(|_| Answer::NotUtf8)?;
    text.split_once(' ').ok_or(Answer::NoSpace)
}
