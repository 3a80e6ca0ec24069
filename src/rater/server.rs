//! The server: connections in, answers out.
//!
//! A connection has a buffer for a few lines, a deadline, and nothing else.
//! Whatever has arrived is answered in one go, with one look at the clock
//! and one write.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{Instant, timeout, timeout_at};

use crate::rater::clock::Clock;
use crate::rater::log::{Level, Log};
use crate::rater::rules::Rules;
use crate::rater::store::Store;
use crate::rater::window::Mark;
use crate::rater::wire::{Answer, IDLE_TIME, LINE_TIME, Line, read};

/// The most that is kept of what has arrived; a line and its end fit.
const BUFFER: usize = 2048;

/// How long to wait when the system has no connection left for us.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a client that was cut off may go on talking.
const LINGER: Duration = Duration::from_secs(1);

/// What all connections share.
pub struct Service {
    /// The rules in force.
    pub rules: RwLock<Arc<Rules>>,
    /// The marks.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// How many lines were answered with 0, 1 and 2.
    pub answers: [AtomicU64; 3],
    /// What is worth telling.
    pub log: Log,
}

impl Service {
    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer to a line.
    async fn answer(
        &self,
        line: &[u8],
        kept: bool,
        now: u32,
        rules: &Rules,
    ) -> Result<Answer, Answer> {
        match read(line, kept)? {
            Line::Keep => Ok(Answer::Kept),
            Line::Ping => Ok(Answer::Pong),
            Line::Mark { key, weight } => {
                let mark = Mark { key, weight, now };
                let limit = || rules.limit(key);
                self.store.mark(mark, rules.generation, limit)
            }
        }
    }
}

/// A conversation with a client.
#[derive(Default)]
struct Talk {
    /// What the client has sent and we have not answered.
    received: Vec<u8>,
    /// What we have not sent.
    answers: Vec<u8>,
    /// The client has said `keep`.
    kept: bool,
    /// There will be no further answer.
    is_over: bool,
}

impl Talk {
    /// Answers every line that has arrived whole. Whether there was any.
    async fn answer_all(&mut self, service: &Service, now: Instant) -> bool {
        let (rules, now) = (service.rules(), service.clock.at(now));
        let mut received = std::mem::take(&mut self.received);
        let mut answered = 0;
        for piece in received.split_inclusive(|byte| *byte == b'\n') {
            if let Some(line) = piece.strip_suffix(b"\n") {
                answered += piece.len();
                let answer = service.answer(line, self.kept, now, &rules).await;
                self.say(service, &answer.unwrap_or_else(|error| error));
            } else if read(piece, self.kept) == Err(Answer::TooLong) {
                self.say(service, &Answer::TooLong);
            }
            if self.is_over {
                break;
            }
        }
        received.drain(..answered);
        self.received = received;
        answered > 0
    }

    /// Says something. Without `keep`, one answer is all there is; and where
    /// a line that is too long ends is anybody's guess.
    fn say(&mut self, service: &Service, answer: &Answer) {
        let start = self.answers.len();
        self.kept |= *answer == Answer::Kept;
        self.is_over = !self.kept || *answer == Answer::TooLong;
        _ = write!(self.answers, "{answer}\r\n");
        let number = self.answers.get(start).map(|digit| digit - b'0');
        let total = number.and_then(|it| service.answers.get(usize::from(it)));
        total.inspect(|total| _ = total.fetch_add(1, Relaxed));
    }
}

/// Talks with one client to the end. What goes wrong ends the conversation
/// and nothing else.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    service: Arc<Service>,
) {
    let mut talk = Talk::default();
    let mut since = Instant::now();
    while !talk.is_over {
        let patience = if talk.kept { IDLE_TIME } else { LINE_TIME };
        talk.received.reserve(BUFFER - talk.received.len());
        let read = stream.read_buf(&mut talk.received);
        match timeout_at(since + patience, read).await {
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(_)) => {
                let now = Instant::now();
                if talk.answer_all(&service, now).await {
                    since = now;
                }
            }
            // An answer without a question would be taken for that of the
            // next one.
            Err(_) if talk.kept => return,
            Err(_) => talk.say(&service, &Answer::Timeout),
        }
        let sent = timeout(LINE_TIME, stream.write_all(&talk.answers)).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
        talk.answers.clear();
    }
    if !talk.received.is_empty() {
        _ = timeout(LINGER, linger(stream)).await;
    }
}

/// Lets the client finish what it is saying. To close in the middle of it
/// would take our answer from it.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    _ = stream.shutdown().await;
    let mut ignored = [0; BUFFER];
    while let Ok(1..) = stream.read(&mut ignored).await {}
}

/// A socket that is open to clients.
#[derive(Debug)]
pub enum Listener {
    /// On an address.
    Tcp(TcpListener),
    /// On a path.
    Unix(UnixListener),
}

/// Answers connections for ever.
pub async fn serve(listener: Listener, service: Arc<Service>) {
    loop {
        let shared = Arc::clone(&service);
        let accepted = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|it| {
                _ = it.0.set_nodelay(true);
                tokio::spawn(converse(it.0, shared));
            }),
            Listener::Unix(listener) => listener.accept().await.map(|it| {
                tokio::spawn(converse(it.0, shared));
            }),
        };
        if let Err(error) = accepted {
            let text = format!("cannot accept a connection: {error}");
            service.log.write(Level::Warn, text);
            tokio::time::sleep(PAUSE).await;
        }
    }
}
