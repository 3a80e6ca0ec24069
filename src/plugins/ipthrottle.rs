//! `ipthrottle`: not so fast, whoever you are.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::plugin::{Message, Plugin, Verdict};
use crate::plugins::ipsv::{
    BLOCKED, BLOCKING, DIR, MINUTES, NOT_BLOCKED, refuse,
};
use crate::plugins::throttle::{AWAY, REFUSAL, is_over};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// How much of an IPv6 address is one client.
const V6PREFIX: Setting =
    Setting::new("IPTHROTTLE_V6PREFIX", Kind::Number, "64")
        .help("the bits of an IPv6 address that count as one client");

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
    let prefix =
        verdict.setting(V6PREFIX.parsed(session, |text| {
            text.parse().ok().filter(|bits| *bits <= 128)
        }));
    let limit = world.limiter.mark("ip", &client(ip, prefix)).await;
    if is_over(limit, &mut verdict) {
        verdict.log(&EXCEEDED, &[&ip.to_string()]);
        refuse(ip, session, world, &mut verdict);
    }
    verdict
}

/// Who is counted: an IPv4 address, or the network of an IPv6 address,
/// since whoever has one of those has them all.
fn client(ip: IpAddr, prefix: u8) -> String {
    match IpNet::new(ip, prefix) {
        Ok(network @ IpNet::V6(_)) => network.trunc().to_string(),
        Ok(IpNet::V4(_)) | Err(_) => ip.to_string(),
    }
}
