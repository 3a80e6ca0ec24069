//! `senderchecksfile`: senders on a list.

use crate::plugin::{Plugin, Verdict};
use crate::senders::{AUTHMATCH, LIST_MESSAGES, WHITELIST, check_list};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// The addresses that exist.
const LIST: Setting =
    Setting::new("SENDERCHK_ADDRFILE", Kind::File, "control/addresslist")
        .help("the addresses that exist, one a line, or a CDB");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "senderchecksfile",
    purpose: "refuses senders in our domains that are not on a list",
    sections: &[Section::Mail],
    settings: &[WHITELIST, LIST, AUTHMATCH],
    files: &[
        ("control/rcpthosts", "the domains whose addresses are listed"),
        ("control/addresslist", "the addresses"),
        ("control/authsenders", "what users may send as"),
    ],
    messages: LIST_MESSAGES,
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Looks the address up.
async fn decide(session: &Session, world: &World) -> Verdict {
    check_list(session, world, PLUGIN.name, LIST)
}
