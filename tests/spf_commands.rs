//! `ra spf` and `spfquery`, run as people run them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use ra_plugins::cli::spf_published::Missing;
use ra_plugins::spf::outcome::SpfResult;
use ra_plugins::world::DnsError;
use rstest::rstest;

/// Runs `ra` under a name, with the recordings' DNS.
fn run(name: &str, arguments: &[&str]) -> Output {
    let root = env!("CARGO_MANIFEST_DIR");
    Command::new(env!("CARGO_BIN_EXE_ra"))
        .arg0(name)
        .args(arguments)
        .current_dir(root)
        .env_clear()
        .env("RA_DNS", "zone:tests/sessions/zone.yml")
        .output()
        .unwrap()
}

/// A command as it is typed, and all that it says.
fn shown(name: &str, arguments: &[&str], output: &Output) -> String {
    let quoted = |word: &&str| match word.contains([' ', '%']) {
        true => format!("'{word}'"),
        false => (*word).to_owned(),
    };
    let words: Vec<_> = arguments.iter().map(quoted).collect();
    let (said, words) =
        (String::from_utf8_lossy(&output.stdout), words.join(" "));
    let complained = String::from_utf8_lossy(&output.stderr);
    let status = output.status.code().unwrap();
    format!("$ {name} {words}\n{said}{complained}(exit status {status})\n")
}

#[rstest]
#[case::query_pass(
    "query_pass",
    "ra",
    &["spf", "query", "--ip", "192.0.2.9", "--sender", "a@pass.example"],
)]
#[case::query_trace(
    "query_trace",
    "ra",
    &[
        "spf",
        "query",
        "--ip",
        "192.0.2.9",
        "--sender",
        "a@expl.example",
        "--helo",
        "mx.example.com",
        "--trace",
    ],
)]
#[case::query_bounce(
    "query_bounce",
    "ra",
    &["spf", "query", "--ip", "192.0.2.9", "--helo", "soft.example"],
)]
#[case::query_json(
    "query_json",
    "ra",
    &[
        "spf",
        "query",
        "--ip",
        "2001:db8::9",
        "--sender",
        "a@v6.example",
        "--json",
    ],
)]
#[case::query_temperror(
    "query_temperror",
    "ra",
    &["spf", "query", "--ip", "192.0.2.9", "--sender", "a@servfail.example"],
)]
#[case::lint_domain("lint_domain", "ra", &["spf", "lint", "secondary.example"])]
#[case::lint_position(
    "lint_position",
    "ra",
    &["spf", "lint", "v=spf1 mx a:%{d0}.example -all"],
)]
#[case::lint_habits(
    "lint_habits",
    "ra",
    &["spf", "lint", "v=spf1 ptr +all mx redirect=example.org"],
)]
#[case::lint_lookups(
    "lint_lookups",
    "ra",
    &[
        "spf",
        "lint",
        "v=spf1 a:%{d}.a mx:%{d}.b a:%{d}.c a:%{d}.d a:%{d}.e a:%{d}.f \
         a:%{d}.g a:%{d}.h a:%{d}.i a:%{d}.j a:%{d}.k -all",
    ],
)]
#[case::lint_void(
    "lint_void",
    "ra",
    &[
        "spf",
        "lint",
        "v=spf1 a:no.example include:none.example a:gone.example \
         mx:aonly.example -all",
    ],
)]
#[case::lint_none("lint_none", "ra", &["spf", "lint", "none.example"])]
#[case::spfquery(
    "spfquery",
    "spfquery",
    &["-ip=192.0.2.9", "-sender=a@fail.example", "-helo=mx.example.com"],
)]
#[case::spfquery_spaces(
    "spfquery_spaces",
    "spfquery",
    &[
        "--ip",
        "192.0.2.9",
        "-s",
        "a@pass.example",
        "-h",
        "mx.example.com",
        "-rcpt-to",
        "u@example.org",
    ],
)]
#[case::spfquery_no_ip(
    "spfquery_no_ip",
    "spfquery",
    &["-sender=a@fail.example"],
)]
fn a_command_says(
    #[case] title: &str,
    #[case] name: &str,
    #[case] arguments: &[&str],
) {
    let output = run(name, arguments);
    insta::with_settings!({
        snapshot_path => "../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        let text = shown(name, arguments, &output);
        insta::assert_snapshot!(format!("spf__{title}"), text);
    });
}

