//! Asking the sender's own server whether it knows the sender.
//!
//! The server that takes mail for an address is the one to ask whether the
//! address exists: we begin to deliver a bounce to it and hang up before the
//! message. The [`client`] holds that conversation; here is what surrounds
//! it: what was learned before, who is asking already, which servers there
//! are, and one deadline over everything.
//!
//! ```
//! use ra_plugins::callback::client::is_askable;
//!
//! assert!(is_askable("joe@example.org"));
//! assert!(!is_askable("joe doe@example.org"));
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::control::{listed, lower, own_name};
use crate::exchangers::{HOSTS_MAX, addresses, exchangers, is_public};
use crate::memory::{Claim, Note};
use crate::plugin::{Message, NO_FILE, Verdict};
use crate::session::{Address, Session};
use crate::settings::{Reading, Setting};
use crate::world::{DnsError, World};

pub mod words;
pub mod client;

use client::{Opinion, ask, is_askable};
use words::{
    BLOCKED, BUSY, CACHE, CACHED, CACHETIME, CHECKING, DEADLINE, LATER, MODE,
    NO_BOUNCES, NO_CACHE, NOBODY, OK, PORT, PRIVATE, REFUSED, TESTING,
    UNASKABLE, UNSURE, WHITELISTS,
};

/// How long one server may take to accept a connection.
const CONNECTING: Duration = Duration::from_secs(5);

/// How long we believe that nobody could say; servers come back.
const UNSURE_TIME: Duration = Duration::from_secs(300);

/// How long we wait before we look again whether another process has asked.
const PAUSE: Duration = Duration::from_millis(500);

/// What was found out about a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// His server would take mail for him.
    Exists,
    /// It would not.
    Refused,
    /// It takes no bounces at all.
    NoBounces,
    /// No server could say.
    Unsure,
}

impl Finding {
    /// The word that the cache keeps.
    pub fn text(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::Refused => "refused",
            Self::NoBounces => "no-bounces",
            Self::Unsure => "unsure",
        }
    }

    /// The refusal that it leads to.
    pub fn reply(self) -> Option<Message> {
        match self {
            Self::Exists => None,
            Self::Refused => Some(REFUSED),
            Self::NoBounces => Some(NO_BOUNCES),
            Self::Unsure => Some(LATER),
        }
    }

    /// What a word of the cache means.
    pub fn from_text(text: &str) -> Option<Self> {
        let all = [Self::Exists, Self::Refused, Self::NoBounces, Self::Unsure];
        all.into_iter().find(|finding| finding.text() == text)
    }

    /// Accepts the sender or refuses him; where that is not asked for, the
    /// log tells what would have been.
    pub fn decide(self, sender: &str, enforce: bool, verdict: &mut Verdict) {
        let Some(reply) = self.reply() else {
            return verdict.log(&OK, &[sender]);
        };
        verdict.refuse(&reply, &[]);
        verdict.log(&BLOCKED, &[self.text(), sender]);
        if !enforce {
            verdict.shadow();
        }
    }
}

/// Whether a sender whom nobody knows is refused, or only mentioned.
pub fn is_enforced(session: &Session) -> Reading<bool> {
    MODE.parsed(session, |text| match text {
        "log" => Some(false),
        "enforce" => Some(true),
        _ => None,
    })
}

/// Whether the sender's domain or address is on a white list.
pub fn is_whitelisted(
    world: &World,
    address: &Address<'_>,
    text: &str,
    verdict: &mut Verdict,
) -> bool {
    let [domains, addresses] = &WHITELISTS;
    for ((list, message), entry) in
        [(domains, address.domain), (addresses, text)]
    {
        match listed(world, list, entry) {
            Ok(true) => {
                verdict.log(message, &[]);
                return true;
            }
            Err(error) if !error.is_absent() => {
                verdict.log(&NO_FILE, &[&error.brief()]);
            }
            Ok(false) | Err(_) => {}
        }
    }
    false
}

