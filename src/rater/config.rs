//! The daemon's configuration: a TOML file that is right or refused.
//!
//! A file with a mistake is refused as a whole, with the place of the
//! mistake: half a configuration protects nobody, and on reload the old one
//! is better.
//!
//! ```
//! use ra_plugins::rater::config::Config;
//!
//! let error = Config::parse("[limits]\nip = [[\"*\", 10, -1]]").unwrap_err();
//! assert_eq!((error.line, error.column), (2, 17));
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use thiserror::Error;
use toml::Spanned;

use crate::rater::address::Address;
use crate::rater::log::Level;
use crate::rater::rules::{Class, Limit, Rules, glob, network};

/// The configuration without a file. Whoever sends by hand never meets
/// these limits, whoever has stolen a password does.
pub const DEFAULT: &str = r#"
[settings]
listen = ["127.0.0.1:1999"]

[limits]
ip = [["127.0.0.0/8", 0, 0], ["::1", 0, 0], ["*", "1m", 30]]
user = [["*", "1h", 200]]
sender = [["", 0, 0], ["*", "1h", 200]]
"#;

/// A configuration that is right.
#[derive(Debug)]
pub struct Config {
    /// How the daemon runs.
    pub settings: Settings,
    /// What it limits.
    pub rules: Rules,
}

/// The section `[settings]`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where to answer questions.
    pub listen: Vec<Address>,
    /// Where to answer the administrator; nowhere unless set.
    pub control: Option<Address>,
    /// The file that survives a restart; none: memory only.
    pub state: Option<PathBuf>,
    /// A Redis-protocol server that is asked instead of our own memory.
    pub store: Option<String>,
    /// How many keys are remembered. With none there would be no limits.
    pub max_keys: NonZeroUsize,
    /// What is logged.
    pub log: Level,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:1999".parse().into_iter().collect(),
            control: None,
            state: None,
            store: None,
            max_keys: NonZeroUsize::MIN.saturating_add(999_999),
            log: Level::Info,
        }
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    settings: Settings,
    #[serde(default)]
    limits: BTreeMap<Spanned<String>, Vec<Line>>,
}

/// A rule: pattern, seconds, count.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a rule: [pattern, seconds, count]")]
struct Line(Spanned<String>, Spanned<Seconds>, u32);

/// A number of seconds, or `30s`, `5m`, `1h`, `1d`.
#[derive(Debug, Clone, Copy)]
struct Seconds(u32);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(SecondsVisitor)
    }
}

/// Takes either form.
struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds, or a time as \"30s\", \"5m\", \"1h\", \"1d\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Seconds, E> {
        let seconds = u32::try_from(number).ok();
        seconds.map(Seconds).ok_or_else(|| {
            E::custom("seconds are a number between 0 and 4294967295")
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Seconds, E> {
        let seconds = seconds(text);
        seconds.map(Seconds).ok_or_else(|| {
            E::custom(format_args!("not a time: {text:?} (as 30s, 5m, 1h, 1d)"))
        })
    }
}

/// The seconds of a time with its unit.
fn seconds(text: &str) -> Option<u32> {
    let number = text.trim_end_matches(['s', 'm', 'h', 'd']);
    let unit = match text.strip_prefix(number)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(unit)
}

/// Where a configuration is wrong, and how.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{line}:{column}: {text}")]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub text: String,
}

impl Mistake {
    /// A mistake at a place in a text.
    fn at(whole: &str, place: Range<usize>, text: impl fmt::Display) -> Self {
        let before = whole.get(..place.start).unwrap_or(whole);
        let line = 1 + before.matches('\n').count();
        let last = before.rsplit('\n').next().unwrap_or_default();
        let column = 1 + last.chars().count();
        Self { line, column, text: text.to_string() }
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is wrong.
    #[error("{}:{mistake}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        mistake: Mistake,
    },
}

impl Config {
    /// Reads a file, or what there is without one.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path.map(Path::to_owned) else {
            let (path, parsed) = ("default".into(), Self::parse(DEFAULT));
            return parsed
                .map_err(|mistake| ConfigError::Wrong { path, mistake });
        };
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse_bytes(&bytes)
                .map_err(|mistake| ConfigError::Wrong { path, mistake }),
            Err(error) => Err(ConfigError::Unreadable { path, error }),
        }
    }

    /// Reads a configuration, if it is text.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, Mistake> {
        let text = String::from_utf8_lossy(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => {
                let at = error.valid_up_to();
                Err(Mistake::at(&text, at..at, "not UTF-8"))
            }
        }
    }

    /// Reads a configuration.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let file: File = toml::from_str(text).map_err(|error| {
            let place = error.span().unwrap_or(text.len()..text.len());
            Mistake::at(text, place, error.message())
        })?;
        let mut classes = BTreeMap::new();
        for (name, lines) in file.limits {
            let class = class(text, &name, &lines)?;
            classes.insert(name.into_inner(), class);
        }
        let rules = Rules { classes };
        Ok(Self { settings: file.settings, rules })
    }
}

/// Checks the rules of a class and takes them over.
fn class(
    text: &str,
    name: &Spanned<String>,
    lines: &[Line],
) -> Result<Class, Mistake> {
    let wrong = |place, words: &str| Err(Mistake::at(text, place, words));
    let begin = name.get_ref().chars().next();
    if begin.is_none_or(|it| matches!(it, '?' | '+'))
        || name.get_ref().contains(char::is_whitespace)
    {
        let words = "a class needs a name without spaces, ? and + in front";
        return wrong(name.span(), words);
    }
    let mut rules = Vec::new();
    for Line(pattern, seconds, count) in lines {
        if seconds.get_ref().0 == 0 && *count > 0 {
            return wrong(seconds.span(), "a limit needs a window of seconds");
        }
        if network(pattern.get_ref()).is_none()
            && let Err(error) = glob(pattern.get_ref())
        {
            return Err(Mistake::at(text, pattern.span(), error.kind()));
        }
        let limit = Limit { seconds: seconds.get_ref().0, count: *count };
        rules.push((pattern.get_ref().clone(), limit));
    }
    Class::new(&rules).map_err(|it| Mistake::at(text, name.span(), it))
}
