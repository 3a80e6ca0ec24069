//! The state of walking a file, and noting what its names lead to.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use std::collections::{HashMap, HashSet};

use proc_macro2::Ident;
use syn::Path;
use syn::visit;

use crate::names::{Declared, DefId, DefKind, Program};
use crate::scope::{Found, Space, is_prelude};
use crate::types::{Ty, View};

/// What a name in code turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The place where it is defined.
    Definition(DefId),
    /// A use of a definition.
    Use(DefId),
    /// A variable or parameter of its surroundings.
    Local,
    /// Something of another crate, or of the language.
    Foreign,
    /// We cannot tell.
    Unknown,
}

/// The names of a file: line, column in characters, what it is.
pub type Names = HashMap<(usize, usize), Target>;

/// What a local name stands for.
#[derive(Clone, Debug)]
pub enum Local {
    /// A variable of this type.
    Variable(Ty),
    /// Something imported by a `use` inside a function.
    Import(Found),
}

/// The state of walking one file.
pub struct Walker<'a> {
    /// What is declared.
    pub program: &'a Program<'a>,
    /// Names of other crates that need no explanation.
    pub foreign: &'a HashSet<String>,
    /// The file.
    pub file: usize,
    /// From where types are seen.
    pub view: View,
    /// The local names, the innermost block last.
    pub scopes: Vec<HashMap<String, Local>>,
    /// What was found.
    pub names: Names,
}

impl Walker<'_> {
    /// Notes what a name is, unless that is known already.
    pub fn note(&mut self, name: &Ident, target: Target) {
        let start = name.span().start();
        self.names.entry((start.line, start.column)).or_insert(target);
    }

    /// What a name has been noted to be.
    pub fn noted(&self, name: &Ident) -> Option<Target> {
        let start = name.span().start();
        self.names.get(&(start.line, start.column)).copied()
    }

    /// Notes what looking a name up has found.
    pub fn note_found(&mut self, name: &Ident, found: Found) {
        let target = match found {
            Found::Def(id) => Target::Use(id),
            Found::Root(_) | Found::Foreign => Target::Foreign,
            Found::Unknown => self.unknown(&name.to_string()),
        };
        self.note(name, target);
    }

    /// What a name is of which we know nothing but the name.
    pub fn unknown(&self, name: &str) -> Target {
        if self.foreign.contains(name) || is_prelude(name) {
            Target::Foreign
        } else {
            Target::Unknown
        }
    }

    /// A local name.
    pub fn local(&self, name: &str) -> Option<&Local> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name))
    }

    /// Adds a local name to the innermost block.
    pub fn declare(&mut self, name: &Ident, local: Local) {
        if self.scopes.is_empty() {
            self.scopes.push(HashMap::new());
        }
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_string(), local);
        }
    }

    /// Does something in a block of its own.
    pub fn scoped<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        self.scopes.push(HashMap::new());
        let made = act(self);
        self.scopes.pop();
        made
    }

    /// Does something with another view, in a block of its own.
    pub fn viewed(&mut self, view: View, act: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.view, view);
        self.scoped(act);
        self.view = before;
    }

    /// Notes the names of a path and says what the last one is.
    pub fn note_path(&mut self, path: &Path, space: Space) -> Found {
        for segment in &path.segments {
            visit::visit_path_arguments(self, &segment.arguments);
        }
        let mut found = Found::Unknown;
        let mut rest = path.segments.iter().map(|at| &at.ident).peekable();
        let names: Vec<String> =
            path.segments.iter().map(|at| at.ident.to_string()).collect();
        let Some(first) = rest.peek().map(ToString::to_string) else {
            return found;
        };
        let start = self.start_of(&first, names.len(), space);
        if let Some(start) = start {
            found = start;
            if let Some(name) = rest.next() {
                let is_local = self.view.parameters.contains_key(&first);
                let target = match found {
                    Found::Def(id) if !is_local => Target::Use(id),
                    _ => Target::Local,
                };
                self.note(name, target);
            }
            for name in rest {
                let text = name.to_string();
                found = self.program.step(found, space, &text);
                self.note_found(name, found);
            }
            return found;
        }
        let all = self.program.path(self.view.module, &names, space);
        for (name, each) in rest.zip(all) {
            self.note_found(name, each);
            found = each;
        }
        found
    }

    /// What a path begins with, when that is `Self`, a parameter or local.
    fn start_of(
        &self,
        first: &str,
        length: usize,
        space: Space,
    ) -> Option<Found> {
        if first == "Self" {
            return Some(found_type(self.view.own.as_ref()));
        }
        match self.local(first) {
            Some(Local::Import(found)) => return Some(*found),
            Some(Local::Variable(_))
                if length == 1 && space == Space::Values =>
            {
                return Some(Found::Foreign);
            }
            Some(Local::Variable(_)) | None => {}
        }
        let parameter = self.view.parameters.get(first)?;
        Some(found_type(Some(parameter)))
    }

    /// The fields of a definition that have no names.
    pub fn positional(&self, id: DefId) -> Vec<Ty> {
        let Declared::Fields(fields, _) = self.program.syntax(id) else {
            return Vec::new();
        };
        let view = self.program.view(id);
        fields.iter().map(|at| view.ty(self.program, &at.ty)).collect()
    }

    /// The type that a path in an expression has.
    pub fn value_type(&self, found: Found) -> Ty {
        let Found::Def(id) = found else { return Ty::Unknown };
        let of = self.program.member_type(&Ty::Unknown, id);
        let called = match self.program.syntax(id) {
            Declared::Function(..) => true,
            Declared::Fields(fields, _) => {
                matches!(fields, syn::Fields::Unnamed(_))
            }
            Declared::Typed(..) | Declared::Other(_) => false,
        };
        match self.program.kind(id) {
            DefKind::Macro | DefKind::Module => Ty::Unknown,
            _ if called => Ty::Callable(Box::new(of)),
            _ => of,
        }
    }
}

/// The definition of a type, when it is one of ours.
pub fn found_type(of: Option<&Ty>) -> Found {
    match of {
        Some(Ty::Ours(id, _)) => Found::Def(*id),
        Some(Ty::Foreign(..) | Ty::Tuple(_) | Ty::Callable(_)) => {
            Found::Foreign
        }
        Some(Ty::Generic(_) | Ty::Unknown) | None => Found::Foreign,
    }
}
