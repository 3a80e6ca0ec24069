//! spfchecks: what it can do beyond the recordings.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

use ra_plugins::dns::zone::Zone;
use ra_plugins::frozen::Frozen;
use ra_plugins::plugin::Verdict;
use ra_plugins::plugins::spfchecks::PLUGIN;
use ra_plugins::session::Session;
use ra_plugins::spf::check::Query;
use ra_plugins::spf::explain::{QUOTED_MAX, third_party};
use ra_plugins::spf::header::{Checked, Report};
use ra_plugins::spf::outcome::{Decision, Outcome, SpfResult};
use rstest::rstest;

/// The world of the recordings, with files.
fn world() -> Frozen {
    let zone = Zone::read(include_str!("sessions/zone.yml")).unwrap();
    Frozen::new()
        .dns(zone)
        .file("control/me", "mx.example.org\n")
        .file("control/relays", "# ours\n192.0.2.0/24\n2001:db8::1\n")
}

/// A client at 192.0.2.9 that says HELO client.example.com.
fn session(mail_from: &str) -> Session {
    Session::new(1)
        .with("TCPREMOTEIP", "192.0.2.9")
        .with("SMTPHELOHOST", "client.example.com")
        .with("SMTPMAILFROM", mail_from)
        .with("SMTPRCPTTO", "u@example.org")
        .with("BOUNCELEVEL", "0")
}

/// What the plugin decides.
async fn judge(session: &Session) -> Verdict {
    PLUGIN.judge(session, &world().world()).await
}

#[tokio::test]
async fn a_skipped_network_is_not_checked() {
    let session = session("a@fail.example").with("SPF_SKIP", "control/relays");
    let verdict = judge(&session).await;
    assert_eq!(verdict.output(), "");
    assert_eq!(
        verdict.log[0],
        "No checks performed, because 192.0.2.9 is in SPF_SKIP"
    );
}

#[tokio::test]
async fn a_missing_skip_file_is_logged_and_skips_nobody() {
    let session = session("a@fail.example").with("SPF_SKIP", "control/nosuch");
    let verdict = judge(&session).await;
    let path = "error opening /var/qmail/control/nosuch";
    assert_eq!(verdict.log[0], path);
    assert!(verdict.output().starts_with("E550 5.7.23 "));
}

/// A client is not asked for a HELO, but a sender can be checked without one.
/// Only a bounce cannot.
#[rstest]
#[case::sender("a@fail.example", "E550 5.7.23 ", "SPF_RESULT_FAIL")]
#[case::bounce("", "", "error, missing information.")]
#[tokio::test]
async fn a_client_that_says_no_helo_is_checked(
    #[case] mail_from: &str,
    #[case] reply: &str,
    #[case] words: &str,
) {
    let session = Session::new(1)
        .with("TCPREMOTEIP", "192.0.2.9")
        .with("SMTPMAILFROM", mail_from)
        .with("SMTPRCPTTO", "u@example.org")
        .with("SPF_HELOLEVEL", "5")
        .with("BOUNCELEVEL", "0");
    let verdict = judge(&session).await;
    assert!(verdict.output().starts_with(reply), "{}", verdict.output());
    assert!(verdict.log.concat().contains(words), "{:?}", verdict.log);
}

#[rstest]
#[case::off("-1", "a@pass.example", "")]
#[case::refused("0", "a@pass.example", "E550 5.7.23 ")]
#[case::softer("0", "a@soft.example", "E550 5.7.23 ")]
#[tokio::test]
async fn the_helo_name_has_a_level_of_its_own(
    #[case] level: &str,
    #[case] mail_from: &str,
    #[case] expected: &str,
) {
    let session = session(mail_from)
        .with("SMTPHELOHOST", "fail.example")
        .with("SPF_HELOLEVEL", level);
    let verdict = judge(&session).await;
    let output = verdict.output();
    assert!(output.starts_with(expected), "{output}");
    assert_eq!(output.is_empty(), expected.is_empty());
}

