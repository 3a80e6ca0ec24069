//! `senderchecks`: senders in vpopmail.

use crate::mailboxes::vpopmail::{Resident, find};
use crate::plugin::{NO_FILE, Plugin, Verdict};
use crate::senders::{
    AUTHMATCH, FOREIGN, Sender, VPOPMAIL_MESSAGES, WHITELIST,
};
use crate::session::Session;
use crate::spp::Section;
use crate::world::World;

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "senderchecks",
    purpose: "refuses senders in our domains that vpopmail does not know",
    sections: &[Section::Mail],
    settings: &[WHITELIST, AUTHMATCH],
    files: &[
        ("control/virtualdomains", "the domains that are vpopmail's"),
        ("users/cdb", "their folders, or users/assign"),
        ("vpasswd.cdb", "in a domain's folder: its users, or vpasswd"),
        ("control/authsenders", "what users may send as"),
    ],
    messages: VPOPMAIL_MESSAGES,
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Looks the sender up.
async fn decide(session: &Session, world: &World) -> Verdict {
    let sender = match Sender::admit(session, world, PLUGIN.name) {
        Ok(sender) => sender,
        Err(verdict) => return verdict,
    };
    match sender.parts().map_or(Ok(None), |address| find(world, &address)) {
        Ok(None) => sender.accept(&FOREIGN),
        Ok(Some(resident)) => sender.decide(resident != Resident::Nobody),
        Err(error) => sender.pass_after(&NO_FILE, &error.brief()),
    }
}
