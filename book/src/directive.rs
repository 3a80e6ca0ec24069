//! The directives of a chapter: `{{#chunk "Title" file: items}}` and others.

use thiserror::Error;

/// Why a directive cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DirectiveError {
    /// It has no `}}`; or a fenced block has no end.
    #[error("`{0}` is not closed")]
    Open(String),
    /// It stands further right, as in a list, where it would not be found.
    #[error("`{0}` does not stand at the beginning of its line")]
    Indented(String),
    /// Its name is none of ours.
    #[error("there is no directive `{0}`")]
    Unknown(String),
    /// A chunk needs a title in double quotes.
    #[error("a chunk needs a \"title\"")]
    NoTitle,
    /// It needs a file, or something like it.
    #[error("`{0}` does not say of what")]
    NoTarget(String),
}

/// What a directive stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directive {
    /// Code of the program, shown here and nowhere else.
    Chunk(Excerpt),
    /// Code of the tests.
    Test(Excerpt),
    /// Code that has its place elsewhere.
    Show(Excerpt),
    /// A file of snapshots/.
    Snapshot(String),
    /// A file of recorded sessions and a name in it.
    Session(String, String),
    /// A picture of what a file holds: the file, perhaps a name in it.
    Picture(Picture, String),
    /// A table that the weaver makes.
    Index(Index),
    /// The requirements of an RFC.
    Rfc(String),
}

/// The pictures that the weaver draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// How SPF records were evaluated.
    Tree,
    /// When questions were asked and answered.
    Timeline,
    /// What a rate window held, second by second.
    Window,
    /// What was measured.
    Bars,
}

/// The tables that the weaver makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// Every name: where it is made, where it is used.
    Identifiers,
    /// Every file, with a page for each.
    Files,
    /// Every line that a plugin logs or replies.
    Messages,
    /// Every setting.
    Settings,
    /// Every snapshot.
    Snapshots,
}

/// Items of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// The heading; empty for tests and previews without one.
    pub title: String,
    /// The file, below the root of the project.
    pub file: String,
    /// What to show of it; empty means whatever is left.
    pub selectors: Vec<String>,
}

/// A stretch of a chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Markdown, as it stands.
    Prose(String),
    /// A directive, and the line of the chapter on which it begins.
    Directive(usize, Directive),
    /// A directive that cannot be read, and its line.
    Broken(usize, String),
}

/// Takes a chapter apart. What stands in a fenced block, and a directive
/// after a backquote or a backslash, is prose about directives.
pub fn segments(text: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut prose = String::new();
    let mut rest = text;
    let mut line = 1;
    let mut open: Option<(usize, &str)> = None;
    while !rest.is_empty() {
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let whole = rest.get(..end).unwrap_or(rest);
        let begins = prose.is_empty() || prose.ends_with('\n');
        open = match (open, fence(whole)) {
            (None, Some((mark, _))) if begins => Some((line, mark)),
            (Some((_, mark)), Some((end, ""))) if end.starts_with(mark) => None,
            (open, _) => open,
        };
        let starts = begins && whole.trim_start().starts_with("{{#");
        let (taken, segment) = match open.is_none() && starts {
            true => directive(rest, line),
            false => (whole, None),
        };
        match segment {
            Some(segment) => {
                segments.push(Segment::Prose(std::mem::take(&mut prose)));
                segments.push(segment);
            }
            None => prose.push_str(taken),
        }
        line += taken.matches('\n').count();
        rest = rest.get(taken.len()..).unwrap_or("");
    }
    segments.push(Segment::Prose(prose));
    if let Some((line, mark)) = open {
        let broken = DirectiveError::Open(mark.to_owned()).to_string();
        segments.push(Segment::Broken(line, broken));
    }
    segments
}

/// The marks with which a line opens or closes a fenced block, and what
/// stands behind them.
fn fence(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let mark = line.chars().next().filter(|it| matches!(it, '`' | '~'))?;
    let behind = line.trim_start_matches(mark);
    let marks = line.strip_suffix(behind)?;
    let opens = marks.len() >= 3 && !behind.contains('`');
    opens.then_some((marks, behind))
}

