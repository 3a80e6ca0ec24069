//! Names in the arguments of macros and attributes, as well as can be.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{Attribute, Expr, Macro, Meta, Pat, Token};

use crate::names::DefKind;
use crate::scope::{Found, Space};
use crate::types::Ty;
use crate::walker::{Local, Target, Walker};

/// The arguments of `matches!`.
struct Matches {
    value: Expr,
    pattern: Pat,
    guard: Option<Expr>,
}

impl Parse for Matches {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let value = input.parse()?;
        input.parse::<Token![,]>()?;
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        let guarded = input.parse::<Option<Token![if]>>()?.is_some();
        let guard = guarded.then(|| input.parse()).transpose()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { value, pattern, guard })
    }
}

/// A value and how many of it: the arguments of `vec![0; 3]`.
struct Repeated(Expr, Expr);

impl Parse for Repeated {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let value = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self(value, input.parse()?))
    }
}

impl Walker<'_> {
    /// Walks the use of a macro and says of which type it is.
    pub fn mac(&mut self, mac: &Macro) -> Ty {
        self.note_path(&mac.path, Space::Values);
        let name = mac.path.segments.last();
        let name = name.map(|at| at.ident.to_string()).unwrap_or_default();
        let tokens = mac.tokens.clone();
        let parsed: syn::Result<Matches> = syn::parse2(tokens.clone());
        if let Ok(parsed) = parsed
            && name.contains("matches")
        {
            let of = self.expr(&parsed.value);
            self.scoped(|walker| {
                walker.bind(&parsed.pattern, &of);
                if let Some(guard) = &parsed.guard {
                    walker.expr(guard);
                }
            });
            return Ty::named("bool");
        }
        if let Ok(Repeated(value, count)) = syn::parse2(tokens.clone()) {
            let of = self.expr(&value);
            self.expr(&count);
            return Ty::of("Vec", of);
        }
        if name == "proptest" {
            self.properties(tokens);
            return Ty::Unknown;
        }
        let first = self.arguments(tokens);
        match name.as_str() {
            "vec" => Ty::of("Vec", first),
            "format" => Ty::named("String"),
            "select" => first,
            _ => Ty::Unknown,
        }
    }

    /// Walks arguments and says of which type the first one is.
    fn arguments(&mut self, tokens: TokenStream) -> Ty {
        let list = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(arguments) = list.parse2(tokens.clone()) {
            let mut first = None;
            for argument in &arguments {
                let of = self.argument(argument);
                first.get_or_insert(of);
            }
            return first.unwrap_or(Ty::Unknown);
        }
        if let Ok(body) = syn::Block::parse_within.parse2(tokens.clone()) {
            self.scoped(|walker| walker.statements(&body));
            return Ty::Unknown;
        }
        self.scoped(|walker| walker.arms(tokens))
    }

    /// Walks the pieces of something like `select!`, whose arms have a type.
    fn arms(&mut self, tokens: TokenStream) -> Ty {
        let mut first = Ty::Unknown;
        for piece in pieces(tokens) {
            match syn::parse2::<Expr>(piece.clone()) {
                Ok(named @ Expr::Assign(_)) => {
                    self.argument(&named);
                }
                Ok(arm) => {
                    let of = self.expr(&arm);
                    if first == Ty::Unknown {
                        first = of;
                    }
                }
                Err(_) => self.tokens(piece, false),
            }
        }
        first
    }

    /// Walks an argument, which may have a name: `width = 3`.
    fn argument(&mut self, argument: &Expr) -> Ty {
        let Expr::Assign(named) = argument else {
            return self.expr(argument);
        };
        let of = self.expr(&named.right);
        if let Expr::Path(path) = &*named.left
            && let Some(name) = path.path.get_ident()
        {
            self.note(name, Target::Local);
            self.declare(name, Local::Variable(of.clone()));
        }
        of
    }

    /// Walks the functions inside `proptest!`: `fn name(x in any()) { … }`.
    fn properties(&mut self, tokens: TokenStream) {
        let mut groups = Vec::new();
        let mut last: Option<Ident> = None;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if last.as_ref().is_some_and(|last| last == "fn") {
                        self.note(&name, Target::Local);
                        groups.clear();
                    }
                    last = Some(name);
                }
                TokenTree::Group(group) => groups.push(group),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            if let [inputs, body] = groups.as_slice()
                && body.delimiter() == Delimiter::Brace
            {
                let (inputs, body) = (inputs.stream(), body.stream());
                self.scoped(|walker| {
                    for input in pieces(inputs) {
                        walker.property_input(input);
                    }
                    walker.arguments(body);
                });
                groups.clear();
            }
        }
    }

    /// Binds `pattern in strategy`.
    fn property_input(&mut self, tokens: TokenStream) {
        let is_in = |token: &TokenTree| match token {
            TokenTree::Ident(name) => name == "in",
            TokenTree::Group(_)
            | TokenTree::Punct(_)
            | TokenTree::Literal(_) => false,
        };
        let mut tokens = tokens.into_iter();
        let before = tokens.by_ref().take_while(|at| !is_in(at)).collect();
        if let Ok(pattern) = Pat::parse_multi.parse2(before) {
            self.bind(&pattern, &Ty::Unknown);
        }
        self.arguments(tokens.collect());
    }

    /// Notes names in tokens; those that lead nowhere are other crates'.
    pub fn quiet_tokens(&mut self, tokens: TokenStream) {
        self.tokens(tokens, true);
    }

    /// Notes names in tokens that are no expressions.
    fn tokens(&mut self, tokens: TokenStream, quiet: bool) {
        let mut path: Vec<Ident> = Vec::new();
        let mut punctuation = String::new();
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if !punctuation.ends_with("::") {
                        path.clear();
                    }
                    let member = punctuation.ends_with('.')
                        && !punctuation.ends_with("..");
                    path.push(name);
                    self.token_path(&path, member, quiet);
                    punctuation.clear();
                }
                TokenTree::Punct(mark) => punctuation.push(mark.as_char()),
                TokenTree::Group(group) => {
                    self.group(group.stream(), quiet);
                    punctuation.clear();
                    path.clear();
                }
                TokenTree::Literal(_) => punctuation.clear(),
            }
        }
    }

    /// Walks what stands between brackets: expressions, if possible.
    fn group(&mut self, tokens: TokenStream, quiet: bool) {
        if quiet {
            self.tokens(tokens, quiet);
        } else {
            self.arguments(tokens);
        }
    }

    /// Notes the last name of a path that is made of tokens.
    fn token_path(&mut self, path: &[Ident], member: bool, quiet: bool) {
        let Some(name) = path.last() else { return };
        let text = name.to_string();
        if path.len() == 1 && !member && self.local(&text).is_some() {
            return self.note(name, Target::Local);
        }
        let found = if member {
            let method = DefKind::Method;
            let only = self.program.only(self.file, &text, method);
            let known = self.foreign.contains(&text);
            only.filter(|_| !known).map_or(Found::Unknown, Found::Def)
        } else {
            let names: Vec<String> =
                path.iter().map(ToString::to_string).collect();
            let module = self.view.module;
            let found = self.program.path(module, &names, Space::Values);
            found.last().copied().unwrap_or(Found::Unknown)
        };
        match found {
            Found::Unknown if quiet => self.note(name, Target::Foreign),
            Found::Def(_)
            | Found::Root(_)
            | Found::Foreign
            | Found::Unknown => {
                self.note_found(name, found);
            }
        }
    }

    /// Walks an attribute. Its name is another crate's; the cases of a test
    /// are expressions of ours.
    pub fn attribute(&mut self, attribute: &Attribute) {
        for segment in &attribute.path().segments {
            self.note(&segment.ident, Target::Foreign);
        }
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::List(list) => {
                let name = list.path.segments.first();
                let name = name.map(|at| at.ident.to_string());
                let name = name.unwrap_or_default();
                if matches!(name.as_str(), "case" | "values" | "with") {
                    self.arguments(list.tokens.clone());
                } else {
                    self.quiet_tokens(list.tokens.clone());
                }
            }
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
        }
    }
}

/// Splits tokens at `,`, `;`, `=>` and a single `:`.
fn pieces(tokens: TokenStream) -> Vec<TokenStream> {
    let mut pieces = vec![Vec::new()];
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let mark = match &token {
            TokenTree::Punct(mark) => mark.as_char(),
            TokenTree::Ident(_)
            | TokenTree::Group(_)
            | TokenTree::Literal(_) => ' ',
        };
        let next = match rest.peek() {
            Some(TokenTree::Punct(mark)) => mark.as_char(),
            Some(_) | None => ' ',
        };
        let splits = match (mark, next) {
            (':', ':') | ('=', '>') => {
                let second = rest.next();
                if mark == ':' {
                    if let Some(piece) = pieces.last_mut() {
                        piece.push(token);
                        piece.extend(second);
                    }
                    continue;
                }
                true
            }
            (mark, _) => matches!(mark, ',' | ';' | ':'),
        };
        if splits {
            pieces.push(Vec::new());
        } else if let Some(piece) = pieces.last_mut() {
            piece.push(token);
        }
    }
    let made = pieces.into_iter().filter(|piece| !piece.is_empty());
    made.map(|piece| piece.into_iter().collect()).collect()
}
