//! `overload`: come back when we have caught up.

use crate::flag::{FILE, STALE, is_abandoned};
use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::spp::Section;
use crate::world::World;

/// What they are told.
const REFUSAL: Message =
    Message::reply("451 Temporary Failure: Server overload");

/// Its line in the log.
const REFUSED: Message = Message::log("Temporary Failure: Server overload");

/// Whoever raised the flag has not looked for a long time.
const ABANDONED: Message =
    Message::log("{file}: not renewed for {seconds} s, ignored");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "overload",
    purpose: "turns strangers away for a while when the queue is long",
    sections: &[Section::Mail],
    settings: &[FILE, STALE],
    files: &[("control/overloaded", "made and removed by `ra overload`")],
    messages: &[REFUSAL, REFUSED, ABANDONED],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Turns everybody away but our own users.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let path = world.path(FILE.text(session));
    if session.user().is_some() || !world.files.exists(&path) {
        return verdict;
    }
    let limit = verdict.setting(STALE.number(session));
    if is_abandoned(world, &path, limit) {
        let file = path.to_string_lossy();
        return verdict.because(&ABANDONED, &[&file, &limit.to_string()]);
    }
    verdict.reject(&REFUSAL, &[]);
    verdict.because(&REFUSED, &[])
}
