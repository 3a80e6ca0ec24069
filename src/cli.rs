//! The command line: what every command of `ra` has in common.
//!
//! A command is a value, as a plugin is: a name, its arguments, a function.
//! Results go to standard output, words to standard error, and the exit
//! status says yes, no, or trouble.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ArgMatches;
use serde::Serialize;

pub mod addresses;
pub mod rbl;
pub mod man;
pub mod alias;
pub mod overload;
pub mod plugins;
pub mod install;
pub mod rater;
pub mod record;
pub mod replay;
pub mod smtpd;
pub mod spf_published;
pub mod spf_lint;
pub mod spf;
pub mod spfquery;
pub mod stops;
pub mod tour;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; or, asked something, yes. Exit status 0.
    Yes,
    /// A failed test, an address over its limit. Exit status 1.
    No,
    /// It could not be done. Exit status 2.
    Trouble,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            _ if UNTOLD.load(Ordering::Relaxed) => Self::from(2),
            Outcome::Yes => Self::SUCCESS,
            Outcome::No => Self::from(1),
            Outcome::Trouble => Self::from(2),
        }
    }
}

/// One command of `ra`.
pub struct Command {
    /// What is typed.
    pub name: &'static str,
    /// Declares the arguments and the help.
    pub configure: fn(clap::Command) -> clap::Command,
    /// Does it.
    pub run: fn(&ArgMatches) -> Outcome,
}

/// Whether there were results that could not be printed.
static UNTOLD: AtomicBool = AtomicBool::new(false);

/// Prints a line of results. A reader that has gone away, as `head` does,
/// is no trouble; where there is no room for results, that is said once,
/// and the command ends in trouble.
pub fn print(line: impl Display) {
    if let Err(error) = writeln!(std::io::stdout().lock(), "{line}")
        && error.kind() != io::ErrorKind::BrokenPipe
        && !UNTOLD.swap(true, Ordering::Relaxed)
    {
        complain(error);
    }
}

/// Prints results as one line of JSON.
pub fn print_json(results: &impl Serialize) {
    match serde_json::to_string(results) {
        Ok(json) => print(json),
        Err(error) => complain(error),
    }
}

/// Says on standard error what is wrong.
pub fn complain(trouble: impl Display) {
    _ = writeln!(std::io::stderr().lock(), "ra: {trouble}");
}
