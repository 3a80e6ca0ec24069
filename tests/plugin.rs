//! What holds for every plugin.

use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::task::{Context, Waker};
use std::time::Duration;

use ra_plugins::frozen::Frozen;
use ra_plugins::machine;
use ra_plugins::plugin::{Message, Plugin, REPLY_MAX, Verdict};
use ra_plugins::registry::PLUGINS;
use ra_plugins::session::Session;
use ra_plugins::spp::Section;
use ra_plugins::world::{Limit, RecordType, World};
use rstest::rstest;

/// A log line with two arguments.
const BLOCKED: Message = Message::log("blocked from {user} to {recipient}");

/// A reply with one.
const ECHO: Message = Message::reply("550 no {address}");

#[rstest]
#[case::two(&["joe", "jim"], "blocked from joe to jim")]
#[case::braces(&["{recipient}", "x"], "blocked from {recipient} to x")]
#[case::percent(&["%s%n", "x"], "blocked from %s%n to x")]
#[case::line_break(&["joe\nx: pid 1 - hi", "x"],
    "blocked from joe?x: pid 1 - hi to x")]
fn a_message_is_filled(#[case] arguments: &[&str], #[case] words: &str) {
    assert_eq!(BLOCKED.fill(arguments), words);
}

#[rstest]
#[case::too_few(&["joe"])]
#[case::too_many(&["a", "b", "c"])]
#[should_panic(expected = "blocked from {user} to {recipient}")]
fn a_message_wants_as_many_words_as_it_has_places(#[case] words: &[&str]) {
    BLOCKED.fill(words);
}

#[test]
fn every_message_of_every_plugin_has_places_that_can_be_filled() {
    for message in PLUGINS.iter().flat_map(|plugin| plugin.messages) {
        let places: Vec<_> = message.template.split('{').skip(1).collect();
        for place in &places {
            let (name, _) = place.split_once('}').unwrap();
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(!name.is_empty() && name.chars().all(is_name), "{name}");
        }
        let words = message.fill(&vec!["x"; places.len()]);
        assert!(!words.contains(['{', '}']), "{words}");
    }
}

#[test]
fn a_reply_fits_its_line() {
    let reply = ECHO.fill(&["ü".repeat(1000).as_str()]);
    assert!(reply.len() <= REPLY_MAX && reply.len() > REPLY_MAX - 2);
}

#[test]
fn a_verdict_is_written_line_by_line() {
    let mut verdict = Verdict::unchanged();
    verdict.log(&BLOCKED, &["joe", "jim"]);
    verdict.change("joe", "example.org");
    verdict.refuse(&ECHO, &["joe@example.org"]);
    assert_eq!(
        verdict.log_lines("test", 7),
        "test: pid 7 - blocked from joe to jim\n"
    );
    assert_eq!(verdict.output(), "Cjoe@example.org\nE550 no joe@example.org\n");
}

/// A plugin that does as the variable `TODO` says.
const TEST: Plugin = Plugin {
    name: "test",
    purpose: "shows what holds for every plugin",
    sections: &[Section::Rcpt],
    settings: &[],
    files: &[],
    messages: &[ECHO],
    decide: |session, _world| {
        Box::pin(async {
            let mut verdict = Verdict::unchanged();
            match session.get("TODO") {
                Some("hang") => pending().await,
                Some("wait") => verdict.delay = Duration::from_secs(9),
                _ => verdict.refuse(&ECHO, &["joe"]),
            }
            verdict
        })
    },
};

#[rstest]
#[case::hangs("25", "no decision within 25 s")]
#[case::shorter("3", "no decision within 3 s")]
#[case::nonsense("soon", "RA_DEADLINE: not a number: soon; using 25")]
#[tokio::test]
async fn who_does_not_decide_in_time_lets_the_mail_pass(
    #[case] deadline: &str,
    #[case] words: &str,
) {
    let world = Frozen::new().world();
    let session = Session::new(7).with("RA_DEADLINE", deadline);
    let verdict = TEST.judge(&session.with("TODO", "hang"), &world).await;
    assert_eq!(verdict.output(), "");
    assert_eq!(verdict.log[0], words);
}

