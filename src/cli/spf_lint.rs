//! `ra spf lint`: what is wrong with a record before a receiver says so.

use std::cmp::Ordering;
use std::pin::Pin;

use serde_json::json;

use crate::cli::spf_published::{Missing, published};
use crate::cli::{Outcome, complain, print, print_json};
use crate::spf::explain::printable;
use crate::spf::outcome::Limits;
use crate::spf::record::{
    Directive, DomainSpec, Mechanism, Record, SpfResult, is_spf,
};
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
    /// Terms whose question has no answer, for clients with IPv4 and for
    /// those with IPv6.
    void: [usize; 2],
}

/// Examines a record, or the record of a domain and all that it includes.
pub async fn lint(world: &World, subject: &str, json: bool) -> Outcome {
    let mut findings = Findings::default();
    let (domain, text) = if is_spf(subject.as_bytes()) {
        ("", subject.to_owned())
    } else {
        match published(world, subject).await {
            Ok(text) => (subject, text),
            Err(missing @ Missing::Several(_)) => {
                let finding = format!("{missing}: {}", missing.leads_to());
                findings.errors.push(finding);
                (subject, String::new())
            }
            Err(missing) => {
                complain(missing);
                return Outcome::Trouble;
            }
        }
    };
    if !text.is_empty() {
        let at = At { world, domain, text: &text, depth: 0 };
        findings.record(at).await;
    }
    findings.limits();
    if json {
        print_json(&json!({
            "record": text,
            "errors": findings.errors,
            "warnings": findings.warnings,
            "lookups": findings.lookups,
            "void_lookups": findings.void.iter().max(),
        }));
    } else {
        findings.show(&text);
    }
    if findings.errors.is_empty() { Outcome::Yes } else { Outcome::No }
}

/// How deep includes are followed: no receiver follows more.
const DEPTH_MAX: usize = 10;

/// How many lookups are counted before we give up counting.
const LOOKUPS_COUNTED: usize = 100;

/// A record that is being examined.
#[derive(Clone, Copy)]
struct At<'a> {
    /// Where it leads to.
    world: &'a World,
    /// Whose it is; empty for one that was typed.
    domain: &'a str,
    /// What it says.
    text: &'a str,
    /// How many others have led to it.
    depth: usize,
}

impl<'a> At<'a> {
    /// The name that a term is about, if that is known beforehand.
    fn name(self, spec: Option<DomainSpec>) -> Option<&'a str> {
        let name = match spec {
            None => self.domain,
            Some(spec) if spec.has_macros => return None,
            Some(spec) => spec.span.of(self.text.as_bytes()),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        (!name.is_empty()).then_some(name)
    }
}

impl Findings {
    /// Examines one record.
    async fn record(&mut self, at: At<'_>) {
        let record = match Record::parse(at.text) {
            Ok(record) => record,
            Err(error) => {
                let mark = mark(at.text, error.at);
                self.errors.push(format!("{error}: permerror{mark}"));
                return;
            }
        };
        let is_all = |it: &&Directive| it.mechanism == Mechanism::All;
        let all = record.directives.iter().find(is_all);
        if at.depth == 0 {
            self.habits(&record, at.text);
        } else if all.is_some_and(|it| it.result == SpfResult::Pass) {
            let domain = at.domain;
            self.warnings.push(format!("{domain}: +all lets everybody pass"));
        }
        for directive in &record.directives {
            let term = directive.span.of(at.text.as_bytes());
            match directive.mechanism {
                Mechanism::All => break,
                Mechanism::Ip4(..) | Mechanism::Ip6(..) => {}
                mechanism @ (Mechanism::Include
                | Mechanism::A(_)
                | Mechanism::Mx(_)
                | Mechanism::Ptr
                | Mechanism::Exists) => {
                    self.term(at, term, mechanism, directive.domain).await;
                }
            }
        }
        if let (Some(_), None) = (record.redirect, all) {
            let include = Mechanism::Include;
            self.term(at, "redirect", include, record.redirect).await;
        }
        if let (Some(_), 0) = (record.explanation, at.depth) {
            self.explanation(at, record.explanation).await;
        }
    }

