//! The server: connections in, answers out.
//!
//! A connection has a buffer for a few lines, a deadline, and nothing else.
//! Whatever has arrived is answered in one go, with one look at the clock
//! and one write.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use memchr::memchr;
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::rater::clock::Clock;
use crate::rater::listener::{Listener, Stream};
use crate::rater::log::{Level, Log};
use crate::rater::rules::{Limit, Rules};
use crate::rater::shared::Shared;
use crate::rater::store::Store;
use crate::rater::window::Mark;
use crate::rater::wire::{Answer, IDLE_TIME, LINE_TIME, read};

/// The most that is kept of what has arrived; a line and its end fit.
const BUFFER: usize = 2048;

/// How many lines are looked for at once.
const BATCH: usize = 16;

/// How long to wait when the system has no connection left for us.
pub const PAUSE: Duration = Duration::from_millis(50);

/// How long a client that was cut off may go on talking.
const LINGER: Duration = Duration::from_secs(1);

/// What all connections share.
pub struct Service {
    /// The rules in force.
    pub rules: RwLock<Rules>,
    /// The marks.
    pub store: Mutex<Store>,
    /// The marks of all hosts, where they are shared.
    pub shared: Option<Shared>,
    /// What time it is.
    pub clock: Clock,
    /// How many lines were answered with 0, 1 and 2.
    pub answers: [AtomicU64; 3],
    /// What is worth telling.
    pub log: Log,
}

impl Service {
    /// The answer by what all hosts know, or our own where they are away.
    async fn ask_all(&self, mark: Mark<'_>, own: Answer) -> Answer {
        let limit = self.rules.read().limit(mark.key);
        if let Some(shared) = &self.shared
            && let Ok(Limit { seconds, count: limit @ 1.. }) = limit
            && let Some(count) = shared.mark(mark, seconds, None).await
        {
            return Answer::Standing { count, limit };
        }
        own
    }
}

/// What a line asks for: a mark and the hash of its key, or only an answer.
type Asked<'a> = Result<(u64, Mark<'a>), Answer>;

/// A conversation with a client.
struct Talk<'a> {
    service: &'a Service,
    /// When the client must have said something, in milliseconds since the
    /// daemon's start.
    deadline: &'a AtomicU64,
    /// What the client has sent and we have not answered.
    received: Vec<u8>,
    /// What we have not sent.
    answers: Vec<u8>,
    /// How many of them are a 0, 1 and 2.
    tally: [u64; 3],
    /// The client has said `keep`.
    kept: bool,
    /// There will be no further answer.
    is_over: bool,
}

