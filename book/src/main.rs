//! `book`: weaves the chapters and the source into one book.

fn main() {}
