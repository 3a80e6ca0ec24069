//! `ipthrottle`: not so fast, whoever you are.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::{Limit, World};

/// How much of an IPv6 address is one client.
const V6PREFIX: Setting = Setting::new(
    "IPTHROTTLE_V6PREFIX",
    Kind::Number,
    "64",
    "the bits of an IPv6 address that count as one client",
);

/// Where tcpsvd looks for addresses to refuse.
const DIR: Setting = Setting::new(
    "IPSVDIR",
    Kind::File,
    "",
    "the folder of `tcpsvd -i` in which a file blocks an address",
);

/// When tcpsvd forgets them.
const MINUTES: Setting = Setting::new(
    "IPSVMINUTES",
    Kind::Number,
    "2",
    "how long that blocks, by `tcpsvd -t`: told to the client",
);

/// What a client in a hurry is told.
pub const REFUSAL: Message = Message::reply(
    "421 Too many connections. Please reduce connections per minute.",
);

/// The same, where it will be blocked.
const BLOCKING: Message = Message::reply(
    "421 Too many connections. Please reduce connections per minute. \
     Blocking for {minutes} minutes.",
);

/// The log of a refusal.
const EXCEEDED: Message = Message::log("Rate exceeded per IP ({ip})");

/// The log of a block.
const BLOCKED: Message = Message::log("Blocked {ip}");

/// The folder does not take a file; nothing is blocked.
const NOT_BLOCKED: Message = Message::log("error creating {file}: {reason}");

/// Nobody counts; everybody passes.
pub const AWAY: Message = Message::log("Can't connect to rater");

/// The server has not said who it is.
const NO_IP: Message = Message::log("No IP address");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "ipthrottle",
    purpose: "limits how often an address may connect or send",
    sections: &[
        Section::Connection,
        Section::Helo,
        Section::Mail,
        Section::Rcpt,
    ],
    settings: &[V6PREFIX, DIR, MINUTES],
    files: &[],
    messages: &[REFUSAL, BLOCKING, EXCEEDED, BLOCKED, NOT_BLOCKED, AWAY, NO_IP],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Asks the limiter about the client.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let Ok(ip) = session.client_ip() else {
        verdict.log(&NO_IP, &[]);
        return verdict;
    };
    let prefix = verdict.setting(V6PREFIX.number(session));
    match world.limiter.mark("ip", &client(ip, prefix)).await {
        Limit::Within => {}
        Limit::Unknown => verdict.log(&AWAY, &[]),
        Limit::Over => {
            verdict.log(&EXCEEDED, &[&ip.to_string()]);
            if block(session, world, ip, &mut verdict) {
                let minutes = verdict.setting(MINUTES.number(session));
                verdict.reject(&BLOCKING, &[&minutes.to_string()]);
            } else {
                verdict.reject(&REFUSAL, &[]);
            }
        }
    }
    verdict
}

/// Who is counted: an IPv4 address, or the network of an IPv6 address,
/// since whoever has one of those has them all.
fn client(ip: IpAddr, prefix: i64) -> String {
    let prefix = u8::try_from(prefix).unwrap_or(128).min(128);
    match IpNet::new(ip, prefix) {
        Ok(network) if ip.is_ipv6() => network.trunc().to_string(),
        Ok(_) | Err(_) => ip.to_string(),
    }
}

/// Makes tcpsvd refuse the address. The file's name is the address as we
/// have parsed it, and so can be nothing else. Its mode says no to tcpsvd
/// and lets it delete the file when the time has come.
fn block(
    session: &Session,
    world: &World,
    ip: IpAddr,
    verdict: &mut Verdict,
) -> bool {
    let folder = DIR.text(session);
    if folder.is_empty() {
        return false;
    }
    let ip = ip.to_string();
    let file = world.path(folder).join(&ip);
    match world.files.create(&file, 0o200) {
        Ok(()) => verdict.log(&BLOCKED, &[&ip]),
        Err(_) if world.files.exists(&file) => {}
        Err(error) => {
            let file = file.display().to_string();
            verdict.log(&NOT_BLOCKED, &[&file, &error.to_string()]);
            return false;
        }
    }
    true
}
