//! Limits shared over a real redis-server, which goes away and comes back.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ra_plugins::rater::client::check;
use ra_plugins::rater::clock::Clock;
use ra_plugins::rater::rules::Limit;
use ra_plugins::rater::shared::Shared;
use ra_plugins::rater::store::Store;
use ra_plugins::rater::window::Mark;

use crate::process::{LONG, Place, eventually};

/// A redis-server of our own.
struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// A port that nobody uses.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts one, and waits for it. Nothing where the program is missing,
/// which is said loudly; the machine that checks the project has it.
fn start(port: u16) -> Option<Redis> {
    let started = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .stdout(Stdio::null())
        .spawn();
    let Ok(child) = started else {
        eprintln!("\n*** NOT TESTED: redis-server is not installed ***\n");
        return None;
    };
    let redis = Redis(child);
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < LONG, "redis-server does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    Some(redis)
}

/// Looks at a key on the server until it has answered in time. It then has
/// the script, so a later mark is a single question, and one that was asked
/// before another is answered before it.
async fn look(
    shared: &Shared,
    clock: &Clock,
    mark: Mark<'_>,
    at: Option<u32>,
) -> u64 {
    loop {
        shared.meet(clock).await.unwrap();
        let look = Mark { weight: 0, ..mark };
        if let Some(count) = shared.mark(look, 60, at).await {
            return count;
        }
    }
}

/// The same marks in both stores get the same answers.
#[test]
fn both_stores_count_alike() {
    let port = free_port();
    let Some(_redis) = start(port) else { return };
    let shared = Shared::new(&format!("redis://127.0.0.1:{port}")).unwrap();
    let clock = Clock::set(0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let first = Mark { key: b"ip 0", weight: 0, now: 0 };
        look(&shared, &clock, first, None).await;
        let mut store = Store::new(1000);
        let (mut now, mut random) = (1_000_000u32, 7u64);
        for _ in 0..5000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let dice = (random >> 33) as u32;
            now += [0, 0, 0, 1, 1, 2, 9, 70][dice as usize % 8];
            let shown = now - u32::from(dice >> 3 & 15 == 0);
            let key = format!("ip {}", dice >> 7 & 3);
            let weight = dice >> 9 & 3;
            let mark = Mark { key: key.as_bytes(), weight, now: shown };
            let limit = Limit { seconds: 60, count: 5 };
            let own = store.mark(mark, || Ok(limit)).unwrap();
            let count = match shared.mark(mark, 60, Some(shown)).await {
                Some(count) => count,
                // The machine is busy: the mark counts, but we have to look.
                None => look(&shared, &clock, mark, Some(shown)).await,
            };
            let theirs = format!("{count}/5");
            assert_eq!(own.to_string().split_once(' ').unwrap().1, theirs);
        }
    });
}

/// Two daemons share a limit; then the server dies, each counts alone and
/// answers in time; then it is back, and knows what happened.
#[test]
fn limits_survive_the_server_and_find_together_again() {
    let port = free_port();
    let Some(redis) = start(port) else { return };
    let places: Vec<Place> = (0..2)
        .map(|_| Place::with_store(&format!("redis://127.0.0.1:{port}")))
        .collect();
    let _daemons: Vec<_> = places.iter().map(Place::start).collect();
    let here =
        |place: &Place| place.order(&["status"]).1.contains("store: shared\n");
    let both_here = || places.iter().all(here);
    eventually(both_here);
    let ask = |place: usize, value: &str| {
        check(&places[place].server(), "ip", value, LONG).text
    };
    // On a busy machine the server is sometimes late, and then each counts
    // alone; so we take the first value for which it was not.
    let values = (1..255).map(|it| format!("192.0.2.{it}"));
    let mut values = values.inspect(|_| eventually(both_here));
    let value = values.find(|value| {
        [0, 1, 0, 1].map(|place| ask(place, value))
            == ["0 1/3", "0 2/3", "0 3/3", "1 4/3"]
    });
    let value = value.unwrap();
    let mark = |place| ask(place, &value);
    // What the administrator of one host resets is forgotten by all.
    let reset = |value: &str| places[0].order(&["reset", "ip", value]).1;
    let forgotten = values.find(|value| {
        [ask(1, value), reset(value), ask(1, value)]
            == ["0 1/3", "ok\n", "0 1/3"]
    });
    assert!(forgotten.is_some());
    drop(redis);
    // Each has two marks of its own.
    let begun = Instant::now();
    assert_eq!(mark(0), "0 3/3");
    assert_eq!(mark(1), "0 3/3");
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(5), "{taken:?}");
    eventually(|| !both_here());
    assert_eq!(mark(0), "1 4/3");
    let _redis = start(port).unwrap();
    eventually(both_here);
    // The new server is empty: it is told of the three marks it has missed.
    assert_eq!(mark(1), "1 4/3");
}

