//! `checkback`: asks the sender's own server.

use crate::blocklist::words::AUTHENTICATED;
use crate::callback::words::{
    CACHE, CACHETIME, DEADLINE, MESSAGES, MODE, PORT, PRIVATE,
};
use crate::callback::{is_enforced, is_whitelisted, verify};
use crate::plugin::{Plugin, Verdict};
use crate::session::{Address, Session};
use crate::spp::Section;
use crate::world::World;

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "checkback",
    purpose: "asks the sender's own server whether the sender exists",
    sections: &[Section::Mail],
    settings: &[MODE, CACHE, CACHETIME, DEADLINE, PORT, PRIVATE],
    files: &[
        ("control/cbwldom", "domains that are not checked"),
        ("control/cbwladdr", "addresses that are not checked"),
        ("control/me", "the name that we say at HELO"),
    ],
    messages: MESSAGES,
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Refuses a sender whom his own server does not know, where that is asked
/// for; tells the log otherwise.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    if session.user().is_some() {
        return verdict.because(&AUTHENTICATED, &[]);
    }
    let text = session.mail_from().unwrap_or_default();
    let Some(address) = Address::parse(text) else { return verdict };
    if is_whitelisted(world, &address, text, &mut verdict) {
        return verdict;
    }
    let enforce = verdict.setting(is_enforced(session));
    let finding = verify(session, world, address, enforce, &mut verdict).await;
    if let Some(finding) = finding {
        finding.decide(text, enforce, &mut verdict);
    }
    verdict
}
