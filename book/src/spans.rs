//! What prose says must be so: code spans name something, links lead
//! somewhere.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use crate::directive::Segment;
use crate::lexer::Class;
use crate::problem::Problem;
use crate::prose::{Piece, Span, find, path_of, pieces};
use crate::scope::is_prelude;
use crate::site::Site;
use crate::source::{SourceError, below, read};

/// The words that code spans may name besides definitions.
struct Known<'a> {
    /// Every name in the sources, local ones included.
    names: HashSet<&'a str>,
    /// Every word in a string of the sources.
    words: HashSet<&'a str>,
}

/// Code spans that look like names and name nothing.
pub fn spans(site: &Site, problems: &mut Vec<Problem>) {
    let known = known(site);
    for (index, chapter) in site.chapters.iter().enumerate() {
        let mut line = 1;
        for segment in &chapter.segments {
            match segment {
                Segment::Directive(at, _) | Segment::Broken(at, _) => {
                    line = *at;
                }
                Segment::Prose(text) => {
                    for piece in pieces(text) {
                        let Piece::Code(span, at) = piece else { continue };
                        if !names_something(site, index, span, &known) {
                            let file = format!("chapters/{}", chapter.path);
                            let line = line + at - 1;
                            let what = format!("`{span}` names nothing");
                            problems.push(Problem { file, line, what });
                        }
                    }
                }
            }
        }
    }
}

/// Collects the names and words of the sources.
fn known(site: &Site) -> Known<'_> {
    let mut known = Known { names: HashSet::new(), words: HashSet::new() };
    for (source, lines) in site.sources.iter().zip(&site.pieces) {
        for (text, pieces) in source.lines.iter().zip(lines) {
            for piece in pieces {
                let part = text.get(piece.start..piece.end).unwrap_or("");
                if piece.class == Class::Text {
                    known.words.extend(
                        part.split(|c: char| !c.is_alphanumeric() && c != '_'),
                    );
                } else if piece.class.is_name() {
                    known.names.insert(part);
                }
            }
        }
    }
    known
}

/// Whether a code span looks like a name: a path with `_` or `::`, one with
/// capitals, or one that ends in `()` or `!`.
fn looks_like_a_name(span: &str) -> bool {
    let Some(path) = path_of(span) else { return false };
    let capital = path.starts_with(char::is_uppercase);
    let small = path.contains(char::is_lowercase);
    path.contains('_')
        || path.contains("::")
        || (capital && small)
        || span.ends_with("()")
        || span.ends_with('!')
        || (capital && path.len() > 4)
}

/// Whether a code span names something, or does not claim to.
fn names_something(
    site: &Site,
    chapter: usize,
    span: &str,
    known: &Known<'_>,
) -> bool {
    if !looks_like_a_name(span) || find(site, chapter, span) != Span::Nothing {
        return true;
    }
    let Some(path) = path_of(span) else { return true };
    let last = path.rsplit("::").next().unwrap_or(path);
    let first = path.split("::").next().unwrap_or(path);
    let capitals = !path.contains(char::is_lowercase);
    site.foreign.contains(path)
        || (path.contains("::")
            && (site.foreign.contains(first) || is_prelude(first)))
        || (!path.contains("::")
            && (site.foreign.contains(last) || known.names.contains(last)))
        || (capitals && known.words.contains(path))
}

/// Links of the built book that lead nowhere: to a file that is not there,
/// or to a place that the file does not have.
pub fn dead_links(
    html: &Path,
    problems: &mut Vec<Problem>,
) -> Result<(), SourceError> {
    let mut paths = Vec::new();
    crate::source::find(html, "html", &mut paths)?;
    let mut pages = BTreeMap::new();
    for path in paths {
        pages.insert(below(html, &path), read(&path)?);
    }
    let places: BTreeMap<&str, BTreeSet<&str>> = pages
        .iter()
        .map(|(page, text)| (page.as_str(), values(text, " id=\"").collect()))
        .collect();
    for (page, text) in &pages {
        if page == "print.html" || page == "404.html" || page == "toc.html" {
            continue;
        }
        for href in values(text, " href=\"") {
            if !leads_somewhere(html, page, href, &places) {
                let what = format!("dead link {href}");
                let file = page.clone();
                problems.push(Problem { file, line: 1, what });
            }
        }
    }
    Ok(())
}

/// The values of an attribute in a page.
fn values<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(name).skip(1).filter_map(|rest| rest.split('"').next())
}

/// Whether a link leads to a place that is there.
fn leads_somewhere(
    html: &Path,
    page: &str,
    href: &str,
    places: &BTreeMap<&str, BTreeSet<&str>>,
) -> bool {
    if href.contains("://") || href.starts_with("mailto:") {
        return true;
    }
    let (path, anchor) = href.split_once('#').unwrap_or((href, ""));
    let target =
        if path.is_empty() { page.to_owned() } else { join(page, path) };
    match places.get(target.as_str()) {
        Some(places) => anchor.is_empty() || places.contains(anchor),
        None => html.join(&target).is_file(),
    }
}

/// A path as seen from a page.
fn join(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}
