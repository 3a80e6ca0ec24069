//! Chapters with their directives carried out.

use crate::diagram;
use crate::directive::{Directive, Index, Segment};
use crate::figure::{FigureError, read_session, snapshot};
use crate::html::escape;
use crate::index;
use crate::listing;
use crate::picture::picture;
use crate::prose::prose;
use crate::rfc;
use crate::site::{Site, file_chapter};
use crate::source::Source;

/// The text of a chapter with every directive in place.
pub fn chapter(site: &Site, index: usize) -> String {
    let Some(chapter) = site.chapters.get(index) else {
        return String::new();
    };
    let mut out = String::new();
    for segment in &chapter.segments {
        match segment {
            Segment::Prose(text) => {
                out.push_str(&prose(site, index, text));
            }
            Segment::Directive(line, made) => {
                out.push_str(&directive(site, index, *line, made));
            }
            Segment::Broken(_, what) => out.push_str(&broken(what)),
        }
    }
    out
}

/// What a directive becomes.
fn directive(
    site: &Site,
    chapter: usize,
    line: usize,
    directive: &Directive,
) -> String {
    match directive {
        Directive::Chunk(_) | Directive::Test(_) | Directive::Show(_) => {
            match site.web.at(chapter, line) {
                Some(index) => listing::chunk(site, index),
                None => broken("this directive shows nothing"),
            }
        }
        Directive::Index(made) => {
            index::index(site, &site.chapter_page(chapter), *made)
        }
        Directive::Snapshot(path) => shown(snapshot(&site.root, path)),
        Directive::Session(path, name) => {
            let session = read_session(&site.root, path, name);
            shown(session.map(|session| diagram::session(&session)))
        }
        Directive::Picture(kind, target) => {
            shown(picture(&site.root, *kind, target))
        }
        Directive::Rfc(number) => {
            rfc::table(site, &site.chapter_page(chapter), number)
        }
    }
}

/// A figure, or why there is none.
fn shown(figure: Result<String, FigureError>) -> String {
    figure.unwrap_or_else(|error| broken(&error.to_string()))
}

/// A mistake, where the reader of a draft cannot overlook it.
fn broken(what: &str) -> String {
    format!("\n<p class=\"broken\">{}</p>\n\n", escape(what))
}

/// The pages of the files, when this chapter holds their index: for each its
/// name, its path and its text.
pub fn file_pages(
    site: &Site,
    chapter: usize,
) -> Vec<(String, String, String)> {
    let wanted = site.chapters.get(chapter).is_some_and(|chapter| {
        chapter.segments.iter().any(|segment| {
            let files = Directive::Index(Index::Files);
            matches!(segment, Segment::Directive(_, made) if *made == files)
        })
    });
    if !wanted {
        return Vec::new();
    }
    let page = |(file, source): (usize, &Source)| {
        let path = file_chapter(&source.path);
        (source.path.clone(), path, listing::file(site, file))
    };
    site.sources.iter().enumerate().map(page).collect()
}
