//! `greylist`: who means it comes back.

use std::time::Duration;

use ra_plugins::memory::Note;
use ra_plugins::plugin::{Message, Plugin, Verdict};
use ra_plugins::session::Session;
use ra_plugins::settings::{Kind, Setting};
use ra_plugins::spp::Section;
use ra_plugins::world::World;

/// How long a stranger has to wait.
const DELAY: Setting =
    Setting::new("GREYLIST_DELAY", Kind::Number, "60").help("seconds to wait");

/// What he is told.
const LATER: Message =
    Message::reply("451 4.7.1 Greylisted, come back in {seconds} seconds");

/// Its line in the log.
const GREYLISTED: Message = Message::log("greylisted {who}");

/// Nothing can be remembered, so everybody passes.
const NO_MEMORY: Message = Message::log("error opening {file}");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "greylist",
    purpose: "asks strangers to come back in a minute",
    sections: &[Section::Rcpt],
    settings: &[DELAY],
    files: &[("control/greylist.db", "who has been here")],
    messages: &[LATER, GREYLISTED, NO_MEMORY],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Lets those pass who have been here before, long enough ago.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    if session.user().is_some() || session.relay_client() {
        return verdict;
    }
    let delay = verdict.setting(DELAY.number(session)).max(0).unsigned_abs();
    let who = ["TCPREMOTEIP", "SMTPMAILFROM", "SMTPRCPTTO"]
        .map(|name| session.get(name).unwrap_or_default())
        .join(" ");
    match age(world, &who) {
        Ok(age) if age < delay => {
            verdict.refuse(&LATER, &[&(delay - age).to_string()]);
            verdict.log(&GREYLISTED, &[&who]);
        }
        Ok(_) => {}
        Err(error) => verdict.log(&NO_MEMORY, &[&error.to_string()]),
    }
    verdict
}

/// How many seconds ago somebody was here first; 0 for a stranger, who is
/// remembered from now on.
fn age(world: &World, who: &str) -> std::io::Result<u64> {
    let (file, now) = (world.path("control/greylist.db"), world.clock.now());
    if let Some(note) = world.memory.recall(&file, who)? {
        let age = now.duration_since(note.time);
        return Ok(age.unwrap_or(Duration::MAX).as_secs());
    }
    let note = Note { text: String::new(), time: now };
    world.memory.remember(&file, who, &note)?;
    Ok(0)
}
