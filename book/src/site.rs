//! Everything the weaver knows about a book, and where things stand in it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::chapter::{Chapter, page};
use crate::directive::{Directive, Index, Segment};
use crate::html::{Pieces, by_line, slug};
use crate::lexer;
use crate::links::Links;
use crate::names::{Def, DefId};
use crate::source::{Source, SourceError, read, read_all};
use crate::weave::weave;
use crate::web::{Chunk, Kind, Web};

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
    /// Names of other crates that need no explanation.
    pub foreign: HashSet<String>,
    /// What every name leads to.
    pub links: Links,
}

impl Site {
    /// Reads the sources of a project and weaves them into chapters.
    pub fn read(
        root: &Path,
        chapters: Vec<Chapter>,
    ) -> Result<Self, SourceError> {
        let list = root.join("book/foreign.txt");
        let list = if list.is_file() { read(&list)? } else { String::new() };
        let crates = vec![
            ("src/lib.rs".to_owned(), library(root)),
            ("book/src/lib.rs".to_owned(), "book".to_owned()),
        ];
        let foreign = words(&list);
        Ok(Self::new(root, read_all(root)?, chapters, &crates, foreign))
    }

    /// Weaves sources into chapters. `crates` names the crates by the files
    /// of their roots.
    pub fn new(
        root: &Path,
        sources: Vec<Source>,
        chapters: Vec<Chapter>,
        crates: &[(String, String)],
        foreign: HashSet<String>,
    ) -> Self {
        let web = weave(&sources, &chapters);
        let pieces: Vec<Vec<Pieces>> = sources
            .iter()
            .map(|source| {
                let text = source.lines.join("\n");
                by_line(&text, &lexer::rust(&text))
            })
            .collect();
        let links = Links::new(&sources, &pieces, crates, &foreign);
        let root = root.to_owned();
        Self { root, sources, chapters, web, pieces, foreign, links }
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

    /// Where the name of a definition stands.
    pub fn def_place(&self, id: DefId) -> String {
        let Some(def) = self.links.def(id) else { return String::new() };
        let Some(chunk) = self.chunk_of(def.file, def.line) else {
            return format!("{}#L{}", self.file_page(def.file), def.line);
        };
        let anchor = self.links.anchors.get(id).map_or("", String::as_str);
        format!("{}#{anchor}", self.chapter_page(chunk.chapter))
    }

    /// The page on which an index stands.
    pub fn index_page(&self, index: Index) -> Option<String> {
        let wanted = Directive::Index(index);
        let holds = |segment: &Segment| match segment {
            Segment::Directive(_, made) => *made == wanted,
            Segment::Prose(_) | Segment::Broken(..) => false,
        };
        let mut chapters = self.chapters.iter();
        let chapter = chapters.find(|at| at.segments.iter().any(holds))?;
        Some(chapter.page())
    }

    /// Where a definition stands in the index of identifiers: those of the
    /// program do.
    pub fn index_place(&self, id: DefId) -> Option<String> {
        let def = self.links.def(id)?;
        let anchor = self.links.anchors.get(id)?;
        let page = self.index_page(Index::Identifiers)?;
        self.in_index(def).then(|| format!("{page}#i{anchor}"))
    }

    /// Whether the index of identifiers lists a definition.
    pub fn in_index(&self, def: &Def) -> bool {
        is_program(self.path(def.file))
    }

    /// What hovering over the name of a definition shows.
    pub fn hint(&self, def: &Def) -> String {
        let end = if def.doc.is_empty() { "" } else { "\n" };
        format!("{}{end}{}", def.signature, def.doc)
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

/// Whether every line of a file must be in the book.
pub fn is_program(path: &str) -> bool {
    path.starts_with("src/") || path.starts_with("book/src/")
}

/// The chapter that a file's own page is made from.
pub fn file_chapter(path: &str) -> String {
    format!("files/{}.md", slug(path))
}

/// The words of a list; `#` begins a comment.
pub fn words(list: &str) -> HashSet<String> {
    list.lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect()
}

/// The name of the library of a project, from its manifest.
fn library(root: &Path) -> String {
    let manifest = read(&root.join("Cargo.toml")).unwrap_or_default();
    let name = |section: &str| {
        let (_, rest) = manifest.split_once(section)?;
        let line = rest.lines().find(|line| line.starts_with("name"))?;
        line.split('"').nth(1).map(|name| name.replace('-', "_"))
    };
    name("[lib]").or_else(|| name("[package]")).unwrap_or_default()
}
