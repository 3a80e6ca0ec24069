//! A small lexer: enough of Rust, and of what stands in fenced blocks, to
//! colour it while the book is built.

use std::iter::Peekable;
use std::str::CharIndices;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing to colour.
    Plain,
    /// A word of the language.
    Keyword,
    /// A name.
    Name,
    /// The name of a type.
    Type,
    /// A name that is being called.
    Function,
    /// A macro, with its `!`.
    Macro,
    /// A lifetime.
    Lifetime,
    /// Text in quotes.
    Text,
    /// A number.
    Number,
    /// A comment.
    Comment,
    /// A comment that documents an item.
    Doc,
    /// An attribute's `#` and brackets.
    Attribute,
}

impl Class {
    /// The class in the style sheet; nothing for plain text.
    pub fn css(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Name => None,
            Self::Keyword => Some("k"),
            Self::Type => Some("t"),
            Self::Function => Some("f"),
            Self::Macro => Some("m"),
            Self::Lifetime => Some("l"),
            Self::Text => Some("s"),
            Self::Number => Some("n"),
            Self::Comment => Some("c"),
            Self::Doc => Some("d"),
            Self::Attribute => Some("a"),
        }
    }

    /// Whether it may be a name that leads somewhere.
    pub fn is_name(self) -> bool {
        match self {
            Self::Name | Self::Type | Self::Function | Self::Macro => true,
            Self::Plain
            | Self::Keyword
            | Self::Lifetime
            | Self::Text
            | Self::Number
            | Self::Comment
            | Self::Doc
            | Self::Attribute => false,
        }
    }
}

/// A piece of a text: what it is, and where it begins and ends in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub class: Class,
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// The words that belong to Rust. `self` and `Self` are among them.
pub const KEYWORDS: [&str; 42] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn",
    "else", "enum", "extern", "false", "fn", "for", "if", "impl", "in", "let",
    "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self",
    "Self", "static", "struct", "super", "trait", "true", "type", "unsafe",
    "use", "where", "while", "box", "yield", "try", "gen",
];

/// The tokens of Rust. White space lies between them.
pub fn rust(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        chars: text.char_indices().peekable(),
        tokens: Vec::new(),
    };
    while let Some(&(start, c)) = lexer.chars.peek() {
        lexer.token(start, c);
    }
    lexer.tokens
}

/// The state of reading.
struct Lexer<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    /// Reads the token that begins here.
    fn token(&mut self, start: usize, c: char) {
        let rest = self.text.get(start..).unwrap_or("");
        if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            let doc = (rest.starts_with("///") && !rest.starts_with("////"))
                || rest.starts_with("//!");
            let class = if doc { Class::Doc } else { Class::Comment };
            self.push(class, start, start + end);
        } else if rest.starts_with("/*") {
            self.push(Class::Comment, start, start + block_comment(rest));
        } else if let Some(length) = raw_string(rest) {
            self.push(Class::Text, start, start + length);
        } else if let Some(length) = quoted(rest) {
            self.push(Class::Text, start, start + length);
        } else if c == '\'' {
            let length = 1 + word(rest.get(1..).unwrap_or(""));
            self.push(Class::Lifetime, start, start + length);
        } else if c.is_ascii_digit() {
            self.push(Class::Number, start, start + number(rest));
        } else if rest.starts_with("_") && word(rest) == 1 {
            self.chars.next();
        } else if c.is_alphabetic() || c == '_' {
            let length = word(rest);
            let class = self.name(rest, length);
            self.push(class, start, start + length);
        } else if rest.starts_with("#[") || rest.starts_with("#![") {
            let length = rest.find('[').map_or(1, |at| at + 1);
            self.push(Class::Attribute, start, start + length);
        } else {
            self.chars.next();
        }
    }

    /// Adds a token and moves past it.
    fn push(&mut self, class: Class, start: usize, end: usize) {
        let end = end.max(start + 1);
        self.tokens.push(Token { class, start, end });
        while self.chars.peek().is_some_and(|(at, _)| *at < end) {
            self.chars.next();
        }
    }

    /// What kind of word begins a text.
    fn name(&self, rest: &str, length: usize) -> Class {
        let name = rest.get(..length).unwrap_or("");
        let after = rest.get(length..).unwrap_or("");
        let first = name.chars().next().unwrap_or('_');
        if KEYWORDS.contains(&name) && !matches!(name, "box" | "try" | "gen") {
            Class::Keyword
        } else if after.starts_with('!') && !after.starts_with("!=") {
            Class::Macro
        } else if first.is_uppercase() {
            Class::Type
        } else if after.starts_with('(') || after.starts_with("::<") {
            Class::Function
        } else {
            Class::Name
        }
    }
}

/// The length of the word that begins a text.
fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// The length of a number: `0..9` is two of them, `1.5` is one.
fn number(text: &str) -> usize {
    let whole = word(text);
    let fraction = text.get(whole..).and_then(|rest| rest.strip_prefix('.'));
    match fraction {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_digit()) => {
            whole + 1 + word(digits)
        }
        _ => whole,
    }
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, _) in text.char_indices() {
        let rest = text.get(at..).unwrap_or("");
        if rest.starts_with("/*") {
            depth += 1;
        } else if rest.starts_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at + 2;
            }
        }
    }
    text.len()
}

/// The length of `r"…"`, `r#"…"#` and their like with a `b` or `c`.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let marks = prefix.strip_prefix('r')?;
    let count = marks.chars().take_while(|c| *c == '#').count();
    let inside = marks.get(count..)?.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(count));
    let end = inside.find(&close).map_or(inside.len(), |at| at + close.len());
    Some(text.len() - inside.len() + end)
}

/// The length of `"…"`, `b"…"`, `'c'` or `b'c'`; a lifetime is none of these.
fn quoted(text: &str) -> Option<usize> {
    let inside = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let quote = inside.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inside = inside.get(1..)?;
    if quote == '\'' {
        let mut chars = inside.chars();
        let escaped = chars.next()? == '\\';
        if !escaped && chars.next()? != '\'' {
            return None;
        }
    }
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return Some(text.len() - inside.len() + at + 1);
        }
    }
    Some(text.len())
}
