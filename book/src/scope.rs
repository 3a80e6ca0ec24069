//! Looking names up: from a path, as somebody wrote it, to a definition.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use syn::{Path, Type};

use crate::names::{Binding, DefId, DefKind, ModId, Program};

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A definition of ours.
    Def(DefId),
    /// The root of a crate of ours, which has no line to lead to.
    Root(ModId),
    /// Something of another crate.
    Foreign,
    /// We cannot tell.
    Unknown,
}

/// Whether a name is looked up among types or among values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Types, traits, modules.
    Types,
    /// Functions, constants, macros.
    Values,
}

/// The crates that everybody may name without importing them.
const STANDARD: [&str; 4] = ["std", "core", "alloc", "proc_macro"];

/// What everybody may name without importing it.
const PRELUDE: &str = "AsMut AsRef Box Clone Copy Debug Default \
    DoubleEndedIterator Drop Eq Err ExactSizeIterator Extend Fn FnMut FnOnce \
    From FromIterator Future Hash Into IntoFuture IntoIterator Iterator None \
    Ok Option Ord PartialEq PartialOrd Result Send Sized Some String Sync \
    ToOwned ToString TryFrom TryInto Unpin Vec bool char drop f32 f64 i8 i16 \
    i32 i64 i128 isize str u8 u16 u32 u64 u128 usize";

/// Whether a name is known everywhere.
pub fn is_prelude(name: &str) -> bool {
    PRELUDE.split(' ').any(|known| known == name)
}

/// How many imports may lead to each other before we call it a circle.
const DEPTH: usize = 16;

