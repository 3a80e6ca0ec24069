//! The resolvers of this machine, or another that somebody has named.
//!
//! hickory-resolver does the asking: EDNS, TCP when an answer is too long
//! for UDP, another server when one is silent. What we add is that nothing
//! but DNS is asked (no /etc/hosts, no search domains), that names DNS
//! cannot carry are not asked about, and that the resolver is only built for
//! the first question: most plugins have none.
//!
//! ```
//! use ra_plugins::dns::system::open;
//!
//! assert!(open("127.0.0.1:53").is_ok());
//! let error = open("zone:/nosuch").err().unwrap();
//! assert!(error.to_string().starts_with("RA_DNS: /nosuch: "));
//! ```

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as Refusal, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{self, Name, RData};
use thiserror::Error;

use crate::dns::cache::Cache;
use crate::dns::can_carry;
use crate::dns::lines::Unreadable;
use crate::dns::zone::Zone;
use crate::network::runtime;
use crate::world::{
    Answer, Asked, Disk, Dns, DnsError, Files, NotThere, RecordType, Records,
    Texts,
};

/// A setting of `RA_DNS` that is none.
#[derive(Debug, Error)]
pub enum BadSetting {
    /// Neither empty, nor an address, nor a zone.
    #[error("RA_DNS: neither IP:PORT nor zone:FILE: {0}")]
    Unknown(String),
    /// The zone cannot be read.
    #[error("RA_DNS: {0}: {1}")]
    File(String, std::io::Error),
    /// The zone is none.
    #[error("RA_DNS: {0}: {1}")]
    Zone(String, Unreadable),
}

/// What `RA_DNS` says: nothing for this machine's resolvers, `IP:PORT` or
/// `IP` for one of our choice, `zone:FILE` for DNS that is written down.
pub fn open(setting: &str) -> Result<Arc<dyn Dns>, BadSetting> {
    if let Some(path) = setting.strip_prefix("zone:") {
        let file = |error| BadSetting::File(path.to_owned(), error);
        let bytes = Disk.read(Path::new(path)).map_err(file)?;
        let zone = Zone::read(&String::from_utf8_lossy(&bytes));
        let flawed = |error| BadSetting::Zone(path.to_owned(), error);
        return Ok(Arc::new(zone.map_err(flawed)?));
    }
    let server = match setting {
        "" => None,
        text => Some(server(text).ok_or(BadSetting::Unknown(text.into()))?),
    };
    Ok(Arc::new(System {
        server,
        resolver: OnceLock::new(),
        cache: Arc::new(Cache::new(CACHED_NAMES)),
    }))
}

/// A server's address; its port is 53 unless given.
fn server(text: &str) -> Option<SocketAddr> {
    let without_port = text.parse::<IpAddr>().map(|ip| (ip, 53).into());
    text.parse().or(without_port).ok()
}

/// How many names are kept in memory.
const CACHED_NAMES: usize = 10_000;

/// The longest that any answer is kept: a day.
const KEPT_MAX: Duration = Duration::from_secs(86_400);

/// How long a try may take, in which several servers may be asked, and how
/// often it is repeated. Where all are silent a question fails after nine
/// seconds, which leaves a check some of its 20.
const PATIENCE: (Duration, usize) = (Duration::from_secs(3), 2);

/// How long one question may take in all, whatever happens on the way.
const QUESTION_MAX: Duration = Duration::from_secs(15);

/// The size of UDP answers that we announce: what fits everywhere without
/// being taken apart on the way (DNS flag day 2020).
const UDP_MAX: u16 = 1232;

/// The same for a server on this machine, to which nothing is taken apart:
/// it saves long records the way by TCP.
const UDP_MAX_HERE: u16 = 4096;

/// A DNS that is only opened for the first question.
pub struct Lazy {
    setting: String,
    dns: OnceLock<Arc<dyn Dns>>,
}

impl Lazy {
    /// Remembers what `RA_DNS` says. A setting that is none, which the log
    /// of whoever asks will show as missing DNS, lets the mail pass.
    pub fn new(setting: Option<&str>) -> Self {
        let setting = setting.unwrap_or_default().to_owned();
        Self { setting, dns: OnceLock::new() }
    }
}

impl Dns for Lazy {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        let open =
            || open(&self.setting).unwrap_or_else(|_| Arc::new(NotThere));
        let dns: &Arc<dyn Dns> = self.dns.get_or_init(open);
        dns.ask(name, wanted)
    }
}

/// A resolver and what it has answered.
struct System {
    server: Option<SocketAddr>,
    resolver: OnceLock<Option<TokioResolver>>,
    cache: Arc<Cache>,
}

impl System {
    /// The resolver, built for the first question.
    fn resolver(&self) -> Option<TokioResolver> {
        self.resolver.get_or_init(|| build(self.server)).clone()
    }
}

