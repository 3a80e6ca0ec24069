//! `tarpit`: the more recipients, the slower the answer.

use std::time::Duration;

use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::settings::{Kind, Reading, Setting, words};
use crate::spp::Section;
use crate::world::World;

/// Where the slowness begins.
const COUNT: Setting = Setting::new("TARPITCOUNT", Kind::Number, "50")
    .help("the recipient from which on answers are delayed");

/// How slow it gets.
const DELAY: Setting = Setting::new("TARPITDELAY", Kind::Delay, "2").help(
    "seconds, or growing: N (2 s more each), M (5 s more each), H (squared)",
);

/// Where it stops growing.
const MAX: Setting = Setting::new("TARPITMAX", Kind::Number, "120")
    .help("the longest single delay in seconds");

/// Who is spared.
const SPARE: Setting = Setting::new("TARPITSPARE", Kind::List, "")
    .help("auth and relay: clients that are never delayed");

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

/// How the delay grows: so many seconds, times a power of the number of
/// recipients that were too many.
#[derive(Clone, Copy, Default)]
struct Pace {
    seconds: u64,
    power: u32,
}

impl Pace {
    /// Reads a number of seconds, which does not grow, or a word, whose
    /// first letter counts.
    fn parse(text: &str) -> Option<Self> {
        let (seconds, power) = match text.bytes().next()?.to_ascii_uppercase() {
            b'N' => (2, 1),
            b'M' => (5, 1),
            b'H' => (1, 2),
            _ => (text.parse().ok()?, 0),
        };
        Some(Self { seconds, power })
    }

    /// The seconds to wait at the `nth` recipient that is one too many.
    fn at(self, nth: u64) -> u64 {
        self.seconds.saturating_mul(nth.saturating_pow(self.power))
    }
}

/// Delays the recipients from the threshold on.
async fn decide(session: &Session, _world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let Some(asked) = session.recipients_asked() else {
        return verdict.because(&NO_COUNT, &[]);
    };
    let threshold = verdict.setting(COUNT.number(session));
    let nth = i128::from(asked) - i128::from(threshold) + 1;
    if nth < 1 || verdict.setting(is_spared(session)) {
        return verdict;
    }
    let nth = u64::try_from(nth).unwrap_or(u64::MAX);
    let pace = verdict.setting(DELAY.parsed(session, Pace::parse));
    let max = verdict.setting(MAX.number(session)).max(0).unsigned_abs();
    if nth == 1 {
        verdict.log(&STARTED, &[]);
    }
    // Below a threshold of 1 the delays begin further up, but nobody comes
    // before the first recipient.
    let is_first = nth == 1 || asked == 1;
    if pace.at(nth) > max && (is_first || pace.at(nth - 1) <= max) {
        verdict.log(&CAPPED, &[&max.to_string()]);
    }
    verdict.delay = Duration::from_secs(pace.at(nth).min(max));
    verdict
}

/// Whether the client is one of those that are never delayed.
fn is_spared(session: &Session) -> Reading<bool> {
    SPARE.parsed(session, |text| {
        let mut spared = false;
        for word in words(text) {
            spared |= match word {
                "auth" => session.user().is_some(),
                "relay" => session.relay_client(),
                _ => return None,
            };
        }
        Some(spared)
    })
}
