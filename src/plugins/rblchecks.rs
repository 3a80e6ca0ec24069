//! `rblchecks`: clients on a blocklist.

use crate::blocklist::consult;
use crate::blocklist::words::{
    AUTHENTICATED, INVALID_IP, MESSAGES, NO_IP, SERVERS, THRESHOLD, TIMEOUT,
    WHITELISTS,
};
use crate::plugin::{Plugin, Verdict};
use crate::session::Session;
use crate::spp::{Command, Section};
use crate::world::World;

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "rblchecks",
    purpose: "refuses clients that are on DNS blocklists",
    sections: &[Section::Mail, Section::Connection],
    settings: &[SERVERS, WHITELISTS, THRESHOLD, TIMEOUT],
    files: &[],
    messages: MESSAGES,
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Refuses a client that the lists do not like.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    if session.user().is_some() {
        return verdict.because(&AUTHENTICATED, &[]);
    }
    let Some(text) = session.client_ip_text() else {
        verdict.commands.push(Command::Drop);
        return verdict.because(&NO_IP, &[]);
    };
    let Ok(client) = session.client_ip() else {
        return verdict.because(&INVALID_IP, &[text]);
    };
    let finding = consult(session, world, client, &mut verdict).await;
    finding.decide(text, &mut verdict);
    verdict
}
