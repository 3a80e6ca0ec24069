//! Limits that several hosts share, over Redis or Valkey.
//!
//! A key is a list there: the sum first, then second and count, second and
//! count, oldest first. One script a mark does what
//! [`crate::rater::window`] does here, and the server's own clock makes all
//! hosts agree on the second. While the server is away each host counts
//! alone, and writes down what the others have missed.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use tokio::time::{Instant, timeout};

use crate::rater::clock::Clock;
use crate::rater::journal::{self, Record};
use crate::rater::log::{Level, Log};
use crate::rater::window::Mark;

/// Counts a mark: `KEYS` the key, `ARGV` weight, window and, in tests, the
/// second.
const MARK: &str = r"
local call, key = redis.call, KEYS[1]
local weight, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = tonumber(ARGV[3])
if now == 0 then now = tonumber(call('TIME')[1]) end
if weight == 0 then
  local all, count = call('LRANGE', key, 1, -1), 0
  for i = 1, #all, 2 do
    if now - all[i] < window then count = count + all[i + 1] end
  end
  return count
end
local sum = tonumber(call('LPOP', key) or 0)
local last = tonumber(call('LINDEX', key, -2) or 0)
if last > now then now = last end
local first = call('LINDEX', key, 0)
while first and now - first >= window do
  sum = sum - call('LPOP', key, 2)[2]
  first = call('LINDEX', key, 0)
end
if first and last == now then
  call('LSET', key, -1, call('LINDEX', key, -1) + weight)
else
  call('RPUSH', key, now, weight)
end
call('LPUSH', key, sum + weight)
call('EXPIRE', key, window)
return sum + weight
";

/// Adds marks of the past: `ARGV` window, then age and weight of each.
const MERGE: &str = r"
local call, key, window = redis.call, KEYS[1], tonumber(ARGV[1])
local now = tonumber(call('TIME')[1])
local all, counts, seconds, sum = call('LRANGE', key, 1, -1), {}, {}, 0
local function add(second, count)
  if now - second < window then
    if not counts[second] then table.insert(seconds, second) end
    counts[second] = (counts[second] or 0) + count
    sum = sum + count
  end
end
for i = 1, #all, 2 do add(tonumber(all[i]), tonumber(all[i + 1])) end
for i = 2, #ARGV, 2 do add(now - ARGV[i], tonumber(ARGV[i + 1])) end
table.sort(seconds)
call('DEL', key)
if #seconds > 0 then
  call('RPUSH', key, sum)
  for _, second in ipairs(seconds) do
    call('RPUSH', key, second, counts[second])
  end
  call('EXPIRE', key, window)
end
return sum
";

/// How long the server may take over a mark. Whoever waits for it has 50 ms.
const PATIENCE: Duration = Duration::from_millis(45);

/// How often we look whether it is back.
const RETRY: Duration = Duration::from_millis(250);

/// How long a mark may stay on its way. Until then nobody knows whether the
/// server has missed it.
const DOUBT: Duration = Duration::from_secs(5);

/// The server, and what it has missed.
pub struct Shared {
    client: Client,
    link: Arc<Mutex<Link>>,
    mark: Arc<Script>,
    merge: Script,
}

/// How things stand with the server.
#[derive(Default)]
struct Link {
    /// The connection, while there is one.
    connection: Option<MultiplexedConnection>,
    /// The marks since there is none, as records.
    missed: Vec<u8>,
}

impl Shared {
    /// The server at a URL; nothing is asked yet.
    pub fn new(url: &str) -> Result<Self, RedisError> {
        Ok(Self {
            client: Client::open(url)?,
            link: Arc::default(),
            mark: Arc::new(Script::new(MARK)),
            merge: Script::new(MERGE),
        })
    }

    /// Whether the server is there.
    pub fn is_here(&self) -> bool {
        self.link.lock().connection.is_some()
    }

