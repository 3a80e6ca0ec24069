//! The rater as the plugins see it: the adapter of the `Limiter` port.
//!
//! A plugin that runs as a process asks once; in the host all plugins share
//! one connection, which stays open. It opens at the first question, and
//! again after it broke.
//!
//! ```
//! use ra_plugins::rater::limiter::Rater;
//! use ra_plugins::world::{Limit, Limiter};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()
//! #     .unwrap().block_on(async {
//! let nobody = Rater::new("unix:/nowhere/rater.sock");
//! assert_eq!(nobody.mark("ip", "192.0.2.9").await, Limit::Unknown);
//! # });
//! ```

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::network::runtime;
use crate::rater::address::{Address, RATER};
use crate::rater::client::{ANSWER_MAX, Reply, Trouble, question};
use crate::rater::listener::Stream;
use crate::rater::wire::LINE_MAX;
use crate::spp::clean;
use crate::world::{Limit, Limiter, Waiting};

/// How long a plugin waits for an answer. It comes in a millisecond, or
/// something is wrong.
const TIME: Duration = Duration::from_secs(2);

/// A connection that is kept.
type Connection = BufReader<Box<dyn Stream>>;

/// A rater, and the connection to it.
pub struct Rater {
    server: String,
    connection: Mutex<Option<Connection>>,
}

impl Rater {
    /// The rater at an address; nothing is asked yet.
    pub fn new(server: &str) -> Self {
        Self { server: server.to_owned(), connection: Mutex::default() }
    }

    /// The rater of the session: `RATER`, or where it usually is.
    pub fn of(setting: Option<&str>) -> Self {
        Self::new(setting.filter(|it| !it.is_empty()).unwrap_or(RATER))
    }

    /// Asks, in time. Strangers choose the value. What cannot stand in a
    /// line becomes `?` in it, and what is too long for one is cut: a value
    /// that nobody could ask about would have no limit.
    pub async fn ask(&self, prefix: &str, class: &str, value: &str) -> Reply {
        let asked = async {
            let around = prefix.len() + class.len() + 1;
            let value = clean(value);
            let end =
                value.floor_char_boundary(LINE_MAX - around.min(LINE_MAX));
            let (value, _) = value.split_at(end);
            let question = question(prefix, class, value)?;
            let mut kept = self.connection.lock().await;
            // A connection that was idle may be closed by now: then the
            // question has not been heard, and is asked once more.
            if let Some(connection) = kept.take()
                && let Ok((reply, connection)) =
                    exchange(connection, &question).await
            {
                *kept = Some(connection);
                return Ok(reply);
            }
            let connection = self.connect().await?;
            let (reply, connection) = exchange(connection, &question).await?;
            *kept = Some(connection);
            Ok(reply)
        };
        runtime().await;
        timeout(TIME, asked).await.unwrap_or(Err(Trouble::Late)).into()
    }

    /// Connects and says `keep`.
    async fn connect(&self) -> Result<Connection, Trouble> {
        let stream: Box<dyn Stream> = match self.server.parse()? {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await;
                let stream = stream.map_err(Trouble::Connect)?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Address::Unix(path) => Box::new(
                UnixStream::connect(path).await.map_err(Trouble::Connect)?,
            ),
        };
        let mut connection = BufReader::new(stream);
        connection.write_all(b"keep\n").await?;
        match line(&mut connection).await?.as_slice() {
            b"0 keep" => Ok(connection),
            other => {
                let text = String::from_utf8_lossy(other).into_owned();
                Err(Trouble::Garbage(text))
            }
        }
    }
}

/// Asks on a connection. One that fails is dropped: it may be in the middle
/// of an answer.
async fn exchange(
    mut connection: Connection,
    question: &str,
) -> Result<(Reply, Connection), Trouble> {
    connection.write_all(question.as_bytes()).await?;
    let reply = Reply::parse(&line(&mut connection).await?)?;
    Ok((reply, connection))
}

/// Reads a line, without its end.
async fn line(connection: &mut Connection) -> Result<Vec<u8>, Trouble> {
    let most = u64::try_from(ANSWER_MAX).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    connection.take(most).read_until(b'\n', &mut line).await?;
    let line = line.strip_suffix(b"\n").ok_or(Trouble::Half)?;
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}

impl From<Reply> for Limit {
    /// The three numbers in the words of the port.
    fn from(reply: Reply) -> Self {
        match reply.number {
            0 => Self::Within,
            1 => Self::Over,
            _ => Self::Unknown,
        }
    }
}

impl Limiter for Rater {
    fn mark<'a>(
        &'a self,
        class: &'a str,
        value: &'a str,
    ) -> Waiting<'a, Limit> {
        Box::pin(async { self.ask("", class, value).await.into() })
    }

    fn peek<'a>(
        &'a self,
        class: &'a str,
        value: &'a str,
    ) -> Waiting<'a, Limit> {
        Box::pin(async { self.ask("?", class, value).await.into() })
    }
}
