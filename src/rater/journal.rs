//! How marks are written down: records, in blocks with a checksum.
//!
//! A snapshot and a journal are the same thing: marks, one after the other.
//! Reading them back is marking again, at the time they were made.
//!
//! ```
//! use ra_plugins::rater::journal::{append, open, records, seal};
//! use ra_plugins::rater::window::Mark;
//!
//! let mut marks = Vec::new();
//! append(&mut marks, Mark { key: b"ip ::1", weight: 3, now: 100 }, 60);
//! let block = seal(&marks);
//! let (inside, rest) = open(&block).unwrap();
//! let record = records(inside).next().unwrap();
//! assert_eq!((record.mark.key, record.seconds), (&b"ip ::1"[..], 60));
//! assert!(rest.is_empty());
//! ```

use thiserror::Error;

use crate::rater::window::Mark;

/// A mark with the window that it belongs to. Without a window it says that
/// the key has been forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The mark.
    pub mark: Mark<'a>,
    /// The length of its window in seconds.
    pub seconds: u32,
}

/// The most that waits for the disk in one place. A disk that does not take
/// it any more must not cost us our memory.
const PENDING_MAX: usize = 16 * 1024 * 1024;

/// The longest block that can be right: what waits, and one record.
const BLOCK_MAX: u32 = 17 * 1024 * 1024;

/// Appends a record: second, weight and window, four bytes each, the length
/// of the key in two, the key. Numbers are little-endian. A key comes from a
/// line, so it is never too long.
pub fn append(bytes: &mut Vec<u8>, mark: Mark<'_>, seconds: u32) {
    let Ok(length) = u16::try_from(mark.key.len()) else { return };
    if bytes.len() > PENDING_MAX {
        return;
    }
    bytes.extend_from_slice(&mark.now.to_le_bytes());
    bytes.extend_from_slice(&mark.weight.to_le_bytes());
    bytes.extend_from_slice(&seconds.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(mark.key);
}

/// The records of a block. Anything after the last whole one is dropped;
/// the checksum says that there is nothing.
pub fn records(mut bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let now = number(&mut bytes)?;
        let weight = number(&mut bytes)?;
        let seconds = number(&mut bytes)?;
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length));
        let (key, rest) = rest.split_at_checked(length)?;
        bytes = rest;
        Some(Record { mark: Mark { key, weight, now }, seconds })
    })
}

/// Takes four bytes off.
fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Flaw {
    /// It ends too early: the process died while it wrote.
    #[error("an unfinished block")]
    Unfinished,
    /// Its checksum does not fit.
    #[error("a block with a wrong checksum")]
    Damaged,
}

/// A block: length and CRC-32 of the records, four bytes each, the records.
/// The checksum covers the length, so that a damaged length is found out.
pub fn seal(records: &[u8]) -> Vec<u8> {
    let length = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let mut block: Vec<u8> = length.to_le_bytes().to_vec();
    block.extend_from_slice(&checksum(length, records).to_le_bytes());
    block.extend_from_slice(records);
    block
}

/// Opens the first block: its records, and what comes after it.
pub fn open(mut bytes: &[u8]) -> Result<(&[u8], &[u8]), Flaw> {
    let length = number(&mut bytes).ok_or(Flaw::Unfinished)?;
    let expected = number(&mut bytes).ok_or(Flaw::Unfinished)?;
    if length > BLOCK_MAX {
        return Err(Flaw::Damaged);
    }
    let end = usize::try_from(length).unwrap_or(usize::MAX);
    let (records, rest) =
        bytes.split_at_checked(end).ok_or(Flaw::Unfinished)?;
    if checksum(length, records) != expected {
        return Err(Flaw::Damaged);
    }
    Ok((records, rest))
}

/// The CRC-32 of a length and what is that long.
fn checksum(length: u32, records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(records);
    hasher.finalize()
}
