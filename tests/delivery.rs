//! A 250 means disk, and nothing else does.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

mod common;
mod daemon;

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use common::{BEGINNING, Stage};
use daemon::{Daemon, UP_TO_DATA, files};
use rstest::rstest;

use ra_plugins::host::deliver::Mailbox;
use ra_plugins::host::queue::Queue;
use ra_plugins::host::server::household;

/// The end of a session that delivers a small message.
const MESSAGE: [&[u8]; 3] =
    [b"DATA\r\n", b"Subject: t\r\n\r\nhi\r\n.\r\n", b"QUIT\r\n"];

/// Delivers a message to a folder, and tells the codes behind RCPT.
async fn deliver_to(folder: &Path) -> Vec<String> {
    let mut stage = Stage::new("[rcpt]\n:echo HX-Seen: yes\n");
    stage.house.destination = Box::new(Mailbox::open(folder).unwrap());
    let turns = [&[BEGINNING][..], &MESSAGE].concat();
    let played = stage.play(turns).await;
    played.later_codes().iter().map(|code| (*code).to_owned()).collect()
}

#[tokio::test]
async fn a_message_in_a_maildir_reads_like_this() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = folder.path().join("Maildir");
    assert_eq!(deliver_to(&mailbox).await, ["354", "250", "221"]);
    let new = files(&mailbox.join("new"));
    let message = fs::read_to_string(&new[0]).unwrap();
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(lines[0], "Return-Path: <a@b.example>");
    assert_eq!(lines[1], "Delivered-To: joe@example.org");
    assert!(lines[2].starts_with("Received: from unknown (HELO client"));
    assert_eq!(lines[4..], ["X-Seen: yes", "Subject: t", "", "hi"]);
    assert!(files(&mailbox.join("tmp")).is_empty());
}

#[tokio::test]
async fn a_maildir_that_has_gone_gives_451_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = folder.path().join("Maildir");
    let mut stage = Stage::new("");
    stage.house.destination = Box::new(Mailbox::open(&mailbox).unwrap());
    fs::remove_dir_all(mailbox.join("new")).unwrap();
    let turns = [&[BEGINNING][..], &MESSAGE].concat();
    let played = stage.play(turns).await;
    assert_eq!(played.later_codes(), ["354", "451", "221"]);
    assert!(played.log[0].contains("not delivered"), "{:?}", played.log);
    assert!(files(&mailbox.join("tmp")).is_empty());
}

/// Plays a session that delivers to a script of this name.
async fn deliver_to_program(name: &str, script: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let mut stage = Stage::new("");
    let queue = Queue::new(&format!("./{name}"), folder.path()).unwrap();
    stage.house.destination = Box::new(queue);
    let turns = [
        &b"EHLO client.example.com\r\nMAIL FROM:<a@b.example>\r\n"[..],
        b"RCPT TO:<-oXjoe@example.org>\r\nRCPT TO:<jane@example.org>\r\n",
    ];
    let turns = [&turns[..], &MESSAGE].concat();
    let played = stage.play(turns).await;
    let out = folder.path().join("out");
    let out = fs::read(out).unwrap_or_default();
    let out = String::from_utf8_lossy(&out).into_owned();
    (played.codes()[6].to_owned(), out)
}

#[tokio::test]
async fn qmail_queue_reads_the_message_and_then_the_envelope() {
    let script = "cat >out; exec 3<&1; tr '\\0' '|' <&3 >>out";
    let (code, out) = deliver_to_program("queue", script).await;
    assert_eq!(code, "250");
    let envelope = "hi\nFa@b.example|T-oXjoe@example.org|Tjane@example.org||";
    assert!(out.ends_with(envelope), "{out}");
    assert!(out.starts_with("Received: "), "{out}");
}

#[tokio::test]
async fn sendmail_gets_the_envelope_as_arguments() {
    let script = "printf '%s\\n' \"$@\" >out; cat >>out";
    let (code, out) = deliver_to_program("sendmail", script).await;
    assert_eq!(code, "250");
    let arguments =
        "-i\n-f\na@b.example\n--\n-oXjoe@example.org\njane@example.org\n";
    assert!(out.starts_with(arguments), "{out}");
    assert!(out.ends_with("\nhi\n"), "{out}");
}

