//! The record that a domain publishes, as DNS has it.

use thiserror::Error;

use crate::dns::can_carry;
use crate::spf::record::{SpfResult, is_spf};
use crate::world::{DnsError, RecordType, Records, World};

/// Why a domain has no record that could be examined.
#[derive(Debug, Error)]
pub enum Missing {
    /// Nobody could ask for it.
    #[error("not a domain name: {0:?}")]
    NoDomain(String),
    /// It has none.
    #[error("{0}: no SPF record")]
    NoRecord(String),
    /// It has more than one (4.5).
    #[error("{0}: more than one SPF record")]
    Several(String),
    /// DNS has no answer.
    #[error("{0}: {1}")]
    Dns(String, DnsError),
}

impl Missing {
    /// What receivers make of a record that leads here (5.2, 6.1).
    pub fn leads_to(&self) -> SpfResult {
        match self {
            Self::NoDomain(_)
            | Self::NoRecord(_)
            | Self::Several(_)
            | Self::Dns(_, DnsError::NoName | DnsError::NoRecord) => {
                SpfResult::PermError
            }
            Self::Dns(..) => SpfResult::TempError,
        }
    }
}

/// The one SPF record of a domain.
pub async fn published(world: &World, domain: &str) -> Result<String, Missing> {
    let name = || domain.to_owned();
    if !can_carry(domain) {
        return Err(Missing::NoDomain(name()));
    }
    let answer = world.dns.ask(domain, RecordType::Txt).answer().await;
    let texts = match answer {
        Ok(Records::Txt(texts)) => texts,
        Ok(_) => return Err(Missing::NoRecord(name())),
        Err(error) => return Err(Missing::Dns(name(), error)),
    };
    let mut records = texts.iter().filter(|text| is_spf(text));
    match (records.next(), records.next()) {
        (None, _) => Err(Missing::NoRecord(name())),
        (Some(text), None) => Ok(String::from_utf8_lossy(text).into_owned()),
        (Some(_), Some(_)) => Err(Missing::Several(name())),
    }
}
