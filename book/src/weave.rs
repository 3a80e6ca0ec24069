//! Weaving: which chapter shows which lines of which file.

use std::collections::{BTreeMap, BTreeSet};

use crate::chapter::Chapter;
use crate::directive::{Directive, Excerpt, Segment};
use crate::outline::{Part, outline};
use crate::problem::Problem;
use crate::select::{self, Found, Selector};
use crate::source::{Lines, Source};
use crate::web::{Chunk, Kind, Row, Web};

/// Weaves the sources into the chapters.
pub fn weave(sources: &[Source], chapters: &[Chapter]) -> Web {
    let web = Web {
        chunks: Vec::new(),
        owners: BTreeMap::new(),
        outlines: sources.iter().map(outline).collect(),
        problems: Vec::new(),
    };
    let mut weaver = Weaver { sources, chapters, web, splits: BTreeMap::new() };
    weaver.visit(Weaver::find_splits);
    weaver.visit(Weaver::add_chunk);
    weaver.web
}

/// An excerpt that a chapter asks for: the chapter, the line, the kind.
type Place = (usize, usize, Kind);

/// A range of lines and what stands around it.
type Piece = (Vec<Frame>, Lines);

/// The head and the foot of an `impl` block, trait or module.
type Frame = (Lines, Lines);

/// The state of weaving.
struct Weaver<'a> {
    sources: &'a [Source],
    chapters: &'a [Chapter],
    web: Web,
    /// Where functions are split: file and first line of the function, and
    /// the lines on which the further pieces begin.
    splits: BTreeMap<(usize, usize), BTreeSet<usize>>,
}

