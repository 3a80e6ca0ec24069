//! How long an answer waits, and whose.
//!
//! From some recipient of a message on, each waits: all of them the same,
//! or each longer than the one before, but none for longer than a limit.
//!
//! ```
//! use ra_plugins::pace::Pace;
//!
//! let seconds = |word: &str| {
//!     let pace = Pace::parse(word).unwrap();
//!     [1, 2, 3].map(|nth| pace.at(nth))
//! };
//! assert_eq!(seconds("7"), [7, 7, 7]);
//! assert_eq!(seconds("normal"), [2, 4, 6]);
//! assert_eq!(seconds("hard"), [1, 4, 9]);
//! ```

use std::time::Duration;

use crate::plugin::Verdict;
use crate::session::Session;
use crate::settings::{Kind, Reading, Setting, words};

/// Where the slowness begins.
pub const COUNT: Setting = Setting::new("TARPITCOUNT", Kind::Number, "50")
    .help("the recipient from which on answers are delayed");

/// How slow it gets.
pub const DELAY: Setting = Setting::new("TARPITDELAY", Kind::Delay, "2").help(
    "seconds, or growing: N (2 s more each), M (5 s more each), H (squared)",
);

/// Where it stops growing.
pub const MAX: Setting = Setting::new("TARPITMAX", Kind::Number, "120")
    .help("the longest single delay in seconds");

/// Who is spared.
pub const SPARE: Setting = Setting::new("TARPITSPARE", Kind::List, "")
    .help("auth and relay: clients that are never delayed");

/// How the delay grows: so many seconds, times a power of the number of
/// recipients that were too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    seconds: u64,
    power: u32,
}

impl Pace {
    /// Reads a number of seconds, which does not grow, or a word, whose
    /// first letter counts.
    pub fn parse(text: &str) -> Option<Self> {
        let (seconds, power) = match text.bytes().next()?.to_ascii_uppercase() {
            b'N' => (2, 1),
            b'M' => (5, 1),
            b'H' => (1, 2),
            _ => (text.parse().ok()?, 0),
        };
        Some(Self { seconds, power })
    }

    /// The seconds to wait at the `nth` recipient that is one too many.
    pub fn at(self, nth: u64) -> u64 {
        self.seconds.saturating_mul(nth.saturating_pow(self.power))
    }
}

/// The delay of one recipient, and what is new about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// How long it is.
    pub time: Duration,
    /// Whether it is the first one of its message.
    pub is_first: bool,
    /// Whether it is the first one that had to be cut.
    pub is_first_cut: bool,
}

impl Delay {
    /// What this session's recipient has to wait, if it is one too many and
    /// the client is not spared.
    pub fn of(
        asked: u64,
        session: &Session,
        verdict: &mut Verdict,
    ) -> Option<Self> {
        let threshold = verdict.setting(COUNT.number(session));
        let nth = nth_too_many(asked, threshold)?;
        if verdict.setting(is_spared(session)) {
            return None;
        }
        let pace = verdict.setting(DELAY.parsed(session, Pace::parse));
        let max = verdict.setting(MAX.number(session)).max(0).unsigned_abs();
        let is_cut = |nth| pace.at(nth) > max;
        // Below a threshold of 1 the delays begin further up, but nobody
        // comes before the first recipient.
        let is_new = nth == 1 || asked == 1 || !is_cut(nth - 1);
        Some(Self {
            time: Duration::from_secs(pace.at(nth).min(max)),
            is_first: nth == 1,
            is_first_cut: is_cut(nth) && is_new,
        })
    }
}

/// Which one of those that are too many a recipient is, if it is one.
fn nth_too_many(asked: u64, threshold: i64) -> Option<u64> {
    let nth = i128::from(asked) - i128::from(threshold) + 1;
    (nth >= 1).then(|| u64::try_from(nth).unwrap_or(u64::MAX))
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
