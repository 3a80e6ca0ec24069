//! What can be set for blocklists, and what is said about them.

use crate::plugin::Message;
use crate::settings::{Kind, Setting};

/// The lists.
pub const SERVERS: Setting =
    Setting::new("RBLSERVERS", Kind::List, "bl.spamcop.net").help(
        "blocklists, separated by colons: `list`, `list*2` with a weight, \
     `list=127.0.0.2,127.0.0.4-8` for these answers only",
    );

/// Lists that speak for a client.
pub const WHITELISTS: Setting = Setting::new("RBLWHITELISTS", Kind::List, "")
    .help("white lists, in the same form; a client on one of them is accepted");

/// How much is needed.
pub const THRESHOLD: Setting = Setting::new("RBLTHRESHOLD", Kind::Number, "1")
    .help("the sum of weights from which on a client is blocked");

/// How long a list may take.
pub const TIMEOUT: Setting = Setting::new("RBLTIMEOUT", Kind::Number, "10")
    .help("seconds after which a list has not answered");

/// A list that cannot be asked.
pub const NO_LIST: Message = Message::log("not a list: {entry}");

/// A list that has answered nonsense, or that it does not like us.
pub const LIST_ERROR: Message =
    Message::log("{list} answered with error {address}");

/// A list that has not answered.
pub const NO_ANSWER: Message = Message::log("{list} did not answer: {reason}");

/// The server has not said who the client is.
pub const NO_IP: Message = Message::log("no TCPREMOTEIP");

/// What it said is no address.
pub const INVALID_IP: Message = Message::log("invalid IP address ({ip})");

/// Our own users are not checked: they may be anywhere.
pub const AUTHENTICATED: Message =
    Message::log("No checks performed, because user is authenticated");

/// What a listed client is told if the list gives a reason.
pub const REASON: Message =
    Message::reply("451 Your IP ({ip}) is blocked. Reason: {reason}");

/// What it is told otherwise.
pub const NO_REASON: Message = Message::reply(
    "541 Your IP ({ip}) is blocked, more information at http://{list}",
);

/// Its line in the log.
pub const BLOCKED: Message = Message::log("541 Blocked by {list} ({ip})");

/// A white list has spoken for the client.
pub const WHITELISTED: Message = Message::log("Whitelisted by {list} ({ip})");

/// No list has it.
pub const ACCEPTED: Message = Message::log("Accepted {ip}");

/// Everything that is said about blocklists.
pub const MESSAGES: &[Message] = &[
    NO_IP,
    INVALID_IP,
    AUTHENTICATED,
    REASON,
    NO_REASON,
    BLOCKED,
    WHITELISTED,
    ACCEPTED,
    NO_LIST,
    LIST_ERROR,
    NO_ANSWER,
];
