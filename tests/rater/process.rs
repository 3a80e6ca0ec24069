//! The daemon as a process: state, kills, reloads, bad days.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ra_plugins::rater::client::{check, peek};
use rstest::rstest;

/// The limits of most tests.
const LIMITS: &str = "[limits]\nip = [[\"*\", \"1h\", 3]]\n";

/// Long enough for anything but a failure.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A folder with a daemon's files.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// A folder with a configuration.
    fn new(limits: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.configure(limits);
        place
    }

    /// A folder with a configuration that shares its marks.
    pub(crate) fn with_store(url: &str) -> Self {
        let place = Self::new(LIMITS);
        let path = place.path("rater.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let store = format!("[settings]\nstore = \"{url}\"");
        std::fs::write(path, text.replace("[settings]", &store)).unwrap();
        place
    }

    /// What a daemon says that does not start.
    fn refusal(&self) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_ra"))
            .args(["rater", "serve", "--config"])
            .arg(self.path("rater.toml"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Writes the configuration.
    fn configure(&self, limits: &str) {
        let path = |name| self.0.path().join(name).display().to_string();
        let text = format!(
            "[settings]\nlisten = [\"unix:{}\"]\ncontrol = \"unix:{}\"\n\
             state = \"{}\"\n{limits}",
            path("sock"),
            path("control"),
            path("state"),
        );
        std::fs::write(self.0.path().join("rater.toml"), text).unwrap();
    }

    /// A path in the folder.
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The address of the daemon.
    pub(crate) fn server(&self) -> String {
        format!("unix:{}", self.path("sock").display())
    }

    /// Starts the daemon and waits until it answers.
    pub(crate) fn start(&self) -> Daemon {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ra"));
        command.args(["rater", "serve", "--config"]);
        self.start_with(command.arg(self.path("rater.toml")))
    }

    /// Starts the daemon by a command of the test's own.
    fn start_with(&self, command: &mut Command) -> Daemon {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        _ = std::fs::remove_file(self.path("sock"));
        let child = command.stderr(log).spawn().unwrap();
        let begun = Instant::now();
        while UnixStream::connect(self.path("sock")).is_err() {
            assert!(begun.elapsed() < LONG, "{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
        Daemon(child)
    }

    /// What the daemon has logged.
    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Marks a value and returns the answer.
    fn mark(&self, value: &str) -> String {
        check(&self.server(), "ip", value, LONG).text
    }

    /// Looks at a value.
    fn peek(&self, value: &str) -> String {
        peek(&self.server(), "ip", value, LONG).text
    }

    /// Runs `ra rater …` with the control address.
    pub(crate) fn order(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_ra"))
            .arg("rater")
            .args(words)
            .arg("--config")
            .arg(self.path("rater.toml"))
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }
}

/// A daemon that does not outlive its test.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Sends a signal.
    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it as an administrator would.
    fn stop(mut self) {
        self.signal("TERM");
        assert!(self.0.wait().unwrap().success());
    }

    /// Ends it as fate would.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Waits for something that is going to happen.
pub(crate) fn eventually(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < LONG, "it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_clean_restart_loses_nothing() {
    let place = Place::new(LIMITS);
    let daemon = place.start();
    assert_eq!(place.mark("192.0.2.9"), "0 1/3");
    assert_eq!(place.mark("192.0.2.9"), "0 2/3");
    daemon.stop();
    assert!(!place.path("sock").exists());
    let daemon = place.start();
    assert_eq!(place.mark("192.0.2.9"), "0 3/3");
    daemon.stop();
    let _daemon = place.start();
    assert_eq!(place.mark("192.0.2.9"), "1 4/3");
}

/// The window of a key becomes longer. After a restart it counts as if it
/// had always been.
#[test]
fn a_longer_window_survives_a_restart() {
    let place = Place::new("[limits]\nip = [[\"*\", 3, 9]]\n");
    let daemon = place.start();
    assert_eq!(place.mark("192.0.2.9"), "0 1/9");
    place.configure("[limits]\nip = [[\"*\", \"1h\", 9]]\n");
    daemon.signal("HUP");
    eventually(|| place.log().contains("has been read"));
    let before = check(&place.server(), "ip", "192.0.2.9", LONG).count;
    std::thread::sleep(Duration::from_secs(4));
    let reply = check(&place.server(), "ip", "192.0.2.9", LONG);
    assert_eq!(reply.count, before + 1);
    daemon.stop();
    let _daemon = place.start();
    let reply = peek(&place.server(), "ip", "192.0.2.9", LONG);
    assert_eq!(reply.count, before + 1);
}

/// A second daemon with the same configuration is a mistake, and must not
/// cost the first its socket or its file.
#[test]
fn a_second_daemon_does_no_harm() {
    let place = Place::new(LIMITS);
    let daemon = place.start();
    assert_eq!(place.mark("192.0.2.9"), "0 1/3");
    let words = place.refusal();
    assert!(words.contains("cannot listen on unix:"), "{words}");
    assert_eq!(place.mark("192.0.2.9"), "0 2/3");
    daemon.stop();
    let _daemon = place.start();
    assert_eq!(place.mark("192.0.2.9"), "0 3/3");
}

/// Who ends a daemon in the moment it answers for the first time ends it
/// cleanly, on a busy machine too.
#[test]
fn an_early_end_is_a_clean_end() {
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let place = Place::new(LIMITS);
                for _ in 0..5 {
                    place.start().stop();
                    assert!(!place.path("sock").exists());
                }
            });
        }
    });
}

