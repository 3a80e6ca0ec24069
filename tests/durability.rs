//! A 250 is never given too early, whatever breaks.
//!
//! The real server, and real trouble: a limit to files, folders that are
//! not there or not ours, and `kill -9` at any moment.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

mod daemon;

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use daemon::{Daemon, UP_TO_DATA, files};

/// Sends a message to a server that may say no at any time, and gives the
/// last answer.
fn send(daemon: &Daemon, message: &[u8]) -> String {
    let (mut client, mut heard) = daemon.talk(UP_TO_DATA, 5);
    let last = heard.pop().unwrap();
    if !last.starts_with("354") {
        return last;
    }
    // The server may be gone before it has read everything.
    _ = client.write_all(message);
    let mut reply = String::new();
    _ = BufReader::new(client).read_line(&mut reply);
    reply
}

/// `ra` under a limit of some KiB to each file it writes.
fn limited(kibibytes: u32) -> Command {
    let mut shell = Command::new("sh");
    // POSIX counts blocks of 512 bytes.
    let script = format!("ulimit -f {}; exec \"$0\" \"$@\"", 2 * kibibytes);
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_ra")]);
    shell
}

/// The limit would kill the whole server, not only fail the writing.
#[test]
fn a_limit_to_files_costs_one_message_and_not_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start_by(limited(16), folder.path(), &[]);
    let large = [&b"large\r\n".repeat(10_000)[..], b".\r\n"].concat();
    assert_eq!(
        send(&daemon, &large),
        "451 could not store the mail (#4.3.0)\r\n"
    );
    for name in ["new", "tmp"] {
        assert!(files(&folder.path().join("Maildir").join(name)).is_empty());
    }
    assert_eq!(&send(&daemon, b"small\r\n.\r\n")[..3], "250");
    assert_eq!(files(&folder.path().join("Maildir/new")).len(), 1);
}

#[test]
fn a_queue_does_not_run_for_a_message_that_could_not_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let queue = folder.path().join("queue");
    fs::write(&queue, "#!/bin/sh\ntouch ran\n").unwrap();
    fs::set_permissions(&queue, Permissions::from_mode(0o755)).unwrap();
    let arguments = ["--deliver", "program:./queue"];
    let daemon = Daemon::start_by(limited(16), folder.path(), &arguments);
    let large = [&b"large\r\n".repeat(10_000)[..], b".\r\n"].concat();
    assert_eq!(&send(&daemon, &large)[..3], "451");
    assert!(!folder.path().join("ran").exists());
}

/// What can happen to a Maildir behind a server's back, as a command.
const BROKEN: [(&str, &str); 10] = [
    ("no tmp", "rmdir tmp"),
    ("no new", "rmdir new"),
    ("no Maildir", "rmdir tmp new cur; rmdir \"$PWD\""),
    ("tmp is a file", "rmdir tmp; touch tmp"),
    ("new is a file", "rmdir new; touch new"),
    ("new leads nowhere", "rmdir new; ln -s nowhere new"),
    ("tmp not writable", "chmod 500 tmp"),
    ("new not writable", "chmod 500 new"),
    ("new not readable", "chmod 300 new"),
    ("nothing allowed", "chmod 0 ."),
];

/// A user who is nobody special; root may write everywhere.
const NOBODY: u32 = 65534;

/// `ra` as a user to whom permissions mean something, in this folder.
fn as_nobody(folder: &Path) -> Command {
    // The folder is of whoever made it.
    let is_root = fs::metadata(folder).unwrap().uid() == 0;
    if !is_root {
        return Command::new(env!("CARGO_BIN_EXE_ra"));
    }
    // Nobody might not reach the program where it is.
    let program = folder.join("ra");
    let original = env!("CARGO_BIN_EXE_ra");
    fs::hard_link(original, &program)
        .or_else(|_| fs::copy(original, &program).map(drop))
        .unwrap();
    chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    let mut command = Command::new(program);
    command.uid(NOBODY).gid(NOBODY);
    command
}

