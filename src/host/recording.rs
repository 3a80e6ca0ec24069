//! Recordings: what somebody really did, as data.
//!
//! Two forms. A [`Case`] is one plugin in one environment, a [`Dialogue`] is
//! a whole SMTP session. A recording is a JSON array of either.
//!
//! ```
//! use ra_plugins::host::recording::Recording;
//!
//! let text = br#"[{"plugin": "msa", "name": "joe",
//!     "env": {"SMTPAUTHUSER": "joe"},
//!     "original": {"stdout": "", "stderr": "", "exit": 0}}]"#;
//! let Recording::Cases(cases) = Recording::parse(text).unwrap() else {
//!     panic!()
//! };
//! assert_eq!(cases[0].plugin, "msa");
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a plugin answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error; the session's process id is written PID.
    pub stderr: String,
    /// Its exit status; negative: the signal that killed it.
    pub exit: i32,
    /// How long it slept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// What a correct plugin answers where the original did not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// Its standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Its exit status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// How long it sleeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// What standard output has to hold; the rest is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_has: Option<String>,
    /// What standard error has to hold; the rest is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_has: Option<String>,
}

/// One plugin, one environment, one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The plugin.
    pub plugin: String,
    /// The case.
    pub name: String,
    /// The whole environment, apart from PATH.
    #[serde(default)]
    pub env: BTreeMap<String, Option<String>>,
    /// Files below the qmail folder.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// What the original answered.
    pub original: Answer,
    /// What was wrong with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bug: Option<String>,
    /// What is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Correction>,
    /// The zone that DNS answers from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How to compare, when not word for word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<String>,
    /// Something to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What one recorder found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The recorder's name.
    pub section: String,
    /// The variables.
    pub env: BTreeMap<String, String>,
}

/// What a server with correct plugins does where the original had others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amendment {
    /// What each side sent.
    pub dialogue: Option<Vec<(String, String)>>,
    /// The log.
    pub stderr: Option<String>,
    /// The envelopes that reached the queue.
    pub envelopes: Option<Vec<String>>,
    /// The messages that reached the queue.
    pub messages: Option<Vec<String>>,
    /// What each recorder found.
    pub seen: Option<Vec<Seen>>,
    /// The server's exit status.
    pub exit: Option<i32>,
}

/// A whole SMTP session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialogue {
    /// The session.
    pub name: String,
    /// The sections of smtpplugins, with their lines.
    pub smtpplugins: Vec<(String, Vec<String>)>,
    /// The environment besides the usual one; null takes a variable away.
    #[serde(default)]
    pub env: BTreeMap<String, Option<String>>,
    /// Files below control/.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// What each side sent: `client`, `server`, or a `note`.
    pub dialogue: Vec<(String, String)>,
    /// What each recorder found, in order.
    #[serde(default)]
    pub seen: Vec<Seen>,
    /// The messages that reached the queue.
    #[serde(default)]
    pub messages: Vec<String>,
    /// Their envelopes.
    #[serde(default)]
    pub envelopes: Vec<String>,
    /// The log.
    #[serde(default)]
    pub stderr: String,
    /// The server's exit status.
    #[serde(default)]
    pub exit: i32,
    /// What was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bug: Option<String>,
    /// What is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Amendment>,
}

impl Dialogue {
    /// The session as it should go: the recording with its amendments.
    #[must_use]
    pub fn amended(mut self) -> Self {
        let Some(right) = self.expected.take() else { return self };
        self.dialogue = right.dialogue.unwrap_or(self.dialogue);
        self.stderr = right.stderr.unwrap_or(self.stderr);
        self.envelopes = right.envelopes.unwrap_or(self.envelopes);
        self.messages = right.messages.unwrap_or(self.messages);
        self.seen = right.seen.unwrap_or(self.seen);
        self.exit = right.exit.unwrap_or(self.exit);
        self
    }
}

/// A recording of either form.
#[derive(Clone, Debug, PartialEq)]
pub enum Recording {
    /// Single plugins.
    Cases(Vec<Case>),
    /// Whole sessions.
    Dialogues(Vec<Dialogue>),
}

impl Recording {
    /// Reads a recording. Its first entry tells its form.
    pub fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        let entries: Vec<serde_json::Value> = serde_json::from_slice(text)?;
        let is_dialogue =
            |entry: &serde_json::Value| entry.get("dialogue").is_some();
        if entries.first().is_some_and(is_dialogue) {
            serde_json::from_slice(text).map(Self::Dialogues)
        } else {
            serde_json::from_slice(text).map(Self::Cases)
        }
    }
}

/// What a replay came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// Everything as recorded.
    Passed,
    /// This differed.
    Failed(Vec<String>),
    /// It was not replayed: this is missing.
    Skipped(String),
}

impl Replayed {
    /// The result of a comparison.
    pub fn of(differences: Vec<String>) -> Self {
        if differences.is_empty() {
            Self::Passed
        } else {
            Self::Failed(differences)
        }
    }
}
