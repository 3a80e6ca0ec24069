//! One check in process: by keys, by marks, by rules.
//!
//! `cargo bench --bench rater`
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a measurement that goes wrong should end"
)]

use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{Criterion, criterion_group, criterion_main};
use governor::{Quota, RateLimiter};
use ra_plugins::rater::rules::{Class, Limit, Rules};
use ra_plugins::rater::store::Store;
use ra_plugins::rater::window::Mark;

/// Numbers that look random, and are the same each time.
struct Random(u64);

impl Random {
    /// The next one below a bound.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

/// Marks in a store under the rules.
fn mark(store: &mut Store, rules: &Rules, key: &str, now: u32) {
    let mark = Mark { key: key.as_bytes(), weight: 1, now };
    let limit = || rules.limit(mark.key);
    _ = black_box(store.mark(mark, limit));
}

/// Rules of one class with so many patterns of all kinds, the last of which
/// matches everything.
fn rules(number: usize) -> Rules {
    let mut list: Vec<(String, Limit)> = (1..number)
        .map(|n| {
            let pattern = match n % 4 {
                0 => format!("user{n}@example.org"),
                1 => format!("*@domain{n}.example"),
                2 => format!("bounce-{n}-*"),
                _ => format!("10.{}.{}.0/24", n / 256 % 256, n % 256),
            };
            (pattern, Limit { seconds: 60, count: 5 })
        })
        .collect();
    list.push(("*".to_owned(), Limit { seconds: 60, count: 5 }));
    let classes = [("user".to_owned(), Class::new(&list).unwrap())];
    Rules { classes: classes.into() }
}

/// A million keys at random, beside governor.
fn keys(c: &mut Criterion) {
    let mut group = c.benchmark_group("rater/keys");
    let rules = rules(10);
    for number in [1, 1000, 1_000_000] {
        let keys: Vec<String> =
            (0..number).map(|n| format!("user name{n}")).collect();
        let mut store = Store::new(2_000_000);
        keys.iter().for_each(|key| mark(&mut store, &rules, key, 1));
        let (mut random, mut count) = (Random(88), 0u32);
        group.bench_function(format!("rater/{number}"), |bench| {
            bench.iter(|| {
                // About a million checks a second.
                count += 1;
                let key = &keys[random.below(number)];
                mark(&mut store, &rules, key, 1 + (count >> 20));
            });
        });
        let quota = Quota::per_minute(NonZeroU32::new(5).unwrap());
        let limiter = RateLimiter::keyed(quota);
        keys.iter().for_each(|key| _ = limiter.check_key(key));
        group.bench_function(format!("governor/{number}"), |bench| {
            bench.iter(|| {
                let key = &keys[random.below(number)];
                _ = black_box(limiter.check_key(key));
            });
        });
    }
}

/// A key with a million marks in its window, over an hour, beside a fresh
/// one.
fn marks(c: &mut Criterion) {
    let mut group = c.benchmark_group("rater/marks");
    let limit = || Ok(Limit { seconds: 3600, count: 5 });
    for number in [1u32, 1_000_000] {
        let mut store = Store::new(10);
        let mut now = 0;
        for n in 0..number {
            now = n / 278;
            let mark = Mark { key: b"user joe", weight: 1, now };
            _ = store.mark(mark, limit);
        }
        let mut count = 0u32;
        group.bench_function(number.to_string(), |bench| {
            bench.iter(|| {
                count += 1;
                let now = now + count / 278;
                let mark = Mark { key: b"user joe", weight: 1, now };
                _ = black_box(store.mark(mark, limit));
            });
        });
    }
}

/// Ten rules and ten thousand: for a key that is known, for one that comes
/// and goes, and the rules alone.
fn by_rules(c: &mut Criterion) {
    let mut group = c.benchmark_group("rater/rules");
    for number in [10, 10_000] {
        let rules = rules(number);
        let mut store = Store::new(200_000);
        let keys: Vec<String> = (0..10_000)
            .map(|n| match n % 4 {
                0 => format!("user user{n}@example.org"),
                1 => format!("user joe@domain{n}.example"),
                2 => format!("user bounce-{n}-7"),
                _ => format!("user 10.{}.{}.7", n / 256 % 256, n % 256),
            })
            .collect();
        let mut random = Random(88);
        group.bench_function(format!("known/{number}"), |bench| {
            bench.iter(|| {
                mark(&mut store, &rules, &keys[random.below(keys.len())], 1);
            });
        });
        group.bench_function(format!("new/{number}"), |bench| {
            bench.iter(|| {
                let key = &keys[random.below(keys.len())];
                mark(&mut store, &rules, key, 1);
                store.forget(key.as_bytes());
            });
        });
        group.bench_function(format!("alone/{number}"), |bench| {
            bench.iter(|| {
                let key = &keys[random.below(keys.len())];
                _ = black_box(rules.limit(key.as_bytes()));
            });
        });
    }
}

criterion_group!(benches, keys, marks, by_rules);
criterion_main!(benches);
