//! Declaring: what is to be noted about an item that has a name.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, Generics, ImplItem, Item, Lit, Meta, Signature, TraitItem,
    Type,
};

use crate::names::{Binding, Declared, Def, DefId, DefKind, ModId, Program};
use crate::source::Source;

/// A definition before it has a number.
pub struct New<'a, 'n> {
    /// Its name.
    pub name: &'n Ident,
    /// What it is.
    pub kind: DefKind,
    /// Its syntax, as far as types are concerned.
    pub syntax: Declared<'a>,
    /// Its attributes, documentation among them.
    pub attributes: &'n [Attribute],
    /// The type or trait to which it belongs.
    pub owner: Option<DefId>,
    /// From where to where its declaration goes, without the body.
    pub text: (Span, Span),
}

/// Adds a definition that is not yet bound to its name.
pub fn add<'a>(
    program: &mut Program<'a>,
    module: ModId,
    new: New<'a, '_>,
) -> DefId {
    let id = program.defs.len();
    let start = new.name.span().start();
    let of = program.modules.get(module);
    let file = of.map_or(0, |module| module.file);
    let around = match new.owner.and_then(|owner| program.defs.get(owner)) {
        Some(owner) => owner.path.clone(),
        None => of.map(|module| module.path.clone()).unwrap_or_default(),
    };
    let name = new.name.to_string();
    let source = program.sources.get(file);
    program.defs.push(Def {
        path: join(&around, &name),
        name: name.clone(),
        kind: new.kind,
        file,
        line: start.line,
        column: start.column,
        signature: source.map_or(String::new(), |at| text(at, new.text)),
        doc: first_sentence(new.attributes),
        owner: new.owner,
        module,
    });
    program.declared.push(new.syntax);
    program.at.insert((file, start.line, start.column), id);
    if let Some(owner) = new.owner {
        program.members.entry((owner, name)).or_default().push(id);
    }
    id
}

/// A path and a name below it.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") }
}

/// The text of a source between the ends of two pieces, on one line.
fn text(source: &Source, (from, to): (Span, Span)) -> String {
    let (start, end) = (from.start(), to.end());
    let mut words = Vec::new();
    for number in start.line..=end.line {
        let line = source.line(number).chars();
        let skip = if number == start.line { start.column } else { 0 };
        let take = if number == end.line { end.column } else { usize::MAX };
        let part: String =
            line.take(take).skip(skip).collect::<String>().trim().to_owned();
        words.push(part);
    }
    words.join(" ").replace("( ", "(").replace(", )", ")")
}

/// The first sentence of an item's documentation.
pub fn first_sentence(attributes: &[Attribute]) -> String {
    let mut words = String::new();
    for attribute in attributes {
        let Meta::NameValue(meta) = &attribute.meta else { continue };
        let Expr::Lit(value) = &meta.value else { continue };
        let Lit::Str(line) = &value.lit else { continue };
        let line = line.value();
        if !meta.path.is_ident("doc") {
            continue;
        }
        if line.trim().is_empty() {
            break;
        }
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(line.trim());
    }
    let end = words.find(". ").map_or(words.len(), |at| at + 1);
    words.get(..end).unwrap_or(&words).to_owned()
}

/// Binds a name in a module.
pub fn bind(program: &mut Program<'_>, module: ModId, name: String, id: DefId) {
    let kind = program.kind(id);
    if let Some(module) = program.modules.get_mut(module) {
        let names = match kind {
            DefKind::Module
            | DefKind::Type
            | DefKind::Trait
            | DefKind::Alias => &mut module.types,
            DefKind::Variant
            | DefKind::Field
            | DefKind::Function
            | DefKind::Method
            | DefKind::Constant
            | DefKind::Macro => &mut module.values,
        };
        names.insert(name, Binding::Def(id));
    }
}

