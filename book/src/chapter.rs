//! The chapters as mdBook hands them to us, taken apart.

use mdbook_preprocessor::book::{Book, BookItem, Chapter as Page};

use crate::directive::{Segment, segments};

/// A chapter.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// Its title.
    pub name: String,
    /// Its number, `4` or `4.1`; empty for front and back matter.
    pub number: String,
    /// Its file, below the folder of the chapters.
    pub path: String,
    /// What it consists of.
    pub segments: Vec<Segment>,
}

impl Chapter {
    /// Takes apart the text of a chapter.
    pub fn new(name: &str, number: &str, path: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            number: number.to_owned(),
            path: path.to_owned(),
            segments: segments(text),
        }
    }

    /// Where the page will stand, below the folder of the built book.
    pub fn page(&self) -> String {
        page(&self.path)
    }
}

/// The page that a chapter's file becomes.
pub fn page(path: &str) -> String {
    let stem = path.strip_suffix(".md").unwrap_or(path);
    let stem = stem
        .strip_suffix("README")
        .map_or(stem.to_owned(), |folder| format!("{folder}index"));
    format!("{stem}.html")
}

/// The chapters of a book, in reading order.
pub fn chapters(book: &Book) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    collect(&book.items, &mut chapters);
    chapters
}

/// Collects chapters and what stands below them.
fn collect(items: &[BookItem], chapters: &mut Vec<Chapter>) {
    for item in items {
        if let BookItem::Chapter(page) = item {
            chapters.extend(read(page));
            collect(&page.sub_items, chapters);
        }
    }
}

/// Takes one chapter apart; a draft has nothing to take.
fn read(page: &Page) -> Option<Chapter> {
    let path = page.source_path.as_ref()?.to_string_lossy();
    let number = page.number.as_ref().map(ToString::to_string);
    let number = number.unwrap_or_default();
    let number = number.trim_end_matches('.');
    Some(Chapter::new(&page.name, number, &path, &page.content))
}
