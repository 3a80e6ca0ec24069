//! Where a rater is: an address and port, or a path.
//!
//! ```
//! use ra_plugins::rater::address::Address;
//!
//! let address: Address = "[::1]:1999".parse().unwrap();
//! assert_eq!(address.to_string(), "[::1]:1999");
//! assert!("rater.example.org:1999".parse::<Address>().is_err());
//! ```

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;

/// The address when nothing else is said (`RATER`).
pub const RATER: &str = "127.0.0.1:1999";

/// Where to listen, or to ask.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub enum Address {
    /// `127.0.0.1:1999`, `[::1]:1999` or `localhost:1999`.
    Tcp(SocketAddr),
    /// `unix:PATH`.
    Unix(PathBuf),
}

/// A text that is none. Names have no place here: asking DNS takes a time
/// that nobody can limit.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("not an address: {0} (as 127.0.0.1:1999 or unix:PATH)")]
pub struct NoAddress(String);

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if let Some(path) = text.strip_prefix("unix:")
            && !path.is_empty()
        {
            return Ok(Self::Unix(path.into()));
        }
        let local = text.strip_prefix("localhost:");
        let local = local.and_then(|port| port.parse().ok());
        match local {
            Some(port) => Ok(Self::Tcp((Ipv4Addr::LOCALHOST, port).into())),
            None => match text.parse() {
                Ok(address) => Ok(Self::Tcp(address)),
                Err(_) => Err(NoAddress(text.to_owned())),
            },
        }
    }
}

impl TryFrom<String> for Address {
    type Error = NoAddress;

    fn try_from(text: String) -> Result<Self, NoAddress> {
        text.parse()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