/// The directive of mdBook itself that we leave alone. Those that include a
/// file we refuse: nobody would look whether what they bring is true.
const FOREIGN: &str = "title";

/// Reads the directive with which a text begins, and says how much of the
/// text it took.
fn directive(text: &str, line: usize) -> (&str, Option<Segment>) {
    let indented = text.len() - text.trim_start().len();
    let inside = text.get(indented + 3..).unwrap_or("");
    let name: String = inside
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    if name == FOREIGN {
        return (text.get(..indented + 3).unwrap_or(text), None);
    }
    let Some(end) = inside.find("}}") else {
        let broken = DirectiveError::Open(format!("{{{{#{name}")).to_string();
        return (text, Some(Segment::Broken(line, broken)));
    };
    let arguments = inside.get(name.len()..end).unwrap_or("").trim();
    let segment = match parse(&name, arguments) {
        Ok(_) if indented > 0 => {
            let broken = DirectiveError::Indented(name).to_string();
            Segment::Broken(line, broken)
        }
        Ok(directive) => Segment::Directive(line, directive),
        Err(error) => Segment::Broken(line, error.to_string()),
    };
    (text.get(..indented + end + 5).unwrap_or(text), Some(segment))
}

/// Reads what stands between a directive's name and its end.
fn parse(name: &str, arguments: &str) -> Result<Directive, DirectiveError> {
    let target = || {
        if arguments.is_empty() {
            Err(DirectiveError::NoTarget(name.to_owned()))
        } else {
            Ok(arguments.to_owned())
        }
    };
    Ok(match name {
        "chunk" => {
            let excerpt = excerpt(name, arguments)?;
            if excerpt.title.is_empty() {
                return Err(DirectiveError::NoTitle);
            }
            Directive::Chunk(excerpt)
        }
        "test" => Directive::Test(excerpt(name, arguments)?),
        "show" => Directive::Show(excerpt(name, arguments)?),
        "snapshot" => Directive::Snapshot(target()?),
        "session" => {
            let (file, session) = arguments
                .split_once(':')
                .ok_or_else(|| DirectiveError::NoTarget(name.to_owned()))?;
            Directive::Session(file.trim().into(), session.trim().into())
        }
        "tree" => Directive::Picture(Picture::Tree, target()?),
        "timeline" => Directive::Picture(Picture::Timeline, target()?),
        "window" => Directive::Picture(Picture::Window, target()?),
        "bars" => Directive::Picture(Picture::Bars, target()?),
        "rfc" => Directive::Rfc(target()?),
        "identifiers" => Directive::Index(Index::Identifiers),
        "files" => Directive::Index(Index::Files),
        "messages" => Directive::Index(Index::Messages),
        "settings" => Directive::Index(Index::Settings),
        "snapshots" => Directive::Index(Index::Snapshots),
        _ => return Err(DirectiveError::Unknown(name.to_owned())),
    })
}

/// Reads `"Title" file: item, item`.
fn excerpt(name: &str, arguments: &str) -> Result<Excerpt, DirectiveError> {
    let (title, rest) = match arguments.strip_prefix('"') {
        Some(quoted) => {
            quoted.split_once('"').ok_or(DirectiveError::NoTitle)?
        }
        None => ("", arguments),
    };
    let rest = rest.trim();
    let (file, items) = rest.split_once(':').unwrap_or((rest, ""));
    if file.trim().is_empty() {
        return Err(DirectiveError::NoTarget(name.to_owned()));
    }
    let file = file.trim().to_owned();
    Ok(Excerpt { title: title.to_owned(), file, selectors: list(items) })
}

/// Splits a list at its commas, but not at those between `<` and `>` or
/// parentheses.
fn list(text: &str) -> Vec<String> {
    let mut depth = 0usize;
    let mut items = vec![String::new()];
    for c in text.chars() {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(item) = items.last_mut() {
            item.push(c);
        }
    }
    let trimmed = items.iter().map(|item| item.trim().to_owned());
    trimmed.filter(|item| !item.is_empty()).collect()
}
