//! What a receiver makes of a check: whom he asks about at all, what he
//! refuses, and in which words (RFC 7208 section 8).
//!
//! ```
//! use ra_plugins::spf::outcome::SpfResult;
//! use ra_plugins::spf::policy::refused_from;
//!
//! let level = 1;
//! assert!(level >= refused_from(SpfResult::SoftFail));
//! assert!(level < refused_from(SpfResult::Neutral));
//! ```

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::control::Control;
use crate::plugin::{NO_FILE, Verdict};
use crate::session::{Missing, Session};
use crate::spf::check::Query;
use crate::spf::evaluation::Identity;
use crate::spf::explain::explanation;
use crate::spf::header::Report;
use crate::spf::macros::{Place, expand};
use crate::spf::outcome::{Limits, SpfResult};
use crate::spp::Command;
use crate::world::World;

pub mod words;

use words::{
    ACCEPTING, DEADLINE, FAIL, HEADER, OTHER, PASSED, PERMANENT, REJECTING,
    SKIP, TEMPORARY, WHY,
};

/// What a session asks about its sender. HELO may be missing; the sender is
/// checked all the same, unless it is empty.
pub fn query_of(session: &Session) -> Result<Query<'_>, Missing> {
    let mail_from = session.mail_from().ok_or(Missing::Unset)?;
    if mail_from.is_empty() && session.helo().is_none() {
        return Err(Missing::Unset);
    }
    let client_ip = session.client_ip()?;
    let helo = session.helo().unwrap_or_default();
    Ok(Query { client_ip, mail_from, helo, receiver: "" })
}

/// Whether the administrator wants a client left alone.
pub fn is_skipped(
    client_ip: IpAddr,
    session: &Session,
    world: &World,
    verdict: &mut Verdict,
) -> bool {
    let file = SKIP.text(session);
    if file.is_empty() {
        return false;
    }
    let list = match Control::read(world, file) {
        Ok(list) => list,
        Err(error) => {
            verdict.log(&NO_FILE, &[&error.brief()]);
            return false;
        }
    };
    list.lines().any(|line| match line.parse::<IpNet>() {
        Ok(network) => network.contains(&client_ip),
        Err(_) => line.parse() == Ok(client_ip),
    })
}

/// What a check may cost: as the RFC has it, but for the time.
pub fn limits(session: &Session, verdict: &mut Verdict) -> Limits {
    let seconds = verdict.setting(DEADLINE.number(session)).clamp(1, 3600);
    let deadline = Duration::from_secs(seconds.unsigned_abs());
    Limits { deadline, ..Limits::default() }
}

/// From which level on a result is refused.
pub fn refused_from(result: SpfResult) -> i64 {
    match result {
        SpfResult::Pass => i64::MAX,
        SpfResult::Fail => 0,
        SpfResult::SoftFail => 1,
        SpfResult::Neutral => 2,
        SpfResult::None => 3,
        SpfResult::TempError => 4,
        SpfResult::PermError => 5,
    }
}

/// Says what a check came to; refuses, and returns true, if that is the
/// level's will.
pub fn judge(
    report: &Report<'_>,
    level: i64,
    session: &Session,
    world: &World,
    verdict: &mut Verdict,
) -> bool {
    let (result, comment) = (report.outcome.result, report.comment());
    let word = result.name().to_ascii_uppercase();
    if result == SpfResult::Pass {
        verdict.log(&PASSED, &[&comment]);
        return false;
    }
    if level < refused_from(result) {
        verdict.log(&ACCEPTING, &[&word, &comment]);
        return false;
    }
    verdict.log(&REJECTING, &[&word, &comment]);
    let why = why(session, world, report.query);
    match result {
        SpfResult::TempError => verdict.refuse(&TEMPORARY, &[&comment]),
        SpfResult::PermError => verdict.refuse(&PERMANENT, &[&comment, &why]),
        SpfResult::Fail => {
            let words = explanation(report.outcome).unwrap_or(comment);
            verdict.refuse(&FAIL, &[&words, &why]);
        }
        SpfResult::None
        | SpfResult::Neutral
        | SpfResult::Pass
        | SpfResult::SoftFail => {
            verdict.refuse(&OTHER, &[&word, &comment, &why]);
        }
    }
    true
}

/// The link to a page that explains, with its macros expanded; nothing if
/// there is none.
fn why(session: &Session, world: &World, query: &Query<'_>) -> String {
    let link = WHY.text(session);
    let identity = Identity::of(query);
    let letters = identity.letters(&identity.domain, "unknown", &*world.clock);
    match expand(link, Place::Explanation, &letters) {
        Some(link) if !link.is_empty() => format!(" (see {link})"),
        Some(_) | None => String::new(),
    }
}

/// Adds the wanted headers, once a message. The server puts them below its
/// own Received line, where RFC 7208 9.1 would have them above; it leaves
/// us no choice.
pub fn add_headers(
    report: &Report<'_>,
    session: &Session,
    verdict: &mut Verdict,
) {
    let (received, results) =
        verdict.setting(HEADER.parsed(session, |text| match text {
            "" => Some((false, false)),
            "received-spf" => Some((true, false)),
            "authres" => Some((false, true)),
            "both" => Some((true, true)),
            _ => None,
        }));
    if session.recipients_asked().unwrap_or(1) > 1 {
        return;
    }
    let mut add = |line: String| {
        verdict.commands.push(Command::Header(line.into()));
    };
    if received {
        add(report.received_spf());
    }
    if results {
        add(report.authentication_results());
    }
}
