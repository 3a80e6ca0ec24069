//! The session: what the variables mean.

use ra_plugins::session::{Address, Missing, Session};
use rstest::rstest;

#[rstest]
#[case::plain("joe@example.org", "joe", "example.org")]
#[case::dots("j.o.e@sub.example.org", "j.o.e", "sub.example.org")]
#[case::quoted("\"joe doe\"@example.org", "\"joe doe\"", "example.org")]
#[case::quoted_at("\"a@b\"@example.org", "\"a@b\"", "example.org")]
#[case::quoted_quote(r#""a\"@b"@example.org"#, r#""a\"@b""#, "example.org")]
#[case::international("jürgen@example.org", "jürgen", "example.org")]
#[case::literal("joe@[192.0.2.1]", "joe", "[192.0.2.1]")]
fn an_address_has_two_sides(
    #[case] text: &str,
    #[case] local_part: &str,
    #[case] domain: &str,
) {
    assert_eq!(Address::parse(text), Some(Address { local_part, domain }));
}

#[rstest]
#[case::empty("")]
#[case::no_at("joe")]
#[case::nobody("@example.org")]
#[case::nowhere("joe@")]
#[case::two_ats("a@b@example.org")]
#[case::open_quote("\"joe@example.org")]
#[case::words_after_quote("\"a\"b@example.org")]
#[case::at_after_quote("\"a\"@b@example.org")]
#[case::only_quotes("\"\"")]
#[case::line_break("joe\n@example.org")]
#[case::not_utf8("j\u{fffd}e@example.org")]
fn everything_else_is_no_address(#[case] text: &str) {
    assert_eq!(Address::parse(text), None);
}

#[test]
fn an_empty_user_is_nobody() {
    let session = Session::new(1).with("SMTPAUTHUSER", "");
    assert_eq!(session.user(), None);
    assert_eq!(session.with("SMTPAUTHUSER", "joe").user(), Some("joe"));
}

#[test]
fn an_empty_sender_is_a_bounce_and_not_a_missing_one() {
    assert_eq!(Session::new(1).mail_from(), None);
    let bounce = Session::new(1).with("SMTPMAILFROM", "");
    assert_eq!(bounce.mail_from(), Some(""));
}

#[test]
fn old_servers_spell_helo_differently() {
    let old = Session::new(1).with("HELOHOST", "old.example");
    assert_eq!(old.helo(), Some("old.example"));
    let both = old.with("SMTPHELOHOST", "new.example");
    assert_eq!(both.helo(), Some("new.example"));
}

#[rstest]
#[case::v4("192.0.2.9", Ok("192.0.2.9"))]
#[case::v6("2001:db8::9", Ok("2001:db8::9"))]
#[case::v4_in_v6("::ffff:192.0.2.9", Ok("192.0.2.9"))]
#[case::words("unknown", Err(Missing::Invalid))]
#[case::zone("fe80::1%eth0", Err(Missing::Invalid))]
#[case::empty("", Err(Missing::Invalid))]
fn the_client_has_one_address(
    #[case] text: &str,
    #[case] expected: Result<&str, Missing>,
) {
    let session = Session::new(1).with("TCPREMOTEIP", text);
    let found = session.client_ip().map(|address| address.to_string());
    assert_eq!(found, expected.map(str::to_owned));
}

#[rstest]
#[case::unset(None, Err(Missing::Unset))]
#[case::invalid(Some("joe"), Err(Missing::Invalid))]
#[case::valid(Some("joe@example.org"), Ok("joe"))]
fn a_recipient_may_be_missing_or_wrong(
    #[case] value: Option<&str>,
    #[case] expected: Result<&str, Missing>,
) {
    let mut session = Session::new(1);
    if let Some(value) = value {
        session.set("SMTPRCPTTO", value);
    }
    let found = session.recipient().map(|address| address.local_part);
    assert_eq!(found, expected);
}

#[test]
fn counts_that_are_not_numbers_are_not_there() {
    let session = Session::new(1).with("SMTPRCPTCOUNTALL", "many");
    assert_eq!(session.recipients_asked(), None);
    assert_eq!(session.recipients_accepted(), None);
}

#[rstest]
#[case::yes("1", Some(true))]
#[case::no("0", Some(false))]
#[case::nothing("", None)]
#[case::something_else("maybe", None)]
fn the_server_may_not_have_said(
    #[case] text: &str,
    #[case] allowed: Option<bool>,
) {
    let session = Session::new(1).with("SMTPRCPTHOSTSOK", text);
    assert_eq!(session.recipient_allowed(), allowed);
}

#[rstest]
#[case::none("joe@x", "joe")]
#[case::capitals("JOE@x", "JOE")]
#[case::quotes("\"joe doe\"@x", "joe doe")]
#[case::at_sign("\"a@b\"@x", "a@b")]
#[case::escapes("\"j\\\"o\\\\e\"@x", "j\"o\\e")]
#[case::quote_at_the_end("\"joe\\\"\"@x", "joe\"")]
fn quotes_do_not_make_another_person(#[case] text: &str, #[case] name: &str) {
    assert_eq!(Address::parse(text).unwrap().unquoted(), name);
}
