//! Plugins as qmail-spp runs them, honest ones and others.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

mod common;

use std::time::Duration;

use common::{BEGINNING, Stage};
use rstest::rstest;

use ra_plugins::host::chain::{Chain, Line, Runs};
use ra_plugins::host::smtpd::Ended;
use ra_plugins::registry::PLUGINS;
use ra_plugins::spp::Section;

/// Plays a session in which this line stands in section rcpt.
async fn with_line(line: &str) -> common::Played {
    let mut stage = Stage::new(&format!("[rcpt]\n{line}\n"));
    // Short where the time is to run out, long where it must not, however
    // busy the machine is.
    let hangs = line.contains("sleep");
    stage.house.limits.time =
        Duration::from_millis(if hangs { 300 } else { 60_000 });
    stage.play([BEGINNING, b"QUIT\r\n"]).await
}

#[rstest]
#[case::silent(":exit 0", "250 ok")]
#[case::fails(":exit 1", "250 ok")]
#[case::refuses(":echo E550 no", "550 no")]
#[case::dies(
    ":kill -9 $$",
    "451 qmail-spp failure: :kill -9 $$: child crashed (#4.3.0)"
)]
#[case::missing(
    "no/such",
    "451 qmail-spp failure: no/such: can't execute (#4.3.0)"
)]
#[case::folder("tmp", "451 qmail-spp failure: tmp: can't execute (#4.3.0)")]
#[case::says_so(
    ":exit 120",
    "451 qmail-spp failure: :exit 120: can't execute (#4.3.0)"
)]
#[case::no_newline(":printf 'E550 cut'", "550 cu")]
#[case::one_byte(":printf E", "250 ok")]
#[case::nul(":printf 'E550 a\\0b\\n'", "550 a")]
#[case::inner_cr(":printf 'E550 a\\r250 ok\\n'", "550 a?250 ok")]
#[case::not_utf8(":printf 'E550 \\377\\n'", "550 \u{fffd}")]
#[case::hangs(
    ":sleep 100",
    "451 qmail-spp failure: :sleep 100: child crashed (#4.3.0)"
)]
#[case::hangs_with_child(
    ":sleep 100 & wait",
    "451 qmail-spp failure: :sleep 100 & wait: child crashed (#4.3.0)"
)]
#[case::hangs_with_closed_output(
    ":exec >&-; sleep 100",
    "451 qmail-spp failure: :exec >&-; sleep 100: child crashed (#4.3.0)"
)]
#[case::endless_line(
    ":head -c 10000000 /dev/zero | tr '\\0' x",
    "451 qmail-spp failure: :head -c 10000000 /dev/zero | tr '\\0' x: \
     child crashed (#4.3.0)"
)]
#[case::endless_lines(
    ":yes Zwhat",
    "451 qmail-spp failure: :yes Zwhat: child crashed (#4.3.0)"
)]
#[case::endless_log(":yes 'x' | head -c 10000000 >&2", "250 ok")]
#[case::writes_on_after_its_verdict(":echo E550 bad; exec yes more", "550 bad")]
#[tokio::test]
async fn a_plugin_gets_this_answer(#[case] line: &str, #[case] reply: &str) {
    let played = with_line(line).await;
    let replies: Vec<_> = played.said.lines().collect();
    let of_rcpt = &replies[replies.len() - 2];
    assert_eq!(*of_rcpt, reply, "{}", played.said);
    assert_eq!(played.ended, Ended::Well);
}

#[tokio::test]
async fn a_refusal_before_a_crash_is_sent_too() {
    let played = with_line(":echo E550 bad; kill -9 $$").await;
    assert_eq!(played.later_codes(), ["451", "221"]);
    assert!(played.said.contains("550 bad\r\n451 qmail-spp failure"));
}

#[rstest]
#[case::time(":sleep 100", "no answer within 0 s; killed")]
#[case::output(":yes x", "printed more than a plugin may; killed")]
#[case::missing("no/such", "No such file or directory")]
#[tokio::test]
async fn the_log_says_why(#[case] line: &str, #[case] why: &str) {
    let played = with_line(line).await;
    let start = format!("smtpd: pid 7 - {line}: ");
    let found = |it: &&String| it.starts_with(&start) && it.contains(why);
    assert!(played.log.iter().find(found).is_some(), "{:?}", played.log);
}

