//! `authlogger`: who has logged in.

use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::spp::Section;
use crate::world::World;

/// Said of everybody who has authenticated.
const AUTHENTICATED: Message = Message::log("authenticated as {user}");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "authlogger",
    purpose: "logs who has authenticated",
    sections: &[Section::Auth, Section::Mail],
    settings: &[],
    files: &[],
    messages: &[AUTHENTICATED],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Logs the user, if there is one.
async fn decide(session: &Session, _world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    if let Some(user) = session.user() {
        verdict.log(&AUTHENTICATED, &[user]);
    }
    verdict
}
