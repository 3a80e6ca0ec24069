//! `ra spf lint`: what is wrong with a record before a receiver says so.

use std::pin::Pin;

use serde_json::json;

use crate::cli::{Outcome, complain, print, print_json};
use crate::dns::can_carry;
use crate::spf::explain::printable;
use crate::spf::outcome::Limits;
use crate::spf::record::{DomainSpec, Mechanism, Record, SpfResult, is_spf};
use crate::world::{DnsError, RecordType, Records, World};

/// What has been found out about a record and those it leads to.
#[derive(Debug, Default)]
struct Findings {
    /// What breaks the record.
    errors: Vec<String>,
    /// What a reader should know.
    warnings: Vec<String>,
    /// Terms that ask DNS.
    lookups: usize,
    /// Terms whose question has no answer.
    void: usize,
}

/// Examines a record, or the record of a domain and all that it includes.
pub async fn lint(world: &World, subject: &str, json: bool) -> Outcome {
    let mut findings = Findings::default();
    let (domain, text) = if is_spf(subject.as_bytes()) {
        ("", subject.to_owned())
    } else {
        match published(world, subject).await {
            Ok(text) => (subject, text),
            Err(error) => {
                complain(error);
                return Outcome::Trouble;
            }
        }
    };
    findings.record(world, domain, &text, 0).await;
    let limits = Limits::default();
    if findings.lookups > limits.lookups.into() {
        findings.errors.push(format!(
            "{} terms ask DNS, receivers stop after {}: permerror",
            findings.lookups, limits.lookups,
        ));
    }
    if findings.void > limits.void.into() {
        findings.errors.push(format!(
            "{} terms ask DNS in vain, receivers stop after {}: permerror",
            findings.void, limits.void,
        ));
    }
    if json {
        print_json(&json!({
            "record": text,
            "errors": findings.errors,
            "warnings": findings.warnings,
            "lookups": findings.lookups,
            "void_lookups": findings.void,
        }));
    } else {
        findings.show(&text);
    }
    if findings.errors.is_empty() { Outcome::Yes } else { Outcome::No }
}

/// The one SPF record of a domain.
async fn published(world: &World, domain: &str) -> Result<String, String> {
    if !can_carry(domain) {
        return Err(format!("not a domain name: {domain:?}"));
    }
    let answer = world.dns.ask(domain, RecordType::Txt).answer().await;
    let texts = match answer {
        Ok(Records::Txt(texts)) => texts,
        Ok(_) => return Err(format!("{domain}: no TXT record")),
        Err(error) => return Err(format!("{domain}: {error}")),
    };
    let records: Vec<_> = texts.iter().filter(|text| is_spf(text)).collect();
    match records.as_slice() {
        [] => Err(format!("{domain}: no SPF record")),
        [text] => Ok(String::from_utf8_lossy(text).into_owned()),
        [_, _, ..] => Err(format!("{domain}: more than one SPF record")),
    }
}

/// How deep includes are followed: no receiver follows more.
const DEPTH_MAX: usize = 10;

/// How many lookups are counted before we give up counting.
const LOOKUPS_COUNTED: usize = 100;

impl Findings {
    /// Examines one record.
    async fn record(
        &mut self,
        world: &World,
        domain: &str,
        text: &str,
        depth: usize,
    ) {
        let whose = if depth == 0 { "" } else { domain };
        let record = match Record::parse(text) {
            Ok(record) => record,
            Err(error) => {
                let mark = mark(text, error.at);
                self.errors.push(format!("{error}: permerror{mark}"));
                return;
            }
        };
        if depth == 0 {
            self.habits(&record, text);
        }
        for directive in &record.directives {
            let term = directive.span.of(text.as_bytes());
            let spec = directive.domain;
            let wanted = match directive.mechanism {
                Mechanism::All => break,
                Mechanism::Ip4(..) | Mechanism::Ip6(..) => continue,
                Mechanism::Include => RecordType::Txt,
                Mechanism::A(_) | Mechanism::Exists => RecordType::A,
                Mechanism::Mx(_) => RecordType::Mx,
                Mechanism::Ptr => {
                    self.lookups += 1;
                    self.warn(whose, term, "ptr is slow and not to be used");
                    continue;
                }
            };
            let at = (whose, term);
            self.term(world, domain, text, at, wanted, spec, depth).await;
        }
        let has_all =
            record.directives.iter().any(|it| it.mechanism == Mechanism::All);
        if let (Some(spec), false) = (record.redirect, has_all) {
            let at = (whose, "redirect");
            let wanted = RecordType::Txt;
            self.term(world, domain, text, at, wanted, Some(spec), depth).await;
        }
    }

