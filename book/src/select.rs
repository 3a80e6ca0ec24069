//! From the words of a directive to the lines of a file.

use thiserror::Error;

use crate::outline::{Part, squeeze};
use crate::source::{Lines, Source};

/// Why a selector selects nothing.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SelectError {
    /// No part has this name.
    #[error("{file} has no `{name}`")]
    Unknown {
        /// Where we looked.
        file: String,
        /// What we looked for.
        name: String,
    },
    /// Several parts have it.
    #[error("{file} has {count} of `{name}`: say `{name} #1` or a longer name")]
    Ambiguous {
        /// Where we looked.
        file: String,
        /// What we looked for.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// A function is to be split at a comment that it does not have, or
    /// that it has twice.
    #[error("`{name}` has {count} comments that begin with `{comment}`")]
    Split {
        /// The function.
        name: String,
        /// How the comment begins.
        comment: String,
        /// How many do.
        count: usize,
    },
}

/// What a directive asks for: `name`, `name #2` or `name / comment`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// A name of the part, spaced as in the outline.
    pub name: String,
    /// Which one, when several have the name.
    pub which: Option<usize>,
    /// The beginning of the comment from which to show a function.
    pub comment: Option<String>,
}

impl Selector {
    /// Reads a selector.
    pub fn parse(text: &str) -> Self {
        let (name, comment) = match text.split_once(" / ") {
            Some((name, comment)) => (name, Some(comment.trim().to_owned())),
            None => (text, None),
        };
        let (name, which) = match name.rsplit_once('#') {
            Some((before, number)) => (before, number.trim().parse().ok()),
            None => (name, None),
        };
        Self { name: squeeze(name), which, comment }
    }

    /// Whether it means all parts of its name that no chunk has shown yet.
    pub fn takes_many(&self) -> bool {
        self.name == "use" && self.which.is_none()
    }
}

/// A part that was found, with the parts around it, the outermost first.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The part.
    pub part: &'a Part,
    /// What it stands in.
    pub around: Vec<&'a Part>,
}

/// All parts of this name. A `use` also answers to the beginning of its
/// path.
pub fn all<'a>(parts: &'a [Part], name: &str) -> Vec<Found<'a>> {
    let path = name.strip_prefix("use ").map(|_| format!("{name}::"));
    let answers = |part: &Part| {
        part.names.iter().any(|is| {
            is == name || path.as_ref().is_some_and(|path| is.starts_with(path))
        })
    };
    let mut found = Vec::new();
    walk(parts, &mut Vec::new(), &mut |part, around| {
        if answers(part) {
            found.push(Found { part, around: around.to_vec() });
        }
    });
    found
}

/// Calls a function for every part, with the parts around it.
fn walk<'a>(
    parts: &'a [Part],
    around: &mut Vec<&'a Part>,
    visit: &mut impl FnMut(&'a Part, &[&'a Part]),
) {
    for part in parts {
        visit(part, around);
        around.push(part);
        walk(&part.inner, around, visit);
        around.pop();
    }
}

/// The one part that a selector means.
pub fn one<'a>(
    file: &str,
    parts: &'a [Part],
    selector: &Selector,
) -> Result<Found<'a>, SelectError> {
    let mut found = all(parts, &selector.name);
    let name = selector.name.clone();
    let index = match selector.which {
        Some(number) => number.saturating_sub(1),
        None if found.len() > 1 => {
            let (file, count) = (file.to_owned(), found.len());
            return Err(SelectError::Ambiguous { file, name, count });
        }
        None => 0,
    };
    if index < found.len() {
        Ok(found.swap_remove(index))
    } else {
        Err(SelectError::Unknown { file: file.to_owned(), name })
    }
}

/// The line of a function on which the comment of a selector begins.
pub fn comment_line(
    source: &Source,
    lines: Lines,
    selector: &Selector,
) -> Result<Option<usize>, SelectError> {
    let Some(comment) = &selector.comment else { return Ok(None) };
    let begins = |at: &usize| {
        let line = source.line(*at).trim_start();
        line.strip_prefix("// ").is_some_and(|text| text.starts_with(comment))
    };
    let found: Vec<usize> =
        (lines.first + 1..=lines.last).filter(begins).collect();
    match found.as_slice() {
        [at] => Ok(Some(*at)),
        others => Err(SelectError::Split {
            name: selector.name.clone(),
            comment: comment.clone(),
            count: others.len(),
        }),
    }
}
