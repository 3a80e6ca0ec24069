//! Delivery to a program: qmail-queue, or anything called sendmail.
//!
//! The message is kept in a file without a name until it is whole. A client
//! that vanishes in the midst of it must not look like the end of the
//! message, and to sendmail it would.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::process::Command;
use tokio::time::timeout;

use crate::host::deliver::{Destination, Draft, Envelope, Failure};
use crate::session::Session;
use crate::world::Waiting;

/// How long a queue may take over one message. Half of what a client is asked
/// to wait for our answer (RFC 5321 4.5.3.2.6: ten minutes): it should hear
/// a 451, and not have to guess.
const PATIENCE: Duration = Duration::from_secs(300);

/// A program that takes mail.
#[derive(Clone, Debug)]
pub struct Queue {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
}

impl Queue {
    /// Reads a command: words separated by spaces, the first of which is a
    /// program. There is no shell, so nothing that a stranger writes can
    /// mean anything to one. A path is relative to `folder`; a name without
    /// a slash is looked for in PATH.
    pub fn new(command: &str, folder: &Path) -> Option<Self> {
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next()?;
        let program = if program.contains('/') {
            folder.join(program)
        } else {
            program.into()
        };
        let folder = folder.to_owned();
        Some(Self { program, arguments: words.collect(), folder })
    }

    /// Whether the program is of sendmail's kind.
    fn is_sendmail(&self) -> bool {
        self.program.file_name().is_some_and(|name| name == "sendmail")
    }
}

impl Destination for Queue {
    fn begin(&self, _: &Envelope) -> Result<Box<dyn Draft>, Failure> {
        let message = tempfile::tempfile()?;
        Ok(Box::new(QueueDraft { queue: self.clone(), message }))
    }
}

/// A message that waits in a file without a name.
struct QueueDraft {
    queue: Queue,
    message: File,
}

impl Draft for QueueDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.message.write_all(bytes)
    }

    fn finish(
        mut self: Box<Self>,
        envelope: Envelope,
        session: Session,
    ) -> Waiting<'static, Result<(), Failure>> {
        Box::pin(async move {
            self.message.rewind()?;
            let message = Stdio::from(self.message);
            let status = if self.queue.is_sendmail() {
                sendmail(&self.queue, message, envelope, &session).await?
            } else {
                qmail_queue(&self.queue, message, envelope, &session).await?
            };
            judge(status)
        })
    }
}

/// The command, as far as both kinds of programs agree.
fn command(queue: &Queue, message: Stdio, session: &Session) -> Command {
    let mut command = Command::new(&queue.program);
    command
        .args(&queue.arguments)
        .current_dir(&queue.folder)
        .env_clear()
        .envs(session.variables())
        .stdin(message)
        .kill_on_drop(true);
    command
}

/// Waits for a program as long as it may take. It is killed when whoever has
/// called us lets go of it.
async fn in_time(
    ending: impl Future<Output = io::Result<ExitStatus>>,
) -> Result<ExitStatus, Failure> {
    let status = timeout(PATIENCE, ending).await;
    Ok(status.map_err(|_| Failure::Overdue(PATIENCE))??)
}

/// Runs sendmail: the envelope is its arguments, and `--` keeps a recipient
/// that begins with a dash from being an option.
async fn sendmail(
    queue: &Queue,
    message: Stdio,
    envelope: Envelope,
    session: &Session,
) -> Result<ExitStatus, Failure> {
    let text = |bytes| std::ffi::OsString::from_vec(bytes);
    let sender = match envelope.sender.is_empty() {
        true => "<>".into(),
        false => text(envelope.sender),
    };
    let mut command = command(queue, message, session);
    command.args(["-i", "-f"]).arg(sender).arg("--");
    command.args(envelope.recipients.into_iter().map(text));
    command.stdout(Stdio::null());
    in_time(command.status()).await
}

/// Where qmail-queue, or what stands in for it, can explain itself.
const EXPLANATION_FD: RawFd = 6;

/// The exit status that says that it has done so.
const EXPLAINED: i32 = 82;

/// The longest explanation in bytes: a reply is at most 512 (RFC 5321
/// 4.5.3.1.5).
const EXPLANATION_MAX: usize = 500;

/// How long we wait for an explanation that is not there.
const EXPLANATION_TIME: Duration = Duration::from_secs(1);

/// Runs qmail-queue: the message on descriptor 0, the envelope on 1.
async fn qmail_queue(
    queue: &Queue,
    message: Stdio,
    envelope: Envelope,
    session: &Session,
) -> Result<ExitStatus, Failure> {
    let (reader, writer) = io::pipe()?;
    let (said, saying) = io::pipe()?;
    let mut command = command(queue, message, session);
    let mapping =
        FdMapping { parent_fd: saying.into(), child_fd: EXPLANATION_FD };
    command.fd_mappings(vec![mapping]).map_err(io::Error::other)?;
    let child = command.stdout(Stdio::from(reader)).spawn();
    // The command holds our copy of the reading end, without which a program
    // that does not read could not be told from one that is slow.
    drop(command);
    let mut child = child?;
    let form = envelope.queue_form();
    // A program that has heard enough may close its end: its exit status
    // says more than our error would. One that ends may have left something
    // running that holds the pipe open and never reads: then nobody waits.
    let mut writer = Sender::from_owned_fd(writer.into())?;
    let writing = tokio::spawn(async move { writer.write_all(&form).await });
    let status = in_time(child.wait()).await;
    writing.abort();
    let status = status?;
    if status.code() == Some(EXPLAINED) {
        let mut text = vec![0; EXPLANATION_MAX];
        let mut said = Receiver::from_owned_fd(said.into())?;
        let read = timeout(EXPLANATION_TIME, said.read(&mut text)).await;
        text.truncate(read.map_or(Ok(0), |read| read)?);
        explanation(&text).map_or(Ok(status), Err)
    } else {
        Ok(status)
    }
}

/// Reads an explanation: `D` for a refusal, `Z` for trouble that may pass,
/// and what the client is told. It may quote the message, so it becomes one
/// line of harmless characters.
fn explanation(said: &[u8]) -> Option<Failure> {
    let said = String::from_utf8_lossy(said.trim_ascii_end());
    let mut letters = said.chars();
    let code = match letters.next()? {
        'D' => "554",
        'Z' => "451",
        _ => return None,
    };
    let is_harmless = |c: char| c.is_ascii_graphic() || c == ' ';
    let text = letters.as_str().replace(|c| !is_harmless(c), "?");
    (!text.is_empty()).then(|| Failure::Explained(format!("{code} {text}")))
}

/// What an exit status means (qmail-queue's manual): 0 is yes, 11 to 40 are
/// for ever, and so is 115, the old number of 11; everything else may work
/// later.
fn judge(status: ExitStatus) -> Result<(), Failure> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code @ (11..=40 | 115)), _) => {
            Err(Failure::Refused(format!("exit status {code}")))
        }
        (Some(code), _) => Err(Failure::Failed(format!("exit status {code}"))),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            Err(Failure::Failed(format!("signal {signal}")))
        }
    }
}
