//! Delivery that keeps its word.
//!
//! With `250` a server takes over the responsibility for a message (RFC
//! 5321 6.1): the client deletes its copy. So a message is written under
//! another name first, then forced to the disk, then renamed, and the folder
//! is forced to the disk too. Whatever happens on the way, there is a whole
//! message or none.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

use maildir::{Maildir, MaildirError, TemporaryMailFile};
use rustix::process::Signal;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};

use crate::session::Session;
use crate::world::Waiting;

/// Who sends to whom, byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The sender; empty for a bounce.
    pub sender: Vec<u8>,
    /// The recipients, in the order in which they were accepted.
    pub recipients: Vec<Vec<u8>>,
}

impl Envelope {
    /// The form in which qmail-queue reads it: `F`sender, `T`recipient for
    /// each, every one ended by NUL, and a NUL at the end.
    pub fn queue_form(&self) -> Vec<u8> {
        let mut form = Vec::new();
        form.push(b'F');
        form.extend_from_slice(&self.sender);
        form.push(0);
        for recipient in &self.recipients {
            form.push(b'T');
            form.extend_from_slice(recipient);
            form.push(0);
        }
        form.push(0);
        form
    }
}

/// Why a message was not delivered.
#[derive(Debug, Error)]
pub enum Failure {
    /// There is no room for it (RFC 5321 4.2.3: 452).
    #[error("disk full: {0}")]
    Full(io::Error),
    /// It could not be written.
    #[error("{0}")]
    Unwritable(io::Error),
    /// The queue does not want it, now or ever.
    #[error("the queue program refused it ({0})")]
    Refused(String),
    /// It does not want it, and has its own words for why.
    #[error("the queue program said: {0}")]
    Explained(String),
    /// The queue cannot take it for the time being.
    #[error("the queue program failed ({0})")]
    Failed(String),
    /// The queue has had all its time. Nobody knows how far it was.
    #[error(
        "the queue program was killed after {0:?}; it may have taken the \
         message, which will then come twice"
    )]
    Overdue(Duration),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        if full.contains(&kind) {
            Self::Full(error)
        } else {
            Self::Unwritable(error)
        }
    }
}

impl From<MaildirError> for Failure {
    fn from(error: MaildirError) -> Self {
        match error {
            MaildirError::Io(error) => error.into(),
            MaildirError::Utf8(_)
            | MaildirError::Time(_)
            | MaildirError::InvalidFolderName(_) => {
                Self::Unwritable(io::Error::other(error.to_string()))
            }
        }
    }
}

impl Failure {
    /// What the client is told.
    pub fn reply(&self) -> &str {
        match self {
            Self::Explained(reply) => reply,
            Self::Full(_) => "452 out of room for mail (#4.3.1)",
            Self::Unwritable(_) => "451 could not store the mail (#4.3.0)",
            Self::Refused(_) => "554 the queue refuses this mail (#5.3.0)",
            Self::Failed(_) => "451 the queue is in trouble (#4.3.0)",
            Self::Overdue(_) => "451 the queue takes too long (#4.3.0)",
        }
    }
}

/// Whoever meets the limit to the size of files (`ulimit -f`) is killed by
/// SIGXFSZ: the server, with all its sessions, for one message. Where the
/// signal is caught, only the writing fails. Needs a runtime.
pub fn outlive_file_limit() -> io::Result<()> {
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}

/// Where accepted messages go.
pub trait Destination: Send + Sync {
    /// Begins a message.
    fn begin(&self, envelope: &Envelope) -> Result<Box<dyn Draft>, Failure>;
}

/// A message that is being written. Dropped, it leaves nothing behind.
pub trait Draft: Send {
    /// Adds to it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Hands it over for good. With `Ok` it is safe.
    fn finish(
        self: Box<Self>,
        envelope: Envelope,
        session: Session,
    ) -> Waiting<'static, Result<(), Failure>>;
}

/// A Maildir for everybody: a server for tests, teaching and small sites
/// has one.
pub struct Mailbox {
    folder: PathBuf,
}

impl Mailbox {
    /// Opens a Maildir; what is missing of it is made, for our eyes only.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        for name in ["", "tmp", "new", "cur"] {
            let path = folder.join(name);
            if !path.is_dir() {
                DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
                // A new folder is a name in another one, and on no disk yet.
                File::open(path.join(".."))?.sync_all()?;
            }
        }
        Ok(Self { folder })
    }
}

impl Destination for Mailbox {
    fn begin(&self, envelope: &Envelope) -> Result<Box<dyn Draft>, Failure> {
        let mailbox = Maildir::from(self.folder.clone());
        let mut file = mailbox.open_file_in_tmp()?;
        file.write_all(b"Return-Path: <")?;
        file.write_all(&printable(&envelope.sender))?;
        file.write_all(b">\n")?;
        for recipient in &envelope.recipients {
            file.write_all(b"Delivered-To: ")?;
            file.write_all(&printable(recipient))?;
            file.write_all(b"\n")?;
        }
        let new = self.folder.join("new");
        Ok(Box::new(MailboxDraft { mailbox, file, new }))
    }
}

/// A message below `tmp`; the file goes when this is dropped.
struct MailboxDraft {
    mailbox: Maildir,
    file: TemporaryMailFile,
    new: PathBuf,
}

impl Draft for MailboxDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn finish(
        self: Box<Self>,
        _: Envelope,
        _: Session,
    ) -> Waiting<'static, Result<(), Failure>> {
        let finish = move || -> Result<(), Failure> {
            // Opened now: from the rename on the message can be seen, and
            // what can fail should have failed before.
            let folder = File::open(&self.new)?;
            // Forces the file to the disk, then renames it.
            let name = self.mailbox.move_tmp_to_new(self.file)?;
            // The name is on the disk only when the folder is. If it is not,
            // the client will come back with the message.
            folder.sync_all().inspect_err(|_| {
                _ = fs::remove_file(self.new.join(&name));
            })?;
            Ok(())
        };
        Box::pin(async {
            let finished = tokio::task::spawn_blocking(finish).await;
            finished.map_err(|error| io::Error::other(error.to_string()))?
        })
    }
}

/// Bytes of an address for a header line: control characters become `?`.
fn printable(address: &[u8]) -> Vec<u8> {
    let printable =
        |byte: &u8| if byte.is_ascii_control() { b'?' } else { *byte };
    address.iter().map(printable).collect()
}
