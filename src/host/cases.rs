//! Replaying one plugin: the recorded environment, a frozen world, and the
//! same answer.

use crate::dns::zone::Zone;
use crate::frozen::Frozen;
use crate::host::recording::{Answer, Case, Correction, Replayed};
use crate::plugin::Plugin;
use crate::session::Session;
use crate::world::Limit;

/// A frozen world with these files. `CDB:a,b` is a CDB with these keys, and a
/// path that ends in `/` an empty folder, which a frozen world need not know.
pub fn world<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
    variable: impl Fn(&str) -> bool,
) -> Frozen {
    let limit = match (variable("RELAYD_OVER"), variable("RELAYD_DOWN")) {
        (_, true) => Limit::Unknown,
        (true, false) => Limit::Over,
        (false, false) => Limit::Within,
    };
    let mut world = Frozen::new().limit(limit);
    for (path, content) in files {
        if let Some(keys) = content.strip_prefix("CDB:") {
            world = world.cdb(path, keys.split(','));
        } else if !path.ends_with('/') {
            world = world.file(path, content);
        }
    }
    world
}

/// The DNS that the originals asked.
fn recorded_zone() -> Zone {
    let text = include_str!("../../tests/sessions/zone.yml");
    Zone::read(text).unwrap_or_default()
}

impl Case {
    /// The session of the recorded environment.
    pub fn session(&self) -> Session {
        let mut session = Session::new(0);
        for (name, value) in &self.env {
            if let Some(value) = value {
                session.set(name, value);
            }
        }
        session
    }

    /// The world of the recorded files.
    pub fn frozen(&self) -> Frozen {
        let files = self.files.iter();
        let files = files.map(|(path, text)| (path.as_str(), text.as_str()));
        let is_set = |name: &str| matches!(self.env.get(name), Some(Some(_)));
        let mut world = world(files, is_set);
        if self.zone.is_some() {
            world = world.dns(recorded_zone());
        }
        world
    }

    /// What a plugin of ours answers.
    pub async fn answer(&self, plugin: &Plugin) -> Answer {
        self.answer_in(&self.frozen(), plugin).await
    }

    /// What it answers in a world, which may be another than the recorded.
    pub async fn answer_in(&self, world: &Frozen, plugin: &Plugin) -> Answer {
        let verdict = plugin.judge(&self.session(), &world.world()).await;
        let log = verdict.log.iter();
        let name = plugin.name;
        let seconds = (verdict.delay + world.slept()).as_secs_f64();
        Answer {
            stdout: verdict.output(),
            stderr: log
                .map(|text| format!("{name}: pid PID - {text}\n"))
                .collect(),
            exit: 0,
            seconds: Some(seconds),
        }
    }

    /// What should have been answered.
    pub fn right(&self) -> Correction {
        let original = Correction {
            stdout: Some(self.original.stdout.clone()),
            stderr: Some(self.original.stderr.clone()),
            exit: Some(self.original.exit),
            seconds: self.original.seconds,
            stdout_has: None,
            stderr_has: None,
        };
        let Some(expected) = self.expected.clone() else { return original };
        let Correction { stdout_has, stderr_has, .. } = expected;
        Correction {
            // Where a part of a text is expected, the rest of it is free.
            stdout: expected
                .stdout
                .or(original.stdout.filter(|_| stdout_has.is_none())),
            stderr: expected
                .stderr
                .or(original.stderr.filter(|_| stderr_has.is_none())),
            exit: expected.exit.or(original.exit),
            seconds: expected.seconds.or(original.seconds),
            stdout_has,
            stderr_has,
        }
    }

    /// Replays the case with one of these plugins.
    pub async fn replay(&self, plugins: &[&'static Plugin]) -> Replayed {
        let known = plugins.iter().find(|plugin| plugin.name == self.plugin);
        let Some(plugin) = known else {
            return Replayed::Skipped(format!("no plugin {}", self.plugin));
        };
        Replayed::of(self.differences(&self.answer(plugin).await))
    }

    /// What is not as it should be.
    pub fn differences(&self, answer: &Answer) -> Vec<String> {
        let right = self.right();
        let reduce = match self.compare.as_deref() {
            Some("spf") => spf_essence,
            Some(_) | None => str::to_owned,
        };
        let mut differences = Vec::new();
        let mut check = |what: &str, right: &str, got: &str| {
            if right != got {
                differences
                    .push(format!("{what}: expected {right:?}, got {got:?}"));
            }
        };
        if let Some(stdout) = &right.stdout {
            check("stdout", &reduce(stdout), &reduce(&answer.stdout));
        }
        if let Some(stderr) = &right.stderr {
            check("stderr", &reduce(stderr), &reduce(&answer.stderr));
        }
        for (what, part, whole) in [
            ("stdout", &right.stdout_has, &answer.stdout),
            ("stderr", &right.stderr_has, &answer.stderr),
        ] {
            if let Some(part) = part
                && !whole.contains(part)
            {
                check(what, part, whole);
            }
        }
        if let Some(exit) = right.exit {
            check("exit", &exit.to_string(), &answer.exit.to_string());
        }
        if let Some(seconds) = right.seconds {
            let got = answer.seconds.unwrap_or_default();
            check("seconds", &seconds.to_string(), &got.to_string());
        }
        differences
    }
}

/// What counts in the answers of an SPF plugin, whose wording is free: the
/// letter and code of each command, the result and the decision of each log
/// line.
fn spf_essence(text: &str) -> String {
    let essence = |line: &str| {
        let Some((before, after)) = line.split_once("SPF_RESULT_") else {
            // A command, or a log line without a result.
            let is_log = line.contains(": pid ");
            let code =
                if is_log { line } else { line.get(..4).unwrap_or(line) };
            return format!("{code}\n");
        };
        let is_word = |c: char| c.is_ascii_uppercase();
        let end = after.find(|c| !is_word(c)).unwrap_or(after.len());
        let result = after.get(..end).unwrap_or_default();
        let decision = before
            .split_whitespace()
            .find(|word| matches!(*word, "Accepting" | "Rejecting"));
        format!("{} {result}\n", decision.unwrap_or_default())
    };
    text.lines().map(essence).collect()
}
