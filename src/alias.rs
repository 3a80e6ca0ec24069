//! Alias rules: several addresses that are one person.
//!
//! ```
//! use ra_plugins::alias::cut_at;
//!
//! assert_eq!(cut_at("michael+shop", "+"), Some("michael"));
//! assert_eq!(cut_at("+shop", "+"), None);
//! ```

use crate::control::{listed, takes_mail_for};
use crate::plugin::{Message, NO_FILE, NO_RECIPIENT, Verdict};
use crate::session::{Address, Missing, Session};
use crate::settings::{Kind, Setting, words};
use crate::world::World;

/// Domains whose addresses are rewritten even if the server would not take
/// mail for them.
pub const DOMAINS: Setting = Setting::new("ALIASDOMAINS", Kind::List, "")
    .help("domains to which the rule applies besides those of rcpthosts");

/// Addresses that stay as they are.
pub const EXACT: Setting = Setting::new("ALIASEXACT", Kind::File, "")
    .help("a list or CDB of addresses that exist and are not rewritten");

/// The recipient is not an address.
pub const NO_ADDRESS: Message = Message::log("error: no valid SMTPRCPTTO");

/// The local part up to the first character of a set. Nothing if there is
/// none, or if nobody would be left.
pub fn cut_at<'a>(local_part: &'a str, set: &str) -> Option<&'a str> {
    let end = local_part.find(|c| set.contains(c))?;
    local_part.get(..end).filter(|rest| !rest.is_empty())
}

/// The local part without the characters of a set. Nothing if there are
/// none, or if nobody would be left.
pub fn without(local_part: &str, set: &str) -> Option<String> {
    let rest = local_part.replace(|c| set.contains(c), "");
    (!rest.is_empty() && rest.len() < local_part.len()).then_some(rest)
}

/// Gives the recipient the local part that a rule finds for it, where the
/// rule applies. Between quotes no character has a meaning, so a quoted
/// local part stays as it is.
pub fn rewrite(
    session: &Session,
    world: &World,
    rule: impl Fn(&str) -> Option<String>,
) -> Verdict {
    let mut verdict = Verdict::unchanged();
    let recipient = match session.recipient() {
        Ok(recipient) => recipient,
        Err(Missing::Unset) => return verdict.because(&NO_RECIPIENT, &[]),
        Err(Missing::Invalid) => return verdict.because(&NO_ADDRESS, &[]),
    };
    if !recipient.is_quoted()
        && let Some(local_part) = rule(recipient.local_part)
        && applies(session, world, recipient, &mut verdict)
        && !exists(session, world, &mut verdict)
    {
        verdict.change(&local_part, recipient.domain);
    }
    verdict
}

/// Whether we may rewrite this domain's addresses. Elsewhere a plus may
/// mean something; and a relay client's recipients are all "allowed", so
/// rcpthosts is asked.
fn applies(
    session: &Session,
    world: &World,
    recipient: Address<'_>,
    verdict: &mut Verdict,
) -> bool {
    let mut domains = words(DOMAINS.text(session));
    if domains.any(|domain| domain.eq_ignore_ascii_case(recipient.domain)) {
        return true;
    }
    if session.recipient_allowed() == Some(false) {
        return false;
    }
    takes_mail_for(world, recipient.domain).unwrap_or_else(|error| {
        verdict.log(&NO_FILE, &[&error.brief()]);
        false
    })
}

/// Whether the recipient's address is on the list of those that stay, or
/// may be: the list cannot be read.
fn exists(session: &Session, world: &World, verdict: &mut Verdict) -> bool {
    let list = EXACT.text(session);
    if list.is_empty() {
        return false;
    }
    let address = session.get("SMTPRCPTTO").unwrap_or_default();
    listed(world, list, address).unwrap_or_else(|error| {
        verdict.log(&NO_FILE, &[&error.brief()]);
        true
    })
}
