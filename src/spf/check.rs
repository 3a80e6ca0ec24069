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

use std::sync::Arc;

use crate::spf::ahead::Asking;
pub use crate::spf::evaluation::{Checker, Query};
use crate::spf::evaluation::{Evaluation, Identity, Stop};
use crate::spf::macros::Place;
use crate::spf::outcome::{
    Decision, Limits, Outcome, Problem, SpfResult, Step,
};
use crate::spf::record::{
    Directive, DomainSpec, Mechanism, Record, SyntaxError, is_spf,
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

    /// Checks a client. Evaluates, waits for a missing answer, and
    /// evaluates again, until nothing is missing or time is up.
    pub async fn check(&self, query: &Query<'_>) -> Outcome {
        let identity = Identity::of(query);
        let spare = self.limits.lookups.into();
        let mut asking = Asking::new(self.dns, spare);
        let mut time_is_up = None;
        loop {
            let evaluation = Evaluation::new(self, &identity, &mut asking);
            if let Some(outcome) = evaluation.outcome() {
                return outcome;
            }
            // RFC 7208 4.6.4: a limit on the time of all of it, and a
            // temperror when it is over.
            let time_is_up = time_is_up
                .get_or_insert_with(|| self.clock.sleep(self.limits.deadline));
            tokio::select! {
                biased;
                () = asking.answered() => {}
                () = time_is_up => return Outcome::problem(Problem::Late),
            }
        }
    }
}

/// What the record of a domain gives.
struct Verdict {
    /// The word.
    result: SpfResult,
    /// What decided, for the record that was asked for first.
    decision: Option<Decision>,
    /// The domain's words, likewise.
    explanation: Option<String>,
}

/// On whose behalf a record is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// The receiver, or a `redirect` that takes the first record's place.
    Receiver,
    /// An `include`, whose explanations nobody hears (6.2).
    Include,
}

impl Evaluation<'_, '_> {
    /// The outcome, or nothing if an answer was missing on the way.
    fn outcome(mut self) -> Option<Outcome> {
        let checked = self.check_host(&self.identity.domain, Caller::Receiver);
        if self.blind {
            return None;
        }
        let outcome = match checked {
            Ok(verdict) => Outcome {
                result: verdict.result,
                explanation: verdict.explanation,
                decision: verdict.decision,
                problem: None,
                trace: Vec::new(),
            },
            Err(Stop::Problem(problem)) => Outcome::problem(problem),
            Err(Stop::Unknown) => return None,
        };
        Some(Outcome { trace: self.trace, ..outcome })
    }

    /// 4: `check_host()`. That there is no record is a problem too, which
    /// those who call decide about.
    fn check_host(
        &mut self,
        domain: &str,
        caller: Caller,
    ) -> Result<Verdict, Stop> {
        // 4.3: malformed, a literal or a single label: none.
        if !domain.contains('.') || domain.starts_with('[') {
            return Err(Problem::NotADomain(domain.to_owned()).into());
        }
        let texts = self.record_lookup(domain)?;
        let read_now;
        let read = if self.checker.keep_parsed {
            texts.made(Selected::from_texts)
        } else {
            read_now = Selected::from_texts(&texts);
            Some(&read_now)
        };
        match read {
            None | Some(Selected::None) => {
                Err(Problem::NoRecord(domain.to_owned()).into())
            }
            Some(Selected::Several) => {
                Err(Problem::SeveralRecords(domain.to_owned()).into())
            }
            Some(Selected::Wrong(error)) => {
                Err(Problem::Syntax(domain.to_owned(), *error).into())
            }
            Some(Selected::Record(index, record)) => {
                let text = texts.get(*index).map_or(&[][..], |text| text);
                self.evaluate(record, text, domain, caller)
            }
        }
    }

    /// 4.4: the TXT records of a domain, and of no other type.
    fn record_lookup(&mut self, domain: &str) -> Result<Arc<Texts>, Stop> {
        match self.ask(domain, RecordType::Txt)? {
            Ok(Records::Txt(texts)) => Ok(texts),
            Ok(_) | Err(DnsError::NoName | DnsError::NoRecord) => {
                Err(Problem::NoRecord(domain.to_owned()).into())
            }
            Err(
                error @ (DnsError::Failure
                | DnsError::Timeout
                | DnsError::NotThere),
            ) => Err(Problem::Dns(domain.to_owned(), error).into()),
        }
    }

