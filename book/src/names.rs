//! Names: what the sources declare, and where.

use std::collections::HashMap;

use proc_macro2::Ident;
use syn::{Fields, Generics, Type};

use crate::source::Source;

/// The number of a definition.
pub type DefId = usize;
/// The number of a module.
pub type ModId = usize;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefKind {
    /// A module.
    Module,
    /// A struct, enum or union.
    Type,
    /// A trait.
    Trait,
    /// Another name for a type.
    Alias,
    /// A variant of an enum.
    Variant,
    /// A field.
    Field,
    /// A function.
    Function,
    /// A function of a type or trait.
    Method,
    /// A constant or static.
    Constant,
    /// A macro.
    Macro,
}

impl DefKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Type => "type",
            Self::Trait => "trait",
            Self::Alias => "type alias",
            Self::Variant => "variant",
            Self::Field => "field",
            Self::Function => "function",
            Self::Method => "method",
            Self::Constant => "constant",
            Self::Macro => "macro",
        }
    }
}

/// A definition.
#[derive(Clone, Debug)]
pub struct Def {
    /// Its name.
    pub name: String,
    /// Its path without the crate: `session::Address::parse`.
    pub path: String,
    /// What it is.
    pub kind: DefKind,
    /// The file.
    pub file: usize,
    /// The line of the name.
    pub line: usize,
    /// The column of the name, in characters.
    pub column: usize,
    /// Its declaration without the body.
    pub signature: String,
    /// The first sentence of its documentation.
    pub doc: String,
    /// The type or trait to which it belongs.
    pub owner: Option<DefId>,
    /// The module in which it stands, or which it is.
    pub module: ModId,
}

/// The syntax of a definition, as far as types are concerned.
#[derive(Clone, Copy)]
pub enum Declared<'a> {
    /// A function, and the generics around it.
    Function(&'a syn::Signature, Option<&'a Generics>),
    /// Something of a type, and the generics around it.
    Typed(&'a Type, Option<&'a Generics>),
    /// A struct or a variant.
    Fields(&'a Fields, Option<&'a Generics>),
    /// Anything else that may be generic.
    Other(Option<&'a Generics>),
}

/// What a name in a module leads to.
#[derive(Clone, Debug)]
pub enum Binding {
    /// A definition.
    Def(DefId),
    /// A module.
    Module(ModId),
    /// Whatever this path leads to from here.
    Import(Vec<String>),
}

/// A module: names for types and modules, names for values, macros.
#[derive(Default)]
pub struct Module {
    /// Its path without the crate.
    pub path: String,
    /// The module around it.
    pub parent: Option<ModId>,
    /// The root of its crate.
    pub root: ModId,
    /// The file in which it stands.
    pub file: usize,
    /// Whether it is compiled for tests only.
    pub test: bool,
    /// Types and modules.
    pub types: HashMap<String, Binding>,
    /// Functions, constants, macros.
    pub values: HashMap<String, Binding>,
    /// Paths of which all is imported.
    pub globs: Vec<Vec<String>>,
}

/// An `impl` block and the module in which it stands.
pub type Impl<'a> = (ModId, &'a syn::ItemImpl);

/// Everything declared in the sources.
pub struct Program<'a> {
    /// The sources.
    pub sources: &'a [Source],
    /// The definitions.
    pub defs: Vec<Def>,
    /// Their syntax.
    pub declared: Vec<Declared<'a>>,
    /// The modules.
    pub modules: Vec<Module>,
    /// The root modules of crates with a name.
    pub crates: HashMap<String, ModId>,
    /// Variants, fields, methods and constants of types and traits.
    pub members: HashMap<(DefId, String), Vec<DefId>>,
    /// The traits of ours that a type has.
    pub traits: HashMap<DefId, Vec<DefId>>,
    /// Definitions by file, line and column of their name.
    pub at: HashMap<(usize, usize, usize), DefId>,
    /// The `impl` blocks.
    pub impls: Vec<Impl<'a>>,
    /// The module of each file, once it is known.
    pub module_of: HashMap<usize, ModId>,
}

impl<'a> Program<'a> {
    /// A program in which nothing is declared yet.
    pub fn empty(sources: &'a [Source]) -> Self {
        Self {
            sources,
            defs: Vec::new(),
            declared: Vec::new(),
            modules: Vec::new(),
            crates: HashMap::new(),
            members: HashMap::new(),
            traits: HashMap::new(),
            at: HashMap::new(),
            impls: Vec::new(),
            module_of: HashMap::new(),
        }
    }

    /// The number of a file.
    pub fn file(&self, path: &str) -> Option<usize> {
        self.sources.iter().position(|source| source.path == path)
    }

    /// A definition.
    pub fn def(&self, id: DefId) -> Option<&Def> {
        self.defs.get(id)
    }

    /// What a definition is; a number that is none of ours is a macro.
    pub fn kind(&self, id: DefId) -> DefKind {
        self.defs.get(id).map_or(DefKind::Macro, |def| def.kind)
    }

    /// The syntax of a definition.
    pub fn syntax(&self, id: DefId) -> Declared<'a> {
        self.declared.get(id).copied().unwrap_or(Declared::Other(None))
    }

    /// The definition whose name stands here.
    pub fn defined_at(&self, file: usize, name: &Ident) -> Option<DefId> {
        let start = name.span().start();
        self.at.get(&(file, start.line, start.column)).copied()
    }
}
