//! The indexes at the end of the book.

use std::collections::{BTreeMap, BTreeSet};

use crate::around::chunk_link;
use crate::declared;
use crate::directive::Index;
use crate::html::{escape, relative, with_code};
use crate::names::{DefId, DefKind};
use crate::site::{Site, is_program};

/// An index, as it stands on a page.
pub fn index(site: &Site, page: &str, index: Index) -> String {
    match index {
        Index::Identifiers => identifiers(site, page),
        Index::Files => files(site, page),
        Index::Messages => declared::messages(site, page),
        Index::Settings => declared::settings(site, page),
        Index::Snapshots => declared::gallery(site),
    }
}

/// Every name, where it is made and where it is used.
fn identifiers(site: &Site, page: &str) -> String {
    let mut letters: BTreeMap<char, Vec<DefId>> = BTreeMap::new();
    for (id, def) in site.links.defs.iter().enumerate() {
        if site.in_index(def) {
            let first = def.name.chars().next().unwrap_or('_');
            letters.entry(first.to_ascii_uppercase()).or_default().push(id);
        }
    }
    let mut out = String::new();
    for (letter, mut ids) in letters {
        let key = |id: &DefId| {
            let def = site.links.def(*id);
            def.map(|def| (def.name.to_lowercase(), def.path.clone()))
        };
        ids.sort_by_cached_key(key);
        out.push_str(&format!("\n## {letter}\n\n<ul class=\"index\">\n"));
        for id in ids {
            out.push_str(&identifier(site, page, id));
        }
        out.push_str("</ul>\n");
    }
    out
}

/// The entry of one name.
fn identifier(site: &Site, page: &str, id: DefId) -> String {
    let (Some(def), Some(anchor)) =
        (site.links.def(id), site.links.anchors.get(id))
    else {
        return String::new();
    };
    let around = def.path.strip_suffix(&def.name).unwrap_or("");
    let around = around.trim_end_matches("::");
    let of = if around.is_empty() || def.kind == DefKind::Module {
        String::new()
    } else {
        format!(" of <code>{}</code>", escape(around))
    };
    let place = match site.chunk_of(def.file, def.line) {
        Some(chunk) => chunk_link(site, page, chunk),
        None => String::new(),
    };
    let uses = uses(site, page, id);
    let uses = if uses.is_empty() {
        String::new()
    } else {
        format!("<div>used in {uses}</div>")
    };
    format!(
        "<li id=\"i{anchor}\"><a href=\"{}\"><code>{}</code></a> \
         <span>{}{of}</span> {place}<div>{}</div>{uses}</li>\n",
        relative(page, &site.def_place(id)),
        escape(&def.name),
        def.kind.word(),
        with_code(&def.doc),
    )
}

/// Where a definition is used: chunks, and lines that are in none.
fn uses(site: &Site, page: &str, id: DefId) -> String {
    let mut chunks = BTreeSet::new();
    let mut others = BTreeSet::new();
    for (file, line) in site.links.used(id) {
        match site.web.owner(file, line) {
            Some(chunk) => {
                chunks.insert(chunk);
            }
            None => {
                others.insert((file, line));
            }
        }
    }
    let chunks = chunks.iter().filter_map(|at| site.web.chunks.get(*at));
    let chunks = chunks.map(|chunk| chunk_link(site, page, chunk));
    let others = others.iter().map(|(file, line)| {
        let href = format!("{}#L{line}", site.file_page(*file));
        let href = relative(page, &href);
        let path = escape(site.path(*file));
        format!("<a class=\"ref\" href=\"{href}\">{path}:{line}</a>")
    });
    chunks.chain(others).collect::<Vec<_>>().join(", ")
}

/// Every file, with its length and the chapters that show it.
fn files(site: &Site, page: &str) -> String {
    let mut out = String::from(
        "\n<table class=\"files\">\n<thead><tr>\
        <th>File</th><th>Lines</th><th>Shown in</th></tr></thead>\n<tbody>\n",
    );
    for (file, source) in site.sources.iter().enumerate() {
        let mut links: Vec<String> = Vec::new();
        let chunks = site.web.chunks.iter().filter(|chunk| chunk.file == file);
        for chunk in chunks {
            let place = site.chapter_page(chunk.chapter);
            let name = site.chapters.get(chunk.chapter);
            let name = name.map_or("", |chapter| &chapter.name);
            let href = relative(page, &place);
            let link = format!("<a href=\"{href}\">{}</a>", escape(name));
            if !links.contains(&link) {
                links.push(link);
            }
        }
        let weight = if is_program(&source.path) { "code" } else { "samp" };
        out.push_str(&format!(
            "<tr><td><a href=\"{}\"><{weight}>{}</{weight}></a></td>\
             <td>{}</td><td>{}</td></tr>\n",
            relative(page, &site.file_page(file)),
            escape(&source.path),
            source.lines.len(),
            links.join(", "),
        ));
    }
    out.push_str("</tbody></table>\n\n");
    out
}
