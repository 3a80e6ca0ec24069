//! Everything the weaver knows about a book, and where things stand in it.

use std::path::{Path, PathBuf};

use crate::chapter::{Chapter, page};
use crate::html::{Pieces, by_line, slug};
use crate::lexer;
use crate::source::{Source, SourceError, read_all};
use crate::weave::{Chunk, Kind, Web, weave};

/// A book that has been read and woven.
pub struct Site {
    /// The root of the project.
    pub root: PathBuf,
    /// Its Rust files.
    pub sources: Vec<Source>,
    /// Its chapters.
    pub chapters: Vec<Chapter>,
    /// What is woven where.
    pub web: Web,
    /// The coloured pieces of each line of each file.
    pub pieces: Vec<Vec<Pieces>>,
}

impl Site {
    /// Reads the sources of a project and weaves them into chapters.
    pub fn read(
        root: &Path,
        chapters: Vec<Chapter>,
    ) -> Result<Self, SourceError> {
        Ok(Self::new(root, read_all(root)?, chapters))
    }

    /// Weaves sources into chapters.
    pub fn new(
        root: &Path,
        sources: Vec<Source>,
        chapters: Vec<Chapter>,
    ) -> Self {
        let web = weave(&sources, &chapters);
        let pieces = sources
            .iter()
            .map(|source| {
                let text = source.lines.join("\n");
                by_line(&text, &lexer::rust(&text))
            })
            .collect();
        Self { root: root.to_owned(), sources, chapters, web, pieces }
    }

    /// The path of a file.
    pub fn path(&self, file: usize) -> &str {
        self.sources.get(file).map_or("", |source| &source.path)
    }

    /// The page of a file.
    pub fn file_page(&self, file: usize) -> String {
        page(&file_chapter(self.path(file)))
    }

    /// The page of a chapter.
    pub fn chapter_page(&self, chapter: usize) -> String {
        self.chapters.get(chapter).map(Chapter::page).unwrap_or_default()
    }

    /// Where a chunk stands.
    pub fn chunk_place(&self, chunk: &Chunk) -> String {
        format!("{}#{}", self.chapter_page(chunk.chapter), chunk.anchor())
    }

    /// Where a line has its place: its chunk, else its line on the file's
    /// own page.
    pub fn line_place(&self, file: usize, line: usize) -> String {
        let chunk = self.web.owner(file, line);
        match chunk.and_then(|index| self.web.chunks.get(index)) {
            Some(chunk) => self.chunk_place(chunk),
            None => format!("{}#L{line}", self.file_page(file)),
        }
    }

    /// The chunk that shows a line of the program or of the tests.
    pub fn chunk_of(&self, file: usize, line: usize) -> Option<&Chunk> {
        self.web.chunks.get(self.web.owner(file, line)?)
    }

    /// How many lines of the program are in the book.
    pub fn woven_lines(&self) -> usize {
        let program = |(_, owners): &(&(usize, usize), &Vec<usize>)| {
            owners.iter().any(|index| {
                let chunk = self.web.chunks.get(*index);
                chunk.is_some_and(|chunk| chunk.kind == Kind::Program)
            })
        };
        self.web.owners.iter().filter(program).count()
    }
}

/// The chapter that a file's own page is made from.
pub fn file_chapter(path: &str) -> String {
    format!("files/{}.md", slug(path))
}