impl Weaver<'_> {
    /// Calls a function for every excerpt, in reading order.
    fn visit(&mut self, act: fn(&mut Self, Place, &Excerpt)) {
        let chapters = self.chapters;
        for (number, chapter) in chapters.iter().enumerate() {
            for segment in &chapter.segments {
                let Segment::Directive(line, directive) = segment else {
                    continue;
                };
                let (kind, excerpt) = match directive {
                    Directive::Chunk(excerpt) => (Kind::Program, excerpt),
                    Directive::Test(excerpt) => (Kind::Test, excerpt),
                    Directive::Show(excerpt) => (Kind::Preview, excerpt),
                    Directive::Snapshot(_)
                    | Directive::Session(..)
                    | Directive::Picture(..)
                    | Directive::Index(_)
                    | Directive::Rfc(_) => continue,
                };
                act(self, (number, *line, kind), excerpt);
            }
        }
    }

    /// The index of a file.
    fn file(&self, path: &str) -> Option<usize> {
        self.sources.iter().position(|source| source.path == path)
    }

    /// Notes where functions are split. Mistakes are reported later.
    fn find_splits(&mut self, _: Place, excerpt: &Excerpt) {
        let Some(file) = self.file(&excerpt.file) else { return };
        for selector in excerpt.selectors.iter().map(|at| Selector::parse(at)) {
            let Some(source) = self.sources.get(file) else { continue };
            let Some(parts) = self.web.outlines.get(file) else { continue };
            let Ok(found) = select::one(&source.path, parts, &selector) else {
                continue;
            };
            let lines = found.part.lines;
            let begins = select::comment_line(source, lines, &selector);
            if let Ok(Some(line)) = begins {
                let splits = self.splits.entry((file, lines.first));
                splits.or_default().insert(line);
            }
        }
    }

    /// Adds the chunk that an excerpt asks for.
    fn add_chunk(&mut self, place: Place, excerpt: &Excerpt) {
        let (chapter, at, kind) = place;
        let Some(file) = self.file(&excerpt.file) else {
            let what = format!("there is no file {}", excerpt.file);
            return self.problem(place, what);
        };
        let mut pieces = Vec::new();
        for selector in excerpt.selectors.iter().map(|at| Selector::parse(at)) {
            self.select(place, file, &selector, &mut pieces);
        }
        if excerpt.selectors.is_empty() {
            self.leftovers(file, &mut pieces);
            if pieces.is_empty() {
                self.problem(place, "nothing is left to show".to_owned());
            }
        }
        let rows = self.rows(file, &pieces, kind);
        let index = self.web.chunks.len();
        for row in &rows {
            if let (Row::Line(line), true) = (row, kind != Kind::Preview)
                && !self.is_blank(file, *line)
            {
                let owners = self.web.owners.entry((file, *line));
                owners.or_default().push(index);
            }
        }
        let title = excerpt.title.clone();
        let label = self.label(chapter, kind);
        let chunk = Chunk { kind, title, label, file, rows, chapter, at };
        self.web.chunks.push(chunk);
    }

    /// Notes what is wrong with a directive.
    fn problem(&mut self, (chapter, at, _): Place, what: String) {
        let path = self.chapters.get(chapter).map(|chapter| &chapter.path);
        let file = format!("chapters/{}", path.cloned().unwrap_or_default());
        self.web.problems.push(Problem { file, line: at, what });
    }

    /// The number of the next chunk of a chapter. Previews count apart.
    fn label(&self, chapter: usize, kind: Kind) -> String {
        let preview = kind == Kind::Preview;
        let before = self.web.chunks.iter().filter(|chunk| {
            chunk.chapter == chapter && (chunk.kind == Kind::Preview) == preview
        });
        let number = before.count() + 1;
        let chapter = self.chapters.get(chapter);
        let chapter = chapter.map_or("", |chapter| {
            let stem = chapter.path.strip_suffix(".md");
            match chapter.number.as_str() {
                "" => stem.unwrap_or(&chapter.path),
                number => number,
            }
        });
        let mark = if preview { "see." } else { "" };
        format!("{mark}{chapter}.{number}")
    }

    /// Finds the pieces that a selector asks for.
    fn select(
        &mut self,
        place: Place,
        file: usize,
        selector: &Selector,
        pieces: &mut Vec<Piece>,
    ) {
        let Some(source) = self.sources.get(file) else { return };
        let parts = self.web.outlines.get(file).map_or(&[][..], Vec::as_slice);
        let found = if selector.takes_many() {
            let mut found = select::all(parts, &selector.name);
            let fresh = |found: &Found<'_>| {
                found.around.is_empty()
                    && (place.2 == Kind::Preview
                        || !self.owned(file, found.part.lines))
            };
            found.retain(fresh);
            Ok(found)
        } else {
            select::one(&source.path, parts, selector)
                .map(|found| vec![found])
                .map_err(|error| error.to_string())
        };
        let piece = |found: &Found<'_>| {
            let lines = self.piece(file, found.part, selector, place.2)?;
            Ok((frames(&found.around), lines))
        };
        let made: Result<Vec<Piece>, String> =
            found.and_then(|found| found.iter().map(piece).collect());
        match made {
            Ok(made) if made.is_empty() => {
                let what = format!("no `{}` is left to show", selector.name);
                self.problem(place, what);
            }
            Ok(made) => pieces.extend(made),
            Err(what) => self.problem(place, what),
        }
    }

    /// The lines of a part, or of the piece of it that a selector means.
    fn piece(
        &self,
        file: usize,
        part: &Part,
        selector: &Selector,
        kind: Kind,
    ) -> Result<Lines, String> {
        let Some(source) = self.sources.get(file) else {
            return Ok(part.lines);
        };
        let begins = select::comment_line(source, part.lines, selector)
            .map_err(|error| error.to_string())?;
        let splits = self.splits.get(&(file, part.lines.first));
        let Some(splits) = splits else { return Ok(part.lines) };
        if kind == Kind::Preview && begins.is_none() {
            return Ok(part.lines);
        }
        let first = begins.unwrap_or(part.lines.first);
        let next = splits.iter().find(|line| **line > first);
        let last = next.map_or(part.lines.last, |line| line - 1);
        Ok(Lines { first, last })
    }

    /// Whether any of these lines has its place already.
    fn owned(&self, file: usize, lines: Lines) -> bool {
        let range = (file, lines.first)..=(file, lines.last);
        lines.first <= lines.last
            && self.web.owners.range(range).next().is_some()
    }

    /// Whether a line is blank.
    fn is_blank(&self, file: usize, line: usize) -> bool {
        self.sources.get(file).is_none_or(|source| source.is_blank(line))
    }

    /// The pieces of a file that have no place yet.
    fn leftovers(&self, file: usize, pieces: &mut Vec<Piece>) {
        let parts = self.web.outlines.get(file).map_or(&[][..], Vec::as_slice);
        for part in parts {
            self.leftover(file, part, &mut Vec::new(), pieces);
        }
    }

    /// The pieces of a part that have no place yet.
    fn leftover<'p>(
        &self,
        file: usize,
        part: &'p Part,
        around: &mut Vec<&'p Part>,
        pieces: &mut Vec<Piece>,
    ) {
        if !self.owned(file, part.lines) {
            pieces.push((frames(around), part.lines));
            return;
        }
        around.push(part);
        for part in &part.inner {
            self.leftover(file, part, around, pieces);
        }
        around.pop();
    }

    /// Lays the pieces out in rows, with their frames around them.
    fn rows(&self, file: usize, pieces: &[Piece], kind: Kind) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut open: Vec<Frame> = Vec::new();
        for (frames, lines) in pieces {
            let same = open.iter().zip(frames).take_while(|(a, b)| a == b);
            let same = same.count();
            while open.len() > same {
                if let Some((_, foot)) = open.pop() {
                    self.frame(file, foot, kind, &mut rows);
                }
            }
            let fresh = frames.get(same..).unwrap_or_default();
            let first =
                fresh.first().map_or(lines.first, |(head, _)| head.first);
            self.part(&mut rows, file, first);
            for frame in fresh {
                self.frame(file, frame.0, kind, &mut rows);
                open.push(*frame);
            }
            rows.extend((lines.first..=lines.last).map(Row::Line));
        }
        while let Some((_, foot)) = open.pop() {
            self.frame(file, foot, kind, &mut rows);
        }
        rows
    }

    /// Goes on with another line: over blank lines when there is nothing
    /// else in between, else with a gap.
    fn part(&self, rows: &mut Vec<Row>, file: usize, next: usize) {
        let last = rows.iter().rev().find_map(|row| row.line());
        let Some(last) = last else { return };
        let mut between = last + 1..next;
        if next > last && between.all(|line| self.is_blank(file, line)) {
            rows.extend((last + 1..next).map(Row::Line));
        } else {
            rows.push(Row::Gap);
        }
    }

    /// Adds the head or the foot of a frame: in its place when it has none
    /// yet, else as a ghost.
    fn frame(
        &self,
        file: usize,
        lines: Lines,
        kind: Kind,
        rows: &mut Vec<Row>,
    ) {
        let ghost = kind != Kind::Preview && self.owned(file, lines);
        for line in lines.first..=lines.last {
            if ghost && self.is_comment(file, line) {
                continue;
            }
            rows.push(if ghost { Row::Ghost(line) } else { Row::Line(line) });
        }
    }

    /// Whether a line need not be repeated: a comment, an attribute, nothing.
    fn is_comment(&self, file: usize, line: usize) -> bool {
        let text = self.sources.get(file).map_or("", |file| file.line(line));
        let text = text.trim_start();
        text.is_empty() || text.starts_with("//") || text.starts_with("#[")
    }
}

/// The frames that stand around a part.
fn frames(around: &[&Part]) -> Vec<Frame> {
    let frame = |part: &&Part| Some((part.head()?, part.foot()?));
    around.iter().filter_map(frame).collect()
}
