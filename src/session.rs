//! What the server tells a plugin about the session.
//!
//! Under a mail server it comes as environment variables. A [`Session`] holds
//! them and answers questions about them, so that no plugin has to know the
//! name or the spelling of a variable.
//!
//! ```
//! use ra_plugins::session::Session;
//!
//! let session = Session::new(4711).with("SMTPRCPTTO", "joe@example.org");
//! assert_eq!(session.recipient().unwrap().local_part, "joe");
//! assert_eq!(session.user(), None);
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use thiserror::Error;

use crate::spp::clean;

/// The variables of one SMTP session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    variables: BTreeMap<String, String>,
    pid: u32,
}

/// Why the session cannot answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Missing {
    /// The server has not said.
    #[error("not set")]
    Unset,
    /// What it said is not of the right form.
    #[error("not valid")]
    Invalid,
}

impl Session {
    /// A session without variables; `pid` is the process id that its log
    /// lines carry.
    pub fn new(pid: u32) -> Self {
        Self { variables: BTreeMap::new(), pid }
    }

    /// The session of the server that started this process: its variables
    /// are our environment, its process is our parent. What is not UTF-8
    /// becomes U+FFFD, which no address may hold and no list names.
    pub fn from_environment() -> Self {
        let variables = std::env::vars_os()
            .map(|(name, value)| {
                let name = name.to_string_lossy().into_owned();
                (name, value.to_string_lossy().into_owned())
            })
            .collect();
        Self { variables, pid: std::os::unix::process::parent_id() }
    }

    /// The same session with one variable more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// A variable as it stands; an empty one is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// All variables, by name.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The process id of the SMTP session.
    pub fn pid(&self) -> u32 {
        self.pid
    }
}

impl Session {
    /// Who has authenticated. An empty name is nobody (as recorded in
    /// plugins.json: msa, empty-user).
    pub fn user(&self) -> Option<&str> {
        self.get("SMTPAUTHUSER").filter(|user| !user.is_empty())
    }

    /// The client's address as the server wrote it.
    pub fn client_ip_text(&self) -> Option<&str> {
        self.get("TCPREMOTEIP")
    }

    /// The client's address; an IPv4 address inside an IPv6 one is the
    /// former.
    pub fn client_ip(&self) -> Result<IpAddr, Missing> {
        let text = self.client_ip_text().ok_or(Missing::Unset)?;
        let address: IpAddr = text.parse().map_err(|_| Missing::Invalid)?;
        Ok(address.to_canonical())
    }

    /// The name in HELO or EHLO; servers before SPP 0.42 call it HELOHOST.
    pub fn helo(&self) -> Option<&str> {
        self.get("SMTPHELOHOST").or_else(|| self.get("HELOHOST"))
    }

    /// The envelope sender; empty for a bounce.
    pub fn mail_from(&self) -> Option<&str> {
        self.get("SMTPMAILFROM")
    }

    /// The recipient that is being asked for.
    pub fn recipient(&self) -> Result<Address<'_>, Missing> {
        let text = self.get("SMTPRCPTTO").ok_or(Missing::Unset)?;
        Address::parse(text).ok_or(Missing::Invalid)
    }

    /// How many recipients the client has asked for in this message, the
    /// current one included.
    pub fn recipients_asked(&self) -> Option<u64> {
        self.get("SMTPRCPTCOUNTALL")?.parse().ok()
    }

    /// How many recipients the server has accepted in this message.
    pub fn recipients_accepted(&self) -> Option<u64> {
        self.get("SMTPRCPTCOUNT")?.parse().ok()
    }

    /// Whether the server would take the recipient: its domain is in
    /// rcpthosts, or the client may relay. Nothing if it has not said.
    pub fn recipient_allowed(&self) -> Option<bool> {
        match self.get("SMTPRCPTHOSTSOK")? {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        }
    }

    /// Whether the client may send to anybody.
    pub fn relay_client(&self) -> bool {
        self.get("RELAYCLIENT").is_some()
    }
}

/// A mail address, taken apart at its `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// What stands before the `@`, quotes included.
    pub local_part: &'a str,
    /// What stands after it.
    pub domain: &'a str,
}

impl<'a> Address<'a> {
    /// Takes an address apart. It needs one `@` with something on both
    /// sides; a quoted local part may hold more of them (RFC 5321 4.1.2).
    /// Control characters and U+FFFD have no place in an address.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.contains('\u{fffd}') || clean(text) != text {
            return None;
        }
        let start = if text.starts_with('"') { end_of_quote(text)? } else { 0 };
        let at = start + text.get(start..)?.find('@')?;
        let (local_part, domain) = (text.get(..at)?, text.get(at + 1..)?);
        let whole = !local_part.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && (start == 0 || start == at);
        whole.then_some(Self { local_part, domain })
    }

    /// Whether the local part stands between quotes.
    pub fn is_quoted(&self) -> bool {
        self.local_part.starts_with('"')
    }

    /// The local part without its quotes and the backslashes between them:
    /// they do not change who is meant (RFC 5321 4.1.2).
    pub fn unquoted(&self) -> Cow<'a, str> {
        let inner = self.local_part.strip_prefix('"');
        let Some(inner) = inner.and_then(|it| it.strip_suffix('"')) else {
            return Cow::Borrowed(self.local_part);
        };
        let mut name = String::with_capacity(inner.len());
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            name.extend(if c == '\\' { chars.next() } else { Some(c) });
        }
        Cow::Owned(name)
    }
}

/// The index after the closing quote of a text that opens with one.
fn end_of_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}
