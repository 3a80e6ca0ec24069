//! A chunk as the reader sees it.

use crate::around;
use crate::html::{Link, code, escape, relative};
use crate::lexer::Token;
use crate::site::Site;
use crate::walker::Target;
use crate::web::{Chunk, Kind, Row};

/// Sets a chunk: heading, code, and what there is to say below it.
pub fn chunk(site: &Site, index: usize) -> String {
    let Some(chunk) = site.web.chunks.get(index) else {
        return String::new();
    };
    let class = match chunk.kind {
        Kind::Program => "chunk",
        Kind::Test => "chunk test",
        Kind::Preview => "chunk preview",
    };
    format!(
        "\n<div class=\"weft\">\n\
         <figure class=\"{class}\" id=\"{}\">\n{}\n\
         <pre tabindex=\"0\"><code class=\"nohighlight\">{}</code></pre>\n\
         {}</figure>\n{}</div>\n\n",
        chunk.anchor(),
        heading(site, chunk),
        rows(site, chunk),
        around::below(site, index),
        around::mini_index(site, index),
    )
}

/// The heading: number, title, place in the source.
fn heading(site: &Site, chunk: &Chunk) -> String {
    let page = site.chapter_page(chunk.chapter);
    let first = chunk.rows.iter().find_map(|row| row.line()).unwrap_or(1);
    let lines = ranges(&chunk.rows);
    let place = format!("{}#L{first}", site.file_page(chunk.file));
    let number = match chunk.kind {
        Kind::Program | Kind::Test => format!(
            "<a class=\"number\" href=\"#{}\">{}</a> ",
            chunk.anchor(),
            chunk.label
        ),
        Kind::Preview => original(site, chunk),
    };
    format!(
        "<figcaption>{number}<span class=\"title\">{}</span> \
         <a class=\"place\" href=\"{}\"><span>{}</span> {lines}</a>\
         </figcaption>",
        escape(&chunk.title),
        relative(&page, &place),
        escape(site.path(chunk.file)),
    )
}

/// For a preview: where the code has its place.
fn original(site: &Site, chunk: &Chunk) -> String {
    let page = site.chapter_page(chunk.chapter);
    let line = chunk.rows.iter().find_map(|row| row.line()).unwrap_or(1);
    let Some(original) = site.chunk_of(chunk.file, line) else {
        return String::new();
    };
    format!(
        "<a class=\"number\" href=\"{}\">from {}</a> ",
        relative(&page, &site.chunk_place(original)),
        original.label
    )
}

/// The lines that have their place in a chunk: `12–30, 41`.
fn ranges(rows: &[Row]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for row in rows {
        let Row::Line(line) = row else { continue };
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *line => *last = *line,
            _ => ranges.push((*line, *line)),
        }
    }
    let texts = ranges.iter().map(|(first, last)| match last - first {
        0 => format!("{first}"),
        _ => format!("{first}\u{2013}{last}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// The rows of code.
fn rows(site: &Site, chunk: &Chunk) -> String {
    let page = site.chapter_page(chunk.chapter);
    let mut out = String::new();
    for row in &chunk.rows {
        let (class, line, own) = match row {
            Row::Line(line) => ("line", *line, chunk.kind != Kind::Preview),
            Row::Ghost(line) => ("line ghost", *line, false),
            Row::Gap => {
                out.push_str("<span class=\"line gap\"></span>\n");
                continue;
            }
        };
        let inside = line_html(site, chunk.file, line, &|token| {
            let target = site.links.target(chunk.file, line, token.start);
            link(site, &page, target, own)
        });
        out.push_str(&format!(
            "<span class=\"{class}\" data-line=\"{line}\">{inside}</span>\n"
        ));
    }
    out
}

/// Where a name on a page leads. `own` says whether a definition has its
/// place here.
pub fn link(
    site: &Site,
    page: &str,
    target: Target,
    own: bool,
) -> Option<Link> {
    match target {
        Target::Definition(id) => {
            let def = site.links.def(id)?;
            let anchor = site.links.anchors.get(id)?;
            let index = site.index_place(id);
            let href = match index {
                Some(place) if own => relative(page, &place),
                Some(_) | None if own => String::new(),
                Some(_) | None => relative(page, &site.def_place(id)),
            };
            let place = if own { anchor.clone() } else { String::new() };
            Some(Link { href, title: site.hint(def), id: place })
        }
        Target::Use(id) => {
            let def = site.links.def(id)?;
            let href = relative(page, &site.def_place(id));
            Some(Link { href, title: site.hint(def), id: String::new() })
        }
        Target::Local | Target::Foreign | Target::Unknown => None,
    }
}

/// One line of a file.
pub fn line_html(
    site: &Site,
    file: usize,
    line: usize,
    link: &dyn Fn(&Token) -> Option<Link>,
) -> String {
    let text = site.sources.get(file).map_or("", |source| source.line(line));
    let pieces = line.checked_sub(1).and_then(|at| {
        let lines = site.pieces.get(file)?;
        lines.get(at)
    });
    code(text, pieces.map_or(&[][..], Vec::as_slice), link)
}

/// A file on its own page, each line with the number of its chunk.
pub fn file(site: &Site, file: usize) -> String {
    let Some(source) = site.sources.get(file) else { return String::new() };
    let page = site.file_page(file);
    let mut out = format!(
        "# {}\n\n<pre class=\"file\" tabindex=\"0\"><code>",
        source.path
    );
    let mut last = String::new();
    for line in 1..=source.lines.len() {
        let label = match site.chunk_of(file, line) {
            Some(chunk) if chunk.label == last => String::new(),
            Some(chunk) => {
                last.clone_from(&chunk.label);
                let place = relative(&page, &site.chunk_place(chunk));
                format!("<a href=\"{place}\">{}</a>", chunk.label)
            }
            None => String::new(),
        };
        let inside = line_html(site, file, line, &|token| {
            let target = site.links.target(file, line, token.start);
            let link = link(site, &page, target, false)?;
            Some(Link { title: String::new(), ..link })
        });
        out.push_str(&format!(
            "<span class=\"line\" id=\"L{line}\" data-line=\"{line}\">\
             <span class=\"where\">{label}</span>{inside}</span>\n"
        ));
    }
    out.push_str("</code></pre>\n");
    out
}
