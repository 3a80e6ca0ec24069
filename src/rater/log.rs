//! The daemon's log, which is itself rate limited.
//!
//! A flood that fills the log is worse than the flood. Each level has a
//! window of its own, the same that counts everybody else's marks.
//!
//! ```
//! use ra_plugins::rater::log::Recent;
//!
//! // A hundred lines a second, for twenty seconds.
//! let mut recent = Recent::default();
//! let flood = (0..20).flat_map(|now| [now; 100]);
//! let written = flood.filter_map(|now| recent.admit(now));
//! let left_out: Vec<u64> = written.filter(|it| *it > 0).collect();
//! assert_eq!(left_out, [980]); // told once the window has passed
//! ```

use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Deserialize;

use crate::rater::window::{Mark, Window};
use crate::spp::clean;

/// How much a line matters.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something works worse than it should.
    Warn,
    /// Something has happened.
    Info,
    /// Everything.
    Debug,
}

/// The seconds of the window of each level.
const SECONDS: u32 = 10;

/// The lines of a level that are written in one window.
const LINES: u64 = 20;

/// The lines of a level that were written lately, and how many were not.
#[derive(Debug)]
pub struct Recent {
    window: Window,
    left_out: u64,
}

/// The log: standard error, as supervisors like it.
#[derive(Debug)]
pub struct Log {
    started: Instant,
    level: AtomicU8,
    recent: [Mutex<Recent>; 4],
}

impl Log {
    /// A log of what matters at least so much.
    pub fn new(level: Level) -> Self {
        Self {
            started: Instant::now(),
            level: AtomicU8::new(level.number()),
            recent: Default::default(),
        }
    }

    /// Changes what is wanted, on reload.
    pub fn set(&self, level: Level) {
        self.level.store(level.number(), Relaxed);
    }

    /// Whether lines of this level are written.
    pub fn is_wanted(&self, level: Level) -> bool {
        level.number() <= self.level.load(Relaxed)
    }

    /// Writes a line, unless there have been too many. What strangers wrote
    /// loses its control characters.
    pub fn write(&self, level: Level, text: impl Display) {
        let Some(recent) = self.recent.get(usize::from(level.number())) else {
            return;
        };
        if !self.is_wanted(level) {
            return;
        }
        let seconds = self.started.elapsed().as_secs();
        let now = u32::try_from(seconds).unwrap_or(u32::MAX);
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left_out) = recent.admit(now) else { return };
        let mut out = std::io::stderr().lock();
        if left_out > 0 {
            _ = writeln!(out, "rater: {left_out} lines were left out");
        }
        _ = writeln!(out, "rater: {}", clean(&text.to_string()));
    }
}

impl Default for Recent {
    /// Nothing yet.
    fn default() -> Self {
        Self { window: Window::new(0), left_out: 0 }
    }
}

impl Recent {
    /// Whether a line may be written now: then, how many were left out
    /// before it. One that is left out is no mark, or a flood that does not
    /// end would never be heard of again.
    pub fn admit(&mut self, now: u32) -> Option<u64> {
        let mark = |weight| Mark { key: b"log", weight, now };
        if self.window.mark(mark(0), SECONDS) >= LINES {
            self.left_out += 1;
            return None;
        }
        self.window.mark(mark(1), SECONDS);
        Some(std::mem::take(&mut self.left_out))
    }
}

impl Level {
    /// The place of the level, the gravest first.
    fn number(self) -> u8 {
        match self {
            Self::Error => 0,
            Self::Warn => 1,
            Self::Info => 2,
            Self::Debug => 3,
        }
    }
}
