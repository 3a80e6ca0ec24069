//! Asking the sender's own server, which here says what a test wants.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic, and its helpers too"
)]

mod people;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use people::{TestZone, block_on_paused, snapshot};
use ra_plugins::frozen::Frozen;
use ra_plugins::memory::{InMemory, Note};
use ra_plugins::network::{Connecting, Connection, Network};
use ra_plugins::plugin::Verdict;
use ra_plugins::registry;
use ra_plugins::session::Session;
use ra_plugins::world::{Clock, SystemClock, Waiting, World};
use rstest::rstest;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// What the server does at one step.
#[derive(Clone, Copy)]
enum Act {
    /// Says this, with a line end behind it.
    Say(&'static str),
    /// Says it after so many seconds.
    Late(u64, &'static str),
    /// Says it letter by letter, two seconds each.
    Drip(&'static str),
    /// Hangs up.
    Close,
    /// Goes on and on.
    Flood,
}

use Act::{Close, Drip, Flood, Late, Say};

/// A server: what it does at each step.
#[derive(Clone, Copy)]
struct Script {
    greeting: Act,
    ehlo: Act,
    helo: Act,
    mail: Act,
    recipient: Act,
    stranger: Act,
}

/// A server that knows joe and nobody else.
const GOOD: Script = Script {
    greeting: Say("220 mx.good.example ESMTP"),
    ehlo: Say("250-mx.good.example\r\n250-PIPELINING\r\n250 8BITMIME"),
    helo: Say("250 mx.good.example"),
    mail: Say("250 ok"),
    recipient: Say("250 ok"),
    stranger: Say("550 no such user"),
};

/// A network with such servers, and a note of all that was said.
#[derive(Clone)]
struct Scripted {
    script: Script,
    heard: Arc<Mutex<Vec<String>>>,
    unreachable: Vec<SocketAddr>,
}

impl Scripted {
    /// A network in which everybody follows one script.
    fn new(script: Script) -> Self {
        Self { script, heard: Arc::default(), unreachable: Vec::new() }
    }

    /// What the servers have heard, line by line.
    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// How often somebody has connected.
    fn connections(&self) -> usize {
        let heard = self.heard();
        heard.iter().filter(|line| line.starts_with("connection")).count()
    }

    /// Follows the script until the client goes.
    async fn serve(self, stream: DuplexStream) {
        let mut stream = BufReader::new(stream);
        if !perform(&mut stream, self.script.greeting).await {
            return;
        }
        let mut recipients = 0;
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            let command = line.trim_end().to_owned();
            line.clear();
            let act = match command.split_once(' ').map_or("", |it| it.0) {
                "EHLO" => self.script.ehlo,
                "HELO" => self.script.helo,
                "MAIL" => self.script.mail,
                "RCPT" if recipients == 0 => self.script.recipient,
                "RCPT" => self.script.stranger,
                _ => Close,
            };
            recipients += usize::from(command.starts_with("RCPT"));
            self.heard.lock().unwrap().push(command);
            if !perform(&mut stream, act).await {
                return;
            }
        }
    }
}

/// Does one thing; false if the server hangs up.
async fn perform(stream: &mut BufReader<DuplexStream>, act: Act) -> bool {
    match act {
        Say(text) => say(stream, text).await,
        Late(seconds, text) => {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            say(stream, text).await
        }
        Drip(text) => {
            for byte in text.bytes() {
                tokio::time::sleep(Duration::from_secs(2)).await;
                if stream.write_all(&[byte]).await.is_err() {
                    return false;
                }
            }
            say(stream, "").await
        }
        Close => false,
        Flood => {
            while say(stream, "250-and").await {}
            false
        }
    }
}

/// Writes a line.
async fn say(stream: &mut BufReader<DuplexStream>, text: &str) -> bool {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.is_ok()
}

impl Network for Scripted {
    fn connect(&self, address: SocketAddr) -> Connecting<'_> {
        let line = format!("connection to {address}");
        self.heard.lock().unwrap().push(line);
        if self.unreachable.contains(&address) {
            let refused = std::io::ErrorKind::ConnectionRefused;
            return Box::pin(std::future::ready(Err(refused.into())));
        }
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn(self.clone().serve(theirs));
        let stream: Box<dyn Connection> = Box::new(ours);
        Box::pin(std::future::ready(Ok(stream)))
    }
}

/// A clock that shows the same as a paused one of tokio: it starts at a
/// known time and moves when all wait.
struct TestClock(tokio::time::Instant);

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        start + self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> Waiting<'_, ()> {
        SystemClock.sleep(time)
    }
}

