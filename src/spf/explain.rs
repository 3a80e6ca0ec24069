//! Explanations: a stranger's words, on their way to another stranger.
//!
//! The owner of a domain writes them, the sender of a mail fills in some of
//! their macros, and whoever reads them reads them in a message of ours. So
//! they are kept short, in printable ASCII, on one line, and it is said
//! whose words they are (RFC 7208 6.2).
//!
//! ```
//! use ra_plugins::spf::explain::third_party;
//!
//! let words = third_party("bad.example", "click\r\n250 ok \u{1b}[2J");
//! assert_eq!(words, "bad.example explains: click??250 ok ?[2J");
//! ```

use crate::spf::outcome::Outcome;

/// The longest explanation in a reply; more does not fit a line of SMTP
/// together with our own words (RFC 5321 4.5.3.1.5).
pub const QUOTED_MAX: usize = 400;

/// A domain's words, marked as such.
pub fn third_party(domain: &str, words: &str) -> String {
    let words = printable(words, QUOTED_MAX);
    format!("{} explains: {words}", ending(domain, QUOTED_MAX / 2))
}

/// What a domain says about our refusal, marked as its words.
pub fn explanation(outcome: &Outcome) -> Option<String> {
    let words = outcome.explanation.as_deref()?;
    let (domain, _) = outcome.decision.as_ref()?.parts();
    Some(third_party(domain, words))
}

/// Printable ASCII, at most so many characters of it; `?` for all else.
pub fn printable(text: &str, max: usize) -> String {
    let safe = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    text.chars().take(max).map(safe).collect()
}

/// The same, but of what is too long the end: a name without its end would
/// be the name of somebody else.
pub fn ending(text: &str, max: usize) -> String {
    let more = text.chars().count().saturating_sub(max);
    match text.char_indices().nth(more + 3) {
        Some((at, _)) if more > 0 => {
            format!("...{}", printable(text.get(at..).unwrap_or(""), max))
        }
        _ => printable(text, max),
    }
}
