//! Collecting the names that the sources declare.
//!
//! Two passes find them. The first walks the modules and notes what stands
//! in each; the second, when types can be looked up, gives the contents of
//! `impl` blocks to their types.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::{
    Attribute, Expr, Fields, Generics, ImplItem, Item, Lit, Meta, TraitItem,
    UseTree,
};

use crate::names::{
    Binding, Declared, Def, DefId, DefKind, ModId, Module, Program,
};
use crate::source::Source;

/// Collects what the sources declare. `crates` gives the names of crates by
/// the files of their roots.
pub fn collect<'a>(
    sources: &'a [Source],
    crates: &[(String, String)],
) -> Program<'a> {
    let mut program = Program::empty(sources);
    let roots = sources.iter().enumerate().filter(|(_, at)| is_root(&at.path));
    let others =
        sources.iter().enumerate().filter(|(_, at)| !is_root(&at.path));
    for (file, source) in roots.chain(others) {
        if program.module_of.contains_key(&file) {
            continue;
        }
        let root = program.modules.len();
        let module = Module { root, file, ..Module::default() };
        program.modules.push(module);
        let named = crates.iter().find(|(path, _)| *path == source.path);
        if let Some((_, name)) = named {
            program.crates.insert(name.clone(), root);
        }
        program.module_of.insert(file, root);
        items(&mut program, root, &source.syntax.items);
    }
    impls(&mut program);
    program
}

/// Whether a file is the root of a crate.
fn is_root(path: &str) -> bool {
    let test = path.starts_with("tests/") || path.starts_with("book/tests/");
    let folders = path.matches('/').count();
    path.ends_with("src/lib.rs")
        || path.ends_with("src/main.rs")
        || path.starts_with("benches/")
        || (test && folders == if path.starts_with("book/") { 2 } else { 1 })
}

/// A definition before it has a number.
struct New<'a, 'n> {
    name: &'n Ident,
    kind: DefKind,
    syntax: Declared<'a>,
    attributes: &'n [Attribute],
    owner: Option<DefId>,
    /// From where to where its declaration goes, without the body.
    text: (Span, Span),
}

/// Adds a definition that is not yet bound to its name.
fn add<'a>(
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
fn join(path: &str, name: &str) -> String {
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
fn bind(program: &mut Program<'_>, module: ModId, name: String, id: DefId) {
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

/// Collects the items of a module.
fn items<'a>(program: &mut Program<'a>, module: ModId, items: &'a [Item]) {
    for item in items {
        match item {
            Item::Mod(it) => submodule(program, module, it),
            Item::Impl(it) => program.impls.push((module, it)),
            Item::Use(it) => {
                import(program, module, &it.tree, &mut Vec::new());
            }
            _ => {
                let Some(new) = simple(item) else { continue };
                let name = new.name.to_string();
                let id = add(program, module, new);
                bind(program, module, name, id);
                contents(program, module, id, item);
            }
        }
    }
}

/// What is to be said of an item that has a name.
fn simple(item: &Item) -> Option<New<'_, '_>> {
    use DefKind::{Alias, Constant, Function, Macro, Trait, Type};
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
            new(&it.ident, Type, of, &it.attrs, it.ident.span())
        }
        Item::Enum(it) => {
            let of = other(&it.generics);
            new(&it.ident, Type, of, &it.attrs, it.ident.span())
        }
        Item::Union(it) => {
            let of = other(&it.generics);
            new(&it.ident, Type, of, &it.attrs, it.ident.span())
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

/// Adds what stands inside a struct, enum or trait.
fn contents<'a>(
    program: &mut Program<'a>,
    module: ModId,
    owner: DefId,
    item: &'a Item,
) {
    match item {
        Item::Struct(it) => {
            fields(program, module, owner, &it.fields, Some(&it.generics));
        }
        Item::Enum(it) => {
            for variant in &it.variants {
                let new = New {
                    name: &variant.ident,
                    kind: DefKind::Variant,
                    syntax: Declared::Fields(
                        &variant.fields,
                        Some(&it.generics),
                    ),
                    attributes: &variant.attrs,
                    owner: Some(owner),
                    text: (variant.ident.span(), variant.fields.span()),
                };
                let unit = matches!(variant.fields, Fields::Unit);
                let text = match unit {
                    true => (variant.ident.span(), variant.ident.span()),
                    false => new.text,
                };
                let id = add(program, module, New { text, ..new });
                let generics = Some(&it.generics);
                fields(program, module, id, &variant.fields, generics);
            }
        }
        Item::Trait(it) => {
            for inside in &it.items {
                if let Some(new) = trait_item(inside, &it.generics, owner) {
                    add(program, module, new);
                }
            }
        }
        _ => {}
    }
}

/// Adds the fields of a struct or variant that have names.
fn fields<'a>(
    program: &mut Program<'a>,
    module: ModId,
    owner: DefId,
    fields: &'a Fields,
    generics: Option<&'a Generics>,
) {
    for field in fields {
        if let Some(name) = &field.ident {
            let new = New {
                name,
                kind: DefKind::Field,
                syntax: Declared::Typed(&field.ty, generics),
                attributes: &field.attrs,
                owner: Some(owner),
                text: (name.span(), field.ty.span()),
            };
            add(program, module, new);
        }
    }
}

