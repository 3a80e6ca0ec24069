//! Collecting the names that the sources declare.
//!
//! Two passes find them. The first walks the modules and notes what stands
//! in each; the second, when types can be looked up, gives the contents of
//! `impl` blocks to their types.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use syn::spanned::Spanned;
use syn::{Attribute, Fields, Generics, Item, Meta, UseTree};

use crate::declare::{
    New, add, bind, first_sentence, impl_item, join, simple, trait_item,
};
use crate::names::{Binding, Declared, DefId, DefKind, ModId, Module, Program};
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
    let test = path.strip_prefix("book/").unwrap_or(path);
    let test = test.strip_prefix("tests/").is_some_and(|rest| {
        // A test of several files has a main.rs, like a program.
        match rest.split_once('/') {
            Some((_, rest)) => rest == "main.rs",
            None => true,
        }
    });
    path.ends_with("src/lib.rs")
        || path.ends_with("src/main.rs")
        || path.starts_with("src/bin/")
        || path.starts_with("benches/")
        || test
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
                if let Some(new) =
                    trait_item(inside, (&it.generics, Some(owner)))
                {
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
            if let Some(new) = impl_item(item, (&block.generics, owner)) {
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
