//! What can be set for the call-back, and what it says.

use crate::blocklist::words::AUTHENTICATED;
use crate::plugin::{Message, NO_FILE};
use crate::settings::{Kind, Setting};

/// Whether the answer has consequences.
pub const MODE: Setting = Setting::new("CHECKBACK_MODE", Kind::Choice, "log")
    .help("`log` only tells the log, `enforce` refuses");

/// The file of what was learned.
pub const CACHE: Setting =
    Setting::new("CHECKBACK_CACHE", Kind::File, "control/checkbackcache.db")
        .help("the file in which answers are kept; it must be writable");

/// How long it is believed.
pub const CACHETIME: Setting =
    Setting::new("CHECKBACK_CACHETIME", Kind::Number, "86400")
        .help("seconds for which an answer is believed");

/// How long everything may take.
pub const DEADLINE: Setting =
    Setting::new("CHECKBACK_DEADLINE", Kind::Number, "20")
        .help("seconds for all servers together");

/// Where servers listen.
pub const PORT: Setting = Setting::new("CHECKBACK_PORT", Kind::Number, "25")
    .help("the port of the servers that are asked");

/// Whether we go everywhere.
pub const PRIVATE: Setting =
    Setting::new("CHECKBACK_PRIVATE", Kind::Switch, "0")
        .help("ask servers on private and loopback addresses, too");

/// We are about to ask.
pub const TESTING: Message =
    Message::log("Testing server {host} for address {address}");

/// We know already.
pub const CACHED: Message =
    Message::log("Sender in cache ({address} - {age} seconds)");

/// A server did not say yes or no.
pub const UNSURE: Message = Message::log("No answer from {host}: {reason}");

/// Somebody else is asking the same domain.
pub const BUSY: Message = Message::log("{domain} is being asked already");

/// The domain cannot be asked about.
pub const NOBODY: Message = Message::log("No server for {domain}");

/// Without a cache nobody is asked: we would ask again and again.
pub const NO_CACHE: Message = Message::log("error opening cache ({file})");

/// The domains and the addresses that are not checked.
pub const WHITELISTS: [(&str, Message); 2] = [
    ("control/cbwldom", Message::log("Whitelisted domain")),
    ("control/cbwladdr", Message::log("Whitelisted address")),
];

/// Said before anything is asked.
pub const CHECKING: Message = Message::log("Checking sender ({address})");

/// The address cannot be put into a question.
pub const UNASKABLE: Message =
    Message::log("No check of this address ({address})");

/// The sender exists.
pub const OK: Message = Message::log("OK {address}");

/// His server does not know him.
pub const REFUSED: Message =
    Message::reply("553 sorry, Could not verify sender (#5.7.1)");

/// His server takes no bounces.
pub const NO_BOUNCES: Message = Message::reply(
    "553 sorry, Sender's server doesn't accept my mail (#5.7.1)",
);

/// Nobody could say.
pub const LATER: Message =
    Message::reply("451 Couldn't verify sender, come back later (#4.3.0)");

/// The line in the log for each of them.
pub const BLOCKED: Message = Message::log("{finding}: {address}");

/// Everything that the call-back says.
pub const MESSAGES: &[Message] = &[
    AUTHENTICATED,
    CHECKING,
    WHITELISTS[0].1,
    WHITELISTS[1].1,
    NO_FILE,
    UNASKABLE,
    CACHED,
    BUSY,
    TESTING,
    NOBODY,
    UNSURE,
    NO_CACHE,
    OK,
    REFUSED,
    NO_BOUNCES,
    LATER,
    BLOCKED,
];