#[rstest]
#[case::it_takes_too_long(300)]
#[case::the_session_breaks_off(60_000)]
#[tokio::test]
async fn what_a_killed_plugin_has_started_ends_with_it(#[case] limit: u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let line =
        format!("[rcpt]\n:sleep 100 & echo $! >{}; wait", file.display());
    let mut stage = Stage::new(&line);
    stage.house.limits.time = Duration::from_millis(limit);
    let session = stage.play([BEGINNING, b"QUIT\r\n"]);
    _ = tokio::time::timeout(Duration::from_secs(2), session).await;
    let pid = std::fs::read_to_string(file).unwrap();
    let status = format!("/proc/{}/stat", pid.trim());
    // Gone, or a zombie that nobody has waited for yet. A process that has
    // been killed may take a moment to die.
    let mut state = String::new();
    for _ in 0..3000 {
        state = std::fs::read_to_string(&status).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still there: {state}");
}

#[tokio::test]
async fn a_log_is_relayed_line_by_line_and_cleaned() {
    let line = ":printf 'one\\ntwo \\033[2J\\nthree' >&2";
    let played = with_line(line).await;
    assert_eq!(played.log[..3], ["one", "two ?[2J", "three"]);
}

#[tokio::test]
async fn a_built_in_plugin_logs_with_the_pid_of_the_session() {
    let mut stage = Stage::new("[mail]\nmsa\n");
    stage.session.set("MSA_REPLY", "530 5.7.0 Authentication required");
    let played = stage.play([BEGINNING, b"QUIT\r\n"]).await;
    assert_eq!(played.codes(), ["220", "250", "530", "503", "221"]);
    assert_eq!(played.log, ["msa: pid 7 - Message rejected (no auth)."]);
}

#[tokio::test]
async fn a_print_is_sent_before_the_plugin_ends() {
    let mut stage = Stage::new("[rcpt]\n:echo P250-wait; sleep 100\n");
    stage.house.limits.time = Duration::from_millis(300);
    let played = stage.play([BEGINNING]).await;
    assert!(played.said.contains("250-wait\r\n451 qmail-spp failure"));
}

#[tokio::test]
async fn the_environment_is_the_session_and_nothing_else() {
    let stage = Stage::new("[rcpt]\n:echo E550 $SMTPRCPTTO ${HOME-none}\n");
    let played = stage.play([BEGINNING, b"QUIT\r\n"]).await;
    assert!(played.said.contains("550 joe@example.org none\r\n"));
}

#[tokio::test]
async fn a_plugin_runs_in_the_qmail_folder() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("plugin");
    std::fs::write(&program, "#!/bin/sh\npwd | sed 's/^/E550 /'\n").unwrap();
    let mut mode = std::fs::metadata(&program).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let mut stage = Stage::new("[rcpt]\nplugin\n");
    stage.house.folder = std::fs::canonicalize(folder.path()).unwrap();
    let expected = format!("550 {}\r\n", stage.house.folder.display());
    let played = stage.play([BEGINNING, b"QUIT\r\n"]).await;
    assert!(played.said.contains(&expected), "{}", played.said);
}

#[test]
fn a_chain_is_read_as_qmail_spp_reads_it() {
    let file = b"early\n[rcpt]\ntarpit \t\r\n#no\n\n[x]\nmsa\n[m]\nmsa x\n";
    let chain = Chain::parse(file, PLUGINS);
    let lines: Vec<&Line> = chain.lines(Section::Rcpt).collect();
    assert_eq!(lines.len(), 1);
    assert!(matches!(lines[0].runs, Runs::BuiltIn(it) if it.name == "tarpit"));
    let lines: Vec<&Line> = chain.lines(Section::Mail).collect();
    assert!(matches!(&lines[0].runs, Runs::Program(it) if it == "msa x"));
    assert_eq!(chain.lines(Section::Connection).count(), 0);
}

#[rstest]
#[case::mail("mail", "LM550 later", ["550", "503", "503"])]
#[case::rcpt("mail", "LR550 later", ["250", "550", "503"])]
#[case::data("mail", "LD550 later", ["250", "250", "550"])]
#[tokio::test]
async fn a_later_refusal_comes_at_its_command(
    #[case] section: &str,
    #[case] line: &str,
    #[case] codes: [&str; 3],
) {
    let stage = Stage::new(&format!("[{section}]\n:echo '{line}'\n"));
    let played = stage.play([BEGINNING, b"DATA\r\n", b"QUIT\r\n"]).await;
    assert_eq!(played.codes()[2..5], codes);
}

#[tokio::test]
async fn a_recipient_that_the_pass_section_refuses_gets_nothing() {
    let stage = Stage::new(
        "[pass]\n:[ $SMTPRCPTTO = joe@example.org ] && echo E550 no\n",
    );
    let played = stage
        .play([BEGINNING, b"RCPT TO:<jane@example.org>\r\nDATA\r\n", b".\r\n"])
        .await;
    assert_eq!(played.codes()[3..], ["550", "250", "354", "250"]);
    assert_eq!(played.taken[0].0.recipients, [b"jane@example.org"]);
}

/// A header ends with an empty line, and that is the client's to say.
#[tokio::test]
async fn a_plugin_does_not_end_the_header() {
    let lines = "[rcpt]\n:printf 'HA: b\\r\\nH\\nH\\r\\nHC: d\\n'\n";
    let turns = [BEGINNING, b"DATA\r\n", b"Subject: hi\r\n\r\nx\r\n.\r\n"];
    let played = Stage::new(lines).play(turns).await;
    let message = String::from_utf8_lossy(&played.taken[0].1).into_owned();
    let (_, behind) = message.split_once("+0000\n").unwrap();
    assert_eq!(behind, "A: b\nC: d\nSubject: hi\n\nx\n");
}
