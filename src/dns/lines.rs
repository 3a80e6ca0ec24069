//! Zones and tests as text: YAML for those who have no YAML.
//!
//! Tests, the recordings and the SPF suites bring their own DNS. It comes in
//! a form of YAML in which each record is one line of JSON, so a line reader
//! and a JSON parser are all it takes.
//!
//! ```
//! use ra_plugins::dns::lines::{Line, lines};
//!
//! let text = "- name: \"small\"\n  zone:\n  # nothing yet\n";
//! let lines: Vec<_> = lines(text).map(|line| line.unwrap()).collect();
//! assert_eq!(lines[0], (1, Line::Scenario("small".to_owned())));
//! assert_eq!(lines[1], (2, Line::Zone));
//! ```

use serde_json::Value;
use thiserror::Error;

/// One line of the YAML form that means something.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// `- name: "…"`: a scenario begins.
    Scenario(String),
    /// `zone:`
    Zone,
    /// `"owner":`
    Owner(String),
    /// `tests:`
    Tests,
    /// `- …`: a record or a test.
    Item(Value),
}

/// A line that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {what}")]
pub struct Unreadable {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl Unreadable {
    /// What is wrong with a line.
    pub fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

/// The lines of the YAML form, with their numbers. Comments, blank lines
/// and the opening `scenarios:` mean nothing.
pub fn lines(
    text: &str,
) -> impl Iterator<Item = Result<(usize, Line), Unreadable>> {
    text.lines().zip(1..).filter_map(|(line, number)| {
        let line = line.trim();
        let empty = line.is_empty() || line.starts_with('#');
        if empty || line == "---" || line == "scenarios:" {
            return None;
        }
        let read = read_line(line);
        let unreadable = |what| Unreadable::new(number, what);
        Some(read.map(|read| (number, read)).map_err(unreadable))
    })
}

/// Reads one line, or says what is wrong with it.
fn read_line(line: &str) -> Result<Line, String> {
    let json = |text| serde_json::from_str(text).map_err(|e| e.to_string());
    if let Some(name) = line.strip_prefix("- name:") {
        let plain = || name.trim().trim_matches('"').to_owned();
        return Ok(Line::Scenario(json(name).unwrap_or_else(|_| plain())));
    }
    if let Some(item) = line.strip_prefix("- ") {
        let value: Value =
            serde_json::from_str(item).map_err(|error| error.to_string())?;
        return Ok(Line::Item(value));
    }
    let key = line.trim_end_matches(['[', ']', '{', '}', ' ']);
    match key.strip_suffix(':') {
        Some("zone") => Ok(Line::Zone),
        Some("tests") => Ok(Line::Tests),
        Some(owner) if owner.starts_with('"') => json(owner).map(Line::Owner),
        Some(owner) => Ok(Line::Owner(owner.to_owned())),
        None => Err(format!("neither a key nor an item: {line}")),
    }
}
