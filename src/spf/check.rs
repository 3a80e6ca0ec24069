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
use std::sync::Arc;

use crate::spf::ahead::Asking;
pub use crate::spf::evaluation::{Checker, Query};
use crate::spf::evaluation::{Evaluation, Identity, Stop};
use crate::spf::macros::Place;
use crate::spf::outcome::{Decision, Limits, Outcome, Problem, SpfResult};
use crate::spf::record::{
    Directive, DomainSpec, Mechanism, Prefixes, Record, SyntaxError, is_spf,
};
use crate::world::{DnsError, RecordType, Records, Texts, World};

impl<'a> Checker<'a> {
    /// A checker that goes by the RFC, asks ahead, and writes no trace.
    pub fn new(world: &'a World) -> Self {
        Self {
            dns: &*world.dns,
            clock: &*world.clock,
            limits: Limits::default(),
            tracing: false,
            look_ahead: true,
            keep_parsed: true,
        }
    }

    /// Checks a client.
    pub async fn check(&self, query: &Query<'_>) -> Outcome {
        let identity = Identity::of(query);
        let outcome = self.settled(&identity, |it| it.outcome()).await;
        outcome.unwrap_or_else(late)
    }

    /// Whether a client is a mail exchanger of a domain; whatever prevents
    /// an answer means no.
    pub async fn is_exchanger(&self, client_ip: IpAddr, domain: &str) -> bool {
        let (mail_from, helo, receiver) = (domain, "", "");
        let query = Query { client_ip, mail_from, helo, receiver };
        let identity = Identity::of(&query);
        let whole = Prefixes { ip4: 32, ip6: 128 };
        let answer = self.settled(&identity, |mut evaluation| {
            let matched = evaluation.matches_mx(&identity.domain, whole);
            (!evaluation.blind).then_some(matches!(matched, Ok(true)))
        });
        answer.await.unwrap_or(false)
    }

    /// Evaluates, waits for a missing answer, and evaluates again, until
    /// nothing is missing or time is up.
    async fn settled<T>(
        &self,
        identity: &Identity<'_>,
        attempt: impl Fn(Evaluation<'_, 'a>) -> Option<T>,
    ) -> Option<T> {
        let spare = self.limits.lookups.into();
        let mut asking = Asking::new(self.dns, spare);
        let mut time_is_up = None;
        loop {
            let evaluation = Evaluation::new(self, identity, &mut asking);
            if let Some(settled) = attempt(evaluation) {
                return Some(settled);
            }
            // RFC 7208 4.6.4: a limit on the time of all of it, and a
            // temperror when it is over.
            let time_is_up = time_is_up
                .get_or_insert_with(|| self.clock.sleep(self.limits.deadline));
            tokio::select! {
                biased;
                () = asking.answered() => {}
                () = time_is_up => return None,
            }
        }
    }
}

/// The outcome when time is up.
fn late() -> Outcome {
    Outcome {
        result: Problem::Late.result(),
        explanation: None,
        decision: None,
        problem: Some(Problem::Late),
        trace: Vec::new(),
    }
}

