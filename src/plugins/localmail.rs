//! `localmail`: users who may only write to colleagues.

use crate::control::{Control, Unreadable, is_in_rcpthosts, names};
use crate::plugin::{Message, NO_FILE, NO_RECIPIENT, Plugin, Verdict};
use crate::session::{Address, Session};
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// The file that names them.
const CONF: Setting =
    Setting::new("LOCALMAILCONF", Kind::File, "control/localonly").help(
        "users who may only send inside: `user`, `@domain`, \
     `user: friend@x.example @y.example` with exceptions",
    );

/// What a restricted user is told.
const REFUSAL: Message =
    Message::reply("550 You are only allowed to send to local addresses.");

/// Its line in the log.
const BLOCKED: Message = Message::log("blocked from {user} to {recipient}");

/// A line of the list is not UTF-8; the others count.
const FLAWED: Message = Message::log("{file}: line {number} is not UTF-8");

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
    match is_kept_inside(session, world, user, recipient, &mut verdict) {
        Ok(false) => {}
        Ok(true) => {
            verdict.refuse(&REFUSAL, &[]);
            verdict.log(&BLOCKED, &[user, recipient]);
        }
        Err(error) => verdict.log(&NO_FILE, &[&error.brief()]),
    }
    verdict
}

/// Whether this recipient is out of this user's reach.
fn is_kept_inside(
    session: &Session,
    world: &World,
    user: &str,
    recipient: &str,
    verdict: &mut Verdict,
) -> Result<bool, Unreadable> {
    let name = CONF.text(session);
    let list = Control::read(world, name)?;
    if let Some(number) = list.flawed_line {
        verdict.log(&FLAWED, &[name, &number.to_string()]);
    }
    let mut exceptions = list.given_to(user).peekable();
    let is_restricted = exceptions.peek().is_some();
    let mut exceptions = exceptions.flat_map(str::split_whitespace);
    let is_exempt = exceptions.any(|entry| names(entry, recipient));
    Ok(is_restricted && !is_exempt && is_outside(session, world, recipient)?)
}

/// Whether a recipient is elsewhere. The server's word is enough for a no;
/// its yes may only mean that the client is one of ours (as recorded in
/// sessions.json: plugins-localmail), so rcpthosts is asked again. Somebody
/// without a domain is here.
fn is_outside(
    session: &Session,
    world: &World,
    recipient: &str,
) -> Result<bool, Unreadable> {
    if session.recipient_allowed() != Some(true) {
        return Ok(true);
    }
    let Some(address) = Address::parse(recipient) else {
        return Ok(recipient.contains('@'));
    };
    match is_in_rcpthosts(world, address.domain) {
        Err(error) if error.is_absent() && !session.relay_client() => Ok(false),
        answer => Ok(!answer?),
    }
}
