//! The failure matrix: every plugin in every faulty world.
//!
//! Each plugin meets somebody whom it would refuse, first in a healthy
//! world, then in one that lacks something. The table is in the book.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic, and its helpers too"
)]

mod people;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use people::{TestZone, block_on_paused, snapshot};
use ra_plugins::frozen::Frozen;
use ra_plugins::memory::{Claim, InMemory, Memory, Note, Purged};
use ra_plugins::network::{Connecting, Connection, Network};
use ra_plugins::plugin::{Plugin, Verdict};
use ra_plugins::registry::PLUGINS;
use ra_plugins::session::Session;
use ra_plugins::settings::Kind;
use ra_plugins::world::{
    About, Asked, Clock, Dns, DnsError, Files, Limit, Limiter, NotThere,
    RecordType, SystemClock, Waiting, World,
};
use tokio::io::AsyncWriteExt;

/// A world with one thing wrong, and the session in it.
type Fault = fn(World, Session, &Plugin) -> (World, Session);

/// Everything that can be wrong.
const FAULTS: [(&str, Fault); 13] = [
    ("healthy", |world, session, _| (world, session)),
    ("no DNS", |world, session, _| {
        (World { dns: Arc::new(NotThere), ..world }, session)
    }),
    ("SERVFAIL", |world, session, _| {
        (World { dns: Arc::new(Failing), ..world }, session)
    }),
    ("slow DNS", |world: World, session, _| {
        (World { dns: Arc::new(Slow(world.dns.clone())), ..world }, session)
    }),
    ("no limiter", |world, session, _| {
        (World { limiter: Arc::new(NotThere), ..world }, session)
    }),
    ("hung limiter", |world, session, _| {
        (World { limiter: Arc::new(Hung), ..world }, session)
    }),
    ("files missing", |world, session, _| {
        (with_files(world, ErrorKind::NotFound), session)
    }),
    ("files unreadable", |world, session, _| {
        (with_files(world, ErrorKind::PermissionDenied), session)
    }),
    ("files damaged", |world, session, _| {
        (with_files(world, ErrorKind::InvalidData), session)
    }),
    ("files huge", |world, session, _| {
        (with_files(world, ErrorKind::FileTooLarge), session)
    }),
    ("disk full", |world, session, _| {
        (World { memory: Arc::new(FullDisk), ..world }, session)
    }),
    ("clock set back", |world, session, _| {
        let clock = Stepping(AtomicBool::new(false));
        (World { clock: Arc::new(clock), ..world }, session)
    }),
    ("settings malformed", |world, session, plugin| {
        (world, malformed(session, plugin))
    }),
];

/// A DNS whose servers all fail.
struct Failing;

impl Dns for Failing {
    fn ask<'a>(&'a self, _: &str, _: RecordType) -> Asked<'a> {
        Asked::Known(Err(DnsError::Failure))
    }
}

/// A DNS that takes a minute.
struct Slow(Arc<dyn Dns>);

impl Dns for Slow {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        let asked = self.0.ask(name, wanted);
        Asked::Waiting(Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            asked.answer().await
        }))
    }
}

/// A limiter that says that everybody is over the limit.
struct Strict;

impl Limiter for Strict {
    fn mark<'a>(&'a self, _: &'a str, _: &'a str) -> Waiting<'a, Limit> {
        Box::pin(std::future::ready(Limit::Over))
    }

    fn peek<'a>(&'a self, _: &'a str, _: &'a str) -> Waiting<'a, Limit> {
        Box::pin(std::future::ready(Limit::Over))
    }
}

/// A limiter that never answers.
struct Hung;

impl Limiter for Hung {
    fn mark<'a>(&'a self, _: &'a str, _: &'a str) -> Waiting<'a, Limit> {
        Box::pin(std::future::pending())
    }

    fn peek<'a>(&'a self, _: &'a str, _: &'a str) -> Waiting<'a, Limit> {
        Box::pin(std::future::pending())
    }
}

/// Files that all have the same trouble.
struct Troubled {
    kind: ErrorKind,
}

/// The world with such files.
fn with_files(world: World, kind: ErrorKind) -> World {
    World { files: Arc::new(Troubled { kind }), ..world }
}

