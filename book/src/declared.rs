//! Messages and settings: constants whose type makes them interface, listed
//! for whoever reads a log or writes a configuration.

use syn::{Expr, Item, Lit, Type};

use crate::around::chunk_link;
use crate::figure::{snapshot, snapshots};
use crate::html::{escape, relative, with_code};
use crate::names::DefId;
use crate::problem::Problem;
use crate::site::{Site, is_program};

/// A constant that is made by a call: `Message::log("gone")`.
struct Constant {
    /// Its definition.
    id: DefId,
    /// Its file.
    file: usize,
    /// The function that makes it.
    function: String,
    /// The arguments: texts as they are, of paths the last name.
    arguments: Vec<String>,
}

/// The constants of the program of a type with this name.
fn constants(site: &Site, of: &str) -> Vec<Constant> {
    let mut found = Vec::new();
    for (file, source) in site.sources.iter().enumerate() {
        if !source.path.starts_with("src/") {
            continue;
        }
        for item in &source.syntax.items {
            let Item::Const(item) = item else { continue };
            let (Type::Path(ty), Expr::Call(call)) = (&*item.ty, &*item.expr)
            else {
                continue;
            };
            let last = ty.path.segments.last();
            if last.is_none_or(|last| last.ident != of) {
                continue;
            }
            let line = item.ident.span().start().line;
            let name = item.ident.to_string();
            let id = site.links.defs.iter().position(|def| {
                def.file == file && def.line == line && def.name == name
            });
            let Some(id) = id else { continue };
            let function = word(&call.func);
            let arguments = call.args.iter().map(word).collect();
            found.push(Constant { id, file, function, arguments });
        }
    }
    found
}

/// A text, or the last name of a path.
fn word(expr: &Expr) -> String {
    if let Expr::Lit(literal) = expr
        && let Lit::Str(text) = &literal.lit
    {
        return text.value();
    }
    let Expr::Path(path) = expr else { return String::new() };
    let last = path.path.segments.last();
    last.map(|last| last.ident.to_string()).unwrap_or_default()
}

/// The number of the chunk of a constant, and its name, linked.
fn place(site: &Site, page: &str, constant: &Constant) -> String {
    let Some(def) = site.links.def(constant.id) else {
        return String::new();
    };
    let href = relative(page, &site.def_place(constant.id));
    let chunk = site.chunk_of(def.file, def.line);
    let chunk = chunk.map(|chunk| chunk_link(site, page, chunk));
    format!(
        "<a href=\"{href}\"><code>{}</code></a> {}",
        escape(&def.name),
        chunk.unwrap_or_default()
    )
}

/// The files of some constants, each with its own.
fn by_file(all: &[Constant]) -> Vec<(usize, Vec<&Constant>)> {
    let mut files: Vec<(usize, Vec<&Constant>)> = Vec::new();
    for constant in all {
        match files.last_mut() {
            Some((file, list)) if *file == constant.file => {
                list.push(constant);
            }
            _ => files.push((constant.file, vec![constant])),
        }
    }
    files
}

/// The name that a reader knows a file by: that of its plugin, if it is one.
fn title(path: &str) -> String {
    let name = path.strip_suffix(".rs").unwrap_or(path);
    let name = name.strip_prefix("src/").unwrap_or(name);
    name.strip_prefix("plugins/").unwrap_or(name).replace('/', "::")
}

/// Every line that is logged or replied.
pub fn messages(site: &Site, page: &str) -> String {
    let all = constants(site, "Message");
    let mut out = String::new();
    for (file, list) in by_file(&all) {
        let name = title(site.path(file));
        out.push_str(&format!("\n## {name}\n\n<table class=\"words\">\n"));
        for constant in list {
            let words = constant.arguments.first();
            let kind = match constant.function.as_str() {
                "log" => "log",
                _ => "reply",
            };
            out.push_str(&format!(
                "<tr><td>{kind}</td><td><samp>{}</samp></td>\
                 <td>{}</td></tr>\n",
                escape(words.map_or("", String::as_str)),
                place(site, page, constant)
            ));
        }
        out.push_str("</table>\n");
    }
    out
}

/// Every setting.
pub fn settings(site: &Site, page: &str) -> String {
    let all = constants(site, "Setting");
    let mut out = String::new();
    for (file, list) in by_file(&all) {
        let name = title(site.path(file));
        out.push_str(&format!("\n## {name}\n\n<table class=\"words\">\n"));
        for constant in list {
            let argument = |index: usize| {
                constant.arguments.get(index).map_or("", String::as_str)
            };
            let default = match argument(2) {
                "" => String::new(),
                default => format!(", else <code>{}</code>", escape(default)),
            };
            out.push_str(&format!(
                "<tr><td><code>{}</code><br>{}{default}</td>\
                 <td>{}</td><td>{}</td></tr>\n",
                escape(argument(0)),
                escape(&argument(1).to_lowercase()),
                with_code(argument(3)),
                place(site, page, constant)
            ));
        }
        out.push_str("</table>\n");
    }
    out
}

/// Every snapshot, by what stands before `__` in its name.
pub fn gallery(site: &Site) -> String {
    let mut out = String::new();
    let mut last = String::new();
    for path in snapshots(&site.root) {
        let name = path.rsplit('/').next().unwrap_or(&path);
        let group = name.split("__").next().unwrap_or(name);
        if group != last {
            out.push_str(&format!("\n## {group}\n\n"));
            last = group.to_owned();
        }
        out.push_str(&snapshot(&site.root, &path).unwrap_or_default());
    }
    out
}

/// Messages and settings that no list mentions: whoever lists what a plugin
/// can say would not find them.
pub fn unlisted(site: &Site, problems: &mut Vec<Problem>) {
    let plugins = constants_of_type(site, "Plugin");
    for (of, everywhere) in [("Message", true), ("Setting", false)] {
        for constant in constants(site, of) {
            let Some(def) = site.links.def(constant.id) else { continue };
            let must = everywhere || plugins.contains(&constant.file);
            if must && !is_listed(site, constant.id) {
                let what = format!("`{}` is in no list", def.name);
                let file = site.path(def.file).to_owned();
                problems.push(Problem { file, line: def.line, what });
            }
        }
    }
}

/// The files of the program that have a constant of a type with this name.
fn constants_of_type(site: &Site, of: &str) -> Vec<usize> {
    let start = format!(": {of} = ");
    let has = |file: &usize| {
        let source = site.sources.get(*file);
        source.is_some_and(|source| {
            source.lines.iter().any(|line| {
                line.starts_with("pub const") && line.contains(&start)
            })
        })
    };
    (0..site.sources.len()).filter(has).collect()
}

/// Whether a constant is used in another constant of the program.
fn is_listed(site: &Site, id: DefId) -> bool {
    site.links.used(id).iter().any(|(file, line)| {
        let parts = site.web.outlines.get(*file);
        let parts = parts.map_or(&[][..], Vec::as_slice);
        let part = parts.iter().find(|part| part.lines.has(*line));
        let constant = part.is_some_and(|part| {
            part.names.iter().any(|name| {
                name.starts_with("const ") || name.starts_with("static ")
            })
        });
        is_program(site.path(*file)) && constant
    })
}
