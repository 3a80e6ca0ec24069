//! Looking a key up in a constant database.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic, and its helpers too"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;

use proptest::prelude::{Strategy, any, proptest};
use proptest::{collection, prop_assert_eq};
use ra_plugins::cdb;
use ra_plugins::world::{Disk, Files};
use rstest::rstest;

/// The bytes of a CDB that a well-kept crate has written.
fn written(records: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.cdb");
    let file = File::create(&path).unwrap();
    let mut writer = cdb2::CDBMake::new(file).unwrap();
    for (key, value) in records {
        writer.add(key, value).unwrap();
    }
    writer.finish().unwrap();
    std::fs::read(&path).unwrap()
}

/// Two people.
fn people() -> Vec<u8> {
    let joe = (b"joe@example.org".to_vec(), b"1".to_vec());
    let jane = (b"jane@example.org".to_vec(), b"".to_vec());
    written(&BTreeMap::from([joe, jane]))
}

#[rstest]
#[case::with_a_value("joe@example.org", Some("1"))]
#[case::without_a_value("jane@example.org", Some(""))]
#[case::a_stranger("jim@example.org", None)]
#[case::a_part_of_a_key("joe", None)]
#[case::no_key_at_all("", None)]
fn finds(#[case] key: &str, #[case] value: Option<&str>) {
    let found = cdb::get_from(&people(), key.as_bytes()).unwrap();
    assert_eq!(found.as_deref(), value.map(str::as_bytes));
}

#[rstest]
#[case::of_no_bytes(|_: &mut Vec<u8>| Vec::new())]
#[case::cut_in_the_header(|all: &mut Vec<u8>| all[..100].to_vec())]
#[case::cut_after_the_header(|all: &mut Vec<u8>| all[..2048].to_vec())]
#[case::cut_by_one_byte(|all: &mut Vec<u8>| all[..all.len() - 1].to_vec())]
#[case::zeroed_by_a_power_cut(|all: &mut Vec<u8>| vec![0; all.len()])]
#[case::a_text_file(|_: &mut Vec<u8>| b"joe@example.org\n".repeat(500))]
fn a_damaged_file_is_an_error(#[case] damage: fn(&mut Vec<u8>) -> Vec<u8>) {
    let bytes = damage(&mut people());
    let error = cdb::get_from(&bytes, b"nobody@example.org").unwrap_err();
    assert_eq!(error.to_string(), "damaged CDB");
}

#[test]
fn a_list_that_has_lost_its_tables_is_not_a_shorter_list() {
    let mut bytes = people();
    let tables = bytes.len() - 32;
    bytes[tables..].fill(0);
    for key in ["joe@example.org", "jane@example.org"] {
        let error = cdb::get_from(&bytes, key.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "damaged CDB");
    }
}

#[rstest]
#[case::absent("none.cdb")]
#[case::a_folder(".")]
#[case::of_no_bytes("empty.cdb")]
fn the_disk_tells_an_unusable_file_from_an_empty_list(#[case] name: &str) {
    let folder = tempfile::tempdir().unwrap();
    File::create(folder.path().join("empty.cdb")).unwrap();
    assert!(Disk.cdb_get(&folder.path().join(name), b"joe").is_err());
}

#[test]
fn the_disk_finds_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.cdb");
    std::fs::write(&path, people()).unwrap();
    let value = Disk.cdb_get(&path, b"joe@example.org").unwrap();
    assert_eq!(value.as_deref(), Some(b"1".as_slice()));
}

#[test]
fn a_question_costs_a_handful_of_reads() {
    let name = |n: usize| format!("user{n}@example.org").into_bytes();
    let records = (0..20_000).map(|n| (name(n), Vec::new())).collect();
    let bytes = written(&records);
    let reads = |key: &[u8]| {
        let count = Cell::new(0);
        let read_at = |buffer: &mut [u8], position: u64| {
            count.set(count.get() + 1);
            let start = usize::try_from(position).unwrap();
            buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
            Ok(())
        };
        cdb::get(read_at, bytes.len() as u64, key).unwrap();
        count.get()
    };
    let all = (0..40_000).map(|n| reads(&name(n)));
    let (most, sum) =
        all.fold((0, 0), |(most, sum), reads| (reads.max(most), sum + reads));
    assert!(most < 60, "{most} at most");
    assert!(sum / 40_000 < 6, "{} on average", sum / 40_000);
}

/// A few short keys, so that some of them meet.
fn records() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    let bytes = || collection::vec(any::<u8>(), 0..4);
    collection::btree_map(bytes(), bytes(), 0..80)
}

proptest! {
    #[test]
    fn every_key_has_the_value_that_was_written(
        records in records(),
        other in collection::vec(any::<u8>(), 0..4),
    ) {
        let bytes = written(&records);
        for key in records.keys().chain([&other]) {
            let found = cdb::get_from(&bytes, key).unwrap();
            prop_assert_eq!(found.as_ref(), records.get(key));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        records in records(),
        flips in collection::vec((any::<usize>(), any::<u8>()), 0..20),
        key in collection::vec(any::<u8>(), 0..4),
    ) {
        let mut bytes = written(&records);
        let length = bytes.len();
        for (place, byte) in flips {
            bytes[place % length] = byte;
        }
        _ = cdb::get_from(&bytes, &key);
    }
}