/// One sender who is being checked.
struct Check<'a> {
    session: &'a Session,
    world: &'a World,
    address: Address<'a>,
    /// The address as the cache knows it.
    key: String,
    /// Its domain as the cache knows it.
    domain_key: String,
    cache: PathBuf,
    cache_time: Duration,
    deadline: Duration,
    port: u16,
    may_be_private: bool,
}

/// Finds out about a sender; nothing where that could not even be tried.
/// `patient` waits for another process that is asking the same domain.
pub async fn verify(
    session: &Session,
    world: &World,
    address: Address<'_>,
    patient: bool,
    verdict: &mut Verdict,
) -> Option<Finding> {
    let text = session.mail_from().unwrap_or_default();
    verdict.log(&CHECKING, &[text]);
    if !is_askable(text) {
        verdict.log(&UNASKABLE, &[text]);
        return None;
    }
    let seconds = |setting: Setting, verdict: &mut Verdict| {
        let number = verdict.setting(setting.number(session));
        Duration::from_secs(number.clamp(1, 1 << 31).unsigned_abs())
    };
    let (local_part, domain) = (address.local_part, lower(address.domain));
    let check = Check {
        session,
        world,
        address,
        key: format!("{}@{domain}", lower(local_part)),
        domain_key: format!("@{domain}"),
        cache: world.path(CACHE.text(session)),
        cache_time: seconds(CACHETIME, verdict),
        deadline: seconds(DEADLINE, verdict),
        port: u16::try_from(verdict.setting(PORT.number(session)))
            .unwrap_or(25),
        may_be_private: verdict.setting(PRIVATE.switch(session)),
    };
    check.run(patient, verdict).await.unwrap_or_else(|error| {
        let file = format!("{}: {error}", check.cache.display());
        verdict.log(&NO_CACHE, &[&file]);
        None
    })
}

