//! DNS blocklists: lists of addresses that are asked through DNS.
//!
//! The address is written backwards before the name of the list, and an
//! answer means that it is listed (RFC 5782 2.1).
//!
//! ```
//! use ra_plugins::blocklist::{List, query_name};
//!
//! let client = "192.0.2.9".parse().unwrap();
//! assert_eq!(query_name(client, "bl.example"), "9.2.0.192.bl.example");
//!
//! let list = List::parse("bl.example=127.0.0.2,127.0.0.4-8*2").unwrap();
//! assert_eq!((list.name.as_str(), list.weight), ("bl.example", 2));
//! assert!(list.means_listed("127.0.0.5".parse().unwrap()));
//! assert!(!list.means_listed("127.0.0.3".parse().unwrap()));
//! ```

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures_util::stream::{FuturesOrdered, StreamExt};

use crate::exchangers::is_domain_name;
use crate::plugin::Verdict;
use crate::session::Session;
use crate::world::{DnsError, RecordType, Records, World};

pub mod words;

use words::{
    ACCEPTED, BLOCKED, LIST_ERROR, NO_ANSWER, NO_LIST, NO_REASON, REASON,
    SERVERS, THRESHOLD, TIMEOUT, WHITELISTED, WHITELISTS,
};

/// One list, and what its answers mean to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Its name in DNS.
    pub name: String,
    /// The answers that count, from one address to another; none for all.
    answers: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// How much its word weighs.
    pub weight: i64,
}

impl List {
    /// Reads `name`, `name=ANSWERS`, `name*WEIGHT` or both.
    pub fn parse(entry: &str) -> Option<Self> {
        let (rest, weight) = match entry.split_once('*') {
            Some((rest, weight)) => (rest, weight.trim().parse().ok()?),
            None => (entry, 1),
        };
        let (name, answers) = match rest.split_once('=') {
            Some((name, answers)) => {
                (name, answers.split(',').map(range).collect::<Option<_>>()?)
            }
            None => (rest, Vec::new()),
        };
        let name = name.trim().to_owned();
        is_domain_name(&name).then_some(Self { name, answers, weight })
    }

    /// Whether an answer is one of those that count.
    pub fn means_listed(&self, answer: Ipv4Addr) -> bool {
        let among = |(first, last): &(Ipv4Addr, Ipv4Addr)| {
            (*first..=*last).contains(&answer)
        };
        self.answers.is_empty() || self.answers.iter().any(among)
    }
}

/// Reads `127.0.0.4`, or `127.0.0.4-8` for a range of the last number.
fn range(text: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (first, last) = text.split_once('-').unwrap_or((text, ""));
    let first: Ipv4Addr = first.trim().parse().ok()?;
    if last.is_empty() {
        return Some((first, first));
    }
    let [a, b, c, _] = first.octets();
    let last = Ipv4Addr::new(a, b, c, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

/// The name under which a list has an address: its numbers backwards, or
/// the hexadecimal digits of an IPv6 address (RFC 5782 2.1 and 2.4).
pub fn query_name(client: IpAddr, list: &str) -> String {
    let mut name = String::with_capacity(64 + list.len());
    match client {
        IpAddr::V4(v4) => {
            for number in v4.octets().iter().rev() {
                _ = write!(name, "{number}.");
            }
        }
        IpAddr::V6(v6) => {
            for byte in v6.octets().iter().rev() {
                _ = write!(name, "{:x}.{:x}.", byte & 15, byte >> 4);
            }
        }
    }
    name + list
}

/// What a list says of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// It is listed.
    Listed,
    /// It is not.
    Clear,
    /// The list could not be asked.
    Silent(DnsError),
}

/// The answer of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it means.
    pub opinion: Opinion,
    /// Why the client is listed, in the list's words.
    pub reason: Option<String>,
    /// Answers that are no listings but errors of the list.
    pub errors: Vec<Ipv4Addr>,
}

impl Reply {
    /// Whether the list has the client.
    pub fn is_listed(&self) -> bool {
        self.opinion == Opinion::Listed
    }

    /// Whether the list could not be asked.
    pub fn is_silent(&self) -> bool {
        matches!(self.opinion, Opinion::Silent(_))
    }
}

/// Whether an answer says that the list has a problem: a list answers with
/// addresses in 127.0.0.0/8 (RFC 5782 2.1), and the large ones agree on
/// 127.255.255.0/24 for queries that they refuse. A domain that has been
/// sold may answer anything with the address of a shop.
fn is_error(answer: Ipv4Addr) -> bool {
    !answer.is_loopback() || answer.octets().starts_with(&[127, 255, 255])
}

/// Asks a list about a client, and for its reason if it is listed. When the
/// time is over, what is known by then counts.
pub async fn ask(
    world: &World,
    list: &List,
    client: IpAddr,
    time: Duration,
) -> Reply {
    let name = query_name(client, &list.name);
    let mut reply = Reply {
        opinion: Opinion::Silent(DnsError::Timeout),
        reason: None,
        errors: Vec::new(),
    };
    let asking = async {
        let answer = world.dns.ask(&name, RecordType::A).answer().await;
        reply.opinion = meaning(list, answer, &mut reply.errors);
        if reply.is_listed() {
            let answer = world.dns.ask(&name, RecordType::Txt).answer().await;
            reply.reason = first_text(answer.ok());
        }
    };
    // Being late is written down already: it is how the reply began.
    _ = world.within(time, asking).await;
    reply
}

