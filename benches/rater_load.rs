//! The load client: the daemon beside a bare echo server and Redis, asked by
//! the same client in the same run, and what it takes in memory and pauses.
//!
//! `cargo bench --bench rater_load`, or one of the three comparisons with
//! `-- pipelined`, `-- TCP`, `-- request`; Redis takes part where `redis-server`
//! is installed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a measurement that goes wrong should end"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use ra_plugins::rater::rules::Limit;
use ra_plugins::rater::store::Store;
use ra_plugins::rater::window::Mark;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// How many clients there are at once.
const CLIENTS: usize = 50;

/// How many keys they ask about: `LOAD_KEYS`, or so many.
const KEYS: usize = 100_000;

/// An exact window in Redis, as one finds it everywhere: a sorted set with a
/// member for each mark.
const EXACT: &str = "local t=redis.call('TIME') \
    local now=t[1]*1000000+t[2] \
    redis.call('ZREMRANGEBYSCORE',KEYS[1],0,now-60000000) \
    redis.call('ZADD',KEYS[1],now,now) \
    redis.call('PEXPIRE',KEYS[1],60000) \
    return redis.call('ZCARD',KEYS[1])";

/// Whom we ask, and how.
#[derive(Clone, Copy, PartialEq)]
enum Peer {
    /// Sends back what it gets.
    Echo,
    /// The daemon.
    Rater,
    /// `INCR`.
    RedisIncr,
    /// A sorted set and a script.
    RedisExact,
}

impl Peer {
    /// What the table calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "bare echo",
            Self::Rater => "rater",
            Self::RedisIncr => "Redis INCR",
            Self::RedisExact => "Redis exact window",
        }
    }

    /// A question about a key, in the peer's own words.
    fn question(self, key: usize, script: &str) -> String {
        match self {
            Self::Echo | Self::Rater => format!("user name{key}\n"),
            Self::RedisIncr => {
                let key = format!("name{key}");
                let length = key.len();
                format!("*2\r\n$4\r\nINCR\r\n${length}\r\n{key}\r\n")
            }
            Self::RedisExact => {
                let key = format!("name{key}");
                let length = key.len();
                format!(
                    "*4\r\n$7\r\nEVALSHA\r\n$40\r\n{script}\r\n\
                     $1\r\n1\r\n${length}\r\n{key}\r\n"
                )
            }
        }
    }
}

/// A server that ends with its owner.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Where the servers are.
#[derive(Clone)]
enum Place {
    Unix(String),
    Tcp(u16),
}

/// Either kind of connection.
trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl Stream for TcpStream {}
impl Stream for UnixStream {}