#[rstest]
#[case::refusal("refuse", "would have: E550 no joe")]
#[case::delay("wait", "would have: waited 9 s")]
#[tokio::test]
async fn in_the_shadow_a_plugin_only_tells(
    #[case] todo: &str,
    #[case] words: &str,
) {
    let world = Frozen::new().world();
    let session = Session::new(7).with("TODO", todo).with("TEST_SHADOW", "1");
    let verdict = TEST.judge(&session, &world).await;
    assert_eq!((verdict.output(), verdict.delay), ("".into(), Duration::ZERO));
    assert_eq!(verdict.log, [words]);
}

#[rstest]
#[case::zero("0")]
#[case::off("off")]
#[case::no("no")]
#[case::empty("")]
#[tokio::test]
async fn a_shadow_can_be_switched_off(#[case] value: &str) {
    let session = Session::new(7).with("TEST_SHADOW", value);
    let verdict = TEST.judge(&session, &Frozen::new().world()).await;
    assert_eq!(verdict.output(), "E550 no joe\n");
}

/// Who mistypes it is told so, and the plugin decides as if it were not
/// there.
#[tokio::test]
async fn a_shadow_that_is_not_understood_is_none() {
    let session = Session::new(7).with("TEST_SHADOW", "perhaps");
    let verdict = TEST.judge(&session, &Frozen::new().world()).await;
    assert_eq!(verdict.output(), "E550 no joe\n");
    let warning = "TEST_SHADOW: not a switch: perhaps; using 0";
    assert_eq!(verdict.log[0], warning);
}

#[test]
fn a_process_writes_its_refusal_and_its_reason() {
    let output = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["plugin", "msa"])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"E550 You should be authenticated\n");
    let parent = std::process::id();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("msa: pid {parent} - Message rejected (no auth).\n")
    );
    assert!(output.status.success());
}

/// A plugin whose disk does not answer.
const STUCK: Plugin = Plugin {
    name: "stuck",
    files: &[("control/list", "far away")],
    decide: |_session, _world| {
        Box::pin(async {
            loop {
                std::thread::park();
            }
        })
    },
    ..TEST
};

/// A plugin that is none of a session's, and takes its time over its files.
const SLOW: Plugin = Plugin {
    name: "slow",
    sections: &[],
    files: &[("control/list", "long")],
    decide: |_session, _world| {
        Box::pin(async {
            std::thread::sleep(Duration::from_secs(3));
            let mut verdict = Verdict::unchanged();
            verdict.log(&BLOCKED, &["a", "b"]);
            verdict
        })
    },
    ..TEST
};

/// Does nothing, unless it was started as a process by the next test: then
/// it is one of the plugins above.
#[tokio::test]
async fn a_process() {
    let (session, world) = (Session::from_environment(), Frozen::new().world());
    match std::env::var("RUN_AS").as_deref() {
        Ok("stuck") => _ = STUCK.run(&session, &world).await,
        Ok("slow") => _ = SLOW.run(&session, &world).await,
        Ok(_) | Err(_) => {}
    }
}

#[rstest]
#[case::a_server_waits("stuck", "no decision within 1 s")]
#[case::nobody_waits("slow", "blocked from a to b")]
fn a_disk_that_does_not_answer_does_not_stop_the_server(
    #[case] name: &str,
    #[case] words: &str,
) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process", "--nocapture"])
        .env("RUN_AS", name)
        .env("RA_DEADLINE", "1")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("{name}: pid {} - {words}\n", std::process::id())
    );
}

