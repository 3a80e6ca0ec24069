//! One section of a session: its plugins run, and what they say is done.
//!
//! [`Spp`] holds what outlives a section: whether plugins still run at all,
//! the header lines they have given, and the refusals they have left for
//! later. What a section comes to is an [`Outcome`], and the SMTP server
//! does the rest.

use std::path::PathBuf;
use std::sync::Arc;

use crate::host::chain::{Chain, Line, Runs};
use crate::host::client::{Client, Gone};
use crate::host::journal::Journal;
use crate::host::process::{
    Ending, Excess, Limits, Log, NOT_RUN, Process, TOO_MUCH, TOO_SLOW,
};
use crate::plugin::{Message, Plugin};
use crate::session::Session;
use crate::spp::{Command, Later, Section};
use crate::world::World;

/// What the client hears of a plugin that could not be run.
pub const CANNOT_EXECUTE: Message =
    Message::reply("451 qmail-spp failure: {line}: can't execute (#4.3.0)");

/// What it hears of one that died.
pub const CRASHED: Message =
    Message::reply("451 qmail-spp failure: {line}: child crashed (#4.3.0)");

/// What the server is to do after a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Go on as if there had been no plugins.
    GoOn,
    /// Go on, without the server's own check (`O`).
    Lifted,
    /// The command has been refused; the client knows.
    Refused,
    /// Close the connection.
    Close,
}

/// What a section came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What to do.
    pub step: Step,
    /// The address that takes the place of the current one.
    pub address: Option<String>,
}

/// The plugins of one session.
pub struct Spp {
    /// Which plugins there are.
    pub chain: Arc<Chain>,
    /// What a plugin that is a process may use up.
    pub limits: Limits,
    /// Where such a plugin runs, and what its paths are relative to.
    pub folder: PathBuf,
    /// Where its standard error goes.
    pub log: Log,
    /// Who takes notes.
    pub journal: Arc<dyn Journal>,
    /// Whether plugins run; `A` ends that for the rest of the session.
    pub is_on: bool,
    headers: Vec<String>,
    later: Vec<(Later, String)>,
}

/// Where commands come from and go to, while one section runs.
struct Run<'a> {
    section: Section,
    session: &'a mut Session,
    client: &'a mut Client,
    outcome: Outcome,
}

impl Spp {
    /// The plugins of a new session.
    pub fn new(
        chain: Arc<Chain>,
        limits: Limits,
        folder: PathBuf,
        log: Log,
        journal: Arc<dyn Journal>,
    ) -> Self {
        let (headers, later) = (Vec::new(), Vec::new());
        let is_on = true;
        Self { chain, limits, folder, log, journal, is_on, headers, later }
    }

    /// The lines that go into the header of the message.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Forgets what was collected for a message: at RSET and at its end.
    pub fn reset(&mut self) {
        self.headers.clear();
        self.later.clear();
    }

    /// Runs the plugins of a section. Refusals and other lines have been
    /// said to the client when this returns.
    pub async fn run(
        &mut self,
        section: Section,
        session: &mut Session,
        world: &World,
        client: &mut Client,
    ) -> Result<Outcome, Gone> {
        let outcome = Outcome { step: Step::GoOn, address: None };
        let mut run = Run { section, session, client, outcome };
        let chain = Arc::clone(&self.chain);
        for line in chain.lines(section) {
            if !self.is_on {
                break;
            }
            self.journal.runs(section, &line.text, run.session);
            let stopped = match line.runs {
                Runs::BuiltIn(plugin) => {
                    self.run_here(plugin, line, world, &mut run).await?
                }
                Runs::Program(_) | Runs::Shell(_) => {
                    self.run_process(line, &mut run).await?
                }
            };
            if stopped {
                break;
            }
        }
        if matches!(run.outcome.step, Step::GoOn | Step::Lifted) && self.is_on {
            self.refuse_later(&mut run);
        }
        Ok(run.outcome)
    }

