//! Pictures drawn from what a test or a benchmark has written down.

use std::path::Path;

use serde_json::Value;

use crate::bars::{self, Measured};
use crate::directive::Picture;
use crate::figure::{FigureError, Snapshot, read};
use crate::ring::{self, Second};
use crate::svg::{Drawing, Frame, WIDTH};
use crate::timeline::{self, Moment};
use crate::tree::Tree;

/// Draws what a file holds, or says what is wrong with the file.
pub fn picture(
    root: &Path,
    kind: Picture,
    target: &str,
) -> Result<String, FigureError> {
    if kind == Picture::Bars {
        return bar_chart(root, target);
    }
    let path = target;
    let text = read(root, path)?;
    let snapshot = Snapshot::parse(&text);
    let head = text.lines().count() - snapshot.text.lines().count();
    let wrong = |(line, what): (usize, &str)| {
        FigureError::Line(path.to_owned(), head + line, what.to_owned())
    };
    let mut drawing = Drawing::default();
    let text = snapshot.text.as_str();
    let (kind, title) = match kind {
        Picture::Tree => {
            let (result, tree) = tree(text).map_err(wrong)?;
            tree.draw(&mut drawing);
            ("tree", format!("{}: {result}", snapshot.caption))
        }
        Picture::Timeline => {
            let moments = numbered(text, 0, Moment::read).map_err(wrong)?;
            timeline::draw(&moments, &mut drawing);
            ("timeline", format!("Questions for {}", snapshot.caption))
        }
        Picture::Window | Picture::Bars => {
            let (size, seconds) = window(text).map_err(wrong)?;
            ring::draw(&seconds, size, &mut drawing);
            ("window", format!("A window of {size} seconds"))
        }
    };
    let (name, place, title, below) = (stem(path), path, &title, "");
    Ok(Frame { kind, name, title, place, below }.set(&drawing, WIDTH))
}

/// Why a line cannot be drawn.
type Wrong = (usize, &'static str);

/// Reads the lines after the first few, each by itself.
fn numbered<T>(
    text: &str,
    skipped: usize,
    read: fn(&str) -> Result<T, &'static str>,
) -> Result<Vec<T>, Wrong> {
    let lines = text.lines().enumerate().skip(skipped);
    let filled = lines.filter(|(_, line)| !line.trim().is_empty());
    let all: Result<Vec<T>, Wrong> = filled
        .map(|(at, line)| read(line).map_err(|what| (at + 1, what)))
        .collect();
    match all {
        Ok(all) if all.is_empty() => Err((1, "nothing to draw")),
        all => all,
    }
}

/// Reads a check: its result with the reason, then its trace.
fn tree(text: &str) -> Result<(&str, Tree), Wrong> {
    let mut tree = Tree::default();
    let head = text.lines().next().unwrap_or("");
    for (at, line) in text.lines().enumerate().skip(1) {
        tree.take(line).map_err(|what| (at + 1, what))?;
    }
    let (result, why) = head.split_once(": ").ok_or((1, "no result"))?;
    match tree.decide(why.starts_with("no mechanism")) {
        true => Ok((result, tree)),
        false => Err((1, "no record in this trace")),
    }
}

/// Reads a window: how long it is, and what it held in each second.
fn window(text: &str) -> Result<(usize, Vec<Second>), Wrong> {
    let (_, size) = text.split_once("window of ").ok_or((1, "no window"))?;
    let size = size.split_whitespace().next().unwrap_or("");
    match size.parse::<u16>().map(usize::from) {
        Ok(size) if size > 0 => Ok((size, numbered(text, 1, Second::read)?)),
        _ => Err((1, "a window of no seconds")),
    }
}

/// Reads figures: the file, and a name in it.
pub fn measured(root: &Path, target: &str) -> Result<Measured, FigureError> {
    let (path, name) = target.split_once(':').unwrap_or((target, ""));
    let all: Value = serde_json::from_str(&read(root, path.trim())?)
        .map_err(|error| FigureError::Json(path.to_owned(), error))?;
    Measured::read(&all, name.trim())
        .map_err(|what| FigureError::Missing(path.to_owned(), what))
}

/// Draws figures.
fn bar_chart(root: &Path, target: &str) -> Result<String, FigureError> {
    let measured = measured(root, target)?;
    let mut drawing = Drawing::default();
    bars::draw(&measured, &mut drawing);
    let (place, name) = target.split_once(':').unwrap_or((target, ""));
    let frame = Frame {
        kind: "bars",
        name: name.trim(),
        title: &measured.title,
        place,
        below: &measured.notes(),
    };
    Ok(frame.set(&drawing, WIDTH))
}

/// The name of a file without folder and ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').next().unwrap_or(name)
}
