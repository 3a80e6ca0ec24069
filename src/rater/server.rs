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

use crate::rater::log::{Level, Log};
use crate::rater::rules::Rules;
use crate::rater::store::Store;
use crate::rater::window::Mark;
use crate::rater::wire::{
    Answer, IDLE_TIME, LINE_TIME, Line, Refusal, Standing, is_too_long, read,
};

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

/// The daemon's clock: seconds that only ever go on, whatever happens to
/// the time of day.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// When the clock was set.
    pub started: Instant,
    /// To what it was set.
    pub base: u32,
}

impl Clock {
    /// The second at this instant.
    pub fn at(&self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.started).as_secs();
        self.base.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX))
    }
}

impl Service {
    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a mark and tells how its key stands.
    async fn mark(
        &self,
        mark: Mark<'_>,
        rules: &Rules,
    ) -> Result<Standing, Refusal> {
        let limit = || rules.limit(mark.key);
        self.store.mark(mark, rules.generation, limit)
    }

    /// The answer to a line.
    async fn answer(
        &self,
        line: &[u8],
        kept: bool,
        rules: &Rules,
        now: u32,
    ) -> Answer {
        match read(line, kept) {
            Ok(Line::Keep) => Answer::Kept,
            Ok(Line::Ping) => Answer::Pong,
            Ok(Line::Mark { key, weight }) => {
                self.mark(Mark { key, weight, now }, rules).await.into()
            }
            Err(refusal) => Answer::Refused(refusal),
        }
    }
}

/// Answers connections for ever.
pub async fn serve(listener: Listener, service: Arc<Service>) {
    loop {
        let accepted = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|it| {
                _ = it.0.set_nodelay(true);
                tokio::spawn(converse(it.0, Arc::clone(&service)));
            }),
            Listener::Unix(listener) => listener.accept().await.map(|it| {
                tokio::spawn(converse(it.0, Arc::clone(&service)));
            }),
        };
        if let Err(error) = accepted {
            let text = format_args!("cannot accept a connection: {error}");
            service.log.write(Level::Warn, text);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A socket that is open to clients.
#[derive(Debug)]
pub enum Listener {
    /// On an address.
    Tcp(TcpListener),
    /// On a path.
    Unix(UnixListener),
}

/// Talks with one client to the end. What goes wrong ends the conversation
/// and nothing else.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    service: Arc<Service>,
) {
    let mut talk = Talk::new(&service);
    let mut since = Instant::now();
    while !talk.is_over {
        let patience = if talk.kept { IDLE_TIME } else { LINE_TIME };
        let read = stream.read_buf(&mut talk.received);
        match timeout_at(since + patience, read).await {
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(_)) => {
                let now = Instant::now();
                if talk.answer_lines(now).await {
                    since = now;
                }
            }
            // An answer without a question would be taken for that of the
            // next one.
            Err(_) if talk.kept => return,
            Err(_) => talk.say(&Answer::Refused(Refusal::Timeout)),
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

/// A conversation with a client.
struct Talk<'a> {
    service: &'a Service,
    /// What the client has sent and we have not answered.
    received: Vec<u8>,
    /// What we have not sent.
    answers: Vec<u8>,
    /// The client has said `keep`.
    kept: bool,
    /// There will be no further answer.
    is_over: bool,
}

impl<'a> Talk<'a> {
    /// Nothing has been said.
    fn new(service: &'a Service) -> Self {
        let (received, answers) = (Vec::with_capacity(BUFFER), Vec::new());
        Self { service, received, answers, kept: false, is_over: false }
    }

    /// Answers every line that has arrived whole. Whether there was any.
    async fn answer_lines(&mut self, now: Instant) -> bool {
        let rules = self.service.rules();
        let now = self.service.clock.at(now);
        let received = std::mem::take(&mut self.received);
        let mut rest = received.as_slice();
        while !self.is_over
            && let Some(end) = rest.iter().position(|byte| *byte == b'\n')
            && let (line, [_, after @ ..]) = rest.split_at(end)
        {
            let answer = self.service.answer(line, self.kept, &rules, now);
            self.say(&answer.await);
            rest = after;
        }
        if !self.is_over && is_too_long(rest) {
            self.say(&Answer::Refused(Refusal::TooLong));
            self.is_over = true;
        }
        let answered = received.len() - rest.len();
        self.received = received;
        self.received.drain(..answered);
        answered > 0
    }

    /// Says something. Without `keep`, one answer is all there is.
    fn say(&mut self, answer: &Answer) {
        self.kept |= *answer == Answer::Kept;
        self.is_over = !self.kept;
        _ = write!(self.answers, "{answer}\r\n");
        if let Some(total) = self.service.answers.get(answer.number()) {
            total.fetch_add(1, Relaxed);
        }
    }
}
