//! Walking expressions, with a guess at their types.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours and may grow"
)]

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Lit, Member, UnOp};

use crate::foreign;
use crate::scope::{Found, Space};
use crate::types::Ty;
use crate::walker::{Local, Target, Walker};

impl Walker<'_> {
    /// Walks an expression and says of which type it is.
    pub fn expr(&mut self, expr: &Expr) -> Ty {
        match expr {
            Expr::Path(it) => self.path_expr(it),
            Expr::Call(it) => self.call(it),
            Expr::MethodCall(it) => self.method_call(it),
            Expr::Field(it) => self.field(it),
            Expr::Struct(it) => self.literal(it),
            Expr::Closure(it) => self.closure(it, &[]),
            Expr::Macro(it) => self.mac(&it.mac),
            Expr::Lit(it) => literal_type(&it.lit),
            Expr::Reference(it) => self.expr(&it.expr),
            Expr::Paren(it) => self.expr(&it.expr),
            Expr::Group(it) => self.expr(&it.expr),
            Expr::Await(it) => self.expr(&it.base),
            Expr::Try(it) => self.expr(&it.expr).argument(0),
            Expr::Unary(it) => {
                let of = self.expr(&it.expr);
                match it.op {
                    UnOp::Not(_) | UnOp::Deref(_) | UnOp::Neg(_) => of,
                    _ => Ty::Unknown,
                }
            }
            Expr::Cast(it) => {
                self.expr(&it.expr);
                self.visit_type(&it.ty);
                self.view.ty(self.program, &it.ty)
            }
            Expr::Binary(it) => {
                let left = self.expr(&it.left);
                self.expr(&it.right);
                if is_comparison(&it.op) { Ty::named("bool") } else { left }
            }
            Expr::Tuple(it) => {
                let each = it.elems.iter().map(|at| self.expr(at));
                Ty::Tuple(each.collect())
            }
            Expr::Array(it) => {
                let each: Vec<Ty> =
                    it.elems.iter().map(|at| self.expr(at)).collect();
                let first = each.into_iter().next().unwrap_or(Ty::Unknown);
                Ty::of("slice", first)
            }
            Expr::Repeat(it) => {
                let of = self.expr(&it.expr);
                self.expr(&it.len);
                Ty::of("slice", of)
            }
            Expr::Range(it) => {
                let mut of = Ty::Unknown;
                for end in [&it.start, &it.end].into_iter().flatten() {
                    of = self.expr(end);
                }
                Ty::of("Range", of)
            }
            Expr::Index(it) => {
                let of = self.expr(&it.expr);
                match self.expr(&it.index) {
                    Ty::Foreign(name, _) if name == "Range" => of,
                    _ if of.argument(1) != Ty::Unknown => of.argument(1),
                    _ => of.element(),
                }
            }
            _ => self.flow(expr),
        }
    }

    /// Walks an expression that directs the flow of control.
    fn flow(&mut self, expr: &Expr) -> Ty {
        match expr {
            Expr::Block(it) => self.block(&it.block),
            Expr::Unsafe(it) => self.block(&it.block),
            Expr::Async(it) => self.block(&it.block),
            Expr::Const(it) => self.block(&it.block),
            Expr::If(it) => self.scoped(|walker| {
                walker.expr(&it.cond);
                let of = walker.block(&it.then_branch);
                let other =
                    it.else_branch.as_ref().map(|(_, at)| walker.expr(at));
                if of == Ty::Unknown { other.unwrap_or(of) } else { of }
            }),
            Expr::Let(it) => {
                let of = self.expr(&it.expr);
                self.bind(&it.pat, &of);
                Ty::named("bool")
            }
            Expr::While(it) => self.scoped(|walker| {
                walker.expr(&it.cond);
                walker.block(&it.body);
                Ty::Unknown
            }),
            Expr::Loop(it) => {
                self.block(&it.body);
                Ty::Unknown
            }
            Expr::ForLoop(it) => {
                let of = self.expr(&it.expr);
                self.scoped(|walker| {
                    walker.bind(&it.pat, &of.element());
                    walker.block(&it.body);
                });
                Ty::Unknown
            }
            Expr::Match(it) => self.matched(it),
            _ => {
                visit::visit_expr(self, expr);
                Ty::Unknown
            }
        }
    }

    /// Walks a `match`; its type is that of the first arm that has one.
    fn matched(&mut self, it: &syn::ExprMatch) -> Ty {
        let of = self.expr(&it.expr);
        let mut made = Ty::Unknown;
        for arm in &it.arms {
            self.attributes(&arm.attrs);
            let body = self.scoped(|walker| {
                walker.bind(&arm.pat, &of);
                if let Some((_, guard)) = &arm.guard {
                    walker.expr(guard);
                }
                walker.expr(&arm.body)
            });
            if made == Ty::Unknown {
                made = body;
            }
        }
        made
    }

    /// Walks a path: a variable, a constant, a function.
    fn path_expr(&mut self, it: &syn::ExprPath) -> Ty {
        if let Some(own) = &it.qself {
            self.visit_type(&own.ty);
        }
        if let Some(name) = it.path.get_ident() {
            let local = self.local(&name.to_string()).cloned();
            if let Some(Local::Variable(of)) = local {
                self.note(name, Target::Local);
                return of;
            }
        }
        let found = self.note_path(&it.path, Space::Values);
        self.value_type(found)
    }

    /// Walks a call.
    fn call(&mut self, it: &syn::ExprCall) -> Ty {
        let function = self.expr(&it.func);
        let known = match &*it.func {
            Expr::Path(path) => path.path.segments.last(),
            _ => None,
        };
        let known = known.and_then(|last| self.noted(&last.ident));
        let arguments: Vec<Ty> = it
            .args
            .iter()
            .enumerate()
            .map(|(index, argument)| {
                let parameters = match known {
                    Some(Target::Use(id)) => {
                        self.program.closure_inputs(id, index, &Ty::Unknown)
                    }
                    _ => Vec::new(),
                };
                self.argument_of(argument, &parameters)
            })
            .collect();
        let Expr::Path(path) = &*it.func else {
            return match function {
                Ty::Callable(made) => *made,
                _ => Ty::Unknown,
            };
        };
        if let Ty::Callable(made) = function {
            return match known {
                Some(Target::Use(id)) => {
                    self.program.instantiate(id, &arguments, *made)
                }
                _ => *made,
            };
        }
        let mut names = path.path.segments.iter().rev();
        let last = names.next().map(|at| at.ident.to_string());
        let of = names.next().map(|at| at.ident.to_string());
        let first = arguments.into_iter().next().unwrap_or(Ty::Unknown);
        match (of.as_deref(), last.as_deref().unwrap_or("")) {
            (None, "Some") => Ty::of("Option", first),
            (None, "Ok") => Ty::of("Result", first),
            (None, "Err") => {
                Ty::Foreign("Result".into(), vec![Ty::Unknown, first])
            }
            (Some("Box" | "Rc" | "Arc" | "Pin" | "Cow"), _) => first,
            (Some("mem"), "take" | "replace") => first,
            (Some(of), _) if of.starts_with(char::is_uppercase) => {
                let arguments = self.view.arguments(self.program, &path.path);
                match (arguments.is_empty(), first) {
                    (true, Ty::Unknown) => Ty::named(of),
                    (true, first) => Ty::of(of, first),
                    (false, _) => Ty::Foreign(of.to_owned(), arguments),
                }
            }
            _ => Ty::Unknown,
        }
    }

    /// Walks a method call.
    fn method_call(&mut self, it: &syn::ExprMethodCall) -> Ty {
        let of = self.expr(&it.receiver);
        let name = it.method.to_string();
        let mut turbofish = Ty::Unknown;
        if let Some(inside) = &it.turbofish {
            self.visit_angle_bracketed_generic_arguments(inside);
            if let Some(syn::GenericArgument::Type(said)) = inside.args.first()
            {
                turbofish = self.view.ty(self.program, said);
            }
        }
        let member = self.method_of(&of, &name);
        let arguments: Vec<Ty> = it
            .args
            .iter()
            .enumerate()
            .map(|(index, argument)| {
                let parameters = match member {
                    Some(id) => self.program.closure_inputs(id, index, &of),
                    None => foreign::closure_parameters(&of, &name),
                };
                self.argument_of(argument, &parameters)
            })
            .collect();
        self.learn(&it.receiver, &of, &name, &arguments);
        if let Some(member) = member {
            self.note(&it.method, Target::Use(member));
            let made = self.program.member_type(&of, member);
            return self.program.instantiate(member, &arguments, made);
        }
        let target = match of {
            Ty::Foreign(..) | Ty::Tuple(_) | Ty::Callable(_) => Target::Foreign,
            Ty::Ours(..) | Ty::Generic(_) | Ty::Unknown => self.unknown(&name),
        };
        self.note(&it.method, target);
        match (name.as_str(), turbofish) {
            ("collect" | "parse" | "sum" | "into", Ty::Unknown) => Ty::Unknown,
            ("parse", said) => Ty::of("Result", said),
            ("collect" | "sum", said) if said.argument(0) == Ty::Unknown => {
                match said {
                    Ty::Foreign(head, _) => Ty::of(&head, of.element()),
                    other => other,
                }
            }
            ("collect" | "sum", said) => said,
            _ => match foreign::method(&of, &name, &arguments) {
                Ty::Unknown if of.is_foreign() => foreign::unnamed(&arguments),
                known => known,
            },
        }
    }

    /// Walks an argument. A closure is given these parameters; the name of
    /// another crate's method stands for what that makes of the first.
    fn argument_of(&mut self, argument: &Expr, parameters: &[Ty]) -> Ty {
        match argument {
            Expr::Closure(closure) => self.closure(closure, parameters),
            Expr::Path(path) => {
                let of = self.path_expr(path);
                let last = path.path.segments.last();
                match (of, parameters.first(), last) {
                    (Ty::Unknown, Some(given), Some(last)) => {
                        let name = last.ident.to_string();
                        let made = foreign::method(given, &name, &[]);
                        Ty::Callable(Box::new(made))
                    }
                    (of, ..) => of,
                }
            }
            Expr::Reference(inside) => {
                self.argument_of(&inside.expr, parameters)
            }
            other => self.expr(other),
        }
    }

    /// Walks access to a field.
    fn field(&mut self, it: &syn::ExprField) -> Ty {
        let of = self.expr(&it.base);
        match &it.member {
            Member::Named(name) => self.field_name(&of, name),
            Member::Unnamed(index) => {
                let at = index.index as usize;
                match &of {
                    Ty::Ours(id, _) => {
                        let fields = self.positional(*id);
                        fields.get(at).cloned().unwrap_or(Ty::Unknown)
                    }
                    _ => of.argument(at),
                }
            }
        }
    }

    /// Notes the name of a field and says of which type it is.
    fn field_name(&mut self, of: &Ty, name: &Ident) -> Ty {
        let text = name.to_string();
        if let Some(member) = self.field_of(of, &text) {
            self.note(name, Target::Use(member));
            return self.program.member_type(of, member);
        }
        if of.is_foreign() {
            self.note(name, Target::Foreign);
            return Ty::named("?");
        }
        let target = self.unknown(&text);
        self.note(name, target);
        Ty::Unknown
    }

    /// Walks `Type { field: value }`.
    fn literal(&mut self, it: &syn::ExprStruct) -> Ty {
        let found = self.note_path(&it.path, Space::Types);
        let found = match self.view.path(self.program, &it.path) {
            Ty::Ours(id, _) => Found::Def(id),
            _ => found,
        };
        for field in &it.fields {
            self.attributes(&field.attrs);
            if let Member::Named(name) = &field.member {
                self.note_member(found, name);
            }
            self.expr(&field.expr);
        }
        if let Some(rest) = &it.rest {
            self.expr(rest);
        }
        match found {
            Found::Def(id) => self.program.own_type(id),
            Found::Root(_) | Found::Foreign | Found::Unknown => {
                self.view.path(self.program, &it.path)
            }
        }
    }

    /// Walks a closure; `parameters` are the types it will be given.
    pub fn closure(&mut self, it: &syn::ExprClosure, parameters: &[Ty]) -> Ty {
        let made = self.scoped(|walker| {
            for (index, input) in it.inputs.iter().enumerate() {
                let of = parameters.get(index).unwrap_or(&Ty::Unknown);
                walker.bind(input, of);
            }
            walker.visit_return_type(&it.output);
            walker.expr(&it.body)
        });
        Ty::Callable(Box::new(made))
    }
}

/// The type of a literal.
fn literal_type(literal: &Lit) -> Ty {
    Ty::named(match literal {
        Lit::Str(_) => "str",
        Lit::Char(_) => "char",
        Lit::Bool(_) => "bool",
        Lit::Float(_) => "f64",
        Lit::Int(_) | Lit::Byte(_) => "usize",
        _ => "slice",
    })
}

/// Whether an operator makes a truth value.
fn is_comparison(operator: &BinOp) -> bool {
    matches!(
        operator,
        BinOp::Eq(_)
            | BinOp::Ne(_)
            | BinOp::Lt(_)
            | BinOp::Le(_)
            | BinOp::Gt(_)
            | BinOp::Ge(_)
            | BinOp::And(_)
            | BinOp::Or(_)
    )
}