/// The world with a network and a zone, in which some is cached already.
fn world(network: &Scripted, memory: InMemory) -> World {
    let mut world = Frozen::new()
        .file("control/me", "mx.example.org\n")
        .file("control/cbwldom", "friends.example\n")
        .file("control/cbwladdr", "jim@good.example\n")
        .dns(TestZone::recorded())
        .network(network.clone())
        .memory(memory)
        .world();
    world.clock = Arc::new(TestClock(tokio::time::Instant::now()));
    world
}

/// The file in which answers are kept.
fn cache(world: &World) -> std::path::PathBuf {
    world.path("control/checkbackcache.db")
}

/// Asks about joe@good.example, enforcing.
fn session() -> Session {
    Session::new(1)
        .with("SMTPMAILFROM", "joe@good.example")
        .with("CHECKBACK_MODE", "enforce")
}

/// Runs the plugin in a world.
async fn check(session: &Session, world: &World) -> Verdict {
    registry::find("checkback").unwrap().judge(session, world).await
}

/// What a server was told and what came of it, for a reader.
fn told(script: Script) -> String {
    let network = Scripted::new(script);
    let (verdict, seconds) = block_on_paused(async {
        let memory = InMemory::default();
        let verdict = check(&session(), &world(&network, memory)).await;
        // Time for the farewell to arrive.
        tokio::time::sleep(Duration::from_millis(10)).await;
        verdict
    });
    let heard = network.heard().join("\n");
    let (output, log) = (verdict.output(), verdict.log_lines("checkback", 1));
    let text = format!("{heard}\n\n{output}{log}{seconds} seconds\n");
    // The stranger's name holds the time.
    text.replace("nobody-1-1000000000000000", "nobody-1-TIME")
}

#[rstest]
#[case::a_known_sender("known", GOOD)]
#[case::an_unknown_sender(
    "unknown", Script { recipient: Say("550 5.1.1 who?"), ..GOOD })]
#[case::no_bounces(
    "no-bounces", Script { mail: Say("550 no bounces"), ..GOOD })]
#[case::first_encrypt(
    "tls-first", Script { mail: Say("530 STARTTLS"), ..GOOD })]
#[case::an_old_server("old-server", Script { ehlo: Say("502 what?"), ..GOOD })]
#[case::everybody("catch-all", Script { stranger: Say("250 ok"), ..GOOD })]
#[case::busy("busy", Script { greeting: Say("421 too busy"), ..GOOD })]
#[case::greylisting(
    "greylisting", Script { recipient: Say("451 later"), ..GOOD })]
#[case::slow_banner(
    "slow-banner", Script { greeting: Late(15, "220 hello"), ..GOOD })]
#[case::slower_banner(
    "slower-banner", Script { greeting: Late(60, "220 hello"), ..GOOD })]
#[case::drip("drip", Script { ehlo: Drip("250 mx.good.example"), ..GOOD })]
#[case::closed("closed", Script { mail: Close, ..GOOD })]
#[case::flood("flood", Script { ehlo: Flood, ..GOOD })]
#[case::not_smtp("not-smtp", Script { greeting: Say("HTTP/1.1 400"), ..GOOD })]
fn a_server_is_asked(#[case] name: &str, #[case] script: Script) {
    snapshot(&format!("checkback__{name}"), &told(script));
}

