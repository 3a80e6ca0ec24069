//! One plugin as a process: started, read, waited for, and if need be ended.
//!
//! qmail-spp believes in its plugins: it waits for each as long as it takes
//! and reads as much as it prints. We do as it does up to limits that no
//! honest plugin reaches.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::host::chain::Runs;
use crate::host::journal::Journal;
use crate::plugin::Message;
use crate::session::Session;
use crate::spp::clean;

/// What a plugin that is a process may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Its time, its deliberate delays included.
    pub time: Duration,
    /// The bytes of one line.
    pub line: usize,
    /// The bytes of all lines.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(120),
            line: 8 * 1024,
            output: 64 * 1024,
        }
    }
}

/// Where a process writes its log.
#[derive(Clone)]
pub enum Log {
    /// To our own standard error.
    Inherited,
    /// To us, and we hand it on line by line.
    Relayed(Arc<dyn Journal>),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself: whatever it printed counts.
    Exited,
    /// It could not be run, or exited with 120, which means the same.
    CannotExecute,
    /// By a signal; perhaps by ours.
    Crashed,
}

/// Said when a plugin has had all the time there is.
pub const TOO_SLOW: Message =
    Message::log("{line}: no answer within {seconds} s; killed");

/// Said when a plugin does not stop to print.
pub const TOO_MUCH: Message =
    Message::log("{line}: printed more than a plugin may; killed");

/// Said when a plugin cannot be started or waited for.
pub const NOT_RUN: Message = Message::log("{line}: {error}");

/// The shell that runs `:command`.
const SHELL: &str = "/bin/sh";

/// The exit status that says: the program could not be executed.
const CANNOT_EXECUTE: i32 = 120;

/// The signal that ends a writer whose reader has gone away.
const SIGPIPE: i32 = Signal::PIPE.as_raw();

/// What a process could not be allowed to do any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It took too long.
    Time,
    /// It printed too much.
    Output,
}

/// A running plugin.
pub struct Process {
    child: Child,
    output: Option<ChildStdout>,
    log: Option<JoinHandle<()>>,
    limits: Limits,
    deadline: Instant,
    unread: Vec<u8>,
    printed: usize,
}

