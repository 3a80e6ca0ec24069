//! What the methods of the standard library return, in a rough cut.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a type that a method does not know is like any other"
)]

use crate::types::Ty;

/// Whether a type is one of those that may hold a value or not.
fn is_optional(name: &str) -> bool {
    matches!(name, "Option" | "Result")
}

/// A type of another crate of which we know no more: what a method of such
/// a type returns, unless an argument could have brought a type of ours in.
pub fn unnamed(arguments: &[Ty]) -> Ty {
    if arguments.iter().all(Ty::is_foreign) {
        Ty::named("?")
    } else {
        Ty::Unknown
    }
}

/// What the first parameter of a closure is that a method of this type is
/// given.
pub fn closure_parameters(of: &Ty, method: &str) -> Vec<Ty> {
    match (of, method) {
        (_, "map_err") => vec![of.argument(1)],
        (_, "unwrap_or_else" | "or_else") => vec![of.argument(1)],
        (_, "fold" | "try_fold" | "scan") => vec![Ty::Unknown, of.element()],
        (_, "and_modify" | "or_insert_with") => vec![of.argument(0)],
        (Ty::Foreign(name, all), "retain") if name.ends_with("Map") => {
            all.clone()
        }
        (_, "sort_by" | "max_by" | "min_by" | "reduce" | "dedup_by") => {
            vec![of.element(), of.element()]
        }
        (Ty::Foreign(..), _) => vec![of.element()],
        (
            Ty::Ours(..)
            | Ty::Tuple(_)
            | Ty::Callable(_)
            | Ty::Generic(_)
            | Ty::Unknown,
            _,
        ) => Vec::new(),
    }
}

/// What a method of a type of another crate returns. `arguments` are the
/// types of its arguments; for a closure, of what it returns.
pub fn method(of: &Ty, name: &str, arguments: &[Ty]) -> Ty {
    let head = match of {
        Ty::Foreign(head, _) => head.as_str(),
        Ty::Ours(..)
        | Ty::Tuple(_)
        | Ty::Callable(_)
        | Ty::Generic(_)
        | Ty::Unknown => "",
    };
    if is_optional(head) && is_unwrap(name) {
        return match of.argument(0) {
            Ty::Unknown => made(arguments.last()),
            known => known,
        };
    }
    if is_same(name) {
        return of.clone();
    }
    let first = made(arguments.first());
    of_collection(of, head, name, arguments)
        .or_else(|| of_value(of, head, name, first, arguments))
        .or_else(|| of_text(name))
        .unwrap_or(Ty::Unknown)
}

/// What an argument brings: a closure brings what it returns.
fn made(argument: Option<&Ty>) -> Ty {
    match argument {
        Some(Ty::Callable(made)) => (**made).clone(),
        Some(other) => other.clone(),
        None => Ty::Unknown,
    }
}

/// Methods that get at what a collection or an iterator holds.
fn of_collection(
    of: &Ty,
    head: &str,
    name: &str,
    arguments: &[Ty],
) -> Option<Ty> {
    Some(match name {
        "next" | "first" | "last" | "pop" | "peek" | "find" | "max" | "min"
        | "max_by_key" | "min_by_key" | "max_by" | "min_by" | "nth"
        | "next_back" | "pop_front" | "pop_back" | "first_mut" | "last_mut"
        | "front" | "back" | "reduce" => Ty::of("Option", of.element()),
        "get" | "get_mut" | "remove" | "insert" if head.ends_with("Map") => {
            Ty::of("Option", of.argument(1))
        }
        "get" | "get_mut" if !head.is_empty() => {
            let ranged = matches!(arguments.first(),
                Some(Ty::Foreign(range, _)) if range == "Range");
            let inside = if ranged { of.clone() } else { of.element() };
            Ty::of("Option", inside)
        }
        "remove" | "swap_remove" => of.element(),
        "iter" | "iter_mut" | "into_iter" | "drain" | "range" => {
            Ty::of("Iterator", of.element())
        }
        "keys" | "into_keys" => Ty::of("Iterator", of.argument(0)),
        "values" | "values_mut" | "into_values" => {
            Ty::of("Iterator", of.argument(1))
        }
        "entry" => Ty::of("Entry", of.argument(1)),
        "enumerate" => {
            let pair = vec![Ty::named("usize"), of.element()];
            Ty::of("Iterator", Ty::Tuple(pair))
        }
        "zip" => {
            let other = arguments.first().map_or(Ty::Unknown, Ty::element);
            Ty::of("Iterator", Ty::Tuple(vec![of.element(), other]))
        }
        "flatten" if is_optional(head) => of.element(),
        "flatten" => Ty::of("Iterator", of.element().element()),
        _ => return None,
    })
}

