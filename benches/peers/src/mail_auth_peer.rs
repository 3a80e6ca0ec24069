//! mail-auth, fed from a cache that is always full.

use std::borrow::Borrow;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use foldhash::HashMap;
use mail_auth::dns::{DnssecStatus, Negative};
use mail_auth::dns::{TxtRecord, TxtRecordParser};
use mail_auth::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig,
};
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::spf::SpfRecord;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    DnsCache, DnsError, Error, MessageAuthenticator, Parameters, RecordSet,
    ResolverCache, dns::Mx,
};
use ra_plugins::world::{RecordType, Records};

use crate::data::{Case, answer, reverse_name};

type Answer<T> = Result<RecordSet<T>, Negative>;

/// A cache that never misses: what is not in it does not exist.
pub struct Full<K, V> {
    known: HashMap<K, V>,
    missing: V,
}

impl<K: Hash + Eq, V: Clone> ResolverCache<K, V> for Full<K, V> {
    fn get<Q>(&self, name: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Some(self.known.get(name).unwrap_or(&self.missing).clone())
    }

    fn remove<Q>(&self, _: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: K, _: V, _: Instant) {}
}

/// TXT records, parsed beforehand or at each question.
pub struct Txt {
    parsed: HashMap<Box<str>, TxtRecord>,
    texts: HashMap<Box<str>, Vec<Vec<u8>>>,
    parse: bool,
}

fn no_name() -> TxtRecord {
    TxtRecord::Error(Error::Dns(DnsError::RecordNotFound(
        ResponseCode::NXDomain,
    )))
}

impl ResolverCache<Box<str>, TxtRecord> for Txt {
    fn get<Q>(&self, name: &Q) -> Option<TxtRecord>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.parse
            && let Some(texts) = self.texts.get(name)
        {
            return Some(SpfRecord::parse_records(texts).into());
        }
        Some(self.parsed.get(name).cloned().unwrap_or_else(no_name))
    }

    fn remove<Q>(&self, _: &Q) -> Option<TxtRecord>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: TxtRecord, _: Instant) {}
}

/// Everything of one zone.
pub struct Caches {
    txt: Txt,
    mx: Full<Box<str>, Answer<Mx>>,
    ipv4: Full<Box<str>, Answer<Ipv4Addr>>,
    ipv6: Full<Box<str>, Answer<Ipv6Addr>>,
    ptr: Full<IpAddr, Answer<Box<str>>>,
}

impl DnsCache for Caches {
    type Txt = Txt;
    type Mx = Full<Box<str>, Answer<Mx>>;
    type Ipv4 = Full<Box<str>, Answer<Ipv4Addr>>;
    type Ipv6 = Full<Box<str>, Answer<Ipv6Addr>>;
    type Ptr = Full<IpAddr, Answer<Box<str>>>;

    fn txt(&self) -> Option<&Self::Txt> {
        Some(&self.txt)
    }
    fn mx(&self) -> Option<&Self::Mx> {
        Some(&self.mx)
    }
    fn ipv4(&self) -> Option<&Self::Ipv4> {
        Some(&self.ipv4)
    }
    fn ipv6(&self) -> Option<&Self::Ipv6> {
        Some(&self.ipv6)
    }
    fn ptr(&self) -> Option<&Self::Ptr> {
        Some(&self.ptr)
    }
}

fn set<T>(records: Vec<T>) -> Answer<T> {
    Ok(RecordSet {
        records: records.into(),
        dnssec_status: DnssecStatus::Indeterminate,
    })
}

fn full<K, T>() -> Full<K, Answer<T>> {
    let missing = Err(Negative { code: ResponseCode::NXDomain });
    Full { known: HashMap::default(), missing }
}

