//! `spfchecks`: may this client send in the name of this sender?

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::control::Control;
use crate::plugin::{Message, Plugin, Verdict};
use crate::session::{Missing, Session};
use crate::settings::{Kind, Setting};
use crate::spf::check::{Checker, Query};
use crate::spf::evaluation::Identity;
use crate::spf::explain::explanation;
use crate::spf::header::{Checked, Report};
use crate::spf::macros::{Place, expand};
use crate::spf::outcome::{Limits, SpfResult};
use crate::spp::{Command, Section};
use crate::world::World;

/// What is refused.
const LEVEL: Setting = Setting::new("BOUNCELEVEL", Kind::Number, "-1").help(
    "refuse FAIL from 0 on, SOFTFAIL 1, NEUTRAL 2, NONE 3, TEMPERROR 4, \
     PERMERROR 5",
);

/// What is refused because of the name in HELO.
const HELO_LEVEL: Setting = Setting::new("SPF_HELOLEVEL", Kind::Number, "-1")
    .help("the same for the name in HELO, which is checked from 0 on");

/// What becomes of the result.
const HEADER: Setting = Setting::new("SPF_HEADER", Kind::Choice, "")
    .help("received-spf, authres or both: headers to add");

/// Who is not checked.
const SKIP: Setting = Setting::new("SPF_SKIP", Kind::File, "")
    .help("a file of addresses and networks that are not checked: relays");

/// Where a refusal is explained.
const WHY: Setting = Setting::new("SPF_WHY", Kind::Text, "").help(
    "a link for replies; %{S} %{I} %{R} stand for sender, client, this host",
);

/// How long a check may take.
const DEADLINE: Setting = Setting::new("SPF_DEADLINE", Kind::Number, "20")
    .help("seconds after which a check is a TEMPERROR");

/// Users of ours may send from anywhere.
const AUTHENTICATED: Message =
    Message::log("No checks performed, because user is authenticated");

/// The client is listed in SPF_SKIP.
const SKIPPED: Message =
    Message::log("No checks performed, because {ip} is in SPF_SKIP");

/// SPF_SKIP cannot be used.
const NO_SKIP: Message = Message::log("error opening {file}");

/// The server has not told enough.
const MISSING: Message = Message::log("error, missing information.");

/// The server has told nonsense.
const BAD_IP: Message = Message::log("error, invalid IP address ({ip}).");

/// The client takes mail for the recipient too.
const SECONDARY: Message = Message::log("accepted from secondary MX");

/// What every check ends with.
const PASSED: Message = Message::log("SPF_RESULT_PASS, {comment}");

/// What every other check ends with.
const REJECTING: Message =
    Message::log("Rejecting on SPF_RESULT_{result}, {comment}");

/// What every other check ends with.
const ACCEPTING: Message =
    Message::log("Accepting on SPF_RESULT_{result}, {comment}");

/// For FAIL (RFC 7208 8.4, RFC 7372).
const FAIL: Message = Message::reply("550 5.7.23 {explanation}{why}");

/// For results that only a strict server refuses.
const OTHER: Message =
    Message::reply("550 5.7.23 SPF {result}: {comment}{why}");

/// For TEMPERROR (RFC 7208 8.6).
const TEMPORARY: Message =
    Message::reply("451 4.4.3 SPF cannot be checked now: {comment}");

/// For PERMERROR (RFC 7208 8.7, RFC 7372).
const PERMANENT: Message =
    Message::reply("550 5.7.24 SPF cannot be checked: {comment}{why}");

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "spfchecks",
    purpose: "refuses senders whose domain does not know the client (SPF)",
    sections: &[Section::Rcpt, Section::Mail],
    settings: &[LEVEL, HELO_LEVEL, HEADER, SKIP, WHY, DEADLINE],
    files: &[("control/me", "the name of this host, for headers")],
    messages: &[
        AUTHENTICATED,
        SKIPPED,
        NO_SKIP,
        MISSING,
        BAD_IP,
        SECONDARY,
        PASSED,
        REJECTING,
        ACCEPTING,
        FAIL,
        OTHER,
        TEMPORARY,
        PERMANENT,
    ],
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Checks the HELO name if that is wanted, and the sender (RFC 7208 2.3,
/// 2.4).
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    if session.user().is_some() {
        return verdict.because(&AUTHENTICATED, &[]);
    }
    // HELO may be missing; the sender is checked all the same.
    let helo = session.helo().unwrap_or_default();
    let (Some(mail_from), Err(Missing::Invalid) | Ok(_)) =
        (session.mail_from(), session.client_ip())
    else {
        return verdict.because(&MISSING, &[]);
    };
    if mail_from.is_empty() && session.helo().is_none() {
        return verdict.because(&MISSING, &[]);
    }
    let Ok(client_ip) = session.client_ip() else {
        let text = session.client_ip_text().unwrap_or_default();
        return verdict.because(&BAD_IP, &[text]);
    };
    if is_skipped(session, world, client_ip, &mut verdict) {
        return verdict.because(&SKIPPED, &[&client_ip.to_string()]);
    }
    let me = Control::read(world, "control/me").ok();
    let receiver = me.as_ref().and_then(|me| me.lines().next()).unwrap_or("");
    let query = Query { client_ip, mail_from, helo, receiver };
    let level = verdict.setting(LEVEL.number(session));
    let helo_level = verdict.setting(HELO_LEVEL.number(session));
    let seconds = verdict.setting(DEADLINE.number(session)).clamp(1, 3600);
    let deadline = Duration::from_secs(seconds.unsigned_abs());
    let limits = Limits { deadline, ..Limits::default() };
    let checker = Checker { limits, ..Checker::new(world) };
    let domain = session.recipient().map_or("", |recipient| recipient.domain);
    let helo_query = Query { mail_from: "", ..query };
    let (secondary, helo_outcome, outcome) = tokio::join!(
        checker.is_exchanger(client_ip, domain),
        async {
            match helo_level {
                0.. if !helo.is_empty() => {
                    Some(checker.check(&helo_query).await)
                }
                _ => None,
            }
        },
        checker.check(&query),
    );
    if secondary {
        return verdict.because(&SECONDARY, &[]);
    }
    if let Some(outcome) = &helo_outcome {
        let (query, checked) = (&helo_query, Checked::Helo);
        let report = Report { query, checked, outcome };
        if judge(session, world, &report, helo_level, &mut verdict) {
            return verdict;
        }
    }
    let report =
        Report { query: &query, checked: Checked::MailFrom, outcome: &outcome };
    if !judge(session, world, &report, level, &mut verdict) {
        add_headers(session, &report, &mut verdict);
    }
    verdict
}

/// Whether the administrator wants a client left alone.
fn is_skipped(
    session: &Session,
    world: &World,
    client_ip: IpAddr,
    verdict: &mut Verdict,
) -> bool {
    let file = SKIP.text(session);
    if file.is_empty() {
        return false;
    }
    let list = match Control::read(world, file) {
        Ok(list) => list,
        Err(error) => {
            verdict.log(&NO_SKIP, &[&error.brief()]);
            return false;
        }
    };
    list.lines().any(|line| match line.parse::<IpNet>() {
        Ok(network) => network.contains(&client_ip),
        Err(_) => line.parse() == Ok(client_ip),
    })
}

/// From which level on a result is refused.
fn refused_from(result: SpfResult) -> i64 {
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
fn judge(
    session: &Session,
    world: &World,
    report: &Report<'_>,
    level: i64,
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
fn add_headers(session: &Session, report: &Report<'_>, verdict: &mut Verdict) {
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
