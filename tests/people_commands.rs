//! `ra addresses` and `ra rbl` as people type them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic, and its helpers too"
)]

mod people;

use std::fs;
use std::path::Path;
use std::process::Command;

use people::{TestZone, block_on, snapshot};
use ra_plugins::blocklist::{List, query_name};
use ra_plugins::cli::rbl;
use ra_plugins::frozen::Frozen;
use rstest::rstest;

/// Runs `ra` in a folder; gives standard output, error and exit status.
fn ra(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("RA_QMAIL", folder)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    format!("{}{}{status}\n", text(output.stdout), text(output.stderr))
}

#[test]
fn a_list_becomes_a_cdb() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("list"), "Joe@x.example\n# no\n").unwrap();
    let build = ["addresses", "build", "list", "list.cdb"];
    assert_eq!(ra(folder.path(), &build), "list.cdb: 1 entries\n0\n");
    let build = ["addresses", "build", "list", "list.cdb", "--json"];
    let json = "{\"cdb\":\"list.cdb\",\"entries\":1}\n0\n";
    assert_eq!(ra(folder.path(), &build), json);
}

#[rstest]
#[case::no_list(
    "none",
    "ra: none: No such file or directory (os error 2)\n2\n"
)]
#[case::a_wrong_list("bad", "ra: not an address or a domain: joe doe?\n2\n")]
fn a_list_that_cannot_be_used_is_trouble(
    #[case] list: &str,
    #[case] words: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad"), "joe doe\u{1b}\n").unwrap();
    let build = ["addresses", "build", list, "list.cdb"];
    assert_eq!(ra(folder.path(), &build), words);
    assert!(!folder.path().join("list.cdb").exists());
}

#[test]
fn a_list_of_nonsense_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let words = "ra: not a list: \"bl example\"\n2\n";
    assert_eq!(ra(folder.path(), &["rbl", "test", "bl example"]), words);
}

#[rstest]
#[case::v4("192.0.2.1")]
#[case::v6("2001:db8::1")]
fn an_address_is_no_list(#[case] address: &str) {
    let folder = tempfile::tempdir().unwrap();
    let words =
        format!("ra: a list has a name, not an address: {address}\n2\n");
    assert_eq!(ra(folder.path(), &["rbl", "test", address]), words);
}

#[test]
fn the_test_entries_of_a_list_are_asked_for() {
    let mapped = "::ffff:7f00:1".parse().unwrap();
    let zone = TestZone::recorded()
        .with("1.0.0.127.all.example", "A", "127.0.0.2")
        .with("2.0.0.127.all.example", "A", "127.0.0.2")
        .with(&query_name(mapped, "all.example"), "A", "127.0.0.2");
    let there = Frozen::new().dns(zone).world();
    let nowhere = Frozen::new().world();
    let mut table = String::new();
    for (name, world) in [
        ("bl.example", &there),
        ("all.example", &there),
        ("err.example", &there),
        ("down.example", &nowhere),
    ] {
        let list = List::parse(name).unwrap();
        table += &format!("{name}\n");
        for entry in block_on(rbl::test(world, &list)) {
            table += &format!("  {entry}\n");
        }
    }
    snapshot("rbl__test-entries", &table);
}

#[test]
fn the_new_plugins_describe_themselves() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rblchecks", "rcptchecks", "checkback"] {
        let text = ra(folder.path(), &["plugins", name]);
        snapshot(&format!("ra__plugins-{name}"), &text);
    }
}

#[test]
fn every_command_and_plugin_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let words = ra(folder.path(), &["man", "pages"]);
    assert!(words.ends_with(" pages in pages\n0\n"), "{words}");
    let read = |name: &str| {
        fs::read_to_string(folder.path().join("pages").join(name)).unwrap()
    };
    assert!(read("man1/ra.1").contains("addresses"));
    assert!(read("man1/ra-man.1").contains("folder"));
    let page = read("man8/rblchecks.8");
    let page = page.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    snapshot("man__rblchecks", &page);
    for plugin in ra_plugins::registry::PLUGINS {
        let page = read(&format!("man8/{}.8", plugin.name));
        for setting in plugin.settings {
            assert!(page.contains(setting.name), "{}", plugin.name);
        }
    }
}
