//! `rcptchecks`: recipients in vpopmail.

use crate::mailboxes::vpopmail::{Resident, find};
use crate::plugin::{NO_FILE, Plugin, Verdict};
use crate::recipients::{
    FULL, FULL_LOG, LIMIT, QUOTA, Recipient, VPOPMAIL_MESSAGES, WHITELIST,
    WRONG_LIMIT,
};
use crate::session::Session;
use crate::spp::Section;
use crate::world::World;

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "rcptchecks",
    purpose: "refuses recipients that vpopmail does not know, or are full",
    sections: &[Section::Rcpt],
    settings: &[LIMIT, WRONG_LIMIT, WHITELIST, QUOTA],
    files: &[
        ("control/virtualdomains", "the domains that are vpopmail's"),
        ("users/cdb", "their folders, or users/assign"),
        ("vpasswd.cdb", "in a domain's folder: its users, or vpasswd"),
        (".qmail-NAME", "in a domain's folder: its aliases"),
        ("Maildir/maildirsize", "in a user's folder: what he has used"),
    ],
    messages: VPOPMAIL_MESSAGES,
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Looks the recipient up, and into his mailbox.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut recipient = match Recipient::admit(session, world, PLUGIN.name) {
        Ok(recipient) => recipient,
        Err(verdict) => return verdict,
    };
    let limit = recipient.setting(QUOTA.number(session));
    let found = recipient.parts().map_or(Ok(None), |at| find(world, &at));
    match found {
        Ok(None) => recipient.accept(),
        Ok(Some(resident)) if resident.is_full(world, limit).await => {
            recipient.refuse(&FULL, &FULL_LOG)
        }
        Ok(Some(resident)) => recipient.decide(resident != Resident::Nobody),
        Err(error) => recipient.pass_after(&NO_FILE, &error.brief()),
    }
}
