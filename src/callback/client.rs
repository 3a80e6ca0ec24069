//! A conversation with a mail server that ends before the message.
//!
//! The client crates of the field are made to deliver mail, and bring TLS,
//! authentication and message building along. We say five lines and read
//! the answers, and we want to bound every one of them; that is less code
//! than the glue would be. Time is bounded by the caller.
//!
//! ```
//! use ra_plugins::callback::client::is_askable;
//!
//! assert!(is_askable("joe@example.org"));
//! assert!(!is_askable("joe@example.org> SIZE=1"));
//! ```

use std::io;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::network::Connection;
use crate::session::Address;
use crate::spp::clean;

/// The longest line that is read; RFC 5321 4.5.3.1.5 allows 512 bytes.
const LINE_MAX: u64 = 2000;

/// The most lines of one reply.
const LINES_MAX: usize = 100;

/// What a server thinks of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// It would take mail for it, perhaps as for any other of the domain.
    Knows {
        /// Whether it would take mail for somebody invented, too.
        catch_all: bool,
    },
    /// It would not.
    KnowsNot,
    /// It takes no mail with an empty sender.
    TakesNoBounces,
    /// It did not come to that.
    Unsure(String),
}

/// Why a conversation ended early.
#[derive(Debug, Error)]
enum Trouble {
    /// The network failed.
    #[error("{0}")]
    Network(#[from] io::Error),
    /// The server hung up.
    #[error("the connection was closed")]
    Closed,
    /// It talks, but not SMTP.
    #[error("not an SMTP reply: {0}")]
    Gibberish(String),
    /// It does not stop.
    #[error("the reply has no end")]
    Endless,
    /// It said something that settles nothing.
    #[error("{0}")]
    Reply(Reply),
}

/// A reply: its code, and the first line of its text.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{code} {text}")]
struct Reply {
    code: u16,
    text: String,
}

impl Reply {
    /// Whether the command was taken (RFC 5321 4.2.1).
    fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether it was refused for good.
    fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// The reply, if the command was taken.
    fn positive(self) -> Result<Self, Trouble> {
        if self.is_positive() { Ok(self) } else { Err(Trouble::Reply(self)) }
    }
}

/// Whether a text can stand in a command without being taken for more than
/// it is: visible ASCII, no brackets, not too long.
pub fn is_askable(text: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_graphic();
    text.len() <= 254
        && text.bytes().all(harmless)
        && !text.contains(['<', '>'])
}

/// Asks a server about an address. `helo` is our name, `stranger` a local
/// part that nobody has.
pub async fn ask(
    stream: Box<dyn Connection>,
    helo: &str,
    address: Address<'_>,
    stranger: &str,
) -> Opinion {
    let mut client = Client { stream: BufReader::new(stream) };
    client
        .converse(helo, address, stranger)
        .await
        .unwrap_or_else(|trouble| Opinion::Unsure(trouble.to_string()))
}

/// Our side of the conversation.
struct Client {
    stream: BufReader<Box<dyn Connection>>,
}

impl Client {
    /// Speaks until the server has said what we want to know.
    async fn converse(
        &mut self,
        helo: &str,
        address: Address<'_>,
        stranger: &str,
    ) -> Result<Opinion, Trouble> {
        self.reply().await?.positive()?;
        let hello = self.command(&format!("EHLO {helo}")).await?;
        if hello.is_permanent() {
            self.command(&format!("HELO {helo}")).await?.positive()?;
        } else {
            hello.positive()?;
        }
        let opinion = self.question(address, stranger).await;
        // Whether it hears our farewell makes no difference.
        _ = self.stream.write_all(b"QUIT\r\n").await;
        _ = self.stream.shutdown().await;
        opinion
    }

    /// Begins a bounce, and asks for its recipient.
    async fn question(
        &mut self,
        address: Address<'_>,
        stranger: &str,
    ) -> Result<Opinion, Trouble> {
        let mail = self.command("MAIL FROM:<>").await?;
        // 530 asks for TLS or a password and says nothing about bounces
        // (RFC 3207 4, RFC 4954 6).
        if mail.is_permanent() && mail.code != 530 {
            return Ok(Opinion::TakesNoBounces);
        }
        mail.positive()?;
        let Address { local_part, domain } = address;
        let command = format!("RCPT TO:<{local_part}@{domain}>");
        let recipient = self.command(&command).await?;
        if recipient.is_permanent() {
            return Ok(Opinion::KnowsNot);
        }
        recipient.positive()?;
        let command = format!("RCPT TO:<{stranger}@{domain}>");
        let catch_all =
            self.command(&command).await.is_ok_and(|it| it.is_positive());
        Ok(Opinion::Knows { catch_all })
    }

    /// Sends a command, and reads the reply.
    async fn command(&mut self, command: &str) -> Result<Reply, Trouble> {
        let line = format!("{command}\r\n");
        self.stream.write_all(line.as_bytes()).await?;
        self.reply().await
    }

    /// Reads a reply of one or more lines (RFC 5321 4.2.1): all but the last
    /// have a hyphen behind the code.
    async fn reply(&mut self) -> Result<Reply, Trouble> {
        let mut first = None;
        for _ in 0..LINES_MAX {
            let line = self.line().await?;
            let (code, text) = parse(&line).ok_or_else(|| {
                Trouble::Gibberish(clean(line.trim_end()).into_owned())
            })?;
            let more = text.starts_with('-');
            let text = || text.get(1..).unwrap_or_default().to_owned();
            let reply =
                first.get_or_insert_with(|| Reply { code, text: text() });
            reply.code = code;
            if !more {
                return first.ok_or(Trouble::Endless);
            }
        }
        Err(Trouble::Endless)
    }

    /// Reads a line.
    async fn line(&mut self) -> Result<String, Trouble> {
        let mut bytes = Vec::new();
        let mut limited = (&mut self.stream).take(LINE_MAX);
        limited.read_until(b'\n', &mut bytes).await?;
        if bytes.ends_with(b"\n") {
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        let full = u64::try_from(bytes.len()).is_ok_and(|it| it == LINE_MAX);
        Err(if full { Trouble::Endless } else { Trouble::Closed })
    }
}

/// The code of a line, and what comes behind it.
fn parse(line: &str) -> Option<(u16, &str)> {
    let (code, text) = line.split_at_checked(3)?;
    let digits = code.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.trim_end();
    let separated = text.is_empty() || text.starts_with([' ', '-']);
    (digits && separated).then_some((code.parse().ok()?, text))
}
