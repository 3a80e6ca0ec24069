//! The line to the client: bounded reading, collected replies.
//!
//! A client may be slow, silent, endless or gone. Here that becomes four
//! values, so that nothing behind this module has to think of it: a line
//! has a longest length, a wait has an end, and a session has one too.
//! Replies are collected and sent when we would have to wait for more input,
//! which is what PIPELINING asks of a server (RFC 2920 3.2).

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, sink};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

/// Anything that carries a dialogue: TCP, TLS, a pair of pipes, memory.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Why the client can no longer be talked to.
#[derive(Debug, Error)]
pub enum Gone {
    /// It has closed the connection.
    #[error("the client has closed the connection")]
    Closed,
    /// It has not said a word for too long, or only a syllable.
    #[error("too little came within {0:?}")]
    Idle(Duration),
    /// The session has lasted too long.
    #[error("the session lasted too long")]
    Overtime,
    /// We are shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The network has failed.
    #[error("{0}")]
    Broken(io::Error),
}

/// A line of the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Its bytes, without the line end.
    Complete(Vec<u8>),
    /// It was longer than allowed and has been skipped.
    TooLong,
}

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// How long we listen to a client to whom we have said goodbye. A connection
/// that is closed with something unread is torn down, and what was said last
/// may never arrive.
const LINGER: Duration = Duration::from_secs(2);

/// How long we wait for a client.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the next command, or for the next block of a message (RFC 5321
    /// 4.5.3.2 asks for five minutes and for three).
    pub idle: Duration,
    /// For the whole session.
    pub session: Duration,
}

/// How many bytes of a message are a block. Who sends less within the time
/// for one is not slow, but holds on to us.
const BLOCK: usize = 256;

/// The block of a message that is coming in.
pub struct Block {
    begun: Instant,
    bytes: usize,
}

impl Block {
    /// None of it has come.
    pub fn begin() -> Self {
        Self { begun: Instant::now(), bytes: 0 }
    }

    /// So much of it has come; perhaps another one begins.
    fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= BLOCK {
            *self = Self::begin();
        }
    }
}

/// A client, with what it has sent and we have not yet read, and what we
/// have said and not yet sent.
pub struct Client {
    wire: Box<dyn Wire>,
    input: Vec<u8>,
    output: Vec<u8>,
    idle: Duration,
    end: Instant,
    stop: Option<watch::Receiver<bool>>,
}

impl Client {
    /// Takes up the line to a client.
    pub fn new(wire: impl Wire + 'static, patience: Patience) -> Self {
        Self {
            wire: Box::new(wire),
            input: Vec::new(),
            output: Vec::new(),
            idle: patience.idle,
            end: Instant::now() + patience.session,
            stop: None,
        }
    }

    /// Lets the client be sent away between two commands once `stop` says
    /// so.
    pub fn stop_when(&mut self, stop: watch::Receiver<bool>) {
        self.stop = Some(stop);
    }

    /// Says a line; it is sent at the next [`Client::flush`], or when we
    /// wait for the client.
    pub fn say(&mut self, reply: &str) {
        self.output.extend_from_slice(reply.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Sends what was said.
    pub async fn flush(&mut self) -> Result<(), Gone> {
        let (limit, late) = self.limit(Instant::now());
        let sending = async {
            self.wire.write_all(&self.output).await?;
            self.wire.flush().await
        };
        let sent = timeout_at(limit, sending).await;
        self.output.clear();
        sent.map_err(|_| late)?.map_err(Gone::Broken)
    }

    /// When we lose patience with a wait that has begun then, and what we
    /// say.
    fn limit(&self, begun: Instant) -> (Instant, Gone) {
        let idle = begun + self.idle;
        if self.end < idle {
            (self.end, Gone::Overtime)
        } else {
            (idle, Gone::Idle(self.idle))
        }
    }

    /// The next command line of at most `max` bytes, its end included. It
    /// ends with LF, as in qmail; a CR before it does not count. This is
    /// safe for commands and would not be for messages: a message that holds
    /// a bare LF is never taken (see `data`), so nothing that a relay hands
    /// on in good faith can be read as a command here.
    pub async fn line(&mut self, max: usize) -> Result<Line, Gone> {
        let (begun, mut too_long) = (Instant::now(), false);
        loop {
            let found = self.input.iter().position(|byte| *byte == b'\n');
            if let Some(end) = found {
                let mut line: Vec<u8> = self.input.drain(..=end).collect();
                if too_long || line.len() > max {
                    return Ok(Line::TooLong);
                }
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Line::Complete(line));
            }
            if self.input.len() > max {
                too_long = true;
                self.input.clear();
            }
            self.fill(begun, true).await?;
        }
    }

    /// Bytes of a message as they come, at least one. The time is that of
    /// their block.
    pub async fn bytes(&mut self, block: &mut Block) -> Result<Vec<u8>, Gone> {
        if self.input.is_empty() {
            self.fill(block.begun, false).await?;
        }
        block.add(self.input.len());
        Ok(std::mem::take(&mut self.input))
    }

    /// Gives back bytes that were read too many: they are commands.
    pub fn unread(&mut self, rest: &[u8]) {
        self.input.splice(..0, rest.iter().copied());
    }

    /// Sends what was said, then waits for more input.
    async fn fill(
        &mut self,
        begun: Instant,
        may_stop: bool,
    ) -> Result<(), Gone> {
        self.flush().await?;
        let (limit, late) = self.limit(begun);
        self.input.reserve(CHUNK);
        let reading = timeout_at(limit, self.wire.read_buf(&mut self.input));
        let stop = self.stop.as_mut().filter(|_| may_stop);
        let read = tokio::select! {
            read = reading => read.map_err(|_| late)?,
            () = stopped(stop) => return Err(Gone::ShuttingDown),
        };
        match read.map_err(Gone::Broken)? {
            0 => Err(Gone::Closed),
            _ => Ok(()),
        }
    }

    /// Encrypts the rest of the dialogue. What the client has already sent
    /// was sent in the clear, perhaps by somebody else: it is forgotten (RFC
    /// 3207 4.2).
    pub async fn encrypt(&mut self, tls: TlsAcceptor) -> Result<(), Gone> {
        self.flush().await?;
        self.input.clear();
        let (limit, late) = self.limit(Instant::now());
        let nothing: Box<dyn Wire> = Box::new(tokio::io::empty());
        let wire = std::mem::replace(&mut self.wire, nothing);
        let accepted = timeout_at(limit, tls.accept(wire)).await;
        let wire = accepted.map_err(|_| late)?.map_err(Gone::Broken)?;
        self.wire = Box::new(wire);
        Ok(())
    }

    /// Says goodbye as far as the client still listens.
    pub async fn close(self) {
        let mut wire = self.wire;
        let goodbye = async {
            wire.write_all(&self.output).await?;
            wire.shutdown().await?;
            tokio::io::copy(&mut wire, &mut sink()).await
        };
        _ = timeout(LINGER, goodbye).await;
    }
}

/// Waits until the server is told to stop; for ever if nobody can tell.
async fn stopped(stop: Option<&mut watch::Receiver<bool>>) {
    if let Some(stop) = stop
        && stop.wait_for(|stop| *stop).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
