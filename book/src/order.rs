//! Reading order is dependency order: a chunk uses only what the reader has
//! met.

use std::collections::BTreeMap;

use syn::Item;

use crate::collect::is_cfg_test;
use crate::names::DefKind;
use crate::problem::Problem;
use crate::site::{Site, is_program};
use crate::source::Source;
use crate::walker::Target;
use crate::web::Kind;

/// Names used before the chapter that defines them, and modules that are
/// listed in another order than they are read.
pub fn order(site: &Site, problems: &mut Vec<Problem>) {
    for file in 0..site.sources.len() {
        if is_program(site.path(file)) {
            uses(site, file, problems);
        }
    }
    for root in ["src/lib.rs", "book/src/lib.rs"] {
        modules(site, root, problems);
    }
}

/// The names that a file uses too early.
fn uses(site: &Site, file: usize, problems: &mut Vec<Problem>) {
    let tests = test_lines(site, file);
    let Some(names) = site.links.names.get(file) else { return };
    for ((line, _), target) in names {
        let Target::Use(id) = target else { continue };
        let Some(def) = site.links.def(*id) else { continue };
        let exempt = def.file == file
            || def.kind == DefKind::Module
            || tests.iter().any(|(first, last)| first <= line && line <= last);
        let here = site.chunk_of(file, *line);
        let there = site.chunk_of(def.file, def.line);
        let (Some(here), Some(there)) = (here, there) else { continue };
        if !exempt && there.chapter > here.chapter {
            let what = format!(
                "`{}` is used in {}, before {} where it is defined",
                def.name, here.label, there.label
            );
            let file = site.path(file).to_owned();
            problems.push(Problem { file, line: *line, what });
        }
    }
}

/// The modules of a file that are compiled for tests only.
fn test_lines(site: &Site, file: usize) -> Vec<(usize, usize)> {
    let items = site.sources.get(file).map(|source| &source.syntax.items);
    let items = items.map_or(&[][..], Vec::as_slice);
    let lines = |item: &Item| {
        let Item::Mod(module) = item else { return None };
        let span = module.content.as_ref()?.0.span;
        let first = span.open().start().line;
        module
            .attrs
            .iter()
            .any(is_cfg_test)
            .then_some((first, span.close().end().line))
    };
    items.iter().filter_map(lines).collect()
}

/// No module of a root is listed before another of which all is read first.
fn modules(site: &Site, root: &str, problems: &mut Vec<Problem>) {
    let source = site.sources.iter().find(|source| source.path == root);
    let Some(source) = source else { return };
    let first = first_chunks(site);
    let mut before: Vec<(&str, usize)> = Vec::new();
    for (name, line) in listed(source) {
        let folder = root.strip_suffix("lib.rs").unwrap_or("");
        let own = format!("{folder}{name}.rs");
        let inside = format!("{folder}{name}/");
        let chunks: Vec<usize> = first
            .iter()
            .filter(|(path, _)| **path == own || path.starts_with(&inside))
            .map(|(_, chunk)| *chunk)
            .collect();
        let (Some(start), Some(end)) =
            (chunks.iter().min(), chunks.iter().max())
        else {
            continue;
        };
        if let Some((other, _)) = before.iter().find(|(_, at)| at > end) {
            let what = format!(
                "`mod {name}` is read before `mod {other}`, listed after"
            );
            let file = root.to_owned();
            problems.push(Problem { file, line, what });
        }
        before.push((name, *start));
    }
}

/// The first chunk of each file.
fn first_chunks(site: &Site) -> BTreeMap<&str, usize> {
    let mut first = BTreeMap::new();
    for (index, chunk) in site.web.chunks.iter().enumerate() {
        if chunk.kind == Kind::Program {
            first.entry(site.path(chunk.file)).or_insert(index);
        }
    }
    first
}

/// The modules that a file lists, with their lines.
fn listed(source: &Source) -> impl Iterator<Item = (&str, usize)> {
    source.lines.iter().enumerate().filter_map(|(index, line)| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let name = line.strip_prefix("mod ")?.strip_suffix(';')?;
        Some((name, index + 1))
    })
}