#[rstest]
#[case::ok("cat >/dev/null", "250")]
#[case::does_not_read("exit 0", "250")]
#[case::refused("exit 31", "554")]
#[case::too_long("exit 11", "554")]
#[case::temporary("exit 53", "451")]
#[case::too_long_once("exit 115", "554")]
#[case::without_a_word("exit 82", "451")]
#[case::crash("exit 120", "451")]
#[case::killed("kill -9 $$", "451")]
#[case::terminated("kill -TERM $$", "451")]
#[case::broken_pipe("kill -PIPE $$", "451")]
#[case::hangs_up("exec <&- >&-; exit 54", "451")]
#[case::half_an_envelope("exec 3<&1; head -c 5 <&3 >&2; exit 91", "451")]
#[tokio::test]
async fn a_queue_that_ends_like_this(#[case] script: &str, #[case] code: &str) {
    assert_eq!(deliver_to_program("queue", script).await.0, code);
}

/// Says of all exit statuses which one makes it ours.
#[tokio::test]
async fn only_exit_status_0_is_a_250() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    let mut ours = Vec::new();
    for status in 0..=255 {
        fs::write(&script, format!("exit {status}\n")).unwrap();
        let mut stage = Stage::new("");
        let queue = Queue::new("sh script", folder.path()).unwrap();
        stage.house.destination = Box::new(queue);
        let turns = [&[BEGINNING][..], &MESSAGE].concat();
        let played = stage.play(turns).await;
        match played.later_codes()[..] {
            ["354", "250", "221"] => ours.push(status),
            ["354", "451" | "554", "221"] => {
                assert!(played.log[0].contains("not delivered"), "{status}");
            }
            _ => panic!("{status}: {}", played.said),
        }
    }
    assert_eq!(ours, [0]);
}

/// The clock jumps to the end of our patience. Whether the program had taken
/// the message we cannot know; the log has to say so.
#[rstest]
#[case::queue("queue")]
#[case::sendmail("sendmail")]
#[tokio::test(start_paused = true)]
async fn a_queue_that_never_ends_may_have_taken_it(#[case] name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, "#!/bin/sh\nexec sleep 600\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let mut stage = Stage::new("");
    let queue = Queue::new(&format!("./{name}"), folder.path()).unwrap();
    stage.house.destination = Box::new(queue);
    let turns = [&[BEGINNING][..], &MESSAGE].concat();
    let played = stage.play(turns).await;
    assert_eq!(played.later_codes(), ["354", "451", "221"]);
    assert_eq!(
        played.log,
        ["smtpd: pid 7 - not delivered: the queue program was killed after \
          300s; it may have taken the message, which will then come twice \
          (192.0.2.9)"]
    );
}

#[rstest]
#[case::for_ever("Dno viruses here (#5.7.1)", "554 no viruses here (#5.7.1)")]
#[case::for_now("Zscanner is busy", "451 scanner is busy")]
#[case::two_lines("Dno\\n250 ok", "554 no?250 ok")]
#[case::long("D$(head -c 60000 /dev/zero | tr '\\0' x)", &LONG)]
#[case::nonsense("what?", "451 the queue is in trouble (#4.3.0)")]
#[case::no_text("D", "451 the queue is in trouble (#4.3.0)")]
#[tokio::test]
async fn a_queue_may_explain_itself(#[case] said: &str, #[case] reply: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("#!/bin/sh\nprintf \"{said}\\n\" >&6\nexit 82\n");
    let path = folder.path().join("queue");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let mut stage = Stage::new("");
    let queue = Queue::new("./queue", folder.path()).unwrap();
    stage.house.destination = Box::new(queue);
    let turns = [&[BEGINNING][..], &MESSAGE].concat();
    let played = stage.play(turns).await;
    let told = format!("\r\n{reply}\r\n");
    assert!(played.said.contains(&told), "{}", played.said);
}

/// What is left of an explanation that is too long.
static LONG: LazyLock<String> =
    LazyLock::new(|| format!("554 {}", "x".repeat(499)));

