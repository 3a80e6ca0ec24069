//! A plugin: a name, its settings, its words, and a decision.
//!
//! Deciding is a function from a [`Session`] and a [`World`] to a
//! [`Verdict`]; it prints nothing and reads nothing by itself. So the same
//! function runs as a process under a mail server, inside our own host, and
//! under a test in a frozen world.
//!
//! Whatever a plugin can say is declared as a [`Message`]. The words of a
//! message are ours, its arguments are a stranger's: they lose their
//! control characters before they become part of a line.
//!
//! ```
//! use ra_plugins::plugin::Message;
//!
//! const BLOCKED: Message = Message::log("blocked from {user}");
//! assert_eq!(BLOCKED.fill(&["joe\nroot"]), "blocked from joe?root");
//! ```

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::session::Session;
use crate::settings::{self, Kind, Reading, Setting, is_on};
use crate::spp::{Command, Section, Text, clean};
use crate::world::{Waiting, World};

/// Who reads a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The client: an SMTP reply.
    Client,
    /// The administrator: a line of the log.
    Log,
}

/// Something that a plugin may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who reads it.
    pub reader: Reader,
    /// The words, with `{names}` where arguments go.
    pub template: &'static str,
}

/// The longest reply line without its line end (RFC 5321 4.5.3.1.5).
pub const REPLY_MAX: usize = 510;

impl Message {
    /// Declares a line of the log.
    pub const fn log(template: &'static str) -> Self {
        Self { reader: Reader::Log, template }
    }

    /// Declares an SMTP reply.
    pub const fn reply(template: &'static str) -> Self {
        Self { reader: Reader::Client, template }
    }

    /// The words with their arguments in the order of the `{names}`, one
    /// each: the tests do not let another number pass. What is too long for
    /// a reply is cut.
    pub fn fill(&self, arguments: &[&str]) -> Text {
        let places = self.template.matches('{').count();
        debug_assert_eq!(places, arguments.len(), "{}", self.template);
        if !self.template.contains('{') {
            return Text::Borrowed(self.template);
        }
        let mut arguments = arguments.iter();
        let mut words = String::new();
        let mut rest = self.template;
        while let Some((before, after)) = rest.split_once('{') {
            words.push_str(before);
            words.push_str(&clean(arguments.next().unwrap_or(&"")));
            rest = after.split_once('}').map_or("", |(_, behind)| behind);
        }
        words.push_str(rest);
        if self.reader == Reader::Client {
            words.truncate(words.floor_char_boundary(REPLY_MAX));
        }
        Text::Owned(words)
    }
}

/// What several plugins say when a file cannot be read; what it would have
/// said is not known, and the mail passes.
pub const NO_FILE: Message = Message::log("error opening {file}");

/// What several plugins say when the server runs them where there is no
/// recipient.
pub const NO_RECIPIENT: Message = Message::log("error: no SMTPRCPTTO");

/// What a plugin has decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What the server is to do; the stopping command last.
    pub commands: Vec<Command>,
    /// What the log is to say.
    pub log: Vec<Text>,
    /// How long the client is to wait for it.
    pub delay: Duration,
}

impl Verdict {
    /// Silence, which is how a plugin agrees.
    pub fn unchanged() -> Self {
        Self::default()
    }

    /// Says something to the log.
    pub fn log(&mut self, message: &Message, arguments: &[&str]) {
        self.log.push(message.fill(arguments));
    }

    /// The same verdict, with its reason in the log.
    #[must_use]
    pub fn because(mut self, reason: &Message, arguments: &[&str]) -> Self {
        self.log(reason, arguments);
        self
    }

    /// Takes a setting's value, and its warning into the log.
    pub fn setting<T>(&mut self, reading: Reading<T>) -> T {
        self.log.extend(reading.warning.map(Text::Owned));
        reading.value
    }

    /// Refuses the SMTP command.
    pub fn refuse(&mut self, reply: &Message, arguments: &[&str]) {
        self.commands.push(Command::Error(reply.fill(arguments)));
    }

    /// Refuses the SMTP command and closes the connection.
    pub fn reject(&mut self, reply: &Message, arguments: &[&str]) {
        self.commands.push(Command::Reject(reply.fill(arguments)));
    }

    /// Gives the sender or recipient another address.
    pub fn change(&mut self, local_part: &str, domain: &str) {
        let address = format!("{local_part}@{domain}");
        self.commands
            .push(Command::Change(clean(&address).into_owned().into()));
    }

    /// Whether the session goes on differently because of it.
    pub fn has_effect(&self) -> bool {
        !self.commands.is_empty() || !self.delay.is_zero()
    }

    /// Decides nothing, and tells what would have been decided.
    pub fn shadow(&mut self) {
        for command in self.commands.drain(..) {
            self.log.push(format!("would have: {command}").into());
        }
        if !self.delay.is_zero() {
            let seconds = self.delay.as_secs();
            self.log.push(format!("would have: waited {seconds} s").into());
        }
        self.delay = Duration::ZERO;
    }