impl Place {
    /// Connects.
    async fn connect(&self) -> Box<dyn Stream> {
        match self {
            Self::Unix(path) => loop {
                // A full queue is no error, only the wrong moment.
                match UnixStream::connect(path).await {
                    Ok(stream) => return Box::new(stream),
                    Err(_) => tokio::task::yield_now().await,
                }
            },
            Self::Tcp(port) => {
                let stream = TcpStream::connect(("127.0.0.1", *port)).await;
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
        }
    }
}

/// What a run has measured.
struct Measured {
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

/// A number from the environment.
fn setting(name: &str, default: f64) -> f64 {
    let value = std::env::var(name).ok();
    value.and_then(|it| it.parse().ok()).unwrap_or(default)
}

/// How many keys there are.
fn keys() -> usize {
    setting("LOAD_KEYS", KEYS as f64) as usize
}

/// Numbers that look random.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as usize
}

/// Asks over and over on connections that stay open.
async fn converse(
    peer: Peer,
    place: Place,
    script: String,
    pipelined: usize,
    seed: usize,
    end: Instant,
) -> Vec<(Duration, usize)> {
    let mut stream = place.connect().await;
    let mut buffer = vec![0; 16 * 1024];
    if peer == Peer::Rater {
        stream.write_all(b"keep\n").await.unwrap();
        stream.read_exact(&mut buffer[..8]).await.unwrap();
    }
    let mut state = seed as u64 * 7919 + 1;
    let number = keys();
    // The questions are made beforehand: they are not what is measured.
    let batches: Vec<String> = (0..200)
        .map(|_| {
            let keys = (0..pipelined).map(|_| random(&mut state) % number);
            keys.map(|key| peer.question(key, &script)).collect()
        })
        .collect();
    let mut times = Vec::new();
    for batch in batches.iter().cycle() {
        let begun = Instant::now();
        if begun > end {
            break;
        }
        stream.write_all(batch.as_bytes()).await.unwrap();
        let mut answered = 0;
        while answered < pipelined {
            let length = stream.read(&mut buffer).await.unwrap();
            assert!(length > 0, "{} has hung up", peer.name());
            let lines = buffer[..length].iter().filter(|it| **it == b'\n');
            answered += lines.count();
        }
        times.push((begun.elapsed(), pipelined));
    }
    times
}

/// Asks once a connection.
async fn visit(
    peer: Peer,
    place: Place,
    seed: usize,
    end: Instant,
) -> Vec<(Duration, usize)> {
    let mut state = seed as u64 * 7919 + 1;
    let number = keys();
    let mut times = Vec::new();
    let mut buffer = [0; 256];
    loop {
        let question = peer.question(random(&mut state) % number, "");
        let begun = Instant::now();
        if begun > end {
            return times;
        }
        let mut stream = place.connect().await;
        stream.write_all(question.as_bytes()).await.unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "{} has hung up", peer.name());
        times.push((begun.elapsed(), 1));
    }
}

/// One run: all clients, for a few seconds, from a single thread.
fn run(peer: Peer, place: &Place, script: &str, how: usize) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let seconds = setting("LOAD_SECONDS", 1.0);
    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(seconds);
    let local = tokio::task::LocalSet::new();
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|seed| {
            let (place, script) = (place.clone(), script.to_owned());
            local.spawn_local(async move {
                match how {
                    0 => visit(peer, place, seed, end).await,
                    many => {
                        converse(peer, place, script, many, seed, end).await
                    }
                }
            })
        })
        .collect();
    let mut times = Vec::new();
    runtime.block_on(local.run_until(async {
        for task in tasks {
            times.extend(task.await.unwrap());
        }
    }));
    let elapsed = begun.elapsed().as_secs_f64();
    let answers: usize = times.iter().map(|it| it.1).sum();
    let mut times: Vec<Duration> = times.iter().map(|it| it.0).collect();
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    Measured { per_second: answers as f64 / elapsed, p50: at(50), p99: at(99) }
}

/// The echo server, made as the daemon is: a task a connection, one buffer,
/// one thread. With `once` it hangs up after its first answer.
fn echo(unix: &str, once: bool) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = UnixListener::bind(unix).unwrap();
        println!("{}", tcp.local_addr().unwrap().port());
        tokio::spawn(async move {
            loop {
                let (stream, _) = tcp.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(reflect(stream, once));
            }
        });
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(reflect(stream, once));
        }
    });
}

/// Sends everything back.
async fn reflect(mut stream: impl AsyncRead + AsyncWrite + Unpin, once: bool) {
    let mut buffer = Vec::with_capacity(2048);
    while let Ok(1..) = stream.read_buf(&mut buffer).await {
        if stream.write_all(&buffer).await.is_err() || once {
            return;
        }
        buffer.clear();
    }
}

/// Starts this program as an echo server.
fn start_echo(folder: &Path, once: bool) -> (Server, Place, Place) {
    let unix = folder.join(format!("echo-{once}")).display().to_string();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--echo", &unix, &once.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let output = child.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let port = line.trim().parse().unwrap();
    (Server(child), Place::Unix(unix), Place::Tcp(port))
}

