//! Replaying a whole session against our own server.
//!
//! Nothing is looked for but what the recording says: the plugins' replies
//! word for word, the server's own by their codes, what each recorder saw,
//! what reached the queue, what the log was told.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use crate::host::cases;
use crate::host::chain::{Chain, Line, Runs};
use crate::host::conversation::{Conversation, House};
use crate::host::journal::{Journal, Note, Notebook};
use crate::host::policy::Policy;
use crate::host::recording::{Dialogue, Replayed, Seen};
use crate::host::script::{Heard, Outbox, Script, Taken};
use crate::host::smtpd::Ended;
use crate::plugin::{Plugin, Verdict};
use crate::session::Session;

/// The control files of every recorded session.
const CONTROL: [(&str, &str); 3] = [
    ("me", "mx.example.org\n"),
    ("rcpthosts", "example.org\nexample.net\n"),
    ("badmailfrom", "@bad.example\nspammer@evil.example\n"),
];

/// The variables of every recorded session.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("ENABLE_SPP", "1"),
    ("TCPREMOTEIP", "192.0.2.9"),
    ("TCPREMOTEHOST", "client.example.com"),
    ("TCPLOCALIP", "192.0.2.1"),
];

/// How a line of smtpplugins begins that only notes its environment.
const RECORD: &str = ":record ";

/// How a line begins that runs one of the original plugins.
const ORIGINALS: &str = "plugins/";

/// A plugin that does nothing but being there: the journal notes what it
/// sees.
const RECORDER: Plugin = Plugin {
    name: "record",
    purpose: "stands where a recording has a recorder",
    sections: &[],
    settings: &[],
    files: &[],
    messages: &[],
    decide: |_, _| Box::pin(std::future::ready(Verdict::unchanged())),
};

/// What a session came to.
struct Result {
    ended: Ended,
    heard: Heard,
    notes: Vec<Note>,
    taken: Vec<Taken>,
}

impl Dialogue {
    /// Replays the session; `plugins` stand in for the originals.
    pub async fn replay(&self, plugins: &[&'static Plugin]) -> Replayed {
        let missing = self.lines().find_map(|line| {
            let name = line.strip_prefix(ORIGINALS)?.trim_end();
            let is_known = plugins.iter().any(|it| it.name == name);
            (!is_known).then(|| format!("no plugin {name}"))
        });
        if let Some(missing) = missing {
            return Replayed::Skipped(missing);
        }
        let right = self.clone().amended();
        match right.run(plugins).await {
            Ok(result) => Replayed::of(right.differences(&result)),
            Err(error) => Replayed::Failed(vec![error.to_string()]),
        }
    }

    /// All lines of smtpplugins.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let sections = self.smtpplugins.iter();
        sections.flat_map(|(_, lines)| lines).map(String::as_str)
    }

    /// The file smtpplugins.
    fn smtpplugins(&self) -> String {
        let section = |(name, lines): &(String, Vec<String>)| {
            format!("[{name}]\n{}\n", lines.join("\n"))
        };
        self.smtpplugins.iter().map(section).collect()
    }