    /// Counts a mark there, at the server's own second unless `at` is given.
    /// Nothing, within 50 ms, where the server is away: then the mark is
    /// written down, as soon as it is certain that it was missed. A late
    /// answer is as good as an early one for that: the server has counted.
    pub async fn mark(
        &self,
        mark: Mark<'_>,
        seconds: u32,
        at: Option<u32>,
    ) -> Option<u64> {
        let Some(mut connection) = self.link.lock().connection.clone() else {
            self.link.lock().miss(mark, seconds);
            return None;
        };
        let (link, script) = (Arc::clone(&self.link), Arc::clone(&self.mark));
        let (key, now, weight) = (mark.key.to_vec(), mark.now, mark.weight);
        let mut asked = Box::pin(async move {
            let mut script = script.prepare_invoke();
            script.key(name(&key)).arg(weight).arg(seconds);
            script.arg(at.unwrap_or(0));
            let counted = script.invoke_async(&mut connection).await;
            if counted.is_err() {
                link.lock().miss(Mark { key: &key, weight, now }, seconds);
            }
            counted.ok()
        });
        if let Ok(count) = timeout(PATIENCE, asked.as_mut()).await {
            return count;
        }
        self.link.lock().connection = None;
        tokio::spawn(asked);
        None
    }

    /// Keeps in touch with the server for ever.
    pub async fn attend(&self, clock: Clock, log: &Log) {
        let mut was_here = true;
        loop {
            let is_here = self.is_here() || self.meet(&clock).await.is_ok();
            if is_here != was_here {
                let words = match is_here {
                    true => "the shared store is back",
                    false => "the shared store is away: counting alone",
                };
                log.write(Level::Warn, words);
            }
            was_here = is_here;
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Connects, and tells the server what it has missed. Marks that come
    /// meanwhile are missed too, so this ends when there are none.
    pub async fn meet(&self, clock: &Clock) -> Result<(), RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(RETRY * 4))
            .set_response_timeout(Some(DOUBT));
        let asked =
            self.client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = asked.await?;
        loop {
            let missed = std::mem::take(&mut self.link.lock().missed);
            self.tell(&mut connection, &missed, clock).await?;
            let mut link = self.link.lock();
            if link.missed.is_empty() {
                link.connection = Some(connection);
                return Ok(());
            }
        }
    }

    /// Adds marks of the past to those that the server has. Where that
    /// fails, the rest is still missed; what has been told is not.
    async fn tell(
        &self,
        connection: &mut MultiplexedConnection,
        missed: &[u8],
        clock: &Clock,
    ) -> Result<(), RedisError> {
        let mut records = journal::records(missed);
        while let Some(Record { mark, seconds }) = records.next() {
            let age = clock.at(Instant::now()).saturating_sub(mark.now);
            let mut script = self.merge.prepare_invoke();
            script.key(name(mark.key)).arg(seconds).arg(age).arg(mark.weight);
            let told = script.invoke_async::<u64>(connection).await;
            if let Err(error) = told {
                let mut link = self.link.lock();
                link.miss(mark, seconds);
                records.for_each(|it| link.miss(it.mark, it.seconds));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Forgets a key there; whether it was known. Nothing where the server
    /// is away.
    pub async fn forget(&self, key: &[u8]) -> Option<bool> {
        let mut connection = self.link.lock().connection.clone()?;
        let mut order = redis::cmd("DEL");
        let forgotten = order.arg(name(key)).query_async(&mut connection);
        forgotten.await.ok()
    }
}

impl Link {
    /// Writes down a mark that the server has missed; it is told when there
    /// is a connection again.
    fn miss(&mut self, mark: Mark<'_>, seconds: u32) {
        self.connection = None;
        if mark.weight > 0 {
            journal::append(&mut self.missed, mark, seconds);
        }
    }
}

/// What a key is called there. It is one key, so a cluster knows its place.
fn name(key: &[u8]) -> Vec<u8> {
    [b"rater:", key].concat()
}
