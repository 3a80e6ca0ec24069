//! One key out of a constant database.
//!
//! D. J. Bernstein's format answers a question about a million addresses
//! with a handful of short reads. We read at positions instead of mapping
//! the file: an administrator who truncates a file under a mapping kills
//! its readers, and under qmail's memory limits a large file could not be
//! mapped at all.
//!
//! ```
//! let read_at = |_: &mut [u8], _: u64| unreachable!();
//! let error = ra_plugins::cdb::get(read_at, 0, b"joe").unwrap_err();
//! assert_eq!(error.to_string(), "damaged CDB");
//! ```

use std::io;

/// The bytes of the header: 256 tables, a position and a slot count each.
const HEADER: usize = 2048;

/// The longest value that is read: a line of vpasswd is far shorter, and a
/// length in a damaged record may say four gigabytes.
const VALUE_MAX: u32 = 64 * 1024;

/// The format's hash of a key.
fn hash(key: &[u8]) -> u32 {
    key.iter().fold(5381, |hash: u32, byte| {
        (hash << 5).wrapping_add(hash) ^ u32::from(*byte)
    })
}

/// What is wrong with a file that does not hold what its numbers say.
fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "damaged CDB")
}

/// A pair of little-endian numbers, of which the whole file is made.
fn pair(bytes: &[u8]) -> Option<(u32, u32)> {
    let (first, rest) = bytes.split_first_chunk()?;
    let (second, _) = rest.split_first_chunk()?;
    Some((u32::from_le_bytes(*first), u32::from_le_bytes(*second)))
}

/// A CDB that is read through a function: bytes into a buffer, from a
/// position on.
struct Reader<R> {
    read_at: R,
    size: u64,
}

impl<R: Fn(&mut [u8], u64) -> io::Result<()>> Reader<R> {
    /// Fills a buffer from a position. One that lies outside the file is
    /// damage.
    fn fill(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        let length = u64::try_from(buffer.len()).map_err(|_| damaged())?;
        if position.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(damaged());
        }
        (self.read_at)(buffer, position)
    }

    /// The pair of numbers at a position.
    fn pair_at(&self, position: u64) -> io::Result<(u32, u32)> {
        let mut buffer = [0; 8];
        self.fill(&mut buffer, position)?;
        pair(&buffer).ok_or_else(damaged)
    }

    /// The position and slot count of the table that a hash belongs to. The
    /// places of all are looked at: writers put the tables at the end, so a
    /// file which was cut short is not mistaken for a list without our key.
    fn table_of(&self, hash: u32) -> io::Result<(u64, u64)> {
        let mut header = [0; HEADER];
        self.fill(&mut header, 0)?;
        let mut chosen = None;
        for (number, entry) in (0..=255).zip(header.chunks_exact(8)) {
            let (position, slots) = pair(entry).ok_or_else(damaged)?;
            let (position, slots) = (u64::from(position), u64::from(slots));
            let inside = position >= 2048 && position + slots * 8 <= self.size;
            if !inside {
                return Err(damaged());
            }
            if number == hash % 256 {
                chosen = Some((position, slots));
            }
        }
        chosen.ok_or_else(damaged)
    }

    /// Makes sure that a table holds what it should: half of its slots are
    /// in use, whatever the keys, since cdbmake and the writers after it make
    /// two for each record. A file whose end a power cut has filled
    /// with zeros has an answer to every question, and it is no.
    fn check_filled(&self, table: u64, slots: u64) -> io::Result<()> {
        let size = usize::try_from(slots * 8).map_err(|_| damaged())?;
        let mut bytes = vec![0; size];
        self.fill(&mut bytes, table)?;
        let used = bytes
            .chunks_exact(8)
            .filter(|slot| pair(slot).is_some_and(|(_, record)| record != 0));
        let used = u64::try_from(used.count()).map_err(|_| damaged())?;
        if used * 2 == slots { Ok(()) } else { Err(damaged()) }
    }

    /// The value of a record, if it is the key's.
    fn value(&self, key: &[u8], record: u64) -> io::Result<Option<Vec<u8>>> {
        let (key_length, value_length) = self.pair_at(record)?;
        if usize::try_from(key_length).ok() != Some(key.len()) {
            return Ok(None);
        }
        let mut found = vec![0; key.len()];
        self.fill(&mut found, record + 8)?;
        if found != key {
            return Ok(None);
        }
        let length = usize::try_from(value_length).map_err(|_| damaged())?;
        if value_length > VALUE_MAX {
            return Err(damaged());
        }
        let mut value = vec![0; length];
        self.fill(&mut value, record + 8 + u64::from(key_length))?;
        Ok(Some(value))
    }
}

/// The value of a key in a CDB of `size` bytes.
pub fn get(
    read_at: impl Fn(&mut [u8], u64) -> io::Result<()>,
    size: u64,
    key: &[u8],
) -> io::Result<Option<Vec<u8>>> {
    let reader = Reader { read_at, size };
    let hash = hash(key);
    let (table, slots) = reader.table_of(hash)?;
    for step in 0..slots {
        let slot = (u64::from(hash >> 8) + step) % slots;
        let (slot_hash, record) = reader.pair_at(table + slot * 8)?;
        if record == 0 {
            reader.check_filled(table, slots)?;
            return Ok(None);
        }
        if slot_hash == hash
            && let Some(value) = reader.value(key, u64::from(record))?
        {
            return Ok(Some(value));
        }
    }
    if slots == 0 { Ok(None) } else { Err(damaged()) }
}

/// The value of a key in a CDB that is in memory.
pub fn get_from(bytes: &[u8], key: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let read_at = |buffer: &mut [u8], position: u64| {
        let start = usize::try_from(position).map_err(|_| damaged())?;
        let end = start.checked_add(buffer.len()).ok_or_else(damaged)?;
        buffer.copy_from_slice(bytes.get(start..end).ok_or_else(damaged)?);
        Ok(())
    };
    let size = u64::try_from(bytes.len()).map_err(|_| damaged())?;
    get(read_at, size, key)
}