/// Builds the resolver.
fn build(server: Option<SocketAddr>) -> Option<TokioResolver> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = match server {
        None => TokioResolver::builder(provider).ok()?,
        Some(server) => {
            let mut connections =
                [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut connections {
                connection.port = server.port();
            }
            let connections = connections.into();
            let server = NameServerConfig::new(server.ip(), true, connections);
            let config = ResolverConfig::from_name_servers(vec![server]);
            TokioResolver::builder_with_config(config, provider)
        }
    };
    let local = match server {
        Some(server) => server.ip().is_loopback(),
        None => false,
    };
    let options = builder.options_mut();
    options.use_hosts_file = ResolveHosts::Never;
    (options.timeout, options.attempts) = PATIENCE;
    options.edns0 = true;
    options.edns_payload_len = if local { UDP_MAX_HERE } else { UDP_MAX };
    options.cache_size = 0;
    builder.build().ok()
}

impl Dns for System {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        if !can_carry(name) {
            return Asked::Known(Err(DnsError::NoName));
        }
        if let Some(answer) = self.cache.get(name, wanted, Instant::now()) {
            return Asked::Known(answer);
        }
        let labels = name.split('.').map(str::as_bytes);
        let Ok(mut absolute) = Name::from_labels(labels) else {
            return Asked::Known(Err(DnsError::NoName));
        };
        absolute.set_fqdn(true);
        let name = name.to_owned();
        Asked::Waiting(Box::pin(async move {
            runtime().await;
            let Some(resolver) = self.resolver() else {
                return Err(DnsError::NotThere);
            };
            let lookup = resolver.lookup(absolute, record_type(wanted));
            match tokio::time::timeout(QUESTION_MAX, lookup).await {
                Ok(Ok(found)) => {
                    let answer = records(&found, wanted);
                    let until = found.valid_until();
                    let until = until.min(Instant::now() + KEPT_MAX);
                    self.cache.put(&name, wanted, &answer, until);
                    answer
                }
                Ok(Err(error)) => self.failed(&name, wanted, &error),
                Err(_) => Err(DnsError::Timeout),
            }
        }))
    }
}

impl System {
    /// What an error means. That there is nothing is an answer, and kept as
    /// long as the zone wants (RFC 2308).
    fn failed(
        &self,
        name: &str,
        wanted: RecordType,
        error: &NetError,
    ) -> Answer {
        if matches!(error, NetError::Timeout) {
            return Err(DnsError::Timeout);
        }
        let NetError::Dns(Refusal::NoRecordsFound(nothing)) = error else {
            return Err(DnsError::Failure);
        };
        let answer = if nothing.response_code == ResponseCode::NXDomain {
            Err(DnsError::NoName)
        } else if nothing.response_code == ResponseCode::NoError {
            Err(DnsError::NoRecord)
        } else {
            return Err(DnsError::Failure);
        };
        let seconds = nothing.negative_ttl.unwrap_or(0);
        let kept = Duration::from_secs(seconds.into()).min(KEPT_MAX);
        self.cache.put(name, wanted, &answer, Instant::now() + kept);
        answer
    }
}

/// The type as hickory calls it.
fn record_type(wanted: RecordType) -> rr::RecordType {
    match wanted {
        RecordType::Txt => rr::RecordType::TXT,
        RecordType::A => rr::RecordType::A,
        RecordType::Aaaa => rr::RecordType::AAAA,
        RecordType::Mx => rr::RecordType::MX,
        RecordType::Ptr => rr::RecordType::PTR,
    }
}

/// The records of one type; aliases on the way to them are left out.
fn records(found: &Lookup, wanted: RecordType) -> Answer {
    let data = || found.answers().iter().map(|record| &record.data);
    let records = match wanted {
        RecordType::Txt => {
            let texts: Texts = data().filter_map(text).collect();
            Records::Txt(Arc::new(texts))
        }
        RecordType::A => Records::A(data().filter_map(a).collect()),
        RecordType::Aaaa => Records::Aaaa(data().filter_map(aaaa).collect()),
        RecordType::Mx => Records::Mx(data().filter_map(mx).collect()),
        RecordType::Ptr => Records::Ptr(data().filter_map(ptr).collect()),
    };
    if records.is_empty() { Err(DnsError::NoRecord) } else { Ok(records) }
}

/// A TXT record, its strings joined without spaces (RFC 7208 3.3).
fn text(data: &RData) -> Option<Box<[u8]>> {
    let RData::TXT(text) = data else { return None };
    Some(text.txt_data.concat().into())
}

/// An A record.
fn a(data: &RData) -> Option<std::net::Ipv4Addr> {
    let RData::A(address) = data else { return None };
    Some(address.0)
}

/// An AAAA record.
fn aaaa(data: &RData) -> Option<std::net::Ipv6Addr> {
    let RData::AAAA(address) = data else { return None };
    Some(address.0)
}

/// An MX record.
fn mx(data: &RData) -> Option<(u16, Box<str>)> {
    let RData::MX(mx) = data else { return None };
    Some((mx.preference, plain(&mx.exchange)))
}

/// A PTR record.
fn ptr(data: &RData) -> Option<Box<str>> {
    let RData::PTR(name) = data else { return None };
    Some(plain(&name.0))
}

/// A name as text, without its trailing dot.
fn plain(name: &Name) -> Box<str> {
    let name = name.to_ascii();
    name.strip_suffix('.').unwrap_or(&name).into()
}