impl Troubled {
    /// What the machine would say. A damaged file can be read, and a huge
    /// one is there.
    fn error(&self) -> io::Error {
        if self.kind == ErrorKind::FileTooLarge {
            io::Error::other("larger than 64 MiB")
        } else if self.kind == ErrorKind::InvalidData {
            io::Error::other("damaged CDB")
        } else {
            self.kind.into()
        }
    }
}

impl Files for Troubled {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        if self.kind == ErrorKind::InvalidData {
            return Ok(b"\xff\xfe\0\0\x1b[2J\n".repeat(50));
        }
        Err(self.error())
    }

    fn exists(&self, path: &Path) -> bool {
        self.about(path).is_ok()
    }

    fn cdb_get(&self, _: &Path, _: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Err(self.error())
    }

    fn about(&self, _: &Path) -> io::Result<About> {
        if self.kind == ErrorKind::NotFound {
            return Err(self.error());
        }
        Ok(About { size: 1 << 40, modified: SystemTime::UNIX_EPOCH })
    }

    fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
        Err(self.error())
    }
}

/// A memory on a disk without room.
struct FullDisk;

impl FullDisk {
    /// What the system says.
    fn full<T>() -> io::Result<T> {
        Err(ErrorKind::StorageFull.into())
    }
}

impl Memory for FullDisk {
    fn recall(&self, _: &Path, _: &str) -> io::Result<Option<Note>> {
        Ok(None)
    }

    fn remember(&self, _: &Path, _: &str, _: &Note) -> io::Result<()> {
        Self::full()
    }

    fn claim(
        &self,
        _: &Path,
        _: &str,
        _: SystemTime,
        _: Duration,
    ) -> io::Result<Option<Claim>> {
        Self::full()
    }

    fn release(&self, _: &Path, _: &str, _: Claim) -> io::Result<()> {
        Self::full()
    }

    fn purge(&self, _: &Path, _: SystemTime) -> io::Result<Purged> {
        Self::full()
    }
}

/// A time of day to begin with.
const START: Duration = Duration::from_secs(1_000_000);

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + START
    }

    fn sleep(&self, time: Duration) -> Waiting<'_, ()> {
        SystemClock.sleep(time)
    }
}

/// A clock that somebody sets back a day after the first look at it.
struct Stepping(AtomicBool);

impl Clock for Stepping {
    fn now(&self) -> SystemTime {
        let stepped = self.0.swap(true, Ordering::SeqCst);
        let day = Duration::from_secs(if stepped { 86_400 } else { 0 });
        SystemTime::UNIX_EPOCH + START - day
    }

    fn sleep(&self, time: Duration) -> Waiting<'_, ()> {
        SystemClock.sleep(time)
    }
}

/// A network whose servers know nobody.
struct Unkind;

impl Network for Unkind {
    fn connect(&self, _: SocketAddr) -> Connecting<'_> {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let replies = b"220 hello\r\n250 hello\r\n250 ok\r\n550 who?\r\n";
            _ = theirs.write_all(replies).await;
            std::future::pending::<()>().await;
        });
        let stream: Box<dyn Connection> = Box::new(ours);
        Box::pin(std::future::ready(Ok(stream)))
    }
}

/// The session of somebody whom every plugin would refuse.
fn stranger(plugin: &Plugin) -> Session {
    let mut session = Session::new(1)
        .with("TCPREMOTEIP", "192.0.2.9")
        .with("RELAYCLIENT", "")
        .with("SMTPHELOHOST", "fail.example")
        .with("SMTPMAILFROM", "nobody@fail.example")
        .with("SMTPRCPTTO", "no.bo+dy@example.org")
        .with("SMTPRCPTCOUNT", "0")
        .with("SMTPRCPTCOUNTALL", "60")
        .with("SMTPRCPTHOSTSOK", "1")
        .with("RBLSERVERS", "bl.example")
        .with("BOUNCELEVEL", "0")
        .with("CHECKBACK_MODE", "enforce")
        .with("RATER_CLASS", "user")
        .with("RATER_KEY", "joe");
    let others: &[(&str, &str)] = match plugin.name {
        "authlogger" | "userthrottle" => &[("SMTPAUTHUSER", "joe")],
        "localmail" => &[
            ("SMTPAUTHUSER", "joe"),
            ("SMTPRCPTTO", "x@elsewhere.example"),
            ("SMTPRCPTHOSTSOK", "0"),
        ],
        "mfdnschecks" => &[("SMTPMAILFROM", "nobody@nx.example")],
        "checkback" => &[("SMTPMAILFROM", "nobody@good.example")],
        name if name.starts_with("senderchecks") => {
            &[("SMTPMAILFROM", "nobody@example.org")]
        }
        _ => &[],
    };
    for (name, value) in others {
        session.set(name, value);
    }
    session
}