/// Every step at which a server can refuse, with 4xx and 5xx.
#[rstest]
#[case::greeting(|it| Script { greeting: it, ..GOOD }, "451", "451")]
#[case::ehlo(|it| Script { ehlo: it, ..GOOD }, "451", "")]
#[case::helo(
    |it| Script { ehlo: Say("500 no"), helo: it, ..GOOD }, "451", "451")]
#[case::mail(|it| Script { mail: it, ..GOOD }, "451", "553")]
#[case::recipient(|it| Script { recipient: it, ..GOOD }, "451", "553")]
#[case::stranger(|it| Script { stranger: it, ..GOOD }, "", "")]
fn every_step_may_be_refused(
    #[case] script: fn(Act) -> Script,
    #[case] after_4xx: &str,
    #[case] after_5xx: &str,
) {
    let replies = [
        (Say("450 later"), after_4xx),
        (Say("450-one\r\n450-two\r\n450 three"), after_4xx),
        (Say("550 no"), after_5xx),
        (Say("550-one\r\n550 two"), after_5xx),
    ];
    for (act, code) in replies {
        let network = Scripted::new(script(act));
        let (verdict, _) = block_on_paused(async {
            check(&session(), &world(&network, InMemory::default())).await
        });
        let output = verdict.output();
        let start = if code.is_empty() { "" } else { "E" };
        assert!(output.starts_with(&format!("{start}{code}")), "{output}");
        assert_eq!(output.is_empty(), code.is_empty());
    }
}

#[test]
fn the_second_server_is_asked_where_the_first_is_away() {
    let mut network = Scripted::new(GOOD);
    network.unreachable = vec!["192.0.2.25:25".parse().unwrap()];
    let (verdict, _) = block_on_paused(async {
        check(&session(), &world(&network, InMemory::default())).await
    });
    assert_eq!(verdict.output(), "");
    assert_eq!(network.heard()[1], "connection to 192.0.2.26:25");
}

#[test]
fn ipv6_servers_are_asked() {
    let network = Scripted::new(GOOD);
    let session = session().with("SMTPMAILFROM", "joe@v6only.example");
    block_on_paused(async {
        check(&session, &world(&network, InMemory::default())).await
    });
    assert_eq!(network.heard()[0], "connection to [2001:db8::30]:25");
}

#[test]
fn nobody_is_led_to_a_machine_behind_our_own_door() {
    let network = Scripted::new(GOOD);
    let zone = TestZone::default().with("trap.example", "A", "127.0.0.1");
    let session = session().with("SMTPMAILFROM", "joe@trap.example");
    let (verdict, _) = block_on_paused(async {
        let mut world = world(&network, InMemory::default());
        world.dns = Arc::new(zone);
        check(&session, &world).await
    });
    assert_eq!(network.heard(), Vec::<String>::new());
    assert!(verdict.output().starts_with("E451"));
}

#[rstest]
#[case::in_log_mode("", "")]
#[case::enforcing("enforce", "E553 sorry, Could not verify sender (#5.7.1)\n")]
#[case::misspelt("enfroce", "")]
fn only_who_asks_for_it_refuses(#[case] mode: &str, #[case] output: &str) {
    let network = Scripted::new(Script { recipient: Say("550 who?"), ..GOOD });
    let session = session().with("CHECKBACK_MODE", mode);
    let (verdict, _) = block_on_paused(async {
        check(&session, &world(&network, InMemory::default())).await
    });
    assert_eq!(verdict.output(), output);
    let would = "would have: E553 sorry, Could not verify sender (#5.7.1)";
    assert_eq!(verdict.log.iter().any(|it| it == would), output.is_empty());
}

#[rstest]
#[case::yes(GOOD, "")]
#[case::no(Script { recipient: Say("550 who?"), ..GOOD }, "E553")]
#[case::no_bounces(Script { mail: Say("550 no"), ..GOOD }, "E553")]
#[case::nobody_could_say(Script { greeting: Close, ..GOOD }, "E451")]
fn nobody_is_asked_twice(#[case] script: Script, #[case] start: &str) {
    let network = Scripted::new(script);
    block_on_paused(async {
        let world = world(&network, InMemory::default());
        for _ in 0..2 {
            let verdict = check(&session(), &world).await;
            assert!(verdict.output().starts_with(start));
        }
    });
    let mails = network.heard().iter().filter(|it| it.contains("EHLO")).count();
    assert!(mails <= 1, "{:?}", network.heard());
}

