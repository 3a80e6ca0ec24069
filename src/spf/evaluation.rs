//! An evaluation: what a check carries along from record to record.
//!
//! It holds who is asking, what may still be spent, and the way to DNS. It
//! never waits: an answer that is not there yet is [`Stop::Unknown`], and
//! the whole evaluation is run again when it is. Until then it goes on as
//! if nothing had matched, with eyes shut so to speak, for the sake of the
//! questions that it asks on its way.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::dns::can_carry;
use crate::spf::ahead::Asking;
use crate::spf::macros::Letters;
use crate::spf::outcome::{Decision, Limits, Problem};
use crate::world::{Answer, Clock, Dns, DnsError, RecordType, World};

/// Who wants to send mail in whose name (4.1).
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The client.
    pub client_ip: IpAddr,
    /// MAIL FROM without angle brackets; empty for a bounce.
    pub mail_from: &'a str,
    /// HELO or EHLO.
    pub helo: &'a str,
    /// The name of this host, for `%{r}`; empty if it is not to be told.
    pub receiver: &'a str,
}

/// A query, taken apart.
#[derive(Clone, Debug)]
pub struct Identity<'a> {
    /// The client; IPv4 inside IPv6 is IPv4 (section 5).
    pub client_ip: IpAddr,
    /// What stands before the `@`.
    pub local_part: &'a str,
    /// What stands after it.
    pub domain: Cow<'a, str>,
    /// HELO or EHLO.
    pub helo: &'a str,
    /// The name of this host.
    pub receiver: &'a str,
}

/// The longest local part and HELO that count in full. RFC 5321 4.5.3.1
/// grants them 64 and 255 octets.
const TEXT_MAX: usize = 1024;

impl<'a> Identity<'a> {
    /// Takes a query apart. Without a sender the HELO name is checked, and
    /// without a local part it is the postmaster's (2.4, 4.3).
    pub fn of(query: &Query<'a>) -> Self {
        let (local_part, domain) = match query.mail_from {
            "" => ("", query.helo),
            sender => sender.rsplit_once('@').unwrap_or(("", sender)),
        };
        let local_part = match local_part {
            "" => "postmaster",
            local_part => cut(local_part),
        };
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        // RFC 7208 4.3: internationalised labels as DNS knows them. What is
        // too long stays so: whoever cuts a name makes another of it.
        let is_plain = domain.is_ascii() || domain.len() > TEXT_MAX;
        Self {
            client_ip: query.client_ip.to_canonical(),
            local_part,
            domain: match is_plain {
                true => domain.into(),
                false => idna::domain_to_ascii(domain)
                    .map_or(domain.into(), Cow::Owned),
            },
            helo: cut(query.helo),
            // RFC 7208 7.3: "unknown" unless it is a full name.
            receiver: match query.receiver.contains('.') {
                true => query.receiver,
                false => "unknown",
            },
        }
    }

    /// What the letters of macros stand for in a record of `domain`;
    /// `validated` is what `%{p}` is (7.2).
    pub fn letters<'l>(
        &'l self,
        domain: &'l str,
        validated: &'l str,
        clock: &'l dyn Clock,
    ) -> Letters<'l> {
        Letters {
            client_ip: self.client_ip,
            local_part: self.local_part,
            sender_domain: &self.domain,
            domain,
            helo: self.helo,
            receiver: self.receiver,
            validated,
            clock,
        }
    }
}

/// As much of a text as counts.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_MAX)).unwrap_or_default()
}

/// Checks clients.
#[derive(Clone, Copy)]
pub struct Checker<'a> {
    /// Whom to ask.
    pub dns: &'a dyn Dns,
    /// Who knows when it is too late.
    pub clock: &'a dyn Clock,
    /// What a check may cost.
    pub limits: Limits,
    /// Whether to write down every step.
    pub tracing: bool,
    /// Whether to ask ahead.
    pub look_ahead: bool,
    /// Whether parsed records stay with the answers that they came in; off
    /// only where parsing is to be measured.
    pub keep_parsed: bool,
}

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
}

/// Why an evaluation does not go on.
#[derive(Debug)]
pub enum Stop {
    /// An answer is not there yet.
    Unknown,
    /// There will be no better result.
    Problem(Box<Problem>),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// One evaluation of a query, from the beginning.
pub struct Evaluation<'e, 'a> {
    /// The rules.
    pub checker: &'e Checker<'a>,
    /// The question.
    pub identity: &'e Identity<'e>,
    /// Whether an answer was missing: from then on nothing counts, but what
    /// is asked is asked ahead.
    pub blind: bool,
    /// Every step.
    pub trace: Vec<String>,
    /// What decided.
    pub decision: Option<Decision>,
    /// What the domain has to say about that.
    pub explanation: Option<String>,
    asking: &'e mut Asking<'a>,
    lookups: u8,
    void_terms: u8,
    void: bool,
}

impl<'e, 'a> Evaluation<'e, 'a> {
    /// Starts from the beginning.
    pub fn new(
        checker: &'e Checker<'a>,
        identity: &'e Identity<'e>,
        asking: &'e mut Asking<'a>,
    ) -> Self {
        Self {
            checker,
            identity,
            blind: false,
            trace: Vec::new(),
            decision: None,
            explanation: None,
            asking,
            lookups: 0,
            void_terms: 0,
            void: false,
        }
    }

    /// Writes down a step, if anybody wants to know.
    pub fn step(&mut self, step: impl FnOnce() -> String) {
        if self.checker.tracing && !self.blind {
            self.trace.push(step());
        }
    }

    /// Pays for a term that asks DNS (4.6.4).
    pub fn pay_lookup(&mut self) -> Result<(), Stop> {
        self.lookups += 1;
        if self.lookups > self.checker.limits.lookups {
            return Err(Problem::TooManyLookups.into());
        }
        Ok(())
    }

    /// Pays for a term that has asked DNS in vain, if it has (4.6.4: it is
    /// terms that count, however many empty answers they met).
    pub fn pay_void(&mut self) -> Result<(), Stop> {
        self.void_terms += u8::from(std::mem::take(&mut self.void));
        if self.void_terms > self.checker.limits.void {
            return Err(Problem::TooManyVoidLookups.into());
        }
        Ok(())
    }

    /// Asks DNS.
    #[inline(always)]
    pub fn ask(
        &mut self,
        name: &str,
        wanted: RecordType,
    ) -> Result<Cow<'a, Answer>, Stop> {
        let needed = !self.blind;
        let Some(answer) = self.asking.ask(name, wanted, needed) else {
            self.blind = true;
            return Err(Stop::Unknown);
        };
        if self.checker.tracing {
            let answer = match &*answer {
                Ok(records) => records.to_string(),
                Err(error) => error.to_string(),
            };
            self.trace.push(format!("  {wanted} {name}: {answer}"));
        }
        // A name that DNS cannot carry has not been asked about, so it has
        // not been asked about in vain.
        if let Err(DnsError::NoName | DnsError::NoRecord) = *answer {
            self.void |= can_carry(name);
        }
        Ok(answer)
    }

    /// Takes an answer that is not there yet for a no, so that the rest of
    /// the record can be asked about in the meantime.
    pub fn hope(&self, matched: Result<bool, Stop>) -> Result<bool, Stop> {
        match matched {
            Err(Stop::Unknown) if self.checker.look_ahead => Ok(false),
            matched => matched,
        }
    }
}
