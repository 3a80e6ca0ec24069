//! Weaves chapters and source into one book.
//!
//! The modules stand in reading order; chapters `weaver` and those after it
//! tell their story.

pub mod problem;
pub mod source;
pub mod outline;
pub mod select;
pub mod directive;
pub mod chapter;
pub mod web;
pub mod weave;
pub mod names;
pub mod scope;
pub mod declare;
pub mod collect;
pub mod types;
pub mod generics;
pub mod foreign;
pub mod walker;
pub mod patterns;
pub mod infer;
pub mod tokens;
pub mod walk;
pub mod lexer;
pub mod html;
pub mod links;
pub mod site;
pub mod around;
pub mod listing;
pub mod prose;
pub mod figure;
pub mod svg;
pub mod diagram;
pub mod tree;
pub mod timeline;
pub mod ring;
pub mod bars;
pub mod picture;
pub mod declared;
pub mod index;
pub mod rfc;
pub mod render;
pub mod preprocess;
pub mod order;
pub mod spans;
pub mod check;
pub mod stage;
pub mod serve;
pub mod command;
