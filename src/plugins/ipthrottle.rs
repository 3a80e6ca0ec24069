//! `ipthrottle`: not so fast, whoever you are.

use crate::ipsv::{BLOCKED, BLOCKING, DIR, MINUTES, NOT_BLOCKED, refuse};
use crate::plugin::{Message, Plugin, Verdict};
use crate::rater::counted::{V6PREFIX, bits, client};
use crate::session::Session;
use crate::spp::Section;
use crate::throttle::{AWAY, REFUSAL, is_over};
use crate::world::World;

/// The log of a refusal.
const EXCEEDED: Message = Message::log("Rate exceeded per IP ({ip})");

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
        return verdict.because(&NO_IP, &[]);
    };
    let prefix = verdict.setting(V6PREFIX.parsed(session, bits));
    let limit = world.limiter.mark("ip", &client(ip, prefix)).await;
    if is_over(limit, &mut verdict) {
        verdict.log(&EXCEEDED, &[&ip.to_string()]);
        refuse(ip, session, world, &mut verdict);
    }
    verdict
}
