//! What a plugin has counted: a key in a class.
//!
//! A client is counted by its address, or by its network where it has a
//! whole one; anything else by a key that the administrator has composed of
//! the session's variables.
//!
//! ```
//! use ra_plugins::rater::counted::{client, filled};
//! use ra_plugins::session::Session;
//!
//! let ip = "2001:db8:1:2:3:4:5:6".parse().unwrap();
//! assert_eq!(client(ip, 64), "2001:db8:1:2::/64");
//!
//! let session = Session::new(1).with("SMTPAUTHUSER", "joe");
//! assert_eq!(filled("${SMTPAUTHUSER}/${NOBODY}", &session), "joe/");
//! ```

use std::net::IpAddr;

use ipnet::IpNet;

use crate::plugin::Verdict;
use crate::session::Session;
use crate::settings::{Kind, Setting};
use crate::world::{Limit, World};

/// How much of an IPv6 address is one client.
pub const V6PREFIX: Setting =
    Setting::new("IPTHROTTLE_V6PREFIX", Kind::Number, "64")
        .help("the bits of an IPv6 address that count as one client");

/// Reads [`V6PREFIX`]: an IPv6 address has 128 bits.
pub fn bits(text: &str) -> Option<u8> {
    text.parse().ok().filter(|bits| *bits <= 128)
}

/// Who is counted: an IPv4 address, or the network of an IPv6 address,
/// since whoever has one of those has them all.
pub fn client(ip: IpAddr, prefix: u8) -> String {
    match IpNet::new(ip, prefix) {
        Ok(network @ IpNet::V6(_)) => network.trunc().to_string(),
        Ok(IpNet::V4(_)) | Err(_) => ip.to_string(),
    }
}

/// Which rules.
pub const CLASS: Setting = Setting::new("RATER_CLASS", Kind::Word, "")
    .help("the class of rater's limits; without one nothing is asked");

/// What is counted.
pub const KEY: Setting =
    Setting::new("RATER_KEY", Kind::Text, "${TCPREMOTEIP}")
        .help("what is counted, with ${NAME} for a variable of the session");

/// Whether to look only.
pub const PEEK: Setting = Setting::new("RATER_PEEK", Kind::Switch, "0")
    .help("ask without marking: another plugin or program does that");

/// Something that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted<'a> {
    /// Whose rules count.
    pub class: &'a str,
    /// What they count.
    pub key: String,
    /// Whether to look only.
    peek: bool,
}

impl<'a> Counted<'a> {
    /// What a session's settings have counted; nothing without a class.
    pub fn of(session: &'a Session, verdict: &mut Verdict) -> Option<Self> {
        let class = verdict.setting(CLASS.word(session));
        if class.is_empty() {
            return None;
        }
        let key = filled(KEY.text(session), session);
        let peek = verdict.setting(PEEK.switch(session));
        Some(Self { class, key, peek })
    }

    /// Asks the limiter about it.
    pub async fn limit(&self, world: &World) -> Limit {
        let Self { class, key, peek } = self;
        match peek {
            true => world.limiter.peek(class, key).await,
            false => world.limiter.mark(class, key).await,
        }
    }
}

/// A key with its variables filled in; one that is not set is empty.
pub fn filled(template: &str, session: &Session) -> String {
    let mut key = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${")
        && let Some((name, behind)) = after.split_once('}')
    {
        key += before;
        key += session.get(name).unwrap_or_default();
        rest = behind;
    }
    key + rest
}