/// What is to be said of something in a trait.
fn trait_item<'a>(
    item: &'a TraitItem,
    generics: &'a Generics,
    owner: DefId,
) -> Option<New<'a, 'a>> {
    let generics = Some(generics);
    let owner = Some(owner);
    match item {
        TraitItem::Fn(it) => Some(New {
            name: &it.sig.ident,
            kind: DefKind::Method,
            syntax: Declared::Function(&it.sig, generics),
            attributes: &it.attrs,
            owner,
            text: (it.sig.span(), it.sig.span()),
        }),
        TraitItem::Const(it) => Some(New {
            name: &it.ident,
            kind: DefKind::Constant,
            syntax: Declared::Typed(&it.ty, generics),
            attributes: &it.attrs,
            owner,
            text: (it.const_token.span(), it.ty.span()),
        }),
        TraitItem::Type(it) => Some(New {
            name: &it.ident,
            kind: DefKind::Alias,
            syntax: Declared::Other(generics),
            attributes: &it.attrs,
            owner,
            text: (it.type_token.span(), it.ident.span()),
        }),
        _ => None,
    }
}

/// What is to be said of something in an `impl` block.
fn impl_item<'a>(
    item: &'a ImplItem,
    generics: &'a Generics,
    owner: Option<DefId>,
) -> Option<New<'a, 'a>> {
    let generics = Some(generics);
    match item {
        ImplItem::Fn(it) => Some(New {
            name: &it.sig.ident,
            kind: DefKind::Method,
            syntax: Declared::Function(&it.sig, generics),
            attributes: &it.attrs,
            owner,
            text: (it.sig.span(), it.sig.span()),
        }),
        ImplItem::Const(it) => Some(New {
            name: &it.ident,
            kind: DefKind::Constant,
            syntax: Declared::Typed(&it.ty, generics),
            attributes: &it.attrs,
            owner,
            text: (it.const_token.span(), it.ty.span()),
        }),
        ImplItem::Type(it) => Some(New {
            name: &it.ident,
            kind: DefKind::Alias,
            syntax: Declared::Typed(&it.ty, generics),
            attributes: &it.attrs,
            owner,
            text: (it.type_token.span(), it.ty.span()),
        }),
        _ => None,
    }
}

/// Gives the contents of `impl` blocks to their types.
fn impls(program: &mut Program<'_>) {
    for (module, block) in program.impls.clone() {
        let owner = program.type_def(module, &block.self_ty);
        if let Some((_, path, _)) = &block.trait_
            && let Some(of) = program.trait_def(module, path)
            && let Some(owner) = owner
        {
            program.traits.entry(owner).or_default().push(of);
        }
        for item in &block.items {
            if let Some(new) = impl_item(item, &block.generics, owner) {
                add(program, module, new);
            }
        }
    }
}

