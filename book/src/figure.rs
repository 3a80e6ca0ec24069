//! Snapshots and recorded sessions, set as figures.

use std::path::Path;

use serde_json::Value;
use thiserror::Error;

use crate::html::escape;
use crate::source::{self, below, find};

/// Why a figure cannot be made.
#[derive(Debug, Error)]
pub enum FigureError {
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Read(String, std::io::Error),
    /// The file is no JSON.
    #[error("{0}: {1}")]
    Json(String, serde_json::Error),
    /// The file has no session of this name.
    #[error("{0} has no session `{1}`")]
    NoSession(String, String),
    /// A line of the file cannot be drawn.
    #[error("{0}:{1}: {2}")]
    Line(String, usize, String),
    /// The file lacks what is to be drawn.
    #[error("{0}: {1}")]
    Missing(String, String),
}

/// Reads a file below the root.
pub fn read(root: &Path, path: &str) -> Result<String, FigureError> {
    source::text(&root.join(path))
        .map_err(|error| FigureError::Read(path.to_owned(), error))
}

/// A snapshot: what its test says it shows, and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What it shows: its description, else the expression.
    pub caption: String,
    /// The text that the test compares.
    pub text: String,
}

impl Snapshot {
    /// Takes a snapshot file apart: a head between two `---`, then text.
    pub fn parse(content: &str) -> Self {
        let mut parts = content.splitn(3, "---\n");
        let before = parts.next().unwrap_or("");
        let (Some(head), Some(text), true) =
            (parts.next(), parts.next(), before.trim().is_empty())
        else {
            let text = content.to_owned();
            return Self { caption: String::new(), text };
        };
        let field = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name))?;
            let value = line.strip_prefix(':')?.trim().trim_matches('"');
            Some(value.replace("\\\"", "\""))
        };
        let caption = field("description").or_else(|| field("expression"));
        Self { caption: caption.unwrap_or_default(), text: text.to_owned() }
    }
}

/// The snapshots of a project, by name.
pub fn snapshots(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let folder = root.join("snapshots");
    if folder.is_dir() && find(&folder, "snap", &mut found).is_err() {
        found.clear();
    }
    let mut paths: Vec<String> =
        found.iter().map(|path| below(root, path)).collect();
    paths.sort();
    paths
}

/// Sets a snapshot.
pub fn snapshot(root: &Path, path: &str) -> Result<String, FigureError> {
    let snapshot = Snapshot::parse(&read(root, path)?);
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_suffix(".snap").unwrap_or(name);
    let mut lines = String::new();
    for line in snapshot.text.trim_end().lines() {
        let class = match line.split_once(':') {
            Some(("stdout" | "stderr" | "exit" | "status", "")) => " part",
            _ => "",
        };
        let line = escape(line);
        lines.push_str(&format!("<span class=\"line{class}\">{line}</span>\n"));
    }
    Ok(format!(
        "\n<figure class=\"snapshot\" id=\"snapshot-{name}\">\n\
         <figcaption><span class=\"title\">{}</span> \
         <span class=\"place\">{}</span></figcaption>\n\
         <pre tabindex=\"0\"><samp>{lines}</samp></pre>\n</figure>\n\n",
        escape(&snapshot.caption),
        escape(path),
    ))
}

/// A recorded session, as far as we draw it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// Who speaks (`server`, `client`, `note`) and what.
    pub dialogue: Vec<(String, String)>,
    /// The plugins by section.
    pub plugins: Vec<(String, Vec<String>)>,
    /// The log.
    pub log: Vec<String>,
    /// What the original did wrong here.
    pub bug: String,
}

/// Reads a session from a file of recordings.
pub fn read_session(
    root: &Path,
    path: &str,
    name: &str,
) -> Result<Session, FigureError> {
    let all: Value = serde_json::from_str(&read(root, path)?)
        .map_err(|error| FigureError::Json(path.to_owned(), error))?;
    let sessions = all.as_array().map_or(&[][..], Vec::as_slice);
    let found = sessions.iter().find(|at| text(at.get("name")) == name);
    let no_session =
        || FigureError::NoSession(path.to_owned(), name.to_owned());
    Ok(session(found.ok_or_else(no_session)?))
}

/// The text of a value that may not be there.
fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or("").to_owned()
}

/// The values of a list that may not be there.
fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Takes a recorded session out of its JSON. Where the original was wrong,
/// we draw what is right.
fn session(record: &Value) -> Session {
    let right = |field: &str| {
        let expected = record.get("expected");
        let better = expected.and_then(|expected| expected.get(field));
        better.or_else(|| record.get(field))
    };
    let pair = |line: &Value| (text(line.get(0)), text(line.get(1)));
    let section = |line: &Value| {
        let plugins = list(line.get(1)).iter();
        let plugins = plugins.map(|plugin| text(Some(plugin)));
        let ours = plugins.filter(|plugin| !plugin.starts_with(':'));
        (text(line.get(0)), ours.collect::<Vec<String>>())
    };
    let plugins = list(record.get("smtpplugins")).iter().map(section);
    Session {
        name: text(record.get("name")),
        dialogue: list(right("dialogue")).iter().map(pair).collect(),
        plugins: plugins.filter(|(_, all)| !all.is_empty()).collect(),
        log: text(right("stderr")).lines().map(str::to_owned).collect(),
        bug: text(record.get("bug")),
    }
}
