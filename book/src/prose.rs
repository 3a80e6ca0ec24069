//! Prose: names in it become links, code in it is coloured.

use crate::html::rfc_reference;
use crate::html::{Link, by_line, code, escape, relative, rfc_link};
use crate::lexer::{self, Class, Token};
use crate::names::{DefId, DefKind};
use crate::site::Site;

/// What a code span in prose turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// A definition.
    Def(DefId),
    /// Several definitions of this name; we do not choose.
    Several,
    /// None of ours.
    Nothing,
}

/// A piece of Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text as it stands.
    Text(&'a str),
    /// A code span, without its backquotes; the line on which it stands.
    Code(&'a str, usize),
    /// A fenced block: its language and its text.
    Fence(&'a str, &'a str),
}

/// Takes Markdown apart. Code inside a link's text stays text.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut line = 1;
    let mut start_of_line = true;
    while !rest.is_empty() {
        let (piece, length) = if start_of_line && rest.starts_with("```") {
            fence(rest)
        } else if let Some(length) = span(rest) {
            let inside = rest.get(1..length.saturating_sub(1));
            (Piece::Code(inside.unwrap_or(""), line), length)
        } else {
            let length = plain(rest);
            (Piece::Text(rest.get(..length).unwrap_or(rest)), length)
        };
        let taken = rest.get(..length).unwrap_or(rest);
        start_of_line = taken.ends_with('\n');
        line += taken.matches('\n').count();
        pieces.push(piece);
        rest = rest.get(length..).unwrap_or("");
    }
    pieces
}

/// The fenced block that begins a text.
fn fence(text: &str) -> (Piece<'_>, usize) {
    let head = text.find('\n').map_or(text.len(), |at| at + 1);
    let language = text.get(3..head).unwrap_or("").trim();
    let inside = text.get(head..).unwrap_or("");
    let close = inside.find("\n```").map_or(inside.len(), |at| at + 1);
    let body = if inside.starts_with("```") { 0 } else { close };
    let after = inside.get(body..).unwrap_or("");
    let tail = after.find('\n').map_or(after.len(), |at| at + 1);
    let body_text = inside.get(..body).unwrap_or("");
    (Piece::Fence(language, body_text), head + body + tail)
}

/// The length of the code span that begins a text, backquotes included.
fn span(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('`')?;
    if inside.starts_with('`') {
        return None;
    }
    let end = inside.find('`')?;
    let paragraph = inside.find("\n\n").unwrap_or(inside.len());
    (end < paragraph).then_some(end + 2)
}

/// How much of a text is neither a code span nor a fenced block.
fn plain(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '`' if at > 0 && depth == 0 => {
                let run = text.get(at..).unwrap_or("");
                if !run.starts_with("``") {
                    return at;
                }
            }
            '\n' if text
                .get(at + 1..)
                .is_some_and(|t| t.starts_with("```")) =>
            {
                return at + 1;
            }
            '\n' if text.get(at + 1..).is_some_and(|t| t.starts_with('\n')) => {
                depth = 0;
            }
            _ => {}
        }
    }
    text.len()
}

/// Sets the prose of a chapter.
pub fn prose(site: &Site, chapter: usize, text: &str) -> String {
    let page = site.chapter_page(chapter);
    let mut out = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(&references(text)),
            Piece::Code(text, _) => match span_link(site, chapter, text) {
                Some(link) => {
                    let title = escape(&link.title).replace('\n', "&#10;");
                    out.push_str(&format!(
                        "<a class=\"name\" href=\"{}\" title=\"{title}\">\
                         <code>{}</code></a>",
                        relative(&page, &link.href),
                        entities(text)
                    ));
                }
                None => out.push_str(&format!("`{text}`")),
            },
            Piece::Fence(language, text) => {
                out.push_str(&fenced(language, text));
            }
        }
    }
    out
}

/// Makes links of the RFC sections that a text names.
fn references(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("RFC ") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let reference = rfc_reference(after);
        let (shown, following) = after.split_at(reference.len());
        let linked = before.ends_with('[')
            || !shown.contains(|c: char| c.is_ascii_digit());
        match linked {
            true => out.push_str(shown),
            false => out.push_str(&rfc_link(shown)),
        }
        rest = following;
    }
    out.push_str(rest);
    out
}