#[test]
fn a_pipe_in_place_of_a_control_file_holds_no_process_up() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("control/localonly");
    std::fs::create_dir(pipe.parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let output = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["plugin", "localmail"])
        .env_clear()
        .env("RA_QMAIL", folder.path())
        .env("SMTPAUTHUSER", "joe")
        .env("SMTPRCPTTO", "jim@free.example")
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"");
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.ends_with("control/localonly: not a regular file\n"));
}

#[test]
fn a_plugin_that_does_not_exist_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["plugin", "tarpits\x1b"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "ra: no plugin \"tarpits?\": see `ra plugins`\n");
}

/// The program that has everything, and the one that has only plugins.
#[rstest]
#[case::of_the_program(env!("CARGO_BIN_EXE_ra"))]
#[case::of_the_small_program(env!("CARGO_BIN_EXE_ra-plugin"))]
fn a_link_with_its_name_runs_a_plugin(#[case] program: &str) {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("plusaliases");
    std::os::unix::fs::symlink(program, &link).unwrap();
    let output = Command::new(link)
        .env_clear()
        .env("SMTPRCPTTO", "joe+shop@example.org")
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"Cjoe@example.org\n");
}

#[rstest]
#[case::none(&[], 2, "")]
#[case::unknown(&["spam"], 2, "")]
#[case::only_the_first(&["spam", "plusaliases"], 2, "")]
#[case::known(&["plusaliases"], 0, "Cjoe@example.org\n")]
fn the_small_program_is_given_a_name(
    #[case] words: &[&str],
    #[case] status: i32,
    #[case] commands: &str,
) {
    let output = Command::new(env!("CARGO_BIN_EXE_ra-plugin"))
        .args(words)
        .env_clear()
        .env("SMTPRCPTTO", "joe+shop@example.org")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(status));
    assert_eq!(output.stdout, commands.as_bytes());
    assert_eq!(output.stderr.is_empty(), status == 0);
}

/// Waits for a port of the world on a machine where nobody answers.
async fn wait_for(port: &str, world: &World) {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    match port {
        "time" => world.clock.sleep(Duration::from_millis(1)).await,
        "network" => {
            assert!(world.network.connect(nobody).await.is_err());
        }
        "dns" => {
            let answer = world.dns.ask("example.org", RecordType::A);
            assert!(answer.answer().await.is_err());
        }
        _ => {
            let limit = world.limiter.peek("class", "value").await;
            assert_eq!(limit, Limit::Unknown);
        }
    }
}

/// Asked by hand where there is no runtime, and again where there is one.
#[rstest]
fn what_waits_waits_for_a_runtime_first(
    #[values("time", "network", "dns", "limiter")] port: &str,
) {
    let session = Session::new(1)
        .with("RA_DNS", "127.0.0.1:1")
        .with("RATER", "127.0.0.1:1");
    let world = machine::world(&session);
    let mut waiting = pin!(wait_for(port, &world));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(waiting);
}

#[test]
fn a_server_that_has_gone_away_is_no_reason_to_crash() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["plugin", "msa"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn every_plugin_decides_about_an_empty_session() {
    for plugin in PLUGINS {
        let world = Frozen::new().world();
        let verdict = plugin.judge(&Session::new(7), &world).await;
        let stops = verdict.commands.iter().position(|it| it.stops());
        let last = verdict.commands.len().saturating_sub(1);
        assert!(stops.is_none_or(|it| it == last), "{}", plugin.name);
    }
}

#[test]
fn every_plugin_has_declared_itself_whole() {
    for plugin in PLUGINS {
        let settings = plugin.settings.iter();
        assert!(settings.clone().all(|it| !it.help.is_empty()));
        // checkbackpurge is run by cron, not by a server.
        let is_run = plugin.name == "checkbackpurge";
        assert!(is_run || !plugin.sections.is_empty());
        assert!(!plugin.purpose.is_empty());
        assert!(!plugin.messages.is_empty(), "{}", plugin.name);
    }
}
