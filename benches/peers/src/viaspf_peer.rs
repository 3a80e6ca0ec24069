//! viaspf, with a lookup that is answered from the zone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use async_trait::async_trait;
use ra_plugins::world::{Dns, DnsError, RecordType, Records};
use viaspf::lookup::{Lookup, LookupError, LookupResult, Name};
use viaspf::{Config, evaluate_sender};

use crate::data::{Case, reverse_name};

/// DNS as viaspf asks it.
pub struct Asking(pub Arc<dyn Dns>);

impl Asking {
    async fn ask(
        &self,
        name: &str,
        wanted: RecordType,
    ) -> LookupResult<Records> {
        let name = name.strip_suffix('.').unwrap_or(name);
        match self.0.ask(name, wanted).answer().await {
            Ok(records) => Ok(records),
            Err(DnsError::NoName | DnsError::NoRecord) => {
                Err(LookupError::NoRecords)
            }
            Err(DnsError::Timeout) => Err(LookupError::Timeout),
            Err(_) => Err(LookupError::Dns(None)),
        }
    }
}

#[async_trait]
impl Lookup for Asking {
    async fn lookup_a(&self, name: &Name) -> LookupResult<Vec<Ipv4Addr>> {
        match self.ask(name.as_str(), RecordType::A).await? {
            Records::A(list) => Ok(list.to_vec()),
            _ => Err(LookupError::NoRecords),
        }
    }

    async fn lookup_aaaa(&self, name: &Name) -> LookupResult<Vec<Ipv6Addr>> {
        match self.ask(name.as_str(), RecordType::Aaaa).await? {
            Records::Aaaa(list) => Ok(list.to_vec()),
            _ => Err(LookupError::NoRecords),
        }
    }

    async fn lookup_mx(&self, name: &Name) -> LookupResult<Vec<Name>> {
        match self.ask(name.as_str(), RecordType::Mx).await? {
            Records::Mx(list) => {
                let names = list.iter();
                Ok(names.filter_map(|(_, it)| Name::new(it).ok()).collect())
            }
            _ => Err(LookupError::NoRecords),
        }
    }

    async fn lookup_txt(&self, name: &Name) -> LookupResult<Vec<String>> {
        match self.ask(name.as_str(), RecordType::Txt).await? {
            Records::Txt(list) => {
                let texts = list.iter();
                let lossy =
                    |it: &Box<[u8]>| String::from_utf8_lossy(it).into_owned();
                Ok(texts.map(lossy).collect())
            }
            _ => Err(LookupError::NoRecords),
        }
    }

    async fn lookup_ptr(&self, ip: IpAddr) -> LookupResult<Vec<Name>> {
        match self.ask(&reverse_name(ip), RecordType::Ptr).await? {
            Records::Ptr(list) => {
                let names = list.iter();
                Ok(names.filter_map(|it| Name::new(it).ok()).collect())
            }
            _ => Err(LookupError::NoRecords),
        }
    }
}

/// One check: the result in small letters.
pub async fn check(asking: &Asking, config: &Config, case: &Case) -> String {
    let Ok(sender) = case.test.mailfrom.parse() else { return "none".into() };
    let helo = case.test.helo.parse().ok();
    let ip = case.test.ip;
    let done = evaluate_sender(asking, config, ip, &sender, helo.as_ref());
    let word = done.await.spf_result.to_string().to_lowercase();
    word.split(' ').next().unwrap_or_default().to_owned()
}

/// One check, of which only the time counts.
pub async fn run(asking: &Asking, config: &Config, case: &Case) {
    let Ok(sender) = case.test.mailfrom.parse() else { return };
    let helo = case.test.helo.parse().ok();
    let ip = case.test.ip;
    let done = evaluate_sender(asking, config, ip, &sender, helo.as_ref());
    std::hint::black_box(done.await);
}