/// A record that is being evaluated, and for whom.
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
    /// The outcome, or nothing if an answer was missing on the way.
    fn outcome(mut self) -> Option<Outcome> {
        let checked = self.check_host(&self.identity.domain, false);
        if self.blind {
            return None;
        }
        let (result, problem) = match checked {
            Ok(result) => (result, None),
            Err(Stop::Problem(problem)) => (problem.result(), Some(*problem)),
            Err(Stop::Unknown) => return None,
        };
        let Self { explanation, decision, trace, .. } = self;
        Some(Outcome { result, explanation, decision, problem, trace })
    }

    /// 4: `check_host()`. That there is no record is a problem like others,
    /// and those who call see to it.
    fn check_host(
        &mut self,
        domain: &str,
        included: bool,
    ) -> Result<SpfResult, Stop> {
        // 4.3: malformed, a literal or a single label: none.
        if !domain.bytes().any(|it| it == b'.') || domain.starts_with('[') {
            return Err(Problem::NotADomain(domain.to_owned()).into());
        }
        let texts = self.record_lookup(domain)?;
        let read_now;
        let read = if self.checker.keep_parsed {
            texts.made(Selected::from_texts).unwrap_or(&Selected::None)
        } else {
            read_now = Selected::from_texts(&texts);
            &read_now
        };
        let domain_too = || domain.to_owned();
        Err(match read {
            Selected::Record(index, record) => {
                let text = texts.get(*index).map_or(&[][..], |text| text);
                let reading = Reading { record, text, domain, included };
                return self.evaluate(&reading);
            }
            Selected::None => Problem::NoRecord(domain_too()),
            Selected::Several => Problem::SeveralRecords(domain_too()),
            Selected::Wrong(error) => Problem::Syntax(domain_too(), *error),
        }
        .into())
    }

    /// 4.4: the TXT records of a domain, and of no other type.
    fn record_lookup(&mut self, domain: &str) -> Result<Arc<Texts>, Stop> {
        match self.ask(domain, RecordType::Txt)? {
            Ok(Records::Txt(texts)) => Ok(texts),
            Ok(_) | Err(DnsError::NoName | DnsError::NoRecord) => {
                Err(Problem::NoRecord(domain.to_owned()).into())
            }
            Err(error) => Err(Problem::Dns(domain.to_owned(), error).into()),
        }
    }

    /// 4.6: the directives from left to right, then `redirect`, then
    /// neutral (4.7).
    fn evaluate(&mut self, at: &Reading<'_>) -> Result<SpfResult, Stop> {
        let Reading { record, text, domain, included } = *at;
        self.step(|| format!("{domain}: {}", String::from_utf8_lossy(text)));
        let mut matched: Option<&Directive> = None;
        for directive in &record.directives {
            if self.matches(directive, at)? {
                matched = Some(directive);
                break;
            }
        }
        // RFC 7208 5.1 and 6.1: with `all`, redirect is never reached.
        if let (None, Some(target)) = (matched, record.redirect) {
            return self.redirect(target, at);
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
        at: &Reading<'_>,
    ) -> Result<bool, Stop> {
        self.step(|| {
            format!("{}: try {}", at.domain, directive.span.of(at.text))
        });
        let spec = match directive.mechanism {
            // 5.1: everybody.
            Mechanism::All => return Ok(true),
            Mechanism::Ip4(network, prefix) => {
                return Ok(self.matches_ip4(network, prefix));
            }
            Mechanism::Ip6(network, prefix) => {
                return Ok(self.matches_ip6(network, prefix));
            }
            Mechanism::Include(spec) | Mechanism::Exists(spec) => Some(spec),
            Mechanism::A(spec, _)
            | Mechanism::Mx(spec, _)
            | Mechanism::Ptr(spec) => spec,
        };
        let matched = self.matches_with_dns(directive.mechanism, spec, at);
        self.hope(matched)
    }

    /// A mechanism that asks DNS, and what that costs (4.6.4).
    fn matches_with_dns(
        &mut self,
        mechanism: Mechanism,
        spec: Option<DomainSpec>,
        at: &Reading<'_>,
    ) -> Result<bool, Stop> {
        self.pay_lookup()?;
        let name = self.target(spec, at.text, at.domain)?;
        let matched = match mechanism {
            Mechanism::Include(_) => self.matches_include(&name)?,
            Mechanism::A(_, prefixes) => self.matches_a(&name, prefixes)?,
            Mechanism::Mx(_, prefixes) => self.matches_mx(&name, prefixes)?,
            Mechanism::Ptr(_) => self.matches_ptr(&name)?,
            Mechanism::Exists(_) => self.matches_exists(&name)?,
            Mechanism::All | Mechanism::Ip4(..) | Mechanism::Ip6(..) => false,
        };
        self.pay_void()?;
        Ok(matched)
    }

    /// 5.2: whom another record lets pass. Its other results are no match,
    /// its errors are ours, and that it is missing is an error.
    fn matches_include(&mut self, name: &str) -> Result<bool, Stop> {
        let result = self.check_host(name, true);
        let result = unless_missing(result, Problem::IncludesNothing)?;
        Ok(result == SpfResult::Pass)
    }

    /// 6.1: another record takes the place of this one, its explanation
    /// included.
    fn redirect(
        &mut self,
        target: DomainSpec,
        at: &Reading<'_>,
    ) -> Result<SpfResult, Stop> {
        self.pay_lookup()?;
        let name = self.target(Some(target), at.text, at.domain)?;
        let result = self.check_host(&name, at.included);
        unless_missing(result, Problem::RedirectsNowhere)
    }

    /// 6.2: what the domain says about its `fail`: the one text at a name,
    /// if it is one, of printable ASCII, and all its macros are macros. An
    /// explanation that cannot be had changes nothing.
    fn explain(&mut self, at: &Reading<'_>) -> Result<(), Stop> {
        let Some(spec) = at.record.explanation else { return Ok(()) };
        let name = self.target(Some(spec), at.text, at.domain)?;
        let Ok(Records::Txt(texts)) = self.ask(&name, RecordType::Txt)? else {
            return Ok(());
        };
        let [text] = &texts[..] else { return Ok(()) };
        let printable = text.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let (true, Ok(text)) = (printable, std::str::from_utf8(text)) else {
            return Ok(());
        };
        let p = match text.contains("%{p") || text.contains("%{P") {
            true => self.validated_name(at.domain)?,
            false => String::new(),
        };
        let words = self.expand(text, Place::Explanation, at.domain, &p);
        self.explanation = words.ok();
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
