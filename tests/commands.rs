//! The small commands, run as people run them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use rstest::rstest;

/// Runs `ra` in a qmail folder.
fn ra(qmail: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(arguments)
        .env_clear()
        .env("RA_QMAIL", qmail)
        .output()
        .unwrap()
}

/// What a command printed, and its exit status.
fn told(output: &Output) -> (String, Option<i32>) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code())
}

#[rstest]
#[case::both(
    "m.i.ch+shop@example.org",
    "mich@example.org\n  plusaliases: m.i.ch@example.org\n  \
     dotblind: mich@example.org\n"
)]
#[case::neither("joe@example.org", "joe@example.org\n")]
fn alias_shows_each_step(#[case] address: &str, #[case] text: &str) {
    let output = ra(Path::new("/nonexistent"), &["alias", address]);
    assert_eq!(told(&output), (text.to_owned(), Some(0)));
}

#[test]
fn alias_refuses_what_is_no_address() {
    let output = ra(Path::new("/nonexistent"), &["alias", "joe"]);
    assert_eq!(told(&output), (String::new(), Some(1)));
}

#[test]
fn overload_raises_and_lowers_its_flag_with_hysteresis() {
    let folder = tempfile::tempdir().unwrap();
    let qmail = folder.path();
    fs::create_dir(qmail.join("control")).unwrap();
    fs::create_dir_all(qmail.join("queue/todo/7")).unwrap();
    let flag = qmail.join("control/overloaded");
    let arguments = ["overload", "--limit", "3", "--clear", "1"];
    let message = |number: usize| qmail.join(format!("queue/todo/7/{number}"));
    let steps = [
        (3, "not overloaded\n", 0),
        (4, "overloaded: 4 messages waiting\n", 1),
        (2, "overloaded: 2 messages waiting\n", 1),
        (1, "not overloaded\n", 0),
    ];
    for (waiting, text, status) in steps {
        for number in 0..4 {
            _ = fs::remove_file(message(number));
        }
        for number in 0..waiting {
            fs::write(message(number), "").unwrap();
        }
        let output = ra(qmail, &arguments);
        assert_eq!(told(&output), (text.to_owned(), Some(status)));
        assert_eq!(flag.exists(), status == 1);
    }
    assert_eq!(fs::read_dir(qmail.join("control")).unwrap().count(), 0);
}

#[test]
fn overload_renews_its_flag_at_each_look() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("control")).unwrap();
    fs::create_dir_all(folder.path().join("queue/todo")).unwrap();
    fs::write(folder.path().join("queue/todo/1"), "").unwrap();
    let flag = folder.path().join("control/overloaded");
    let by_hand = "moving to the new disk, jane";
    for (text, is_renewed) in [("ra overload: x\n", true), (by_hand, false)] {
        fs::write(&flag, text).unwrap();
        let file = fs::File::options().write(true).open(&flag).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let output = ra(folder.path(), &["overload", "--limit", "0"]);
        assert_eq!(output.status.code(), Some(1));
        let modified = fs::metadata(&flag).unwrap().modified().unwrap();
        assert_eq!(modified != SystemTime::UNIX_EPOCH, is_renewed, "{text}");
    }
    assert_eq!(fs::read_to_string(&flag).unwrap(), by_hand);
}

#[test]
fn overload_leaves_a_flag_alone_that_somebody_raised_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("control")).unwrap();
    fs::create_dir_all(folder.path().join("queue/todo")).unwrap();
    let flag = folder.path().join("control/overloaded");
    fs::write(&flag, "moving to the new disk, jane").unwrap();
    let output = ra(folder.path(), &["overload"]);
    let text = "overloaded: the flag was raised by hand\n".to_owned();
    assert_eq!(told(&output), (text, Some(1)));
    assert!(flag.exists());
}

#[test]
fn overload_leaves_the_flag_alone_when_there_is_no_queue() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("control")).unwrap();
    let flag = folder.path().join("control/overloaded");
    fs::write(&flag, "by hand").unwrap();
    let output = ra(folder.path(), &["overload"]);
    assert_eq!(told(&output), (String::new(), Some(2)));
    assert!(flag.exists());
}

#[test]
fn install_links_and_prints_what_to_paste() {
    let folder = tempfile::tempdir().unwrap();
    let qmail = fs::canonicalize(folder.path()).unwrap();
    let plugins = qmail.join("plugins");
    let arguments = ["install", plugins.to_str().unwrap(), "msa", "dotblind"];
    for _ in 0..2 {
        let output = ra(&qmail, &arguments);
        let text = "[mail]\nplugins/msa\n\n[rcpt]\nplugins/dotblind\n\n";
        assert_eq!(told(&output), (text.to_owned(), Some(0)));
    }
    assert_eq!(fs::read_dir(&plugins).unwrap().count(), 2);
    let output = Command::new(plugins.join("msa")).env_clear().output();
    let text = "E550 You should be authenticated\n".to_owned();
    assert_eq!(told(&output.unwrap()), (text, Some(0)));
}