    /// Runs a plugin of ours: log lines first, then the delay, then the
    /// commands, as [`Plugin::run`] does it. Tells whether the section ends.
    async fn run_here(
        &mut self,
        plugin: &Plugin,
        line: &Line,
        world: &World,
        run: &mut Run<'_>,
    ) -> Result<bool, Gone> {
        let verdict = plugin.judge(run.session, world).await;
        for text in &verdict.log {
            let pid = run.session.pid();
            let name = plugin.name;
            self.journal.log(&format!("{name}: pid {pid} - {text}"));
        }
        if !verdict.delay.is_zero() {
            run.client.flush().await?;
            world.clock.sleep(verdict.delay).await;
        }
        for command in verdict.commands {
            if self.obey(line, command, run) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Runs a plugin that is a process. Tells whether the section ends.
    async fn run_process(
        &mut self,
        line: &Line,
        run: &mut Run<'_>,
    ) -> Result<bool, Gone> {
        let (folder, limits) = (&self.folder, self.limits);
        let started = Process::of_line(
            &line.runs,
            folder,
            run.session,
            &self.log,
            limits,
        );
        let mut process = match started {
            Some(Ok(process)) => process,
            Some(Err(error)) => {
                self.note(&NOT_RUN, run, &[&line.text, &error.to_string()]);
                return Ok(self.fail(&CANNOT_EXECUTE, line, run));
            }
            None => return Ok(false),
        };
        let mut stopped = false;
        while !stopped {
            match process.line().await {
                Ok(Some(text)) => {
                    if let Some(command) = Command::parse(&text) {
                        stopped = self.obey(line, command, run);
                        run.client.flush().await?;
                    }
                }
                Ok(None) => break,
                Err(excess) => {
                    process.kill().await;
                    self.tell(excess, line, run);
                    return Ok(self.fail(&CRASHED, line, run));
                }
            }
        }
        let failure = match process.finish().await {
            Ok(Ok(Ending::Exited)) => return Ok(stopped),
            Ok(Ok(Ending::CannotExecute)) => &CANNOT_EXECUTE,
            Ok(Ok(Ending::Crashed)) => &CRASHED,
            Ok(Err(error)) => {
                self.note(&NOT_RUN, run, &[&line.text, &error.to_string()]);
                &CRASHED
            }
            Err(excess) => {
                self.tell(excess, line, run);
                &CRASHED
            }
        };
        Ok(self.fail(failure, line, run))
    }

    /// Does what a plugin says. Tells whether that ends the section.
    fn obey(
        &mut self,
        line: &Line,
        command: Command,
        run: &mut Run<'_>,
    ) -> bool {
        self.journal.says(&line.text, &command);
        let stops = command.stops();
        match command {
            Command::Accept => self.is_on = false,
            Command::Next => {}
            Command::Okay => run.outcome.step = Step::Lifted,
            Command::Error(reply) => {
                self.send(&reply, run);
                run.outcome.step = Step::Refused;
            }
            Command::Reject(reply) => {
                self.send(&reply, run);
                run.outcome.step = Step::Close;
            }
            Command::Drop => run.outcome.step = Step::Close,
            Command::Print(reply) => self.send(&reply, run),
            Command::Later(at, reply) => {
                self.later.push((at, reply.into_owned()));
            }
            Command::Header(header) => self.collect(&header),
            Command::Set(name, value) => run.session.set(&name, &value),
            Command::Unset(name) => run.session.unset(&name),
            Command::Change(address) => change(&address, run),
        }
        stops
    }

    /// Collects a header line. An empty one would end the header of the
    /// message, and a CR at its end would be one too many.
    fn collect(&mut self, header: &str) {
        let header = one_line(header.trim_end_matches('\r'));
        if !header.is_empty() {
            self.headers.push(header);
        }
    }

    /// Refuses MAIL, RCPT or DATA with what earlier plugins have left for
    /// it, every time (as recorded in sessions.json: later-LR).
    fn refuse_later(&self, run: &mut Run<'_>) {
        let now = match run.section {
            Section::Mail => Later::Mail,
            Section::Rcpt => Later::Rcpt,
            Section::Data => Later::Data,
            Section::Connection
            | Section::Helo
            | Section::Auth
            | Section::Pass => return,
        };
        for (_, reply) in self.later.iter().filter(|(at, _)| *at == now) {
            self.send(reply, run);
            run.outcome.step = Step::Refused;
        }
    }

    /// Refuses because the plugin has failed; a reply that it has given
    /// before has been sent (as recorded for error-then-killed). The section
    /// ends.
    fn fail(&self, reply: &Message, line: &Line, run: &mut Run<'_>) -> bool {
        self.send(&reply.fill(&[&line.text]), run);
        if run.outcome.step != Step::Close {
            run.outcome.step = Step::Refused;
        }
        true
    }

    /// Says a plugin's line to the client.
    fn send(&self, reply: &str, run: &mut Run<'_>) {
        let reply = one_line(reply);
        self.journal.sends(&reply);
        run.client.say(&reply);
    }

    /// Logs why a process had to be ended.
    fn tell(&self, excess: Excess, line: &Line, run: &Run<'_>) {
        let seconds = self.limits.time.as_secs().to_string();
        let line = line.text.as_str();
        match excess {
            Excess::Time => self.note(&TOO_SLOW, run, &[line, &seconds]),
            Excess::Output => self.note(&TOO_MUCH, run, &[line]),
        }
    }

    /// Logs something of our own.
    fn note(&self, message: &Message, run: &Run<'_>, arguments: &[&str]) {
        let (pid, text) = (run.session.pid(), message.fill(arguments));
        self.journal.log(&format!("smtpd: pid {pid} - {text}"));
    }
}

/// Gives the sender or the recipient another address; elsewhere `C` has no
/// effect (as recorded in sessions.json: change-outside-mail-and-rcpt).
fn change(address: &str, run: &mut Run<'_>) {
    let variable = match run.section {
        Section::Mail => "SMTPMAILFROM",
        Section::Rcpt => "SMTPRCPTTO",
        Section::Connection
        | Section::Helo
        | Section::Auth
        | Section::Pass
        | Section::Data => return,
    };
    run.session.set(variable, address);
    run.outcome.address = Some(address.to_owned());
}

/// A plugin's text as one line of a dialogue or a header: a CR before the
/// line end stays (as recorded in sessions.json: carriage-return); one in
/// the middle might pass for a line end somewhere and becomes `?`.
fn one_line(text: &str) -> String {
    let end = text.trim_end_matches('\r');
    let ending = text.get(end.len()..).unwrap_or_default();
    end.replace(['\r', '\n', '\0'], "?") + ending
}