#[test]
fn a_catch_all_is_one_answer_for_the_whole_domain() {
    let network = Scripted::new(Script { stranger: Say("250 ok"), ..GOOD });
    let other = session().with("SMTPMAILFROM", "jane@good.example");
    let (verdict, _) = block_on_paused(async {
        let world = world(&network, InMemory::default());
        check(&session(), &world).await;
        check(&other, &world).await
    });
    assert!(verdict.log[1].starts_with("Sender in cache (jane@good.example"));
    assert_eq!(network.connections(), 1);
}

#[rstest]
#[case::young(86_000, true)]
#[case::old(86_500, false)]
#[case::from_the_future(-86_000, false)]
fn an_answer_is_believed_for_a_day(#[case] age: i64, #[case] cached: bool) {
    let network = Scripted::new(GOOD);
    let seconds = (1_000_000 - age).try_into().unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    block_on_paused(async {
        let world = world(&network, InMemory::default());
        let note = Note { text: "refused".into(), time };
        let file = cache(&world);
        world.memory.remember(&file, "joe@good.example", &note).unwrap();
        check(&session(), &world).await
    });
    assert_eq!(network.heard().is_empty(), cached);
}

#[rstest]
#[case::logging("log", 0, "good.example is being asked already")]
#[case::enforcing("enforce", 19, "good.example is being asked already")]
fn a_domain_is_asked_by_one_process_at_a_time(
    #[case] mode: &str,
    #[case] at_least: u64,
    #[case] log: &str,
) {
    let network = Scripted::new(GOOD);
    let session = session().with("CHECKBACK_MODE", mode);
    let (verdict, seconds) = block_on_paused(async {
        let world = world(&network, InMemory::default());
        let (file, time) = (cache(&world), Duration::from_secs(25));
        let now = world.clock.now();
        let claim = world.memory.claim(&file, "@good.example", now, time);
        assert!(claim.unwrap().is_some());
        check(&session, &world).await
    });
    assert_eq!(network.heard(), Vec::<String>::new());
    assert!(verdict.log.iter().any(|it| it == log), "{:?}", verdict.log);
    assert!((at_least..=25).contains(&seconds), "{seconds}");
}

#[test]
fn who_waits_for_another_process_takes_its_answer() {
    let network = Scripted::new(Script { greeting: Late(4, "220 x"), ..GOOD });
    block_on_paused(async {
        let world = world(&network, InMemory::default());
        let session = session();
        let (first, second): (Verdict, Verdict) =
            tokio::join!(check(&session, &world), check(&session, &world));
        assert_eq!(first.output() + &second.output(), "");
        assert_eq!(second.log.last().unwrap(), "OK joe@good.example");
    });
    assert_eq!(network.connections(), 1);
}

#[rstest]
#[case::a_domain("x@friends.example", "Whitelisted domain")]
#[case::an_address("Jim@good.example", "Whitelisted address")]
fn some_are_not_asked_about(#[case] from: &str, #[case] log: &str) {
    let network = Scripted::new(GOOD);
    let session = session().with("SMTPMAILFROM", from);
    let (verdict, _) = block_on_paused(async {
        check(&session, &world(&network, InMemory::default())).await
    });
    assert_eq!(verdict.log, [log]);
}

#[rstest]
#[case::brackets("a>b@good.example")]
#[case::a_space("\"a b\"@good.example")]
#[case::beyond_ascii("j\u{f6}@good.example")]
fn nothing_is_smuggled_into_a_command(#[case] from: &str) {
    let network = Scripted::new(GOOD);
    let session = session().with("SMTPMAILFROM", from);
    block_on_paused(async {
        check(&session, &world(&network, InMemory::default())).await
    });
    assert_eq!(network.heard(), Vec::<String>::new());
}