#[rstest]
#[case::received("received-spf", &["HReceived-SPF: pass "])]
#[case::results(
    "authres",
    &["HAuthentication-Results: mx.example.org; spf=pass "],
)]
#[case::both("both", &["HReceived-SPF: ", "HAuthentication-Results: "])]
#[case::other("neither", &[])]
#[tokio::test]
async fn headers_are_added_on_request(
    #[case] wanted: &str,
    #[case] expected: &[&str],
) {
    let session = session("a@pass.example").with("SPF_HEADER", wanted);
    let output = judge(&session).await.output();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{output}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
}

#[tokio::test]
async fn an_unknown_header_is_none_and_said_so() {
    let session = session("a@pass.example").with("SPF_HEADER", "Both");
    let verdict = judge(&session).await;
    assert_eq!(verdict.output(), "");
    let warning = "SPF_HEADER: not a choice: Both; using none";
    assert!(verdict.log.contains(&warning.into()), "{:?}", verdict.log);
}

#[tokio::test]
async fn headers_are_added_once_a_message() {
    let session = session("a@pass.example")
        .with("SPF_HEADER", "both")
        .with("SMTPRCPTCOUNTALL", "2");
    assert_eq!(judge(&session).await.output(), "");
}

#[tokio::test]
async fn a_refusal_links_to_its_explanation() {
    let link = "https://example.org/why?s=%{S}&i=%{I}&r=%{R}";
    let session = session("a+b@fail.example").with("SPF_WHY", link);
    let output = judge(&session).await.output();
    let expected = "(see https://example.org/why?\
        s=a%2Bb%40fail.example&i=192.0.2.9&r=mx.example.org)\n";
    assert!(output.ends_with(expected), "{output}");
}

#[tokio::test]
async fn a_temperror_may_be_refused_for_now() {
    let session = session("a@servfail.example").with("BOUNCELEVEL", "4");
    let output = judge(&session).await.output();
    assert!(output.starts_with("E451 4.4.3 SPF cannot be checked"), "{output}");
}

#[tokio::test]
async fn without_dns_the_mail_passes() {
    let world = Frozen::new().world();
    let verdict = PLUGIN.judge(&session("a@fail.example"), &world).await;
    assert_eq!(verdict.output(), "");
    let log = &verdict.log[0];
    assert!(log.starts_with("Accepting on SPF_RESULT_TEMPERROR, "), "{log}");
    assert!(log.ends_with("no DNS"), "{log}");
}

#[test]
fn a_strangers_words_are_marked_cut_and_printable() {
    let words = third_party("bad.example", &"ä\r\n\0".repeat(1000));
    assert!(words.starts_with("bad.example explains: ????"));
    assert!(words.len() < QUOTED_MAX + 40);
    assert!(words.bytes().all(|byte| matches!(byte, b' '..=b'~')));
}

/// A report about a pass for whoever claims these things.
fn header(mail_from: &str, helo: &str) -> (String, String) {
    let query = Query {
        client_ip: "2001:db8::9".parse().unwrap(),
        mail_from,
        helo,
        receiver: "mx.example.org",
    };
    let outcome = Outcome {
        result: SpfResult::Pass,
        explanation: None,
        decision: Some(Decision::new("example.com", "+all")),
        problem: None,
        trace: Vec::new(),
    };
    let checked = Checked::MailFrom;
    let report = Report { query: &query, checked, outcome: &outcome };
    (report.received_spf(), report.authentication_results())
}

#[test]
fn headers_say_what_was_found() {
    let (received, results) = header("joe@example.com", "mx.example.com");
    insta::with_settings!({
        snapshot_path => "../snapshots",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(
            "spf__headers",
            format!("{received}\n{results}\n")
        );
    });
}

