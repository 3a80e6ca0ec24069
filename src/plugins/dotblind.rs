//! `dotblind`: dots that nobody remembers.

use crate::alias::{DOMAINS, EXACT, NO_ADDRESS, rewrite, without};
use crate::plugin::{NO_FILE, NO_RECIPIENT, Plugin, Verdict};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// What does not count.
const STRIP: Setting = Setting::new("DOTBLINDSTRIP", Kind::Characters, ".")
    .help("these characters are removed from the local part");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "dotblind",
    purpose: "reads j.o.e@example.org as joe@example.org",
    sections: &[Section::Rcpt],
    settings: &[STRIP, DOMAINS, EXACT],
    files: &[("control/rcpthosts", "whose addresses are ours")],
    messages: &[NO_RECIPIENT, NO_ADDRESS, NO_FILE],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Removes characters from the recipient's local part.
async fn decide(session: &Session, world: &World) -> Verdict {
    let set = STRIP.text(session);
    rewrite(session, world, |local_part| without(local_part, set))
}
