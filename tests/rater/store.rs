//! Many windows, and forgetting them.

use parking_lot::Mutex;
use ra_plugins::rater::rules::Limit;
use ra_plugins::rater::store::{Entry, Store};
use ra_plugins::rater::window::Mark;

/// Marks a key under a limit of `count` in ten seconds; what is said.
fn mark(store: &mut Store, key: &str, now: u32, count: u32) -> String {
    weigh(store, key, now, count, 1)
}

/// As [`mark`], with a weight.
fn weigh(
    store: &mut Store,
    key: &str,
    now: u32,
    count: u32,
    weight: u32,
) -> String {
    let mark = Mark { key: key.as_bytes(), weight, now };
    let limit = || Ok(Limit { seconds: 10, count });
    store.mark(mark, limit).unwrap().to_string()
}

#[test]
fn keys_do_not_share_marks() {
    let mut store = Store::new(100);
    assert_eq!(mark(&mut store, "ip 192.0.2.9", 5, 1), "0 1/1");
    assert_eq!(mark(&mut store, "user 192.0.2.9", 5, 1), "0 1/1");
    assert_eq!(mark(&mut store, "ip 192.0.2.9", 5, 1), "1 2/1");
}

#[test]
fn what_is_not_limited_is_not_remembered() {
    let mut store = Store::new(100);
    assert_eq!(mark(&mut store, "ip 10.0.0.1", 5, 0), "0 0/0");
    assert_eq!(weigh(&mut store, "ip 10.0.0.2", 5, 3, 0), "0 0/3");
    assert_eq!(store.keys, 0);
}

#[test]
fn a_known_key_needs_no_rules() {
    let mut store = Store::new(100);
    let asked = Mark { key: b"ip ::1", weight: 1, now: 5 };
    mark(&mut store, "ip ::1", 5, 3);
    let answer = store.mark(asked, || unreachable!()).unwrap();
    assert_eq!(answer.to_string(), "0 2/3");
    // New rules: the limit is asked for again, the marks stay.
    let store = Mutex::new(store);
    Store::shards(&store).for_each(|mut shard| shard.ask_again());
    let mut store: Store = store.into_inner();
    let limit = || Ok(Limit { seconds: 60, count: 2 });
    assert_eq!(store.mark(asked, limit).unwrap().to_string(), "1 3/2");
}

#[test]
fn idle_keys_go_when_their_own_window_has_passed() {
    let mut store = Store::new(100);
    let day = Limit { seconds: 86_400, count: 3 };
    let slow = Mark { key: b"user joe", weight: 1, now: 0 };
    store.mark(slow, || Ok(day)).unwrap();
    for n in 0..50 {
        mark(&mut store, &format!("ip 192.0.2.{n}"), 0, 1);
    }
    let store = Mutex::new(store);
    Store::sweep(&store, 9);
    assert_eq!(store.lock().keys, 51);
    Store::sweep(&store, 10);
    assert_eq!(store.lock().keys, 1);
    let mut store: Store = store.into_inner();
    let late = Mark { now: 86_399, ..slow };
    assert_eq!(store.mark(late, || Ok(day)).unwrap().to_string(), "0 2/3");
}

#[test]
fn the_least_recently_marked_goes_first() {
    let mut store = Store::new(1000);
    for n in 0..1000 {
        mark(&mut store, &format!("ip {n}"), n, 5);
    }
    // These are old, but marked again; looking at one does not save it.
    for n in 0..100 {
        mark(&mut store, &format!("ip {n}"), 1000 + n, 5);
    }
    weigh(&mut store, "ip 100", 1100, 5, 0);
    for n in 0..200 {
        mark(&mut store, &format!("new {n}"), 2000, 5);
    }
    assert_eq!(store.keys, 1000);
    assert_eq!(store.evicted, 200);
    let mut known = Vec::new();
    for shard in Store::shards(&Mutex::new(store)) {
        for (_, entry) in shard.entries.iter() {
            let entry: &Entry = entry;
            known.push(String::from_utf8(entry.key.to_vec()).unwrap());
        }
    }
    for n in 0..1000 {
        let expected = !(100..300).contains(&n);
        assert_eq!(known.contains(&format!("ip {n}")), expected, "ip {n}");
    }
}

/// An entry and its place in the order of marks: more than this, and a
/// million keys no longer fit into 90 MB.
#[test]
fn a_key_is_small() {
    assert_eq!(size_of::<Entry>(), 64);
}

/// Fewer keys from now on: each mark sends one away, and nobody waits.
#[test]
fn a_smaller_store_shrinks_mark_by_mark() {
    let mut store = Store::new(100);
    for n in 0..100 {
        mark(&mut store, &format!("ip {n}"), n, 5);
    }
    store.max_keys = 10;
    for n in 0..45 {
        mark(&mut store, "ip 99", 100 + n, 5);
    }
    assert_eq!((store.keys, store.evicted), (55, 45));
    for n in 0..60 {
        mark(&mut store, "ip 99", 200 + n, 5);
    }
    assert_eq!((store.keys, store.evicted), (10, 90));
}
