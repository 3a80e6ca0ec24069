//! The client that never fails: there is always an answer, and in time.
//!
//! A mail server that asks a rate limiter must not wait for it longer than
//! it wants, nor fall with it. So there is one function, it always returns,
//! and what went wrong is an answer that begins with 2.
//!
//! ```
//! use std::time::Duration;
//! use ra_plugins::rater::client::check;
//!
//! let nobody = "unix:/nowhere/rater.sock";
//! let reply = check(nobody, "ip", "192.0.2.9", Duration::from_secs(1));
//! assert_eq!(reply.number, 2);
//! assert!(reply.text.starts_with("2 cannot connect"));
//! ```

use std::io::{self, Read};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};
use thiserror::Error;

use crate::rater::address::{Address, NoAddress};
use crate::spp::clean;

/// The longest answer that is read: the longest line, with room for words.
pub const ANSWER_MAX: usize = 1100;

/// What has been answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 0: within the limit; 1: over it; 2: nobody knows.
    pub number: u8,
    /// The marks in the window.
    pub count: u64,
    /// How many are allowed; 0: any number.
    pub limit: u32,
    /// The line, or what went wrong in its place.
    pub text: String,
}

/// What can go wrong.
#[derive(Debug, Error)]
pub enum Trouble {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] NoAddress),
    /// The class or value cannot be sent in one line.
    #[error("not a class and a value in one line")]
    Question,
    /// There is no rater at the address.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The connection broke.
    #[error("no answer: {0}")]
    Broken(#[from] io::Error),
    /// The rater closed in the middle of its answer.
    #[error("half an answer")]
    Half,
    /// What came is no answer.
    #[error("not an answer: {0}")]
    Garbage(String),
    /// Time is up.
    #[error("no answer in time")]
    Late,
}

impl From<Result<Reply, Trouble>> for Reply {
    /// Every trouble is the answer 2.
    fn from(result: Result<Self, Trouble>) -> Self {
        result.unwrap_or_else(|trouble| {
            let text = clean(&format!("2 {trouble}")).into_owned();
            Self { number: 2, count: 0, limit: 0, text }
        })
    }
}

impl Reply {
    /// Reads a line without its end.
    pub fn parse(line: &[u8]) -> Result<Self, Trouble> {
        let garbage = || {
            let text = String::from_utf8_lossy(line);
            Trouble::Garbage(text.chars().take(40).collect())
        };
        let text = std::str::from_utf8(line).map_err(|_| garbage())?;
        let (number, rest) = text.split_once(' ').ok_or_else(garbage)?;
        let text = clean(text).into_owned();
        if number == "2" {
            return Ok(Self { number: 2, count: 0, limit: 0, text });
        }
        let (count, limit) = rest.split_once('/').ok_or_else(garbage)?;
        let count = count.parse().map_err(|_| garbage())?;
        let limit = limit.parse().map_err(|_| garbage())?;
        match number {
            "0" => Ok(Self { number: 0, count, limit, text }),
            "1" => Ok(Self { number: 1, count, limit, text }),
            _ => Err(garbage()),
        }
    }
}

/// The line that asks. What cannot be said in one is not said.
pub fn question(
    prefix: &str,
    class: &str,
    value: &str,
) -> Result<String, Trouble> {
    let breaks = |text: &str| text.contains(['\n', '\r']);
    if class.is_empty() || class.contains(' ') || breaks(class) || breaks(value)
    {
        return Err(Trouble::Question);
    }
    Ok(format!("{prefix}{class} {value}\n"))
}

/// Marks a value in a class, and tells how it stands. Returns within the
/// time, whatever happens.
pub fn check(server: &str, class: &str, value: &str, time: Duration) -> Reply {
    let question = question("", class, value);
    question.and_then(|question| ask(server, &question, 1, time)).into()
}

/// As [`check`], without marking.
pub fn peek(server: &str, class: &str, value: &str, time: Duration) -> Reply {
    let question = question("keep\n?", class, value);
    question.and_then(|question| ask(server, &question, 2, time)).into()
}

/// Sends lines and reads the answer to the last of them.
fn ask(
    server: &str,
    question: &str,
    answers: usize,
    time: Duration,
) -> Result<Reply, Trouble> {
    let deadline = Deadline(Instant::now() + time.min(TIME_MAX));
    let address = server.parse()?;
    let mut stream = connect(&address, &deadline)?;
    let mut unsent = question.as_bytes();
    while !unsent.is_empty() {
        stream.set_write_timeout(Some(deadline.left()?))?;
        // No signal may reach a program that only asked a question.
        let sent = stream.send_with_flags(unsent, libc::MSG_NOSIGNAL);
        let sent = again(sent)?.unwrap_or(0);
        unsent = unsent.get(sent..).unwrap_or_default();
    }
    let received = receive(&mut stream, answers, &deadline)?;
    let line = received.split(|byte| *byte == b'\n').nth(answers - 1);
    let line = line.unwrap_or_default();
    Reply::parse(line.strip_suffix(b"\r").unwrap_or(line))
}

/// The longest that anybody may want to wait: a day.
const TIME_MAX: Duration = Duration::from_secs(86_400);

/// When everything has to be over.
struct Deadline(Instant);

impl Deadline {
    /// The time that is left.
    fn left(&self) -> Result<Duration, Trouble> {
        let left = self.0.saturating_duration_since(Instant::now());
        // Less than a microsecond would mean "for ever" to the system.
        if left < Duration::from_micros(1) {
            return Err(Trouble::Late);
        }
        Ok(left)
    }
}

/// Connects. The time that a full queue of a unix socket takes is bounded by
/// its write timeout.
fn connect(address: &Address, deadline: &Deadline) -> Result<Socket, Trouble> {
    let left = deadline.left()?;
    let connected = match address {
        Address::Tcp(address) => {
            let domain = Domain::for_address(*address);
            Socket::new(domain, Type::STREAM, None).and_then(|socket| {
                socket.set_tcp_nodelay(true)?;
                socket.connect_timeout(&SockAddr::from(*address), left)?;
                Ok(socket)
            })
        }
        Address::Unix(path) => Socket::new(Domain::UNIX, Type::STREAM, None)
            .and_then(|socket| {
                socket.set_write_timeout(Some(left))?;
                socket.connect(&SockAddr::unix(path)?)?;
                Ok(socket)
            }),
    };
    connected.map_err(|error| {
        if is_late(&error) { Trouble::Late } else { Trouble::Connect(error) }
    })
}

/// Reads so many lines.
fn receive(
    stream: &mut Socket,
    lines: usize,
    deadline: &Deadline,
) -> Result<Vec<u8>, Trouble> {
    let mut received = Vec::new();
    let mut buffer = [0; 512];
    while received.iter().filter(|byte| **byte == b'\n').count() < lines {
        if received.len() > ANSWER_MAX {
            return Err(Trouble::Garbage("too much".to_owned()));
        }
        stream.set_read_timeout(Some(deadline.left()?))?;
        match again(stream.read(&mut buffer))? {
            Some(0) => return Err(Trouble::Half),
            Some(length) => {
                received.extend(buffer.iter().take(length));
            }
            None => {}
        }
    }
    Ok(received)
}

/// What a call has transferred, or nothing where it has to be made again.
fn again(result: io::Result<usize>) -> Result<Option<usize>, Trouble> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) if is_late(&error) => Err(Trouble::Late),
        Err(error) => Err(Trouble::Broken(error)),
    }
}

/// Whether the time was up: systems disagree about what that is called.
fn is_late(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::TimedOut || kind == io::ErrorKind::WouldBlock
}
