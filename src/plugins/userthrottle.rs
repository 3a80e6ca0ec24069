//! `userthrottle`: a stolen password sends faster than its owner.

use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::spp::Section;
use crate::throttle::{AWAY, REFUSAL, is_over};
use crate::world::World;

/// The log of a refusal.
const EXCEEDED: Message = Message::log("Rate exceeded per user ({user})");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "userthrottle",
    purpose: "limits how often a user who has authenticated may send",
    sections: &[Section::Mail, Section::Rcpt],
    settings: &[],
    files: &[],
    messages: &[REFUSAL, EXCEEDED, AWAY],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Asks the limiter about the user, if there is one.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let Some(user) = session.user() else { return verdict };
    let limit = world.limiter.mark("user", user).await;
    if is_over(limit, &mut verdict) {
        verdict.log(&EXCEEDED, &[user]);
        verdict.reject(&REFUSAL, &[]);
    }
    verdict
}
