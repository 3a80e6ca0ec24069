//! The commands of the host: tour, record, replay, and making passwords.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so and fail"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rstest::rstest;

use ra_plugins::host::auth::{Login, Users};
use ra_plugins::registry::PLUGINS;
use std::sync::Arc;

/// Runs `ra` in a folder.
fn ra(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("SMTPRCPTTO", "joe+x@example.org")
        .output()
        .unwrap()
}

/// Standard output.
fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_tour_stops_at_every_plugin_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = ra(folder.path(), &["tour"]);
    assert_eq!(output.status.code(), Some(0));
    let text = out(&output);
    for plugin in PLUGINS {
        let title = format!(". {}: {}", plugin.name, plugin.purpose);
        assert!(text.contains(&title), "{title}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn one_stop_of_the_tour_reads_like_this() {
    let folder = tempfile::tempdir().unwrap();
    let output = ra(folder.path(), &["tour", "plusaliases"]);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"pid \d+", "pid PID");
    settings.add_filter(r"qp \d+", "qp PID");
    settings.bind(|| {
        insta::assert_snapshot!("tour__plusaliases", out(&output));
    });
}

#[test]
fn what_is_recorded_can_be_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let ra_itself = env!("CARGO_BIN_EXE_ra");
    for name in ["one", "two"] {
        let output = ra(
            folder.path(),
            &["record", "--name", name, "--", ra_itself, "plugin", "dotblind"],
        );
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let again = ra(
        folder.path(),
        &["record", "--name", "one", "--", ra_itself, "plugin", "dotblind"],
    );
    assert_eq!(again.status.code(), Some(2));
    let output = ra(folder.path(), &["replay", "recording.json"]);
    assert_eq!(out(&output), "2 passed, 0 failed\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_plugin_of_any_origin_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "echo E550 $SMTPRCPTTO; echo \"x: pid $PPID - hi\" >&2; exit 3";
    let output =
        ra(folder.path(), &["record", "--json", "--", "/bin/sh", "-c", script]);
    let case: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(case["original"]["stdout"], "E550 joe+x@example.org\n");
    assert_eq!(case["original"]["stderr"], "x: pid PID - hi\n");
    assert_eq!(case["original"]["exit"], 3);
    assert_eq!(case["env"]["SMTPRCPTTO"], "joe+x@example.org");
    assert!(case["env"].get("PATH").is_none());
}

/// A plugin that hangs, and one that leaves something running.
#[rstest]
#[case::hangs("sleep 100; echo A")]
#[case::leaves_something("sleep 100 & echo A")]
fn a_plugin_that_does_not_end_is_not_recorded(#[case] script: &str) {
    let folder = tempfile::tempdir().unwrap();
    let words = ["record", "--time", "1", "--", "/bin/sh", "-c", script];
    let output = ra(folder.path(), &words);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("not done within 1 s; killed"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_recording_that_is_none_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.json");
    std::fs::write(&file, "{}").unwrap();
    let output = ra(folder.path(), &["record", "--", "touch", "ran"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "{}");
    assert!(!folder.path().join("ran").exists());
}

/// A case that fails, one whose plugin is not here, and none at all.
#[rstest]
#[case::fails("msa", "", "FAIL msa/x: stdout", "0 passed, 1 failed", 1)]
#[case::skipped("nosuch", "", "1 skipped", "0 passed, 0 failed", 0)]
fn a_replay_says_what_it_found(
    #[case] plugin: &str,
    #[case] stdout: &str,
    #[case] line: &str,
    #[case] last: &str,
    #[case] status: i32,
) {
    let folder = tempfile::tempdir().unwrap();
    let case = serde_json::json!([{
        "plugin": plugin, "name": "x", "env": {}, "files": {},
        "original": {"stdout": stdout, "stderr": "", "exit": 0},
    }]);
    let file = folder.path().join("r.json");
    std::fs::write(file, case.to_string()).unwrap();
    let output = ra(folder.path(), &["replay", "r.json"]);
    let text = out(&output);
    assert!(text.starts_with(line), "{text}");
    assert_eq!(text.lines().last(), Some(last));
    assert_eq!(output.status.code(), Some(status));
}

#[rstest]
#[case::missing("no/such")]
#[case::not_json("Cargo.toml")]
fn what_cannot_be_read_is_trouble(#[case] file: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(ra(here, &["replay", file]).status.code(), Some(2));
}

#[tokio::test]
async fn a_line_for_the_user_file_lets_its_user_in() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["smtpd", "--hash-password", "joe"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let users = Arc::new(Users::parse(&out(&output)));
    let login = |password: &str| Login {
        user: "joe".to_owned(),
        password: password.to_owned(),
    };
    assert_eq!(
        users.verify(login("secret")).await.unwrap().as_deref(),
        Some("joe")
    );
    assert_eq!(users.verify(login("other")).await.unwrap(), None);
}
