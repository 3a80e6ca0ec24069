//! Weaves chapters and source into one book.

pub mod source;
pub mod outline;
pub mod directive;
pub mod select;
pub mod problem;
pub mod chapter;
pub mod weave;
pub mod names;
pub mod scope;
pub mod collect;
pub mod types;
pub mod foreign;
pub mod walk;
pub mod infer;
pub mod tokens;
pub mod links;
pub mod lexer;
pub mod html;
pub mod site;
pub mod listing;
pub mod render;
pub mod check;
pub mod preprocess;
pub mod command;
