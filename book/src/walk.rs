//! Walking the syntax of a file: items, functions, blocks.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use std::collections::HashSet;

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{Attribute, FnArg, Item, Pat, Path, Stmt};

use crate::collect::use_leaves;
use crate::names::Program;
use crate::scope::{Found, Space};
use crate::types::{Ty, View};
use crate::walker::{Local, Names, Target, Walker};

/// What the names in a file lead to.
pub fn walk(
    program: &Program<'_>,
    foreign: &HashSet<String>,
    file: usize,
) -> Names {
    let Some(source) = program.sources.get(file) else {
        return Names::new();
    };
    let module = program.module_of.get(&file).copied().unwrap_or(0);
    let view = View { module, ..View::default() };
    let mut walker = Walker {
        program,
        foreign,
        file,
        view,
        scopes: Vec::new(),
        names: Names::new(),
    };
    for ((of, line, column), id) in &program.at {
        if *of == file {
            let target = Target::Definition(*id);
            walker.names.insert((*line, *column), target);
        }
    }
    walker.visit_file(&source.syntax);
    walker.names
}

impl Walker<'_> {
    /// Binds the parameters of a function and walks its body.
    fn function(
        &mut self,
        signature: &syn::Signature,
        body: Option<&syn::Block>,
    ) {
        let mut view = self.view.clone();
        view.enter(self.program, &signature.generics);
        self.viewed(view, |walker| {
            walker.visit_generics(&signature.generics);
            for input in &signature.inputs {
                match input {
                    FnArg::Receiver(receiver) => {
                        if receiver.colon_token.is_some() {
                            walker.visit_type(&receiver.ty);
                        }
                        let own = walker.view.own.clone();
                        let own = own.unwrap_or(Ty::Unknown);
                        let name = Ident::new("self", receiver.self_token.span);
                        walker.declare(&name, Local::Variable(own));
                    }
                    FnArg::Typed(input) => {
                        walker.attributes(&input.attrs);
                        walker.visit_type(&input.ty);
                        let of = walker.view.ty(walker.program, &input.ty);
                        walker.bind(&input.pat, &of);
                    }
                }
            }
            walker.visit_return_type(&signature.output);
            if let Some(body) = body {
                walker.block(body);
            }
        });
    }

    /// Walks attributes.
    pub fn attributes(&mut self, attributes: &[Attribute]) {
        for attribute in attributes {
            self.visit_attribute(attribute);
        }
    }

    /// Walks a block and says of which type its value is.
    pub fn block(&mut self, block: &syn::Block) -> Ty {
        self.scoped(|walker| walker.statements(&block.stmts))
    }

    /// Walks statements and says of which type the last one is.
    pub fn statements(&mut self, statements: &[Stmt]) -> Ty {
        for statement in statements {
            if let Stmt::Item(item) = statement {
                self.local_item(item);
            }
        }
        let mut last = Ty::Unknown;
        for statement in statements {
            last = match statement {
                Stmt::Local(it) => {
                    self.binding(it);
                    Ty::Unknown
                }
                Stmt::Item(it) => {
                    self.visit_item(it);
                    Ty::Unknown
                }
                Stmt::Expr(it, end) => match (self.expr(it), end) {
                    (of, None) => of,
                    (_, Some(_)) => Ty::Unknown,
                },
                Stmt::Macro(it) => {
                    self.attributes(&it.attrs);
                    self.mac(&it.mac)
                }
            };
        }
        last
    }

    /// Walks `let pattern: Type = value else { … };`.
    fn binding(&mut self, local: &syn::Local) {
        self.attributes(&local.attrs);
        let mut of = Ty::Unknown;
        if let Some(init) = &local.init {
            of = self.expr(&init.expr);
            if let Some((_, otherwise)) = &init.diverge {
                self.expr(otherwise);
            }
        }
        if let Pat::Type(typed) = &local.pat {
            let said = self.view.ty(self.program, &typed.ty);
            self.visit_type(&typed.ty);
            let open = said.argument(0) == Ty::Unknown
                && matches!(said, Ty::Foreign(..));
            if !open || of == Ty::Unknown {
                of = said;
            }
            self.bind(&typed.pat, &of);
        } else {
            self.bind(&local.pat, &of);
        }
    }

    /// Declares the name of an item inside a function.
    fn local_item(&mut self, item: &Item) {
        match item {
            Item::Use(it) => {
                let mut leaves = Vec::new();
                use_leaves(&it.tree, &mut Vec::new(), &mut leaves);
                for (name, path) in leaves {
                    let module = self.view.module;
                    let program = self.program;
                    let all = program.path(module, &path, Space::Values);
                    let last = all.last().copied().unwrap_or(Found::Unknown);
                    let name =
                        Ident::new(&name, proc_macro2::Span::call_site());
                    self.declare(&name, Local::Import(last));
                }
            }
            Item::Fn(it) => {
                self.note(&it.sig.ident, Target::Local);
                let made = self.view.returned(self.program, &it.sig.output);
                let of = Ty::Callable(Box::new(made));
                self.declare(&it.sig.ident, Local::Variable(of));
            }
            Item::Const(it) => {
                self.note(&it.ident, Target::Local);
                let of = self.view.ty(self.program, &it.ty);
                self.declare(&it.ident, Local::Variable(of));
            }
            Item::Struct(it) => {
                self.note(&it.ident, Target::Local);
                self.view.parameters.insert(it.ident.to_string(), Ty::Unknown);
            }
            _ => {}
        }
    }

    /// Notes the names of a `use` declaration.
    fn note_use(&mut self, tree: &syn::UseTree, path: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(it) => {
                path.push(it.ident.to_string());
                let found = self.used(path, Space::Types);
                self.note_found(&it.ident, found);
                self.note_use(&it.tree, path);
                path.pop();
            }
            syn::UseTree::Name(it) => {
                path.push(it.ident.to_string());
                let found = self.used(path, Space::Values);
                self.note_found(&it.ident, found);
                path.pop();
            }
            syn::UseTree::Rename(it) => {
                path.push(it.ident.to_string());
                let found = self.used(path, Space::Values);
                self.note_found(&it.ident, found);
                self.note_found(&it.rename, found);
                path.pop();
            }
            syn::UseTree::Glob(_) => {}
            syn::UseTree::Group(it) => {
                for tree in &it.items {
                    self.note_use(tree, path);
                }
            }
        }
    }

    /// What the end of a path in a `use` declaration is.
    fn used(&self, path: &[String], space: Space) -> Found {
        let mut path = path.to_vec();
        if path.len() == 1 {
            path.push("self".to_owned());
            let first = path.first().cloned().unwrap_or_default();
            let program = self.program;
            let module = self.view.module;
            let found = program.path(module, &[first], Space::Types);
            return match found.last() {
                Some(Found::Unknown) | None => Found::Foreign,
                Some(found) => *found,
            };
        }
        let found = self.program.path(self.view.module, &path, space);
        found.last().copied().unwrap_or(Found::Unknown)
    }
}

