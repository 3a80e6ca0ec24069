//! Blocking an address as `tcpsvd -i` does it: a file with its name.
//!
//! `tcpsvd` looks into a folder before it starts anything for a client. A
//! file that its owner may neither read nor execute means *not now*, and
//! with `-t` it is deleted after some minutes.

use std::net::IpAddr;

use crate::plugin::{Message, Verdict};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::throttle::REFUSAL;
use crate::world::World;

/// Where tcpsvd looks for addresses to refuse.
pub const DIR: Setting = Setting::new("IPSVDIR", Kind::File, "")
    .help("the folder of `tcpsvd -i` in which a file blocks an address");

/// When tcpsvd forgets them.
pub const MINUTES: Setting = Setting::new("IPSVMINUTES", Kind::Number, "2")
    .help("how long that blocks, by `tcpsvd -t`: told to the client");

/// What a client is told that will be blocked.
pub const BLOCKING: Message = Message::reply(
    "421 Too many connections. Please reduce connections per minute. \
     Blocking for {minutes} minutes.",
);

/// The log of a block.
pub const BLOCKED: Message = Message::log("Blocked {ip}");

/// The folder does not take a file; nothing is blocked.
pub const NOT_BLOCKED: Message =
    Message::log("error creating {file}: {reason}");

/// Refuses a client, and has tcpsvd refuse it from now on where it does.
pub fn refuse(
    ip: IpAddr,
    session: &Session,
    world: &World,
    verdict: &mut Verdict,
) {
    if block(ip, session, world, verdict) {
        let minutes = verdict.setting(MINUTES.number(session));
        verdict.reject(&BLOCKING, &[&minutes.to_string()]);
    } else {
        verdict.reject(&REFUSAL, &[]);
    }
}

/// Makes tcpsvd refuse the address, and tells whether it will. The file's
/// name is the address as we have parsed it, and so can be nothing else. Its
/// mode says no to tcpsvd and lets it delete the file when the time has come.
fn block(
    ip: IpAddr,
    session: &Session,
    world: &World,
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
