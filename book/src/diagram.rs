//! A session as a sequence diagram: the client on the left, the server on
//! the right, an arrow for each line.

use crate::figure::Session;
use crate::html::escape;

/// The width of the drawing, in its own units.
const WIDTH: usize = 640;
/// Where the line of the client goes down, and that of the server.
const CLIENT: usize = 70;
/// See [`CLIENT`].
const SERVER: usize = WIDTH - CLIENT;
/// The height of a line of text.
const STEP: usize = 17;
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
    let turns: Vec<Turn> = session
        .dialogue
        .iter()
        .map(|(who, said)| Turn { who: who.clone(), lines: lines(said) })
        .collect();
    let mut body = String::new();
    let mut y = 44;
    for turn in &turns {
        y = draw_turn(turn, y, &mut body);
    }
    let height = y + 16;
    let id = &session.name;
    let spoken: Vec<String> = session
        .dialogue
        .iter()
        .map(|(who, said)| format!("{who}: {}", said.trim_end()))
        .collect();
    let description = escape(&spoken.join(" / ").replace('\n', " "));
    let description = description.replace('\r', "");
    format!(
        "\n<figure class=\"session\" id=\"session-{id}\">\n\
         <svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\">\n\
         <title id=\"{id}-title\">A session: {id}</title>\n\
         <desc id=\"{id}-desc\">{description}</desc>\n\
         {}{body}</svg>\n{}<figcaption><span class=\"title\">{}</span> \
         <span class=\"place\">recorded as {id}</span></figcaption>\n\
         </figure>\n\n",
        poles(height),
        notes(session),
        escape(&session.bug),
    )
}

/// The two sides: a name and a line down each.
fn poles(height: usize) -> String {
    let pole = |x: usize, name: &str| {
        format!(
            "<text x=\"{x}\" y=\"18\" class=\"who\" \
             text-anchor=\"middle\">{name}</text>\n\
             <line x1=\"{x}\" y1=\"28\" x2=\"{x}\" y2=\"{height}\" \
             class=\"pole\"/>\n"
        )
    };
    format!("{}{}", pole(CLIENT, "client"), pole(SERVER, "server"))
}

/// Draws one turn at a height and says where the next one goes.
fn draw_turn(turn: &Turn, top: usize, out: &mut String) -> usize {
    let mut y = top;
    let client = turn.who == "client";
    let note = !client && turn.who != "server";
    let first = turn.lines.first().map_or("", String::as_str);
    let refused = turn.who == "server" && first.starts_with(['4', '5']);
    let class = match (client, note, refused) {
        (true, ..) => "client",
        (_, true, _) => "note",
        (_, _, true) => "server refused",
        _ => "server",
    };
    let (x, anchor) = match (client, note) {
        (true, _) => (CLIENT + 14, "start"),
        (_, true) => (WIDTH / 2, "middle"),
        _ => (CLIENT + 26, "start"),
    };
    for line in &turn.lines {
        y += STEP;
        out.push_str(&format!(
            "<text x=\"{x}\" y=\"{y}\" class=\"{class}\" \
             text-anchor=\"{anchor}\" xml:space=\"preserve\">{}</text>\n",
            escape(line)
        ));
    }
    y += 7;
    if !note {
        let (from, to, back) = match client {
            true => (CLIENT, SERVER, SERVER - 8),
            false => (SERVER, CLIENT, CLIENT + 8),
        };
        out.push_str(&format!(
            "<path d=\"M{from} {y}H{to}M{back} {}L{to} {y}L{back} {}\" \
             class=\"arrow {class}\"/>\n",
            y - 4,
            y + 4
        ));
    }
    y + 4
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