/// A port that is free now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until somebody listens.
fn wait(port: u16) {
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts the daemon.
fn start_rater(folder: &Path) -> (Server, Place, Place) {
    let port = free_port();
    let unix = folder.join("rater.sock").display().to_string();
    let config = folder.join("rater.toml");
    let text = format!(
        "[settings]\nlisten = [\"unix:{unix}\", \"127.0.0.1:{port}\"]\n\
         [limits]\nuser = [[\"rosario\", 90, 20], [\"*\", 60, 5]]\n"
    );
    std::fs::write(&config, text).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["rater", "serve", "--config"])
        .arg(config)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait(port);
    (Server(child), Place::Unix(unix), Place::Tcp(port))
}

/// Starts Redis and gives it the script; nothing where there is none.
fn start_redis(folder: &Path) -> Option<(Server, Place, Place, String)> {
    let port = free_port();
    let unix = folder.join("redis.sock").display().to_string();
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--unixsocket", &unix])
        .args(["--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .spawn()
        .ok()?;
    let server = Server(child);
    wait(port);
    let loaded = Command::new("redis-cli")
        .args(["-p", &port.to_string(), "SCRIPT", "LOAD", EXACT])
        .output()
        .ok()?;
    let script = String::from_utf8(loaded.stdout).ok()?.trim().to_owned();
    Some((server, Place::Unix(unix), Place::Tcp(port), script))
}

/// Who is asked how, in words and questions at once, where, with what script.
type Row<'a> = (&'a str, usize, Peer, &'a Place, &'a str);

/// Asks all peers in turn, several times, and prints of each the median, also
/// as a share of the first: what the machine does besides hits all alike.
fn compare(rows: &[Row<'_>], what: &str) {
    let rows: Vec<_> = rows.iter().filter(|row| row.0 == what).collect();
    let rounds = setting("LOAD_ROUNDS", 7.0) as usize;
    let mut measured: Vec<Vec<Measured>> =
        rows.iter().map(|_| vec![]).collect();
    for _ in 0..rounds {
        for (row, measured) in rows.iter().zip(&mut measured) {
            let (_, how, peer, place, script) = *row;
            measured.push(run(*peer, place, script, *how));
        }
    }
    let mut echo = None;
    for ((_, _, peer, ..), measured) in rows.iter().zip(&mut measured) {
        measured.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        let median = &measured[measured.len() / 2];
        let echo = *echo.get_or_insert(median.per_second);
        println!(
            "{what:<34} {:<20} {:>9.0}/s {:>6.1} %  p50 {:>8.1?}  p99 {:>8.1?}",
            Peer::name(*peer),
            median.per_second,
            median.per_second / echo * 100.0,
            median.p50,
            median.p99,
        );
    }
}

/// The resident memory of this process in megabytes.
fn memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|it| it.starts_with("VmRSS")).unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse::<f64>().unwrap() / 1024.0
}

/// The longest that a mark takes while something is done, and how long that
/// takes.
fn worst_while(
    store: &Mutex<Store>,
    work: impl FnOnce(),
) -> (Duration, Duration) {
    let done = std::sync::atomic::AtomicBool::new(false);
    let limit = || Ok(Limit { seconds: 60, count: 5 });
    std::thread::scope(|scope| {
        let asker = scope.spawn(|| {
            let mut worst = Duration::ZERO;
            let mut n = 0u32;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                n += 1;
                let key = format!("user new{}", n % 1000);
                let mark = Mark { key: key.as_bytes(), weight: 1, now: 100 };
                let begun = Instant::now();
                store.lock().mark(mark, limit).unwrap();
                worst = worst.max(begun.elapsed());
            }
            worst
        });
        std::thread::sleep(Duration::from_millis(20));
        let begun = Instant::now();
        work();
        let taken = begun.elapsed();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        (asker.join().unwrap(), taken)
    })
}

