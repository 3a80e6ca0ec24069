//! A file of Rust: its lines, its syntax, and the parts it falls into.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// What can go wrong between the disk and the syntax tree.
#[derive(Debug, Error)]
pub enum SourceError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The path as we were given it.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not Rust.
    #[error("{path}:{line}: {source}")]
    Parse {
        /// The path below the root of the project.
        path: String,
        /// The line at which the parser gave up.
        line: usize,
        /// What it expected.
        source: syn::Error,
    },
}

/// Lines of a file, both ends included, counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lines {
    /// The first line.
    pub first: usize,
    /// The last line.
    pub last: usize,
}

impl Lines {
    /// Whether a line is one of these.
    pub fn has(self, line: usize) -> bool {
        self.first <= line && line <= self.last
    }
}

/// One file of Rust.
pub struct Source {
    /// The path below the root of the project, with `/`.
    pub path: String,
    /// Its lines, without their ends.
    pub lines: Vec<String>,
    /// Its syntax tree; spans count lines from one and columns from zero.
    pub syntax: syn::File,
}

impl Source {
    /// Parses a text that is said to stand at `path`.
    pub fn parse(path: &str, text: &str) -> Result<Self, SourceError> {
        let syntax = syn::parse_file(text).map_err(|source| {
            let line = source.span().start().line;
            SourceError::Parse { path: path.to_owned(), line, source }
        })?;
        let lines = text.lines().map(str::to_owned).collect();
        Ok(Self { path: path.to_owned(), lines, syntax })
    }

    /// A line by its number; nothing when there is no such line.
    pub fn line(&self, number: usize) -> &str {
        let index = number.checked_sub(1);
        index.and_then(|at| self.lines.get(at)).map_or("", String::as_str)
    }

    /// Whether a line holds nothing but white space.
    pub fn is_blank(&self, number: usize) -> bool {
        self.line(number).trim().is_empty()
    }
}

/// The folders whose Rust files the book may show.
pub const FOLDERS: [&str; 5] =
    ["src", "tests", "benches", "book/src", "book/tests"];

/// Reads all the Rust files of a project, in the order of their paths. The
/// fixtures of the weaver's own tests are small projects, not parts of this.
pub fn read_all(root: &Path) -> Result<Vec<Source>, SourceError> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        if root.join(folder).is_dir() {
            find(&root.join(folder), "rs", &mut paths)?;
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| Source::parse(&below(root, path), &read(path)?))
        .collect()
}

/// Reads a text file.
pub fn read(path: &Path) -> Result<String, SourceError> {
    text(path)
        .map_err(|source| SourceError::Read { path: path.to_owned(), source })
}

/// Reads a text file; where it is none, the error has the line.
pub fn text(path: &Path) -> std::io::Result<String> {
    String::from_utf8(std::fs::read(path)?).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes().iter().take(good);
        let line = bytes.filter(|byte| **byte == b'\n').count() + 1;
        let what = format!("line {line} is not UTF-8");
        std::io::Error::new(std::io::ErrorKind::InvalidData, what)
    })
}

/// Collects the files below a folder that have this extension.
pub fn find(
    folder: &Path,
    extension: &str,
    found: &mut Vec<PathBuf>,
) -> Result<(), SourceError> {
    let failed = |source| SourceError::Read { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && !path.ends_with("fixtures") {
            find(&path, extension, found)?;
        } else if path.extension().is_some_and(|is| is == extension) {
            found.push(path);
        }
    }
    Ok(())
}

/// A path as seen from the root, with `/` on every system.
pub fn below(root: &Path, path: &Path) -> String {
    let rest = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> =
        rest.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