/// Twenty daemons are killed ten times each, while they are being asked.
#[test]
fn two_hundred_kills_lose_a_second_each_at_most() {
    std::thread::scope(|scope| {
        for seed in 0..20 {
            scope.spawn(move || live_dangerously(seed));
        }
    });
}

/// Marks, is killed, is started again: what was there a second before the
/// kill is still there, and nothing is there that was not marked.
fn live_dangerously(seed: u64) {
    let place = Place::new(LIMITS);
    let mut known = 0;
    for life in 0..10 {
        let daemon = place.start();
        let begun = Instant::now();
        let count = peek(&place.server(), "ip", "key", LONG).count;
        assert!(count >= known, "{count} of {known}: {}", place.log());
        let random = (seed * 7919 + life * 104_729) % 300;
        let end = Duration::from_millis(1050 + random);
        let mut marks = Vec::new();
        while begun.elapsed() < end {
            let reply = check(&place.server(), "ip", "key", LONG);
            marks.push((Instant::now(), reply.count));
            std::thread::sleep(Duration::from_millis(5));
        }
        let killed = Instant::now();
        daemon.kill();
        let second = Duration::from_secs(1);
        let safe = marks.iter().filter(|it| killed - it.0 > second);
        known = safe.map(|it| it.1).max().unwrap_or(known).max(known);
        let most = marks.last().unwrap().1;
        let daemon = place.start();
        let count = peek(&place.server(), "ip", "key", LONG).count;
        assert!((known..=most).contains(&count), "{known} {count} {most}");
        daemon.kill();
    }
    assert!(!place.log().contains("damaged"), "{}", place.log());
}

#[test]
fn a_damaged_file_is_moved_aside() {
    let place = Place::new(LIMITS);
    let daemon = place.start();
    place.mark("192.0.2.9");
    daemon.stop();
    let mut bytes = std::fs::read(place.path("state")).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 0x10;
    std::fs::write(place.path("state"), bytes).unwrap();
    let _daemon = place.start();
    assert_eq!(place.mark("192.0.2.9"), "0 1/3");
    assert!(place.log().contains("wrong checksum; moved to"));
    let aside = std::fs::read_dir(place.0.path()).unwrap().any(|entry| {
        entry.unwrap().file_name().to_string_lossy().contains("damaged")
    });
    assert!(aside);
}

#[test]
fn any_garbage_is_survived() {
    let place = Place::new(LIMITS);
    let mut random = 1u64;
    for length in [1, 7, 8, 9, 100, 5000] {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005);
                random = random.wrapping_add(1_442_695_040_888_963_407);
                random.to_be_bytes()[0]
            })
            .collect();
        std::fs::write(place.path("state"), bytes).unwrap();
        let daemon = place.start();
        assert_eq!(place.mark("192.0.2.9"), "0 1/3");
        daemon.stop();
    }
}