/// Escapes a text so that Markdown leaves it alone.
fn entities(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() && c != ':' && c != '.' {
            out.push_str(&format!("&#{};", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Where a code span leads.
fn span_link(site: &Site, chapter: usize, text: &str) -> Option<Link> {
    let Span::Def(id) = find(site, chapter, text) else { return None };
    let def = site.links.def(id)?;
    let href = site.def_place(id);
    Some(Link { href, title: site.hint(def), id: String::new() })
}

/// The path that a code span names: `&Type::method()` is `Type::method`.
pub fn path_of(text: &str) -> Option<&str> {
    let text = text.trim_start_matches('&');
    let text = text.strip_suffix("()").unwrap_or(text);
    let text = text.strip_suffix('!').unwrap_or(text);
    let text = text.strip_prefix("crate::").unwrap_or(text);
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    text.split("::").all(is_name).then_some(text)
}

/// What a code span of a chapter names. Of several definitions the one in
/// the same chapter is meant, then the one that stands in a module and not
/// in a type; if that does not decide, none.
pub fn find(site: &Site, chapter: usize, text: &str) -> Span {
    let Some(path) = path_of(text) else { return Span::Nothing };
    let last = path.rsplit("::").next().unwrap_or(path);
    let tail = format!("::{path}");
    let fits = |id: &&DefId| {
        site.links.def(**id).is_some_and(|def| {
            def.path == path
                || def.path.ends_with(&tail)
                || path.ends_with(&format!("::{}", def.path))
        })
    };
    let ids = site.links.by_name.get(last).map_or(&[][..], Vec::as_slice);
    let all: Vec<DefId> = ids.iter().filter(fits).copied().collect();
    if all.is_empty() {
        return Span::Nothing;
    }
    let here = |id: DefId| {
        let chunk = site.links.def(id).and_then(|def| {
            let chunk = site.chunk_of(def.file, def.line)?;
            (chunk.chapter == chapter).then_some(())
        });
        chunk.is_some()
    };
    let woven = |id: DefId| {
        let def = site.links.def(id);
        def.is_some_and(|def| site.chunk_of(def.file, def.line).is_some())
    };
    let free = |id: DefId| {
        let def = site.links.def(id);
        def.is_some_and(|def| {
            def.owner.is_none() && def.kind != DefKind::Module
        })
    };
    let rules: [&dyn Fn(DefId) -> bool; 6] = [
        &|_| true,
        &here,
        &|id| here(id) && free(id),
        &woven,
        &|id| woven(id) && free(id),
        &|id| site.links.def(id).is_some_and(|def| def.owner.is_none()),
    ];
    for rule in rules {
        let mut left = all.iter().copied().filter(|id| rule(*id));
        if let (Some(one), None) = (left.next(), left.next()) {
            return Span::Def(one);
        }
    }
    Span::Several
}

/// Sets a fenced block. Its lines never leave an empty line in the HTML,
/// which would end it.
fn fenced(language: &str, text: &str) -> String {
    let language = language.split([',', ' ']).next().unwrap_or("");
    let tokens = match language {
        "rust" => lexer::rust(text),
        "sh" | "console" | "toml" | "bash" => script(text, language),
        _ => Vec::new(),
    };
    let mut out =
        format!("<pre class=\"fence {language}\" tabindex=\"0\"><code>");
    let lines = by_line(text, &tokens);
    for (line, pieces) in text.lines().zip(lines) {
        let inside = code(line, &pieces, &|_| None);
        out.push_str(&format!("<span class=\"line\">{inside}</span>\n"));
    }
    out.push_str("</code></pre>\n");
    out
}

/// The tokens of a shell script, a dialogue with a shell, or TOML.
fn script(text: &str, language: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mut token = |class, from: usize, length: usize| {
            let start = start + from;
            tokens.push(Token { class, start, end: start + length });
        };
        let text = line.trim_end();
        if text.trim_start().starts_with('#') {
            token(Class::Comment, 0, text.len());
        } else if text.starts_with("$ ") {
            token(Class::Keyword, 0, 1);
        } else if language == "console" {
            token(Class::Doc, 0, text.len());
        } else if text.starts_with('[') {
            token(Class::Type, 0, text.len());
        } else if let Some(open) = text.find(['"', '\'']) {
            let inside = text.get(open..).unwrap_or("");
            let close = inside.rfind(['"', '\'']).unwrap_or(0);
            token(Class::Text, open, close + 1);
        }
        start += line.len();
    }
    tokens
}