    /// 4.6: the directives from left to right, then `redirect`, then
    /// neutral (4.7).
    fn evaluate(
        &mut self,
        record: &Record,
        text: &[u8],
        domain: &str,
        caller: Caller,
    ) -> Result<Verdict, Stop> {
        self.step(|| {
            let text = String::from_utf8_lossy(text).into_owned();
            Step::Record(domain.to_owned(), text)
        });
        for directive in &record.directives {
            if self.matches(directive, text, domain)? {
                let result = directive.qualifier.into();
                let term = directive.span.of(text);
                let verdict = self.verdict(result, term, domain, caller);
                return self.explained(verdict, record, text, domain, caller);
            }
        }
        match record.redirect {
            Some(target) => self.redirect(target, text, domain, caller),
            None => Ok(self.verdict(SpfResult::Neutral, "", domain, caller)),
        }
    }

    /// The verdict of a term of a domain's record.
    fn verdict(
        &mut self,
        result: SpfResult,
        term: &str,
        domain: &str,
        caller: Caller,
    ) -> Verdict {
        self.step(|| Step::Result(domain.to_owned(), result));
        let decision = (caller == Caller::Receiver).then(|| Decision {
            domain: domain.to_owned(),
            term: term.to_owned(),
        });
        Verdict { result, decision, explanation: None }
    }

    /// 4.6.2: whether a directive matches. An answer that is missing is
    /// taken for a no; see [`Evaluation::hope`].
    fn matches(
        &mut self,
        directive: &Directive,
        text: &[u8],
        domain: &str,
    ) -> Result<bool, Stop> {
        self.step(|| {
            let term = directive.span.of(text).to_owned();
            Step::Term(domain.to_owned(), term)
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
        let mechanism = directive.mechanism;
        let matched = self.matches_with_dns(mechanism, spec, text, domain);
        self.hope(matched)
    }

    /// A mechanism that asks DNS, and what that costs (4.6.4).
    fn matches_with_dns(
        &mut self,
        mechanism: Mechanism,
        spec: Option<DomainSpec>,
        text: &[u8],
        domain: &str,
    ) -> Result<bool, Stop> {
        self.pay_lookup()?;
        let name = self.target(spec, text, domain)?;
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
        match self.check_host(name, Caller::Include) {
            Ok(verdict) => Ok(verdict.result == SpfResult::Pass),
            Err(Stop::Problem(
                Problem::NoRecord(at) | Problem::NotADomain(at),
            )) => Err(Problem::IncludesNothing(at).into()),
            Err(stop) => Err(stop),
        }
    }

    /// 6.1: another record takes the place of this one, its explanation
    /// included.
    fn redirect(
        &mut self,
        target: DomainSpec,
        text: &[u8],
        domain: &str,
        caller: Caller,
    ) -> Result<Verdict, Stop> {
        self.pay_lookup()?;
        let name = self.target(Some(target), text, domain)?;
        match self.check_host(&name, caller) {
            Err(Stop::Problem(
                Problem::NoRecord(at) | Problem::NotADomain(at),
            )) => Err(Problem::RedirectsNowhere(at).into()),
            result => result,
        }
    }

    /// 6.2: what the domain says about its `fail`. An explanation that
    /// cannot be had changes nothing, and only what the receiver has asked
    /// about is explained.
    fn explained(
        &mut self,
        mut verdict: Verdict,
        record: &Record,
        text: &[u8],
        domain: &str,
        caller: Caller,
    ) -> Result<Verdict, Stop> {
        if verdict.result != SpfResult::Fail
            || caller == Caller::Include
            || self.blind
        {
            return Ok(verdict);
        }
        if let Some(spec) = record.explanation {
            let name = self.target(Some(spec), text, domain)?;
            verdict.explanation = self.explanation(&name, domain)?;
        }
        Ok(verdict)
    }

    /// 6.2: the one text at a name, if it is one, of printable ASCII, and
    /// all its macros are macros.
    fn explanation(
        &mut self,
        name: &str,
        domain: &str,
    ) -> Result<Option<String>, Stop> {
        let Ok(Records::Txt(texts)) = self.ask(name, RecordType::Txt)? else {
            return Ok(None);
        };
        let [text] = &texts[..] else { return Ok(None) };
        let Ok(text) = std::str::from_utf8(text) else { return Ok(None) };
        if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Ok(None);
        }
        let p = match text.contains("%{p") || text.contains("%{P") {
            true => self.validated_name(domain)?,
            false => String::new(),
        };
        Ok(self.expand(text, Place::Explanation, domain, &p).ok())
    }
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
