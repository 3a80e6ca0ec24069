//! `tarpit`: the more recipients, the slower the answer.

use crate::pace::{COUNT, DELAY, Delay, MAX, SPARE};
use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::spp::Section;
use crate::world::World;

/// Said once a message, at the first delay.
const STARTED: Message = Message::log("started tarpitting");

/// Said once a message, at the first delay that is cut.
const CAPPED: Message =
    Message::log("delays have reached TARPITMAX ({seconds} s)");

/// The server runs us in the wrong section.
const NO_COUNT: Message =
    Message::log("can't get number of envelope recipients");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "tarpit",
    purpose: "delays the answer to each of too many recipients",
    sections: &[Section::Rcpt],
    settings: &[COUNT, DELAY, MAX, SPARE],
    files: &[],
    messages: &[STARTED, CAPPED, NO_COUNT],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Delays the recipients from the threshold on.
async fn decide(session: &Session, _world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let Some(asked) = session.recipients_asked() else {
        return verdict.because(&NO_COUNT, &[]);
    };
    let delay = Delay::of(asked, session, &mut verdict);
    let Some(delay) = delay else { return verdict };
    if delay.is_first {
        verdict.log(&STARTED, &[]);
    }
    if delay.is_first_cut {
        verdict.log(&CAPPED, &[&delay.time.as_secs().to_string()]);
    }
    verdict.delay = delay.time;
    verdict
}
