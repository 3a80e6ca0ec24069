//! Many windows, and forgetting them.

use std::sync::atomic::Ordering::Relaxed;

use ra_plugins::rater::rules::Limit;
use ra_plugins::rater::store::{Entry, Store};
use ra_plugins::rater::window::Mark;

/// Marks a key under a limit of `count` in ten seconds; what is said.
fn mark(store: &Store, key: &str, now: u32, count: u32) -> String {
    weigh(store, key, now, count, 1)
}

/// As [`mark`], with a weight.
fn weigh(
    store: &Store,
    key: &str,
    now: u32,
    count: u32,
    weight: u32,
) -> String {
    let mark = Mark { key: key.as_bytes(), weight, now };
    let limit = || Ok(Limit { seconds: 10, count });
    store.mark(mark, 1, limit).unwrap().to_string()
}

#[test]
fn keys_do_not_share_marks() {
    let store = Store::new(100);
    assert_eq!(mark(&store, "ip 192.0.2.9", 5, 1), "0 1/1");
    assert_eq!(mark(&store, "user 192.0.2.9", 5, 1), "0 1/1");
    assert_eq!(mark(&store, "ip 192.0.2.9", 5, 1), "1 2/1");
}

#[test]
fn what_is_not_limited_is_not_remembered() {
    let store = Store::new(100);
    assert_eq!(mark(&store, "ip 10.0.0.1", 5, 0), "0 0/0");
    assert_eq!(weigh(&store, "ip 10.0.0.2", 5, 3, 0), "0 0/3");
    assert_eq!(store.keys.load(Relaxed), 0);
}

#[test]
fn a_known_key_needs_no_rules() {
    let store = Store::new(100);
    let asked = Mark { key: b"ip ::1", weight: 1, now: 5 };
    mark(&store, "ip ::1", 5, 3);
    let answer = store.mark(asked, 1, || unreachable!()).unwrap();
    assert_eq!(answer.to_string(), "0 2/3");
    // New rules: the limit is asked for again, the marks stay.
    let limit = || Ok(Limit { seconds: 60, count: 2 });
    assert_eq!(store.mark(asked, 2, limit).unwrap().to_string(), "1 3/2");
}

#[test]
fn idle_keys_go_when_their_own_window_has_passed() {
    let store = Store::new(100);
    let day = Limit { seconds: 86_400, count: 3 };
    let slow = Mark { key: b"user joe", weight: 1, now: 0 };
    store.mark(slow, 1, || Ok(day)).unwrap();
    for n in 0..50 {
        mark(&store, &format!("ip 192.0.2.{n}"), 0, 1);
    }
    store.sweep(9);
    assert_eq!(store.keys.load(Relaxed), 51);
    store.sweep(10);
    assert_eq!(store.keys.load(Relaxed), 1);
    let late = Mark { now: 86_399, ..slow };
    assert_eq!(store.mark(late, 1, || Ok(day)).unwrap().to_string(), "0 2/3");
}

#[test]
fn the_least_recently_marked_goes_first() {
    let store = Store::new(1000);
    for n in 0..1000 {
        mark(&store, &format!("ip {n}"), n, 5);
    }
    // These are old, but marked again; looking at one does not save it.
    for n in 0..100 {
        mark(&store, &format!("ip {n}"), 1000 + n, 5);
    }
    weigh(&store, "ip 100", 1100, 5, 0);
    for n in 0..200 {
        mark(&store, &format!("new {n}"), 2000, 5);
    }
    assert_eq!(store.keys.load(Relaxed), 1000);
    assert_eq!(store.evicted.load(Relaxed), 200);
    let mut known = Vec::new();
    for shard in store.shards() {
        for (_, entry) in shard.entries.iter() {
            let entry: &Entry = entry;
            known.push(entry.key.to_string());
        }
    }
    for n in 0..1000 {
        let expected = !(100..300).contains(&n);
        assert_eq!(known.contains(&format!("ip {n}")), expected, "ip {n}");
    }
}

#[test]
fn threads_count_every_mark() {
    let store = Store::new(100);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..10_000 {
                    mark(&store, &format!("ip {}", n % 10), 5, 9);
                }
            });
        }
    });
    for n in 0..10 {
        assert_eq!(weigh(&store, &format!("ip {n}"), 5, 9, 0), "1 4000/9");
    }
}