/// Collects a module inside another.
fn submodule<'a>(
    program: &mut Program<'a>,
    parent: ModId,
    item: &'a syn::ItemMod,
) {
    let name = item.ident.to_string();
    let Some(around) = program.modules.get(parent) else { return };
    let (root, path) = (around.root, join(&around.path, &name));
    let test = around.test || item.attrs.iter().any(is_cfg_test);
    let file = match &item.content {
        Some(_) => Some(around.file),
        None => module_file(program, parent, &name),
    };
    let new = New {
        name: &item.ident,
        kind: DefKind::Module,
        syntax: Declared::Other(None),
        attributes: &item.attrs,
        owner: None,
        text: (item.mod_token.span(), item.ident.span()),
    };
    let id = add(program, parent, new);
    let Some(file) = file else { return };
    let module = program.modules.len();
    program.modules.push(Module {
        path,
        parent: Some(parent),
        root,
        file,
        test,
        ..Module::default()
    });
    let sources = program.sources;
    if let Some(def) = program.defs.get_mut(id) {
        def.module = module;
        if let (None, Some(source)) = (&item.content, sources.get(file)) {
            def.doc = first_sentence(&source.syntax.attrs);
        }
    }
    bind(program, parent, name, id);
    match (&item.content, sources.get(file)) {
        (Some((_, inside)), _) => items(program, module, inside),
        (None, Some(source)) => {
            program.module_of.insert(file, module);
            items(program, module, &source.syntax.items);
        }
        (None, None) => {}
    }
}

/// Whether an attribute is `#[cfg(test)]`.
pub fn is_cfg_test(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}

/// The file of `mod name;`.
fn module_file(
    program: &Program<'_>,
    parent: ModId,
    name: &str,
) -> Option<usize> {
    let file = program.modules.get(parent)?.file;
    let path = &program.sources.get(file)?.path;
    let (folder, own) = path.rsplit_once('/')?;
    let stem = own.strip_suffix(".rs").unwrap_or(own);
    let folder = if is_root(path) || stem == "mod" {
        folder.to_owned()
    } else {
        format!("{folder}/{stem}")
    };
    program
        .file(&format!("{folder}/{name}.rs"))
        .or_else(|| program.file(&format!("{folder}/{name}/mod.rs")))
}

/// Notes what a `use` declaration brings into a module.
pub fn import(
    program: &mut Program<'_>,
    module: ModId,
    tree: &UseTree,
    path: &mut Vec<String>,
) {
    let mut leaves = Vec::new();
    use_leaves(tree, path, &mut leaves);
    let Some(module) = program.modules.get_mut(module) else { return };
    for (name, path) in leaves {
        if name == "*" {
            module.globs.push(path);
        } else {
            let import = Binding::Import(path);
            module.types.entry(name.clone()).or_insert(import.clone());
            module.values.entry(name).or_insert(import);
        }
    }
}

/// The names that a `use` declaration brings, each with its path.
pub fn use_leaves(
    tree: &UseTree,
    path: &mut Vec<String>,
    leaves: &mut Vec<(String, Vec<String>)>,
) {
    match tree {
        UseTree::Path(it) => {
            path.push(it.ident.to_string());
            use_leaves(&it.tree, path, leaves);
            path.pop();
        }
        UseTree::Name(it) => {
            let mut whole = path.clone();
            let mut name = it.ident.to_string();
            if name == "self" {
                name = whole.last().cloned().unwrap_or_default();
            } else {
                whole.push(name.clone());
            }
            leaves.push((name, whole));
        }
        UseTree::Rename(it) => {
            let mut whole = path.clone();
            if it.ident != "self" {
                whole.push(it.ident.to_string());
            }
            leaves.push((it.rename.to_string(), whole));
        }
        UseTree::Glob(_) => leaves.push(("*".to_owned(), path.clone())),
        UseTree::Group(it) => {
            for tree in &it.items {
                use_leaves(tree, path, leaves);
            }
        }
    }
}
