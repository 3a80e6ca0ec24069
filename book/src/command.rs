//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mdbook_driver::MDBook;
use thiserror::Error;

use crate::chapter::chapters;
use crate::check::check;
use crate::preprocess::{Weaver, project};
use crate::site::Site;
use crate::source::SourceError;
use crate::spans::dead_links;

/// Why a command fails.
#[derive(Debug, Error)]
pub enum CommandError {
    /// A file cannot be read or is not Rust.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// mdBook gave up.
    #[error("{0:#}")]
    Book(#[from] mdbook_preprocessor::errors::Error),
    /// The book is not as it should be.
    #[error("{0} problems")]
    Problems(usize),
}

/// Weaves the chapters and the source into one book.
#[derive(Parser)]
#[command(name = "book")]
struct Arguments {
    /// The folder of the book: chapters, theme, book.toml.
    #[arg(long, global = true, default_value = env!("CARGO_MANIFEST_DIR"))]
    folder: PathBuf,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// What the weaver can do.
#[derive(Subcommand)]
enum Command {
    /// Write the book to target/book/html.
    Build,
    /// Say what is wrong with the book.
    Check,
}

/// Reads the arguments and does what they say.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let folder = arguments.folder.as_path();
    let done = match arguments.command {
        Command::Build => build(folder),
        Command::Check => run_check(folder),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("book: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Loads the chapters and weaves them.
fn load(folder: &Path) -> Result<(MDBook, Site), CommandError> {
    let book = MDBook::load(folder)?;
    let site = Site::read(&project(folder), chapters(&book.book))?;
    Ok((book, site))
}

/// Builds the book and says how much it is.
fn build(folder: &Path) -> Result<(), CommandError> {
    let (mut book, site) = load(folder)?;
    book.with_preprocessor(Weaver);
    book.build()?;
    let to: PathBuf = book.build_dir_for("html");
    let lines = site.woven_lines();
    let chunks = site.web.chunks.len();
    println!("{}", to.display());
    println!(
        "{lines} lines in {chunks} chunks, {} links, {:.1} % of names linked",
        site.links.linked,
        site.links.share()
    );
    Ok(())
}

/// Prints what is wrong with the book.
fn run_check(folder: &Path) -> Result<(), CommandError> {
    let (mut book, site) = load(folder)?;
    book.with_preprocessor(Weaver);
    book.build()?;
    let mut problems = check(&site);
    dead_links(&book.build_dir_for("html"), &mut problems)?;
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(CommandError::Problems(count)),
    }
}
