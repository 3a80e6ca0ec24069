//! `rater`: limit whatever you can name.

use crate::plugin::{Message, Plugin, Verdict};
use crate::rater::counted::{CLASS, Counted, KEY, PEEK};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::throttle::{AWAY, is_over};
use crate::world::World;

/// What is said when it is too much.
const REPLY: Setting = Setting::new(
    "RATER_REPLY",
    Kind::Reply,
    "421 Too many connections. Please reduce connections per minute.",
)
.help("the reply over the limit");

/// The reply, whatever it is.
const REFUSAL: Message = Message::reply("{reply}");

/// The log of a refusal.
const EXCEEDED: Message = Message::log("Rate exceeded per {class} ({key})");

/// Nobody has said which limits count; everybody passes.
const NO_CLASS: Message = Message::log("no RATER_CLASS");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "rater",
    purpose: "limits anything that the session's variables can name",
    sections: &Section::ALL,
    settings: &[CLASS, KEY, REPLY, PEEK],
    files: &[],
    messages: &[REFUSAL, EXCEEDED, AWAY, NO_CLASS],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Asks the limiter about the key.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let Some(counted) = Counted::of(session, &mut verdict) else {
        return verdict.because(&NO_CLASS, &[]);
    };
    if is_over(counted.limit(world).await, &mut verdict) {
        let reply = verdict.setting(REPLY.reply(session));
        verdict.log(&EXCEEDED, &[counted.class, &counted.key]);
        verdict.reject(&REFUSAL, &[&reply]);
    }
    verdict
}