impl Check<'_> {
    /// Looks into the cache, takes the domain, asks, and writes it down. An
    /// error is one of the cache.
    async fn run(
        &self,
        patient: bool,
        verdict: &mut Verdict,
    ) -> io::Result<Option<Finding>> {
        if let Some(finding) = self.recall(verdict)? {
            return Ok(Some(finding));
        }
        let mut rest = self.deadline;
        let claim = loop {
            if let Some(claim) = self.claim()? {
                break claim;
            }
            if !patient || rest <= PAUSE {
                verdict.log(&BUSY, &[self.address.domain]);
                return Ok(patient.then_some(Finding::Unsure));
            }
            self.world.clock.sleep(PAUSE).await;
            rest = rest.saturating_sub(PAUSE);
            if let Some(finding) = self.recall(verdict)? {
                return Ok(Some(finding));
            }
        };
        let asked = self.world.within(rest, self.ask_servers(verdict)).await;
        let found = asked.unwrap_or(Some((Finding::Unsure, true)));
        if let Some((finding, whole_domain)) = found {
            self.remember(finding, whole_domain)?;
        }
        self.world.memory.release(&self.cache, &self.domain_key, claim)?;
        Ok(found.map(|(finding, _)| finding))
    }

    /// What the cache knows of the address or of its whole domain. A note
    /// from the future was made before somebody set the clock back.
    fn recall(&self, verdict: &mut Verdict) -> io::Result<Option<Finding>> {
        let now = self.world.clock.now();
        for key in [&self.key, &self.domain_key] {
            let note = self.world.memory.recall(&self.cache, key)?;
            let Some(note) = note else { continue };
            let Ok(age) = now.duration_since(note.time) else { continue };
            let Some(finding) = Finding::from_text(&note.text) else {
                continue;
            };
            if age <= self.time_of(finding) {
                let age = age.as_secs().to_string();
                verdict.log(&CACHED, &[&self.key, &age]);
                return Ok(Some(finding));
            }
        }
        Ok(None)
    }

    /// How long a finding is believed.
    fn time_of(&self, finding: Finding) -> Duration {
        match finding {
            Finding::Exists | Finding::Refused | Finding::NoBounces => {
                self.cache_time
            }
            Finding::Unsure => self.cache_time.min(UNSURE_TIME),
        }
    }

    /// Writes a finding down, about the address or its whole domain.
    fn remember(&self, finding: Finding, whole: bool) -> io::Result<()> {
        let key = if whole { &self.domain_key } else { &self.key };
        let text = finding.text().to_owned();
        let note = Note { text, time: self.world.clock.now() };
        self.world.memory.remember(&self.cache, key, &note)
    }

    /// Takes the domain: nobody else asks it meanwhile.
    fn claim(&self) -> io::Result<Option<Claim>> {
        let now = self.world.clock.now();
        let time = self.deadline + PAUSE;
        self.world.memory.claim(&self.cache, &self.domain_key, now, time)
    }

    /// Asks the servers of the domain, one after the other, until one of
    /// them knows; also tells whether that goes for the whole domain.
    /// Nothing if there is no DNS to find them with.
    async fn ask_servers(
        &self,
        verdict: &mut Verdict,
    ) -> Option<(Finding, bool)> {
        let domain = self.address.domain;
        let hosts = match exchangers(self.world, domain).await {
            Ok(hosts) => hosts,
            Err(error) => {
                verdict.log(&UNSURE, &["DNS", &error.to_string()]);
                let is_there = error != DnsError::NotThere;
                return is_there.then_some((Finding::Unsure, true));
            }
        };
        if hosts.is_empty() {
            verdict.log(&NOBODY, &[domain]);
            return Some((Finding::Refused, true));
        }
        let mut left = HOSTS_MAX;
        for host in &hosts {
            let found = addresses(self.world, host).await.unwrap_or_default();
            for address in found.into_iter().take(left) {
                left -= 1;
                let finding =
                    match self.ask_server(host, address, verdict).await {
                        Opinion::Knows { catch_all } => {
                            (Finding::Exists, catch_all)
                        }
                        Opinion::KnowsNot => (Finding::Refused, false),
                        Opinion::TakesNoBounces => (Finding::NoBounces, true),
                        Opinion::Unsure(reason) => {
                            verdict.log(&UNSURE, &[host, &reason]);
                            continue;
                        }
                    };
                return Some(finding);
            }
        }
        Some((Finding::Unsure, true))
    }

    /// Asks one server. A stranger's DNS has told us where it is, so it must
    /// not lead us to machines that only we can reach.
    async fn ask_server(
        &self,
        host: &str,
        address: IpAddr,
        verdict: &mut Verdict,
    ) -> Opinion {
        if !is_public(address) && !self.may_be_private {
            return Opinion::Unsure("not a public address".to_owned());
        }
        verdict.log(&TESTING, &[host, &self.key]);
        let server = SocketAddr::new(address, self.port);
        let connecting = self.world.network.connect(server);
        match self.world.within(CONNECTING, connecting).await {
            Some(Ok(stream)) => {
                let probe = self.stranger();
                ask(stream, &self.our_name(), self.address, &probe).await
            }
            Some(Err(error)) => Opinion::Unsure(error.to_string()),
            None => Opinion::Unsure("no connection in time".to_owned()),
        }
    }

    /// Our own name, from control/me.
    fn our_name(&self) -> String {
        let name = own_name(self.world).ok().flatten();
        name.filter(|it| is_askable(it)).unwrap_or_else(|| "localhost".into())
    }

    /// A local part that nobody has.
    fn stranger(&self) -> String {
        let now = self.world.clock.now();
        let since = now.duration_since(std::time::UNIX_EPOCH);
        let nanos = since.unwrap_or_default().as_nanos();
        format!("nobody-{}-{nanos}", self.session.pid())
    }
}
