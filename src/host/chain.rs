//! The chain: which plugins run when.
//!
//! The file smtpplugins names them, section by section. A bare name of one
//! of our own plugins runs in this process; everything else is a program,
//! as it is for qmail-spp.
//!
//! ```
//! use ra_plugins::host::chain::{Chain, Runs};
//! use ra_plugins::plugins::tarpit;
//! use ra_plugins::spp::Section;
//!
//! let file = b"[rcpt]\ntarpit\nplugins/other  \n:exit 0\n";
//! let chain = Chain::parse(file, &[&tarpit::PLUGIN]);
//! let lines: Vec<_> = chain.lines(Section::Rcpt).collect();
//! assert!(matches!(lines[0].runs, Runs::BuiltIn(_)));
//! assert!(matches!(&lines[1].runs, Runs::Program(path)
//!     if path == "plugins/other"));
//! assert!(matches!(&lines[2].runs, Runs::Shell(_)));
//! ```

use crate::plugin::Plugin;
use crate::spp::Section;

/// The file, below the qmail folder, unless `SPPCONFFILE` names another.
pub const SMTPPLUGINS: &str = "control/smtpplugins";

/// What a line of smtpplugins runs.
#[derive(Clone, Debug)]
pub enum Runs {
    /// One of our own plugins, in this process.
    BuiltIn(&'static Plugin),
    /// A program without arguments; its path is below the qmail folder
    /// unless absolute.
    Program(String),
    /// A command for `/bin/sh -c`.
    Shell(String),
}

/// One line of smtpplugins.
#[derive(Clone, Debug)]
pub struct Line {
    /// As it stands in the file: its name in replies and logs.
    pub text: String,
    /// What it runs.
    pub runs: Runs,
}

/// All lines, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    lines: Vec<(Section, Line)>,
}

impl Chain {
    /// Reads smtpplugins. Lines of a section that we do not know do not
    /// count (as recorded in sessions.json: unknown-section), nor do those
    /// before the first section, blank ones and comments.
    pub fn parse(file: &[u8], built_in: &[&'static Plugin]) -> Self {
        let mut lines = Vec::new();
        let mut section = None;
        for text in String::from_utf8_lossy(file).split('\n') {
            let text = text.trim_end();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if let Some(name) = text.strip_prefix('[') {
                section = Section::from_name(name);
            } else if let Some(section) = section {
                lines.push((section, Line::parse(text, built_in)));
            }
        }
        Self { lines }
    }

    /// The lines of a section.
    pub fn lines(&self, section: Section) -> impl Iterator<Item = &Line> {
        let lines = self.lines.iter();
        lines.filter(move |(of, _)| *of == section).map(|(_, line)| line)
    }

    /// The same chain, with what some lines run replaced.
    #[must_use]
    pub fn with(mut self, replacement: impl Fn(&Line) -> Option<Runs>) -> Self {
        for (_, line) in &mut self.lines {
            if let Some(runs) = replacement(line) {
                line.runs = runs;
            }
        }
        self
    }
}

impl Line {
    /// Reads one line.
    fn parse(text: &str, built_in: &[&'static Plugin]) -> Self {
        let runs = if let Some(command) = text.strip_prefix(':') {
            Runs::Shell(command.to_owned())
        } else if let Some(plugin) =
            built_in.iter().find(|plugin| plugin.name == text)
        {
            Runs::BuiltIn(plugin)
        } else {
            Runs::Program(text.to_owned())
        };
        Self { text: text.to_owned(), runs }
    }
}
