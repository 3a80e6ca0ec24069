//! The real world where it is unkind, and the frozen one.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use ra_plugins::frozen::Frozen;
use ra_plugins::world::{
    Clock, Dns, DnsError, FILE_MAX, Limit, Limiter, NotThere, RecordType, World,
};

#[test]
fn a_missing_file_is_not_found() {
    let world = World::real("/nonexistent");
    let path = world.path("control/me");
    let error = world.files.read(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!world.files.exists(&path));
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_hold_us_up() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("me");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = World::real(folder.path()).files.read(&pipe).unwrap_err();
    assert_eq!(error.to_string(), "not a regular file");
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::real(folder.path());
    assert!(world.files.read(folder.path()).is_err());
    assert!(world.files.cdb_get(folder.path(), b"key").is_err());
}

#[test]
fn a_huge_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(FILE_MAX + 1).unwrap();
    let error = World::real(folder.path()).files.read(&path).unwrap_err();
    assert_eq!(error.to_string(), "larger than 64 MiB");
}

#[test]
fn a_cdb_is_asked_and_a_damaged_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::real(folder.path());
    let path = folder.path().join("list.cdb");
    let mut cdb = cdb2::CDBWriter::create(&path).unwrap();
    cdb.add(b"joe@example.org", b"1").unwrap();
    cdb.finish().unwrap();
    let found = |key: &[u8]| world.files.cdb_get(&path, key).unwrap();
    assert_eq!(found(b"joe@example.org"), Some(b"1".to_vec()));
    assert_eq!(found(b"jim@example.org"), None);

    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let found = world.files.cdb_get(&path, b"joe@example.org");
        assert!(found.is_err(), "cut after {length} bytes");
    }
}

#[tokio::test]
async fn nobody_is_asked_where_nobody_is_there() {
    let answer = NotThere.ask("example.org", RecordType::Mx).answer().await;
    assert_eq!(answer, Err(DnsError::NotThere));
    assert_eq!(NotThere.mark("ip", "192.0.2.9").await, Limit::Unknown);
    assert_eq!(NotThere.peek("ip", "192.0.2.9").await, Limit::Unknown);
}

#[tokio::test]
async fn sleeping_in_the_frozen_world_takes_no_time() {
    let frozen = Frozen::new();
    let world = frozen.world();
    world.clock.sleep(Duration::from_secs(3600)).await;
    assert_eq!(frozen.slept(), Duration::from_secs(3600));
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
    assert_eq!(frozen.now(), later);
}

#[test]
fn the_frozen_world_has_locked_files() {
    let world = Frozen::new().locked("control/me").world();
    let path = Path::new("/var/qmail/control/me");
    let error = world.files.read(path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(world.files.exists(path));
}
