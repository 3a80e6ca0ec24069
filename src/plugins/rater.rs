//! `rater`: limit whatever you can name.

use crate::plugin::{Message, Plugin, Verdict};
use crate::plugins::throttle::{AWAY, is_over};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// Which rules.
const CLASS: Setting = Setting::new("RATER_CLASS", Kind::Word, "")
    .help("the class of rater's limits; without one nothing is asked");

/// What is counted.
const KEY: Setting = Setting::new("RATER_KEY", Kind::Text, "${TCPREMOTEIP}")
    .help("what is counted, with ${NAME} for a variable of the session");

/// What is said when it is too much.
const REPLY: Setting = Setting::new(
    "RATER_REPLY",
    Kind::Reply,
    "421 Too many connections. Please reduce connections per minute.",
)
.help("the reply over the limit");

/// Whether to look only.
const PEEK: Setting = Setting::new("RATER_PEEK", Kind::Switch, "0")
    .help("ask without marking: another plugin or program does that");

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
    let class = CLASS.text(session);
    let class = verdict.setting(
        CLASS.parsed(session, |_| (!class.contains(' ')).then_some(class)),
    );
    if class.is_empty() {
        return verdict.because(&NO_CLASS, &[]);
    }
    let key = fill(KEY.text(session), session);
    let limit = if verdict.setting(PEEK.switch(session)) {
        world.limiter.peek(class, &key).await
    } else {
        world.limiter.mark(class, &key).await
    };
    if is_over(limit, &mut verdict) {
        let reply = verdict.setting(REPLY.reply(session));
        verdict.log(&EXCEEDED, &[class, &key]);
        verdict.reject(&REFUSAL, &[&reply]);
    }
    verdict
}

/// The key with its variables filled in; one that is not set is empty.
fn fill(template: &str, session: &Session) -> String {
    let mut key = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${")
        && let Some((name, behind)) = after.split_once('}')
    {
        key += before;
        key += session.get(name).unwrap_or_default();
        rest = behind;
    }
    key + rest
}