    /// The log as it is written: one line each, with the plugin and the
    /// session that it belongs to.
    pub fn log_lines(&self, name: &str, pid: u32) -> String {
        let lines = self.log.iter();
        lines.map(|text| format!("{name}: pid {pid} - {text}\n")).collect()
    }

    /// The commands as they are written to the server.
    pub fn output(&self) -> String {
        self.commands.iter().map(|command| format!("{command}\n")).collect()
    }
}

/// The seconds that a plugin may take to decide. RFC 7208 4.6.4 asks for at
/// least 20 for SPF.
pub const DEADLINE: Setting = Setting::new("RA_DEADLINE", Kind::Number, "25")
    .help("seconds in which a plugin must have decided, or the mail passes");

/// The seconds that a session gives to a decision.
fn limit(session: &Session) -> Reading<u64> {
    let Reading { value, warning } = DEADLINE.number(session);
    Reading { value: value.clamp(1, 3600).unsigned_abs(), warning }
}

/// How much later the guard of a process is than the limit itself, which
/// should be the one to end a decision.
const GRACE: Duration = Duration::from_secs(1);

/// What the log says when there was no decision in time.
fn late(seconds: u64) -> Text {
    format!("no decision within {seconds} s").into()
}

/// The function that decides.
pub type Decide = for<'a> fn(&'a Session, &'a World) -> Waiting<'a, Verdict>;

/// Everything there is to know about a plugin.
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    /// Its name: that of its program, its log lines and its chapter.
    pub name: &'static str,
    /// What it is for, in one line.
    pub purpose: &'static str,
    /// Where it makes sense, the usual section first.
    pub sections: &'static [Section],
    /// What can be set.
    pub settings: &'static [Setting],
    /// The files it reads, each with a few words.
    pub files: &'static [(&'static str, &'static str)],
    /// Everything it can say.
    pub messages: &'static [Message],
    /// What it decides.
    pub decide: Decide,
}

impl Plugin {
    /// Decides about a session: in time, and without effect where
    /// `<NAME>_SHADOW` is set. The verdict's delay is left to the caller;
    /// it is the purpose of a plugin, so it does not count as lateness.
    pub async fn judge(&self, session: &Session, world: &World) -> Verdict {
        let mut settings = Verdict::unchanged();
        let seconds = settings.setting(limit(session));
        let decision = (self.decide)(session, world);
        let time = Duration::from_secs(seconds);
        let decided = world.within(time, decision).await;
        let mut verdict = decided.unwrap_or_else(|| {
            settings.log.push(late(seconds));
            Verdict::unchanged()
        });
        if settings.setting(self.is_shadowed(session)) && verdict.has_effect() {
            verdict.shadow();
        }
        verdict.log.splice(..0, settings.log);
        verdict
    }

    /// The variable that makes the plugin only watch.
    pub fn shadow_variable(&self) -> String {
        self.name.to_ascii_uppercase() + "_SHADOW"
    }

    /// Whether the plugin only watches.
    fn is_shadowed(&self, session: &Session) -> Reading<bool> {
        let name = self.shadow_variable();
        let text = session.get(&name).unwrap_or_default();
        let value = is_on(text.trim());
        let warning = value
            .is_none()
            .then(|| settings::warning(&name, Kind::Switch, text, "0"));
        Reading { value: value.unwrap_or_default(), warning }
    }

    /// Decides as a process: words to standard error, then the delay, then
    /// all commands to standard output in one write. A server that has gone
    /// away is no reason to fail, and nothing else can.
    pub async fn run(&self, session: &Session, world: &World) -> ExitCode {
        let guard = self.needs_guard().then(|| self.guard(session));
        let verdict = self.judge(session, world).await;
        drop(guard);
        let log = verdict.log_lines(self.name, session.pid());
        _ = std::io::stderr().write_all(log.as_bytes());
        if !verdict.delay.is_zero() {
            world.clock.sleep(verdict.delay).await;
        }
        _ = std::io::stdout().write_all(verdict.output().as_bytes());
        _ = std::io::stdout().flush();
        ExitCode::SUCCESS
    }
}

impl Plugin {
    /// Whether a server waits for it while it looks at files, which have no
    /// limit on time of their own.
    fn needs_guard(&self) -> bool {
        let names_file = |setting: &Setting| setting.kind == Kind::File;
        let reads_files =
            !self.files.is_empty() || self.settings.iter().any(names_file);
        reads_files && !self.sections.is_empty()
    }

    /// Ends the process if it is still deciding well after its limit: then a
    /// disk does not answer, and holds up the very thread that would have
    /// noticed. Whoever drops what this returns has decided. Without a second
    /// thread there is no guard, and that is no reason to refuse mail.
    fn guard(&self, session: &Session) -> Sender<()> {
        let seconds = limit(session).value;
        let verdict =
            Verdict { log: vec![late(seconds)], ..Verdict::unchanged() };
        let log = verdict.log_lines(self.name, session.pid());
        let time = Duration::from_secs(seconds) + GRACE;
        let (guard, decided) = mpsc::channel();
        _ = thread::Builder::new().spawn(move || {
            if decided.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                _ = std::io::stderr().write_all(log.as_bytes());
                std::process::exit(0);
            }
        });
        guard
    }
}
