//! Patterns, and members: which part of a value a name stands for.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{Expr, Member, Pat};

use crate::names::{DefId, DefKind};
use crate::scope::{Found, Space};
use crate::types::Ty;
use crate::walker::{Local, Target, Walker, found_type};

impl Walker<'_> {
    /// Learns what a collection holds from what is put into it.
    pub fn learn(&mut self, receiver: &Expr, of: &Ty, name: &str, put: &[Ty]) {
        let Expr::Path(path) = receiver else { return };
        let Some(variable) = path.path.get_ident() else { return };
        let (Ty::Foreign(head, _), Some(put)) = (of, put.first()) else {
            return;
        };
        let open = of.argument(0) == Ty::Unknown && *put != Ty::Unknown;
        let made = match name {
            "push" | "insert" | "push_back" if put != of => put.clone(),
            "extend" => put.element(),
            _ => return,
        };
        let known = variable.to_string();
        for scope in self.scopes.iter_mut().rev() {
            if let (true, Some(local)) = (open, scope.get_mut(&known)) {
                *local = Local::Variable(Ty::of(head, made));
                return;
            }
        }
    }

    /// The method of a value: of its type when that is known, else the only
    /// one of this name that there is, unless other crates have it too. What
    /// is of another crate has methods of ours only by traits of ours.
    pub fn method_of(&self, of: &Ty, name: &str) -> Option<DefId> {
        let only = || {
            let known = self.foreign.contains(name);
            let only = self.program.only(self.file, name, DefKind::Method);
            only.filter(|_| !known)
        };
        match of {
            Ty::Ours(id, _) => self.program.member(*id, name),
            Ty::Foreign(..) | Ty::Tuple(_) | Ty::Callable(_) => {
                only().filter(|id| {
                    let owner = self.program.def(*id).and_then(|at| at.owner);
                    owner.is_some_and(|owner| {
                        self.program.kind(owner) == DefKind::Trait
                    })
                })
            }
            Ty::Generic(_) | Ty::Unknown => only(),
        }
    }

    /// The field of a value, when its type is known.
    pub fn field_of(&self, of: &Ty, name: &str) -> Option<DefId> {
        match of {
            Ty::Ours(id, _) => self.program.field(*id, name),
            Ty::Foreign(..)
            | Ty::Tuple(_)
            | Ty::Callable(_)
            | Ty::Generic(_)
            | Ty::Unknown => None,
        }
    }

    /// Binds the names of a pattern to parts of a value of this type.
    pub fn bind(&mut self, pat: &Pat, of: &Ty) {
        match pat {
            Pat::Ident(it) => self.bind_name(it, of),
            Pat::Reference(it) => self.bind(&it.pat, of),
            Pat::Paren(it) => self.bind(&it.pat, of),
            Pat::Type(it) => {
                self.visit_type(&it.ty);
                let said = self.view.ty(self.program, &it.ty);
                self.bind(&it.pat, &said);
            }
            Pat::Or(it) => {
                for case in &it.cases {
                    self.bind(case, of);
                }
            }
            Pat::Tuple(it) => {
                let types = match of {
                    Ty::Tuple(types) => types.clone(),
                    of if of.is_foreign() => {
                        vec![of.argument(0); it.elems.len()]
                    }
                    _ => Vec::new(),
                };
                self.bind_each(&it.elems, &types);
            }
            Pat::Slice(it) => {
                for element in &it.elems {
                    self.bind(element, &of.element());
                }
            }
            Pat::TupleStruct(it) => {
                let found = self.note_path(&it.path, Space::Values);
                let types = match found {
                    Found::Def(id) => self.positional(id),
                    Found::Root(_) | Found::Foreign | Found::Unknown => {
                        vec![inside(&it.path, of)]
                    }
                };
                self.bind_each(&it.elems, &types);
            }
            Pat::Struct(it) => {
                let found = self.note_path(&it.path, Space::Types);
                let found = match (found, found_type(Some(of))) {
                    (Found::Unknown, other) => other,
                    (found, _) => found,
                };
                for field in &it.fields {
                    let mut of = Ty::Unknown;
                    if let Member::Named(name) = &field.member {
                        of = self.note_member(found, name);
                    }
                    self.bind(&field.pat, &of);
                }
            }
            Pat::Path(it) => {
                self.note_path(&it.path, Space::Values);
            }
            _ => visit::visit_pat(self, pat),
        }
    }

    /// Binds a name, unless it is that of a constant or variant.
    fn bind_name(&mut self, it: &syn::PatIdent, of: &Ty) {
        let name = it.ident.to_string();
        if name.starts_with(char::is_uppercase) {
            let path = syn::Path::from(it.ident.clone());
            self.note_path(&path, Space::Values);
            return;
        }
        self.note(&it.ident, Target::Local);
        self.declare(&it.ident, Local::Variable(of.clone()));
        if let Some((_, inside)) = &it.subpat {
            self.bind(inside, of);
        }
    }

    /// Binds the elements of a tuple; after `..` they count from the end.
    fn bind_each<'p>(
        &mut self,
        elements: impl IntoIterator<Item = &'p Pat>,
        types: &[Ty],
    ) {
        let elements: Vec<&Pat> = elements.into_iter().collect();
        let mut skipped = 0;
        for (index, element) in elements.iter().enumerate() {
            if matches!(element, Pat::Rest(_)) {
                skipped = (types.len() + 1).saturating_sub(elements.len());
                skipped = skipped.wrapping_sub(1);
                continue;
            }
            let at = index.wrapping_add(skipped);
            let of = types.get(at).cloned().unwrap_or(Ty::Unknown);
            self.bind(element, &of);
        }
    }

    /// Notes the name of a field in a literal or pattern.
    pub fn note_member(&mut self, of: Found, name: &Ident) -> Ty {
        let text = name.to_string();
        match of {
            Found::Def(id) => match self.program.field(id, &text) {
                Some(member) => {
                    self.note(name, Target::Use(member));
                    self.program.member_type(&Ty::Unknown, member)
                }
                None => {
                    let target = self.unknown(&text);
                    self.note(name, target);
                    Ty::Unknown
                }
            },
            Found::Root(_) | Found::Foreign | Found::Unknown => {
                self.note(name, Target::Foreign);
                Ty::Unknown
            }
        }
    }
}

/// What a variant of another crate holds. Only the generic ones can hold
/// anything of ours.
fn inside(path: &syn::Path, of: &Ty) -> Ty {
    let last = path.segments.last();
    let last = last.map(|at| at.ident.to_string()).unwrap_or_default();
    match last.as_str() {
        "Err" | "Break" => of.argument(1),
        "Some" | "Ok" | "Ready" | "Owned" | "Borrowed" | "Continue" => {
            of.argument(0)
        }
        _ => Ty::named("?"),
    }
}
