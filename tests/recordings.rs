//! The recordings of the originals, held against us.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

use std::fmt::Write;

use insta::Settings;
use rstest::rstest;

use ra_plugins::host::recording::{
    Answer, Case, Dialogue, Recording, Replayed,
};
use ra_plugins::registry::{PLUGINS, find};

/// The cases of a file.
fn cases_of(text: &[u8]) -> Vec<Case> {
    match Recording::parse(text).unwrap() {
        Recording::Cases(cases) => cases,
        Recording::Dialogues(_) => panic!("sessions"),
    }
}

/// The sessions of a file.
fn dialogues_of(text: &[u8]) -> Vec<Dialogue> {
    match Recording::parse(text).unwrap() {
        Recording::Dialogues(dialogues) => dialogues,
        Recording::Cases(_) => panic!("cases"),
    }
}

/// All cases of plugins.json.
fn cases() -> Vec<Case> {
    cases_of(include_bytes!("sessions/plugins.json"))
}

/// All sessions of sessions.json.
fn dialogues() -> Vec<Dialogue> {
    dialogues_of(include_bytes!("sessions/sessions.json"))
}

/// An answer as a person reads it.
fn shown(case: &Case, answer: &Answer) -> String {
    let mut text = String::new();
    for (name, value) in &case.env {
        let value = value.as_deref().unwrap_or("(not set)");
        writeln!(text, "{name}={value:?}").unwrap();
    }
    for (path, content) in &case.files {
        writeln!(text, "{path}: {content:?}").unwrap();
    }
    writeln!(text, "stdout: {:?}", answer.stdout).unwrap();
    writeln!(text, "stderr: {:?}", answer.stderr).unwrap();
    let seconds = answer.seconds.unwrap_or_default();
    writeln!(text, "exit: {}, after {seconds} s", answer.exit).unwrap();
    if let Some(bug) = &case.bug {
        let Answer { stdout, stderr, .. } = &case.original;
        writeln!(text, "the original, {bug}: {stdout:?}, {stderr:?}").unwrap();
    }
    text
}

