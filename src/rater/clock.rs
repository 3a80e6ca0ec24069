//! The daemon's clock: seconds that only ever go on.
//!
//! It is set by the time of day when the daemon starts, and from then on
//! counts for itself: whoever sets the machine's clock moves no window.
//!
//! ```
//! use std::time::Duration;
//! use ra_plugins::rater::clock::Clock;
//! use tokio::time::Instant;
//!
//! let now = Instant::now();
//! let clock = Clock { started: now, base: 1000 };
//! assert_eq!(clock.at(now + Duration::from_secs(5)), 1005);
//! ```

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Seconds, and where they began.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// When the clock was set.
    pub started: Instant,
    /// To what it was set.
    pub base: u32,
}

impl Clock {
    /// A clock set by the time of day, but not before `least`: marks that
    /// were made in what is now the future stay where they are.
    pub fn set(least: u32) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        let base = u32::try_from(seconds).unwrap_or(u32::MAX).max(least);
        Self { started: Instant::now(), base }
    }

    /// The second at this instant.
    pub fn at(&self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.started).as_secs();
        self.base.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX))
    }

    /// An instant in milliseconds since the clock was set.
    pub fn millis(&self, instant: Instant) -> u64 {
        let passed = instant.saturating_duration_since(self.started);
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until a deadline in such milliseconds has passed, however
    /// often it is put off. Who puts it off pays for a number, not a timer.
    pub async fn pass(&self, deadline: &AtomicU64) {
        let mut until = deadline.load(Relaxed);
        loop {
            let instant = self.started + Duration::from_millis(until);
            tokio::time::sleep_until(instant).await;
            let later = deadline.load(Relaxed);
            if later == until {
                return;
            }
            until = later;
        }
    }
}