/// What the answer of a list means.
fn meaning(
    list: &List,
    answer: Result<Records, DnsError>,
    errors: &mut Vec<Ipv4Addr>,
) -> Opinion {
    match answer {
        Ok(Records::A(answers)) => {
            errors.extend(answers.iter().filter(|it| is_error(**it)));
            let counts =
                |it: &Ipv4Addr| !is_error(*it) && list.means_listed(*it);
            if answers.iter().any(counts) {
                Opinion::Listed
            } else {
                Opinion::Clear
            }
        }
        Ok(
            Records::Txt(_)
            | Records::Aaaa(_)
            | Records::Mx(_)
            | Records::Ptr(_),
        )
        | Err(DnsError::NoName | DnsError::NoRecord) => Opinion::Clear,
        Err(
            error
            @ (DnsError::Failure | DnsError::Timeout | DnsError::NotThere),
        ) => Opinion::Silent(error),
    }
}

/// The first of the texts, unless it is empty.
fn first_text(records: Option<Records>) -> Option<String> {
    let Some(Records::Txt(texts)) = records else { return None };
    let text = String::from_utf8_lossy(texts.first()?).into_owned();
    (!text.is_empty()).then_some(text)
}

/// What all lists together say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A white list has the client.
    Whitelisted(String),
    /// Blocklists have it: the first of them, and its reason.
    Blocked(String, Option<String>),
    /// It is as good as anybody.
    Clear,
}

impl Finding {
    /// Refuses the client or lets it pass; `client` is its address as the
    /// server wrote it.
    pub fn decide(self, client: &str, verdict: &mut Verdict) {
        match self {
            Self::Whitelisted(list) => {
                verdict.log(&WHITELISTED, &[&list, client]);
            }
            Self::Blocked(list, reason) => {
                match reason {
                    Some(reason) => verdict.reject(&REASON, &[client, &reason]),
                    None => verdict.reject(&NO_REASON, &[client, &list]),
                }
                verdict.log(&BLOCKED, &[&list, client]);
            }
            Self::Clear => verdict.log(&ACCEPTED, &[client]),
        }
    }
}

/// Asks all lists at once, white lists too, and takes their answers in the
/// order of the settings.
pub async fn consult(
    session: &Session,
    world: &World,
    client: IpAddr,
    verdict: &mut Verdict,
) -> Finding {
    let whitelists = lists(WHITELISTS.text(session), verdict);
    let blocklists = lists(SERVERS.text(session), verdict);
    let threshold = verdict.setting(THRESHOLD.number(session));
    let seconds = verdict.setting(TIMEOUT.number(session)).clamp(1, 3600);
    let time = Duration::from_secs(seconds.unsigned_abs());
    let all = whitelists.iter().chain(&blocklists);
    let mut replies: FuturesOrdered<_> =
        all.clone().map(|list| ask(world, list, client, time)).collect();
    let (mut first, mut sum) = (None, 0_i64);
    for (number, list) in all.enumerate() {
        let Some(reply) = replies.next().await else { break };
        log_trouble(list, &reply, verdict);
        if !reply.is_listed() {
            continue;
        }
        if number < whitelists.len() {
            return Finding::Whitelisted(list.name.clone());
        }
        sum = sum.saturating_add(list.weight);
        let (name, reason) =
            first.get_or_insert_with(|| (list.name.clone(), reply.reason));
        if sum >= threshold {
            return Finding::Blocked(name.clone(), reason.take());
        }
    }
    Finding::Clear
}

/// The lists of a setting; what is none is told to the log.
fn lists(text: &str, verdict: &mut Verdict) -> Vec<List> {
    let entries = text.split(':').map(str::trim).filter(|it| !it.is_empty());
    let mut lists = Vec::new();
    for entry in entries {
        match List::parse(entry) {
            Some(list) => lists.push(list),
            None => verdict.log(&NO_LIST, &[entry]),
        }
    }
    lists
}

/// Tells the log what was wrong with a list. A server failure is not worth
/// a line (as recorded in plugins.json: servfail-list).
fn log_trouble(list: &List, reply: &Reply, verdict: &mut Verdict) {
    for address in &reply.errors {
        verdict.log(&LIST_ERROR, &[&list.name, &address.to_string()]);
    }
    match &reply.opinion {
        Opinion::Silent(reason @ (DnsError::Timeout | DnsError::NotThere)) => {
            verdict.log(&NO_ANSWER, &[&list.name, &reason.to_string()])
        }
        Opinion::Silent(
            DnsError::Failure | DnsError::NoName | DnsError::NoRecord,
        )
        | Opinion::Listed
        | Opinion::Clear => {}
    }
}
