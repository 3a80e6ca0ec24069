//! The daemon from outside: status, the busiest keys, metrics.
//!
//! The control socket is for the administrator. It takes the words of
//! [`Order`], one a line, and ends each answer with an empty line. A browser
//! or Prometheus may ask it too: to `GET` it answers with the metrics.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::rater::config::{Config, ConfigError, Settings};
use crate::rater::listener::{Listener, Stream};
use crate::rater::log::Level;
use crate::rater::server::{PAUSE, Service};
use crate::rater::store::{Entry, Store};
use crate::rater::wire::{IDLE_TIME, LINE_MAX};
use crate::spp::clean;

/// How many keys `top` lists.
const TOP: usize = 20;

/// A daemon, as its administrator sees it.
pub struct Control {
    /// What the connections share.
    pub service: Arc<Service>,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// What it said when the daemon started.
    pub started: Settings,
}

/// What an administrator can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order<'a> {
    /// How the daemon is.
    Status,
    /// The keys with the most marks; of one class, or of all.
    Top(&'a str),
    /// Forget the marks of `CLASS VALUE`.
    Reset(&'a str),
    /// Read the configuration again.
    Reload,
    /// What Prometheus wants to know.
    Metrics,
}

impl<'a> Order<'a> {
    /// Reads a line.
    pub fn parse(line: &'a str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest) {
            ("status", "") => Some(Self::Status),
            ("top", class) => Some(Self::Top(class)),
            ("reset", key) if key.contains(' ') => Some(Self::Reset(key)),
            ("reload", "") => Some(Self::Reload),
            ("metrics", "") => Some(Self::Metrics),
            _ => None,
        }
    }
}

impl Control {
    /// Does what is asked for, and tells in lines.
    pub fn obey(&self, line: &str) -> String {
        match Order::parse(line) {
            Some(Order::Status) => self.status(),
            Some(Order::Top(class)) => self.top(class),
            Some(Order::Reset(key)) => self.reset(key),
            Some(Order::Reload) => match self.reload() {
                Ok(()) => "ok\n".to_owned(),
                Err(error) => format!("error: {error}\n"),
            },
            Some(Order::Metrics) => self.metrics(),
            None => "error: status, top [CLASS], reset CLASS VALUE, reload, \
                     metrics\n"
                .to_owned(),
        }
    }

    /// How the daemon is, a word and a value a line.
    fn status(&self) -> String {
        let mut lines = String::new();
        for (name, _, value) in self.values() {
            let name = name.trim_end_matches("_total").replace('_', " ");
            _ = writeln!(lines, "{name}: {value}");
        }
        let is_kept =
            Store::shards(&self.service.store).any(|it| it.journal.is_some());
        let state = if is_kept { "on disk" } else { "in memory only" };
        _ = writeln!(lines, "state: {state}");
        let store = match &self.service.shared {
            None => "this process",
            Some(shared) if shared.is_here() => "shared",
            Some(_) => "shared, but away: counting alone",
        };
        _ = writeln!(lines, "store: {store}");
        lines
    }

    /// The numbers, with a few words about each.
    fn values(&self) -> Vec<(&'static str, &'static str, u64)> {
        let service = &self.service;
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let [within, over, errors] = &service.answers;
        let up = service.clock.started.elapsed().as_secs();
        let store = service.store.lock();
        vec![
            (
                "within_total",
                "answers 0: within the limit, keep and ping",
                within.load(Relaxed),
            ),
            ("over_total", "answers 1: over the limit", over.load(Relaxed)),
            ("errors_total", "answers 2: errors", errors.load(Relaxed)),
            ("keys", "keys in memory", wide(store.keys)),
            ("keys_max", "keys that fit", wide(store.max_keys)),
            (
                "evicted_total",
                "keys that had to go before their time",
                store.evicted,
            ),
            ("uptime_seconds", "seconds since the start", up),
        ]
    }

