//! Settings: declared once, read without ever failing.
//!
//! A plugin's settings are variables of the session. Each is declared with
//! its kind, its default and one line of help; a value that does not parse
//! is answered with the default and a warning for the log.
//!
//! ```
//! use ra_plugins::session::Session;
//! use ra_plugins::settings::{Kind, Setting};
//!
//! const LIMIT: Setting =
//!     Setting::new("LIMIT", Kind::Number, "10").help("how many are enough");
//! let session = Session::new(1).with("LIMIT", "few");
//! let reading = LIMIT.number(&session);
//! assert_eq!(reading.value, 10);
//! assert_eq!(
//!     reading.warning.as_deref(),
//!     Some("LIMIT: not a number: few; using 10"),
//! );
//! ```

use crate::session::Session;
use crate::spp::clean;

/// What a setting's value has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any words.
    Text,
    /// One word, without a space.
    Word,
    /// A path; one that is not absolute lies below the qmail folder.
    File,
    /// A set of characters; an empty one is a value.
    Characters,
    /// A whole number.
    Number,
    /// `1`, `yes`, `on` or `0`, `no`, `off`.
    Switch,
    /// Seconds, or `N`, `M`, `H`: normal, medium, hard.
    Delay,
    /// An SMTP reply: three digits, a space, words.
    Reply,
    /// Words separated by colons or commas.
    List,
    /// One of the words that the help names.
    Choice,
}

impl Kind {
    /// The kind in the words of a warning: "not a …".
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Word => "word",
            Self::File => "file",
            Self::Characters => "set of characters",
            Self::Number => "number",
            Self::Switch => "switch",
            Self::Delay => "delay",
            Self::Reply => "reply",
            Self::List => "list",
            Self::Choice => "choice",
        }
    }
}

/// The declaration of one setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable that holds it.
    pub name: &'static str,
    /// What its value has to look like.
    pub kind: Kind,
    /// The value when it is not set; empty where there is none.
    pub default: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
}

/// A value and, when it is not the one that was asked for, the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<T> {
    /// What to use.
    pub value: T,
    /// What the log should say about it.
    pub warning: Option<String>,
}

impl Setting {
    /// Declares a setting; [`Setting::help`] says what it does.
    pub const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
    ) -> Self {
        Self { name, kind, default, help: "" }
    }

    /// The same setting with its line of help.
    #[must_use]
    pub const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// The value as it stands, or the default. Empty counts as unset, but
    /// not for a set of characters.
    pub fn text<'a>(&self, session: &'a Session) -> &'a str {
        let may_be_empty = self.kind == Kind::Characters;
        session
            .get(self.name)
            .filter(|value| may_be_empty || !value.is_empty())
            .unwrap_or(self.default)
    }

    /// The value as `parse` understands it; where it does not, the default
    /// and a warning. `T::default()` stands for a default that does not
    /// parse itself, which the tests rule out.
    pub fn parsed<T: Default>(
        &self,
        session: &Session,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Reading<T> {
        let text = self.text(session);
        if let Some(value) = parse(text.trim()) {
            return Reading { value, warning: None };
        }
        let warning = warning(self.name, self.kind, text, self.default);
        let value = parse(self.default).unwrap_or_default();
        Reading { value, warning: Some(warning) }
    }

    /// A whole number.
    pub fn number(&self, session: &Session) -> Reading<i64> {
        self.parsed(session, |text| text.parse().ok())
    }

    /// One word; it is used as it stands.
    pub fn word<'a>(&self, session: &'a Session) -> Reading<&'a str> {
        let text = self.text(session);
        self.parsed(session, |_| (!text.contains(' ')).then_some(text))
    }

    /// A switch: on or off.
    pub fn switch(&self, session: &Session) -> Reading<bool> {
        self.parsed(session, is_on)
    }

    /// An SMTP reply that refuses: it begins with 4 or 5 and two more
    /// digits, then a space (RFC 5321 4.2).
    pub fn reply(&self, session: &Session) -> Reading<String> {
        self.parsed(session, |text| is_refusal(text).then(|| text.to_owned()))
    }
}

/// What the log should say about a value that does not parse.
pub fn warning(name: &str, kind: Kind, text: &str, default: &str) -> String {
    let (kind, text) = (kind.name(), clean(text));
    let default = if default.is_empty() { "none" } else { default };
    format!("{name}: not a {kind}: {text}; using {default}")
}

/// What a switch's text means, if it means anything.
pub fn is_on(text: &str) -> Option<bool> {
    match text {
        "1" | "yes" | "on" | "true" => Some(true),
        "" | "0" | "no" | "off" | "false" => Some(false),
        _ => None,
    }
}

/// Whether a text is a reply line with which a command can be refused.
pub fn is_refusal(text: &str) -> bool {
    let [class, second, third, b' ', ..] = text.as_bytes() else {
        return false;
    };
    matches!(class, b'4' | b'5')
        && second.is_ascii_digit()
        && third.is_ascii_digit()
}

/// The words of a list.
pub fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ':']).map(str::trim).filter(|word| !word.is_empty())
}