impl Talk<'_> {
    /// Answers until one of the two has had enough.
    async fn run(&mut self, stream: &mut dyn Stream) -> io::Result<()> {
        while !self.is_over {
            self.received.reserve(BUFFER - self.received.len());
            if stream.read_buf(&mut self.received).await? == 0 {
                break;
            }
            self.answer_all().await;
            stream.write_all(&self.answers).await?;
            self.answers.clear();
            self.count();
        }
        Ok(())
    }

    /// Adds our answers to those of all, once a batch.
    fn count(&mut self) {
        for (total, new) in self.service.answers.iter().zip(self.tally) {
            total.fetch_add(new, Relaxed);
        }
        self.tally = [0; 3];
    }

    /// The next lines, with the hashes of their keys. Without `keep`
    /// there is only one; and where a line that is too long ends is
    /// anybody's guess.
    fn next_lines<'b>(
        &mut self,
        rest: &mut &'b [u8],
        store: &Store,
        now: u32,
    ) -> SmallVec<[Asked<'b>; BATCH]> {
        let shared = self.service.shared.is_some();
        let most = if shared { 1 } else { BATCH };
        let mut lines = SmallVec::new();
        while !self.is_over
            && lines.len() < most
            && let Some(end) = memchr(b'\n', rest)
        {
            let (line, after) = rest.split_at(end);
            *rest = after.get(1..).unwrap_or_default();
            let line = read(line, self.kept);
            self.kept |= line == Err(Answer::Kept);
            self.is_over = !self.kept || line == Err(Answer::TooLong);
            lines.push(line.map(|(key, weight)| {
                (store.hash(key), Mark { key, weight, now })
            }));
        }
        lines
    }

    /// Answers lines, with the store locked once, up to one of which other
    /// hosts have to hear.
    fn answer_own<'b>(
        &mut self,
        rest: &mut &'b [u8],
        now: u32,
    ) -> Option<(Mark<'b>, Answer)> {
        let Service { store, rules, shared, .. } = self.service;
        let mut store = store.lock();
        loop {
            let lines = self.next_lines(rest, &store, now);
            if lines.is_empty() {
                return None;
            }
            for (hash, _) in lines.iter().flatten() {
                store.fetch(*hash);
            }
            for line in lines {
                let answer = line.and_then(|asked| {
                    let (hash, mark): (u64, Mark<'_>) = asked;
                    let limit = || rules.read().limit(mark.key);
                    Ok((mark, store.mark_at(hash, mark, limit)?))
                });
                match answer {
                    Ok(asked) if shared.is_some() => return Some(asked),
                    Ok((_, answer)) | Err(answer) => self.say(&answer),
                }
            }
        }
    }

    /// Answers every line that has arrived whole.
    async fn answer_all(&mut self) {
        let now = Instant::now();
        let second = self.service.clock.at(now);
        let received = std::mem::take(&mut self.received);
        let mut rest = received.as_slice();
        while let Some((mark, own)) = self.answer_own(&mut rest, second) {
            let answer = self.service.ask_all(mark, own).await;
            self.say(&answer);
        }
        if !self.is_over && read(rest, self.kept) == Err(Answer::TooLong) {
            self.say(&Answer::TooLong);
            self.is_over = true;
        }
        let answered = received.len() - rest.len();
        if answered > 0 {
            let patience = if self.kept { IDLE_TIME } else { LINE_TIME };
            let deadline = self.service.clock.millis(now + patience);
            self.deadline.store(deadline, Relaxed);
        }
        self.received = received;
        self.received.drain(..answered);
    }

    /// Says something.
    fn say(&mut self, answer: &Answer) {
        let number = answer.write(&mut self.answers);
        self.tally.get_mut(number).into_iter().for_each(|it| *it += 1);
    }
}

/// Talks with one client to the end. What goes wrong ends the conversation
/// and nothing else.
async fn converse(mut stream: Box<dyn Stream>, service: Arc<Service>) {
    let clock = service.clock;
    let deadline = clock.millis(Instant::now() + LINE_TIME).into();
    let mut talk = Talk {
        service: &service,
        deadline: &deadline,
        received: Vec::new(),
        answers: Vec::new(),
        tally: [0; 3],
        kept: false,
        is_over: false,
    };
    let is_late = tokio::select! {
        biased;
        _ = talk.run(&mut *stream) => false,
        () = clock.pass(&deadline) => true,
    };
    // On a connection that is kept, an answer without a question would be
    // taken for that of the next one.
    if is_late && !talk.kept && talk.answers.is_empty() {
        talk.say(&Answer::Timeout);
        talk.count();
        _ = timeout(LINGER, stream.write_all(&talk.answers)).await;
    } else if !talk.received.is_empty() {
        _ = timeout(LINGER, linger(stream)).await;
    }
}

/// Lets the client finish what it is saying. To close in the middle of it
/// would take our answer from it.
async fn linger(mut stream: Box<dyn Stream>) {
    _ = stream.shutdown().await;
    let mut ignored = Vec::with_capacity(BUFFER);
    while let Ok(1..) = stream.read_buf(&mut ignored).await {
        ignored.clear();
    }
}

/// Answers connections for ever.
pub async fn serve(listener: Listener, service: Arc<Service>) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                tokio::spawn(converse(stream, Arc::clone(&service)));
            }
            Err(error) => {
                let text = format!("cannot accept a connection: {error}");
                service.log.write(Level::Warn, text);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