impl Program<'_> {
    /// What a name in a module leads to.
    pub fn lookup(&self, module: ModId, space: Space, name: &str) -> Found {
        self.lookup_deep(module, space, name, DEPTH)
    }

    /// The same, with a limit on how deep to follow imports.
    fn lookup_deep(
        &self,
        module: ModId,
        space: Space,
        name: &str,
        depth: usize,
    ) -> Found {
        let Some(here) = self.modules.get(module) else {
            return Found::Unknown;
        };
        let names = match space {
            Space::Types => &here.types,
            Space::Values => &here.values,
        };
        let Some(left) = depth.checked_sub(1) else { return Found::Unknown };
        let other = match space {
            Space::Types => None,
            Space::Values => here.types.get(name),
        };
        match names.get(name).or(other) {
            Some(Binding::Def(id)) => Found::Def(*id),
            Some(Binding::Module(id)) => Found::Root(*id),
            Some(Binding::Import(path)) => {
                let found = self.follow(module, path, space, left);
                found.last().copied().unwrap_or(Found::Unknown)
            }
            None => {
                for path in &here.globs {
                    let found = self.follow(module, path, Space::Types, left);
                    let found = found.last().copied();
                    let found = found.unwrap_or(Found::Unknown);
                    let found = self.below(found, space, name, left);
                    if found != Found::Unknown {
                        return found;
                    }
                }
                Found::Unknown
            }
        }
    }

    /// What each name of a path leads to, seen from a module.
    pub fn path(
        &self,
        module: ModId,
        path: &[String],
        space: Space,
    ) -> Vec<Found> {
        self.follow(module, path, space, DEPTH)
    }

    /// The same, with a limit on how deep to follow imports.
    fn follow(
        &self,
        module: ModId,
        path: &[String],
        space: Space,
        depth: usize,
    ) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        let mut here = module;
        for (index, name) in path.iter().enumerate() {
            let last = index + 1 == path.len();
            let space = if last { space } else { Space::Types };
            let around = self.modules.get(here);
            let next = match (found.last(), name.as_str()) {
                (_, "crate") => Found::Root(around.map_or(here, |at| at.root)),
                (None, "self") => Found::Root(here),
                (_, "super") => {
                    here = around.and_then(|at| at.parent).unwrap_or(here);
                    Found::Root(here)
                }
                (None, name) => {
                    let found = self.first(module, space, name, depth);
                    let outside = path.len() > 1 && is_crate_name(name);
                    match found {
                        Found::Unknown if outside => Found::Foreign,
                        found => found,
                    }
                }
                (Some(of), name) => self.below(*of, space, name, depth),
            };
            found.push(next);
        }
        found
    }

    /// What the first name of a path leads to.
    fn first(
        &self,
        module: ModId,
        space: Space,
        name: &str,
        depth: usize,
    ) -> Found {
        let found = self.lookup_deep(module, space, name, depth);
        if found != Found::Unknown {
            return found;
        }
        if let Some(root) = self.crates.get(name) {
            return Found::Root(*root);
        }
        if STANDARD.contains(&name) || is_prelude(name) {
            return Found::Foreign;
        }
        Found::Unknown
    }

    /// What a name leads to below something else.
    pub fn step(&self, of: Found, space: Space, name: &str) -> Found {
        self.below(of, space, name, DEPTH)
    }

    /// The same, with a limit on how deep to follow imports.
    fn below(
        &self,
        of: Found,
        space: Space,
        name: &str,
        depth: usize,
    ) -> Found {
        match of {
            Found::Def(id) if self.kind(id) == DefKind::Module => {
                let module = self.def(id).map_or(0, |def| def.module);
                self.lookup_deep(module, space, name, depth)
            }
            Found::Def(id) => match self.member(id, name) {
                Some(member) => Found::Def(member),
                None if self.is_foreign_alias(id) => Found::Foreign,
                None => Found::Unknown,
            },
            Found::Root(module) => self.lookup_deep(module, space, name, depth),
            Found::Foreign => Found::Foreign,
            Found::Unknown => Found::Unknown,
        }
    }

    /// The method, constant or variant of a type or trait, or of a trait
    /// that the type has; none when several have the name.
    pub fn member(&self, of: DefId, name: &str) -> Option<DefId> {
        let of = self.unalias(of);
        let mut own = self.named(of, name, false);
        if let Some(first) = own.next() {
            return own.next().is_none().then_some(first);
        }
        let traits = self.traits.get(&of)?;
        traits.iter().find_map(|of| self.named(*of, name, false).next())
    }

    /// The field of a struct or variant.
    pub fn field(&self, of: DefId, name: &str) -> Option<DefId> {
        self.named(self.unalias(of), name, true).next()
    }

    /// The members of this name: the fields, or all the others.
    fn named(
        &self,
        of: DefId,
        name: &str,
        fields: bool,
    ) -> impl Iterator<Item = DefId> {
        let all = self.members.get(&(of, name.to_owned()));
        let all = all.map_or(&[][..], Vec::as_slice).iter().copied();
        all.filter(move |id| (self.kind(*id) == DefKind::Field) == fields)
    }

    /// Whether a definition is our name for a type of another crate.
    fn is_foreign_alias(&self, id: DefId) -> bool {
        self.kind(id) == DefKind::Alias && self.unalias(id) == id
    }

    /// The only member of this name that the crate of a file can see; none
    /// when there are several.
    pub fn only(
        &self,
        file: usize,
        name: &str,
        kind: DefKind,
    ) -> Option<DefId> {
        let book = |file: usize| {
            let path = self.sources.get(file).map(|source| &source.path);
            path.is_some_and(|path| path.starts_with("book/"))
        };
        let here = book(file);
        let mut all = self.defs.iter().enumerate().filter(|(_, def)| {
            def.name == name
                && def.kind == kind
                && def.owner.is_some()
                && book(def.file) == here
        });
        let (first, _) = all.next()?;
        all.next().is_none().then_some(first)
    }

    /// The type behind another name for it.
    fn unalias(&self, id: DefId) -> DefId {
        if self.kind(id) != DefKind::Alias {
            return id;
        }
        let module = self.def(id).map_or(0, |def| def.module);
        match self.syntax(id) {
            crate::names::Declared::Typed(of, _) => {
                self.type_def(module, of).unwrap_or(id)
            }
            crate::names::Declared::Function(..)
            | crate::names::Declared::Fields(..)
            | crate::names::Declared::Other(_) => id,
        }
    }

    /// The definition of a type, seen from a module.
    pub fn type_def(&self, module: ModId, of: &Type) -> Option<DefId> {
        match of {
            Type::Path(path) => self.trait_def(module, &path.path),
            Type::Reference(inside) => self.type_def(module, &inside.elem),
            _ => None,
        }
    }

    /// The definition of a trait or type, from its path.
    pub fn trait_def(&self, module: ModId, path: &Path) -> Option<DefId> {
        let names = names(path);
        match self.path(module, &names, Space::Types).last() {
            Some(Found::Def(id)) => Some(*id),
            Some(Found::Root(_) | Found::Foreign | Found::Unknown) | None => {
                None
            }
        }
    }
}

/// The names of which a path consists.
pub fn names(path: &Path) -> Vec<String> {
    path.segments.iter().map(|at| at.ident.to_string()).collect()
}

/// Whether a name that nobody declared can be that of another crate.
fn is_crate_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
}
