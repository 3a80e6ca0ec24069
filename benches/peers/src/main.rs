//! Races SPF libraries: the same cases, the same machine, the same minute.
//!
//! `cargo run --release -p peers` prints who gives the right results, how
//! long an evaluation takes (geometric mean, best of several rounds), and
//! how long it takes when each DNS answer takes 20 ms.

mod data;
#[path = "../../../tests/dns_server/mod.rs"]
mod dns_server;
mod mail_auth_peer;
mod viaspf_peer;

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ra_plugins::dns::system::open;
use ra_plugins::frozen::Frozen;
use ra_plugins::spf::check::Checker;
use ra_plugins::spf::outcome::Outcome;
use ra_plugins::spf::record::Record;
use ra_plugins::world::World;

use data::Case;
use dns_server::Server;

/// How long one measurement lasts: short, so that some of them have the
/// processor for themselves.
const ROUND: Duration = Duration::from_micros(500);

/// How many of them there are; the fastest counts.
const ROUNDS: usize = 60;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap();
    let cases = data::cases("realistic");
    agree(&runtime, &cases);
    println!("\nCPU, realistic.yml, geometric mean of {}:", cases.len());
    // viaspf wants a clock for its time limit, waiting or not.
    let inside = runtime.enter();
    race(&cases, true);
    race(&cases, false);
    drop(inside);
    let records = data::records(&cases);
    let times = records.iter().map(|it| {
        let ours = || _ = black_box(Record::parse_bytes(it));
        time([&ours, &|| mail_auth_peer::parse(it)])
    });
    let [ours, theirs] = geometric_means(times);
    line("parse one record", ours, &[("mail-auth", theirs)]);
    runtime.block_on(latency(&cases));
}

/// How long all cases take when each DNS answer takes 20 ms and nothing is
/// cached.
async fn latency(cases: &[Case]) {
    let pause = Duration::from_millis(20);
    let (mut ours, mut plain) = (Duration::ZERO, Duration::ZERO);
    let (mut second, mut third) = (Duration::ZERO, Duration::ZERO);
    let config = viaspf::Config::default();
    for case in cases {
        let server: Server = Server::start(Arc::clone(&case.zone), pause).await;
        let address: String = server.address.to_string();
        let query = case.test.query();
        for (look_ahead, sum) in [(true, &mut ours), (false, &mut plain)] {
            let dns = open(&address).unwrap();
            let world = World { dns, ..World::real("/") };
            let checker = Checker { look_ahead, ..Checker::new(&world) };
            let start = Instant::now();
            black_box(checker.check(&query).await);
            *sum += start.elapsed();
        }
        let it = mail_auth_peer::authenticator_for(server.address);
        let start = Instant::now();
        mail_auth_peer::ask(&it, case).await;
        second += start.elapsed();
        let asking = viaspf_peer::Asking(open(&address).unwrap());
        let start = Instant::now();
        viaspf_peer::run(&asking, &config, case).await;
        third += start.elapsed();
    }
    println!("\nwall time at 20 ms an answer, cold, sum of {}:", cases.len());
    println!(
        "  ours {ours:.2?}   without look-ahead {plain:.2?}   \
         mail-auth {second:.2?}   viaspf {third:.2?}"
    );
}

/// Prints a line of figures, in microseconds, with ratios.
fn line(what: &str, ours: f64, theirs: &[(&str, f64)]) {
    print!("  {what:<22} ours {ours:.3} us");
    for (name, time) in theirs {
        let ratio = ours / time;
        print!("   {name} {time:.3} us (ours is {ratio:.2} of it)");
    }
    println!();
}

/// Who gets the cases right.
fn agree(runtime: &tokio::runtime::Runtime, cases: &[Case]) {
    let authenticator = mail_auth_peer::authenticator();
    let config = viaspf::Config::default();
    let mut right = [0; 3];
    for case in cases {
        let world = world(case);
        let (checker, query) = (Checker::new(&world), case.test.query());
        let ours: Outcome = runtime.block_on(checker.check(&query));
        let ours = ours.result.to_string();
        let caches = mail_auth_peer::Caches::of(case, true);
        let second = mail_auth_peer::check(&authenticator, &caches, case);
        let second = runtime.block_on(second);
        let asking = viaspf_peer::Asking(case.zone.clone());
        let third = viaspf_peer::check(&asking, &config, case);
        let third = runtime.block_on(third);
        for (right, word) in right.iter_mut().zip([ours, second, third]) {
            *right += usize::from(case.test.results.contains(&word));
        }
    }
    let [ours, second, third] = right;
    let all = cases.len();
    println!("right of {all}: ours {ours}, mail-auth {second}, viaspf {third}");
}

/// A world with the zone of a case.
fn world(case: &Case) -> World {
    Frozen::new().dns(Arc::clone(&case.zone)).world()
}

/// Checks all cases, each of them by turns, and prints who took how long.
/// All find their answers in a table of the same kind.
fn race(cases: &[Case], parsing: bool) {
    let authenticator = mail_auth_peer::authenticator();
    let config = viaspf::Config::default();
    let times = cases.iter().map(|case| {
        let world = world(case);
        let keep_parsed = !parsing;
        let checker = Checker { keep_parsed, ..Checker::new(&world) };
        let caches = mail_auth_peer::Caches::of(case, parsing);
        let asking = viaspf_peer::Asking(case.zone.clone());
        let ours = || {
            let query = case.test.query();
            black_box(at_once(checker.check(&query)));
        };
        let second = || {
            at_once(mail_auth_peer::run(&authenticator, &caches, case));
        };
        let third = || at_once(viaspf_peer::run(&asking, &config, case));
        time([&ours, &second, &third])
    });
    let [ours, second, third] = geometric_means(times);
    if parsing {
        let theirs = [("mail-auth", second), ("viaspf", third)];
        line("parsing each time", ours, &theirs);
    } else {
        line("parsed records cached", ours, &[("mail-auth", second)]);
    }
}

/// What needs no waiting, because all answers are there.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(work).poll(&mut context) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("nobody waits in this race"),
    }
}

/// Microseconds of one run of each, at its fastest. They take turns, so
/// that whatever else the machine does in the meantime is done to all.
fn time<const N: usize>(runners: [&dyn Fn(); N]) -> [f64; N] {
    let mut best = [f64::MAX; N];
    for _ in 0..ROUNDS {
        for (run, best) in runners.iter().zip(&mut best) {
            let (start, mut runs) = (Instant::now(), 0_u32);
            while start.elapsed() < ROUND {
                for _ in 0..16 {
                    run();
                }
                runs += 16;
            }
            let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(runs);
            *best = best.min(each);
        }
    }
    best
}

/// The geometric mean of each column.
fn geometric_means<const N: usize>(
    rows: impl Iterator<Item = [f64; N]>,
) -> [f64; N] {
    let rows: Vec<_> = rows.collect();
    std::array::from_fn(|column| {
        let logs = rows.iter().map(|row| f64::ln(row[column]));
        (logs.sum::<f64>() / rows.len() as f64).exp()
    })
}