#[tokio::test]
async fn a_queue_that_is_not_there_is_trouble() {
    let mut stage = Stage::new("");
    let queue = Queue::new("/no/such/queue", Path::new("/")).unwrap();
    stage.house.destination = Box::new(queue);
    let turns = [&[BEGINNING][..], &MESSAGE].concat();
    let played = stage.play(turns).await;
    assert_eq!(played.later_codes(), ["354", "451", "221"]);
}

#[tokio::test]
async fn a_queue_hears_nothing_of_half_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sendmail");
    fs::write(&path, "#!/bin/sh\ntouch ran\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let mut stage = Stage::new("");
    let queue = Queue::new("./sendmail", folder.path()).unwrap();
    stage.house.destination = Box::new(queue);
    stage.play([BEGINNING, b"DATA\r\n", b"half a mess"]).await;
    assert!(!folder.path().join("ran").exists());
}

#[test]
fn kill_9_in_the_midst_of_a_message_leaves_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(folder.path(), &[]);
    let (mut client, heard) = daemon.talk(UP_TO_DATA, 5);
    assert_eq!(&heard[4][..3], "354");
    client.write_all(&b"half a message\r\n".repeat(10_000)).unwrap();
    daemon.signal("-KILL");
    daemon.child.wait().unwrap();
    assert!(files(&folder.path().join("Maildir/new")).is_empty());
}

#[test]
fn told_to_stop_the_server_lets_a_message_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(folder.path(), &[]);
    let (idle, _) = daemon.talk(b"HELO x\r\n", 2);
    let (mut client, _) = daemon.talk(UP_TO_DATA, 5);
    daemon.signal("-TERM");
    let mut told = String::new();
    BufReader::new(idle).read_line(&mut told).unwrap();
    assert_eq!(&told[..3], "421");
    client.write_all(b"hi\r\n.\r\n").unwrap();
    let mut reply = String::new();
    BufReader::new(client).read_line(&mut reply).unwrap();
    assert_eq!(&reply[..3], "250");
    assert!(daemon.child.wait().unwrap().success());
    assert_eq!(files(&folder.path().join("Maildir/new")).len(), 1);
}

/// The program has left something running that has the envelope's pipe and
/// does not read it. Nobody waits for that, not even at the end.
#[test]
fn a_queue_that_leaves_something_running_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let script = "#!/bin/sh\n\
        (trap 'kill $!; exit' TERM; sleep 30 & wait; echo > over) &\n\
        echo $! > left\nexit 31\n";
    let queue = folder.path().join("queue");
    fs::write(&queue, script).unwrap();
    fs::set_permissions(&queue, Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("plugins"), "").unwrap();
    let arguments = ["--deliver", "program:./queue", "--plugins", "plugins"];
    let mut daemon = Daemon::start(folder.path(), &arguments);
    let recipient = format!("RCPT TO:<{}@example.org>\r\n", "x".repeat(800));
    let said = format!(
        "HELO x\r\nMAIL FROM:<a@b>\r\n{}DATA\r\n.\r\n",
        recipient.repeat(100)
    );
    let (_client, heard) = daemon.talk(said.as_bytes(), 105);
    assert_eq!(&heard[104][..3], "554");
    daemon.signal("-TERM");
    assert!(daemon.child.wait().unwrap().success());
    let left = fs::read_to_string(folder.path().join("left")).unwrap();
    _ = Command::new("kill").arg(left.trim()).status();
    assert!(!folder.path().join("over").exists());
}

#[test]
fn more_sessions_than_there_is_room_for_are_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path(), &["--per-ip", "1"]);
    let (first, heard) = daemon.talk(b"", 1);
    assert_eq!(&heard[0][..3], "220");
    let (_, heard) = daemon.talk(b"", 1);
    assert_eq!(&heard[0][..3], "421");
    drop(first);
    let again = std::iter::repeat_with(|| daemon.talk(b"", 1).1);
    let mut again = again.take(100).map(|heard| heard[0][..3].to_owned());
    assert!(again.any(|code| code == "220"));
}

#[rstest]
#[case::ipv4("192.0.2.9", "192.0.2.9")]
#[case::neighbour("2001:db8:1:2::9", "2001:db8:1:2::")]
#[case::same("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::")]
#[case::next_door("2001:db8:1:3::9", "2001:db8:1:3::")]
#[case::mapped("::ffff:192.0.2.9", "192.0.2.9")]
fn an_ipv6_client_is_its_64(#[case] ip: &str, #[case] counted: &str) {
    let household = household(ip.parse().unwrap());
    assert_eq!(household.to_string(), counted);
}

