//! The order in which recipients are checked.
//!
//! Whoever keeps the list of mailboxes, the same questions come before it
//! and after it: is this an address, are there too many recipients, is the
//! domain exempt; and have there been too many wrong guesses? The plugins
//! only look the address up in between.
//!
//! ```
//! use ra_plugins::frozen::Frozen;
//! use ra_plugins::recipients::Recipient;
//! use ra_plugins::session::Session;
//!
//! let world = Frozen::new().world();
//! let session = Session::new(1).with("SMTPRCPTTO", "Joe@Example.org");
//! let recipient = Recipient::admit(&session, &world, "test").unwrap();
//! assert_eq!(recipient.address, "joe@example.org");
//!
//! let verdict = recipient.decide(false);
//! assert_eq!(verdict.output(), "SWRONGRCPTCOUNT=1\n\
//!     E511 sorry, no mailbox here by that name (#5.1.1 - test)\n");
//! ```

use std::borrow::Cow;

use crate::control::{is_in_rcpthosts, listed, lower};
use crate::plugin::{Message, NO_FILE, Verdict};
use crate::session::{Address, Session};
use crate::settings::{Kind, Reading, Setting};
use crate::spp::Command;
use crate::world::World;

/// How many recipients are enough.
pub const LIMIT: Setting =
    Setting::new("CHKUSER_RCPTLIMIT", Kind::Number, "10000")
        .help("recipients of one message after which no more are accepted");

/// How many wrong guesses are enough.
pub const WRONG_LIMIT: Setting =
    Setting::new("CHKUSER_WRONGRCPTLIMIT", Kind::Number, "10000")
        .help("unknown recipients after which all others are refused as well");

/// Domains that are not checked.
pub const WHITELIST: Setting = Setting::new("CHKUSER_WLFILE", Kind::File, "")
    .help("a list or CDB of domains whose recipients are not checked");

/// How full is full.
pub const QUOTA: Setting =
    Setting::new("CHKUSER_MBXQUOTA", Kind::Number, "100")
        .help("percent of its quota from which on a mailbox is full");

/// The variable in which the wrong guesses of a session are counted.
const WRONG_COUNT: &str = "WRONGRCPTCOUNT";

/// This is no address.
pub const INVALID: Message =
    Message::reply("511 Invalid address (#5.1.1 - {plugin})");

/// Its line in the log.
pub const INVALID_LOG: Message =
    Message::log("511 Invalid address ({address})");

/// There are enough recipients.
pub const TOO_MANY: Message = Message::reply(
    "571 sorry, reached maximum number of recipients for one session \
     (#5.7.1 - {plugin})",
);

/// Its line in the log.
pub const TOO_MANY_LOG: Message = Message::log(
    "571 sorry, reached maximum number of recipients for one session \
     ({number} of {limit} - {address})",
);

/// There were enough wrong guesses.
pub const GUESSING: Message = Message::reply(
    "571 sorry, you are violating our security policies (#5.7.1 - {plugin})",
);

/// Its line in the log.
pub const GUESSING_LOG: Message = Message::log(
    "571 sorry, you are violating our security policies \
     ({wrong} of {limit} - {address})",
);

/// Nobody lives there.
pub const NO_MAILBOX: Message = Message::reply(
    "511 sorry, no mailbox here by that name (#5.1.1 - {plugin})",
);

/// Its line in the log.
pub const NO_MAILBOX_LOG: Message =
    Message::log("511 sorry, no mailbox here by that name ({address})");

/// The mailbox takes no more.
pub const FULL: Message =
    Message::reply("522 sorry, recipient mailbox is full (#5.2.2 - {plugin})");

/// Its line in the log.
pub const FULL_LOG: Message =
    Message::log("522 sorry, recipient mailbox is full ({address})");

/// The domain is exempt.
pub const WHITELISTED: Message = Message::log(
    "Whitelisted recipient ({address} number {number} of {limit} )",
);

/// The recipient may have mail.
pub const ACCEPTED: Message =
    Message::log("Accepted recipient ({address} number {number} of {limit} )");

/// The exempt domains cannot be read; the check goes on.
pub const NO_WHITELIST: Message =
    Message::log("Couldn't open whitelist file ({file})");

/// The mailboxes cannot be read; everybody passes.
pub const NO_LIST: Message =
    Message::log("Error opening address list file ({file})");

/// Everything that a plugin with a list can say.
pub const LIST_MESSAGES: &[Message] = &[
    INVALID,
    INVALID_LOG,
    TOO_MANY,
    TOO_MANY_LOG,
    GUESSING,
    GUESSING_LOG,
    NO_MAILBOX,
    NO_MAILBOX_LOG,
    WHITELISTED,
    ACCEPTED,
    NO_WHITELIST,
    NO_LIST,
    NO_FILE,
];

/// Everything that a plugin which asks vpopmail can say.
pub const VPOPMAIL_MESSAGES: &[Message] = &[
    INVALID,
    INVALID_LOG,
    TOO_MANY,
    TOO_MANY_LOG,
    FULL,
    FULL_LOG,
    GUESSING,
    GUESSING_LOG,
    NO_MAILBOX,
    NO_MAILBOX_LOG,
    WHITELISTED,
    ACCEPTED,
    NO_WHITELIST,
    NO_FILE,
];

/// A recipient that has passed the checks before the list.
pub struct Recipient {
    /// The address in lower case.
    pub address: String,
    name: &'static str,
    /// How many recipients came before.
    number: i64,
    limit: i64,
    wrong: i64,
    wrong_limit: i64,
    verdict: Verdict,
}

