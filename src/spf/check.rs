//! `check_host()`: section 4 of RFC 7208, from top to bottom.
//!
//! ```
//! use ra_plugins::dns::zone::Zone;
//! use ra_plugins::frozen::Frozen;
//! use ra_plugins::spf::check::{Checker, Query};
//!
//! let zone = Zone::read(r#"
//! scenarios:
//! - name: "small"
//!   zone:
//!     "example.org":
//!     - {"TXT": "v=spf1 ip4:192.0.2.0/24 -all"}
//! "#).unwrap();
//! let world = Frozen::new().dns(zone).world();
//! let query = Query {
//!     client_ip: "198.51.100.7".parse().unwrap(),
//!     mail_from: "joe@example.org",
//!     helo: "mx.example.com",
//!     receiver: "",
//! };
//! let runtime = tokio::runtime::Builder::new_current_thread().build();
//! let outcome = runtime.unwrap().block_on(Checker::new(&world).check(&query));
//! assert_eq!(outcome.result.to_string(), "fail");
//! assert_eq!(outcome.reason(), "mechanism -all of example.org");
//! ```

use std::net::IpAddr;
use std::str::from_utf8;

use crate::spf::ahead::Asking;
pub use crate::spf::evaluation::{Checker, Query};
use crate::spf::evaluation::{Evaluation, Identity, Stop};
use crate::spf::macros::Place;
use crate::spf::outcome::{Decision, Outcome, Problem, SpfResult};
use crate::spf::record::{
    Directive, Mechanism, Prefixes, Record, SyntaxError, is_spf,
};
use crate::world::{DnsError, RecordType, Records};

impl<'a> Checker<'a> {
    /// Checks a client: evaluates, waits for a missing answer, and evaluates
    /// again, until nothing is missing or time is up.
    pub async fn check(&self, query: &Query<'_>) -> Outcome {
        let identity = Identity::of(query);
        let mut asking = Asking::new(self.dns, self.clock, self.limits);
        loop {
            let mut evaluation = Evaluation::new(self, &identity, &mut asking);
            let checked = evaluation.check_host(&identity.domain, false);
            match checked {
                _ if evaluation.blind => {}
                Ok(result) => return evaluation.outcome(result, None),
                Err(Stop::Problem(problem)) => {
                    let result = problem.result();
                    return evaluation.outcome(result, Some(*problem));
                }
                Err(Stop::Unknown) => {}
            }
            // So far, and no further, the steps were those of the check.
            let Evaluation { trace, .. } = evaluation;
            if !asking.answered().await {
                return Outcome { trace, ..Outcome::of(Problem::Late) };
            }
        }
    }

    /// Whether a client is a mail exchanger of a domain; whatever prevents
    /// an answer means no.
    pub async fn is_exchanger(&self, client_ip: IpAddr, domain: &str) -> bool {
        let (mail_from, helo, receiver) = (domain, "", "");
        let query = Query { client_ip, mail_from, helo, receiver };
        let identity = Identity::of(&query);
        let mut asking = Asking::new(self.dns, self.clock, self.limits);
        loop {
            let mut evaluation = Evaluation::new(self, &identity, &mut asking);
            let matched =
                evaluation.matches_mx(&identity.domain, Prefixes::WHOLE);
            if !evaluation.blind {
                return matches!(matched, Ok(true));
            }
            if !asking.answered().await {
                return false;
            }
        }
    }
}

/// A record that is being evaluated, and for whom.
#[derive(Clone, Copy)]
struct Reading<'r> {
    /// What it says.
    record: &'r Record,
    /// Its text, into which its terms point.
    text: &'r [u8],
    /// Whose it is.
    domain: &'r str,
    /// Whether another record has included it, so that neither its
    /// decision nor its explanation is the receiver's business (6.2).
    included: bool,
}

impl Evaluation<'_, '_> {
    /// The outcome.
    fn outcome(self, result: SpfResult, problem: Option<Problem>) -> Outcome {
        let Self { explanation, decision, trace, .. } = self;
        Outcome { result, explanation, decision, problem, trace }
    }

    /// 4: `check_host()`. That there is no record is a problem like others,
    /// and those who call see to it.
    fn check_host(
        &mut self,
        domain: &str,
        included: bool,
    ) -> Result<SpfResult, Stop> {
        let name = || domain.to_owned();
        // 4.3: malformed, a literal or a single label: none.
        if !domain.bytes().any(|it| it == b'.') || domain.starts_with('[') {
            return Err(Problem::NotADomain(name()).into());
        }
        // 4.4: the TXT records of the domain, and of no other type.
        let answer = self.ask(domain, RecordType::Txt)?;
        let texts = match &*answer {
            Ok(Records::Txt(texts)) => texts,
            Ok(_) | Err(DnsError::NoName | DnsError::NoRecord) => {
                return Err(Problem::NoRecord(name()).into());
            }
            Err(error) => return Err(Problem::Dns(name(), *error).into()),
        };
        let read_now;
        let selected = if self.checker.keep_parsed {
            texts.made(Selected::from_texts).unwrap_or(&Selected::None)
        } else {
            read_now = Selected::from_texts(texts);
            &read_now
        };
        let problem = match selected {
            Selected::Record(index, record) => {
                let text = texts.get(*index).map_or(&[][..], |text| text);
                let reading = Reading { record, text, domain, included };
                return self.evaluate(reading);
            }
            Selected::None => Problem::NoRecord(name()),
            Selected::Several => Problem::SeveralRecords(name()),
            Selected::Wrong(error) => Problem::Syntax(name(), *error),
        };
        Err(problem.into())
    }

