//! `overload`: come back when we have caught up.

use std::path::Path;

use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// The file whose presence says that there is too much to do.
pub const FILE: Setting =
    Setting::new("OVERLOADFILE", Kind::File, "control/overloaded")
        .help("while this file exists, strangers are asked to come back");

/// How long a flag counts that nobody renews.
const STALE: Setting = Setting::new("OVERLOADSTALE", Kind::Number, "900").help(
    "seconds after which a flag of `ra overload` no longer counts unless it \
     was renewed, 0 for never; one made by hand always counts",
);

/// How a flag begins that `ra overload` has raised.
pub const MARK: &str = "ra overload: ";

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
    verdict.log(&REFUSED, &[]);
    verdict
}

/// Whether a flag was raised by a program that has not renewed it for so
/// many seconds, and so is no longer there to lower it. A flag that we cannot
/// read is somebody's.
fn is_abandoned(world: &World, path: &Path, limit: i64) -> bool {
    let Ok(about) = world.files.about(path) else { return false };
    let age = world.clock.now().duration_since(about.modified);
    let age = age.unwrap_or_default().as_secs();
    let is_old = u64::try_from(limit).is_ok_and(|it| it > 0 && age > it);
    let text = || world.files.read(path).unwrap_or_default();
    is_old && text().starts_with(MARK.as_bytes())
}