/// A server that is slow counts a mark after we have given it up. When it
/// is back nobody tells it a second time.
#[test]
fn a_late_mark_counts_once() {
    let port = free_port();
    let Some(_redis) = start(port) else { return };
    let shared = Shared::new(&format!("redis://127.0.0.1:{port}")).unwrap();
    let clock = Clock::set(0);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let now = clock.at(tokio::time::Instant::now());
        let mark = Mark { key: b"ip ::1", weight: 1, now };
        assert_eq!(look(&shared, &clock, mark, None).await, 0);
        let paused = Command::new("redis-cli")
            .args(["-p", &port.to_string(), "CLIENT", "PAUSE", "500", "ALL"])
            .stdout(Stdio::null())
            .status();
        assert!(paused.unwrap().success());
        assert_eq!(shared.mark(mark, 3600, None).await, None);
        assert!(!shared.is_here());
        // What follows waits in the server's queue, behind that mark.
        let seen = look(&shared, &clock, mark, None).await;
        assert_eq!(seen, 1);
    });
}

/// Plays a server for one client: answers so many scripts, counts them, and
/// hangs up at the next.
fn play(listener: &TcpListener, scripts: usize, heard: &AtomicUsize) {
    let (stream, _) = listener.accept().unwrap();
    let mut answers = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut left = scripts;
    while let Some(head) = lines.next() {
        // An array of words, each with its length in a line before it.
        let words: usize = head.trim_start_matches('*').parse().unwrap();
        let words: Vec<_> = lines.by_ref().take(words * 2).collect();
        let is_script = words[1] == "EVALSHA";
        if is_script && left == 0 {
            return;
        }
        let answer = if is_script { ":1\r\n" } else { "+OK\r\n" };
        left -= usize::from(is_script);
        heard.fetch_add(usize::from(is_script), Ordering::SeqCst);
        answers.write_all(answer.as_bytes()).unwrap();
    }
}

/// Three marks were missed; the server has heard two of them when it goes
/// away again. The next time it is told of the third, and of nothing else.
#[test]
fn what_has_been_told_is_not_told_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let shared = Shared::new(&format!("redis://127.0.0.1:{port}")).unwrap();
    let clock = Clock::set(0);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let heard = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            play(&listener, 2, &heard);
            play(&listener, 9, &heard);
        });
        runtime.block_on(async {
            let now = clock.at(tokio::time::Instant::now());
            for key in [b"ip ::1", b"ip ::2", b"ip ::3"] {
                let mark = Mark { key, weight: 1, now };
                assert_eq!(shared.mark(mark, 60, None).await, None);
            }
            assert!(shared.meet(&clock).await.is_err());
            assert_eq!(heard.load(Ordering::SeqCst), 2);
            assert!(shared.meet(&clock).await.is_ok());
            assert_eq!(heard.load(Ordering::SeqCst), 3);
        });
        // Closes the connection, so that the server ends too.
        drop((shared, runtime));
    });
}
