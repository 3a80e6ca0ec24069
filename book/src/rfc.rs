//! Requirements: what an RFC asks for, and where the program answers.

use crate::around::test_around;
use crate::html::{escape, relative, with_code};
use crate::lexer::Class;
use crate::problem::Problem;
use crate::prose::{Piece, Span, find, pieces};
use crate::site::{Site, is_program};
use crate::source::read;

/// A row of the table of requirements, book/rfcNNNN.md.
struct Requirement {
    /// Its name in the index: the section and perhaps a letter.
    id: String,
    /// The section of the RFC.
    section: String,
    /// MUST, SHOULD, MAY and their like.
    level: String,
    /// Whom it binds.
    binds: String,
    /// What it asks for.
    what: String,
    /// Further cells: the code and the test that answer, or why it does not
    /// concern us.
    answers: Vec<String>,
    /// The line of the table.
    line: usize,
}

/// The path of the table of an RFC.
fn path(number: &str) -> String {
    format!("book/rfc{number}.md")
}

/// Reads the table of an RFC; without one there are no requirements.
fn requirements(site: &Site, number: &str) -> Vec<Requirement> {
    let text = read(&site.root.join(path(number))).unwrap_or_default();
    let row = |(index, line): (usize, &str)| {
        let inside = line.strip_prefix('|')?.trim_end().strip_suffix('|')?;
        let mut cells = inside.split('|').map(|at| at.trim().to_owned());
        let id = cells.next()?;
        let digit = id.starts_with(|c: char| c.is_ascii_digit());
        digit.then_some(())?;
        Some(Requirement {
            id,
            section: cells.next()?,
            level: cells.next()?,
            binds: cells.next()?,
            what: cells.next()?,
            answers: cells.filter(|cell| !cell.is_empty()).collect(),
            line: index + 1,
        })
    };
    text.lines().enumerate().filter_map(row).collect()
}

/// A comment that names a section: the section, the file, the line.
type Reference = (String, usize, usize);

/// All comments that name a section of an RFC.
fn references(site: &Site, number: &str) -> Vec<Reference> {
    let start = format!("RFC {number} ");
    let mut found = Vec::new();
    for (file, source) in site.sources.iter().enumerate() {
        let lines = site.pieces.get(file).into_iter().flatten();
        let lines = source.lines.iter().zip(lines).enumerate();
        for (index, (text, pieces)) in lines {
            let comment = pieces.iter().find(|piece| {
                matches!(piece.class, Class::Comment | Class::Doc)
            });
            let Some(piece) = comment else { continue };
            let text = text.get(piece.start..piece.end).unwrap_or("");
            for rest in text.split(&start).skip(1) {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
                    .unwrap_or(rest.len());
                let section = rest.get(..end).unwrap_or("");
                let section = section.trim_end_matches('.').to_owned();
                found.push((section, file, index + 1));
            }
        }
    }
    found
}

/// The references to one requirement: those to its name, else those to its
/// section.
fn answers<'r>(
    requirement: &Requirement,
    references: &'r [Reference],
) -> Vec<&'r Reference> {
    let to = |name: &str| -> Vec<&Reference> {
        references.iter().filter(|(section, ..)| section == name).collect()
    };
    match to(&requirement.id) {
        own if own.is_empty() => to(&requirement.section),
        own => own,
    }
}

