//! The Received line: who gave us the message, and when.
//!
//! Two lines, as qmail writes them. What the client said about itself is
//! quoted here for readers far away, so it keeps only harmless characters.
//!
//! ```
//! use ra_plugins::host::received::{Protocol, received};
//! use ra_plugins::session::Session;
//! use std::time::SystemTime;
//!
//! let session = Session::new(1)
//!     .with("TCPREMOTEHOST", "client.example.com")
//!     .with("TCPREMOTEIP", "192.0.2.9")
//!     .with("TCPLOCALIP", "192.0.2.1")
//!     .with("SMTPHELOHOST", "again.example");
//! assert_eq!(
//!     received(&session, Protocol::default(), SystemTime::UNIX_EPOCH),
//!     "Received: from client.example.com (HELO again.example) (192.0.2.9)\n  \
//!      by 192.0.2.1 with SMTP; Thu, 01 Jan 1970 00:00:00 +0000\n",
//! );
//! ```

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::session::Session;

/// How the message came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocol {
    /// Over TLS.
    pub is_encrypted: bool,
    /// From somebody with a password.
    pub is_authenticated: bool,
}

impl Protocol {
    /// The protocol's registered name (RFC 3848).
    fn name(self) -> &'static str {
        match (self.is_encrypted, self.is_authenticated) {
            (false, false) => "SMTP",
            (true, false) => "ESMTPS",
            (false, true) => "ESMTPA",
            (true, true) => "ESMTPSA",
        }
    }
}

/// The header lines that say where a message comes from.
pub fn received(
    session: &Session,
    protocol: Protocol,
    now: SystemTime,
) -> String {
    let or_unknown = |name| harmless(session.get(name).unwrap_or("unknown"));
    let host = or_unknown("TCPREMOTEHOST");
    let helo = session
        .helo()
        .map(harmless)
        .filter(|helo| !helo.is_empty() && !helo.eq_ignore_ascii_case(&host));
    let helo = helo.map_or(String::new(), |helo| format!(" (HELO {helo})"));
    let ip = or_unknown("TCPREMOTEIP");
    let by = session.get("TCPLOCALHOST").or(session.get("TCPLOCALIP"));
    let by = harmless(by.unwrap_or("unknown"));
    let (protocol, date) = (protocol.name(), date(now));
    format!(
        "Received: from {host}{helo} ({ip})\n  \
         by {by} with {protocol}; {date}\n"
    )
}

/// A time as RFC 5322 3.3 wants it.
fn date(now: SystemTime) -> String {
    let now = OffsetDateTime::from(now);
    now.format(&Rfc2822).unwrap_or_default()
}

/// A text in which only what names, addresses and literals are made of is
/// left.
fn harmless(text: &str) -> String {
    let is_harmless =
        |c: char| c.is_ascii_alphanumeric() || ".-_@%+/=:[]".contains(c);
    text.replace(|c| !is_harmless(c), "?")
}
