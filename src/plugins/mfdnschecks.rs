//! `mfdnschecks`: senders from a domain that could get an answer.

use crate::exchangers::sender::{
    BLOCKED, BOGONS, MESSAGES, NO_DNS, OK, REFUSAL, TROUBLE, TROUBLE_LOG,
    objection,
};
use crate::plugin::{Plugin, Verdict};
use crate::session::Session;
use crate::spp::Section;
use crate::world::{DnsError, World};

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "mfdnschecks",
    purpose: "refuses senders whose domain takes no mail",
    sections: &[Section::Mail],
    settings: &[BOGONS],
    files: &[],
    messages: MESSAGES,
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Refuses a sender to whom nobody could write back.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let from = session.mail_from();
    let text = from.unwrap_or_default();
    if from == Some("") {
        return verdict;
    }
    let careful = verdict.setting(BOGONS.switch(session));
    match objection(world, from, careful).await {
        Ok(None) => verdict.log(&OK, &[text]),
        Ok(Some((reason, about))) => {
            verdict.refuse(&REFUSAL, &[reason, about]);
            verdict.log(&BLOCKED, &[reason, about]);
        }
        Err(DnsError::NotThere) => verdict.log(&NO_DNS, &[text]),
        Err(_) => {
            verdict.refuse(&TROUBLE, &[]);
            verdict.log(&TROUBLE_LOG, &[]);
        }
    }
    verdict
}