#[rstest]
#[case::everybody(&["--listen", "0.0.0.0:0"], "whom it takes mail for")]
#[case::no_chain(&["--plugins", "no/such"], "no/such")]
#[case::no_destination(&["--deliver", "nowhere"], "neither maildir")]
#[case::no_users(&["--users", "no/such"], "no/such")]
fn a_server_that_cannot_work_does_not_start(
    #[case] arguments: &[&str],
    #[case] why: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ra"))
        .arg("smtpd")
        .args(arguments)
        .current_dir(folder.path())
        .env("RA_QMAIL", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(why), "{error}");
}

/// One session of `ra smtpd --stdio` in a qmail folder.
fn stdio(
    files: &[(&str, &str)],
    variables: &[(&str, &str)],
    said: &str,
) -> (String, String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("control")).unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["smtpd", "--stdio"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("RA_QMAIL", folder.path())
        .env("TCPREMOTEIP", "192.0.2.9")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    _ = child.stdin.take().unwrap().write_all(said.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// The control files that a session needs.
const ME: (&str, &str) = ("control/me", "mx.example.org\n");

#[test]
fn under_tcpserver_the_control_files_and_variables_of_qmail_count() {
    let (said, log, status) = stdio(
        &[
            ME,
            ("control/rcpthosts", "example.org\n"),
            ("control/smtpgreeting", "hello there\n"),
            ("control/databytes", "1000\n"),
            ("control/chain", "[rcpt]\nplusaliases\n:echo note >&2\n"),
            (
                "queue",
                "#!/bin/sh\ncat >/dev/null\nexec 3<&1\ntr '\\0' ' ' <&3 >&2\n",
            ),
        ],
        &[
            ("ENABLE_SPP", ""),
            ("SPPCONFFILE", "control/chain"),
            ("QMAILQUEUE", "./queue"),
        ],
        "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<joe+x@example.org>\r\n\
         RCPT TO:<x@other.example>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n",
    );
    assert!(said.starts_with("220 hello there\r\n"), "{said}");
    assert!(said.contains("250-SIZE 1000\r\n"), "{said}");
    assert!(said.contains("553 sorry, that domain"), "{said}");
    assert!(said.ends_with("\r\n221 mx.example.org\r\n"), "{said}");
    assert!(log.contains("note\n"), "{log}");
    assert!(log.contains("Fa@b Tjoe@example.org"), "{log}");
    assert_eq!(status, Some(0));
}

#[rstest]
#[case::less("500", "250-SIZE 500\r\n")]
#[case::any("0", "250-PIPELINING\r\n250 8BITMIME\r\n")]
#[case::nonsense("many", "250-SIZE 1000\r\n")]
fn a_client_may_have_a_limit_of_its_own(
    #[case] bytes: &str,
    #[case] answer: &str,
) {
    let files = [ME, ("control/databytes", "1000\n")];
    let variables = [("DATABYTES", bytes)];
    let (said, _, _) = stdio(&files, &variables, "EHLO x\r\nQUIT\r\n");
    assert!(said.contains(answer), "{said}");
}

#[rstest]
#[case::no_me(&[], &[])]
#[case::no_chain(&[ME], &[("ENABLE_SPP", "1")])]
fn without_its_files_there_is_no_session(
    #[case] files: &[(&str, &str)],
    #[case] variables: &[(&str, &str)],
) {
    let (said, log, status) = stdio(files, variables, "QUIT\r\n");
    assert_eq!(said, "421 unable to read controls (#4.3.0)\r\n");
    assert!(log.contains("control/"), "{log}");
    assert_eq!(status, Some(1));
}

#[test]
fn without_enable_spp_no_plugin_runs() {
    let chain = ("control/smtpplugins", "[connection]\n:echo R421 no\n");
    let (said, _, _) = stdio(&[ME, chain], &[], "QUIT\r\n");
    assert_eq!(said, "220 mx.example.org ESMTP\r\n221 mx.example.org\r\n");
}