/// A million keys with a mark each: what they take, and the longest that
/// anybody waits while they go. Beside it, what somebody waits in the same
/// time while the processor is as busy with something else. Medians of nine,
/// for the machine has its own pauses.
fn million(name: &str, make: fn(u32) -> String) {
    let before = memory();
    let store = Mutex::new(Store::new(2_000_000));
    let limit = || Ok(Limit { seconds: 60, count: 5 });
    let (mut waits, mut others, mut sweeps) = (vec![], vec![], vec![]);
    for round in 0..9 {
        let begun = Instant::now();
        for n in 0..1_000_000u32 {
            let key = make(n);
            let mark = Mark { key: key.as_bytes(), weight: 1, now: 1 };
            store.lock().mark(mark, limit).unwrap();
        }
        let taken = begun.elapsed();
        if round == 0 {
            println!(
                "1 M keys, one mark ({name}): {:.0} MB in the process, \
                 {:.0} MB for the keys, {:.0} ns a key",
                memory(),
                memory() - before,
                taken.as_nanos() as f64 / 1e6,
            );
        }
        let (wait, swept) = worst_while(&store, || Store::sweep(&store, 100));
        let (other, _) = worst_while(&store, || {
            let begun = Instant::now();
            while begun.elapsed() < swept {
                std::hint::spin_loop();
            }
        });
        waits.push(wait);
        others.push(other);
        sweeps.push(swept);
    }
    for times in [&mut waits, &mut others, &mut sweeps] {
        times.sort_unstable();
    }
    println!(
        "1 M keys expire ({name}): worst pause {:.1?}, {:.1?} at most \
         (without: {:.1?}, {:.1?} at most), sweep {:.1?}, {:.0} MB afterwards",
        waits[4],
        waits[8],
        others[4],
        others[8],
        sweeps[4],
        memory(),
    );
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        Some("--echo") => return echo(&words[2], words[3] == "true"),
        Some("--million-ip") => {
            return million("addresses", |n| {
                format!("ip 10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255)
            });
        }
        Some("--million-user") => {
            return million("mail addresses", |n| {
                format!("user name{n}@example.org")
            });
        }
        // `cargo test` only wants to know that it builds.
        _ if !words.iter().any(|word| word == "--bench") => return,
        _ => {}
    }
    let folder = tempfile::tempdir().unwrap();
    let (_echo, echo_unix, echo_tcp) = start_echo(folder.path(), false);
    let (_once, once_unix, _) = start_echo(folder.path(), true);
    let (_rater, rater_unix, rater_tcp) = start_rater(folder.path());
    let redis = start_redis(folder.path());
    if redis.is_none() {
        println!("redis-server is not installed: its lines are missing");
    }
    let (pipelined, tcp, visits) = (
        "unix, 50 connections, 16 pipelined",
        "TCP, 50 connections, one at a time",
        "unix, one request a connection",
    );
    let mut rows: Vec<Row<'_>> = vec![
        (pipelined, 16, Peer::Echo, &echo_unix, ""),
        (pipelined, 16, Peer::Rater, &rater_unix, ""),
        (tcp, 1, Peer::Echo, &echo_tcp, ""),
        (tcp, 1, Peer::Rater, &rater_tcp, ""),
        (visits, 0, Peer::Echo, &once_unix, ""),
        (visits, 0, Peer::Rater, &rater_unix, ""),
    ];
    if let Some((_, unix, port, script)) = &redis {
        rows.push((pipelined, 16, Peer::RedisIncr, unix, ""));
        rows.push((pipelined, 16, Peer::RedisExact, unix, script));
        rows.push((tcp, 1, Peer::RedisExact, port, script));
        rows.push((visits, 0, Peer::RedisIncr, unix, ""));
    }
    let wanted = words.iter().skip(1).find(|word| !word.starts_with('-'));
    let wanted = wanted.map_or("", String::as_str);
    for what in [pipelined, tcp, visits] {
        if what.contains(wanted) {
            compare(&rows, what);
        }
    }
    if !wanted.is_empty() {
        return;
    }
    for word in ["--million-ip", "--million-user"] {
        let this = std::env::current_exe().unwrap();
        Command::new(this).arg(word).status().unwrap();
    }
}
