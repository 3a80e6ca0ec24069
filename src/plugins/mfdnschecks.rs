//! `mfdnschecks`: senders from a domain that could get an answer.

use crate::exchangers::{are_bogus, exchangers};
use crate::plugin::{Message, Plugin, Verdict};
use crate::session::{Address, Session};
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::{DnsError, World};

/// Whether servers must be on the Internet.
const BOGONS: Setting = Setting::new(
    "MFDNS_BOGONS",
    Kind::Switch,
    "0",
    "refuse domains whose mail servers have only private or loopback \
     addresses",
);

/// A refusal, which says why and about what.
const REFUSAL: Message = Message::reply("553 sorry, {reason}{about} (#5.7.1)");

/// Its line in the log.
const BLOCKED: Message = Message::log("blocked with: {reason}{about}");

/// The reason: there was no MAIL command.
const NO_SENDER: &str = "no MAIL FROM envelope header has been sent.";

/// The reason: this is no address.
const INVALID: &str = "invalid mail address in MAIL FROM envelope header: ";

/// The reason: no server takes mail for the domain.
const NO_DOMAIN: &str = "your envelope sender domain must exist: ";

/// The reason: none of its servers can be reached.
const BOGUS: &str = "your envelope sender domain has no public mail server: ";

/// What is said when DNS does not work.
const TROUBLE: Message = Message::reply("451 DNS temporary failure. (#4.3.0)");

/// Its line in the log.
const TROUBLE_LOG: Message =
    Message::log("temporary failure: DNS temporary failure.");

/// There is nobody to ask.
const NO_DNS: Message = Message::log("no check without DNS ({address})");

/// The domain takes mail.
const OK: Message = Message::log("OK {address}");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "mfdnschecks",
    purpose: "refuses senders whose domain takes no mail",
    sections: &[Section::Mail],
    settings: &[BOGONS],
    files: &[],
    messages: &[REFUSAL, BLOCKED, TROUBLE, TROUBLE_LOG, NO_DNS, OK],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Refuses a sender to whom nobody could write back.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let from = session.mail_from();
    let text = from.unwrap_or_default();
    if from == Some("") {
        return verdict;
    }
    let careful = verdict.setting(BOGONS.switch(session));
    match objection(world, from, careful).await {
        Ok(None) => verdict.log(&OK, &[text]),
        Ok(Some((reason, about))) => {
            verdict.refuse(&REFUSAL, &[reason, about]);
            verdict.log(&BLOCKED, &[reason, about]);
        }
        Err(DnsError::NotThere) => verdict.log(&NO_DNS, &[text]),
        Err(
            DnsError::NoName
            | DnsError::NoRecord
            | DnsError::Failure
            | DnsError::Timeout,
        ) => {
            verdict.refuse(&TROUBLE, &[]);
            verdict.log(&TROUBLE_LOG, &[]);
        }
    }
    verdict
}

/// What there is to say against a sender: the reason, and about what.
async fn objection<'a>(
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
