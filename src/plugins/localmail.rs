//! `localmail`: users who may only write to colleagues.

use crate::plugin::{Message, NO_FILE, NO_RECIPIENT, Plugin, Verdict};
use crate::reach::{CONF, FLAWED, is_out_of_reach};
use crate::session::Session;
use crate::spp::Section;
use crate::world::World;

/// What a restricted user is told.
const REFUSAL: Message =
    Message::reply("550 You are only allowed to send to local addresses.");

/// Its line in the log.
const BLOCKED: Message = Message::log("blocked from {user} to {recipient}");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "localmail",
    purpose: "keeps the mail of some users inside",
    sections: &[Section::Rcpt],
    settings: &[CONF],
    files: &[
        ("control/localonly", "the restricted users"),
        ("control/rcpthosts", "what is inside"),
        ("control/morercpthosts.cdb", "more of it"),
    ],
    messages: &[REFUSAL, BLOCKED, NO_RECIPIENT, NO_FILE, FLAWED],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Refuses a restricted user's recipient outside.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let Some(user) = session.user() else { return verdict };
    let Some(recipient) = session.get("SMTPRCPTTO") else {
        return verdict.because(&NO_RECIPIENT, &[]);
    };
    match is_out_of_reach(session, world, user, recipient, &mut verdict) {
        Ok(false) => verdict,
        Ok(true) => {
            verdict.refuse(&REFUSAL, &[]);
            verdict.because(&BLOCKED, &[user, recipient])
        }
        Err(error) => verdict.because(&NO_FILE, &[&error.brief()]),
    }
}