/// The small program is linked if it stands beside `ra`, and `ra` if not.
#[rstest]
#[case::both(&["ra", "ra-plugin"], "ra-plugin")]
#[case::alone(&["ra"], "ra")]
fn install_links_the_smallest_program(
    #[case] installed: &[&str],
    #[case] linked: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let folder = fs::canonicalize(folder.path()).unwrap();
    for name in installed {
        fs::copy(env!("CARGO_BIN_EXE_ra"), folder.join(name)).unwrap();
    }
    let plugins = folder.join("plugins");
    for linked_before in installed {
        _ = fs::remove_dir_all(&plugins);
        fs::create_dir(&plugins).unwrap();
        let old = folder.join(linked_before);
        std::os::unix::fs::symlink(old, plugins.join("msa")).unwrap();
        let output = Command::new(folder.join("ra"))
            .arg("install")
            .args([plugins.as_path(), Path::new("msa"), Path::new("spfquery")])
            .env_clear()
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        let target = |name| fs::read_link(plugins.join(name)).unwrap();
        assert_eq!(target("msa"), folder.join(linked));
        assert_eq!(target("spfquery"), folder.join("ra"));
    }
}

/// What is pasted without a look must not refuse the world.
#[test]
fn install_of_everything_comments_out_what_is_doubtful() {
    let folder = tempfile::tempdir().unwrap();
    let qmail = fs::canonicalize(folder.path()).unwrap();
    let plugins = qmail.join("plugins");
    let output = ra(&qmail, &["install", plugins.to_str().unwrap()]);
    let (text, status) = told(&output);
    assert_eq!(status, Some(0));
    assert!(plugins.join("msa").exists());
    let (comments, lines): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with('#'));
    assert!(comments.contains(&"#plugins/msa"), "{text}");
    assert!(comments[0].starts_with("# ipthrottle: "), "{text}");
    let lines: Vec<&str> = lines
        .into_iter()
        .filter_map(|it| it.strip_prefix("plugins/"))
        .collect();
    let safe = "authlogger overload mfdnschecks rblchecks \
        tarpit plusaliases spfchecks";
    assert_eq!(lines.join(" "), safe);
}

#[test]
fn install_does_not_link_what_would_be_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let output = ra(folder.path(), &["install", path, "rater", "spfquery"]);
    let (text, status) = told(&output);
    assert!(text.ends_with("/ra plugin rater\n\n"), "{text}");
    assert!(text.starts_with("[connection]\n:/"), "{text}");
    assert_eq!(status, Some(0));
    assert!(!folder.path().join("rater").exists());
    assert!(folder.path().join("spfquery").exists());
}

#[test]
fn install_does_not_touch_somebody_elses_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let (msa, tarpit) =
        (folder.path().join("msa"), folder.path().join("tarpit"));
    fs::write(&msa, "mine").unwrap();
    std::os::unix::fs::symlink("/opt/mine", &tarpit).unwrap();
    for name in ["msa", "tarpit"] {
        let output = ra(folder.path(), &["install", path, name]);
        assert_eq!(told(&output), (String::new(), Some(2)));
    }
    assert_eq!(fs::read_to_string(&msa).unwrap(), "mine");
    assert_eq!(fs::read_link(&tarpit).unwrap(), Path::new("/opt/mine"));
}

#[test]
fn plugins_tells_all_about_one() {
    let output = ra(Path::new("/nonexistent"), &["plugins", "tarpit"]);
    insta::with_settings!({
        snapshot_path => "../snapshots",
        prepend_module_to_snapshot => false,
    }, {
        insta::assert_snapshot!("ra__plugins-tarpit", told(&output).0);
    });
}

#[rstest]
#[case::nobody(&["plugins", "nobody"], 1)]
#[case::no_command(&[], 2)]
#[case::unknown(&["fly"], 2)]
#[case::help(&["--help"], 0)]
#[case::json(&["plugins", "--json"], 0)]
fn the_exit_status_says_yes_no_or_trouble(
    #[case] arguments: &[&str],
    #[case] status: i32,
) {
    let output = ra(Path::new("/nonexistent"), arguments);
    assert_eq!(output.status.code(), Some(status));
}

/// A reader who has heard enough is no trouble. A disk that is full is.
#[rstest]
#[case::nobody_listens(false, 0, "")]
#[case::no_room(true, 2, "ra: No space left on device (os error 28)\n")]
fn results_that_cannot_be_told_are_trouble(
    #[case] is_full: bool,
    #[case] status: i32,
    #[case] complaint: &str,
) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ra"))
        .arg("plugins")
        .stdout(if is_full { full.into() } else { Stdio::from(writer) })
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(status));
    assert_eq!(String::from_utf8_lossy(&output.stderr), complaint);
}
