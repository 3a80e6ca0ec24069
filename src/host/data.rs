//! The message: where it ends, and what is not taken.
//!
//! A message ends with CR LF `.` CR LF and with nothing else. A LF without
//! its CR is where servers disagree: one takes `LF . LF` for the end, another
//! does not, and whoever writes both into one message has smuggled a second
//! one past the first server. We do as qmail does: a bare LF is not repaired
//! and not kept; it ends the session. Some servers take a bare CR for a line
//! end, or do not see a NUL. A dot that stands alone only for them ends the
//! session too.
//!
//! ```
//! use ra_plugins::host::data::{Reader, Found};
//!
//! let mut reader = Reader::default();
//! let mut message = Vec::new();
//! let read = reader.read(b"hi\r\n..\r\n.\r\nQUIT\r\n", &mut message);
//! assert_eq!(read, (Found::End, 11));
//! assert_eq!(message, b"hi\n.\n");
//! ```

/// What was found in some bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Only more of it.
    More,
    /// Its end.
    End,
    /// A LF without a CR.
    BareLineFeed,
    /// A dot that stands alone on its line for those who take a CR for a
    /// line end or skip a NUL, and for nobody else.
    StrayDot,
}

/// Where in a line the last byte was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Behind CR LF.
    #[default]
    Start,
    /// Behind a dot that began the line.
    Dot,
    /// Behind a CR that follows such a dot.
    DotReturn,
    /// In the midst of it.
    Within,
    /// Behind a CR.
    Return,
    /// Where a line begins for others: behind a NUL that follows an end.
    Hidden,
    /// Behind a dot that is alone so far, for others.
    HiddenDot,
}

impl At {
    /// Where we are behind a byte that is no part of any end.
    fn behind(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Start | Self::Return | Self::Hidden, 0) => Self::Hidden,
            (Self::Return | Self::Hidden, b'.') => Self::HiddenDot,
            (Self::Dot | Self::HiddenDot, 0) => Self::HiddenDot,
            _ => Self::Within,
        }
    }
}

/// Reads a message as it comes, in pieces of any size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    at: At,
}

impl Reader {
    /// Reads some bytes and adds to `message` what they stand for: lines
    /// that end with LF and have lost the dot that protected them (RFC 5321
    /// 4.5.2). Tells what was found, and how many bytes were read.
    pub fn read(
        &mut self,
        bytes: &[u8],
        message: &mut Vec<u8>,
    ) -> (Found, usize) {
        for (index, byte) in bytes.iter().copied().enumerate() {
            self.at = match (self.at, byte) {
                (At::DotReturn, b'\n') => return (Found::End, index + 1),
                (At::Return, b'\n') => {
                    message.push(b'\n');
                    At::Start
                }
                (
                    At::Start
                    | At::Dot
                    | At::Within
                    | At::Hidden
                    | At::HiddenDot,
                    b'\n',
                ) => return (Found::BareLineFeed, index + 1),
                (At::DotReturn, _) | (At::HiddenDot, b'\r') => {
                    return (Found::StrayDot, index + 1);
                }
                (At::Start, b'.') => At::Dot,
                (At::Dot, b'\r') => At::DotReturn,
                (At::Start | At::Within | At::Hidden, b'\r') => At::Return,
                (At::Return, b'\r') => {
                    message.push(b'\r');
                    At::Return
                }
                (at, other) => {
                    if at == At::Return {
                        message.push(b'\r');
                    }
                    message.push(other);
                    at.behind(other)
                }
            };
        }
        (Found::More, bytes.len())
    }
}

/// How many servers a message may have passed, as in qmail.
pub const HOPS_MAX: usize = 100;

/// Counts the servers that a message has passed: its Received and
/// Delivered-To lines (RFC 5321 6.3).
#[derive(Clone, Debug, Default)]
pub struct Hops {
    /// How many there have been.
    pub count: usize,
    line: Vec<u8>,
    is_over: bool,
}

impl Hops {
    /// The longest of the names that count.
    const LONGEST: usize = 13;

    /// Looks at some more of the message, lines that end with LF.
    pub fn look(&mut self, message: &[u8]) {
        for byte in message.iter().copied() {
            if self.is_over {
                return;
            }
            if byte == b'\n' {
                self.is_over = self.line.is_empty();
                self.line.clear();
            } else if self.line.len() < Self::LONGEST {
                self.line.push(byte.to_ascii_lowercase());
                let line = self.line.as_slice();
                if line == b"received:" || line == b"delivered-to:" {
                    self.count += 1;
                }
            }
        }
    }
}
