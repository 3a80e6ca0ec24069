//! What this server allows: its name, its limits, its domains.
//!
//! ```
//! use ra_plugins::frozen::Frozen;
//! use ra_plugins::host::policy::Policy;
//!
//! let world = Frozen::new()
//!     .file("control/me", "mx.example.org\n")
//!     .file("control/badmailfrom", "@bad.example\n")
//!     .world();
//! let policy = Policy::read(&world).unwrap();
//! assert_eq!(policy.name, "mx.example.org");
//! assert!(policy.is_bad_sender(b"x@BAD.example"));
//! ```

use std::time::Duration;

use crate::control::{
    Control, RCPTHOSTS, Unreadable, covers, own_name, takes_mail_for,
};
use crate::host::client::Patience;
use crate::session::Session;
use crate::world::World;

/// The limits of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Recipients of one message (RFC 5321 4.5.3.1.8 asks for 100).
    pub recipients: usize,
    /// Bytes of one message.
    pub size: u64,
    /// Commands that make no sense.
    pub mistakes: u32,
    /// How long a command may take to come, or a block of a message.
    pub idle: Duration,
    /// How long a session may last.
    pub session: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            recipients: 1000,
            size: 25 * 1024 * 1024,
            mistakes: 100,
            idle: Duration::from_secs(300),
            session: Duration::from_secs(4 * 3600),
        }
    }
}

impl Bounds {
    /// How long to wait for the client.
    pub fn patience(&self) -> Patience {
        Patience { idle: self.idle, session: self.session }
    }
}

/// The domains that mail is taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domains {
    /// Those of rcpthosts and morercpthosts; without the file, all. That is
    /// qmail's rule, and an open relay for whoever forgets the file.
    RcpthostsOrAll,
    /// Those of rcpthosts and morercpthosts; without the file, none.
    Rcpthosts,
    /// These, and with a leading dot all below.
    These(Vec<String>),
}

/// What a server allows.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What it says behind 220.
    pub greeting: String,
    /// The limits of a session.
    pub bounds: Bounds,
    /// Whom it takes mail for.
    pub domains: Domains,
    /// Senders it does not want: addresses, or `@domain`.
    pub bad_senders: Vec<String>,
}

impl Policy {
    /// A server of this name that takes mail for these domains.
    pub fn new(name: &str, domains: Domains) -> Self {
        Self {
            name: name.to_owned(),
            greeting: format!("{name} ESMTP"),
            bounds: Bounds::default(),
            domains,
            bad_senders: Vec::new(),
        }
    }

    /// What qmail's control files say; only `me` must be there. Each file
    /// that is there must be readable, or the server says 421.
    pub fn read(world: &World) -> Result<Self, Unreadable> {
        let name = own_name(world)?.unwrap_or_else(|| "localhost".into());
        let mut policy = Self::new(&name, Domains::RcpthostsOrAll);
        if let Some(greeting) = optional(world, "control/smtpgreeting")?
            && let Some(line) = greeting.lines().next()
        {
            policy.greeting = line.to_owned();
        }
        if let Some(bytes) = number(world, "control/databytes")? {
            policy.limit_size(bytes);
        }
        if let Some(seconds) = number(world, "control/timeoutsmtpd")? {
            policy.bounds.idle = Duration::from_secs(seconds.max(1));
        }
        if let Some(list) = optional(world, "control/badmailfrom")? {
            policy.bad_senders = list.lines().map(str::to_owned).collect();
        }
        Ok(policy)
    }

    /// Limits the size of messages; 0 is qmail's word for no limit.
    pub fn limit_size(&mut self, bytes: u64) {
        self.bounds.size = if bytes == 0 { u64::MAX } else { bytes };
    }

    /// Whether mail from this sender is unwanted.
    pub fn is_bad_sender(&self, sender: &[u8]) -> bool {
        let sender = String::from_utf8_lossy(sender);
        let domain = sender.rfind('@').and_then(|at| sender.get(at..));
        self.bad_senders.iter().any(|bad| {
            bad.eq_ignore_ascii_case(&sender)
                || domain.is_some_and(|it| bad.eq_ignore_ascii_case(it))
        })
    }

    /// Whether mail is taken for a recipient. An address without a domain is
    /// always ours, as in qmail.
    pub fn takes(
        &self,
        world: &World,
        recipient: &[u8],
    ) -> Result<bool, Unreadable> {
        let recipient = String::from_utf8_lossy(recipient);
        let Some((_, domain)) = recipient.rsplit_once('@') else {
            return Ok(true);
        };
        match &self.domains {
            Domains::Rcpthosts
                if !world.files.exists(&world.path(RCPTHOSTS)) =>
            {
                Ok(false)
            }
            Domains::Rcpthosts | Domains::RcpthostsOrAll => {
                takes_mail_for(world, domain)
            }
            Domains::These(domains) => {
                Ok(domains.iter().any(|line| covers(line, domain)))
            }
        }
    }
}

/// The variable that lets a client send to everybody; its value is added to
/// each recipient.
pub const RELAYCLIENT: &str = "RELAYCLIENT";

/// What is added to the recipients of a relay client.
pub fn relay_suffix(session: &Session) -> Option<&str> {
    session.get(RELAYCLIENT)
}

/// A control file that may be missing.
fn optional(world: &World, name: &str) -> Result<Option<Control>, Unreadable> {
    match Control::read(world, name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number in a control file. One that is no number does not count.
fn number(world: &World, name: &str) -> Result<Option<u64>, Unreadable> {
    let file = optional(world, name)?;
    Ok(file.and_then(|file| file.lines().next()?.parse().ok()))
}