/// The world in which nothing is wrong.
fn healthy() -> World {
    let mut world = Frozen::new()
        .file("control/me", "mx.example.org\n")
        .file("control/rcpthosts", "example.org\n")
        .file("control/localonly", "joe\n")
        .file("control/overloaded", "")
        .file("control/addresslist", "joe@example.org\n")
        .cdb("control/addresslist.cdb", ["joe@example.org"])
        .file("control/virtualdomains", "example.org:example.org\n")
        .file("users/assign", "+example.org-:v:1:1:/v/org:-::\n.\n")
        .file("/v/org/vpasswd", "joe:x:1:0:Joe:/v/org/joe:NOQUOTA\n")
        .dns(TestZone::recorded())
        .network(Unkind)
        .memory(InMemory::default())
        .world();
    world.limiter = Arc::new(Strict);
    world.clock = Arc::new(Still);
    world
}

/// The session with nonsense in every setting that can be misunderstood.
fn malformed(mut session: Session, plugin: &Plugin) -> Session {
    for setting in plugin.settings {
        let nonsense = match setting.kind {
            Kind::File | Kind::Characters => continue,
            Kind::Text
            | Kind::Number
            | Kind::Switch
            | Kind::Delay
            | Kind::Reply
            | Kind::List
            | Kind::Word
            | Kind::Choice => "fe\u{7}w words",
        };
        session.set(setting.name, nonsense);
    }
    session
}

/// A verdict in one word.
fn in_a_word(verdict: &Verdict) -> String {
    let mut words: Vec<String> = verdict
        .commands
        .iter()
        .map(|command| {
            let line = command.to_string();
            line.split(' ').next().unwrap_or_default().to_owned()
        })
        .collect();
    if !verdict.delay.is_zero() {
        words.push(format!("waits {} s", verdict.delay.as_secs()));
    }
    if words.is_empty() { "passes".to_owned() } else { words.join(" ") }
}

/// One row: what came of it, without the name of the fault.
fn row(plugin: &Plugin, fault: Fault) -> (Verdict, u64, String) {
    let (verdict, seconds) = block_on_paused(async {
        let (world, session) = fault(healthy(), stranger(plugin), plugin);
        plugin.judge(&session, &world).await
    });
    let mut text = format!("{}, {seconds} s", in_a_word(&verdict));
    for line in &verdict.log {
        text += &format!("\n      {line}");
    }
    (verdict, seconds, text)
}

/// Whether a verdict refuses for good.
fn refuses(verdict: &Verdict) -> bool {
    verdict.commands.iter().any(|command| {
        let line = command.to_string();
        line.starts_with("E5") || line.starts_with("R5") || line == "D"
    })
}

#[test]
fn every_plugin_in_every_faulty_world() {
    let mut table = String::new();
    for plugin in PLUGINS {
        table += &format!("{}\n", plugin.name);
        let (as_usual, _, usual) = row(plugin, FAULTS[0].1);
        let mut harmless = Vec::new();
        for (name, fault) in FAULTS {
            let (verdict, seconds, text) = row(plugin, fault);
            assert!(seconds <= 25, "{} with {name}: {text}", plugin.name);
            assert!(
                refuses(&as_usual) || !refuses(&verdict),
                "{} with {name}: {text}",
                plugin.name
            );
            if name != "healthy" && text == usual {
                harmless.push(name);
            } else {
                table += &format!("  {name}: {text}\n");
            }
        }
        table += &format!("  no difference: {}\n\n", harmless.join(", "));
    }
    snapshot("failures__matrix", &table);
}