    /// The variables with which the server starts.
    fn environment(&self) -> BTreeMap<String, String> {
        let mut environment: BTreeMap<String, String> = ENVIRONMENT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        if let Ok(path) = std::env::var("PATH") {
            environment.insert("PATH".to_owned(), path);
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => {
                    environment.insert(name.clone(), value.clone());
                }
                None => {
                    environment.remove(name);
                }
            }
        }
        environment
    }

    /// Holds the session.
    async fn run(&self, plugins: &[&'static Plugin]) -> io::Result<Result> {
        let mut files: BTreeMap<String, &str> = CONTROL
            .iter()
            .map(|(name, text)| (format!("control/{name}"), *text))
            .collect();
        for (name, text) in &self.files {
            files.insert(format!("control/{name}"), text);
        }
        let folder = tempfile::tempdir()?;
        write_all(folder.path(), &files)?;
        let environment = self.environment();
        let paths = files.iter().map(|(path, text)| (path.as_str(), *text));
        let is_set = |name: &str| environment.contains_key(name);
        let world = cases::world(paths, is_set).world();
        let policy = Policy::read(&world)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let chain = if is_set("ENABLE_SPP") {
            let chain = Chain::parse(self.smtpplugins().as_bytes(), plugins);
            chain.with(|line| stand_in(line, plugins))
        } else {
            Chain::default()
        };
        let (notebook, outbox) =
            (Arc::new(Notebook::default()), Outbox::default());
        let journal: Arc<dyn Journal> = notebook.clone();
        let outbox_too = Box::new(outbox.clone());
        let mut house = House::new(world, policy, chain, outbox_too, journal);
        house.folder = folder.path().to_owned();
        let mut session = Session::new(std::process::id());
        for (name, value) in &environment {
            session.set(name, value);
        }
        let (script, heard) = Script::new(self.turns());
        let house = Arc::new(house);
        let ended = Conversation::new(house, script, session).hold().await;
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = heard.clone();
        let (notes, taken) = (notebook.take(), outbox.taken());
        Ok(Result { ended, heard, notes, taken })
    }

    /// What the client says, one write each.
    fn turns(&self) -> impl Iterator<Item = Vec<u8>> {
        let said = self.dialogue.iter().filter(|(who, _)| who == "client");
        said.map(|(_, text)| format!("{text}\r\n").into_bytes())
    }

    /// What the server says before each turn of the client, and after the
    /// last.
    fn answers(&self) -> Vec<(&str, String)> {
        let mut answers = vec![("", String::new())];
        for (who, text) in &self.dialogue {
            if who == "client" {
                answers.push((text, String::new()));
            } else if who == "server"
                && let Some((_, answer)) = answers.last_mut()
            {
                answer.push_str(text);
            }
        }
        answers
    }

    /// What is not as it was recorded.
    fn differences(&self, result: &Result) -> Vec<String> {
        let mut differences = self.differing_replies(result);
        let mut check = |what: &str, right: String, got: String| {
            if right != got {
                differences
                    .push(format!("{what}: expected {right}, got {got}"));
            }
        };
        check(
            "seen",
            format!("{:?}", self.seen),
            format!("{:?}", self.recorded(result)),
        );
        let envelopes = result.taken.iter().map(|(envelope, _)| {
            String::from_utf8_lossy(&envelope.queue_form()).into_owned()
        });
        check(
            "envelopes",
            format!("{:?}", self.envelopes),
            format!("{:?}", envelopes.collect::<Vec<_>>()),
        );
        let taken = result.taken.iter();
        let taken = taken.map(|(_, text)| String::from_utf8_lossy(text));
        let taken: Vec<_> = taken.map(|text| without_received(&text)).collect();
        let recorded = self.messages.iter();
        let recorded: Vec<_> =
            recorded.map(|text| without_received(text)).collect();
        check("messages", format!("{recorded:?}"), format!("{taken:?}"));
        let log = logged(&result.notes);
        let log = plugin_lines(&log);
        check(
            "stderr",
            format!("{:?}", plugin_lines(&self.stderr)),
            format!("{log:?}"),
        );
        let exit = match result.ended {
            Ended::Well => 0,
            Ended::Badly => 1,
        };
        check("exit", self.exit.to_string(), exit.to_string());
        differences
    }

    /// The replies that are not as they were recorded.
    fn differing_replies(&self, result: &Result) -> Vec<String> {
        let mut differences = Vec::new();
        let sent: Vec<&str> = result.notes.iter().filter_map(sent).collect();
        let answers = self.answers();
        let turns = answers.len().max(result.heard.turns.len());
        for turn in 0..turns {
            let nothing = ("", String::new());
            let (asked, right) = answers.get(turn).unwrap_or(&nothing);
            let got = result.heard.turns.get(turn).map(Vec::as_slice);
            let got = String::from_utf8_lossy(got.unwrap_or_default());
            if essence(right, asked, &sent) != essence(&got, asked, &sent) {
                differences.push(format!(
                    "after {asked:?}: expected {right:?}, got {got:?}"
                ));
            }
        }
        let closed = self
            .dialogue
            .iter()
            .any(|(who, what)| who == "note" && what == "closed by server");
        if closed && result.heard.wanted_more {
            differences.push("the server has not closed".to_owned());
        }
        differences
    }

    /// What our recorders saw: the variables that were recorded, and any
    /// that came up during the session.
    fn recorded(&self, result: &Result) -> Vec<Seen> {
        let initial = self.environment();
        let recorded = |note: &Note| {
            let Note::Ran(_, line, session) = note else { return None };
            let section = line.strip_prefix(RECORD)?.to_owned();
            let is_asked_for = |name: &str| {
                !initial.contains_key(name)
                    || self.seen.iter().any(|it| it.env.contains_key(name))
            };
            let env = session
                .variables()
                .filter(|(name, _)| is_asked_for(name))
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            Some(Seen { section, env: env.collect() })
        };
        result.notes.iter().filter_map(recorded).collect()
    }
}