#[test]
fn all_suites_pass() {
    let files = ["tests/spf/rfc7208.yml", "tests/spf/rfc4408.yml"];
    let output = run("ra", &["spf", "test", files[0], files[1]]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "394 passed, 0 failed\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_failing_case_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("suite.yml");
    let text = r#"
scenarios:
- name: "small"
  zone:
    "a.b":
    - {"TXT": "v=spf1 -all exp=why.a.b"}
    "why.a.b":
    - {"TXT": "no"}
  tests:
  - {"id": "right", "ip": "::1", "helo": "a.b", "results": ["fail"]}
  - {"id": "wrong", "ip": "::1", "helo": "a.b", "results": ["pass", "none"]}
  - {"id":"words","ip":"::1","helo":"a.b","results":["fail"],"explanation":"X"}
"#;
    std::fs::write(&file, text).unwrap();
    let output = run("ra", &["spf", "test", file.to_str().unwrap()]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "FAIL small/wrong: expected pass or none, got fail\n\
         FAIL small/words: expected explanation \"X\", got \"no\"\n\
         1 passed, 2 failed\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_missing_suite_is_trouble() {
    let output = run("ra", &["spf", "test", "/nosuch.yml"]);
    assert_eq!(output.status.code(), Some(2));
}

/// A zone in which much is not as it should be.
const LINTED: &str = r#"
scenarios:
- name: "linted"
  zone:
    "silent.example":
    - "TIMEOUT"
    "failing.example":
    - {"A": "SERVFAIL"}
    - {"AAAA": "SERVFAIL"}
    "only6.example":
    - {"AAAA": "2001:db8::1"}
    "twice.example":
    - {"TXT": "v=spf1 -all"}
    - {"TXT": "v=spf1 +all"}
    "open.example":
    - {"TXT": "v=spf1 +all"}
    "words.example":
    - {"TXT": "go away"}
    - {"TXT": "please"}
    "bell.example":
    - {"TXT": "go\u0007away"}
    "ten.example":
    - {"MX": [0, "m"]}
    "eleven.example":
"#;

/// What lint says of a record, and its exit status.
fn lint(subject: &str) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone.yml");
    let hosts = (0..11).map(|n| format!("    - {{\"MX\": [{n}, \"m{n}\"]}}\n"));
    let zone: String = [LINTED.to_owned()].into_iter().chain(hosts).collect();
    std::fs::write(&file, zone).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ra"))
        .args(["spf", "lint", subject])
        .env("RA_DNS", format!("zone:{}", file.display()))
        .output()
        .unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    (words, output.status.code())
}

#[rstest]
#[case::silent_include(
    "v=spf1 include:silent.example -all",
    "error: include:silent.example: silent.example: timeout: temperror",
    1
)]
#[case::silent_redirect(
    "v=spf1 redirect=silent.example",
    "error: redirect: silent.example: timeout: temperror",
    1
)]
#[case::failing_server(
    "v=spf1 a:failing.example -all",
    "warning: a:failing.example: failing.example: server failure: temperror\n\
     1 of 10 lookups, 0 of 2 void lookups",
    0
)]
#[case::only_for_ipv6(
    "v=spf1 a:only6.example a:only6.example a:only6.example -all",
    "error: 3 terms ask DNS in vain for IPv4 clients, receivers stop after 2: \
     permerror\n3 of 10 lookups, 3 of 2 void lookups",
    1
)]
#[case::exists_is_for_ipv4(
    "v=spf1 exists:only6.example -all",
    "warning: exists:only6.example: only6.example: no such record\n\
     1 of 10 lookups, 1 of 2 void lookups",
    0
)]
#[case::exchangers(
    "v=spf1 mx:eleven.example -all",
    "error: mx:eleven.example: eleven.example has 11 mail exchangers, \
     receivers stop after 10: permerror",
    1
)]
#[case::one_exchanger(
    "v=spf1 mx:ten.example -all",
    "\n1 of 10 lookups, 0 of 2 void lookups",
    0
)]
#[case::two_records(
    "twice.example",
    "error: twice.example: more than one SPF record: permerror",
    1
)]
#[case::open_include(
    "v=spf1 include:open.example -all",
    "warning: open.example: +all lets everybody pass",
    0
)]
#[case::explanations(
    "v=spf1 -all exp=words.example",
    "warning: exp: words.example: not one text: there is no explanation",
    0
)]
#[case::explanation_that_rings(
    "v=spf1 -all exp=bell.example",
    "warning: exp: bell.example: not in printable ASCII: there is no \
     explanation",
    0
)]
#[case::no_explanation(
    "v=spf1 -all exp=no.example",
    "warning: exp: no.example: no such name: there is no explanation",
    0
)]
fn lint_says_what_receivers_will(
    #[case] subject: &str,
    #[case] words: &str,
    #[case] status: i32,
) {
    let (said, exit) = lint(subject);
    assert!(said.contains(words), "{said}");
    assert_eq!(exit, Some(status), "{said}");
}

/// What a record says that leads to a domain without an answer (5.2, 6.1).
#[rstest]
#[case(DnsError::NoName, SpfResult::PermError)]
#[case(DnsError::NoRecord, SpfResult::PermError)]
#[case(DnsError::Failure, SpfResult::TempError)]
#[case(DnsError::Timeout, SpfResult::TempError)]
#[case(DnsError::NotThere, SpfResult::TempError)]
fn an_answer_that_is_missing_leads_to(
    #[case] error: DnsError,
    #[case] expected: SpfResult,
) {
    let missing = Missing::Dns("a.example".to_owned(), error);
    assert_eq!(missing.leads_to(), expected);
}
