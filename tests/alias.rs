//! Alias rules.

use proptest::prelude::{any, proptest};
use ra_plugins::alias::{cut_at, without};
use ra_plugins::frozen::Frozen;
use ra_plugins::registry::find;
use ra_plugins::session::Session;
use rstest::rstest;

#[rstest]
#[case::one("michael+shop", "+", Some("michael"))]
#[case::first_of_two("v+a+b", "+", Some("v"))]
#[case::set("vapier!moo+cow#f", "+!#", Some("vapier"))]
#[case::trailing("v+", "+", Some("v"))]
#[case::none("vapier", "+", None)]
#[case::empty_set("v+a", "", None)]
#[case::nobody_left("+tag", "+", None)]
#[case::letters("müller–shop", "–", Some("müller"))]
fn cuts_at_the_first_plus(
    #[case] local_part: &str,
    #[case] set: &str,
    #[case] expected: Option<&str>,
) {
    assert_eq!(cut_at(local_part, set), expected);
}

#[rstest]
#[case::dots("m.i.ch.ael..", ".", Some("michael"))]
#[case::set("v.$ap.~$ier", ".~$", Some("vapier"))]
#[case::none("vapier", ".", None)]
#[case::empty_set("a.b", "", None)]
#[case::nobody_left("...", ".", None)]
fn forgets_the_dots(
    #[case] local_part: &str,
    #[case] set: &str,
    #[case] expected: Option<&str>,
) {
    assert_eq!(without(local_part, set).as_deref(), expected);
}

proptest! {
    #[test]
    fn a_rule_leaves_somebody(text in any::<String>(), set in any::<String>()) {
        let kept = |c: char| !set.contains(c);
        if let Some(cut) = cut_at(&text, &set) {
            assert!(!cut.is_empty() && cut.chars().all(kept));
            assert!(text.starts_with(cut));
        }
        if let Some(rest) = without(&text, &set) {
            assert!(!rest.is_empty() && rest.chars().all(kept));
        }
    }
}

#[rstest]
#[case::ours(&[("SMTPRCPTHOSTSOK", "1")], "Cjoe@example.org\n")]
#[case::foreign(&[("SMTPRCPTHOSTSOK", "0")], "")]
#[case::foreign_but_named(
    &[("SMTPRCPTHOSTSOK", "0"), ("ALIASDOMAINS", "x.example, Example.ORG")],
    "Cjoe@example.org\n"
)]
#[case::relay_client_inside(
    &[("SMTPRCPTHOSTSOK", "1"), ("RELAYCLIENT", "")],
    "Cjoe@example.org\n"
)]
#[case::exact(&[("ALIASEXACT", "control/addresses")], "")]
#[case::exact_cdb(&[("ALIASEXACT", "control/addresses.cdb")], "")]
#[case::exact_others(&[("ALIASEXACT", "control/empty")], "Cjoe@example.org\n")]
#[tokio::test]
async fn a_rule_applies_to_our_own_addresses(
    #[case] variables: &[(&str, &str)],
    #[case] output: &str,
) {
    let world = Frozen::new()
        .file("control/rcpthosts", "example.org\n")
        .file("control/addresses", "joe+shop@example.org\n")
        .cdb("control/addresses.cdb", ["joe+shop@example.org"])
        .file("control/empty", "")
        .world();
    let mut session =
        Session::new(7).with("SMTPRCPTTO", "joe+shop@example.org");
    for (name, value) in variables {
        session.set(name, value);
    }
    let plugin = find("plusaliases").unwrap();
    let verdict = plugin.judge(&session, &world).await;
    assert_eq!(verdict.output(), output);
    assert!(verdict.log.is_empty());
}

#[rstest]
#[case::relay_client_outside("joe+shop@elsewhere.example")]
#[case::quoted("\"joe+shop\"@example.org")]
#[tokio::test]
async fn other_addresses_are_left_alone(#[case] recipient: &str) {
    let world =
        Frozen::new().file("control/rcpthosts", "example.org\n").world();
    let session = Session::new(7)
        .with("SMTPRCPTTO", recipient)
        .with("SMTPRCPTHOSTSOK", "1")
        .with("RELAYCLIENT", "");
    let plugin = find("plusaliases").unwrap();
    let verdict = plugin.judge(&session, &world).await;
    assert_eq!((verdict.output(), verdict.log.len()), (String::new(), 0));
}

#[tokio::test]
async fn without_its_list_a_rule_changes_nobody() {
    let world = Frozen::new().world();
    let session = Session::new(7)
        .with("SMTPRCPTTO", "j.oe@example.org")
        .with("ALIASEXACT", "control/none");
    let verdict = find("dotblind").unwrap().judge(&session, &world).await;
    assert_eq!(verdict.output(), "");
    assert_eq!(verdict.log, ["error opening /var/qmail/control/none"]);
}
