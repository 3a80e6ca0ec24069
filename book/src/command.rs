//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mdbook_driver::MDBook;
use mdbook_preprocessor::Preprocessor;
use thiserror::Error;

use crate::chapter::chapters;
use crate::check::check;
use crate::preprocess::{Weaver, preprocess, project};
use crate::serve::serve;
use crate::site::Site;
use crate::source::{FOLDERS, SourceError};
use crate::spans::dead_links;
use crate::stage::{StageError, stage, stages};

/// Why a command fails.
#[derive(Debug, Error)]
pub enum CommandError {
    /// A file cannot be read or is not Rust.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// mdBook gave up.
    #[error("{0:#}")]
    Book(#[from] mdbook_preprocessor::errors::Error),
    /// A stage cannot be written, or does not hold.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The server cannot serve.
    #[error("{0}")]
    Serve(#[from] std::io::Error),
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
    command: Option<Command>,
}

/// What the weaver can do. Without a command it is a preprocessor of mdBook,
/// and reads a book on its standard input.
#[derive(Subcommand)]
enum Command {
    /// Write the book to target/book/html.
    Build,
    /// Say what is wrong with the book.
    Check,
    /// Build the book, serve it on this machine, build again on changes.
    Serve {
        /// The port to listen on.
        #[arg(long, default_value_t = 3000)]
        port: u16,
    },
    /// Write the program as it stands at the end of a chapter.
    Stage {
        /// The number of the chapter.
        chapter: String,
        /// The folder to write to.
        to: PathBuf,
    },
    /// Write every stage and run its tests.
    Stages,
    /// Tell mdBook whether we can weave for a renderer.
    Supports {
        /// The renderer.
        renderer: String,
    },
}

/// Reads the arguments and does what they say.
pub fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("book: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what the arguments say. A refusal is no error.
fn run(arguments: &Arguments) -> Result<bool, CommandError> {
    let folder = arguments.folder.as_path();
    match &arguments.command {
        Some(Command::Build) => build(folder)?,
        Some(Command::Check) => run_check(folder)?,
        Some(Command::Serve { port }) => run_serve(folder, *port)?,
        Some(Command::Stage { chapter, to }) => {
            stage(&load(folder)?.1, chapter, to)?;
        }
        Some(Command::Stages) => stages(&load(folder)?.1)?,
        Some(Command::Supports { renderer }) => {
            return Ok(Weaver.supports_renderer(renderer)?);
        }
        None => preprocess(std::io::stdin(), std::io::stdout())?,
    }
    Ok(true)
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
    let lines = site.woven_lines();
    let chunks = site.web.chunks.len();
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

/// Builds, serves, and builds again whenever a file changes. A mistake is
/// told and does not end the serving.
fn run_serve(folder: &Path, port: u16) -> Result<(), CommandError> {
    build(folder)?;
    let root = project(folder);
    let mut watched: Vec<PathBuf> =
        FOLDERS.iter().map(|name| root.join(name)).collect();
    watched
        .extend(["chapters", "theme", "book.toml"].map(|at| folder.join(at)));
    watched.push(root.join("snapshots"));
    let pages = MDBook::load(folder)?.build_dir_for("html");
    serve(&pages, port, &watched, || {
        if let Err(error) = build(folder) {
            eprintln!("book: {error}");
        }
    })?;
    Ok(())
}
