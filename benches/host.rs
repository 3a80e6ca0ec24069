//! What a plugin costs: in the process of the server, and as its child.
//!
//! `cargo bench --bench host` (builds the program first: `cargo build
//! --release`).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros; and a benchmark that cannot run should fail"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};

use ra_plugins::frozen::Frozen;
use ra_plugins::host::chain::Chain;
use ra_plugins::host::client::{Client, Patience};
use ra_plugins::host::journal::Journal;
use ra_plugins::host::process::{Limits, Log};
use ra_plugins::host::section::{Outcome, Spp, Step};
use ra_plugins::registry::PLUGINS;
use ra_plugins::session::Session;
use ra_plugins::spp::Section;
use ra_plugins::world::World;

/// Five plugins that look at a recipient.
const FIVE: &[u8] =
    b"[rcpt]\nauthlogger\nlocalmail\ntarpit\nplusaliases\ndotblind\n";

/// A journal that forgets at once.
struct Nobody;

impl Journal for Nobody {
    fn log(&self, _: &str) {}
}

/// One RCPT through five plugins in the process; two of them change the
/// recipient.
fn in_process(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let frozen = Frozen::new().file("control/rcpthosts", "example.org\n");
    let worlds =
        [("frozen", frozen.world()), ("real", World::real("/var/qmail"))];
    let mut group = criterion.benchmark_group("rcpt, five plugins in process");
    for (name, world) in &worlds {
        let journal: Arc<dyn Journal> = Arc::new(Nobody);
        let mut spp = Spp::new(
            Arc::new(Chain::parse(FIVE, PLUGINS)),
            Limits::default(),
            "/".into(),
            Log::Relayed(Arc::clone(&journal)),
            journal,
        );
        let day = Duration::from_secs(86_400);
        let patience = Patience { idle: day, session: day };
        let mut client = runtime
            .block_on(async { Client::new(tokio::io::empty(), patience) });
        let mut session = Session::new(1)
            .with("TCPREMOTEIP", "192.0.2.9")
            .with("SMTPMAILFROM", "a@b.example")
            .with("SMTPRCPTCOUNT", "0")
            .with("SMTPRCPTCOUNTALL", "1")
            .with("SMTPRCPTHOSTSOK", "1");
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                session.set("SMTPRCPTTO", "j.o.e+shop@example.org");
                let running =
                    spp.run(Section::Rcpt, &mut session, world, &mut client);
                let outcome: Outcome = runtime.block_on(running).unwrap();
                assert_eq!(outcome.step, Step::GoOn);
                assert_eq!(outcome.address.unwrap(), "joe@example.org");
            });
        });
    }
    group.finish();
}

/// The programs that are raced: a name, and how to run it. Ours are copied
/// first, as whoever installs them does: a file written in one go starts
/// faster than one that a linker has put together.
fn programs(folder: &Path) -> Vec<(&'static str, PathBuf, Vec<&'static str>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = here.join("target/release");
    let host = format!("target/{}-unknown-linux-gnu", std::env::consts::ARCH);
    let fixed = here.join(host).join("release");
    let mut programs = Vec::new();
    for (name, built, words) in [
        ("ra plugin", target.join("ra"), vec!["plugin", "authlogger"]),
        ("ra-plugin", target.join("ra-plugin"), vec!["authlogger"]),
        ("ra plugin, static", fixed.join("ra"), vec!["plugin", "authlogger"]),
        ("ra-plugin, static", fixed.join("ra-plugin"), vec!["authlogger"]),
    ] {
        let copy = folder.join(name);
        _ = std::fs::copy(built, &copy);
        programs.push((name, copy, words));
    }
    let source = folder.join("empty.c");
    std::fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    for (name, file, option) in [
        ("empty C", "dynamic", "-O2"),
        ("empty C, static", "static", "-static"),
    ] {
        let program = folder.join(file);
        let mut compiler = Command::new("cc");
        compiler.arg(option).arg("-o").arg(&program).arg(&source);
        _ = compiler.stderr(Stdio::null()).status();
        programs.push((name, program, vec![]));
    }
    programs.push(("/bin/sh -c :", "/bin/sh".into(), vec!["-c", ":"]));
    programs.retain(|(_, path, _)| path.exists());
    programs
}

/// Runs a program once.
fn run(path: &Path, arguments: &[&str]) -> Duration {
    let start = Instant::now();
    let status = Command::new(path)
        .args(arguments)
        .env_clear()
        .env("SMTPMAILFROM", "a@b.example")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    start.elapsed()
}

/// Processes, one after the other in turns, so that whatever else the
/// machine does is shared by all. Prints medians and ratios.
fn as_process(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let programs = programs(folder.path());
    let mut times = vec![Vec::new(); programs.len()];
    for _ in 0..500 {
        for ((_, path, arguments), times) in programs.iter().zip(&mut times) {
            times.push(run(path, arguments));
        }
    }
    let medians: Vec<_> = times
        .iter_mut()
        .map(|times| {
            times.sort_unstable();
            *times.get(times.len() / 2).unwrap()
        })
        .collect();
    let of = |name| programs.iter().position(|(other, _, _)| *other == name);
    let c = of("empty C").and_then(|at| medians.get(at)).copied();
    println!("\nprocess start, median of 500 in turns");
    for ((name, _, _), median) in programs.iter().zip(&medians) {
        let micros = median.as_secs_f64() * 1e6;
        let ratio =
            c.map_or(f64::NAN, |c| median.as_secs_f64() / c.as_secs_f64());
        println!("{name:<20} {micros:>8.0} us   {ratio:>5.2} x empty C");
    }
    let mut group = criterion.benchmark_group("process start");
    for (name, path, arguments) in &programs {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| run(path, arguments));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = in_process, as_process
}
criterion_main!(benches);