#[test]
fn a_broken_maildir_gives_no_250_and_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start_by(as_nobody(folder.path()), folder.path(), &[]);
    let mailbox = folder.path().join("Maildir");
    let owner = fs::metadata(&mailbox).unwrap();
    for (name, script) in BROKEN {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(&mailbox);
        assert!(shell.status().unwrap().success(), "{name}");
        let reply = send(&daemon, b"hi\r\n.\r\n");
        assert_eq!(&reply[..4], "451 ", "{name}: {reply}");
        // Everything is put right, and nothing came to light by it.
        _ = fs::create_dir(&mailbox);
        for part in ["", "tmp", "new", "cur"] {
            let part = mailbox.join(part);
            if !part.is_dir() {
                _ = fs::remove_file(&part);
                fs::create_dir(&part).unwrap();
            }
            fs::set_permissions(&part, Permissions::from_mode(0o700)).unwrap();
            _ = chown(&part, Some(owner.uid()), Some(owner.gid()));
        }
        for part in ["tmp", "new", "cur"] {
            assert!(files(&mailbox.join(part)).is_empty(), "{name}: {part}");
        }
        let reply = send(&daemon, b"hi\r\n.\r\n");
        assert_eq!(&reply[..4], "250 ", "{name}: {reply}");
        for message in files(&mailbox.join("new")) {
            fs::remove_file(message).unwrap();
        }
    }
}

/// The lines of a message: enough of them that one can be cut off.
const LINES: usize = 200;

/// Sends one message after another until the server is gone. Each has a
/// name, and the name is told to whoever counts when 250 was heard.
fn client(
    address: String,
    name: String,
    heard: Sender<String>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let Ok(mut wire) = TcpStream::connect(address) else { return };
        let replies = BufReader::new(wire.try_clone().unwrap());
        let mut replies = replies.lines().map_while(Result::ok);
        for number in 0.. {
            let name = format!("{name}.{number}");
            let lines = format!("{name}\r\n").repeat(LINES);
            let said = format!(
                "MAIL FROM:<a@b>\r\nRCPT TO:<x@example.org>\r\nDATA\r\n\
                 {lines}.\r\n"
            );
            let sent = wire.write_all(said.as_bytes());
            // Greeting, MAIL, RCPT and DATA come first.
            let is_last = |line: &String| {
                !line.starts_with("220")
                    && !line.starts_with("354")
                    && line != "250 ok"
            };
            let Some(reply) = replies.find(is_last) else { return };
            assert!(sent.is_ok() && reply.starts_with("250 ok "), "{reply}");
            heard.send(name).unwrap();
        }
    })
}

/// One round: some clients send, one after another is told 250, and at some
/// moment the server is gone. Gives the names of what it had taken.
fn round(folder: &Path, round: usize) -> Vec<String> {
    let mut daemon = Daemon::start(folder, &[]);
    let (heard, taken): (_, Receiver<String>) = channel();
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let name = format!("message.{round}.{number}");
            client(daemon.address.clone(), name, heard.clone())
        })
        .collect();
    drop(heard);
    let mut names: Vec<_> = taken.iter().take(round % 5).collect();
    thread::sleep(Duration::from_micros((round * 377 % 3000) as u64));
    daemon.signal("-KILL");
    daemon.child.wait().unwrap();
    clients.into_iter().for_each(|client| client.join().unwrap());
    names.extend(taken);
    names
}

/// The moments are any moments: behind the dot and before the answer, too.
/// What is asserted holds at each.
#[test]
fn a_250_outlives_kill_9_and_nobody_sees_half_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let taken: Vec<_> =
        (0..40).flat_map(|number| round(folder.path(), number)).collect();
    let mut found = HashMap::new();
    for path in files(&folder.path().join("Maildir/new")) {
        let message = fs::read_to_string(path).unwrap();
        let name = message.lines().last().unwrap().to_owned();
        let line = format!("{name}\n");
        assert!(message.ends_with(&line.repeat(LINES)), "{message}");
        *found.entry(name).or_insert(0) += 1;
    }
    assert!(taken.len() >= 80, "{taken:?}");
    for name in taken {
        assert_eq!(found.get(&name), Some(&1), "{name}");
    }
}