#[tokio::test]
async fn every_recorded_answer_is_ours() {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut differences = Vec::new();
    let mut replayed = 0;
    for case in cases() {
        let Some(plugin) = find(&case.plugin) else { continue };
        let answer = case.answer(plugin).await;
        let name = format!("{}__{}", case.plugin, case.name);
        for difference in case.differences(&answer) {
            differences.push(format!("{name}: {difference}"));
        }
        settings.bind(|| insta::assert_snapshot!(name, shown(&case, &answer)));
        replayed += 1;
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(replayed, 158, "some cases were skipped");
}

/// What did not go as the files say, and how much there was.
async fn replay(
    cases: Vec<Case>,
    dialogues: Vec<Dialogue>,
) -> (Vec<String>, usize) {
    let mut failures = Vec::new();
    let mut passed = 0;
    let mut note = |name, replayed| match replayed {
        Replayed::Passed => passed += 1,
        Replayed::Failed(differences) => {
            failures.push(format!("{name}: {}", differences.join("; ")));
        }
        Replayed::Skipped(_) => {}
    };
    for case in cases {
        let name = format!("{}/{}", case.plugin, case.name);
        note(name, case.replay(PLUGINS).await);
    }
    for dialogue in dialogues {
        note(dialogue.name.clone(), dialogue.replay(PLUGINS).await);
    }
    (failures, passed)
}

#[tokio::test]
async fn every_recorded_session_goes_as_recorded() {
    let (failures, passed) = replay(Vec::new(), dialogues()).await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(passed, 100, "some sessions were skipped");
}

/// These were not recorded but written, by somebody who knew the
/// specification and had not seen the program.
#[tokio::test]
async fn what_is_promised_is_kept() {
    let cases = cases_of(include_bytes!("sessions/promised-plugins.json"));
    let dialogues =
        dialogues_of(include_bytes!("sessions/promised-sessions.json"));
    let all = cases.len() + dialogues.len();
    let (failures, passed) = replay(cases, dialogues).await;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(passed, all, "some were skipped");
}

/// A session of the recordings, changed by `change`, must fail.
#[rstest]
#[case::word_of_a_plugin("rcpt-E", |it: &mut Dialogue| {
    it.dialogue[7].1 = "550 no way\r\n".to_owned();
})]
#[case::code_of_the_server("rcpt-N", |it: &mut Dialogue| {
    it.dialogue[5].1 = "251 ok\r\n".to_owned();
})]
#[case::line_more("rcpt-N", |it: &mut Dialogue| {
    it.dialogue[5].1 = "250-more\r\n250 ok\r\n".to_owned();
})]
#[case::variable("environment-of-every-section", |it: &mut Dialogue| {
    let env = &mut it.seen[3].env;
    env.insert("SMTPRCPTCOUNT".to_owned(), "9".to_owned());
})]
#[case::variable_less("environment-of-every-section", |it: &mut Dialogue| {
    it.seen[3].env.remove("SMTPRCPTTO");
})]
#[case::envelope("rcpt-C", |it: &mut Dialogue| {
    it.envelopes[0] = "Fa@b.example\0Tu@example.org\0\0".to_owned();
})]
#[case::header("rcpt-H", |it: &mut Dialogue| {
    it.messages[0] = it.messages[0].replacen("X-Seen: yes\n", "", 1);
})]
#[case::log("stderr-is-the-log", |it: &mut Dialogue| {
    it.stderr = "plugin: bye\n".to_owned();
})]
#[case::exit("rcpt-N", |it: &mut Dialogue| it.exit = 1)]
#[tokio::test]
async fn a_changed_recording_is_noticed(
    #[case] name: &str,
    #[case] change: fn(&mut Dialogue),
) {
    let mut dialogues = dialogues();
    let dialogue = dialogues.iter_mut().find(|it| it.name == name).unwrap();
    change(dialogue);
    let replayed = dialogue.replay(PLUGINS).await;
    assert!(matches!(replayed, Replayed::Failed(_)), "{replayed:?}");
}

#[rstest]
#[case::stdout(|it: &mut Case| it.original.stdout.push('x'))]
#[case::stderr(|it: &mut Case| it.original.stderr.clear())]
#[case::exit(|it: &mut Case| it.original.exit = 1)]
#[case::seconds(|it: &mut Case| it.original.seconds = Some(3.0))]
#[tokio::test]
async fn a_changed_case_is_noticed(#[case] change: fn(&mut Case)) {
    let mut cases = cases();
    let is_it =
        |it: &&mut Case| (&*it.plugin, &*it.name) == ("msa", "unauthenticated");
    let case = cases.iter_mut().find(is_it).unwrap();
    change(case);
    let replayed = case.replay(PLUGINS).await;
    assert!(matches!(replayed, Replayed::Failed(_)), "{replayed:?}");
}

#[tokio::test]
async fn a_plugin_that_is_not_here_is_skipped_and_not_passed() {
    let mut case = cases().remove(0);
    case.plugin = "nosuch".to_owned();
    let replayed = case.replay(PLUGINS).await;
    assert_eq!(replayed, Replayed::Skipped("no plugin nosuch".to_owned()));
}

#[tokio::test]
async fn spf_answers_are_compared_by_what_counts() {
    let mut case =
        cases().into_iter().find(|it| it.name == "neutral-level2").unwrap();
    let mut answer = case.original.clone();
    answer.stdout = "E550 5.7.23 other words\n".to_owned();
    answer.stderr =
        "spfchecks: pid PID - Rejecting on SPF_RESULT_NEUTRAL, words\n"
            .to_owned();
    assert_eq!(case.differences(&answer), Vec::<String>::new());
    answer.stdout = "E451 5.7.23 other words\n".to_owned();
    assert_eq!(case.differences(&answer).len(), 1);
    answer.stderr = answer.stderr.replace("Rejecting", "Accepting");
    assert_eq!(case.differences(&answer).len(), 2);
    case.compare = None;
    assert_eq!(case.differences(&answer).len(), 2);
}
