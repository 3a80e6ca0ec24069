//! The journal: where a host writes down what happens.
//!
//! An administrator reads its log lines. Tests, recordings and the tour
//! want to know more: what a plugin saw when it ran, and what it said.
//!
//! ```
//! use ra_plugins::host::journal::{Journal, Notebook};
//!
//! let notebook = Notebook::default();
//! notebook.log("msa: pid 7 - Message rejected (no auth).");
//! assert_eq!(notebook.log_lines().len(), 1);
//! ```

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::session::Session;
use crate::spp::{Command, Section};

/// Somebody who takes notes. Only the log is for everybody.
pub trait Journal: Send + Sync {
    /// A line for the log, without its line end.
    fn log(&self, line: &str);

    /// A line of smtpplugins is about to run, and this is what it sees.
    fn runs(&self, _section: Section, _line: &str, _session: &Session) {}

    /// It has said something that takes effect.
    fn says(&self, _line: &str, _command: &Command) {}

    /// A line goes to the client because of a plugin, and not because the
    /// server has anything to say.
    fn sends(&self, _reply: &str) {}
}

/// The journal of a server: its standard error.
pub struct StandardError;

impl Journal for StandardError {
    fn log(&self, line: &str) {
        _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

/// One note about a plugin.
#[derive(Clone, Debug)]
pub enum Note {
    /// This line of smtpplugins ran in this section and saw this.
    Ran(Section, String, Session),
    /// This line of smtpplugins said this.
    Said(String, Command),
    /// The client was sent this, on behalf of a plugin.
    Sent(String),
    /// The log was told this.
    Logged(String),
}

/// A journal that remembers everything.
#[derive(Debug, Default)]
pub struct Notebook {
    notes: Mutex<Vec<Note>>,
}

impl Notebook {
    /// The notes of now; a note-taker that died has still taken notes.
    fn notes(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All notes since the last time; they are removed.
    pub fn take(&self) -> Vec<Note> {
        std::mem::take(&mut self.notes())
    }

    /// The lines of the log.
    pub fn log_lines(&self) -> Vec<String> {
        let notes = self.notes();
        let logged = notes.iter().filter_map(|note| match note {
            Note::Logged(line) => Some(line.clone()),
            Note::Ran(..) | Note::Said(..) | Note::Sent(_) => None,
        });
        logged.collect()
    }
}

impl Journal for Notebook {
    fn log(&self, line: &str) {
        self.notes().push(Note::Logged(line.to_owned()));
    }

    fn runs(&self, section: Section, line: &str, session: &Session) {
        let note = Note::Ran(section, line.to_owned(), session.clone());
        self.notes().push(note);
    }

    fn says(&self, line: &str, command: &Command) {
        self.notes().push(Note::Said(line.to_owned(), command.clone()));
    }

    fn sends(&self, reply: &str) {
        self.notes().push(Note::Sent(reply.to_owned()));
    }
}