impl Recipient {
    /// Asks what comes before the list, for the plugin `name`; an error is
    /// a verdict already.
    pub fn admit(
        session: &Session,
        world: &World,
        name: &'static str,
    ) -> Result<Self, Verdict> {
        let text = session.get("SMTPRCPTTO").unwrap_or_default();
        let mut recipient = Self::new(session, text, name);
        let Some(address) = Address::parse(text) else {
            return Err(recipient.refuse(&INVALID, &INVALID_LOG));
        };
        if recipient.limit <= recipient.number {
            return Err(recipient.too_many());
        }
        let list = WHITELIST.text(session);
        if is_exempt(world, list, address.domain, &mut recipient.verdict) {
            return Err(recipient.pass(&WHITELISTED));
        }
        Ok(recipient)
    }

    /// A recipient about whom nothing has been asked. A count of wrong
    /// guesses above that of recipients is an earlier message's, and counts
    /// as none (as recorded in plugins.json: wrong-count-reset).
    fn new(session: &Session, text: &str, name: &'static str) -> Self {
        let mut verdict = Verdict::unchanged();
        let accepted = session.recipients_accepted().unwrap_or(0);
        let accepted = i64::try_from(accepted).unwrap_or(i64::MAX);
        let wrong = session.get(WRONG_COUNT);
        let wrong = wrong.and_then(|it| it.parse().ok()).unwrap_or(0);
        Self {
            address: lower(text).into_owned(),
            name,
            number: accepted,
            limit: verdict.setting(LIMIT.number(session)),
            wrong: if wrong > accepted { 0 } else { wrong },
            wrong_limit: verdict.setting(WRONG_LIMIT.number(session)),
            verdict,
        }
    }

    /// The parts of the address.
    pub fn parts(&self) -> Option<Address<'_>> {
        Address::parse(&self.address)
    }

    /// Takes a setting's value, and its warning into the log.
    pub fn setting<T>(&mut self, reading: Reading<T>) -> T {
        self.verdict.setting(reading)
    }

    /// Asks what comes after the list: whether there have been too many
    /// wrong guesses, of which this may be one.
    pub fn decide(mut self, exists: bool) -> Verdict {
        if !exists {
            self.wrong = self.wrong.saturating_add(1);
            self.verdict.commands.push(Command::Set(
                Cow::Borrowed(WRONG_COUNT),
                self.wrong.to_string().into(),
            ));
        }
        if self.wrong > self.wrong_limit {
            self.guessing()
        } else if exists {
            self.accept()
        } else {
            self.refuse(&NO_MAILBOX, &NO_MAILBOX_LOG)
        }
    }

    /// Accepts, whatever has been guessed before.
    pub fn accept(self) -> Verdict {
        self.pass(&ACCEPTED)
    }

    /// Lets the recipient pass because something could not be read.
    pub fn pass_after(mut self, message: &Message, file: &str) -> Verdict {
        self.verdict.log(message, &[file]);
        self.verdict
    }

    /// Refuses with a reply that names the plugin and a line that names the
    /// address.
    pub fn refuse(mut self, reply: &Message, log: &Message) -> Verdict {
        self.verdict.refuse(reply, &[self.name]);
        self.verdict.log(log, &[&self.address]);
        self.verdict
    }

    /// Accepts with a line that counts.
    fn pass(mut self, log: &Message) -> Verdict {
        let (number, limit) = (self.number.to_string(), self.limit.to_string());
        self.verdict.log(log, &[&self.address, &number, &limit]);
        self.verdict
    }

    /// Refuses one recipient too many.
    fn too_many(mut self) -> Verdict {
        let (number, limit) = (self.number.to_string(), self.limit.to_string());
        self.verdict.refuse(&TOO_MANY, &[self.name]);
        self.verdict.log(&TOO_MANY_LOG, &[&number, &limit, &self.address]);
        self.verdict
    }

    /// Refuses somebody who has guessed too often.
    fn guessing(mut self) -> Verdict {
        let wrong = self.wrong.to_string();
        let limit = self.wrong_limit.to_string();
        self.verdict.refuse(&GUESSING, &[self.name]);
        self.verdict.log(&GUESSING_LOG, &[&wrong, &limit, &self.address]);
        self.verdict
    }
}

/// Whether a domain is on the white list, if there is one.
pub fn is_exempt(
    world: &World,
    list: &str,
    domain: &str,
    verdict: &mut Verdict,
) -> bool {
    !list.is_empty()
        && listed(world, list, domain).unwrap_or_else(|error| {
            verdict.log(&NO_WHITELIST, &[&error.brief()]);
            false
        })
}

/// Whether an address is on a list or in a CDB; nothing if its domain is not
/// in rcpthosts, so that the list does not speak for it. A server without
/// rcpthosts has no domains of its own, and nothing can be checked (as
/// recorded: no-rcpthosts). An error is a message and its file.
pub fn look_up(
    world: &World,
    list: &str,
    address: &str,
) -> Result<Option<bool>, (Message, String)> {
    let domain = Address::parse(address).map_or("", |parts| parts.domain);
    match is_in_rcpthosts(world, domain) {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(error) if error.is_absent() => {
            return Err((NO_FILE, "rcpthosts".to_owned()));
        }
        Err(error) => return Err((NO_FILE, error.brief())),
    }
    let found = listed(world, list, address);
    found.map(Some).map_err(|error| (NO_LIST, error.brief()))
}

/// Checks the recipient against a list or CDB of addresses.
pub fn check_list(
    session: &Session,
    world: &World,
    name: &'static str,
    list: Setting,
) -> Verdict {
    let recipient = match Recipient::admit(session, world, name) {
        Ok(recipient) => recipient,
        Err(verdict) => return verdict,
    };
    match look_up(world, list.text(session), &recipient.address) {
        Ok(None) => recipient.accept(),
        Ok(Some(exists)) => recipient.decide(exists),
        Err((message, file)) => recipient.pass_after(&message, &file),
    }
}
