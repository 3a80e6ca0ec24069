//! The mechanisms: whether a client is whom a term speaks of (section 5).
//!
//! One function each, in the RFC's order. `include` is missing: it is a
//! check of its own and comes with it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::dns::can_carry;
use crate::spf::evaluation::{Evaluation, Stop, is_within};
use crate::spf::outcome::{Edition, Problem};
use crate::spf::record::Prefixes;
use crate::world::{DnsError, RecordType, Records};

impl Evaluation<'_, '_> {
    /// 5.3: the client is among the addresses of a name.
    pub fn matches_a(
        &mut self,
        name: &str,
        prefixes: Prefixes,
    ) -> Result<bool, Stop> {
        let wanted = self.address_type();
        match (self.ask(name, wanted)?, self.identity.client_ip) {
            (Ok(Records::A(list)), IpAddr::V4(ip)) => {
                Ok(list.iter().any(|it| in_ip4(ip, *it, prefixes.ip4)))
            }
            (Ok(Records::Aaaa(list)), IpAddr::V6(ip)) => {
                Ok(list.iter().any(|it| in_ip6(ip, *it, prefixes.ip6)))
            }
            (Ok(_), _) => Ok(false),
            (Err(error), _) => self.no_unless_failed(name, error),
        }
    }

    /// 5.4: the client is among the addresses of a name's exchangers, the
    /// preferred ones first. Without exchangers there is no match: the
    /// name's own addresses do not stand in for them.
    pub fn matches_mx(
        &mut self,
        name: &str,
        prefixes: Prefixes,
    ) -> Result<bool, Stop> {
        let hosts = match self.ask(name, RecordType::Mx)? {
            Ok(Records::Mx(hosts)) => hosts,
            Ok(_) => return Ok(false),
            Err(error) => return self.no_unless_failed(name, error),
        };
        // RFC 7208 4.6.4: at most ten address lookups, a permerror beyond.
        // It is the answer that counts, not the place of the match in it:
        // servers give records in any order, and the result must not turn
        // with it.
        let limits = self.checker.limits;
        if hosts.len() > limits.mx && limits.edition == Edition::Rfc7208 {
            return Err(Problem::TooManyExchangers(name.to_owned()).into());
        }
        let mut hosts: Vec<_> = hosts.iter().take(limits.mx).collect();
        hosts.sort_by_key(|(preference, _)| *preference);
        for (_, host) in hosts {
            // RFC 7505: an exchanger "." says that there is none.
            if matches!(&**host, "" | ".") {
                continue;
            }
            let host = host.strip_suffix('.').unwrap_or(host);
            let matched = self.matches_a(host, prefixes);
            if self.hope(matched)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// 5.5: one of the client's names lies within a domain, and leads back
    /// to the client. Names elsewhere need not be asked about.
    pub fn matches_ptr(&mut self, domain: &str) -> Result<bool, Stop> {
        let mut names = self.client_names()?;
        names.retain(|name| is_within(name, domain));
        for name in names {
            let matched = self.leads_to_client(&name);
            if self.hope(matched)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// 5.6: the client is in an IPv4 network.
    pub fn matches_ip4(&self, network: Ipv4Addr, prefix: u8) -> bool {
        match self.identity.client_ip {
            IpAddr::V4(ip) => in_ip4(ip, network, prefix),
            IpAddr::V6(_) => false,
        }
    }

    /// 5.6: the client is in an IPv6 network.
    pub fn matches_ip6(&self, network: Ipv6Addr, prefix: u8) -> bool {
        match self.identity.client_ip {
            IpAddr::V4(_) => false,
            IpAddr::V6(ip) => in_ip6(ip, network, prefix),
        }
    }

    /// 5.7: there is an IPv4 address at a name, whichever; also for clients
    /// that come by IPv6.
    pub fn matches_exists(&mut self, name: &str) -> Result<bool, Stop> {
        match self.ask(name, RecordType::A)? {
            Ok(records) => Ok(!records.is_empty()),
            Err(_) if self.checker.limits.edition == Edition::Rfc4408 => {
                Ok(false)
            }
            Err(error) => self.no_unless_failed(name, error),
        }
    }

    /// Nothing at a name is no match; a server that fails is a temperror
    /// (section 5).
    fn no_unless_failed(
        &self,
        name: &str,
        error: DnsError,
    ) -> Result<bool, Stop> {
        let edition = self.checker.limits.edition;
        match error {
            DnsError::NoName
                if edition == Edition::Rfc4408 && !can_carry(name) =>
            {
                Err(Problem::BadName(name.to_owned()).into())
            }
            DnsError::NoName | DnsError::NoRecord => Ok(false),
            DnsError::Failure | DnsError::Timeout | DnsError::NotThere => {
                Err(Problem::Dns(name.to_owned(), error).into())
            }
        }
    }
}

/// Whether the first bits of two addresses are the same; a prefix of 0
/// holds for any two.
fn in_ip4(ip: Ipv4Addr, network: Ipv4Addr, prefix: u8) -> bool {
    let differing = ip.to_bits() ^ network.to_bits();
    differing.checked_shr(32 - u32::from(prefix.min(32))).unwrap_or(0) == 0
}

/// As [`in_ip4`].
fn in_ip6(ip: Ipv6Addr, network: Ipv6Addr, prefix: u8) -> bool {
    let differing = ip.to_bits() ^ network.to_bits();
    differing.checked_shr(128 - u32::from(prefix.min(128))).unwrap_or(0) == 0
}
