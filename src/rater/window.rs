//! The window: how many marks in the last so many seconds.
//!
//! Marks are counted by the second in which they fall. A window holds the
//! seconds that have any, oldest first, and the sum over them: a mark adds
//! to the newest, takes off what has grown too old, and never looks at the
//! rest. Time is a parameter, so tests turn it by hand.
//!
//! ```
//! use ra_plugins::rater::window::{Mark, Window};
//!
//! let at = |now| Mark { key: b"ip 192.0.2.9", weight: 1, now };
//! let mut window = Window::new(100);
//! assert_eq!(window.mark(at(100), 10), 1);
//! assert_eq!(window.mark(at(105), 10), 2);
//! assert_eq!(window.mark(at(110), 10), 2); // second 100 is too old now
//! ```

use std::collections::VecDeque;

/// What is to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    /// `CLASS VALUE`: whose mark it is.
    pub key: &'a [u8],
    /// How many at once; 0 only looks.
    pub weight: u32,
    /// The second, on the daemon's clock.
    pub now: u32,
}

/// The marks of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Which second, on the daemon's clock.
    pub second: u32,
    /// How many marks fell into it; beyond four billion they are one.
    pub count: u32,
}

/// The marks of one key. Most keys are seen once and never again, so the
/// newest second stands alone and the others only where there are any. The
/// sum stands here too: memory elsewhere is looked at only when a second
/// comes or goes.
#[derive(Debug)]
pub struct Window {
    newest: u32,
    oldest: u32,
    /// Over all seconds.
    sum: u64,
    older: Option<Box<Older>>,
}

/// The seconds before the newest, and their sum.
#[derive(Debug, Default)]
struct Older {
    /// Oldest first.
    buckets: VecDeque<Bucket>,
    sum: u64,
}

impl Window {
    /// A window without marks, begun now.
    pub fn new(now: u32) -> Self {
        Self { newest: now, oldest: now, sum: 0, older: None }
    }

    /// The second of the last mark.
    pub fn last(&self) -> u32 {
        self.newest
    }

    /// Adds a mark, and counts those of the last `seconds`, the current
    /// second included. A weight of 0 only counts. A clock that goes back
    /// stands still for us.
    pub fn mark(&mut self, mark: Mark<'_>, seconds: u32) -> u64 {
        let now = mark.now.max(self.newest);
        if mark.weight == 0 {
            return self.count(now, seconds);
        }
        if now - self.newest >= seconds {
            *self = Self::new(now);
        } else if self.newest < now {
            self.turn(now);
        }
        if now - self.oldest >= seconds {
            self.forget(now, seconds);
        }
        self.sum += u64::from(mark.weight);
        self.sum
    }

    /// Counts without a mark: bucket by bucket, and nothing is forgotten.
    pub fn count(&self, now: u32, seconds: u32) -> u64 {
        let is_new = |it: &Bucket| now.saturating_sub(it.second) < seconds;
        let counted = self.buckets().filter(is_new);
        counted.map(|bucket| u64::from(bucket.count)).sum()
    }

    /// The seconds with marks, oldest first.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        let older = self.older.iter().flat_map(|older| &older.buckets);
        older.copied().chain([self.newest()])
    }

    /// The newest second: what the sum has beyond the older ones.
    fn newest(&self) -> Bucket {
        let older = self.older.as_ref().map_or(0, |older| older.sum);
        let count = u32::try_from(self.sum - older).unwrap_or(u32::MAX);
        Bucket { second: self.newest, count }
    }

    /// Puts the newest second to the older ones: another one begins.
    fn turn(&mut self, now: u32) {
        let bucket = self.newest();
        let older: &mut Older = self.older.get_or_insert_default();
        older.buckets.push_back(bucket);
        older.sum += u64::from(bucket.count);
        (self.newest, self.sum) = (now, older.sum);
    }

    /// Takes off the seconds that have left the window. Each is taken off
    /// once, so a mark costs the same on average however many there are.
    fn forget(&mut self, now: u32, seconds: u32) {
        let Some(older) = &mut self.older else { return };
        while let Some(oldest) = older.buckets.front()
            && now - oldest.second >= seconds
        {
            older.sum -= u64::from(oldest.count);
            self.sum -= u64::from(oldest.count);
            older.buckets.pop_front();
        }
        let oldest = older.buckets.front();
        self.oldest = oldest.map_or(self.newest, |bucket| bucket.second);
    }
}
