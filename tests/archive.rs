//! Notes that last: many processes, and death at any moment.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic, and its helpers too"
)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use ra_plugins::archive::Archive;
use ra_plugins::memory::{InMemory, Memory, Note, Purged};
use rstest::rstest;

/// A time of day.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A note of a time.
fn note(text: &str, seconds: u64) -> Note {
    Note { text: text.to_owned(), time: at(seconds) }
}

#[rstest]
#[case::in_memory(&InMemory::default())]
#[case::on_disk(&Archive::default())]
fn both_memories_keep_the_same_promises(#[case] memory: &dyn Memory) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    assert_eq!(memory.recall(&file, "joe").unwrap(), None);
    memory.remember(&file, "joe", &note("no", 5)).unwrap();
    memory.remember(&file, "joe", &note("yes", 10)).unwrap();
    memory.remember(&file, "it's; DROP TABLE notes", &note("x", 20)).unwrap();
    assert_eq!(memory.recall(&file, "joe").unwrap(), Some(note("yes", 10)));

    let minute = Duration::from_secs(60);
    let claim = |key, now| memory.claim(&file, key, at(now), minute).unwrap();
    let first = claim("a", 100).unwrap();
    assert_eq!(claim("a", 159), None);
    assert!(claim("b", 159).is_some());
    // The first was too slow. The second has the key now, and keeps it.
    let second = claim("a", 160).unwrap();
    memory.release(&file, "a", first).unwrap();
    assert_eq!(claim("a", 161), None);
    memory.release(&file, "a", second).unwrap();
    assert!(claim("a", 161).is_some());
    // The clock has been set back.
    assert!(claim("a", 1).is_some());

    let purged = memory.purge(&file, at(15)).unwrap();
    assert_eq!(purged, Purged { traversed: 2, deleted: 1 });
    assert_eq!(memory.recall(&file, "joe").unwrap(), None);
}

#[rstest]
#[case::no_folder("none/notes.db")]
#[case::a_folder(".")]
#[case::not_a_database("words.db")]
fn a_file_that_cannot_be_used_is_an_error(#[case] name: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("words.db"), "words ".repeat(500)).unwrap();
    let file = folder.path().join(name);
    let notes = Archive::default();
    assert!(notes.recall(&file, "joe").is_err());
    assert!(notes.remember(&file, "joe", &note("x", 1)).is_err());
}

#[rstest]
#[case::removed(None)]
#[case::renamed(Some("before.db"))]
fn a_file_that_is_another_now_is_opened_anew(#[case] aside: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    let notes = Archive::default();
    notes.remember(&file, "joe", &note("old", 1)).unwrap();
    match aside {
        Some(name) => fs::rename(&file, folder.path().join(name)).unwrap(),
        None => fs::remove_file(&file).unwrap(),
    }
    assert_eq!(notes.recall(&file, "joe").unwrap(), None);
    notes.remember(&file, "joe", &note("new", 2)).unwrap();
    let found = Archive::default().recall(&file, "joe").unwrap();
    assert_eq!(found, Some(note("new", 2)));
}

/// Does nothing, unless it was started as a process by the tests below: then
/// it writes twenty notes.
#[test]
fn a_writer() {
    let Some(file) = std::env::var_os("WRITER_FILE") else { return };
    let number = std::env::var("WRITER_NUMBER").unwrap();
    let notes = Archive::default();
    for round in 0..20 {
        let (key, minute) = (format!("{number}.{round}"), at(60));
        let file = Path::new(&file);
        let time = Duration::from_secs(60);
        let claim = notes.claim(file, &key, minute, time).unwrap().unwrap();
        notes.remember(file, &key, &note("written", 1)).unwrap();
        notes.release(file, &key, claim).unwrap();
    }
}

/// Starts a writer as a process.
fn start(file: &Path, number: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_writer"])
        .env("WRITER_FILE", file)
        .env("WRITER_NUMBER", number.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn many_processes_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    let children: Vec<_> = (0..12).map(|number| start(&file, number)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{words}");
    }
    let notes = Archive::default();
    for number in 0..12 {
        for round in 0..20 {
            let key = format!("{number}.{round}");
            let found = notes.recall(&file, &key).unwrap();
            assert_eq!(found, Some(note("written", 1)), "{key}");
        }
    }
}

#[test]
fn writers_may_be_killed_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    let notes = Archive::default();
    notes.remember(&file, "kept", &note("kept", 1)).unwrap();
    for round in 0..40 {
        let mut children: Vec<_> =
            (0..3).map(|number| start(&file, 3 * round + number)).collect();
        let moment = 1000 + 500 * (round as u64 % 20);
        std::thread::sleep(Duration::from_micros(moment));
        for child in &mut children {
            child.kill().unwrap();
        }
        for child in &mut children {
            child.wait().unwrap();
        }
    }
    assert_eq!(notes.recall(&file, "kept").unwrap(), Some(note("kept", 1)));
    notes.remember(&file, "new", &note("new", 2)).unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    let check: String =
        db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

/// Who was killed while asking has not given back what he had claimed.
#[test]
fn what_nobody_gave_back_is_purged_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    let notes = Archive::default();
    let minute = Duration::from_secs(60);
    assert!(notes.claim(&file, "killed", at(100), minute).unwrap().is_some());
    assert!(notes.claim(&file, "asking", at(900), minute).unwrap().is_some());
    notes.purge(&file, at(900)).unwrap();
    let db = rusqlite::Connection::open(&file).unwrap();
    let left = "SELECT group_concat(key) FROM claims";
    let left: String = db.query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(left, "asking");
}

#[test]
fn purging_is_a_command() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("control")).unwrap();
    let file = folder.path().join("control/checkbackcache.db");
    let notes = Archive::default();
    notes.remember(&file, "old", &note("exists", 1)).unwrap();
    let now = Note { text: "exists".into(), time: SystemTime::now() };
    notes.remember(&file, "new", &now).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["plugin", "checkbackpurge"])
        .env_clear()
        .env("RA_QMAIL", folder.path())
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let done = " - Traversed 2 items, deleted 1 items\n";
    assert!(log.starts_with("checkbackpurge: pid ") && log.ends_with(done));
}
