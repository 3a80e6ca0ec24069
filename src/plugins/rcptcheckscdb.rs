//! `rcptcheckscdb`: recipients on a very long list.

use crate::plugin::{Plugin, Verdict};
use crate::recipients::{
    LIMIT, LIST_MESSAGES, WHITELIST, WRONG_LIMIT, check_list,
};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// The addresses that exist.
const LIST: Setting =
    Setting::new("CHKUSER_ADDRFILE", Kind::File, "control/addresslist.cdb")
        .help("the addresses that exist, as `ra addresses build` makes it");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "rcptcheckscdb",
    purpose: "refuses recipients of our domains that are not in a CDB",
    sections: &[Section::Rcpt],
    settings: &[LIMIT, WRONG_LIMIT, WHITELIST, LIST],
    files: &[
        ("control/rcpthosts", "the domains whose addresses are listed"),
        ("control/addresslist.cdb", "the addresses"),
    ],
    messages: LIST_MESSAGES,
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Looks the address up.
async fn decide(session: &Session, world: &World) -> Verdict {
    check_list(session, world, PLUGIN.name, LIST)
}
