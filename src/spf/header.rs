//! Headers: what we found, for whoever reads the message later.
//!
//! A filter behind us trusts these lines because they are ours. The sender
//! chooses much of what stands in them, so each value is cut, made printable
//! and quoted; nothing can end its string, its comment or its line.
//!
//! ```
//! use ra_plugins::spf::header::quoted;
//!
//! assert_eq!(quoted("mx.example.org"), "mx.example.org");
//! assert_eq!(quoted("a\"; identity=helo"), r#""a\"; identity=helo""#);
//! ```

use crate::spf::check::Query;
use crate::spf::explain::printable;
use crate::spf::outcome::{Outcome, SpfResult};

/// Which of the two identities has been checked (2.3, 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The name in HELO.
    Helo,
    /// The envelope sender; with an empty one, postmaster at the HELO name.
    MailFrom,
}

/// The longest value in a header.
const VALUE_MAX: usize = 128;

/// A check and what it came to.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What was asked.
    pub query: &'a Query<'a>,
    /// About whom.
    pub checked: Checked,
    /// What was found.
    pub outcome: &'a Outcome,
}

impl Report<'_> {
    /// Whose mail this claims to be.
    fn sender(&self) -> String {
        match (self.checked, self.query.mail_from) {
            (Checked::Helo, _) | (_, "") => {
                format!("postmaster@{}", self.query.helo)
            }
            (Checked::MailFrom, sender) => sender.to_owned(),
        }
    }

    /// The name of this host.
    fn receiver(&self) -> &str {
        match self.query.receiver {
            "" => "unknown",
            receiver => receiver,
        }
    }

    /// The result in a sentence, with address, sender and domain (9.1).
    pub fn comment(&self) -> String {
        let sender = printable(&self.sender(), VALUE_MAX);
        let ip = self.query.client_ip.to_canonical();
        let reason = printable(&self.outcome.reason(), VALUE_MAX);
        let says = match self.outcome.result {
            SpfResult::Pass => "designates",
            SpfResult::Fail => "does not allow",
            SpfResult::SoftFail => "discourages",
            SpfResult::Neutral => "does not say about",
            SpfResult::None => "says nothing about",
            SpfResult::TempError | SpfResult::PermError => {
                return format!("cannot check {ip} for {sender}: {reason}");
            }
        };
        format!("domain of {sender} {says} {ip}: {reason}")
    }

    /// `Received-SPF` (9.1, with erratum 5436), on one line.
    pub fn received_spf(&self) -> String {
        let result = self.outcome.result;
        let comment = in_comment(&self.comment());
        let receiver = quoted(self.receiver());
        let identity = match self.checked {
            Checked::Helo => "helo",
            Checked::MailFrom => "mailfrom",
        };
        let ip = quoted(&self.query.client_ip.to_canonical().to_string());
        let (helo, sender) = (quoted(self.query.helo), quoted(&self.sender()));
        let mut line = format!(
            "Received-SPF: {result} ({receiver}: {comment}) \
             receiver={receiver}; identity={identity}; client-ip={ip}; \
             helo={helo}; envelope-from={sender}"
        );
        if let Some(problem) = &self.outcome.problem {
            line += &format!("; problem={}", quoted(&problem.to_string()));
        }
        line
    }

    /// `Authentication-Results` (RFC 8601 2.7.2), on one line.
    pub fn authentication_results(&self) -> String {
        let result = self.outcome.result;
        let comment = in_comment(&self.comment());
        let receiver = quoted(self.receiver());
        let (property, value) = match (self.checked, self.query.mail_from) {
            (Checked::Helo, _) | (_, "") => ("smtp.helo", self.query.helo),
            (Checked::MailFrom, sender) => ("smtp.mailfrom", sender),
        };
        // RFC 8601 2.2: an address may stand without quotes.
        let value = match value.rsplit_once('@').map(|(a, b)| (quoted(a), b)) {
            Some((local, domain)) if !local.starts_with('"') => {
                format!("{local}@{}", quoted(domain))
            }
            Some(_) | None => quoted(value),
        };
        format!(
            "Authentication-Results: {receiver}; \
             spf={result} ({comment}) {property}={value}"
        )
    }
}

/// A value as a header may hold it: as it stands if it is a dot-atom, and
/// otherwise between quotes (RFC 5322 3.2.3, 3.2.4).
pub fn quoted(value: &str) -> String {
    let value = printable(value, VALUE_MAX);
    let atom = |c: char| {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
    };
    if value.split('.').all(|it| !it.is_empty() && it.chars().all(atom)) {
        return value;
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// A text that cannot end the comment it stands in (RFC 5322 3.2.2).
fn in_comment(text: &str) -> String {
    text.replace(['(', ')', '\\'], "?")
}
