//! The recordings of the plugins about people and DNS, one by one.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic, and its helpers too"
)]

mod common;

use common::{PID, block_on, frozen_of, recordings, session_of};
use ra_plugins::registry;
use serde_json::Value;

/// The plugins whose recordings are replayed here.
const PLUGINS: [&str; 5] = [
    "mfdnschecks",
    "rblchecks",
    "rcptcheckscdb",
    "rcptchecksfile",
    "senderchecksfile",
];

/// What a case has to print: the corrected answer, else the original's.
fn expected(case: &Value) -> (&str, &str) {
    let answer = if case["expected"].is_object() {
        &case["expected"]
    } else {
        &case["original"]
    };
    (answer["stdout"].as_str().unwrap(), answer["stderr"].as_str().unwrap())
}

/// Plays one case; gives the commands and the log.
fn play(case: &Value) -> (String, String) {
    let name = case["plugin"].as_str().unwrap();
    let plugin = registry::find(name).unwrap();
    let world = frozen_of(case).world();
    let verdict = block_on(plugin.judge(&session_of(case), &world));
    let log = verdict.log_lines(plugin.name, PID);
    (verdict.output(), log.replace(&format!("pid {PID}"), "pid PID"))
}

/// A case and what came of it, for a reader.
fn shown(case: &Value, stdout: &str, stderr: &str) -> String {
    let mut text = String::new();
    for (name, value) in case["env"].as_object().unwrap() {
        text += &format!("{name}={}\n", value.as_str().unwrap());
    }
    for (path, content) in case["files"].as_object().unwrap() {
        let lines = content.as_str().unwrap().trim_end().replace('\n', ", ");
        text += &format!("{path}: {lines}\n");
    }
    if let Some(bug) = case["bug"].as_str() {
        text += &format!("the original: {bug}\n");
    }
    text + &format!("\nstdout\n{stdout}\nstderr\n{stderr}\nexit 0\n")
}

#[test]
fn every_recording_gets_its_answer() {
    let mut wrong = Vec::new();
    for plugin in PLUGINS {
        let all = recordings();
        let cases = all.iter().filter(|case| case["plugin"] == plugin);
        let mut count = 0;
        for case in cases {
            count += 1;
            let (stdout, stderr) = play(case);
            if (stdout.as_str(), stderr.as_str()) != expected(case) {
                wrong.push(format!("{case}\ngave {stdout}{stderr}"));
            }
        }
        assert!(count > 0, "no recordings of {plugin}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_recording_can_be_read() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for case in recordings() {
            let plugin = case["plugin"].as_str().unwrap();
            if PLUGINS.contains(&plugin) {
                let name = case["name"].as_str().unwrap();
                let (stdout, stderr) = play(&case);
                insta::assert_snapshot!(
                    format!("{plugin}__{name}"),
                    shown(&case, &stdout, &stderr)
                );
            }
        }
    });
}
