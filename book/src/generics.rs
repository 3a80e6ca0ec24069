//! Generic types: what their parameters stand for.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use std::collections::HashMap;

use syn::punctuated::Punctuated;
use syn::{Generics, PathArguments, Token, Type, TypeParamBound};

use crate::names::{Declared, DefId, DefKind, Program};
use crate::types::{Ty, View};

impl Program<'_> {
    /// A type of ours with arguments; another name gives what it stands for.
    pub fn expand(&self, id: DefId, arguments: Vec<Ty>) -> Ty {
        let alias = self.kind(id) == DefKind::Alias;
        match (alias, self.syntax(id)) {
            (true, Declared::Typed(of, generics)) => {
                let replace = self.replacements(generics, &arguments);
                self.view(id).ty(self, of).with(&replace)
            }
            _ => Ty::Ours(id, arguments),
        }
    }

    /// The place from which the types of a definition are seen.
    pub fn view(&self, id: DefId) -> View {
        let mut view = View::default();
        if let Some(def) = self.def(id) {
            view.module = def.module;
            view.own = def.owner.map(|of| self.own_type(of));
        }
        match self.syntax(id) {
            Declared::Function(signature, around) => {
                if let Some(around) = around {
                    view.enter(self, around);
                }
                view.enter(self, &signature.generics);
            }
            Declared::Typed(_, generics)
            | Declared::Fields(_, generics)
            | Declared::Other(generics) => {
                if let Some(generics) = generics {
                    view.enter(self, generics);
                }
            }
        }
        view
    }

    /// A type with its own parameters for arguments; for a variant, the enum.
    pub fn own_type(&self, id: DefId) -> Ty {
        let parent = self.def(id).and_then(|def| def.owner);
        if let (DefKind::Variant, Some(parent)) = (self.kind(id), parent) {
            return self.own_type(parent);
        }
        Ty::Ours(id, self.parameters(id).into_iter().map(Ty::Generic).collect())
    }

    /// The names of the type parameters of a definition.
    fn parameters(&self, id: DefId) -> Vec<String> {
        match self.syntax(id) {
            Declared::Fields(_, generics) | Declared::Other(generics) => {
                parameters(generics)
            }
            Declared::Function(..) | Declared::Typed(..) => Vec::new(),
        }
    }

    /// What to put for the parameters of generics, given arguments.
    fn replacements(
        &self,
        generics: Option<&Generics>,
        arguments: &[Ty],
    ) -> HashMap<String, Ty> {
        parameters(generics)
            .into_iter()
            .zip(arguments.iter().cloned())
            .collect()
    }

    /// The type of a member of a type: of a field, of a constant, of what a
    /// method returns.
    pub fn member_type(&self, of: &Ty, member: DefId) -> Ty {
        let view = self.view(member);
        let made = match self.syntax(member) {
            Declared::Function(signature, _) => {
                view.returned(self, &signature.output)
            }
            Declared::Typed(of, _) => view.ty(self, of),
            Declared::Fields(..) => match self.def(member) {
                Some(def) if def.kind == DefKind::Variant => {
                    def.owner.map_or(Ty::Unknown, |of| self.own_type(of))
                }
                _ => self.own_type(member),
            },
            Declared::Other(_) => Ty::Unknown,
        };
        let Ty::Ours(id, arguments) = of else { return made };
        let names = self.parameters(*id).into_iter();
        made.with(&names.zip(arguments.iter().cloned()).collect())
    }
}

impl Program<'_> {
    /// What a function returns, its own type parameters found out from the
    /// types of its arguments.
    pub fn instantiate(&self, id: DefId, arguments: &[Ty], made: Ty) -> Ty {
        let Declared::Function(signature, _) = self.syntax(id) else {
            return made;
        };
        let view = self.view(id);
        let inputs = signature.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(input) => Some(view.ty(self, &input.ty)),
            syn::FnArg::Receiver(_) => None,
        });
        let mut known = HashMap::new();
        for (input, argument) in inputs.zip(arguments) {
            unify(&input, argument, &mut known);
        }
        made.with(&known)
    }
}

impl Program<'_> {
    /// What a function gives to the closure that it takes at an index.
    pub fn closure_inputs(&self, id: DefId, index: usize, of: &Ty) -> Vec<Ty> {
        let Declared::Function(signature, around) = self.syntax(id) else {
            return Vec::new();
        };
        let inputs = signature.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(input) => Some(&*input.ty),
            syn::FnArg::Receiver(_) => None,
        });
        let Some(input) = inputs.into_iter().nth(index) else {
            return Vec::new();
        };
        let generics = [Some(&signature.generics), around];
        let Some(path) = function_bound(input, &generics) else {
            return Vec::new();
        };
        let mut view = self.view(id);
        if let Ty::Ours(..) = of {
            view.own = Some(of.clone());
        }
        let last = path.segments.last().map(|last| &last.arguments);
        let Some(PathArguments::Parenthesized(given)) = last else {
            return Vec::new();
        };
        given.inputs.iter().map(|at| view.ty(self, at)).collect()
    }
}

/// The `Fn(…)` that a parameter has to be, if it has to.
fn function_bound<'s>(
    of: &'s Type,
    generics: &[Option<&'s Generics>],
) -> Option<&'s syn::Path> {
    let find = |bounds: &'s Bounds| {
        bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => Some(&bound.path),
            _ => None,
        })
    };
    match of {
        Type::Reference(inside) => function_bound(&inside.elem, generics),
        Type::ImplTrait(object) => find(&object.bounds),
        Type::TraitObject(object) => find(&object.bounds),
        Type::Path(path) => {
            let name = path.path.get_ident()?;
            let all = generics.iter().flatten();
            let mut all = all.flat_map(|at| at.type_params());
            find(&all.find(|at| at.ident == *name)?.bounds)
        }
        _ => None,
    }
}

/// The bounds of a parameter.
type Bounds = Punctuated<TypeParamBound, Token![+]>;

/// Finds out what the parameters in a type stand for, given another that it
/// is known to be.
fn unify(of: &Ty, known: &Ty, found: &mut HashMap<String, Ty>) {
    match (of, known) {
        (Ty::Generic(name), known) if *known != Ty::Unknown => {
            found.entry(name.clone()).or_insert_with(|| known.clone());
        }
        (Ty::Ours(_, of), Ty::Ours(_, known))
        | (Ty::Foreign(_, of), Ty::Foreign(_, known))
        | (Ty::Tuple(of), Ty::Tuple(known)) => {
            for (of, known) in of.iter().zip(known) {
                unify(of, known, found);
            }
        }
        (Ty::Callable(of), Ty::Callable(known)) => unify(of, known, found),
        _ => {}
    }
}

/// The names of the type parameters of an item.
fn parameters(generics: Option<&Generics>) -> Vec<String> {
    let Some(generics) = generics else { return Vec::new() };
    generics.type_params().map(|at| at.ident.to_string()).collect()
}
