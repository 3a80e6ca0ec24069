//! The SMTP server: one session from its greeting to its end.
//!
//! ```
//! use ra_plugins::frozen::Frozen;
//! use ra_plugins::host::chain::Chain;
//! use ra_plugins::host::conversation::{Conversation, House};
//! use ra_plugins::host::journal::Notebook;
//! use ra_plugins::host::policy::{Domains, Policy};
//! use ra_plugins::host::deliver::Mailbox;
//! use ra_plugins::session::Session;
//! use std::sync::Arc;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()
//! # .unwrap().block_on(async {
//! let folder = tempfile::tempdir().unwrap();
//! let house = House::new(
//!     Frozen::new().world(),
//!     Policy::new("mx.example.org", Domains::These(vec![])),
//!     Chain::default(),
//!     Box::new(Mailbox::open(folder.path()).unwrap()),
//!     Arc::new(Notebook::default()),
//! );
//! let (mut client, server) = tokio::io::duplex(1024);
//! client.write_all(b"QUIT\r\n").await.unwrap();
//! let session = Session::new(1);
//! Conversation::new(Arc::new(house), server, session).hold().await;
//! let mut said = String::new();
//! client.read_to_string(&mut said).await.unwrap();
//! assert_eq!(said, "220 mx.example.org ESMTP\r\n221 mx.example.org\r\n");
//! # });
//! ```

use crate::host::client::Line;
use crate::host::conversation::{Broken, Conversation, Then};
use crate::host::login::RESPONSE_MAX;
use crate::host::request::{Request, Verb};
use crate::host::section::Step;
use crate::plugin::Message;
use crate::spp::Section;

/// The longest command line. RFC 5321 4.5.3.1.4 asks for 512 bytes, and
/// parameters may add to it.
const COMMAND_MAX: usize = 2048;

/// The most that a line may have: AUTH may come with a response as long as
/// those that follow it.
fn most(line: &[u8]) -> usize {
    match line.get(..5) {
        Some(verb) if verb.eq_ignore_ascii_case(b"AUTH ") => RESPONSE_MAX,
        Some(_) | None => COMMAND_MAX,
    }
}

/// Said when a session ends before its time.
pub const BROKE_OFF: Message = Message::log("session ended: {why}");

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it should, or because a plugin wanted it so.
    Well,
    /// It broke off.
    Badly,
}

impl Conversation {
    /// Holds the conversation, to its end.
    pub async fn hold(mut self) -> Ended {
        let ended = match self.talk().await {
            Ok(()) => Ended::Well,
            Err(broken) => {
                self.log(&BROKE_OFF, &[&broken.to_string()]);
                if let Some(reply) = broken.reply() {
                    self.say(reply);
                }
                Ended::Badly
            }
        };
        self.client.close().await;
        ended
    }

    /// Greets, then does what it is asked.
    async fn talk(&mut self) -> Result<(), Broken> {
        match self.plugins(Section::Connection).await?.step {
            Step::GoOn | Step::Lifted => {
                let greeting = self.house.policy.greeting.clone();
                self.say(&format!("220 {greeting}"));
            }
            // The greeting is missing, and the session goes on (as recorded
            // in sessions.json: connection-E).
            Step::Refused => {}
            Step::Close => return Ok(()),
        }
        self.beginning = (self.session.clone(), self.spp.is_on);
        loop {
            let then = match self.client.line(RESPONSE_MAX).await? {
                Line::Complete(line) if line.len() <= most(&line) => {
                    self.obey(&line).await?
                }
                Line::Complete(_) | Line::TooLong => {
                    self.mistake("500 line too long (#5.5.2)")?
                }
            };
            if then == Then::Close {
                return Ok(());
            }
        }
    }

    /// Does one command.
    async fn obey(&mut self, line: &[u8]) -> Result<Then, Broken> {
        let Request { verb, argument } = Request::parse(line);
        match verb {
            Verb::Helo | Verb::Ehlo => self.helo(verb, argument).await,
            Verb::Mail => self.mail(argument).await,
            Verb::Rcpt => self.rcpt(argument).await,
            Verb::Data => self.data().await,
            Verb::Auth => self.auth(argument).await,
            Verb::StartTls => self.start_tls().await,
            Verb::Rset => {
                self.forget_message();
                Ok(self.say("250 flushed"))
            }
            Verb::Noop => Ok(self.say("250 ok")),
            // RFC 5321 3.5.3: neither yes nor no.
            Verb::Vrfy => Ok(self.say("252 send some mail, and we shall see")),
            Verb::Help => {
                Ok(self.say("214 ra-plugins: see RFC 5321 for the commands"))
            }
            Verb::Quit => {
                let name = self.house.policy.name.clone();
                self.say(&format!("221 {name}"));
                Ok(Then::Close)
            }
            Verb::Unknown => self.mistake("502 unimplemented (#5.5.1)"),
        }
    }

    /// HELO and EHLO: the client's name, and what we can do for it.
    async fn helo(
        &mut self,
        verb: Verb,
        argument: &[u8],
    ) -> Result<Then, Broken> {
        let name = String::from_utf8_lossy(argument).into_owned();
        self.session.set("SMTPHELOHOST", &name);
        self.forget_envelope();
        match self.plugins(Section::Helo).await?.step {
            Step::GoOn | Step::Lifted => {}
            Step::Refused => return Ok(Then::Listen),
            Step::Close => return Ok(Then::Close),
        }
        let name = self.house.policy.name.clone();
        if verb == Verb::Helo {
            return Ok(self.say(&format!("250 {name}")));
        }
        self.say(&format!("250-{name}"));
        self.say("250-PIPELINING");
        if self.house.policy.bounds.size != u64::MAX {
            self.say(&format!("250-SIZE {}", self.house.policy.bounds.size));
        }
        if self.offers_tls() {
            self.say("250-STARTTLS");
        }
        if self.offers_auth() {
            self.say("250-AUTH PLAIN LOGIN");
        }
        Ok(self.say("250 8BITMIME"))
    }
}