/// What is to be said of an item that has a name.
pub fn simple(item: &Item) -> Option<New<'_, '_>> {
    use DefKind::{Alias, Constant, Function, Macro, Trait};
    let start = item_start(item);
    let new = |name, kind, syntax, attributes, end: Span| {
        let text = (start, end);
        Some(New { name, kind, syntax, attributes, owner: None, text })
    };
    let other = |generics| Declared::Other(Some(generics));
    match item {
        Item::Const(it) => {
            let of = Declared::Typed(&it.ty, None);
            new(&it.ident, Constant, of, &it.attrs, it.ty.span())
        }
        Item::Static(it) => {
            let of = Declared::Typed(&it.ty, None);
            new(&it.ident, Constant, of, &it.attrs, it.ty.span())
        }
        Item::Fn(it) => {
            let of = Declared::Function(&it.sig, None);
            new(&it.sig.ident, Function, of, &it.attrs, it.sig.span())
        }
        Item::Type(it) => {
            let of = Declared::Typed(&it.ty, Some(&it.generics));
            new(&it.ident, Alias, of, &it.attrs, it.ty.span())
        }
        Item::Struct(it) => {
            let of = Declared::Fields(&it.fields, Some(&it.generics));
            new(&it.ident, DefKind::Type, of, &it.attrs, it.ident.span())
        }
        Item::Enum(it) => {
            let of = other(&it.generics);
            new(&it.ident, DefKind::Type, of, &it.attrs, it.ident.span())
        }
        Item::Union(it) => {
            let of = other(&it.generics);
            new(&it.ident, DefKind::Type, of, &it.attrs, it.ident.span())
        }
        Item::Trait(it) => {
            let of = other(&it.generics);
            new(&it.ident, Trait, of, &it.attrs, it.ident.span())
        }
        Item::Macro(it) => {
            let name = it.ident.as_ref()?;
            new(name, Macro, Declared::Other(None), &it.attrs, name.span())
        }
        _ => None,
    }
}

/// Where an item begins, after its attributes.
fn item_start(item: &Item) -> Span {
    match item {
        Item::Const(it) => it.vis.span().join(it.const_token.span()),
        Item::Static(it) => it.vis.span().join(it.static_token.span()),
        Item::Fn(it) => it.vis.span().join(it.sig.span()),
        Item::Type(it) => it.vis.span().join(it.type_token.span()),
        Item::Struct(it) => it.vis.span().join(it.struct_token.span()),
        Item::Enum(it) => it.vis.span().join(it.enum_token.span()),
        Item::Union(it) => it.vis.span().join(it.union_token.span()),
        Item::Trait(it) => it.vis.span().join(it.trait_token.span()),
        Item::Macro(it) => Some(it.mac.path.span()),
        _ => None,
    }
    .unwrap_or_else(|| item.span())
}

/// What stands around a member: the generics of its trait or `impl` block,
/// and the type or trait to which it belongs.
pub type Around<'a> = (&'a Generics, Option<DefId>);

/// What is to be said of something in a trait.
pub fn trait_item<'a>(
    item: &'a TraitItem,
    around: Around<'a>,
) -> Option<New<'a, 'a>> {
    let new = match item {
        TraitItem::Fn(it) => method(&it.sig, &it.attrs, around),
        TraitItem::Const(it) => {
            let start = it.const_token.span();
            constant(&it.ident, &it.ty, start, &it.attrs, around)
        }
        TraitItem::Type(it) => New {
            name: &it.ident,
            kind: DefKind::Alias,
            syntax: Declared::Other(Some(around.0)),
            attributes: &it.attrs,
            owner: around.1,
            text: (it.type_token.span(), it.ident.span()),
        },
        _ => return None,
    };
    Some(new)
}

/// What is to be said of something in an `impl` block. A type is an alias
/// there, and declared as a constant is.
pub fn impl_item<'a>(
    item: &'a ImplItem,
    around: Around<'a>,
) -> Option<New<'a, 'a>> {
    let new = match item {
        ImplItem::Fn(it) => method(&it.sig, &it.attrs, around),
        ImplItem::Const(it) => {
            let start = it.const_token.span();
            constant(&it.ident, &it.ty, start, &it.attrs, around)
        }
        ImplItem::Type(it) => {
            let start = it.type_token.span();
            let new = constant(&it.ident, &it.ty, start, &it.attrs, around);
            New { kind: DefKind::Alias, ..new }
        }
        _ => return None,
    };
    Some(new)
}

/// A function of a trait or an `impl` block.
fn method<'a>(
    signature: &'a Signature,
    attributes: &'a [Attribute],
    (generics, owner): Around<'a>,
) -> New<'a, 'a> {
    New {
        name: &signature.ident,
        kind: DefKind::Method,
        syntax: Declared::Function(signature, Some(generics)),
        attributes,
        owner,
        text: (signature.span(), signature.span()),
    }
}

/// A constant of a trait or an `impl` block.
fn constant<'a>(
    name: &'a Ident,
    of: &'a Type,
    start: Span,
    attributes: &'a [Attribute],
    (generics, owner): Around<'a>,
) -> New<'a, 'a> {
    New {
        name,
        kind: DefKind::Constant,
        syntax: Declared::Typed(of, Some(generics)),
        attributes,
        owner,
        text: (start, of.span()),
    }
}
