//! `plusaliases`: everything after the plus is a note to oneself.

use crate::alias::{DOMAINS, EXACT, NO_ADDRESS, cut_at, rewrite};
use crate::plugin::{NO_FILE, NO_RECIPIENT, Plugin, Verdict};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// Where the local part ends.
const CHARS: Setting = Setting::new("PLUSALIASESCHARS", Kind::Characters, "+")
    .help("the local part is cut at the first of these characters");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "plusaliases",
    purpose: "reads joe+anything@example.org as joe@example.org",
    sections: &[Section::Rcpt],
    settings: &[CHARS, DOMAINS, EXACT],
    files: &[("control/rcpthosts", "whose addresses are ours")],
    messages: &[NO_RECIPIENT, NO_ADDRESS, NO_FILE],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Cuts the recipient's local part.
async fn decide(session: &Session, world: &World) -> Verdict {
    let set = CHARS.text(session);
    rewrite(session, world, |local| cut_at(local, set).map(str::to_owned))
}
