//! The order in which senders are checked.
//!
//! ```
//! use ra_plugins::frozen::Frozen;
//! use ra_plugins::senders::Sender;
//! use ra_plugins::session::Session;
//!
//! let world = Frozen::new().world();
//! let session = Session::new(1).with("SMTPMAILFROM", "joe@example.org");
//! let sender = Sender::admit(&session, &world, "test").unwrap();
//! assert_eq!(sender.decide(false).output(),
//!     "E511 sorry, no mailbox here by that name (#5.1.1 - test)\n");
//! ```

use crate::control::{Control, Unreadable, names};
use crate::plugin::{Message, NO_FILE, Verdict};
use crate::recipients::{
    NO_LIST, NO_MAILBOX, NO_MAILBOX_LOG, NO_WHITELIST, is_exempt, look_up,
};
use crate::session::{Address, Session};
use crate::settings::{Kind, Setting};
use crate::world::World;

/// Domains that are not checked.
pub const WHITELIST: Setting = Setting::new("SENDERCHK_WLFILE", Kind::File, "")
    .help("a list or CDB of domains whose senders are not checked");

/// Whether users are held to their own addresses.
pub const AUTHMATCH: Setting =
    Setting::new("SENDERCHK_AUTHMATCH", Kind::Switch, "0").help(
        "an authenticated user may only use the addresses that \
         control/authsenders lists for him",
    );

/// The addresses that users may send as: `user: address @domain`, or the
/// same for all users `@domain`.
pub const AUTHSENDERS: &str = "control/authsenders";

/// This is no address.
pub const INVALID: Message = Message::reply("501 Invalid address");

/// Its line in the log.
pub const INVALID_LOG: Message =
    Message::log("501 Invalid address ({address})");

/// The address is somebody else's.
pub const NOT_YOURS: Message = Message::reply(
    "553 sorry, this sender address is not yours (#5.7.1 - {plugin})",
);

/// Its line in the log.
pub const NOT_YOURS_LOG: Message = Message::log(
    "553 sorry, this sender address is not yours ({user} as {address})",
);

/// A bounce.
pub const EMPTY: Message = Message::log("Accepted empty sender");

/// The domain is exempt.
pub const WHITELISTED: Message = Message::log("Whitelisted sender ({address})");

/// The sender is known, or not ours to know.
pub const ACCEPTED: Message = Message::log("Accepted sender ({address})");

/// The sender is not ours to know.
pub const FOREIGN: Message =
    Message::log("Accepting non-local sender ({address})");

/// Everything that a plugin with a list can say.
pub const LIST_MESSAGES: &[Message] = &[
    INVALID,
    INVALID_LOG,
    NOT_YOURS,
    NOT_YOURS_LOG,
    EMPTY,
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
    NOT_YOURS,
    NOT_YOURS_LOG,
    EMPTY,
    NO_MAILBOX,
    NO_MAILBOX_LOG,
    WHITELISTED,
    ACCEPTED,
    FOREIGN,
    NO_WHITELIST,
    NO_FILE,
];

/// A sender that has passed the checks before the list.
pub struct Sender {
    /// The address as the client wrote it.
    pub address: String,
    name: &'static str,
    verdict: Verdict,
}

impl Sender {
    /// Asks what comes before the list, for the plugin `name`; an error is
    /// a verdict already.
    pub fn admit(
        session: &Session,
        world: &World,
        name: &'static str,
    ) -> Result<Self, Verdict> {
        let mut verdict = Verdict::unchanged();
        let text = session.mail_from().unwrap_or_default();
        if text.is_empty() {
            verdict.log(&EMPTY, &[]);
            return Err(verdict);
        }
        let sender = Self { address: text.to_owned(), name, verdict };
        let Some(address) = Address::parse(text) else {
            return Err(sender.invalid());
        };
        let mut sender = sender.unless_stolen(session, world)?;
        let list = WHITELIST.text(session);
        if is_exempt(world, list, address.domain, &mut sender.verdict) {
            return Err(sender.accept(&WHITELISTED));
        }
        Ok(sender)
    }

    /// Goes on if the address is the user's own, where that matters.
    fn unless_stolen(
        mut self,
        session: &Session,
        world: &World,
    ) -> Result<Self, Verdict> {
        let matters = self.verdict.setting(AUTHMATCH.switch(session));
        let Some(user) = session.user().filter(|_| matters) else {
            return Ok(self);
        };
        match may_send_as(world, user, &self.address) {
            Ok(true) => Ok(self),
            Ok(false) => {
                self.verdict.refuse(&NOT_YOURS, &[self.name]);
                self.verdict.log(&NOT_YOURS_LOG, &[user, &self.address]);
                Err(self.verdict)
            }
            Err(error) => {
                self.verdict.log(&NO_FILE, &[&error.brief()]);
                Ok(self)
            }
        }
    }

    /// The parts of the address.
    pub fn parts(&self) -> Option<Address<'_>> {
        Address::parse(&self.address)
    }

    /// Accepts who exists, and refuses who does not.
    pub fn decide(mut self, exists: bool) -> Verdict {
        if exists {
            return self.accept(&ACCEPTED);
        }
        self.verdict.refuse(&NO_MAILBOX, &[self.name]);
        self.verdict.log(&NO_MAILBOX_LOG, &[&self.address]);
        self.verdict
    }

    /// Accepts with a line that names the address.
    pub fn accept(self, log: &Message) -> Verdict {
        self.verdict.because(log, &[&self.address])
    }

    /// Lets the sender pass because something could not be read.
    pub fn pass_after(self, message: &Message, file: &str) -> Verdict {
        self.verdict.because(message, &[file])
    }

    /// Refuses what is no address.
    fn invalid(mut self) -> Verdict {
        self.verdict.refuse(&INVALID, &[]);
        self.verdict.log(&INVALID_LOG, &[&self.address]);
        self.verdict
    }
}

/// Whether a user may send as an address: control/authsenders gives him
/// that address, or `@` and its domain.
fn may_send_as(
    world: &World,
    user: &str,
    address: &str,
) -> Result<bool, Unreadable> {
    let list = Control::read(world, AUTHSENDERS)?;
    let mut given = list.given_to(user).flat_map(str::split_whitespace);
    Ok(given.any(|entry| names(entry, address)))
}

/// Checks the sender against a list or CDB of addresses.
pub fn check_list(
    session: &Session,
    world: &World,
    name: &'static str,
    list: Setting,
) -> Verdict {
    let sender = match Sender::admit(session, world, name) {
        Ok(sender) => sender,
        Err(verdict) => return verdict,
    };
    match look_up(world, list.text(session), &sender.address) {
        Ok(None) => sender.accept(&ACCEPTED),
        Ok(Some(exists)) => sender.decide(exists),
        Err((message, file)) => sender.pass_after(&message, &file),
    }
}
