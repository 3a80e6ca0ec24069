//! Types, as far as one must know them to tell whose method is called.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use std::collections::HashMap;

use syn::{
    GenericArgument, GenericParam, Generics, PathArguments, ReturnType, Type,
    TypeParamBound, WherePredicate,
};

use crate::names::{DefId, ModId, Program};
use crate::scope::{Found, Space, names};

/// A type. References, boxes and other pointers are left out, since calling
/// a method goes through them.
#[derive(Clone, Debug, PartialEq)]
pub enum Ty {
    /// A type or trait of ours, and its arguments.
    Ours(DefId, Vec<Ty>),
    /// A type of another crate: its last name and its arguments.
    Foreign(String, Vec<Ty>),
    /// Several values.
    Tuple(Vec<Ty>),
    /// Something that returns this when called.
    Callable(Box<Ty>),
    /// A parameter.
    Generic(String),
    /// We cannot tell.
    Unknown,
}

impl Ty {
    /// A type of another crate with one argument.
    pub fn of(name: &str, inside: Ty) -> Self {
        Self::Foreign(name.to_owned(), vec![inside])
    }

    /// A type of another crate without arguments.
    pub fn named(name: &str) -> Self {
        Self::Foreign(name.to_owned(), Vec::new())
    }

    /// Whether it is of another crate, with nothing of ours inside.
    pub fn is_foreign(&self) -> bool {
        match self {
            Self::Foreign(_, inside) | Self::Tuple(inside) => {
                inside.iter().all(Self::is_foreign)
            }
            Self::Ours(..)
            | Self::Callable(_)
            | Self::Generic(_)
            | Self::Unknown => false,
        }
    }

    /// The argument at an index. What another crate made without arguments
    /// holds nothing of ours, unless it is a container whose arguments were
    /// left to the compiler.
    pub fn argument(&self, index: usize) -> Self {
        match self {
            Self::Foreign(name, all) if all.is_empty() => {
                match CONTAINERS.contains(&name.as_str()) {
                    true => Self::Unknown,
                    false => Self::named("?"),
                }
            }
            Self::Ours(_, arguments)
            | Self::Foreign(_, arguments)
            | Self::Tuple(arguments) => {
                arguments.get(index).cloned().unwrap_or(Self::Unknown)
            }
            Self::Callable(_) | Self::Generic(_) | Self::Unknown => {
                Self::Unknown
            }
        }
    }

    /// What one gets by going through the values of this one by one.
    pub fn element(&self) -> Self {
        match self {
            Self::Foreign(name, arguments)
                if name.ends_with("Map") && arguments.len() > 1 =>
            {
                Self::Tuple(arguments.clone())
            }
            Self::Foreign(..) => self.argument(0),
            Self::Ours(..)
            | Self::Tuple(_)
            | Self::Callable(_)
            | Self::Generic(_)
            | Self::Unknown => Self::Unknown,
        }
    }

    /// This type with its parameters replaced.
    pub fn with(&self, replace: &HashMap<String, Ty>) -> Self {
        let all = |types: &[Self]| -> Vec<Self> {
            types.iter().map(|at| at.with(replace)).collect()
        };
        match self {
            Self::Ours(id, of) => Self::Ours(*id, all(of)),
            Self::Foreign(name, of) => Self::Foreign(name.clone(), all(of)),
            Self::Tuple(of) => Self::Tuple(all(of)),
            Self::Callable(of) => Self::Callable(Box::new(of.with(replace))),
            Self::Generic(name) => {
                replace.get(name).cloned().unwrap_or_else(|| self.clone())
            }
            Self::Unknown => Self::Unknown,
        }
    }
}

/// Containers of other crates, as they appear before anything is put in.
const CONTAINERS: [&str; 18] = [
    "Vec",
    "VecDeque",
    "Option",
    "Result",
    "HashMap",
    "BTreeMap",
    "HashSet",
    "BTreeSet",
    "Iterator",
    "slice",
    "Mutex",
    "RwLock",
    "RefCell",
    "Cell",
    "Entry",
    "BinaryHeap",
    "OnceCell",
    "Range",
];

/// Pointers, which we look through.
const POINTERS: [&str; 10] = [
    "Box",
    "Rc",
    "Arc",
    "Pin",
    "Cow",
    "MutexGuard",
    "MappedMutexGuard",
    "RwLockReadGuard",
    "LazyLock",
    "OnceLock",
];

/// What types are seen from: a module, `Self`, and parameters.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The module.
    pub module: ModId,
    /// What `Self` is.
    pub own: Option<Ty>,
    /// The parameters, each with the trait of ours that bounds it, if any.
    pub parameters: HashMap<String, Ty>,
}

