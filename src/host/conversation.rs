//! A conversation: everything one session has to remember.
//!
//! The [`House`] is what all sessions share, a [`Conversation`] what one of
//! them knows. How it goes on is told by the modules behind this one, a few
//! commands each.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use crate::control::Unreadable;
use crate::host::auth::Users;
use crate::host::chain::Chain;
use crate::host::client::{Client, Gone, Wire};
use crate::host::deliver::{Destination, Envelope};
use crate::host::journal::Journal;
use crate::host::policy::Policy;
use crate::host::process::{Limits, Log};
use crate::host::received::Protocol;
use crate::host::section::{Outcome, Spp};
use crate::plugin::Message;
use crate::session::Session;
use crate::spp::{Section, clean};
use crate::world::{Waiting, World};

/// What all sessions of a server share.
pub struct House {
    /// The outside, as plugins see it.
    pub world: World,
    /// What is allowed.
    pub policy: Policy,
    /// The plugins.
    pub chain: Arc<Chain>,
    /// What a plugin that is a process may use up.
    pub limits: Limits,
    /// The folder in which such plugins run.
    pub folder: PathBuf,
    /// Where they log to.
    pub log: Log,
    /// Who takes notes.
    pub journal: Arc<dyn Journal>,
    /// Where mail goes.
    pub destination: Box<dyn Destination>,
    /// Who may log in.
    pub users: Arc<Users>,
    /// Whether passwords may travel in the clear.
    pub clear_passwords: bool,
    /// The certificate, if there is one.
    pub tls: Option<TlsAcceptor>,
}

impl House {
    /// A house without passwords and certificates.
    pub fn new(
        world: World,
        policy: Policy,
        chain: Chain,
        destination: Box<dyn Destination>,
        journal: Arc<dyn Journal>,
    ) -> Self {
        let folder = world.qmail.clone();
        Self {
            world,
            policy,
            chain: Arc::new(chain),
            limits: Limits::default(),
            folder,
            log: Log::Relayed(Arc::clone(&journal)),
            journal,
            destination,
            users: Arc::default(),
            clear_passwords: false,
            tls: None,
        }
    }
}

/// Whether to listen for another command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Yes.
    Listen,
    /// No: say what is still to be said, and close.
    Close,
}

/// Why a conversation broke off.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The client is gone.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// A control file cannot be read.
    #[error("unable to read controls: {0}")]
    Controls(#[from] Unreadable),
    /// A bare LF was sent where it could mean two things.
    #[error("a bare LF in a message")]
    BareLineFeed,
    /// A message might end for others where it does not end for us.
    #[error("a dot between bare CRs or NULs in a message")]
    StrayDot,
    /// Too many commands made no sense.
    #[error("too many mistakes")]
    TooManyMistakes,
}

impl Broken {
    /// What the client is told, if it can still hear us.
    pub fn reply(&self) -> Option<&'static str> {
        match self {
            Self::Gone(Gone::Closed | Gone::Broken(_)) => None,
            Self::Gone(Gone::Idle(_)) => Some("421 timeout (#4.4.2)"),
            Self::Gone(Gone::Overtime) => {
                Some("421 this has lasted too long (#4.4.2)")
            }
            Self::Gone(Gone::ShuttingDown) => {
                Some("421 shutting down, please come back (#4.3.2)")
            }
            Self::Controls(_) => Some("421 unable to read controls (#4.3.0)"),
            Self::BareLineFeed => Some(
                "451 lines end with CR LF, and a bare LF is not taken (#4.6.0)",
            ),
            Self::StrayDot => Some(
                "554 only CR LF . CR LF ends a message, and others may \
                 disagree about this one (#5.6.0)",
            ),
            Self::TooManyMistakes => Some("421 too many errors (#4.7.0)"),
        }
    }
}

/// A log line about something that the server itself refused.
pub const REFUSED: Message = Message::log("refused {what}: {reply}");

/// One session.
pub struct Conversation {
    /// What it shares with others.
    pub house: Arc<House>,
    /// The client.
    pub client: Client,
    /// What plugins see.
    pub session: Session,
    /// The plugins.
    pub spp: Spp,
    /// How the message will have come.
    pub protocol: Protocol,
    /// Whether there has been a MAIL.
    pub has_sender: bool,
    /// Whether the sender is unwanted, which is said at RCPT.
    pub is_bad_sender: bool,
    /// Sender and recipients.
    pub envelope: Envelope,
    /// How many recipients were asked for.
    pub asked: usize,
    /// How many commands made no sense.
    pub mistakes: u32,
    /// How many passwords were wrong.
    pub failed_logins: u32,
    /// The variables, and whether plugins ran, before the client had said a
    /// word.
    pub beginning: (Session, bool),
}

impl Conversation {
    /// Takes up a conversation; nothing has been said yet.
    pub fn new(
        house: Arc<House>,
        wire: impl Wire + 'static,
        session: Session,
    ) -> Self {
        let client = Client::new(wire, house.policy.bounds.patience());
        let spp = Spp::new(
            Arc::clone(&house.chain),
            house.limits,
            house.folder.clone(),
            house.log.clone(),
            Arc::clone(&house.journal),
        );
        Self {
            house,
            client,
            session,
            spp,
            protocol: Protocol::default(),
            has_sender: false,
            is_bad_sender: false,
            envelope: Envelope::default(),
            asked: 0,
            mistakes: 0,
            failed_logins: 0,
            beginning: Default::default(),
        }
    }

    /// Runs the plugins of a section.
    pub async fn plugins(&mut self, section: Section) -> Result<Outcome, Gone> {
        let world = &self.house.world;
        let (session, client) = (&mut self.session, &mut self.client);
        // Boxed, since the compiler cannot see through it that a session
        // may move between threads.
        let running: Waiting<'_, Result<Outcome, Gone>> =
            Box::pin(self.spp.run(section, session, world, client));
        running.await
    }

    /// Says a line, and goes on listening.
    pub fn say(&mut self, reply: &str) -> Then {
        self.client.say(reply);
        Then::Listen
    }

    /// Refuses something, and logs it.
    pub fn refuse(&mut self, what: &str, reply: &str) -> Then {
        self.log(&REFUSED, &[what, reply]);
        self.say(reply)
    }

    /// Refuses a command that makes no sense here.
    pub fn mistake(&mut self, reply: &str) -> Result<Then, Broken> {
        self.mistakes += 1;
        if self.mistakes > self.house.policy.bounds.mistakes {
            return Err(Broken::TooManyMistakes);
        }
        Ok(self.say(reply))
    }

    /// Logs a line of the server's own, with the client that it is about: a
    /// server has one process id for many sessions, and whoever counts wrong
    /// passwords has to know whose they are.
    pub fn log(&self, message: &Message, arguments: &[&str]) {
        let (pid, text) = (self.session.pid(), message.fill(arguments));
        let client = self.session.client_ip_text().unwrap_or("unknown");
        let line = format!("smtpd: pid {pid} - {text} ({})", clean(client));
        self.house.journal.log(&line);
    }

    /// Forgets sender and recipients, and nothing else.
    pub fn forget_envelope(&mut self) {
        self.has_sender = false;
        self.is_bad_sender = false;
        self.envelope = Envelope::default();
        self.asked = 0;
    }

    /// Forgets the message: at RSET, and when it has been taken or refused.
    pub fn forget_message(&mut self) {
        self.forget_envelope();
        self.spp.reset();
    }
}