/// A disk that takes no more than 64 KiB of any file.
#[test]
fn a_full_disk_stops_the_file_and_not_the_service() {
    let place = Place::new(LIMITS);
    let mut command = Command::new("sh");
    command.arg("-c").arg(
        "trap '' XFSZ; ulimit -f 64; \
         exec \"$0\" rater serve --config \"$1\"",
    );
    command.arg(env!("CARGO_BIN_EXE_ra")).arg(place.path("rater.toml"));
    let _daemon = place.start_with(&mut command);
    let mut stream = UnixStream::connect(place.path("sock")).unwrap();
    let lines: String = (0..4000).map(|n| format!("ip key {n}\n")).collect();
    stream.write_all(format!("keep\n{lines}").as_bytes()).unwrap();
    eventually(|| place.log().contains("going on without state"));
    assert_eq!(place.mark("192.0.2.9"), "0 1/3");
    let (_, status) = place.order(&["status"]);
    assert!(status.contains("state: in memory only"), "{status}");
}

#[test]
fn reload_takes_the_new_rules_or_keeps_the_old() {
    let place = Place::new(LIMITS);
    let daemon = place.start();
    assert_eq!(place.mark("192.0.2.9"), "0 1/3");
    place.configure("[limits]\nip = [[\"*\", \"1h\", 7]]\n");
    daemon.signal("HUP");
    eventually(|| place.peek("192.0.2.9") == "0 1/7");
    assert!(!place.log().contains("only with the next start"));
    place.configure("store = \"redis://127.0.0.1\"\n[limits]\n");
    daemon.signal("HUP");
    eventually(|| place.log().contains("only with the next start"));
    place.configure("[limits]\nip = [[\"*\", \"1h\", 7]]\n");
    daemon.signal("HUP");
    eventually(|| place.peek("192.0.2.9") == "0 1/7");
    place.configure("[limits]\nip = [[\"*\", \"1h\", 1]]\nuser = [[3]]\n");
    let control = format!("unix:{}", place.path("control").display());
    let output = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["rater", "reload", "--control", &control])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("rater.toml:7:10: "), "{words}");
    assert_eq!(place.mark("192.0.2.9"), "0 2/7");
    assert!(place.log().contains("the old rules stay"));
}

#[test]
fn a_wrong_configuration_does_not_start() {
    let place = Place::new("[limits]\nip = [[\"*\", \"1h\", many]]\n");
    let words = place.refusal();
    assert!(words.contains("rater.toml:6:19: "), "{words}");
}

#[test]
fn orders_are_obeyed() {
    let place = Place::new(LIMITS);
    let _daemon = place.start();
    for _ in 0..4 {
        place.mark("192.0.2.9");
    }
    place.mark("192.0.2.10");
    assert_eq!(
        place.order(&["top"]),
        (Some(0), "4/3 ip 192.0.2.9\n1/3 ip 192.0.2.10\n".to_owned())
    );
    assert_eq!(place.order(&["top", "user"]), (Some(0), String::new()));
    let (_, status) = place.order(&["status"]);
    for line in ["within: 4\n", "over: 1\n", "keys: 2\n", "state: on disk\n"] {
        assert!(status.contains(line), "{status}");
    }
    let reset = ["reset", "ip", "192.0.2.9"];
    assert_eq!(place.order(&reset), (Some(0), "ok\n".to_owned()));
    assert_eq!(place.order(&reset), (Some(1), "not known\n".to_owned()));
    assert_eq!(place.peek("192.0.2.9"), "0 0/3");
    let mut stream = UnixStream::connect(place.path("control")).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.0 200 OK\r\n"), "{page}");
    assert!(page.contains("\nrater_over_total 1\n"), "{page}");
}

#[test]
fn what_is_reset_stays_reset_after_a_restart() {
    let place = Place::new(LIMITS);
    let daemon = place.start();
    place.mark("192.0.2.9");
    place.order(&["reset", "ip", "192.0.2.9"]);
    place.mark("192.0.2.9");
    daemon.kill();
    let daemon = place.start();
    daemon.stop();
    let _daemon = place.start();
    assert!(peek(&place.server(), "ip", "192.0.2.9", LONG).count <= 1);
}

