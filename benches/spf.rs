//! How long SPF takes: parsing, checking, the suite as a whole.
//!
//! `cargo bench --bench spf`; benches/peers races others on the same data.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a benchmark that cannot go on should say so and stop"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ra_plugins::dns::lines::{Line, lines};
use ra_plugins::frozen::Frozen;
use ra_plugins::spf::check::Checker;
use ra_plugins::spf::record::{Record, is_spf};
use ra_plugins::spf::suite::{Suite, Test};
use ra_plugins::world::World;
use serde_json::Value;

/// The text of a suite.
fn text(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spf/");
    std::fs::read_to_string(format!("{root}{name}.yml")).unwrap()
}

/// The tests of a suite, each with its world.
fn cases(name: &str) -> Vec<(World, Test)> {
    let suite = Suite::read(&text(name)).unwrap();
    let mut cases = Vec::new();
    for scenario in suite.scenarios {
        for test in scenario.tests {
            let zone = Arc::clone(&scenario.zone);
            cases.push((Frozen::new().dns(zone).world(), test));
        }
    }
    cases
}

/// All SPF records of a suite.
fn records(name: &str) -> Vec<String> {
    let text = text(name);
    let items = lines(&text).filter_map(|line| match line.unwrap().1 {
        Line::Item(Value::Object(record)) => record.get("TXT").cloned(),
        _ => None,
    });
    let joined = items.map(|value| match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().unwrap_or_default().to_owned(),
    });
    joined.filter(|text: &String| is_spf(text.as_bytes())).collect()
}

/// Checks every case once.
fn check_all(bench: &mut Criterion, title: &str, name: &str, keep: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    let cases = cases(name);
    bench.bench_function(title, |bencher| {
        bencher.iter(|| {
            for (world, test) in &cases {
                let checker =
                    Checker { keep_parsed: keep, ..Checker::new(world) };
                black_box(runtime.block_on(checker.check(&test.query())));
            }
        });
    });
}

fn spf(bench: &mut Criterion) {
    let records = records("realistic");
    bench.bench_function("parse the records of realistic.yml", |bencher| {
        bencher.iter(|| {
            for record in &records {
                _ = black_box(Record::parse(record));
            }
        });
    });
    check_all(bench, "check realistic.yml, parsing", "realistic", false);
    check_all(bench, "check realistic.yml, parsed", "realistic", true);
    check_all(bench, "check rfc7208.yml, parsed", "rfc7208", true);
}

criterion_group!(benches, spf);
criterion_main!(benches);