    /// 4.6: the directives from left to right, then `redirect`, then
    /// neutral (4.7).
    fn evaluate(&mut self, at: Reading<'_>) -> Result<SpfResult, Stop> {
        let Reading { record, text, domain, included } = at;
        self.step(|| format!("{domain}: {}", String::from_utf8_lossy(text)));
        let mut matched: Option<&Directive> = None;
        for directive in &record.directives {
            self.step(|| format!("{domain}: try {}", directive.span.of(text)));
            if self.matches(directive, at)? {
                matched = Some(directive);
                break;
            }
        }
        // RFC 7208 5.1 and 6.1: with `all`, redirect is never reached.
        if let (None, Some(target)) = (matched, record.redirect) {
            // 6.1: another record takes the place of this one, its
            // explanation included.
            self.pay_lookup()?;
            let name = self.target(Some(target), text, domain)?;
            let result = self.check_host(&name, included);
            return unless_missing(result, Problem::RedirectsNowhere);
        }
        let result = matched.map_or(SpfResult::Neutral, |it| it.result);
        self.step(|| format!("{domain}: {result}"));
        if !included && !self.blind {
            let term = matched.map_or("", |it| it.span.of(text));
            self.decision = Some(Decision::new(domain, term));
            if result == SpfResult::Fail {
                self.explain(at)?;
            }
        }
        Ok(result)
    }

    /// 4.6.2: whether a directive matches. An answer that is missing is
    /// taken for a no; see [`Evaluation::hope`].
    fn matches(
        &mut self,
        directive: &Directive,
        at: Reading<'_>,
    ) -> Result<bool, Stop> {
        match directive.mechanism {
            // 5.1: everybody.
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, prefix) => {
                Ok(self.matches_ip(network.into(), prefix))
            }
            Mechanism::Ip6(network, prefix) => {
                Ok(self.matches_ip(network.into(), prefix))
            }
            Mechanism::Include
            | Mechanism::A(_)
            | Mechanism::Mx(_)
            | Mechanism::Ptr
            | Mechanism::Exists => {
                let matched = self.matches_with_dns(directive, at);
                self.hope(matched)
            }
        }
    }

    /// A mechanism that asks DNS, and what that costs (4.6.4).
    fn matches_with_dns(
        &mut self,
        directive: &Directive,
        at: Reading<'_>,
    ) -> Result<bool, Stop> {
        self.pay_lookup()?;
        let name = self.target(directive.domain, at.text, at.domain)?;
        let matched = match directive.mechanism {
            // 5.2: whom another record lets pass. Its other results are no
            // match, its errors are ours, and that it is missing is one.
            Mechanism::Include => {
                let result = self.check_host(&name, true);
                let result = unless_missing(result, Problem::IncludesNothing);
                result? == SpfResult::Pass
            }
            Mechanism::A(prefixes) => self.matches_a(&name, prefixes)?,
            Mechanism::Mx(prefixes) => self.matches_mx(&name, prefixes)?,
            Mechanism::Ptr => self.matches_ptr(&name)?,
            Mechanism::Exists => self.matches_exists(&name)?,
            Mechanism::All | Mechanism::Ip4(..) | Mechanism::Ip6(..) => false,
        };
        self.pay_void()?;
        Ok(matched)
    }

    /// 6.2: what the domain says about its `fail`: the one text at a name,
    /// if it is one, of printable ASCII, and all its macros are macros. An
    /// explanation that cannot be had changes nothing.
    fn explain(&mut self, at: Reading<'_>) -> Result<(), Stop> {
        let Some(spec) = at.record.explanation else { return Ok(()) };
        let name = self.target(Some(spec), at.text, at.domain)?;
        if let Ok(Records::Txt(texts)) = &*self.ask(&name, RecordType::Txt)?
            && let [text] = &texts[..]
            && text.iter().all(|byte| matches!(byte, b' '..=b'~'))
            && let Ok(text) = from_utf8(text)
        {
            let place = Place::Explanation;
            self.explanation = self.expand(text, place, at.domain)?;
        }
        Ok(())
    }
}

/// A result, unless there is no record: that is a problem of whoever has
/// sent us there (5.2, 6.1).
fn unless_missing(
    result: Result<SpfResult, Stop>,
    missing: fn(String) -> Problem,
) -> Result<SpfResult, Stop> {
    if let Err(Stop::Problem(problem)) = &result
        && let Problem::NoRecord(at) | Problem::NotADomain(at) = &**problem
    {
        return Err(missing(at.clone()).into());
    }
    result
}

/// What has been read from the TXT records of a domain (4.5). It stays with
/// them, so that no record is parsed twice.
enum Selected {
    /// None of them is an SPF record.
    None,
    /// More than one of them is.
    Several,
    /// One is, or would be.
    Wrong(SyntaxError),
    /// One is: which, and what it says.
    Record(usize, Record),
}

impl Selected {
    /// Selects the record and parses it.
    fn from_texts(texts: &[Box<[u8]>]) -> Self {
        let mut records =
            texts.iter().enumerate().filter(|(_, text)| is_spf(text));
        match (records.next(), records.next()) {
            (None, _) => Self::None,
            (Some(_), Some(_)) => Self::Several,
            (Some((index, text)), None) => match Record::parse_bytes(text) {
                Ok(record) => Self::Record(index, record),
                Err(error) => Self::Wrong(error),
            },
        }
    }
}