impl Process {
    /// Starts a plugin in the qmail folder, with the session's variables as
    /// its environment and nothing to read. It leads a process group, so
    /// that its own children end with it.
    pub fn start(
        program: &Path,
        arguments: &[&str],
        folder: &Path,
        session: &Session,
        log: &Log,
        limits: Limits,
    ) -> io::Result<Self> {
        let mut command = Command::new(folder.join(program));
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(session.variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(match log {
                Log::Inherited => Stdio::inherit(),
                Log::Relayed(_) => Stdio::piped(),
            })
            .process_group(0);
        let mut child = command.spawn()?;
        let output = child.stdout.take();
        let log = match (log, child.stderr.take()) {
            (Log::Relayed(journal), Some(lines)) => {
                let relay = relay(lines, Arc::clone(journal), limits);
                Some(tokio::spawn(relay))
            }
            (Log::Inherited | Log::Relayed(_), _) => None,
        };
        Ok(Self {
            child,
            output,
            log,
            limits,
            deadline: Instant::now() + limits.time,
            unread: Vec::new(),
            printed: 0,
        })
    }

    /// Starts what a line of smtpplugins names; nothing if that is a plugin
    /// of this process.
    pub fn of_line(
        runs: &Runs,
        folder: &Path,
        session: &Session,
        log: &Log,
        limits: Limits,
    ) -> Option<io::Result<Self>> {
        let start = |program: &str, arguments: &[&str]| {
            let program = Path::new(program);
            Self::start(program, arguments, folder, session, log, limits)
        };
        match runs {
            Runs::BuiltIn(_) => None,
            Runs::Program(path) => Some(start(path, &[])),
            Runs::Shell(command) => Some(start(SHELL, &["-c", command])),
        }
    }

    /// The next line of its output, without its newline; nothing at the
    /// end. If the last line has no newline, its last byte is taken for one
    /// and lost (as recorded in sessions.json: no-final-newline). A line
    /// ends at a NUL, as strings do in C.
    pub async fn line(&mut self) -> Result<Option<Vec<u8>>, Excess> {
        loop {
            let end = self.unread.iter().position(|byte| *byte == b'\n');
            if end.unwrap_or(self.unread.len()) > self.limits.line {
                return Err(Excess::Output);
            }
            if let Some(end) = end {
                let line = self.unread.drain(..=end).collect();
                return Ok(Some(without_end(line)));
            }
            let Some(output) = &mut self.output else { return Ok(None) };
            let reading = output.read_buf(&mut self.unread);
            let read = timeout_at(self.deadline, reading).await;
            let count = read.map_err(|_| Excess::Time)?.unwrap_or(0);
            self.printed += count;
            if self.printed > self.limits.output {
                return Err(Excess::Output);
            }
            if count == 0 {
                self.output = None;
                let rest = std::mem::take(&mut self.unread);
                return Ok((!rest.is_empty()).then(|| without_end(rest)));
            }
        }
    }

    /// Closes the pipe and waits for the end. A plugin that was still
    /// writing into a pipe that we have closed dies of it: that is our
    /// doing, and no crash (as recorded in sessions.json:
    /// sigpipe-after-final-command, where qmail's children ignore the
    /// signal and exit by themselves).
    pub async fn finish(mut self) -> Result<io::Result<Ending>, Excess> {
        let hung_up = self.output.take().is_some();
        let waited = timeout_at(self.deadline, self.child.wait()).await;
        let Ok(status) = waited else {
            self.kill().await;
            return Err(Excess::Time);
        };
        self.log_ends().await;
        Ok(status.map(|status| ending(status, hung_up)))
    }

    /// Ends the process and all that it has started.
    pub async fn kill(mut self) {
        self.kill_group();
        _ = self.child.wait().await;
        self.log_ends().await;
    }

    /// Kills the group, if the plugin that leads it is still there.
    fn kill_group(&self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Lets the last words reach the log. Something that the plugin has
    /// left running may hold the pipe open; we do not wait for that.
    async fn log_ends(&mut self) {
        if let Some(log) = &mut self.log {
            _ = timeout(Duration::from_millis(100), log).await;
        }
    }
}

impl Drop for Process {
    /// A session that breaks off leaves nothing behind.
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// What an exit status means.
fn ending(status: ExitStatus, hung_up: bool) -> Ending {
    match (status.code(), status.signal()) {
        (Some(CANNOT_EXECUTE), _) => Ending::CannotExecute,
        (None, Some(SIGPIPE)) if hung_up => Ending::Exited,
        (None, _) => Ending::Crashed,
        (Some(_), _) => Ending::Exited,
    }
}

/// A line without its last byte, up to a NUL.
fn without_end(mut line: Vec<u8>) -> Vec<u8> {
    line.pop();
    if let Some(end) = line.iter().position(|byte| *byte == 0) {
        line.truncate(end);
    }
    line
}

/// Hands a process's log on, line by line, as much as is allowed. What
/// comes after that is read and dropped: a full pipe would stop the plugin.
async fn relay(
    mut pipe: impl AsyncRead + Unpin,
    journal: Arc<dyn Journal>,
    limits: Limits,
) {
    let mut left = limits.output;
    let mut pending = Vec::new();
    loop {
        let read = pipe.read_buf(&mut pending).await.unwrap_or(0);
        if left == 0 {
            pending.clear();
        }
        while let Some(end) = pending
            .iter()
            .position(|byte| *byte == b'\n')
            .or_else(|| (pending.len() > limits.line).then_some(limits.line))
            .or_else(|| {
                let last = pending.len().checked_sub(1)?;
                (read == 0).then_some(last)
            })
        {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if let Some(rest) = left.checked_sub(line.len()) {
                left = rest;
                let line = String::from_utf8_lossy(&line);
                journal.log(&clean(line.trim_end_matches(['\r', '\n'])));
            } else {
                left = 0;
            }
        }
        if read == 0 {
            return;
        }
    }
}