    /// The same for Prometheus.
    fn metrics(&self) -> String {
        let mut lines = String::new();
        for (name, help, value) in self.values() {
            let kind = match name.ends_with("_total") {
                true => "counter",
                false => "gauge",
            };
            _ = write!(
                lines,
                "# HELP rater_{name} {help}\n# TYPE rater_{name} {kind}\n\
                 rater_{name} {value}\n"
            );
        }
        lines
    }

    /// The keys with the most marks in their windows now. The shards are
    /// looked at one after the other, so nobody waits long.
    fn top(&self, class: &str) -> String {
        let now = self.service.clock.at(Instant::now());
        let prefix =
            if class.is_empty() { String::new() } else { format!("{class} ") };
        let mut top = Vec::new();
        for shard in Store::shards(&self.service.store) {
            for (_, Entry { key, window, limit, .. }) in shard.entries.iter() {
                if key.starts_with(prefix.as_bytes()) {
                    let count = window.count(now, limit.seconds);
                    top.push((count, limit.count, key.clone()));
                }
            }
            top.sort_unstable_by(|a, b| b.cmp(a));
            top.truncate(TOP);
        }
        let counted = top.iter().filter(|(count, ..)| *count > 0);
        let mut lines = String::new();
        for (count, limit, key) in counted {
            _ = writeln!(
                lines,
                "{count}/{limit} {}",
                clean(&String::from_utf8_lossy(key))
            );
        }
        lines
    }

    /// Forgets the marks of a key, here and in the shared store.
    fn reset(&self, key: &str) -> String {
        let key = key.as_bytes();
        let mut known = self.service.store.lock().forget(key);
        if let Some(shared) = &self.service.shared {
            match Handle::current().block_on(shared.forget(key)) {
                Some(there) => known |= there,
                None => return "error: forgotten only here\n".to_owned(),
            }
        }
        match known {
            true => "ok\n".to_owned(),
            false => "not known\n".to_owned(),
        }
    }

    /// Reads the configuration again. Where it is wrong the old one stays.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let service = &self.service;
        let config = match Config::read(self.config.as_deref()) {
            Ok(config) => config,
            Err(error) => {
                let text = format!("{error}; the old rules stay");
                service.log.write(Level::Error, text);
                return Err(error);
            }
        };
        *service.rules.write() = config.rules;
        for mut shard in Store::shards(&service.store) {
            shard.ask_again();
        }
        service.store.lock().max_keys = config.settings.max_keys.get();
        service.log.set(config.settings.log);
        service.log.write(Level::Info, "the configuration has been read");
        let started = &self.started;
        let Settings { max_keys, log, .. } = config.settings;
        let as_before = Settings { max_keys, log, ..started.clone() };
        if config.settings != as_before {
            let text = "listen, control, state and store change \
                        only with the next start";
            service.log.write(Level::Warn, text);
        }
        Ok(())
    }
}

/// Answers administrators for ever.
pub async fn serve(listener: Listener, control: Arc<Control>) {
    loop {
        let control = Arc::clone(&control);
        match listener.accept().await {
            Ok(stream) => {
                tokio::spawn(converse(stream, control));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Talks with one administrator.
async fn converse(
    stream: Box<dyn Stream>,
    control: Arc<Control>,
) -> io::Result<()> {
    let most = u64::try_from(LINE_MAX + 100).unwrap_or(u64::MAX);
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut stream).take(most);
        let read = limited.read_until(b'\n', &mut line);
        timeout(IDLE_TIME, read).await??;
        let Some(line) = line.strip_suffix(b"\n") else { return Ok(()) };
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\r').to_owned();
        if text.starts_with("GET ") {
            let page = http(&control.metrics());
            stream.write_all(page.as_bytes()).await?;
            return stream.shutdown().await;
        }
        // What takes time must not take that of those who ask.
        let control = Arc::clone(&control);
        let obeyed = spawn_blocking(move || control.obey(&text));
        let answer = obeyed.await.map_err(io::Error::other)? + "\n";
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// A page for those who speak HTTP.
fn http(text: &str) -> String {
    let length = text.len();
    format!(
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    )
}
