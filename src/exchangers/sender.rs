//! What there is to say against a sender's domain.

use crate::exchangers::{are_bogus, exchangers};
use crate::plugin::Message;
use crate::session::Address;
use crate::settings::{Kind, Setting};
use crate::world::{DnsError, World};

/// Whether servers must be on the Internet.
pub const BOGONS: Setting = Setting::new("MFDNS_BOGONS", Kind::Switch, "0")
    .help(
        "refuse domains whose mail servers have only private or loopback \
         addresses",
    );

/// A refusal, which says why and about what.
pub const REFUSAL: Message =
    Message::reply("553 sorry, {reason}{about} (#5.7.1)");

/// Its line in the log.
pub const BLOCKED: Message = Message::log("blocked with: {reason}{about}");

/// The reason: there was no MAIL command.
pub const NO_SENDER: &str = "no MAIL FROM envelope header has been sent.";

/// The reason: this is no address.
pub const INVALID: &str = "invalid mail address in MAIL FROM envelope header: ";

/// The reason: no server takes mail for the domain.
pub const NO_DOMAIN: &str = "your envelope sender domain must exist: ";

/// The reason: none of its servers can be reached.
pub const BOGUS: &str =
    "your envelope sender domain has no public mail server: ";

/// What is said when DNS does not work.
pub const TROUBLE: Message =
    Message::reply("451 DNS temporary failure. (#4.3.0)");

/// Its line in the log.
pub const TROUBLE_LOG: Message =
    Message::log("temporary failure: DNS temporary failure.");

/// There is nobody to ask.
pub const NO_DNS: Message = Message::log("no check without DNS ({address})");

/// The domain takes mail.
pub const OK: Message = Message::log("OK {address}");

/// Everything that is said about a sender's domain.
pub const MESSAGES: &[Message] =
    &[REFUSAL, BLOCKED, TROUBLE, TROUBLE_LOG, NO_DNS, OK];

/// What there is to say against a sender: the reason, and about what.
pub async fn objection<'a>(
    world: &World,
    from: Option<&'a str>,
    careful: bool,
) -> Result<Option<(&'static str, &'a str)>, DnsError> {
    let Some(text) = from else { return Ok(Some((NO_SENDER, ""))) };
    let Some(address) = Address::parse(text) else {
        return Ok(Some((INVALID, text)));
    };
    let hosts = exchangers(world, address.domain).await?;
    if hosts.is_empty() {
        return Ok(Some((NO_DOMAIN, address.domain)));
    }
    if careful && are_bogus(world, &hosts).await? {
        return Ok(Some((BOGUS, address.domain)));
    }
    Ok(None)
}
