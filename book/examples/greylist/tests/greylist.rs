//! The plugin against the recordings of its shell sister, on a clock that
//! we turn by hand, and as a process.

use std::time::Duration;

use greylist::PLUGIN;
use insta::assert_snapshot;
use ra_plugins::frozen::Frozen;
use ra_plugins::host::recording::{Recording, Replayed};
use ra_plugins::host::replay::replay;
use ra_plugins::session::Session;

/// A stranger's first recipient.
fn stranger() -> Session {
    Session::new(1)
        .with("TCPREMOTEIP", "192.0.2.9")
        .with("SMTPMAILFROM", "a@b.example")
        .with("SMTPRCPTTO", "u@example.org")
}

/// Everything the plugin says, at these seconds of one world.
async fn visits(seconds: &[u64]) -> String {
    let world = Frozen::new().world();
    let mut text = String::new();
    let mut now = 0;
    for second in seconds {
        world.clock.sleep(Duration::from_secs(second - now)).await;
        now = *second;
        let verdict = PLUGIN.judge(&stranger(), &world).await;
        let answer = verdict.output() + &verdict.log_lines(PLUGIN.name, 1);
        text += &format!("after {second} s\n{answer}");
    }
    text
}

#[tokio::test]
async fn who_comes_back_late_enough_is_let_in() {
    let answers = visits(&[0, 20, 59, 60, 100_000]).await;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!("greylist__comes-back", answers));
}

#[tokio::test]
async fn both_sisters_answer_as_recorded() {
    let files = [
        include_bytes!("../recording.json").as_slice(),
        include_bytes!("../sessions.json").as_slice(),
    ];
    let mut passed = 0;
    for file in files {
        let recording = Recording::parse(file).unwrap();
        for entry in replay(&recording, &[&PLUGIN]).await {
            let name = entry.name;
            assert_eq!(entry.replayed, Replayed::Passed, "{name}");
            passed += 1;
        }
    }
    assert_eq!(passed, 10);
}

#[test]
fn the_recorded_script_is_the_script() {
    let sessions = include_str!("../sessions.json");
    let script = include_str!("../shell/greylist").replace('\\', "\\\\");
    let script = script.replace('"', "\\\"").replace('\n', "\\n");
    assert!(sessions.contains(&script));
}

/// The chapter about this crate shows what is here, and nothing else.
#[test]
fn the_chapter_shows_this_code() {
    let chapter = include_str!("../../../chapters/your-own.md");
    let sources = [
        include_str!("../src/lib.rs"),
        include_str!("../src/main.rs"),
        include_str!("../shell/greylist"),
        include_str!("../Cargo.toml"),
        include_str!("../snapshots/greylist__comes-back.snap"),
    ];
    let mut shown = 0;
    for block in chapter.split("\n```").skip(1).step_by(2) {
        let (kind, text) = block.split_once('\n').unwrap();
        let is_command = text.starts_with("env ") || text.starts_with("$ ");
        if is_command {
            continue;
        }
        for part in text.split("\n\n") {
            let known = sources.iter().any(|it| it.contains(part.trim()));
            assert!(known, "{kind}: {part}");
            shown += 1;
        }
    }
    assert!(shown >= 7, "{shown}");
}

#[test]
fn a_process_remembers_the_last_one() {
    let folder =
        std::env::temp_dir().join(format!("grey{}", std::process::id()));
    std::fs::create_dir_all(folder.join("control")).unwrap();
    let visit = |delay: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_greylist"))
            .env_clear()
            .env("RA_QMAIL", &folder)
            .env("GREYLIST_DELAY", delay)
            .env("SMTPRCPTTO", "u@example.org")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let first = visit("1000000");
    assert_eq!(first, "E451 4.7.1 Greylisted, come back in 1000000 seconds\n");
    assert_eq!(visit("0"), "");
    std::fs::remove_dir_all(&folder).unwrap();
}
