//! What our drawings have in common: a few shapes, one frame, and words for
//! those who do not see them.

use std::fmt::Display;

use crate::html::escape;

/// The width of a drawing in its own units. A telephone shows it nearly at
/// its size, so the text in it stays readable.
pub const WIDTH: usize = 400;
/// The height of a line of text.
pub const STEP: usize = 16;

/// A drawing that grows from top to bottom.
#[derive(Debug, Default)]
pub struct Drawing {
    /// How far down it goes.
    pub y: usize,
    body: String,
    words: Vec<String>,
}

impl Drawing {
    /// Adds a text.
    pub fn text(
        &mut self,
        x: impl Display,
        y: impl Display,
        class: &str,
        text: &str,
    ) {
        let text = escape(text);
        self.shape(&format!(
            "<text x=\"{x}\" y=\"{y}\" class=\"{class}\" \
             xml:space=\"preserve\">{text}</text>"
        ));
    }

    /// Adds a bar.
    pub fn bar(
        &mut self,
        class: &str,
        (x, y): (usize, usize),
        (width, height): (impl Display, usize),
    ) {
        self.shape(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" \
             height=\"{height}\" class=\"{class}\"/>"
        ));
    }

    /// Adds a line, straight or not.
    pub fn path(&mut self, class: &str, way: &str) {
        self.shape(&format!("<path d=\"{way}\" class=\"{class}\"/>"));
    }

    /// Says what has been drawn.
    pub fn say(&mut self, words: &str) {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.words.push(words.join(" "));
    }

    /// Adds a shape of any kind.
    fn shape(&mut self, shape: &str) {
        self.body.push_str(shape);
        self.body.push('\n');
    }
}

/// What stands around a drawing.
pub struct Frame<'a> {
    /// What kind of drawing it is: a word that the theme knows.
    pub kind: &'a str,
    /// Its name, unique among those of its kind.
    pub name: &'a str,
    /// What it shows, in a few words.
    pub title: &'a str,
    /// Where it comes from.
    pub place: &'a str,
    /// What stands between drawing and title, as HTML.
    pub below: &'a str,
}

impl Frame<'_> {
    /// Sets a drawing.
    pub fn set(&self, drawing: &Drawing, width: usize) -> String {
        let Self { kind, name, below, .. } = self;
        let (title, place) = (escape(self.title), escape(self.place));
        let words = escape(&drawing.words.join("; "));
        let (height, body) = (drawing.y, &drawing.body);
        let id = format!("{kind}-{name}");
        format!(
            "\n<figure class=\"drawing {kind}\" id=\"{id}\">\n\
             <svg viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\">\n\
             <title id=\"{id}-title\">{title}</title>\n\
             <desc id=\"{id}-desc\">{words}</desc>\n{body}</svg>\n{below}\
             <figcaption><span class=\"title\">{title}</span> \
             <span class=\"place\">{place}</span></figcaption>\n\
             </figure>\n\n"
        )
    }
}