/// The two answers and exit statuses of the command.
#[test]
fn the_command_prints_the_answer() {
    let place = Place::new("[limits]\nip = [[\"*\", \"1h\", 1]]\n");
    let _daemon = place.start();
    let check = |program: &Path, words: &[&str]| {
        let output = Command::new(program)
            .args(words)
            .env("RATER", place.server())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    };
    let ra = Path::new(env!("CARGO_BIN_EXE_ra"));
    let words = ["rater", "check", "ip", "192.0.2.9"];
    assert_eq!(check(ra, &words), (Some(0), "0 1/1\n".to_owned()));
    let client = place.path("raterclient");
    std::os::unix::fs::symlink(ra, &client).unwrap();
    let over = (Some(1), "1 2/1\n".to_owned());
    assert_eq!(check(&client, &["ip", "192.0.2.9"]), over);
    let words = ["rater", "peek", "ip", "192.0.2.9", "--json"];
    let json = "{\"answer\":1,\"count\":2,\"limit\":1,\"text\":\"1 2/1\"}\n";
    assert_eq!(check(ra, &words), (Some(1), json.to_owned()));
    let words = ["rater", "check", "nobody", "192.0.2.9"];
    let unknown = "2 Class not found: nobody\n".to_owned();
    assert_eq!(check(ra, &words), (Some(2), unknown));
}

/// More clients than the daemon has descriptors for: those who never say
/// anything are sent away in time, the others are served, and the log does
/// not grow with them.
#[test]
fn more_connections_than_descriptors() {
    let place = Place::new(LIMITS);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("ulimit -n 40; exec \"$0\" rater serve --config \"$1\"");
    command.arg(env!("CARGO_BIN_EXE_ra")).arg(place.path("rater.toml"));
    let _daemon = place.start_with(&mut command);
    let mut early = UnixStream::connect(place.path("sock")).unwrap();
    early.write_all(b"keep\n").unwrap();
    let mut answer = [0; 8];
    early.read_exact(&mut answer).unwrap();
    let path = place.path("sock");
    let crowd: Vec<_> =
        (0..100).filter_map(|_| UnixStream::connect(&path).ok()).collect();
    eventually(|| place.log().contains("cannot accept a connection"));
    early.write_all(b"ip 192.0.2.9\n").unwrap();
    let mut answer = [0; 7];
    let read = early.read_exact(&mut answer);
    assert!(read.is_ok(), "{read:?}: {}", place.log());
    assert_eq!(&answer, b"0 1/3\r\n");
    // With the silent crowd still there, a newcomer gets his turn.
    assert_eq!(place.mark("192.0.2.9"), "0 2/3");
    drop(crowd);
    assert!(place.log().lines().count() < 60, "{}", place.log());
}

/// Under systemd the socket is there before the daemon, and after it: it is
/// not the daemon's to remove.
#[test]
fn systemd_may_bring_the_socket() {
    let place = Place::new(LIMITS);
    let listener =
        std::os::unix::net::UnixListener::bind(place.path("sock")).unwrap();
    use std::os::fd::AsRawFd;
    let descriptor = listener.as_raw_fd();
    let notify = std::os::unix::net::UnixDatagram::bind(place.path("notify"));
    let notify = notify.unwrap();
    notify.set_read_timeout(Some(LONG)).unwrap();
    // The shell puts the socket where systemd would have put it.
    let script = format!(
        "exec 3<&{descriptor}; LISTEN_FDS=1 LISTEN_PID=$$ \
         exec \"$0\" rater serve --config \"$1\""
    );
    let mut command = Command::new("bash");
    command.arg("-c").arg(script);
    command.arg(env!("CARGO_BIN_EXE_ra")).arg(place.path("rater.toml"));
    command.env("NOTIFY_SOCKET", place.path("notify"));
    clear_close_on_exec(&listener);
    let mut child = command.stderr(Stdio::null()).spawn().map(Daemon).unwrap();
    let mut word = [0; 64];
    let length = notify.recv(&mut word).unwrap();
    assert_eq!(&word[..length], b"READY=1\n");
    assert_eq!(place.mark("192.0.2.9"), "0 1/3");
    child.signal("TERM");
    assert!(child.0.wait().unwrap().success());
    assert!(place.path("sock").exists());
    assert!(!place.path("control").exists());
}

