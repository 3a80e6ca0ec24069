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
    /// What a line asks for, and the answer by what we know ourselves.
    fn answer<'a>(
        &self,
        store: &mut Store,
        line: &'a [u8],
        kept: bool,
        now: u32,
    ) -> Result<(Mark<'a>, Answer), Answer> {
        let (key, weight) = read(line, kept)?;
        let mark = Mark { key, weight, now };
        let own = store.mark(mark, || self.rules.read().limit(key))?;
        Ok((mark, own))
    }

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

    /// Answers lines, with the store locked once, up to one of which other
    /// hosts have to hear.
    fn answer_own<'b>(
        &mut self,
        rest: &mut &'b [u8],
        now: u32,
    ) -> Option<(Mark<'b>, Answer)> {
        let service = self.service;
        let mut store = service.store.lock();
        while !self.is_over
            && let Some(end) = memchr(b'\n', rest)
        {
            let (line, after) = rest.split_at(end);
            *rest = after.get(1..).unwrap_or_default();
            match service.answer(&mut store, line, self.kept, now) {
                Ok(asked) if service.shared.is_some() => return Some(asked),
                Ok((_, answer)) | Err(answer) => self.say(&answer),
            }
        }
        None
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

    /// Says something. Without `keep`, one answer is all there is; and where
    /// a line that is too long ends is anybody's guess.
    fn say(&mut self, answer: &Answer) {
        self.kept |= *answer == Answer::Kept;
        self.is_over = !self.kept || *answer == Answer::TooLong;
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
    let mut ignored = [0; BUFFER];
    while let Ok(1..) = stream.read(&mut ignored).await {}
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