    /// Examines one term that asks DNS, and what it leads to.
    #[expect(clippy::too_many_arguments, reason = "one recursion, one place")]
    fn term<'a>(
        &'a mut self,
        world: &'a World,
        domain: &'a str,
        text: &'a str,
        (whose, term): (&'a str, &'a str),
        wanted: RecordType,
        spec: Option<DomainSpec>,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            self.lookups += 1;
            if self.lookups > LOOKUPS_COUNTED || depth >= DEPTH_MAX {
                return;
            }
            let name = match spec {
                None => domain,
                Some(spec) if spec.has_macros => return,
                Some(spec) => spec.span.of(text.as_bytes()),
            };
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.is_empty() {
                return;
            }
            if wanted == RecordType::Txt {
                match published(world, name).await {
                    Ok(text) => {
                        self.record(world, name, &text, depth + 1).await
                    }
                    Err(error) => {
                        self.errors.push(format!("{term}: {error}: permerror"))
                    }
                }
                return;
            }
            let mut answer = world.dns.ask(name, wanted).answer().await;
            if answer.is_err() && wanted == RecordType::A {
                answer = world.dns.ask(name, RecordType::Aaaa).answer().await;
            }
            match answer {
                Ok(_) | Err(DnsError::NotThere) => {}
                Err(error @ (DnsError::NoName | DnsError::NoRecord)) => {
                    self.void += 1;
                    self.warn(whose, term, &format!("{name}: {error}"));
                }
                Err(error @ (DnsError::Failure | DnsError::Timeout)) => {
                    self.warn(whose, term, &format!("{name}: {error}"));
                }
            }
        })
    }

    /// Notes something about a term.
    fn warn(&mut self, whose: &str, term: &str, words: &str) {
        let whose = if whose.is_empty() { "" } else { &format!("{whose}: ") };
        self.warnings.push(format!("{whose}{term}: {words}"));
    }

    /// What is allowed but seldom meant.
    fn habits(&mut self, record: &Record, text: &str) {
        let all = record
            .directives
            .iter()
            .position(|it| it.mechanism == Mechanism::All);
        match all {
            Some(at) => {
                if record.directives.len() > at + 1 {
                    let words = "nothing behind all is ever looked at";
                    self.warnings.push(words.to_owned());
                }
                if record.redirect.is_some() {
                    let words = "redirect is ignored where all is";
                    self.warnings.push(words.to_owned());
                }
                let qualifier = record.directives.get(at);
                if qualifier.is_some_and(|it| it.result == SpfResult::Pass) {
                    let words = "+all lets everybody pass";
                    self.warnings.push(words.to_owned());
                }
            }
            None if record.redirect.is_none() => {
                let words = "neither all nor redirect: the rest is neutral";
                self.warnings.push(words.to_owned());
            }
            None => {}
        }
        if text.len() > ANSWER_MAX {
            self.warnings.push(format!(
                "{} bytes: the answer may not fit a UDP packet of 512",
                text.len(),
            ));
        }
    }

    /// Prints everything for people.
    fn show(&self, text: &str) {
        print(printable(text, usize::MAX));
        for error in &self.errors {
            print(format_args!("error: {}", lines_printable(error)));
        }
        for warning in &self.warnings {
            print(format_args!("warning: {}", lines_printable(warning)));
        }
        let limits = Limits::default();
        print(format_args!(
            "{} of {} lookups, {} of {} void lookups",
            self.lookups, limits.lookups, self.void, limits.void,
        ));
    }
}

/// A record longer than this gets no answer of 512 octets (RFC 7208 3.4).
const ANSWER_MAX: usize = 450;

/// The text with a mark below the byte that is wrong.
fn mark(text: &str, at: usize) -> String {
    let start = text.floor_char_boundary(at.saturating_sub(60));
    let end = text.ceil_char_boundary(at.saturating_add(15));
    let piece = text.get(start..end.min(text.len())).unwrap_or_default();
    let indent = " ".repeat(at.saturating_sub(start));
    format!("\n  {}\n  {indent}^", printable(piece, usize::MAX))
}

/// Printable, line by line.
fn lines_printable(text: &str) -> String {
    let lines = text.lines().map(|line| printable(line, usize::MAX));
    lines.collect::<Vec<_>>().join("\n")
}