/// Lets a child inherit the listener.
fn clear_close_on_exec(listener: &impl std::os::fd::AsFd) {
    let socket = socket2::SockRef::from(listener);
    socket.set_cloexec(false).unwrap();
}

/// The resident memory of a process in kilobytes.
fn memory(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A hundred thousand connections in turn, most of which talk nonsense: the
/// daemon answers each with one line that begins with 0, 1 or 2, and is no
/// larger afterwards.
#[test]
fn a_hundred_thousand_visitors_leave_no_trace() {
    let place = Place::new(LIMITS);
    let daemon = place.start();
    let visit = |seed: u64, visits: u64| {
        let mut random = seed;
        for n in 0..visits {
            let mut line: Vec<u8> = (0..random >> 58)
                .map(|_| {
                    random = random.wrapping_mul(6_364_136_223_846_793_005);
                    random = random.wrapping_add(1_442_695_040_888_963_407);
                    random.to_be_bytes()[0]
                })
                .collect();
            random = random.rotate_left(5).wrapping_add(n);
            if n % 4 == 0 {
                line = format!("ip 192.0.2.{}", n % 100).into_bytes();
            }
            line.push(b'\n');
            let mut stream = UnixStream::connect(place.path("sock")).unwrap();
            stream.write_all(&line).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let is_keep = line.starts_with(b"keep");
            assert!(is_keep || answer.ends_with(b"\r\n"), "{line:?}");
            assert!(matches!(answer[0], b'0'..=b'2'), "{answer:?}");
            assert_eq!(answer.iter().filter(|it| **it == b'\n').count(), 1);
        }
    };
    visit(1, 2000);
    let before = memory(daemon.0.id());
    std::thread::scope(|scope| {
        for seed in 2..6 {
            let visit = &visit;
            scope.spawn(move || visit(seed << 56, 25_000));
        }
    });
    let after = memory(daemon.0.id());
    assert!(after < before + 4096, "{before} kB, then {after} kB");
}

/// The plugins ask the daemon that `RATER` names, and do without one.
/// Whoever can write a line break, or a very long name, is counted all the
/// same: it is a stranger who chooses.
#[rstest]
#[case::carriage_return("a\rb@c.example", "a?b@c.example")]
#[case::line_break("a\nip x", "a?ip x")]
#[case::long(&"é".repeat(700), &"é".repeat(498))]
fn any_key_is_counted(#[case] sender: &str, #[case] counted: &str) {
    let place = Place::new("[limits]\nip = [[\"*\", \"1h\", 1]]\n");
    let _daemon = place.start();
    let plugin = || {
        let output = Command::new(env!("CARGO_BIN_EXE_ra"))
            .args(["plugin", "rater"])
            .env("RATER_CLASS", "ip")
            .env("RATER_KEY", "${SMTPMAILFROM}")
            .env("SMTPMAILFROM", sender)
            .env("RATER", place.server())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(plugin(), "");
    assert!(plugin().starts_with("R421 Too many connections."));
    assert_eq!(place.peek(counted), "1 2/1");
}

#[test]
fn plugins_ask_the_daemon() {
    let place = Place::new("[limits]\nip = [[\"*\", \"1h\", 1]]\n");
    let plugin = |server: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_ra"))
            .args(["plugin", "ipthrottle"])
            .env("TCPREMOTEIP", "2001:db8::9")
            .env("RATER", server)
            .output()
            .unwrap();
        assert!(output.status.success());
        let log = String::from_utf8(output.stderr).unwrap();
        let log = log.split_once(" - ").map(|it| it.1.to_owned());
        (String::from_utf8(output.stdout).unwrap(), log.unwrap_or_default())
    };
    let away = (String::new(), "Can't connect to rater\n".to_owned());
    assert_eq!(plugin(&place.server()), away);
    let _daemon = place.start();
    assert_eq!(plugin(&place.server()), (String::new(), String::new()));
    let (reply, log) = plugin(&place.server());
    assert!(reply.starts_with("R421 Too many connections."), "{reply}");
    assert_eq!(log, "Rate exceeded per IP (2001:db8::9)\n");
    assert_eq!(place.peek("2001:db8::/64"), "1 2/1");
    assert_eq!(plugin("nonsense"), away);
}
