//! Figures that were measured, as bars. They stand in a file that says what
//! was measured, with which command, when, and on what machine.

use serde_json::{Number, Value};

use crate::html::escape;
use crate::svg::{Drawing, STEP};

/// What was measured in one go.
#[derive(Debug, Default, PartialEq)]
pub struct Measured {
    /// What it is about.
    pub title: String,
    /// How to measure it again.
    pub command: String,
    /// When it was measured, `2026-11-23`.
    pub date: String,
    /// On what kind of machine.
    pub machine: String,
    /// What was measured: each part has its own scale.
    pub parts: Vec<Part>,
}

/// Bars of one scale.
#[derive(Debug, Default, PartialEq)]
pub struct Part {
    /// What they show, and whether more or less is better.
    pub title: String,
    /// What is counted.
    pub unit: String,
    /// Who, and how much.
    pub bars: Vec<(String, Number)>,
}

impl Measured {
    /// Reads the figures of this name, or says what is missing in them.
    pub fn read(all: &Value, name: &str) -> Result<Self, String> {
        let at = all.get(name).ok_or(format!("no figures `{name}`"))?;
        let word = |field: &str| word(at, name, field);
        let parts = list(at, name, "parts")?;
        let parts = parts.iter().map(|part| Part::read(part, name));
        let parts: Vec<Part> = parts.collect::<Result<_, _>>()?;
        Ok(Self {
            title: word("title")?,
            command: word("command")?,
            date: word("date")?,
            machine: word("machine")?,
            parts,
        })
    }

    /// Every number.
    pub fn numbers(&self) -> impl Iterator<Item = String> {
        let bars = self.parts.iter().flat_map(|part| &part.bars);
        bars.map(|(_, number)| number.to_string())
    }

    /// Where the figures come from.
    pub fn notes(&self) -> String {
        let rows = [
            ("measured", escape(&self.date)),
            ("with", format!("<code>{}</code>", escape(&self.command))),
            ("on", escape(&self.machine)),
        ];
        let row = |(what, how): &(&str, String)| {
            format!("<dt>{what}</dt><dd>{how}</dd>")
        };
        let rows: String = rows.iter().map(row).collect();
        format!("<dl class=\"below\">{rows}</dl>\n")
    }
}

impl Part {
    /// Reads one part of the figures of a name.
    fn read(part: &Value, name: &str) -> Result<Self, String> {
        let bars = list(part, name, "bars")?.iter().map(|bar| {
            let Some(Value::Number(value)) = bar.get(1) else {
                return Err(format!("`{name}` has a bar without a number"));
            };
            let who = bar.get(0).and_then(Value::as_str).unwrap_or_default();
            Ok((who.to_owned(), value.clone()))
        });
        let bars = bars.collect::<Result<_, _>>()?;
        let title = word(part, name, "title")?;
        Ok(Self { title, unit: word(part, name, "unit")?, bars })
    }

    /// Draws the bars: the longest takes all the room there is.
    fn draw(&self, out: &mut Drawing) {
        let value = |bar: &Number| bar.as_f64().unwrap_or(0.0);
        let values = self.bars.iter().map(|(_, bar)| value(bar));
        let most = values.fold(f64::MIN_POSITIVE, f64::max);
        out.y += STEP + 4;
        out.text(0, out.y, "way", &self.title);
        for (index, (who, bar)) in self.bars.iter().enumerate() {
            out.y += STEP + 2;
            let class = if index == 0 { "ours" } else { "theirs" };
            let wide = (value(bar) / most * BAR).round();
            out.text(0, out.y, "question", who);
            out.bar(class, (LEFT, out.y - 11), (wide, 13));
            let label = format!("{bar} {}", self.unit);
            out.text(END + wide, out.y, "value", &label);
            out.say(&format!("{}, {who}: {label}", self.title));
        }
    }
}

/// Where the bars begin.
const LEFT: usize = 150;
/// Where the number stands after a bar of no length.
const END: f64 = 156.0;
/// How long the longest of them is.
const BAR: f64 = 180.0;

/// A field that must be there.
fn word(at: &Value, name: &str, field: &str) -> Result<String, String> {
    let word = at.get(field).and_then(Value::as_str);
    let word = word.filter(|word| !word.is_empty());
    let missing = || format!("`{name}` has no `{field}`");
    word.map(str::to_owned).ok_or_else(missing)
}

/// A list that must be there and have something in it.
fn list<'v>(
    at: &'v Value,
    name: &str,
    field: &str,
) -> Result<&'v [Value], String> {
    let list = at.get(field).and_then(Value::as_array);
    let list = list.filter(|list| !list.is_empty());
    let missing = || format!("`{name}` has no `{field}`");
    list.map(Vec::as_slice).ok_or_else(missing)
}

/// Draws all parts.
pub fn draw(measured: &Measured, out: &mut Drawing) {
    for part in &measured.parts {
        part.draw(out);
        out.y += 6;
    }
}
