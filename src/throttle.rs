//! What the throttles share: two sentences, and what an answer means.
//!
//! ```
//! use ra_plugins::plugin::Verdict;
//! use ra_plugins::throttle::is_over;
//! use ra_plugins::world::Limit;
//!
//! let mut verdict = Verdict::unchanged();
//! assert!(!is_over(Limit::Unknown, &mut verdict));
//! assert_eq!(verdict.log, ["Can't connect to rater"]);
//! ```

use crate::plugin::{Message, Verdict};
use crate::world::Limit;

/// What a client in a hurry is told.
pub const REFUSAL: Message = Message::reply(
    "421 Too many connections. Please reduce connections per minute.",
);

/// Nobody counts; everybody passes.
pub const AWAY: Message = Message::log("Can't connect to rater");

/// Whether it is too much. Where nobody knows it is not, and the log says
/// why.
pub fn is_over(limit: Limit, verdict: &mut Verdict) -> bool {
    match limit {
        Limit::Within => false,
        Limit::Over => true,
        Limit::Unknown => {
            verdict.log(&AWAY, &[]);
            false
        }
    }
}
