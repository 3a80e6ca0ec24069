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
use std::sync::Arc;
use std::time::{Duration, Instant};

use ra_plugins::dns::system::open;
use ra_plugins::frozen::Frozen;
use ra_plugins::spf::check::Checker;
use ra_plugins::spf::outcome::Outcome;
use ra_plugins::spf::record::Record;
use ra_plugins::world::World;

use data::Case;
use dns_server::Server;

/// How long one measurement lasts.
const ROUND: Duration = Duration::from_millis(4);

/// How many of them there are; the fastest counts.
const ROUNDS: usize = 7;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap();
    let cases = data::cases("realistic");
    agree(&runtime, &cases);
    println!("\nCPU, realistic.yml, geometric mean of {}:", cases.len());
    let ours_parsing = ours(&runtime, &cases, false);
    let ours_cached = ours(&runtime, &cases, true);
    let theirs_parsing = mail_auth(&runtime, &cases, true);
    let theirs_cached = mail_auth(&runtime, &cases, false);
    let viaspf = viaspf(&runtime, &cases);
    line(
        "parsing each time",
        ours_parsing,
        &[("mail-auth", theirs_parsing), ("viaspf", viaspf)],
    );
    line("parsed records cached", ours_cached, &[("mail-auth", theirs_cached)]);
    let records = data::records(&cases);
    let ours = records.iter().map(|it| {
        time(|| {
            _ = black_box(Record::parse_bytes(it));
        })
    });
    let theirs = records.iter().map(|it| time(|| mail_auth_peer::parse(it)));
    line(
        "parse one record",
        geometric_mean(ours),
        &[("mail-auth", geometric_mean(theirs))],
    );
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

fn ours(
    runtime: &tokio::runtime::Runtime,
    cases: &[Case],
    keep_parsed: bool,
) -> f64 {
    geometric_mean(cases.iter().map(|case| {
        let world = world(case);
        let checker = Checker { keep_parsed, ..Checker::new(&world) };
        runtime.block_on(async {
            time_async(async || {
                black_box(checker.check(&case.test.query()).await);
            })
            .await
        })
    }))
}

fn mail_auth(
    runtime: &tokio::runtime::Runtime,
    cases: &[Case],
    parse: bool,
) -> f64 {
    let it = mail_auth_peer::authenticator();
    geometric_mean(cases.iter().map(|case| {
        let caches = mail_auth_peer::Caches::of(case, parse);
        runtime.block_on(time_async(async || {
            mail_auth_peer::run(&it, &caches, case).await;
        }))
    }))
}

fn viaspf(runtime: &tokio::runtime::Runtime, cases: &[Case]) -> f64 {
    let config = viaspf::Config::default();
    geometric_mean(cases.iter().map(|case| {
        let asking = viaspf_peer::Asking(case.zone.clone());
        runtime.block_on(time_async(async || {
            viaspf_peer::run(&asking, &config, case).await;
        }))
    }))
}

/// Microseconds of one run, at its fastest.
fn time(mut work: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (start, mut runs) = (Instant::now(), 0_u32);
        while start.elapsed() < ROUND {
            for _ in 0..16 {
                work();
            }
            runs += 16;
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(runs);
        best = best.min(each);
    }
    best
}

/// As [`time`], for what may wait.
async fn time_async(work: impl AsyncFn()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (start, mut runs) = (Instant::now(), 0_u32);
        while start.elapsed() < ROUND {
            for _ in 0..16 {
                work().await;
            }
            runs += 16;
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(runs);
        best = best.min(each);
    }
    best
}

/// The geometric mean.
fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = values.map(f64::ln).collect();
    (logs.iter().sum::<f64>() / logs.len() as f64).exp()
}
