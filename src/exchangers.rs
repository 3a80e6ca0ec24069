//! Who takes mail for a domain, as far as DNS knows.
//!
//! ```
//! use ra_plugins::exchangers::is_domain_name;
//!
//! assert!(is_domain_name("example.org"));
//! assert!(!is_domain_name("[192.0.2.1]"));
//! assert!(!is_domain_name("a..b"));
//! ```

use std::net::IpAddr;

use futures_util::future::{join, join_all};

use crate::world::{DnsError, RecordType, Records, World};

pub mod sender;

/// The longest name in text form (RFC 1035 2.3.4).
const NAME_MAX: usize = 253;

/// The longest part of a name (RFC 1035 2.3.4).
const LABEL_MAX: usize = 63;

/// Whether DNS may be asked about a name that a stranger wrote: letters,
/// digits, hyphens and underscores between single dots. No resolver should
/// see what else he thought of.
pub fn is_domain_name(name: &str) -> bool {
    let is_known =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.len() <= NAME_MAX
        && name.split('.').all(|label| {
            (1..=LABEL_MAX).contains(&label.len())
                && label.bytes().all(is_known)
        })
}

/// The servers that take mail for a domain, the preferred ones first; none
/// if there is nobody (RFC 5321 5.1). Without MX records the domain itself
/// is the server, if it has an address. A null MX is a no (RFC 7505 3).
pub async fn exchangers(
    world: &World,
    domain: &str,
) -> Result<Vec<Box<str>>, DnsError> {
    if !is_domain_name(domain) {
        return Ok(Vec::new());
    }
    match world.dns.ask(domain, RecordType::Mx).answer().await {
        Ok(Records::Mx(records)) => {
            let mut records = records.to_vec();
            records.sort_by_key(|(preference, _)| *preference);
            let names = records.into_iter().map(|(_, name)| name);
            Ok(names.filter(|name| is_domain_name(plain(name))).collect())
        }
        Ok(_) | Err(DnsError::NoRecord) => {
            let addresses = addresses(world, domain).await?;
            Ok(if addresses.is_empty() { vec![] } else { vec![domain.into()] })
        }
        Err(DnsError::NoName) => Ok(Vec::new()),
        Err(
            error
            @ (DnsError::Failure | DnsError::Timeout | DnsError::NotThere),
        ) => Err(error),
    }
}

/// A name without the dot that may end it.
fn plain(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// The addresses of a host, both kinds asked for at once; none if it has
/// none. One kind is enough, whatever happened to the other.
pub async fn addresses(
    world: &World,
    host: &str,
) -> Result<Vec<IpAddr>, DnsError> {
    let host = plain(host);
    let (v6, v4) = join(
        world.dns.ask(host, RecordType::Aaaa).answer(),
        world.dns.ask(host, RecordType::A).answer(),
    )
    .await;
    let mut found = Vec::new();
    let mut trouble = None;
    for answer in [v6, v4] {
        match answer {
            Ok(Records::A(some)) => {
                found.extend(some.iter().copied().map(IpAddr::V4));
            }
            Ok(Records::Aaaa(some)) => {
                found.extend(some.iter().copied().map(IpAddr::V6));
            }
            Ok(Records::Txt(_) | Records::Mx(_) | Records::Ptr(_))
            | Err(DnsError::NoName | DnsError::NoRecord) => {}
            Err(
                error @ (DnsError::Failure
                | DnsError::Timeout
                | DnsError::NotThere),
            ) => trouble = Some(error),
        }
    }
    match trouble {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// Whether an address can be a server on the Internet: not private (RFC
/// 1918, RFC 4193), shared (RFC 6598), loopback, link-local, multicast or
/// nothing.
pub fn is_public(address: IpAddr) -> bool {
    let local = match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private()
                || v4.is_link_local()
                || v4.is_broadcast()
                || first == 0
                || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    let address = address.to_canonical();
    !(local
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unspecified())
}

/// The most servers of a domain that are looked at.
pub const HOSTS_MAX: usize = 10;

/// Whether servers have addresses, but none of them is public.
pub async fn are_bogus(
    world: &World,
    hosts: &[Box<str>],
) -> Result<bool, DnsError> {
    let hosts = hosts.iter().take(HOSTS_MAX);
    let found = join_all(hosts.map(|host| addresses(world, host))).await;
    let mut any = false;
    for addresses in found {
        for address in addresses? {
            any = true;
            if is_public(address) {
                return Ok(false);
            }
        }
    }
    Ok(any)
}