impl Caches {
    /// The zone of a case, as mail-auth wants it.
    pub fn of(case: &Case, parse: bool) -> Self {
        let (parsed, texts) = (HashMap::default(), HashMap::default());
        let mut caches = Self {
            txt: Txt { parsed, texts, parse },
            mx: full(),
            ipv4: full(),
            ipv6: full(),
            ptr: full(),
        };
        let client = case.test.ip;
        for owner in case.owners.iter() {
            let name = || format!("{}.", owner.to_lowercase()).into_boxed_str();
            let ask = |wanted| answer(&case.zone, owner, wanted);
            if let Some(Records::Txt(list)) = ask(RecordType::Txt) {
                let list: Vec<_> = list.iter().map(|it| it.to_vec()).collect();
                let is_spf = |it: &Vec<u8>| it.starts_with(b"v=spf1");
                if list.iter().any(is_spf) {
                    let record = SpfRecord::parse_records(&list);
                    caches.txt.parsed.insert(name(), record.into());
                    caches.txt.texts.insert(name(), list);
                } else {
                    let words = mail_auth::spf::Macro::parse_records(&list);
                    caches.txt.parsed.insert(name(), words.into());
                }
            }
            if let Some(Records::A(list)) = ask(RecordType::A) {
                caches.ipv4.known.insert(name(), set(list.to_vec()));
            }
            if let Some(Records::Aaaa(list)) = ask(RecordType::Aaaa) {
                caches.ipv6.known.insert(name(), set(list.to_vec()));
            }
            if let Some(Records::Mx(list)) = ask(RecordType::Mx) {
                let list = list.iter().map(|(preference, name)| Mx {
                    exchanges: [name.to_string().into_boxed_str()].into(),
                    preference: *preference,
                });
                caches.mx.known.insert(name(), set(list.collect()));
            }
            if owner.eq_ignore_ascii_case(&reverse_name(client))
                && let Some(Records::Ptr(list)) = ask(RecordType::Ptr)
            {
                let list =
                    list.iter().map(|it| format!("{it}.").into()).collect();
                caches.ptr.known.insert(client, set(list));
            }
        }
        caches
    }
}

/// An authenticator that would ask nobody.
pub fn authenticator() -> Arc<MessageAuthenticator> {
    let config = ResolverConfig::default();
    Arc::new(MessageAuthenticator::new(config, Default::default()).unwrap())
}

/// An authenticator that asks a server.
pub fn authenticator_for(server: SocketAddr) -> MessageAuthenticator {
    let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = server.port();
    }
    let server = NameServerConfig::new(server.ip(), true, connections.into());
    let config = ResolverConfig::from_name_servers(vec![server]);
    MessageAuthenticator::new(config, Default::default()).unwrap()
}

/// One check without a cache of ours.
pub async fn ask(it: &MessageAuthenticator, case: &Case) {
    let test = &case.test;
    let parameters = SpfParameters::mail_from(
        test.ip,
        &test.helo,
        "unknown",
        &test.mailfrom,
    );
    std::hint::black_box(it.check_host(parameters).await);
}

/// One check.
pub async fn check(
    it: &MessageAuthenticator,
    caches: &Caches,
    case: &Case,
) -> String {
    let test = &case.test;
    let parameters = SpfParameters::mail_from(
        test.ip,
        &test.helo,
        "unknown",
        &test.mailfrom,
    );
    let parameters = Parameters::new(parameters).with_cache(caches);
    let output = it.check_host(parameters).await;
    format!("{:?}", output.result()).to_lowercase()
}

/// One check, of which only the time counts.
pub async fn run(it: &MessageAuthenticator, caches: &Caches, case: &Case) {
    let test = &case.test;
    let parameters = SpfParameters::mail_from(
        test.ip,
        &test.helo,
        "unknown",
        &test.mailfrom,
    );
    let parameters = Parameters::new(parameters).with_cache(caches);
    std::hint::black_box(it.check_host(parameters).await);
}

/// Parses one record.
pub fn parse(record: &[u8]) {
    _ = std::hint::black_box(SpfRecord::parse(record));
}
