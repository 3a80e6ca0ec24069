//! A client that reads from a script, and an outbox that keeps what comes.
//!
//! The script is a wire like any other, and yet nothing waits: when the
//! server wants to read, it has said all it had to say, so the next line of
//! the script is its turn. A session of a hundred lines takes no time, and
//! always the same course.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::host::deliver::{Destination, Draft, Envelope, Failure};
use crate::session::Session;
use crate::world::Waiting;

/// What the script has heard from the server.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// What was said before each turn of the client, and after the last.
    pub turns: Vec<Vec<u8>>,
    /// Whether the server wanted to hear more than there was.
    pub wanted_more: bool,
}

/// A client with a script.
pub struct Script {
    turns: VecDeque<Vec<u8>>,
    now: Vec<u8>,
    heard: Arc<Mutex<Heard>>,
    said: Vec<u8>,
    /// Whether the server has said goodbye: then we go, too.
    is_over: bool,
}

impl Script {
    /// A client that says these things, one a turn; and what it hears.
    pub fn new(
        turns: impl IntoIterator<Item = Vec<u8>>,
    ) -> (Self, Arc<Mutex<Heard>>) {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let script = Self {
            turns: turns.into_iter().collect(),
            now: Vec::new(),
            heard: Arc::clone(&heard),
            said: Vec::new(),
            is_over: false,
        };
        (script, heard)
    }

    /// The client's turn: keep what was heard, find what to say.
    fn turn(&mut self) {
        let mut heard =
            self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.turns.push(std::mem::take(&mut self.said));
        match self.turns.pop_front() {
            Some(turn) => self.now = turn,
            None => heard.wanted_more = true,
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let mut heard =
            self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.turns.push(std::mem::take(&mut self.said));
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over {
            return Poll::Ready(Ok(()));
        }
        if self.now.is_empty() {
            self.turn();
        }
        let count = buffer.remaining().min(self.now.len());
        let now: Vec<u8> = self.now.drain(..count).collect();
        buffer.put_slice(&now);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.said.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_over = true;
        Poll::Ready(Ok(()))
    }
}

/// A message that was taken, with its envelope.
pub type Taken = (Envelope, Vec<u8>);

/// Keeps messages in memory.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Outbox {
    /// What was taken, in order.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Destination for Outbox {
    fn begin(&self, _: &Envelope) -> Result<Box<dyn Draft>, Failure> {
        let outbox = self.clone();
        Ok(Box::new(OutboxDraft { outbox, message: Vec::new() }))
    }
}

/// A message on its way into the outbox.
struct OutboxDraft {
    outbox: Outbox,
    message: Vec<u8>,
}

impl Draft for OutboxDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.message.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(
        self: Box<Self>,
        envelope: Envelope,
        _: Session,
    ) -> Waiting<'static, Result<(), Failure>> {
        let taken = &self.outbox.taken;
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push((envelope, self.message));
        Box::pin(std::future::ready(Ok(())))
    }
}