impl<'s> Visit<'s> for Walker<'_> {
    fn visit_path(&mut self, path: &'s Path) {
        self.note_path(path, Space::Types);
    }

    fn visit_expr(&mut self, expr: &'s syn::Expr) {
        self.expr(expr);
    }

    fn visit_pat(&mut self, pat: &'s Pat) {
        self.bind(pat, &Ty::Unknown);
    }

    fn visit_block(&mut self, block: &'s syn::Block) {
        self.block(block);
    }

    fn visit_macro(&mut self, mac: &'s syn::Macro) {
        self.mac(mac);
    }

    fn visit_attribute(&mut self, attribute: &'s Attribute) {
        self.attribute(attribute);
    }

    fn visit_vis_restricted(&mut self, _: &'s syn::VisRestricted) {}

    fn visit_assoc_type(&mut self, it: &'s syn::AssocType) {
        self.note(&it.ident, Target::Foreign);
        visit::visit_assoc_type(self, it);
    }

    fn visit_type_param(&mut self, it: &'s syn::TypeParam) {
        self.note(&it.ident, Target::Local);
        visit::visit_type_param(self, it);
    }

    fn visit_const_param(&mut self, it: &'s syn::ConstParam) {
        self.note(&it.ident, Target::Local);
        self.declare(&it.ident, Local::Variable(Ty::Unknown));
        visit::visit_const_param(self, it);
    }

    fn visit_item_fn(&mut self, it: &'s syn::ItemFn) {
        self.attributes(&it.attrs);
        self.function(&it.sig, Some(&it.block));
    }

    fn visit_impl_item_fn(&mut self, it: &'s syn::ImplItemFn) {
        self.attributes(&it.attrs);
        self.function(&it.sig, Some(&it.block));
    }

    fn visit_trait_item_fn(&mut self, it: &'s syn::TraitItemFn) {
        self.attributes(&it.attrs);
        self.function(&it.sig, it.default.as_ref());
    }

    fn visit_item_impl(&mut self, it: &'s syn::ItemImpl) {
        let mut view = self.view.clone();
        view.enter(self.program, &it.generics);
        view.own = Some(view.ty(self.program, &it.self_ty));
        self.viewed(view, |walker| visit::visit_item_impl(walker, it));
    }

    fn visit_item_trait(&mut self, it: &'s syn::ItemTrait) {
        let mut view = self.view.clone();
        view.enter(self.program, &it.generics);
        let id = self.program.defined_at(self.file, &it.ident);
        view.own = id.map(|id| Ty::Ours(id, Vec::new()));
        self.viewed(view, |walker| visit::visit_item_trait(walker, it));
    }

    fn visit_item_struct(&mut self, it: &'s syn::ItemStruct) {
        let mut view = self.view.clone();
        view.enter(self.program, &it.generics);
        self.viewed(view, |walker| visit::visit_item_struct(walker, it));
    }

    fn visit_item_enum(&mut self, it: &'s syn::ItemEnum) {
        let mut view = self.view.clone();
        view.enter(self.program, &it.generics);
        self.viewed(view, |walker| visit::visit_item_enum(walker, it));
    }

    fn visit_item_type(&mut self, it: &'s syn::ItemType) {
        let mut view = self.view.clone();
        view.enter(self.program, &it.generics);
        self.viewed(view, |walker| visit::visit_item_type(walker, it));
    }

    fn visit_item_mod(&mut self, it: &'s syn::ItemMod) {
        let id = self.program.defined_at(self.file, &it.ident);
        let def = id.and_then(|id| self.program.def(id));
        if let (Some(def), true) = (def, it.content.is_some()) {
            let view = View { module: def.module, ..View::default() };
            self.viewed(view, |walker| visit::visit_item_mod(walker, it));
        } else {
            self.attributes(&it.attrs);
        }
    }

    fn visit_item_use(&mut self, it: &'s syn::ItemUse) {
        self.attributes(&it.attrs);
        self.note_use(&it.tree, &mut Vec::new());
    }

    fn visit_item_macro(&mut self, it: &'s syn::ItemMacro) {
        self.attributes(&it.attrs);
        if it.ident.is_some() {
            self.quiet_tokens(it.mac.tokens.clone());
            self.visit_path(&it.mac.path);
        } else {
            self.mac(&it.mac);
        }
    }
}
