//! `msa`: a submission server, where nobody sends without a password.

use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::spp::Section;
use crate::world::World;

/// What strangers are told.
const REPLY: Setting =
    Setting::new("MSA_REPLY", Kind::Reply, "550 You should be authenticated")
        .help("the refusal; RFC 4954 6 has 530 5.7.0 Authentication required");

/// The refusal, whose words are a setting.
const REFUSAL: Message = Message::reply("{MSA_REPLY}");

/// Its line in the log.
const REJECTED: Message = Message::log("Message rejected (no auth).");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "msa",
    purpose: "refuses mail from clients that have not authenticated",
    sections: &[Section::Mail],
    settings: &[REPLY],
    files: &[],
    messages: &[REFUSAL, REJECTED],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Refuses everybody without a name.
async fn decide(session: &Session, _world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    if session.user().is_none() {
        let reply = verdict.setting(REPLY.reply(session));
        verdict.refuse(&REFUSAL, &[&reply]);
        verdict.log(&REJECTED, &[]);
    }
    verdict
}
