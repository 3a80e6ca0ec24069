//! What stands around a chunk: where it goes on, who uses it, which tests
//! exercise it, and the names it uses that are defined elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::html::{escape, relative};
use crate::names::{DefId, DefKind};
use crate::site::{Site, is_program};
use crate::walker::Target;
use crate::web::{Chunk, Kind, Row};

/// How many tests to name below a chunk before we only count them.
const TESTS_SHOWN: usize = 6;

/// What stands below a chunk.
pub fn below(site: &Site, index: usize) -> String {
    let Some(chunk) = site.web.chunks.get(index) else {
        return String::new();
    };
    if chunk.kind != Kind::Program {
        return String::new();
    }
    let page = site.chapter_page(chunk.chapter);
    let mut rows = Vec::new();
    if let Some(next) = next_of_file(site, index) {
        let link = chunk_link(site, &page, next);
        rows.push(format!("<dt>File goes on in</dt><dd>{link}</dd>"));
    }
    let (chunks, tests) = users(site, index);
    let links: Vec<String> = chunks
        .iter()
        .filter_map(|index| site.web.chunks.get(*index))
        .map(|chunk| chunk_link(site, &page, chunk))
        .collect();
    if !links.is_empty() {
        let links = links.join(", ");
        rows.push(format!("<dt>Used in</dt><dd>{links}</dd>"));
    }
    if !tests.is_empty() {
        let shown: Vec<String> = tests
            .iter()
            .take(TESTS_SHOWN)
            .map(|(name, place)| {
                let href = relative(&page, place);
                format!("<a href=\"{href}\"><code>{}</code></a>", escape(name))
            })
            .collect();
        let more = match tests.len().saturating_sub(TESTS_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown = shown.join(", ");
        rows.push(format!("<dt>Tested by</dt><dd>{shown}{more}</dd>"));
    }
    match rows.is_empty() {
        true => String::new(),
        false => format!("<dl class=\"below\">{}</dl>\n", rows.concat()),
    }
}

/// The next chunk of the same file.
fn next_of_file(site: &Site, index: usize) -> Option<&Chunk> {
    let here = site.web.chunks.get(index)?;
    site.web
        .chunks
        .iter()
        .skip(index + 1)
        .find(|chunk| chunk.file == here.file && chunk.kind == here.kind)
}

/// A chunk's number, linked.
pub fn chunk_link(site: &Site, page: &str, chunk: &Chunk) -> String {
    let href = relative(page, &site.chunk_place(chunk));
    let title = escape(&chunk.title);
    format!(
        "<a class=\"ref\" href=\"{href}\" title=\"{title}\">{}</a>",
        chunk.label
    )
}

/// The definitions that have their place in a chunk.
pub fn defined(site: &Site, index: usize) -> Vec<DefId> {
    let Some(chunk) = site.web.chunks.get(index) else { return Vec::new() };
    let defs = site.links.defs.iter().enumerate();
    defs.filter(|(_, def)| def.file == chunk.file && chunk.has(def.line))
        .map(|(id, _)| id)
        .collect()
}

/// Tests by name, each with its place.
type Tests = BTreeMap<String, String>;

/// The other chunks, and the tests, that use what a chunk defines.
fn users(site: &Site, index: usize) -> (BTreeSet<usize>, Tests) {
    let mut chunks = BTreeSet::new();
    let mut tests = Tests::new();
    let modules = |id: &DefId| {
        site.links.def(*id).is_some_and(|def| def.kind == DefKind::Module)
    };
    for id in defined(site, index).into_iter().filter(|id| !modules(id)) {
        for (file, line) in site.links.used(id) {
            if let Some((name, place)) = test_around(site, file, line) {
                tests.insert(name, place);
            } else if let Some(user) = site.web.owner(file, line)
                && user != index
                && is_program(site.path(file))
            {
                chunks.insert(user);
            }
        }
    }
    (chunks, tests)
}

/// The test function around a line, with its place.
pub fn test_around(
    site: &Site,
    file: usize,
    line: usize,
) -> Option<(String, String)> {
    let parts = site.web.outlines.get(file)?;
    let part = parts.iter().find(|part| part.lines.has(line))?;
    let nested = part.inner.iter().find(|part| part.lines.has(line));
    let part = nested.unwrap_or(part);
    let name = part.names.iter().find_map(|name| name.strip_prefix("fn "));
    let name = match name {
        Some(name) => name.to_owned(),
        None => {
            let inner = part.names.first()?.strip_prefix("tests::")?;
            inner.to_owned()
        }
    };
    let tested = (part.lines.first..=part.lines.last).any(|line| {
        let text = site.sources.get(file).map_or("", |at| at.line(line));
        let text = text.trim_start();
        text.starts_with("#[")
            && (text.contains("test") || text.contains("case"))
    });
    tested.then(|| (name, site.line_place(file, part.lines.last)))
}

/// The names that a chunk uses and other chunks define.
pub fn mini_index(site: &Site, index: usize) -> String {
    let Some(chunk) = site.web.chunks.get(index) else {
        return String::new();
    };
    let page = site.chapter_page(chunk.chapter);
    let mut entries = BTreeMap::new();
    for id in foreign_uses(site, chunk) {
        let Some(def) = site.links.def(id) else { continue };
        let place = site.chunk_of(def.file, def.line);
        let Some(place) = place else { continue };
        let href = relative(&page, &site.def_place(id));
        let entry = format!(
            "<li><a href=\"{href}\" title=\"{}\"><code>{}</code></a> \
             <span>{}</span></li>",
            escape(&site.hint(def)).replace('\n', "&#10;"),
            escape(&short(site, id)),
            place.label,
        );
        entries.entry(short(site, id)).or_insert(entry);
    }
    if entries.is_empty() {
        return String::new();
    }
    let entries: String = entries.into_values().collect();
    format!(
        "<aside class=\"mini\" aria-label=\"Names defined elsewhere\">\
         <ul>{entries}</ul></aside>\n"
    )
}

/// A name with its type, if it has one: `Session::new`.
pub fn short(site: &Site, id: DefId) -> String {
    let Some(def) = site.links.def(id) else { return String::new() };
    let owner = def.owner.and_then(|owner| site.links.def(owner));
    match owner {
        Some(owner) => format!("{}::{}", owner.name, def.name),
        None => def.name.clone(),
    }
}

/// The definitions elsewhere that a chunk uses. Fields and variants are left
/// out: whoever follows their type finds them.
fn foreign_uses(site: &Site, chunk: &Chunk) -> BTreeSet<DefId> {
    let mut used = BTreeSet::new();
    let Some(names) = site.links.names.get(chunk.file) else { return used };
    for ((line, _), target) in names {
        let Target::Use(id) = target else { continue };
        let Some(def) = site.links.def(*id) else { continue };
        let here = chunk.rows.contains(&Row::Line(*line));
        let there = def.file == chunk.file && chunk.has(def.line);
        let small = matches!(
            def.kind,
            DefKind::Field | DefKind::Variant | DefKind::Module
        );
        if here && !there && !small {
            used.insert(*id);
        }
    }
    used
}
