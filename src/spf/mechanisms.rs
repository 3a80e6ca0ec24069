//! The mechanisms: whether a client is whom a term speaks of (section 5).
//!
//! One function each, in the RFC's order; first what several of them need,
//! the names and addresses. `include` is missing: it is a check of its own
//! and comes with it.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::blocklist::query_name;
use crate::dns::can_carry;
use crate::spf::evaluation::{Evaluation, Stop};
use crate::spf::macros::{Place, asks_for_p, expand, fitting};
use crate::spf::outcome::{Edition, Problem};
use crate::spf::record::{DomainSpec, Prefixes};
use crate::world::{DnsError, RecordType, Records};

impl Evaluation<'_, '_> {
    /// The name that a term is about: its own, expanded, or the domain
    /// (4.8).
    pub fn target<'t>(
        &mut self,
        spec: Option<DomainSpec>,
        text: &'t [u8],
        domain: &'t str,
    ) -> Result<Cow<'t, str>, Stop> {
        let Some(spec) = spec else { return Ok(domain.into()) };
        let name = spec.span.of(text);
        if !spec.has_macros {
            return Ok(fitting(name).into());
        }
        let name = self.expand(name, Place::Domain, domain)?;
        Ok(fitting(&name.unwrap_or_default()).to_owned().into())
    }

    /// Expands the macros of a text, if they are macros.
    pub fn expand(
        &mut self,
        text: &str,
        place: Place,
        domain: &str,
    ) -> Result<Option<String>, Stop> {
        let p = match asks_for_p(text) {
            true => self.validated_name(domain)?,
            false => String::new(),
        };
        let clock = self.checker.clock;
        Ok(expand(text, place, &self.identity.letters(domain, &p, clock)))
    }

    /// What `%{p}` stands for (7.3): a name of the client that leads back
    /// to it; best the domain itself, else one below it, else any.
    fn validated_name(&mut self, domain: &str) -> Result<String, Stop> {
        let mut names = self.client_names()?;
        names.sort_by_key(|name| {
            (!name.eq_ignore_ascii_case(domain), !is_within(name, domain))
        });
        for name in names {
            if self.leads_to_client(&name)? {
                return Ok(name);
            }
        }
        Ok("unknown".to_owned())
    }

    /// The first names that the client's address has in DNS (5.5). A
    /// failing server means that it has none.
    fn client_names(&mut self) -> Result<Vec<String>, Stop> {
        let client_ip = self.identity.client_ip;
        let zone = if client_ip.is_ipv4() { "in-addr" } else { "ip6" };
        let name = query_name(client_ip, &format!("{zone}.arpa"));
        let answer = self.ask(&name, RecordType::Ptr)?;
        let Ok(Records::Ptr(names)) = &*answer else {
            return Ok(Vec::new());
        };
        // RFC 7208 4.6.4: further names are ignored.
        let names = names.iter().take(self.checker.limits.ptr);
        Ok(names.map(|name| fitting(name).to_owned()).collect())
    }

    /// Whether the client is among the addresses of a name; a failing
    /// server means no (5.5).
    fn leads_to_client(&mut self, name: &str) -> Result<bool, Stop> {
        match self.matches_a(name, Prefixes::WHOLE) {
            Err(Stop::Problem(_)) => Ok(false),
            matched => matched,
        }
    }

    /// 5.3: the client is among the addresses of a name.
    pub fn matches_a(
        &mut self,
        name: &str,
        prefixes: Prefixes,
    ) -> Result<bool, Stop> {
        let wanted = match self.identity.client_ip {
            IpAddr::V4(_) => RecordType::A,
            IpAddr::V6(_) => RecordType::Aaaa,
        };
        let is_among = match &*self.ask(name, wanted)? {
            Ok(Records::A(list)) => {
                let mut list = list.iter().map(|it| IpAddr::V4(*it));
                list.any(|it| self.matches_ip(it, prefixes.ip4))
            }
            Ok(Records::Aaaa(list)) => {
                let mut list = list.iter().map(|it| IpAddr::V6(*it));
                list.any(|it| self.matches_ip(it, prefixes.ip6))
            }
            Ok(_) => false,
            Err(error) => return self.no_unless_failed(name, *error),
        };
        Ok(is_among)
    }

    /// 5.4: the client is among the addresses of a name's exchangers, the
    /// preferred ones first. Without exchangers there is no match: the
    /// name's own addresses do not stand in for them.
    pub fn matches_mx(
        &mut self,
        name: &str,
        prefixes: Prefixes,
    ) -> Result<bool, Stop> {
        let answer = self.ask(name, RecordType::Mx)?;
        let hosts = match &*answer {
            Ok(Records::Mx(hosts)) => hosts,
            Ok(_) => return Ok(false),
            Err(error) => return self.no_unless_failed(name, *error),
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
            let host = host.strip_suffix('.').unwrap_or(host);
            if host.is_empty() {
                continue;
            }
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

    /// 5.6: the client is in a network: their first bits are the same. A
    /// prefix of 0 holds for all clients of its kind.
    pub fn matches_ip(&self, network: IpAddr, prefix: u8) -> bool {
        match (self.identity.client_ip, network) {
            (IpAddr::V4(ip), IpAddr::V4(network)) => {
                let differing = u64::from(ip.to_bits() ^ network.to_bits());
                differing >> 32_u8.saturating_sub(prefix) == 0
            }
            (IpAddr::V6(ip), IpAddr::V6(network)) => {
                let differing = ip.to_bits() ^ network.to_bits();
                let rest = 128_u8.saturating_sub(prefix);
                differing.checked_shr(rest.into()).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                false
            }
        }
    }

    /// 5.7: there is an IPv4 address at a name, whichever; also for clients
    /// that come by IPv6.
    pub fn matches_exists(&mut self, name: &str) -> Result<bool, Stop> {
        match &*self.ask(name, RecordType::A)? {
            Ok(records) => Ok(!records.is_empty()),
            Err(_) if self.checker.limits.edition == Edition::Rfc4408 => {
                Ok(false)
            }
            Err(error) => self.no_unless_failed(name, *error),
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

/// Whether a name is a domain or lies below it.
fn is_within(name: &str, domain: &str) -> bool {
    let Some(start) = name.len().checked_sub(domain.len()) else {
        return false;
    };
    let (name, domain) = (name.as_bytes(), domain.as_bytes());
    name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(domain))
        && (start == 0 || name.get(start - 1) == Some(&b'.'))
}
