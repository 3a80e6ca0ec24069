//! The outline of a file: which lines belong to which item.
//!
//! The lines of a file are dealt out to its items without a remainder: an
//! item owns everything after the item before it, so its documentation, its
//! attributes and the comments above it come along.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{ImplItem, Item, TraitItem};

use crate::source::{Lines, Source};

/// A part of a file that a chapter can ask for.
#[derive(Debug)]
pub struct Part {
    /// The names it answers to, the shortest first.
    pub names: Vec<String>,
    /// Its lines.
    pub lines: Lines,
    /// The parts inside, for an `impl`, a trait or an inline module.
    pub inner: Vec<Part>,
}

impl Part {
    /// The lines above the first part inside: `impl Budget {`.
    pub fn head(&self) -> Option<Lines> {
        let first = self.inner.first()?.lines.first;
        Some(Lines { first: self.lines.first, last: first.checked_sub(1)? })
    }

    /// The lines below the last part inside: `}`.
    pub fn foot(&self) -> Option<Lines> {
        let last = self.inner.last()?.lines.last;
        Some(Lines { first: last + 1, last: self.lines.last })
    }
}

/// The parts of a file, from top to bottom.
pub fn outline(source: &Source) -> Vec<Part> {
    let mut dealer = Dealer { source, dealt: 0 };
    let mut parts = Vec::new();
    if let Some(last) = source.syntax.attrs.iter().map(end).max() {
        let names = vec!["docs".to_owned(), "//!".to_owned()];
        parts.push(dealer.part(names, last, Vec::new()));
    }
    dealer.items(&source.syntax.items, "", &mut parts);
    let end = source.lines.len();
    if let Some(last) = parts.last_mut() {
        last.lines.last = dealer.last_used(last.lines.last, end);
    }
    parts
}

/// The line on which a piece of syntax ends.
fn end(piece: &impl Spanned) -> usize {
    piece.span().end().line
}

/// Deals out lines from the top to the bottom.
struct Dealer<'a> {
    source: &'a Source,
    dealt: usize,
}

impl Dealer<'_> {
    /// Everything not yet dealt, to this line, is one part.
    fn part(
        &mut self,
        names: Vec<String>,
        last: usize,
        inner: Vec<Part>,
    ) -> Part {
        let first = self.first_after(self.dealt).min(last);
        self.dealt = last;
        Part { names, lines: Lines { first, last }, inner }
    }

    /// The first line after this one that is not blank.
    fn first_after(&self, line: usize) -> usize {
        let mut first = line + 1;
        while first < self.source.lines.len() && self.source.is_blank(first) {
            first += 1;
        }
        first
    }

    /// The last line in a range that is not blank.
    fn last_used(&self, from: usize, to: usize) -> usize {
        (from..=to).rev().find(|at| !self.source.is_blank(*at)).unwrap_or(from)
    }

    /// Deals out the items of a file or of an inline module.
    fn items(&mut self, items: &[Item], prefix: &str, parts: &mut Vec<Part>) {
        for item in items {
            let start = self.first_after(self.dealt);
            let inner = self.inside(item, prefix);
            let names = names(item)
                .into_iter()
                .map(|name| format!("{prefix}{name}"))
                .collect();
            let mut part = self.part(names, end(item), inner);
            part.lines.first = start.min(part.lines.last);
            parts.push(part);
        }
    }

    /// The parts inside an item.
    fn inside(&mut self, item: &Item, prefix: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        if let Item::Macro(item) = item
            && item.ident.is_none()
            && self.opens(
                item.mac.delimiter.span().open(),
                item.mac.delimiter.span().close(),
            )
        {
            for (name, last) in functions(&item.mac.tokens) {
                let names = vec![name.clone(), format!("fn {name}")];
                parts.push(self.part(names, last, Vec::new()));
            }
        } else if let Item::Mod(module) = item
            && let Some((brace, items)) = &module.content
            && self.opens(brace.span.open(), brace.span.close())
        {
            let prefix = format!("{prefix}{}::", module.ident);
            self.items(items, &prefix, &mut parts);
        } else if let Item::Impl(block) = item
            && self.opens(
                block.brace_token.span.open(),
                block.brace_token.span.close(),
            )
        {
            let of = impl_names(block);
            for method in &block.items {
                let names = member_names(prefix, &of, impl_member(method));
                parts.push(self.part(names, end(method), Vec::new()));
            }
        } else if let Item::Trait(block) = item
            && self.opens(
                block.brace_token.span.open(),
                block.brace_token.span.close(),
            )
        {
            let of = vec![block.ident.to_string()];
            for method in &block.items {
                let names = member_names(prefix, &of, trait_member(method));
                parts.push(self.part(names, end(method), Vec::new()));
            }
        }
        parts
    }

    /// Moves past an opening brace, unless its block is all on one line.
    fn opens(&mut self, open: Span, close: Span) -> bool {
        let many = open.start().line < close.start().line;
        if many {
            self.dealt = open.start().line;
        }
        many
    }
}

