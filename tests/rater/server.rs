//! The daemon on the wire.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use ra_plugins::rater::clock::Clock;
use ra_plugins::rater::listener::Listener;
use ra_plugins::rater::log::{Level, Log};
use ra_plugins::rater::rules::{Class, Limit, Rules};
use ra_plugins::rater::server::{Service, serve};
use ra_plugins::rater::store::Store;
use rstest::rstest;

/// A daemon inside the test.
struct Daemon {
    tcp: std::net::SocketAddr,
    unix: std::path::PathBuf,
    _folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Daemon {
    /// Starts one with a few limits.
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let unix = folder.path().join("rater.sock");
        let limit = |pattern: &str, seconds, count| {
            (pattern.to_owned(), Limit { seconds, count })
        };
        let user = [limit("joe", 600, 2), limit("free*", 0, 0)];
        let ip = [limit("*", 600, 3)];
        let classes = [
            ("user".to_owned(), Class::new(&user).unwrap()),
            ("ip".to_owned(), Class::new(&ip).unwrap()),
        ];
        let rules = Rules { classes: classes.into() };
        let service = Arc::new(Service {
            rules: RwLock::new(rules),
            store: Mutex::new(Store::new(1000)),
            shared: None,
            clock: Clock::set(0),
            answers: Default::default(),
            log: Log::new(Level::Error),
        });
        let _guard = runtime.enter();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let tcp = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        runtime.spawn(serve(Listener::Tcp(listener), Arc::clone(&service)));
        let listener = tokio::net::UnixListener::bind(&unix).unwrap();
        runtime.spawn(serve(Listener::Unix(listener), service));
        drop(_guard);
        Self { tcp, unix, _folder: folder, _runtime: runtime }
    }

    /// Sends something, and returns everything that comes back.
    fn ask(&self, sent: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.tcp).unwrap();
        stream.write_all(sent).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }
}

#[rstest]
#[case::mark(b"user joe\n", "0 1/2\r\n")]
#[case::crlf(b"user joe\r\n", "0 1/2\r\n")]
#[case::not_limited(b"user freedom\n", "0 0/0\r\n")]
#[case::no_rule_is_no_limit(b"user eva\n", "0 0/0\r\n")]
#[case::value_with_spaces(b"ip a b c\n", "0 1/3\r\n")]
#[case::empty_value(b"ip \n", "0 1/3\r\n")]
#[case::no_space(b"user\n", "2 Bad Input (no space)\r\n")]
#[case::empty(b"\n", "2 Bad Input (no space)\r\n")]
#[case::no_class(b"nobody joe\n", "2 Class not found: nobody\r\n")]
#[case::no_name(b" joe\n", "2 Class not found: \r\n")]
#[case::controls(b"no\x1bbody joe\n", "2 Class not found: no?body\r\n")]
#[case::not_utf8(b"user \xff\n", "2 Bad Input (not UTF-8)\r\n")]
#[case::ping(b"ping\n", "0 pong\r\n")]
#[case::peek_needs_keep(b"?user joe\n", "2 Class not found: ?user\r\n")]
#[case::one_answer_only(b"user joe\nuser joe\n", "0 1/2\r\n")]
#[case::over(
    b"keep\nuser joe\nuser joe\nuser joe\nping\nnonsense\n+x y\n",
    "0 keep\r\n0 1/2\r\n0 2/2\r\n1 3/2\r\n0 pong\r\n\
     2 Bad Input (no space)\r\n2 Class not found: +x\r\n"
)]
#[case::a_weight_is_digits(
    b"keep\n++1 user joe\n",
    "0 keep\r\n2 Class not found: ++1\r\n"
)]
#[case::peek_and_weigh(
    b"keep\n?user joe\n+2 user joe\n?user joe\n+1 user joe\n?user joe\n",
    "0 keep\r\n0 0/2\r\n0 2/2\r\n0 2/2\r\n1 3/2\r\n1 3/2\r\n"
)]
#[case::classes_do_not_share(
    b"keep\nip joe\nuser joe\n",
    "0 keep\r\n0 1/3\r\n0 1/2\r\n"
)]
fn answers_to_the_byte(#[case] sent: &[u8], #[case] expected: &str) {
    let daemon = Daemon::start();
    let mut stream = UnixStream::connect(&daemon.unix).unwrap();
    stream.write_all(sent).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, expected);
}

