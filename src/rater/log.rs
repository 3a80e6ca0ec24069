//! The daemon's log, which is itself rate limited.
//!
//! A flood that fills the log is worse than the flood. Each kind of line has
//! a window of its own, the same that counts everybody else's marks.
//!
//! ```
//! use ra_plugins::rater::log::{Level, Log};
//!
//! let log = Log::new(Level::Warn);
//! assert!(log.is_wanted(Level::Error));
//! assert!(!log.is_wanted(Level::Info));
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

/// Lines that were left out, and when the last was written.
#[derive(Debug)]
struct Recent {
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
        let recent = |_| Mutex::new(Recent::new());
        Self {
            started: Instant::now(),
            level: AtomicU8::new(level.number()),
            recent: std::array::from_fn(recent),
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
        let mark = Mark { key: b"log", weight: 1, now };
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.window.mark(mark, SECONDS) > LINES {
            recent.left_out += 1;
            return;
        }
        let left_out = std::mem::take(&mut recent.left_out);
        let mut out = std::io::stderr().lock();
        if left_out > 0 {
            _ = writeln!(out, "rater: {left_out} lines were left out");
        }
        _ = writeln!(out, "rater: {}", clean(&text.to_string()));
    }
}

impl Recent {
    /// Nothing yet.
    fn new() -> Self {
        Self { window: Window::new(0), left_out: 0 }
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