/// The functions in the tokens of a macro: name and last line of each.
fn functions(tokens: &TokenStream) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut name = None;
    let mut after_fn = false;
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(word) if after_fn => {
                name = Some(word.to_string());
                after_fn = false;
            }
            TokenTree::Ident(word) => after_fn = word == "fn",
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Brace
                    && let Some(name) = name.take()
                {
                    found.push((name, group.span_close().end().line));
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    found
}

/// The names of a member, for every name of what it is a member of.
fn member_names(prefix: &str, of: &[String], name: String) -> Vec<String> {
    of.iter().map(|of| format!("{prefix}{of}::{name}")).collect()
}

/// The names under which an item can be asked for.
fn names(item: &Item) -> Vec<String> {
    let named = |keyword: &str, name: &dyn ToString| {
        let name = name.to_string();
        vec![name.clone(), format!("{keyword} {name}")]
    };
    match item {
        Item::Const(item) => named("const", &item.ident),
        Item::Enum(item) => named("enum", &item.ident),
        Item::Fn(item) => named("fn", &item.sig.ident),
        Item::Static(item) => named("static", &item.ident),
        Item::Struct(item) => named("struct", &item.ident),
        Item::Trait(item) => named("trait", &item.ident),
        Item::TraitAlias(item) => named("trait", &item.ident),
        Item::Type(item) => named("type", &item.ident),
        Item::Union(item) => named("union", &item.ident),
        Item::Mod(item) => vec![format!("mod {}", item.ident)],
        Item::Use(item) => {
            let path = plain(&item.tree);
            vec!["use".to_owned(), format!("use {path}")]
        }
        Item::ExternCrate(item) => {
            vec!["use".to_owned(), format!("extern crate {}", item.ident)]
        }
        Item::Impl(item) => impl_names(item)
            .into_iter()
            .filter(|name| name.starts_with("impl "))
            .collect(),
        Item::Macro(item) => match &item.ident {
            Some(name) => named("macro", name),
            None => vec![format!("{}!", plain(&item.mac.path))],
        },
        Item::ForeignMod(_) => vec!["extern".to_owned()],
        _ => Vec::new(),
    }
}

/// The names of an `impl` block, and of its type when the block is its own:
/// `impl Display for Command`, `impl Budget` and `Budget`.
fn impl_names(block: &syn::ItemImpl) -> Vec<String> {
    let own = plain(&block.self_ty);
    let bare = bare(&own);
    let mut names = vec![bare.clone()];
    if let Some((_, path, _)) = &block.trait_ {
        let whole = plain(path);
        let mut last = whole.clone();
        if let Some(segment) = path.segments.last() {
            last = plain(segment);
        }
        for path in [self::bare(&last), last, self::bare(&whole), whole] {
            names.push(format!("impl {path} for {bare}"));
            names.push(format!("impl {path} for {own}"));
        }
    } else {
        names.push(format!("impl {bare}"));
        names.push(format!("impl {own}"));
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The name of something in an `impl` block.
fn impl_member(item: &ImplItem) -> String {
    match item {
        ImplItem::Const(item) => item.ident.to_string(),
        ImplItem::Fn(item) => item.sig.ident.to_string(),
        ImplItem::Type(item) => item.ident.to_string(),
        _ => String::new(),
    }
}

/// The name of something in a trait.
fn trait_member(item: &TraitItem) -> String {
    match item {
        TraitItem::Const(item) => item.ident.to_string(),
        TraitItem::Fn(item) => item.sig.ident.to_string(),
        TraitItem::Type(item) => item.ident.to_string(),
        _ => String::new(),
    }
}

/// Syntax as one would type it: `From<io::Error>`.
pub fn plain(tokens: &impl ToTokens) -> String {
    squeeze(&tokens.to_token_stream().to_string())
}

/// Takes out the spaces that do not part two words.
pub fn squeeze(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        let word_on_both_sides = out.chars().next_back().is_some_and(is_word)
            && word.chars().next().is_some_and(is_word);
        let after_generics = out.ends_with('>')
            && !out.ends_with("->")
            && word.starts_with(is_word);
        if word_on_both_sides || after_generics || out.ends_with(',') {
            out.push(' ');
        }
        out.push_str(word);
    }
    out.replace(" ,", ",")
}

/// Whether a character can be part of a word of Rust.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A type without its generic arguments and without `&` and `dyn`.
fn bare(text: &str) -> String {
    let text = text.trim_start_matches('&').trim_start_matches("dyn ");
    let end = text.find('<').unwrap_or(text.len());
    text.get(..end).unwrap_or(text).to_owned()
}