/// Methods that make a value of what a closure returns, or unwrap one.
fn of_value(
    of: &Ty,
    head: &str,
    name: &str,
    first: Ty,
    arguments: &[Ty],
) -> Option<Ty> {
    let result =
        |value, error| Ty::Foreign("Result".into(), vec![value, error]);
    Some(match name {
        "map" if head == "Result" => result(first, of.argument(1)),
        "map" if head == "Option" => Ty::of("Option", first),
        "map" | "map_while" => Ty::of("Iterator", first),
        "and_then" | "find_map" => first,
        "filter_map" | "flat_map" => Ty::of("Iterator", first.element()),
        "fold" => arguments.first().cloned().unwrap_or(Ty::Unknown),
        "map_or" | "map_or_else" => match made(arguments.last()) {
            Ty::Unknown => first,
            known => known,
        },
        "ok" => Ty::of("Option", of.argument(0)),
        "err" => Ty::of("Option", of.argument(1)),
        "ok_or" | "ok_or_else" | "map_err" => result(of.argument(0), first),
        "then" | "then_some" => Ty::of("Option", first),
        "or_default" | "or_insert" | "or_insert_with" | "lock" | "read"
        | "write" | "borrow" | "borrow_mut" => of.argument(0),
        _ => return None,
    })
}

/// Methods of texts.
fn of_text(name: &str) -> Option<Ty> {
    Some(match name {
        "chars" | "bytes" => Ty::of("Iterator", Ty::named("char")),
        "lines" | "split" | "split_whitespace" | "rsplit" | "splitn" => {
            Ty::of("Iterator", Ty::named("str"))
        }
        "split_once" | "rsplit_once" => {
            let pair = vec![Ty::named("str"), Ty::named("str")];
            Ty::of("Option", Ty::Tuple(pair))
        }
        "to_string" | "to_lowercase" | "to_ascii_lowercase" | "trim"
        | "into_owned" | "to_string_lossy" | "join" | "repeat" | "replace"
        | "as_str" => Ty::named("str"),
        "len" | "count" | "position" => Ty::named("usize"),
        _ => return None,
    })
}

/// Methods that take the value out of an `Option` or a `Result`.
fn is_unwrap(name: &str) -> bool {
    matches!(
        name,
        "unwrap"
            | "expect"
            | "unwrap_or"
            | "unwrap_or_else"
            | "unwrap_or_default"
            | "get_or_insert_with"
            | "insert"
    )
}

/// Methods whose result has the type of what they are called on.
fn is_same(name: &str) -> bool {
    matches!(
        name,
        "clone"
            | "cloned"
            | "copied"
            | "as_ref"
            | "as_mut"
            | "as_deref"
            | "as_deref_mut"
            | "to_owned"
            | "rev"
            | "skip"
            | "take"
            | "filter"
            | "inspect"
            | "peekable"
            | "chain"
            | "step_by"
            | "skip_while"
            | "take_while"
            | "or"
            | "or_else"
            | "by_ref"
            | "to_vec"
            | "as_slice"
            | "as_mut_slice"
            | "unwrap"
            | "expect"
            | "unwrap_or_else"
            | "windows"
            | "await"
            | "with_context"
            | "context"
            | "cycle"
            | "pin"
            | "split_off"
    )
}
