//! Whether a mailbox is full.
//!
//! A Maildir++ keeps its running total in the file maildirsize: the quota,
//! then a line of bytes and messages for every change. We add it up and
//! never write; where it is stale we count the messages ourselves.
//!
//! ```
//! use ra_plugins::mailboxes::quota::{Quota, Usage};
//!
//! let quota = Quota::parse("1000S,10C");
//! let usage = Usage { bytes: 500, messages: 9 };
//! assert_eq!(quota.percent(usage), 90);
//! ```

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::control::Control;
use crate::world::World;

/// The longest maildirsize that is believed.
const SIZE_MAX: u64 = 5120;

/// The age from which on a maildirsize over quota is not believed.
const AGE_MAX: Duration = Duration::from_secs(15 * 60);

/// What a mailbox may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes, if they are limited.
    pub bytes: Option<u64>,
    /// Messages, if they are limited.
    pub messages: Option<u64>,
}

/// What a mailbox holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The sum of its messages' bytes.
    pub bytes: u64,
    /// How many there are.
    pub messages: u64,
}

impl Quota {
    /// Reads `10485760S,1000C`, a plain number of bytes, or `NOQUOTA`; what
    /// is not understood, and zero, limit nothing.
    pub fn parse(text: &str) -> Self {
        let mut quota = Self::default();
        for part in text.split(',').map(str::trim) {
            let number = part.trim_end_matches(['S', 'C']);
            let limit = number.parse().ok().filter(|limit| *limit > 0);
            if part.ends_with('C') {
                quota.messages = limit;
            } else if limit.is_some() {
                quota.bytes = limit;
            }
        }
        quota
    }

    /// Whether there is any limit.
    pub fn is_limited(&self) -> bool {
        self.bytes.or(self.messages).is_some()
    }

    /// How much of the quota is used: the larger of the two shares.
    pub fn percent(&self, usage: Usage) -> u64 {
        let share = |used: u64, limit: Option<u64>| {
            limit.map_or(0, |limit| {
                u128::from(used) * 100 / u128::from(limit.max(1))
            })
        };
        let bytes = share(usage.bytes, self.bytes);
        let messages = share(usage.messages, self.messages);
        u64::try_from(bytes.max(messages)).unwrap_or(u64::MAX)
    }
}

/// How much of a Maildir's quota is used, in percent. Counting many messages
/// takes time, so it waits now and then for others, among them the deadline.
pub async fn percent_used(world: &World, maildir: &Path, quota: Quota) -> u64 {
    if !quota.is_limited() {
        return 0;
    }
    let usage = match summed(world, maildir, quota) {
        Some(usage) => usage,
        None => counted(world, maildir).await,
    };
    quota.percent(usage)
}

/// What maildirsize adds up to, unless it is missing, too long, not of this
/// form, about another quota, or over quota and old.
fn summed(world: &World, maildir: &Path, quota: Quota) -> Option<Usage> {
    let path = maildir.join("maildirsize");
    let about = world.files.about(&path).ok()?;
    if about.size > SIZE_MAX {
        return None;
    }
    let text = Control::new(&world.files.read(&path).ok()?);
    let mut lines = text.lines();
    if Quota::parse(lines.next()?) != quota {
        return None;
    }
    let (mut bytes, mut messages) = (0_i64, 0_i64);
    for line in lines {
        let (more_bytes, more_messages) =
            line.split_once(char::is_whitespace)?;
        bytes = bytes.checked_add(more_bytes.parse().ok()?)?;
        messages = messages.checked_add(more_messages.trim().parse().ok()?)?;
    }
    let usage = Usage {
        bytes: u64::try_from(bytes).ok()?,
        messages: u64::try_from(messages).ok()?,
    };
    let is_fresh = is_fresh(about.modified, world.clock.now());
    (is_fresh || quota.percent(usage) < 100).then_some(usage)
}

/// Whether a file is younger than fifteen minutes; one from the future, as
/// after a step of the clock, is not.
fn is_fresh(modified: SystemTime, now: SystemTime) -> bool {
    now.duration_since(modified).is_ok_and(|age| age <= AGE_MAX)
}

/// What the messages add up to, in the Maildir and in its folders, whose
/// names begin with a dot. The trash does not count.
async fn counted(world: &World, maildir: &Path) -> Usage {
    let mut usage = Usage::default();
    let names = world.files.list(maildir).unwrap_or_default();
    let folders = names.iter().filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with('.') && name != ".Trash"
    });
    let folders = folders.map(|name| maildir.join(name));
    for folder in std::iter::once(maildir.to_owned()).chain(folders) {
        for part in ["new", "cur"] {
            count_folder(world, &folder.join(part), &mut usage).await;
        }
    }
    usage
}

/// Adds the messages of one folder.
async fn count_folder(world: &World, folder: &Path, usage: &mut Usage) {
    let names = world.files.list(folder).unwrap_or_default();
    for some in names.chunks(1000) {
        for name in some {
            let text = name.to_string_lossy();
            if text.starts_with('.') || is_trashed(&text) {
                continue;
            }
            let path = folder.join(name);
            let size = size_in_name(&text)
                .or_else(|| Some(world.files.about(&path).ok()?.size));
            // A message that has gone in the meantime does not count.
            if let Some(size) = size {
                usage.bytes = usage.bytes.saturating_add(size);
                usage.messages += 1;
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Whether a message's flags, behind `:2,`, say that it is in the trash.
fn is_trashed(name: &str) -> bool {
    name.rsplit_once(":2,").is_some_and(|(_, flags)| flags.contains('T'))
}

/// The size that a message's name tells: `…,S=1234…`.
fn size_in_name(name: &str) -> Option<u64> {
    let (_, size) = name.split_once(",S=")?;
    let end = size.find(|c: char| !c.is_ascii_digit()).unwrap_or(size.len());
    size.get(..end)?.parse().ok()
}