/// What a header says of somebody whose whole name does not end there.
#[rstest]
#[case::sender(&format!("{}@bank.example.evil.example", "l".repeat(115)), "h")]
#[case::domain(&format!("a@{}.{}.bank.example.evil.example", "p".repeat(56),
    "p".repeat(58)), "h")]
#[case::helo("", &format!("{}.{}.bank.example.evil.example", "p".repeat(56),
    "p".repeat(58)))]
#[case::longer_than_names_are(&format!("{}@{}bank.example.evil.example",
    "l".repeat(64), "pp.".repeat(200)), "h")]
fn a_name_keeps_its_end(#[case] mail_from: &str, #[case] helo: &str) {
    let (received, results) = header(mail_from, helo);
    for line in [received, results] {
        let ends: Vec<_> =
            line.match_indices("bank.example").map(|(at, _)| at).collect();
        assert!(ends.len() > 1, "{line}");
        for at in ends {
            let end = &line[at..];
            assert!(end.starts_with("bank.example.evil.example"), "{line}");
        }
    }
}

#[rstest]
#[case::address("a.b@example.com", "a.b@example.com")]
#[case::local_part_in_quotes("\"a b\"@example.com", r#""\"a b\"@example.com""#)]
#[case::dot_at_the_end("a@example.com.", "\"a@example.com.\"")]
#[case::literal("a@[192.0.2.1]", "\"a@[192.0.2.1]\"")]
#[case::nothing_behind_the_at("a@", "\"a@\"")]
#[case::slash("a@x/y.example", "\"a@x/y.example\"")]
#[case::single_label("a@com", "\"a@com\"")]
#[case::as_it_was_checked("a@caf\u{e9}.example", "a@xn--caf-dma.example")]
fn a_sender_is_given_as_the_grammar_wants(
    #[case] mail_from: &str,
    #[case] value: &str,
) {
    let (_, results) = header(mail_from, "mx.example.com");
    let value = format!(" smtp.mailfrom={value}");
    assert!(results.ends_with(&value), "{results}");
}

#[rstest]
#[case::name("mx.example.com", "mx.example.com")]
#[case::slash("a/b.example", "\"a/b.example\"")]
#[case::equals("a=b.example", "\"a=b.example\"")]
#[case::at("a@b", "\"a@b\"")]
#[case::eight_bit("caf\u{e9}", "\"caf?\"")]
fn a_helo_name_is_given_as_the_grammar_wants(
    #[case] helo: &str,
    #[case] value: &str,
) {
    let (_, results) = header("", helo);
    let value = format!(" smtp.helo={value}");
    assert!(results.ends_with(&value), "{results}");
}

#[rstest]
#[case::line_end("a\r\nBcc: b@example.org", "mx")]
#[case::quote("\"a\\\"; identity=x\"@example.com", "\"")]
#[case::comment("a)(b@example.com", "(((")]
#[case::backslash("a@example.com", "\\")]
#[case::eight_bit("ä@example.com", "\u{202e}x")]
#[case::huge(&"x".repeat(100_000), &"y.".repeat(50_000))]
#[case::grows(&"\"".repeat(320), &"\\".repeat(255))]
fn a_sender_cannot_break_out_of_a_header(
    #[case] mail_from: &str,
    #[case] helo: &str,
) {
    let (received, results) = header(mail_from, helo);
    for line in [received, results] {
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        assert!(line.len() <= 998, "{}", line.len());
        // A line that would be too long goes without the comment.
        let comment = line.split_once('(').and_then(|(before, rest)| {
            assert!(!before.contains('"'), "{line}");
            rest.split_once(") ")
        });
        let (comment, after) = comment.unwrap_or(("", &line));
        assert!(!comment.contains(['(', ')', '\\']), "{line}");
        // Outside of quoted strings there is nothing but our own signs.
        let (mut quoted, mut escaped) = (false, false);
        for c in after.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '(' | ')' => assert!(quoted, "{line}"),
                _ => {}
            }
        }
        assert!(!quoted && !escaped, "{line}");
    }
}
