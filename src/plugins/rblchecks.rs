//! `rblchecks`: clients on a blocklist.

use crate::blocklist::{
    Finding, LIST_ERROR, NO_ANSWER, NO_LIST, SERVERS, THRESHOLD, TIMEOUT,
    WHITELISTS, consult,
};
use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::spp::{Command, Section};
use crate::world::World;

/// The server has not said who the client is.
const NO_IP: Message = Message::log("no TCPREMOTEIP");

/// What it said is no address.
pub const INVALID_IP: Message = Message::log("invalid IP address ({ip})");

/// Our own users are not checked: they may be anywhere.
pub const AUTHENTICATED: Message =
    Message::log("No checks performed, because user is authenticated");

/// What a listed client is told if the list gives a reason.
const REASON: Message =
    Message::reply("451 Your IP ({ip}) is blocked. Reason: {reason}");

/// What it is told otherwise.
const NO_REASON: Message = Message::reply(
    "541 Your IP ({ip}) is blocked, more information at http://{list}",
);

/// Its line in the log.
const BLOCKED: Message = Message::log("541 Blocked by {list} ({ip})");

/// A white list has spoken for the client.
const WHITELISTED: Message = Message::log("Whitelisted by {list} ({ip})");

/// No list has it.
const ACCEPTED: Message = Message::log("Accepted {ip}");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "rblchecks",
    purpose: "refuses clients that are on DNS blocklists",
    sections: &[Section::Mail, Section::Connection],
    settings: &[SERVERS, WHITELISTS, THRESHOLD, TIMEOUT],
    files: &[],
    messages: &[
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
    ],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Refuses a client that the lists do not like.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    if session.user().is_some() {
        verdict.log(&AUTHENTICATED, &[]);
        return verdict;
    }
    let Some(text) = session.client_ip_text() else {
        verdict.commands.push(Command::Drop);
        verdict.log(&NO_IP, &[]);
        return verdict;
    };
    let Ok(client) = session.client_ip() else {
        verdict.log(&INVALID_IP, &[text]);
        return verdict;
    };
    match consult(session, world, client, &mut verdict).await {
        Finding::Whitelisted(list) => {
            verdict.log(&WHITELISTED, &[&list, text]);
        }
        Finding::Blocked(list, reason) => {
            match reason {
                Some(reason) => verdict.reject(&REASON, &[text, &reason]),
                None => verdict.reject(&NO_REASON, &[text, &list]),
            }
            verdict.log(&BLOCKED, &[&list, text]);
        }
        Finding::Clear => verdict.log(&ACCEPTED, &[text]),
    }
    verdict
}
