//! The protocol between a mail server and its plugins.
//!
//! At each step of an SMTP session the server runs the plugins of one
//! [`Section`] and reads what they print: one [`Command`] a line.
//!
//! ```
//! use ra_plugins::spp::Command;
//!
//! let refusal = Command::Error("550 no thanks".into());
//! assert_eq!(refusal.to_string(), "E550 no thanks");
//! assert_eq!(Command::parse(b"E550 no thanks"), Some(refusal));
//! ```

use std::borrow::Cow;
use std::fmt;

/// Words for the wire or the log: borrowed when they are known beforehand.
pub type Text = Cow<'static, str>;

/// The moments of a session at which a server runs plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The client has connected; it has not been greeted.
    Connection,
    /// HELO or EHLO, before the answer.
    Helo,
    /// The password was right; the client has not been told.
    Auth,
    /// MAIL has been parsed.
    Mail,
    /// RCPT has been parsed and looked up in rcpthosts.
    Rcpt,
    /// The recipient has been accepted (newer servers).
    Pass,
    /// DATA, before the message.
    Data,
}

impl Section {
    /// All sections, in the order of a session.
    pub const ALL: [Self; 7] = [
        Self::Connection,
        Self::Helo,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Pass,
        Self::Data,
    ];

    /// The section that a `[name]` in smtpplugins opens: only the first
    /// letter counts (as recorded in sessions.json:
    /// section-by-first-letter).
    pub fn from_name(name: &str) -> Option<Self> {
        let first = name.chars().next()?;
        Self::ALL.into_iter().find(|section| section.name().starts_with(first))
    }

    /// The name that stands between the brackets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Helo => "helo",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Pass => "pass",
            Self::Data => "data",
        }
    }
}

/// The SMTP command that a remembered reply waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Later {
    /// `LM`: the next MAIL.
    Mail,
    /// `LR`: the next RCPT.
    Rcpt,
    /// `LD`: the next DATA.
    Data,
}

/// One line of a plugin's output: what the server is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `A`: run no plugins for the rest of the session.
    Accept,
    /// `N`: this SMTP command is fine; run no further plugins for it.
    Next,
    /// `O`: like [`Command::Next`], and lift the server's own check.
    Okay,
    /// `E`: refuse the SMTP command with this reply.
    Error(Text),
    /// `R`: refuse with this reply and close the connection.
    Reject(Text),
    /// `D`: close the connection without a word.
    Drop,
    /// `P`: send this line now and go on.
    Print(Text),
    /// `LM`, `LR`, `LD`: refuse a later SMTP command with this reply.
    Later(Later, Text),
    /// `H`: add this line to the header of the message.
    Header(Text),
    /// `S`: set a variable for all later plugins.
    Set(Text, Text),
    /// `U`: unset a variable.
    Unset(Text),
    /// `C`: replace the address of the current MAIL or RCPT.
    Change(Text),
}

impl Command {
    /// Whether the server stops reading after this command and runs no
    /// further plugin of the section.
    pub fn stops(&self) -> bool {
        match self {
            Self::Accept
            | Self::Next
            | Self::Okay
            | Self::Error(_)
            | Self::Reject(_)
            | Self::Drop => true,
            Self::Print(_)
            | Self::Later(..)
            | Self::Header(_)
            | Self::Set(..)
            | Self::Unset(_)
            | Self::Change(_) => false,
        }
    }

    /// Reads one line, without its newline. An empty line, an unknown
    /// letter and an assignment without a name are no commands (as recorded
    /// in sessions.json: rcpt-junk, rcpt-empty). A carriage return is part
    /// of the text (carriage-return).
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let mut chars = line.chars();
        let letter = chars.next()?;
        let rest = || Text::Owned(chars.as_str().to_owned());
        match letter {
            'A' => Some(Self::Accept),
            'N' => Some(Self::Next),
            'O' => Some(Self::Okay),
            'E' => Some(Self::Error(rest())),
            'R' => Some(Self::Reject(rest())),
            'D' => Some(Self::Drop),
            'P' => Some(Self::Print(rest())),
            'L' => parse_later(chars.as_str()),
            'H' => Some(Self::Header(rest())),
            'S' => parse_assignment(chars.as_str()),
            'U' => Some(Self::Unset(rest())),
            'C' => Some(Self::Change(rest())),
            _ => None,
        }
    }
}

/// The rest of an `L` line: the letter of a command, then the reply.
fn parse_later(rest: &str) -> Option<Command> {
    let mut chars = rest.chars();
    let at = match chars.next()? {
        'M' => Later::Mail,
        'R' => Later::Rcpt,
        'D' => Later::Data,
        _ => return None,
    };
    Some(Command::Later(at, chars.as_str().to_owned().into()))
}

/// The rest of an `S` line: `NAME=VALUE`.
fn parse_assignment(rest: &str) -> Option<Command> {
    let (name, value) = rest.split_once('=')?;
    (!name.is_empty())
        .then(|| Command::Set(name.to_owned().into(), value.to_owned().into()))
}

impl fmt::Display for Command {
    /// Writes the line. Nothing in it can end it before its time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("A"),
            Self::Next => f.write_str("N"),
            Self::Okay => f.write_str("O"),
            Self::Error(reply) => write!(f, "E{}", clean(reply)),
            Self::Reject(reply) => write!(f, "R{}", clean(reply)),
            Self::Drop => f.write_str("D"),
            Self::Print(reply) => write!(f, "P{}", clean(reply)),
            Self::Later(Later::Mail, reply) => {
                write!(f, "LM{}", clean(reply))
            }
            Self::Later(Later::Rcpt, reply) => {
                write!(f, "LR{}", clean(reply))
            }
            Self::Later(Later::Data, reply) => {
                write!(f, "LD{}", clean(reply))
            }
            Self::Header(line) => write!(f, "H{}", clean(line)),
            Self::Set(name, value) => {
                write!(f, "S{}={}", clean(name), clean(value))
            }
            Self::Unset(name) => write!(f, "U{}", clean(name)),
            Self::Change(address) => write!(f, "C{}", clean(address)),
        }
    }
}

/// Puts `?` in the place of every control character, as qmail does: what
/// comes out is one line, whoever wrote it. The line and paragraph
/// separators of Unicode count too, since some log readers break lines there.
pub fn clean(text: &str) -> Cow<'_, str> {
    let unclean = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(unclean) {
        Cow::Owned(text.replace(unclean, "?"))
    } else {
        Cow::Borrowed(text)
    }
}
