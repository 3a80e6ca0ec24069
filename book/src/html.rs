//! Text into HTML, and code into coloured, linked lines of it.

use crate::lexer::{Class, Token};

/// Escapes a text for HTML. Braces that stand together are escaped too, or
/// mdBook would take them for directives; so are backquotes and backslashes,
/// which Markdown might see.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '{' => out.push_str("&#123;"),
            _ => out.push(c),
        }
    }
    out
}

/// Escapes a text; what stands between backquotes becomes code.
pub fn with_code(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        match index % 2 {
            0 => out.push_str(&escape(part)),
            _ => out.push_str(&format!("<code>{}</code>", escape(part))),
        }
    }
    out.replace("[<code>", "<code>").replace("</code>]", "</code>")
}

/// A word as part of an address: letters, digits and `-`.
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_matches('-').to_owned()
}

/// The way from one page to another, both below the folder of the book.
pub fn relative(from: &str, to: &str) -> String {
    let here: Vec<&str> = from.split('/').collect();
    let (page, anchor) = to.split_once('#').unwrap_or((to, ""));
    let hash = if anchor.is_empty() { "" } else { "#" };
    if page == from && !anchor.is_empty() {
        return format!("#{anchor}");
    }
    let there: Vec<&str> = page.split('/').collect();
    let folders = here.len().saturating_sub(1);
    let same = here
        .iter()
        .take(folders)
        .zip(there.iter().take(there.len().saturating_sub(1)))
        .take_while(|(a, b)| a == b)
        .count();
    let up = "../".repeat(folders - same);
    let down: Vec<&str> = there.into_iter().skip(same).collect();
    format!("{up}{}{hash}{anchor}", down.join("/"))
}

/// Where a name in code leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The address.
    pub href: String,
    /// What hovering shows.
    pub title: String,
    /// The name of this very place, when it is the definition.
    pub id: String,
}

/// The pieces of one line: tokens that begin and end in it.
pub type Pieces = Vec<Token>;

/// Cuts tokens at the ends of lines.
pub fn by_line(text: &str, tokens: &[Token]) -> Vec<Pieces> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut tokens = tokens.iter().peekable();
    for line in text.split('\n') {
        let end = start + line.len();
        let mut pieces = Pieces::new();
        while let Some(token) = tokens.peek().filter(|at| at.start < end) {
            pieces.push(Token {
                class: token.class,
                start: token.start.max(start) - start,
                end: token.end.min(end) - start,
            });
            if token.end > end {
                break;
            }
            tokens.next();
        }
        lines.push(pieces);
        start = end + 1;
    }
    lines
}

/// Sets one line of code. `link` says where the name at a byte leads.
pub fn code(
    line: &str,
    pieces: &[Token],
    link: &dyn Fn(&Token) -> Option<Link>,
) -> String {
    let mut out = String::new();
    let mut done = 0;
    for piece in pieces {
        out.push_str(&escape(line.get(done..piece.start).unwrap_or("")));
        let text = line.get(piece.start..piece.end).unwrap_or("");
        let inside = match piece.class {
            Class::Comment | Class::Doc => comment(text),
            Class::Plain
            | Class::Keyword
            | Class::Name
            | Class::Type
            | Class::Function
            | Class::Macro
            | Class::Lifetime
            | Class::Text
            | Class::Number
            | Class::Attribute => escape(text),
        };
        out.push_str(&wrap(&inside, piece.class, link(piece)));
        done = piece.end;
    }
    out.push_str(&escape(line.get(done..).unwrap_or("")));
    out
}

/// Puts a piece of code into the element that its class and link ask for.
fn wrap(inside: &str, class: Class, link: Option<Link>) -> String {
    let css = class.css().unwrap_or("i");
    match link {
        Some(link) => {
            let mut attributes = format!("class=\"{css}\"");
            for (name, value) in
                [("href", link.href), ("id", link.id), ("title", link.title)]
            {
                if !value.is_empty() {
                    let value = escape(&value).replace('\n', "&#10;");
                    attributes.push_str(&format!(" {name}=\"{value}\""));
                }
            }
            format!("<a {attributes}>{inside}</a>")
        }
        None if class.css().is_some() => {
            format!("<span class=\"{css}\">{inside}</span>")
        }
        None => inside.to_owned(),
    }
}

/// Sets a comment: what names a section of an RFC leads there.
fn comment(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("RFC ") {
        let (before, after) = rest.split_at(at);
        out.push_str(&escape(before));
        let reference = rfc_reference(after);
        let (shown, following) = after.split_at(reference.len());
        out.push_str(&rfc_link(shown));
        rest = following;
    }
    out.push_str(&escape(rest));
    out
}

/// The reference that begins a text: `RFC 7208 4.6.4`.
pub fn rfc_reference(text: &str) -> &str {
    let mut words = text.split_inclusive(' ');
    let mut length = words.next().map_or(0, str::len);
    let digits = |word: &str| {
        word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len())
    };
    let number = words.next().unwrap_or("");
    length += digits(number);
    if number.ends_with(' ') && digits(number) + 1 == number.len() {
        let section = words.next().unwrap_or("");
        let end = section
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(section.len());
        let section = section.get(..end).unwrap_or("");
        let section = section.trim_end_matches('.');
        if !section.is_empty() {
            length += 1 + section.len();
            length += usize::from(has_letter(text.get(length..).unwrap_or("")));
        }
    }
    text.get(..length).unwrap_or(text)
}

/// Whether a single letter follows, as in `RFC 7208 4.6.4a`.
fn has_letter(after: &str) -> bool {
    let mut next = after.chars();
    next.next().is_some_and(|c| c.is_ascii_lowercase())
        && !next.next().is_some_and(char::is_alphanumeric)
}

/// The link of such a reference.
pub fn rfc_link(reference: &str) -> String {
    let mut words = reference.split(' ').skip(1);
    let number = words.next().unwrap_or("");
    if number.is_empty() {
        return escape(reference);
    }
    let section = words.next().map(|section| {
        section.trim_end_matches(|c: char| c.is_ascii_lowercase())
    });
    let anchor = section.map(|section| format!("#section-{section}"));
    let anchor = anchor.unwrap_or_default();
    format!(
        "<a class=\"rfc\" href=\"https://www.rfc-editor.org/rfc/\
         rfc{number}{anchor}\">{}</a>",
        escape(reference)
    )
}
