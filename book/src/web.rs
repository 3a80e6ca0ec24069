//! The woven book: chunks, and which line stands in which.

use std::collections::BTreeMap;

use crate::outline::Part;
use crate::problem::Problem;

/// What a chunk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A piece of the program: this is its place in the book.
    Program,
    /// A piece of the tests.
    Test,
    /// A second look at code that has its place elsewhere.
    Preview,
}

/// One row of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A line that has its place here.
    Line(usize),
    /// A line repeated to give the others their frame: `impl Budget {`.
    Ghost(usize),
    /// A blank row between lines that do not follow each other.
    Gap,
}

impl Row {
    /// The line of the file, unless it is a gap.
    pub fn line(self) -> Option<usize> {
        match self {
            Self::Line(line) | Self::Ghost(line) => Some(line),
            Self::Gap => None,
        }
    }
}

/// A piece of code in a chapter.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// What it is for.
    pub kind: Kind,
    /// Its heading.
    pub title: String,
    /// Its number: `4.2` is the second of chapter 4.
    pub label: String,
    /// The index of its file among the sources.
    pub file: usize,
    /// What it shows.
    pub rows: Vec<Row>,
    /// The index of its chapter.
    pub chapter: usize,
    /// The line of the chapter on which it stands.
    pub at: usize,
}

impl Chunk {
    /// The name of the place in its page.
    pub fn anchor(&self) -> String {
        format!("chunk-{}", self.label.replace(['.', '/'], "-"))
    }

    /// Whether a line of its file has its place here.
    pub fn has(&self, line: usize) -> bool {
        self.rows.contains(&Row::Line(line))
    }
}

/// The woven book.
pub struct Web {
    /// The chunks, in reading order.
    pub chunks: Vec<Chunk>,
    /// For a file and a line, the chunks in which it has its place.
    pub owners: BTreeMap<(usize, usize), Vec<usize>>,
    /// The outline of each file.
    pub outlines: Vec<Vec<Part>>,
    /// What went wrong.
    pub problems: Vec<Problem>,
}

impl Web {
    /// The first chunk in which a line has its place.
    pub fn owner(&self, file: usize, line: usize) -> Option<usize> {
        self.owners.get(&(file, line))?.first().copied()
    }

    /// The chunk of a directive: chapter, and line of the chapter.
    pub fn at(&self, chapter: usize, line: usize) -> Option<usize> {
        self.chunks
            .iter()
            .position(|chunk| chunk.chapter == chapter && chunk.at == line)
    }
}
