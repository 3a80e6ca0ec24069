//! `spfchecks`: may this client send in the name of this sender?

use futures_util::future::OptionFuture;

use crate::blocklist::words::AUTHENTICATED;
use crate::control::own_name;
use crate::plugin::{Plugin, Verdict};
use crate::session::{Missing, Session};
use crate::spf::check::{Checker, Query};
use crate::spf::header::{Checked, Report};
use crate::spf::policy::words::{
    BAD_IP, DEADLINE, HEADER, HELO_LEVEL, LEVEL, MESSAGES, MISSING, SECONDARY,
    SKIP, SKIPPED, WHY,
};
use crate::spf::policy::{add_headers, is_skipped, judge, limits, query_of};
use crate::spp::Section;
use crate::world::World;

/// The plugin's declaration.
pub const PLUGIN: Plugin = Plugin {
    name: "spfchecks",
    purpose: "refuses senders whose domain does not know the client (SPF)",
    sections: &[Section::Rcpt, Section::Mail],
    settings: &[LEVEL, HELO_LEVEL, HEADER, SKIP, WHY, DEADLINE],
    files: &[("control/me", "the name of this host, for headers")],
    messages: MESSAGES,
    decide: |session, world| Box::pin(decide(session, world)),
};

/// Finds out whether there is anything to check.
async fn decide(session: &Session, world: &World) -> Verdict {
    let mut verdict = Verdict::unchanged();
    if session.user().is_some() {
        return verdict.because(&AUTHENTICATED, &[]);
    }
    let query = match query_of(session) {
        Ok(query) => query,
        Err(Missing::Unset) => return verdict.because(&MISSING, &[]),
        Err(Missing::Invalid) => {
            let text = session.client_ip_text().unwrap_or_default();
            return verdict.because(&BAD_IP, &[text]);
        }
    };
    if is_skipped(query.client_ip, session, world, &mut verdict) {
        return verdict.because(&SKIPPED, &[&query.client_ip.to_string()]);
    }
    let receiver = &own_name(world).ok().flatten().unwrap_or_default();
    check(Query { receiver, ..query }, session, world, verdict).await
}

/// Checks the HELO name if that is wanted, and the sender (RFC 7208 2.3,
/// 2.4).
async fn check(
    query: Query<'_>,
    session: &Session,
    world: &World,
    mut verdict: Verdict,
) -> Verdict {
    let level = verdict.setting(LEVEL.number(session));
    let helo_level = verdict.setting(HELO_LEVEL.number(session));
    let limits = limits(session, &mut verdict);
    let checker = Checker { limits, ..Checker::new(world) };
    let domain = session.recipient().map_or("", |recipient| recipient.domain);
    let helo_query = Query { mail_from: "", ..query };
    let wants_helo = helo_level >= 0 && !query.helo.is_empty();
    let helo_check = wants_helo.then(|| checker.check(&helo_query));
    let (is_secondary, helo_outcome, outcome) = tokio::join!(
        checker.is_exchanger(query.client_ip, domain),
        OptionFuture::from(helo_check),
        checker.check(&query),
    );
    if is_secondary {
        return verdict.because(&SECONDARY, &[]);
    }
    if let Some(outcome) = &helo_outcome {
        let (query, checked) = (&helo_query, Checked::Helo);
        let report = Report { query, checked, outcome };
        if judge(&report, helo_level, session, world, &mut verdict) {
            return verdict;
        }
    }
    let (query, checked, outcome) = (&query, Checked::MailFrom, &outcome);
    let report = Report { query, checked, outcome };
    if !judge(&report, level, session, world, &mut verdict) {
        add_headers(&report, session, &mut verdict);
    }
    verdict
}
