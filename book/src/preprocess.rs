//! The weaver as a preprocessor of mdBook.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use mdbook_preprocessor::book::{Book, BookItem, Chapter as Page};
use mdbook_preprocessor::errors::Result;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext, parse_input};

use crate::chapter::chapters;
use crate::render;
use crate::site::Site;

/// Weaves when mdBook asks it to.
pub struct Weaver;

impl Preprocessor for Weaver {
    fn name(&self) -> &str {
        "book"
    }

    fn run(&self, context: &PreprocessorContext, book: Book) -> Result<Book> {
        let site = Site::read(&project(&context.root), chapters(&book))?;
        Ok(weave_into(&site, book))
    }

    fn supports_renderer(&self, renderer: &str) -> Result<bool> {
        Ok(renderer == "html")
    }
}

/// Reads a book as mdBook sends it, weaves, and writes it back.
pub fn preprocess(input: impl Read, output: impl Write) -> Result<()> {
    let (context, book) = parse_input(input)?;
    let woven = Weaver.run(&context, book)?;
    serde_json::to_writer(output, &woven)?;
    Ok(())
}

/// The root of the project, from the folder of the book.
pub fn project(book: &Path) -> PathBuf {
    book.parent().unwrap_or(book).to_owned()
}

/// Puts the woven chapters in the place of the written ones.
pub fn weave_into(site: &Site, mut book: Book) -> Book {
    book.for_each_chapter_mut(|page| weave_page(site, page));
    book
}

/// Weaves one chapter.
fn weave_page(site: &Site, page: &mut Page) {
    let Some(path) = &page.source_path else { return };
    let path = path.to_string_lossy();
    let index = site.chapters.iter().position(|at| at.path == path);
    if let Some(index) = index {
        page.content = render::chapter(site, index);
        let pages = render::file_pages(site, index);
        let below = page.parent_names.iter().chain([&page.name]);
        let below: Vec<String> = below.cloned().collect();
        for (name, path, content) in pages {
            let mut file = Page::new(&name, content, path, below.clone());
            file.source_path = None;
            page.sub_items.push(BookItem::Chapter(file));
        }
    }
}