/// What takes the place of a recorder or an original plugin.
fn stand_in(line: &Line, plugins: &[&'static Plugin]) -> Option<Runs> {
    if line.text.starts_with(RECORD) {
        return Some(Runs::BuiltIn(&RECORDER));
    }
    let name = line.text.strip_prefix(ORIGINALS)?;
    let plugin = plugins.iter().find(|plugin| plugin.name == name)?;
    Some(Runs::BuiltIn(plugin))
}

/// Writes the files for plugins that are processes. A CDB is left to those
/// that look at the frozen world.
fn write_all(folder: &Path, files: &BTreeMap<String, &str>) -> io::Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        if name.ends_with('/') {
            std::fs::create_dir_all(path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        if !text.starts_with("CDB:") {
            std::fs::write(path, text)?;
        }
    }
    Ok(())
}

/// What a plugin has sent to the client.
fn sent(note: &Note) -> Option<&str> {
    match note {
        Note::Sent(line) => Some(line),
        Note::Ran(..) | Note::Said(..) | Note::Logged(_) => None,
    }
}

/// What counts in an answer: a plugin's line as it is, of the server's own
/// lines the code. What EHLO and HELP list is free.
fn essence(answer: &str, asked: &str, sent: &[&str]) -> Vec<String> {
    let verb = asked.get(..4).unwrap_or_default().to_ascii_uppercase();
    let is_list = matches!(verb.as_str(), "EHLO" | "HELP");
    let mut essence = Vec::new();
    for line in answer.split_inclusive('\n') {
        let text = line.strip_suffix("\r\n").unwrap_or(line);
        if sent.contains(&text) {
            essence.push(text.to_owned());
        } else if !is_list || !is_entry(text) {
            essence.push(text.get(..4).unwrap_or(text).to_owned());
        }
    }
    essence
}

/// Whether a line is one entry of a list that goes on: `250-NAME`, a name in
/// capitals or that of the server.
fn is_entry(line: &str) -> bool {
    let Some((_, entry)) = line.split_once('-') else { return false };
    let word = entry.split([' ', '=']).next().unwrap_or_default();
    let is_keyword = word.bytes().all(|byte| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
    });
    line.get(3..4) == Some("-") && (is_keyword || !entry.contains(' '))
}

/// A message without its first header field, which is our Received.
fn without_received(message: &str) -> String {
    let mut lines = message.split_inclusive('\n').skip(1).peekable();
    while lines.next_if(|line| line.starts_with([' ', '\t'])).is_some() {}
    lines.collect()
}

/// The log, with the process id as recordings have it.
fn logged(notes: &[Note]) -> String {
    let pid = format!(" pid {} - ", std::process::id());
    let lines = notes.iter().filter_map(|note| match note {
        Note::Logged(line) => Some(line.replace(&pid, " pid PID - ") + "\n"),
        Note::Ran(..) | Note::Said(..) | Note::Sent(_) => None,
    });
    lines.collect()
}

/// The lines of a log that come from plugins, and not from a server or from
/// the shell that ran them.
fn plugin_lines(log: &str) -> Vec<&str> {
    let of_others = |line: &&str| {
        !["smtpd: ", "/bin/sh: ", "sh: "].iter().any(|it| line.starts_with(it))
    };
    log.lines().filter(of_others).collect()
}