#[rstest]
#[case::longest(1000, "0 1/3\r\n")]
#[case::too_long(1001, "2 Line is too long\r\n")]
#[case::much_too_long(100_000, "2 Line is too long\r\n")]
fn long_lines(#[case] length: usize, #[case] expected: &str) {
    let daemon = Daemon::start();
    let line = format!("ip {}", "x".repeat(length - 3));
    assert_eq!(daemon.ask(format!("{line}\n").as_bytes()), expected);
    let again = expected.replace("1/3", "2/3");
    assert_eq!(daemon.ask(format!("{line}\r\n").as_bytes()), again);
}

#[test]
fn an_endless_line_is_answered_before_its_end() {
    let daemon = Daemon::start();
    let mut stream = TcpStream::connect(daemon.tcp).unwrap();
    stream.write_all(&[b'x'; 1001]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "2 Line is too long\r\n");
}

#[test]
fn a_slow_line_times_out_and_the_others_do_not_wait() {
    let daemon = Daemon::start();
    let begun = Instant::now();
    let mut slow = TcpStream::connect(daemon.tcp).unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    let mut answer = [0; 64];
    let length = loop {
        // One letter after the other does not buy time.
        _ = slow.write_all(b"x");
        assert_eq!(&daemon.ask(b"ping\n"), "0 pong\r\n");
        match slow.read(&mut answer) {
            Ok(length) => break length,
            Err(_) => assert!(begun.elapsed() < Duration::from_secs(60)),
        }
    };
    assert_eq!(&answer[..length], b"2 Timeout\r\n");
    assert!(begun.elapsed() >= Duration::from_secs(4));
}

#[test]
fn many_pipelined_questions_get_as_many_answers() {
    let daemon = Daemon::start();
    let stream = UnixStream::connect(&daemon.unix).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let line = b"ip 192.0.2.9\n".repeat(20_000);
        writer.write_all(b"keep\n").unwrap();
        writer.write_all(&line).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut answers = String::new();
    (&stream).read_to_string(&mut answers).unwrap();
    sender.join().unwrap();
    assert_eq!(answers.lines().count(), 20_001);
    assert_eq!(answers.lines().last(), Some("1 20000/3"));
}

#[test]
fn what_arrives_together_is_answered_in_its_order() {
    let daemon = Daemon::start();
    let mut sent = b"keep\nping\n".to_vec();
    let mut expected = "0 keep\r\n0 pong\r\n".to_owned();
    // A key that nobody knew before, several times in one batch and in the
    // next, with other lines between.
    for n in 1..=20u32 {
        sent.extend_from_slice(b"ip 192.0.2.9\nuser\n?ip 192.0.2.9\n");
        let over = u32::from(n > 3);
        let mark = format!("{over} {n}/3\r\n");
        expected += &format!("{mark}2 Bad Input (no space)\r\n{mark}");
    }
    sent.extend_from_slice(&[b'x'; 1001]);
    sent.extend_from_slice(b"\nip 192.0.2.9\n");
    expected += "2 Line is too long\r\n";
    assert_eq!(daemon.ask(&sent), expected);
    assert_eq!(daemon.ask(b"ip 192.0.2.9\n"), "1 21/3\r\n");
}

#[test]
fn half_a_line_is_no_mark() {
    let daemon = Daemon::start();
    let mut stream = UnixStream::connect(&daemon.unix).unwrap();
    stream.write_all(b"keep\nip 192.0.2.").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "0 keep\r\n");
    assert_eq!(daemon.ask(b"ip 192.0.2.\n"), "0 1/3\r\n");
}
