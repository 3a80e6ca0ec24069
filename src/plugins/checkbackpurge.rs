//! `checkbackpurge`: forgets what checkback has learned too long ago.

use std::time::Duration;

use crate::callback::words::{CACHE, CACHETIME, NO_CACHE};
use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::world::World;

/// What has been done.
const DONE: Message =
    Message::log("Traversed {traversed} items, deleted {deleted} items");

/// The plugin's declaration. It is none of a session's; cron runs it.
pub const PLUGIN: Plugin = Plugin {
    name: "checkbackpurge",
    purpose: "removes old answers from checkback's cache; run it from cron",
    sections: &[],
    settings: &[CACHE, CACHETIME],
    files: &[("control/checkbackcache.db", "the cache")],
    messages: &[DONE, NO_CACHE],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Removes what nobody would believe any more.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let seconds = verdict.setting(CACHETIME.number(session)).max(0);
    let age = Duration::from_secs(seconds.unsigned_abs());
    let now = world.clock.now();
    let before = now.checked_sub(age).unwrap_or(std::time::UNIX_EPOCH);
    let cache = world.path(CACHE.text(session));
    match world.memory.purge(&cache, before) {
        Ok(purged) => {
            let traversed = purged.traversed.to_string();
            verdict.log(&DONE, &[&traversed, &purged.deleted.to_string()]);
        }
        Err(error) => {
            let file = format!("{}: {error}", cache.display());
            verdict.log(&NO_CACHE, &[&file]);
        }
    }
    verdict
}
