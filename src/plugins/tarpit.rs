//! `tarpit`: the more recipients, the slower the answer.

use std::time::Duration;

use crate::plugin::{Message, Plugin, Verdict};
use crate::session::Session;
use crate::settings::{Kind, Reading, Setting};
use crate::spp::Section;
use crate::world::World;

/// Where the slowness begins.
const COUNT: Setting = Setting::new(
    "TARPITCOUNT",
    Kind::Number,
    "50",
    "the recipient from which on answers are delayed",
);

/// How slow it gets.
const DELAY: Setting = Setting::new(
    "TARPITDELAY",
    Kind::Delay,
    "2",
    "seconds, or growing: N (2 s more each), M (5 s more each), H (squared)",
);

/// Where it stops growing.
const MAX: Setting = Setting::new(
    "TARPITMAX",
    Kind::Number,
    "120",
    "the longest single delay in seconds",
);

/// Who is spared.
const SPARE: Setting = Setting::new(
    "TARPITSPARE",
    Kind::List,
    "",
    "auth and relay: clients that are never delayed",
);

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

/// How the delay grows with the number of recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// The same seconds each time.
    Steady(u64),
    /// So many seconds more each time.
    Growing(u64),
    /// The square, in seconds.
    Hard,
}

impl Default for Pace {
    fn default() -> Self {
        Self::Steady(0)
    }
}

impl Pace {
    /// Reads a number of seconds or a word, whose first letter counts.
    fn parse(text: &str) -> Option<Self> {
        match text.as_bytes().first()?.to_ascii_uppercase() {
            b'N' => Some(Self::Growing(2)),
            b'M' => Some(Self::Growing(5)),
            b'H' => Some(Self::Hard),
            _ => text.parse().ok().map(Self::Steady),
        }
    }

    /// The seconds to wait at the `nth` recipient that is one too many.
    fn seconds(self, nth: u64) -> u64 {
        match self {
            Self::Steady(seconds) => seconds,
            Self::Growing(step) => step.saturating_mul(nth),
            Self::Hard => nth.saturating_mul(nth),
        }
    }
}

/// Delays the recipients from the threshold on.
async fn decide(session: &Session, _world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let Some(asked) = session.recipients_asked() else {
        verdict.log(&NO_COUNT, &[]);
        return verdict;
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
    let is_cut = |nth| pace.seconds(nth) > max;
    if is_cut(nth) && (nth == 1 || !is_cut(nth - 1)) {
        verdict.log(&CAPPED, &[&max.to_string()]);
    }
    verdict.delay = Duration::from_secs(pace.seconds(nth).min(max));
    verdict
}

/// Whether the client is one of those that are never delayed.
fn is_spared(session: &Session) -> Reading<bool> {
    SPARE.parsed(session, |text| {
        let words = text.split([',', ':']).map(str::trim);
        let mut spared = false;
        for word in words.filter(|word| !word.is_empty()) {
            spared |= match word {
                "auth" => session.user().is_some(),
                "relay" => session.relay_client(),
                _ => return None,
            };
        }
        Some(spared)
    })
}
