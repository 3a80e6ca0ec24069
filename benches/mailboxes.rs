//! One address in a million: `cargo bench --bench mailboxes`.
//!
//! The figure to reach is 20 microseconds in process.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros make undocumented items"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ra_plugins::control::listed;
use ra_plugins::mailboxes::addresses::build;
use ra_plugins::world::World;

/// Makes the list, then looks addresses up that are there and not there.
fn one_in_a_million(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    let lines: String =
        (0..1_000_000).map(|n| format!("user{n}@example.org\n")).collect();
    std::fs::write(&list, lines).unwrap();
    build(&list, &folder.path().join("list.cdb")).unwrap();
    let world = World::real(folder.path());
    let mut number = 0;
    let mut next = || {
        number = (number + 7919) % 1_000_000;
        number
    };
    criterion.bench_function("cdb/known of 1 M", |bencher| {
        bencher.iter(|| {
            let address = format!("user{}@example.org", next());
            assert!(listed(&world, "list.cdb", black_box(&address)).unwrap());
        });
    });
    criterion.bench_function("cdb/unknown of 1 M", |bencher| {
        bencher.iter(|| {
            let address = format!("nobody{}@example.org", next());
            assert!(!listed(&world, "list.cdb", black_box(&address)).unwrap());
        });
    });
}

criterion_group!(benches, one_in_a_million);
criterion_main!(benches);
