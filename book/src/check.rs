//! What must be true of the book.

use crate::chapter::Chapter;
use crate::declared::unlisted;
use crate::directive::{Directive, Index, Picture, Segment};
use crate::figure::{read_session, snapshot, snapshots};
use crate::order::order;
use crate::picture::{measured, picture};
use crate::problem::Problem;
use crate::rfc::unanswered;
use crate::site::{Site, is_program};
use crate::source::Source;
use crate::spans::spans;

/// The widest line that a listing can show.
pub const COLUMNS: usize = 80;

/// Everything that is wrong with a book, in the order of its files.
pub fn check(site: &Site) -> Vec<Problem> {
    let mut problems = site.web.problems.clone();
    broken_directives(site, &mut problems);
    for (file, source) in site.sources.iter().enumerate() {
        coverage(site, file, source, &mut problems);
    }
    for ((file, line), name) in &site.links.unknown {
        let file = site.path(*file).to_owned();
        let what = format!("`{name}` leads nowhere");
        problems.push(Problem { file, line: *line, what });
    }
    order(site, &mut problems);
    spans(site, &mut problems);
    figures(site, &mut problems);
    unlisted(site, &mut problems);
    problems.sort();
    problems.dedup();
    problems
}

/// Directives that could not be read.
fn broken_directives(site: &Site, problems: &mut Vec<Problem>) {
    for chapter in &site.chapters {
        for segment in &chapter.segments {
            if let Segment::Broken(line, what) = segment {
                let file = format!("chapters/{}", chapter.path);
                problems.push(Problem {
                    file,
                    line: *line,
                    what: what.clone(),
                });
            }
        }
    }
}

/// Figures that cannot be made, and snapshots that nobody shows.
fn figures(site: &Site, problems: &mut Vec<Problem>) {
    let mut shown = Vec::new();
    for chapter in &site.chapters {
        for segment in &chapter.segments {
            let Segment::Directive(line, directive) = segment else {
                continue;
            };
            if let Directive::Rfc(number) = directive {
                unanswered(site, number, problems);
            }
            let failed = match directive {
                Directive::Snapshot(path) => {
                    shown.push(path.as_str());
                    snapshot(&site.root, path).err()
                }
                Directive::Session(path, name) => {
                    read_session(&site.root, path, name).err()
                }
                Directive::Picture(kind, target) => {
                    shown.push(target.as_str());
                    if *kind == Picture::Bars {
                        unsaid(site, chapter, (*line, target), problems);
                    }
                    picture(&site.root, *kind, target).err()
                }
                Directive::Chunk(_)
                | Directive::Test(_)
                | Directive::Show(_)
                | Directive::Index(_)
                | Directive::Rfc(_) => None,
            };
            if let Some(error) = failed {
                let file = format!("chapters/{}", chapter.path);
                let what = error.to_string();
                problems.push(Problem { file, line: *line, what });
            }
        }
    }
    let gallery = site.index_page(Index::Snapshots).is_some();
    for path in snapshots(&site.root) {
        if !gallery && !shown.contains(&path.as_str()) {
            let what = "shown nowhere".to_owned();
            problems.push(Problem { file: path, line: 1, what });
        }
    }
}

/// Figures of a picture that the text of its chapter does not have: one of
/// the two is older than the other.
fn unsaid(
    site: &Site,
    chapter: &Chapter,
    (line, target): (usize, &str),
    problems: &mut Vec<Problem>,
) {
    let Ok(measured) = measured(&site.root, target) else { return };
    let is_part = |it: char| it.is_ascii_digit() || it == '.';
    let says = |number: &str| {
        chapter.segments.iter().any(|segment| match segment {
            Segment::Prose(text) => text
                .split(|it| !is_part(it))
                .any(|word| word.trim_end_matches('.') == number),
            Segment::Directive(..) | Segment::Broken(..) => false,
        })
    };
    for number in measured.numbers().filter(|number| !says(number)) {
        let file = format!("chapters/{}", chapter.path);
        let what = format!("{target}: {number} is not in the text");
        problems.push(Problem { file, line, what });
    }
}

/// Every line of the program stands in one chunk; no line of the tests in
/// two. What is shown fits its column.
fn coverage(
    site: &Site,
    file: usize,
    source: &Source,
    problems: &mut Vec<Problem>,
) {
    let mut report = |line: usize, what: String| {
        problems.push(Problem { file: source.path.clone(), line, what });
    };
    let mut missing: Option<(usize, usize)> = None;
    for line in 1..=source.lines.len() {
        if source.is_blank(line) {
            continue;
        }
        let owners = site.web.owners.get(&(file, line));
        let owners = owners.map_or(&[][..], Vec::as_slice);
        let chunk = |index: &usize| site.web.chunks.get(*index);
        match owners {
            [] if is_program(&source.path) => {
                let first = missing.map_or(line, |(first, _)| first);
                missing = Some((first, line));
                continue;
            }
            [] | [_] => {}
            [first, second, ..] => {
                let label = |at| chunk(at).map_or("", |chunk| &chunk.label);
                report(
                    line,
                    format!(
                        "in two chunks: {}, {}",
                        label(first),
                        label(second)
                    ),
                );
            }
        }
        if let Some((first, last)) = missing.take() {
            report(first, format!("in no chunk, to line {last}"));
        }
        let width = source.line(line).chars().count();
        if !owners.is_empty() && width > COLUMNS {
            report(line, format!("{width} columns wide, {COLUMNS} fit"));
        }
    }
    if let Some((first, last)) = missing {
        report(first, format!("in no chunk, to line {last}"));
    }
}
