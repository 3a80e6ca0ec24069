//! Headers: what we found, for whoever reads the message later.
//!
//! A filter behind us trusts these lines because they are ours. The sender
//! chooses much of what stands in them, so each value is made printable and
//! quoted; nothing can end its string, its comment or its line. What is too
//! long loses its beginning, so that no name becomes another one.
//!
//! ```
//! use ra_plugins::spf::header::quoted;
//!
//! assert_eq!(quoted("mx.example.org"), "mx.example.org");
//! assert_eq!(quoted("a\"; identity=helo"), r#""a\"; identity=helo""#);
//! ```

use crate::spf::check::Query;
use crate::spf::evaluation::Identity;
use crate::spf::explain::ending;
use crate::spf::outcome::{Outcome, SpfResult};

/// Which of the two identities has been checked (2.3, 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The name in HELO.
    Helo,
    /// The envelope sender; with an empty one, postmaster at the HELO name.
    MailFrom,
}

/// The longest line of a message (RFC 5322 2.1.1).
const LINE_MAX: usize = 998;

/// The longest value: an address whose local part and domain are as long as
/// RFC 5321 4.5.3.1 lets them be.
const VALUE_MAX: usize = 64 + 1 + 255;

/// How much of a name or a reason a comment tells.
const COMMENT_MAX: usize = 128;

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
    /// Whose mail this claims to be, unless it is only the HELO name's: with
    /// the domain as it was checked, which is in ASCII.
    fn mail_from(&self) -> Option<String> {
        let sender = self.query.mail_from;
        if self.checked == Checked::Helo || sender.is_empty() {
            return None;
        }
        Some(match sender.rsplit_once('@') {
            Some((local_part, domain)) if !domain.is_ascii() => {
                let domain = Identity::of(self.query).domain;
                format!("{local_part}@{domain}")
            }
            Some(_) | None => sender.to_owned(),
        })
    }

    /// The same, or the postmaster of the HELO name (2.4).
    fn sender(&self) -> String {
        let postmaster = || format!("postmaster@{}", self.query.helo);
        self.mail_from().unwrap_or_else(postmaster)
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
        let sender = ending(&self.sender(), COMMENT_MAX);
        let ip = self.query.client_ip.to_canonical();
        let reason = ending(&self.outcome.reason(), COMMENT_MAX);
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
        let receiver = quoted(self.receiver());
        let identity = match self.checked {
            Checked::Helo => "helo",
            Checked::MailFrom => "mailfrom",
        };
        let ip = self.query.client_ip.to_canonical().to_string();
        let mut pairs = vec![
            format!(" receiver={receiver}"),
            format!("; identity={identity}"),
            format!("; client-ip={}", quoted(&ip)),
            format!("; helo={}", quoted(self.query.helo)),
            format!("; envelope-from={}", quoted(&self.sender())),
        ];
        if let Some(problem) = &self.outcome.problem {
            pairs.push(format!("; problem={}", quoted(&problem.to_string())));
        }
        let start = format!("Received-SPF: {}", self.outcome.result);
        let comment = format!("{receiver}: {}", self.comment());
        line(start, &comment, &pairs)
    }

    /// `Authentication-Results` (RFC 8601 2.7.2), on one line.
    pub fn authentication_results(&self) -> String {
        let property = match self.mail_from() {
            Some(sender) => format!(" smtp.mailfrom={}", pvalue(&sender)),
            None => format!(" smtp.helo={}", pvalue(self.query.helo)),
        };
        let receiver = quoted(self.receiver());
        let result = self.outcome.result;
        let start = format!("Authentication-Results: {receiver}; spf={result}");
        line(start, &self.comment(), &[property])
    }
}

/// A line that is not too long: if it would be, without its comment, and
/// with as many of its values as there is room for.
fn line(start: String, comment: &str, values: &[String]) -> String {
    let comment = format!(" ({})", in_comment(comment));
    let length: usize = values.iter().map(String::len).sum();
    let mut line = start;
    if line.len() + comment.len() + length <= LINE_MAX {
        line += &comment;
    }
    for value in values {
        if line.len() + value.len() <= LINE_MAX {
            line += value;
        }
    }
    line
}

/// Whether a text is made of atoms with dots between them (RFC 5322 3.2.3).
fn is_dot_atom(text: &str) -> bool {
    let atom = |c: char| {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
    };
    text.split('.').all(|it| !it.is_empty() && it.chars().all(atom))
}

/// A value as a header may hold it: as it stands if it is a dot-atom, and
/// otherwise between quotes (RFC 5322 3.2.3, 3.2.4).
pub fn quoted(value: &str) -> String {
    let value = ending(value, VALUE_MAX);
    match is_dot_atom(&value) {
        true => value,
        false => quoted_string(&value),
    }
}

/// A text between quotes.
fn quoted_string(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// A value as RFC 8601 2.2 wants it: an address, if its domain is a name
/// with a dot; a token (RFC 2045 5.1); or else a string between quotes.
fn pvalue(value: &str) -> String {
    let value = ending(value, VALUE_MAX);
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_label = |it: &str| !it.is_empty() && it.chars().all(letter);
    let is_name = |it: &str| it.contains('.') && it.split('.').all(is_label);
    let is_plain = match value.rsplit_once('@') {
        Some((local_part, domain)) => {
            is_dot_atom(local_part) && is_name(domain)
        }
        None => {
            let special = |c: char| " ()<>@,;:\\\"/[]?=".contains(c);
            !value.is_empty() && !value.contains(special)
        }
    };
    if is_plain { value } else { quoted_string(&value) }
}

/// A text that cannot end the comment it stands in (RFC 5322 3.2.2).
fn in_comment(text: &str) -> String {
    text.replace(['(', ')', '\\'], "?")
}