impl View {
    /// Adds the parameters of an item.
    pub fn enter(&mut self, program: &Program<'_>, generics: &Generics) {
        for parameter in &generics.params {
            if let GenericParam::Type(parameter) = parameter {
                let name = parameter.ident.to_string();
                let bound = self.bound(program, parameter.bounds.iter());
                let bound = bound.unwrap_or(Ty::Generic(name.clone()));
                self.parameters.insert(name, bound);
            }
        }
        let clauses =
            generics.where_clause.iter().flat_map(|at| &at.predicates);
        for clause in clauses {
            if let WherePredicate::Type(clause) = clause
                && let Type::Path(path) = &clause.bounded_ty
                && let Some(name) = path.path.get_ident()
                && let Some(bound) = self.bound(program, clause.bounds.iter())
            {
                self.parameters.insert(name.to_string(), bound);
            }
        }
    }

    /// The type that bounds stand for.
    fn bound<'b>(
        &self,
        program: &Program<'_>,
        bounds: impl Iterator<Item = &'b TypeParamBound>,
    ) -> Option<Ty> {
        let mut known = None;
        for bound in bounds {
            let TypeParamBound::Trait(bound) = bound else { continue };
            let of = self.path(program, &bound.path);
            match &of {
                Ty::Ours(..) | Ty::Callable(_) => return Some(of),
                Ty::Foreign(name, _) if name == "Iterator" => known = Some(of),
                Ty::Foreign(name, of) if name == "Future" => {
                    known = of.first().cloned();
                }
                _ => {}
            }
        }
        known
    }

    /// The type that some syntax stands for.
    pub fn ty(&self, program: &Program<'_>, of: &Type) -> Ty {
        match of {
            Type::Path(path) if path.qself.is_none() => {
                self.path(program, &path.path)
            }
            Type::Reference(inside) => self.ty(program, &inside.elem),
            Type::Paren(inside) => self.ty(program, &inside.elem),
            Type::Group(inside) => self.ty(program, &inside.elem),
            Type::Slice(inside) => {
                Ty::of("slice", self.ty(program, &inside.elem))
            }
            Type::Array(inside) => {
                Ty::of("slice", self.ty(program, &inside.elem))
            }
            Type::Tuple(inside) => {
                let all = inside.elems.iter();
                Ty::Tuple(all.map(|at| self.ty(program, at)).collect())
            }
            Type::TraitObject(object) => {
                self.bound(program, object.bounds.iter()).unwrap_or(Ty::Unknown)
            }
            Type::ImplTrait(object) => {
                self.bound(program, object.bounds.iter()).unwrap_or(Ty::Unknown)
            }
            Type::BareFn(function) => {
                let made = self.returned(program, &function.output);
                Ty::Callable(Box::new(made))
            }
            _ => Ty::Unknown,
        }
    }

    /// The type that a function returns.
    pub fn returned(&self, program: &Program<'_>, of: &ReturnType) -> Ty {
        match of {
            ReturnType::Default => Ty::Tuple(Vec::new()),
            ReturnType::Type(_, of) => self.ty(program, of),
        }
    }

    /// The type that a path stands for.
    pub fn path(&self, program: &Program<'_>, path: &syn::Path) -> Ty {
        let names = names(path);
        if let [name] = names.as_slice() {
            if let Some(known) = self.parameters.get(name) {
                return known.clone();
            }
            if name == "Self" {
                return self.own.clone().unwrap_or(Ty::Unknown);
            }
        }
        let arguments = self.arguments(program, path);
        let last = names.last().map_or("", String::as_str);
        match program.path(self.module, &names, Space::Types).last() {
            Some(Found::Def(id)) => program.expand(*id, arguments),
            Some(Found::Foreign) if POINTERS.contains(&last) => {
                arguments.into_iter().next().unwrap_or(Ty::Unknown)
            }
            Some(Found::Foreign) if last.starts_with("Fn") => Ty::Callable(
                Box::new(arguments.last().cloned().unwrap_or(Ty::Unknown)),
            ),
            Some(Found::Foreign) => Ty::Foreign(last.to_owned(), arguments),
            Some(Found::Root(_) | Found::Unknown) | None => Ty::Unknown,
        }
    }

    /// The type arguments at the end of a path.
    pub fn arguments(
        &self,
        program: &Program<'_>,
        path: &syn::Path,
    ) -> Vec<Ty> {
        let Some(last) = path.segments.last() else { return Vec::new() };
        match &last.arguments {
            PathArguments::None => Vec::new(),
            PathArguments::AngleBracketed(inside) => inside
                .args
                .iter()
                .filter_map(|argument| match argument {
                    GenericArgument::Type(of) => Some(self.ty(program, of)),
                    GenericArgument::AssocType(of) => {
                        Some(self.ty(program, &of.ty))
                    }
                    _ => None,
                })
                .collect(),
            PathArguments::Parenthesized(inside) => {
                vec![self.returned(program, &inside.output)]
            }
        }
    }
}