    /// Examines one term that asks DNS, and what it leads to. A redirect
    /// leads where an include does.
    fn term<'a>(
        &'a mut self,
        at: At<'a>,
        term: &'a str,
        mechanism: Mechanism,
        spec: Option<DomainSpec>,
    ) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            self.lookups += 1;
            if self.lookups > LOOKUPS_COUNTED || at.depth >= DEPTH_MAX {
                return;
            }
            if mechanism == Mechanism::Ptr {
                self.warn(at, term, "ptr is slow and not to be used");
                return;
            }
            let Some(name) = at.name(spec) else { return };
            if mechanism == Mechanism::Include {
                self.included(at, term, name).await;
                return;
            }
            // RFC 7208 5.7: `exists` asks for A, whoever the client is.
            let is_mx = matches!(mechanism, Mechanism::Mx(_));
            let wanted = if is_mx { RecordType::Mx } else { RecordType::A };
            let ip4 = self.nothing(at, term, name, wanted).await;
            let ip6 = if let Mechanism::A(_) = mechanism {
                self.nothing(at, term, name, RecordType::Aaaa).await
            } else {
                ip4
            };
            for (count, nothing) in self.void.iter_mut().zip([ip4, ip6]) {
                *count += usize::from(nothing.is_some());
            }
            // Half an answer is as usual as hosts without IPv6.
            if let (Some(error), Some(_)) = (ip4, ip6) {
                self.warn(at, term, &format!("{name}: {error}"));
            }
        })
    }

    /// Follows an include or a redirect.
    async fn included(&mut self, at: At<'_>, term: &str, domain: &str) {
        let At { world, depth, .. } = at;
        match published(world, domain).await {
            Ok(text) => {
                let depth = depth + 1;
                self.record(At { world, domain, text: &text, depth }).await;
            }
            Err(missing) => {
                let result = missing.leads_to();
                self.errors.push(format!("{term}: {missing}: {result}"));
            }
        }
    }

    /// Looks for records at a name, and returns why there are none (4.6.4).
    /// A server that fails is another matter.
    async fn nothing(
        &mut self,
        at: At<'_>,
        term: &str,
        name: &str,
        wanted: RecordType,
    ) -> Option<DnsError> {
        let limit = Limits::default().mx;
        match at.world.dns.ask(name, wanted).answer().await {
            Ok(Records::Mx(hosts)) if hosts.len() > limit => {
                self.errors.push(format!(
                    "{term}: {name} has {} mail exchangers, receivers stop \
                     after {limit}: permerror",
                    hosts.len(),
                ));
            }
            Ok(_) | Err(DnsError::NotThere) => {}
            Err(error @ (DnsError::NoName | DnsError::NoRecord)) => {
                return Some(error);
            }
            Err(error @ (DnsError::Failure | DnsError::Timeout)) => {
                self.warn(at, term, &format!("{name}: {error}: temperror"));
            }
        }
        None
    }

    /// Looks for the explanation, without which there is just none (6.2).
    async fn explanation(&mut self, at: At<'_>, spec: Option<DomainSpec>) {
        let Some(name) = at.name(spec) else { return };
        let answer = at.world.dns.ask(name, RecordType::Txt).answer().await;
        let why = match answer {
            Ok(Records::Txt(texts)) => match &texts[..] {
                [text] if text.iter().all(|it| matches!(it, b' '..=b'~')) => {
                    return;
                }
                [_] => "not in printable ASCII".to_owned(),
                _ => "not one text".to_owned(),
            },
            Ok(_) | Err(DnsError::NotThere) => return,
            Err(error) => error.to_string(),
        };
        let words = format!("{name}: {why}: there is no explanation");
        self.warn(at, "exp", &words);
    }

    /// Notes something about a term, once.
    fn warn(&mut self, at: At<'_>, term: &str, words: &str) {
        let whose = match at.depth {
            0 => String::new(),
            _ => format!("{}: ", at.domain),
        };
        let warning = format!("{whose}{term}: {words}");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Compares what was counted with what receivers allow (4.6.4).
    fn limits(&mut self) {
        let Limits { lookups, void, .. } = Limits::default();
        if self.lookups > lookups.into() {
            self.errors.push(format!(
                "{} terms ask DNS, receivers stop after {lookups}: permerror",
                self.lookups,
            ));
        }
        let [ip4, ip6] = self.void;
        let whom = match ip4.cmp(&ip6) {
            Ordering::Equal => "",
            Ordering::Greater => " for IPv4 clients",
            Ordering::Less => " for IPv6 clients",
        };
        if ip4.max(ip6) > void.into() {
            self.errors.push(format!(
                "{} terms ask DNS in vain{whom}, receivers stop after {void}: \
                 permerror",
                ip4.max(ip6),
            ));
        }
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
        if !text.is_empty() {
            print(printable(text, usize::MAX));
        }
        for error in &self.errors {
            print(format_args!("error: {}", lines_printable(error)));
        }
        for warning in &self.warnings {
            print(format_args!("warning: {}", lines_printable(warning)));
        }
        let limits = Limits::default();
        let [ip4, ip6] = self.void;
        print(format_args!(
            "{} of {} lookups, {} of {} void lookups",
            self.lookups,
            limits.lookups,
            ip4.max(ip6),
            limits.void,
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
