//! `rcptchecks`: recipients in vpopmail.

use crate::mailboxes::quota::percent_used;
use crate::mailboxes::vpopmail::{Resident, User, find};
use crate::plugin::{NO_FILE, Plugin, Verdict};
use crate::recipients::{
    FULL, FULL_LOG, LIMIT, Recipient, VPOPMAIL_MESSAGES, WHITELIST, WRONG_LIMIT,
};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// How full is full.
const QUOTA: Setting = Setting::new("CHKUSER_MBXQUOTA", Kind::Number, "100")
    .help("percent of its quota from which on a mailbox is full");

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
    let found = match recipient.parts() {
        Some(address) => find(world, &address),
        None => Ok(None),
    };
    match found {
        Ok(None) => recipient.accept(),
        Ok(Some(Resident::Nobody)) => recipient.decide(false),
        Ok(Some(Resident::User(user)))
            if is_full(world, &user, limit).await =>
        {
            recipient.refuse(&FULL, &FULL_LOG)
        }
        Ok(Some(Resident::User(_) | Resident::Alias | Resident::CatchAll)) => {
            recipient.decide(true)
        }
        Err(error) => recipient.pass_after(&NO_FILE, &error.brief()),
    }
}

/// Whether a user's mailbox is at its limit, in percent.
async fn is_full(world: &World, user: &User, limit: i64) -> bool {
    let percent = percent_used(world, &user.maildir, user.quota).await;
    user.quota.is_limited()
        && i64::try_from(percent).unwrap_or(i64::MAX) >= limit
}
