//! A mark of a known key asks for no memory.
#![allow(unsafe_code, reason = "an allocator that counts has to be one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ra_plugins::rater::rules::Limit;
use ra_plugins::rater::store::Store;
use ra_plugins::rater::window::Mark;

/// The system's allocator, and how often it was asked.
struct Counting(AtomicU64);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting(AtomicU64::new(0));

/// Once its ring has grown to the length of the window, a key that is marked
/// every second for an hour costs nothing. (The only test of this program:
/// another one's memory would be counted too.)
#[test]
fn a_known_key_allocates_nothing() {
    let mut store = Store::new(10);
    let mut mark = |now| {
        let mark = Mark { key: b"ip 192.0.2.9", weight: 1, now };
        let limit = || Ok(Limit { seconds: 60, count: 5 });
        store.mark(mark, limit).unwrap()
    };
    (0..200).for_each(|now| drop(mark(now)));
    let before = COUNTING.0.load(Relaxed);
    (200..3800).for_each(|now| drop(mark(now)));
    let asked = COUNTING.0.load(Relaxed) - before;
    // The test harness itself may ask now and then.
    assert!(asked < 10, "{asked}");
}
