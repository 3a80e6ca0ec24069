//! `overload`: come back when we have caught up.

use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// The file whose presence says that there is too much to do.
pub const FILE: Setting = Setting::new(
    "OVERLOADFILE",
    Kind::File,
    "control/overloaded",
    "while this file exists, strangers are asked to come back",
);

/// What they are told.
const REFUSAL: Message =
    Message::reply("451 Temporary Failure: Server overload");

/// Its line in the log.
const REFUSED: Message = Message::log("Temporary Failure: Server overload");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "overload",
    purpose: "turns strangers away for a while when the queue is long",
    sections: &[Section::Mail],
    settings: &[FILE],
    files: &[("control/overloaded", "made and removed by `ra overload`")],
    messages: &[REFUSAL, REFUSED],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Turns everybody away but our own users.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let path = world.path(FILE.text(session));
    if session.user().is_none() && world.files.exists(&path) {
        verdict.reject(&REFUSAL, &[]);
        verdict.log(&REFUSED, &[]);
    }
    verdict
}