/// The requirements of an RFC, each with the code and the tests that answer.
pub fn table(site: &Site, page: &str, number: &str) -> String {
    let references = references(site, number);
    let mut out = String::from(
        "\n<table class=\"rfcs\">\n<thead><tr><th>Section</th>\
         <th>Requirement</th><th>Answered in</th></tr></thead>\n<tbody>\n",
    );
    for requirement in requirements(site, number) {
        let places = answers(&requirement, &references);
        let places = places
            .iter()
            .map(|(_, file, line)| place(site, page, *file, *line));
        let given = requirement.answers.iter().filter(|cell| *cell != "-");
        let given = given.map(|cell| linked(site, page, cell));
        let places: Vec<String> = given.chain(places).collect();
        let places = places.join(", ");
        out.push_str(&format!(
            "<tr id=\"rfc{number}-{id}\"><td><a class=\"rfc\" \
             href=\"https://www.rfc-editor.org/rfc/rfc{number}#section-{}\">\
             {id}</a></td><td><b>{}</b> {} <span>({})</span></td>\
             <td>{places}</td></tr>\n",
            escape(&requirement.section),
            escape(&requirement.level),
            with_code(&requirement.what),
            escape(&requirement.binds),
            id = escape(&requirement.id),
        ));
    }
    out.push_str("</tbody></table>\n\n");
    out
}

/// A cell with its code spans as links, where they lead somewhere.
fn linked(site: &Site, page: &str, cell: &str) -> String {
    let piece = |piece: &Piece<'_>| match piece {
        Piece::Text(text) | Piece::Fence(_, text) => escape(text),
        Piece::Code(text, _) => {
            let code = format!("<code>{}</code>", escape(text));
            match find(site, 0, text) {
                Span::Def(id) => {
                    let href = relative(page, &site.def_place(id));
                    format!("<a class=\"ref\" href=\"{href}\">{code}</a>")
                }
                Span::Several | Span::Nothing => code,
            }
        }
    };
    pieces(cell).iter().map(piece).collect()
}

/// Whether a name is that of a case in a suite of tests:
/// `suite::scenario::case`, as `cargo test` names it.
fn is_case(site: &Site, name: &str) -> bool {
    let mut parts = name.splitn(3, "::");
    let (Some(suite), Some(scenario), Some(case)) =
        (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let path = site.root.join(format!("tests/spf/{suite}.yml"));
    let text = read(&path).unwrap_or_default();
    let scenario = format!("name: \"{scenario}\"");
    let case = format!("\"id\": \"{case}\"");
    text.split("- name:").any(|part| {
        format!("name:{part}").contains(&scenario) && part.contains(&case)
    })
}

/// A place that answers: the name of a test, or the number of a chunk.
fn place(site: &Site, page: &str, file: usize, line: usize) -> String {
    let href = relative(page, &site.line_place(file, line));
    let test = test_around(site, file, line);
    let text = match (test, site.chunk_of(file, line)) {
        (Some((name, _)), _) => format!("<code>{}</code>", escape(&name)),
        (None, Some(chunk)) => chunk.label.clone(),
        (None, None) => format!("{}:{line}", escape(site.path(file))),
    };
    format!("<a class=\"ref\" href=\"{href}\">{text}</a>")
}

/// Requirements that bind us, are answered nowhere, and are not said to be
/// beside the point. Those that bind only publishers of records do not.
pub fn unanswered(site: &Site, number: &str, problems: &mut Vec<Problem>) {
    let references = references(site, number);
    for requirement in requirements(site, number) {
        let answers = answers(&requirement, &references);
        let answered = answers.iter().any(|(_, file, _)| {
            let path = site.path(*file);
            is_program(path) || path.starts_with("tests/")
        });
        let given = requirement.answers.iter().any(|cell| cell != "-");
        let excused = requirement.binds == "P" || given;
        if !answered && !excused {
            let what = format!(
                "RFC {number} {} has no code and no test",
                requirement.id
            );
            let line = requirement.line;
            problems.push(Problem { file: path(number), line, what });
        }
        let spans = requirement.answers.iter().flat_map(|it| pieces(it));
        for span in spans {
            let Piece::Code(text, _) = span else { continue };
            let is_known =
                find(site, 0, text) != Span::Nothing || is_case(site, text);
            if !is_known {
                let what = format!("`{text}` names nothing");
                let line = requirement.line;
                problems.push(Problem { file: path(number), line, what });
            }
        }
    }
}
