//! A session as a sequence diagram: the client on the left, the server on
//! the right, an arrow for each line.

use crate::figure::Session;
use crate::html::escape;
use crate::svg::{Drawing, Frame, STEP};

/// The width of the drawing: a reply of the server must fit.
const WIDTH: usize = 480;
/// Where the line of the client goes down, and that of the server.
const CLIENT: usize = 12;
/// See [`CLIENT`].
const SERVER: usize = WIDTH - CLIENT;
/// How many characters fit above an arrow.
const COLUMNS: usize = 58;

/// One arrow or note.
struct Turn {
    who: String,
    lines: Vec<String>,
}

/// The lines of what somebody said, wrapped where they are too long.
fn lines(said: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in said.trim_end().lines() {
        let mut current = String::new();
        for word in line.split_inclusive(' ') {
            let length = current.chars().count() + word.chars().count();
            if length > COLUMNS && !current.trim().is_empty() {
                lines.push(std::mem::replace(&mut current, "  ".to_owned()));
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines
}

/// Draws a session; its words are also in the text of the drawing.
pub fn session(session: &Session) -> String {
    let mut turns = Drawing::default();
    turns.y = 30;
    for (who, said) in &session.dialogue {
        let lines = lines(said);
        turns.say(&format!("{who}: {said}"));
        draw_turn(&Turn { who: who.clone(), lines }, &mut turns);
    }
    turns.y += 12;
    poles(&mut turns);
    let name = &session.name;
    let place = format!("recorded as {name}");
    let frame = Frame {
        kind: "session",
        name,
        title: match session.bug.as_str() {
            "" => "A session",
            bug => bug,
        },
        place: &place,
        below: &notes(session),
    };
    frame.set(&turns, WIDTH)
}

/// The two sides: a name and a line down each.
fn poles(drawing: &mut Drawing) {
    drawing.text(0, 14, "who", "client");
    drawing.text(WIDTH, 14, "who end", "server");
    for x in [CLIENT, SERVER] {
        let way = format!("M{x} 22V{}", drawing.y);
        drawing.path("pole", &way);
    }
}

/// Draws one turn below those before it.
fn draw_turn(turn: &Turn, out: &mut Drawing) {
    let client = turn.who == "client";
    let note = !client && turn.who != "server";
    let first = turn.lines.first().map_or("", String::as_str);
    let refused = turn.who == "server" && first.starts_with(['4', '5']);
    let class = match (client, note, refused) {
        (true, ..) => "client",
        (_, true, _) => "note middle",
        (_, _, true) => "server refused",
        _ => "server",
    };
    let x = match note {
        true => WIDTH / 2,
        false => CLIENT + 12,
    };
    for line in &turn.lines {
        out.y += STEP;
        out.text(x, out.y, class, line);
    }
    out.y += 7;
    if !note {
        let (from, to, back) = match client {
            true => (CLIENT, SERVER, SERVER - 8),
            false => (SERVER, CLIENT, CLIENT + 8),
        };
        let (y, above, below) = (out.y, out.y - 4, out.y + 4);
        let way = format!("M{from} {y}H{to}M{back} {above}L{to} {y}");
        out.path(&format!("arrow {class}"), &format!("{way}L{back} {below}"));
    }
    out.y += 4;
}

/// The plugins that were at work, and what they logged.
fn notes(session: &Session) -> String {
    let mut rows = String::new();
    for (section, plugins) in &session.plugins {
        for plugin in plugins {
            let plugin = plugin.strip_prefix("plugins/").unwrap_or(plugin);
            let section = escape(section);
            let plugin = escape(plugin);
            rows.push_str(&format!(
                "<dt>{section}</dt><dd><code>{plugin}</code></dd>"
            ));
        }
    }
    for line in &session.log {
        let line = escape(line);
        rows.push_str(&format!("<dt>log</dt><dd><samp>{line}</samp></dd>"));
    }
    match rows.is_empty() {
        true => String::new(),
        false => format!("<dl class=\"below\">{rows}</dl>\n"),
    }
}
