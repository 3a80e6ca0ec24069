//! Settings: what is understood, and what is said when it is not.

use ra_plugins::registry::PLUGINS;
use ra_plugins::session::Session;
use ra_plugins::settings::{Kind, Setting};
use rstest::rstest;

/// A setting of each kind that parses.
const NUMBER: Setting = Setting::new("N", Kind::Number, "10", "");
const SWITCH: Setting = Setting::new("S", Kind::Switch, "0", "");
const REPLY: Setting = Setting::new("R", Kind::Reply, "550 no", "");
const TEXT: Setting = Setting::new("T", Kind::Text, "default", "");
const SET: Setting = Setting::new("C", Kind::Characters, "+", "");

#[rstest]
#[case::unset(None, 10, None)]
#[case::empty(Some(""), 10, None)]
#[case::number(Some("7"), 7, None)]
#[case::negative(Some("-1"), -1, None)]
#[case::spaces(Some(" 7 "), 7, None)]
#[case::words(Some("few"), 10, Some("N: not a number: few; using 10"))]
#[case::unit(Some("7s"), 10, Some("N: not a number: 7s; using 10"))]
#[case::break_in(Some("7\nx"), 10, Some("N: not a number: 7?x; using 10"))]
#[case::huge(
    Some("99999999999999999999"),
    10,
    Some("N: not a number: 99999999999999999999; using 10")
)]
fn a_number_or_a_warning(
    #[case] value: Option<&str>,
    #[case] number: i64,
    #[case] warning: Option<&str>,
) {
    let mut session = Session::new(1);
    if let Some(value) = value {
        session.set("N", value);
    }
    let reading = NUMBER.number(&session);
    assert_eq!(reading.value, number);
    assert_eq!(reading.warning.as_deref(), warning);
}

#[rstest]
#[case::one("1", true)]
#[case::yes("yes", true)]
#[case::zero("0", false)]
#[case::off("off", false)]
fn a_switch(#[case] value: &str, #[case] on: bool) {
    let session = Session::new(1).with("S", value);
    let reading = SWITCH.switch(&session);
    assert_eq!((reading.value, reading.warning), (on, None));
}

#[rstest]
#[case::permanent("530 5.7.0 Authentication required", true)]
#[case::temporary("451 later", true)]
#[case::success("250 ok", false)]
#[case::no_text("550", false)]
#[case::words("go away", false)]
#[case::more_lines("550-first", false)]
fn a_reply_must_refuse(#[case] value: &str, #[case] understood: bool) {
    let reading = REPLY.reply(&Session::new(1).with("R", value));
    assert_eq!(reading.warning.is_none(), understood);
    assert_eq!(reading.value == "550 no", !understood);
}

#[test]
fn empty_counts_as_unset_except_for_a_set() {
    let session = Session::new(1).with("T", "").with("C", "");
    assert_eq!(TEXT.text(&session), "default");
    assert_eq!(SET.text(&session), "");
}

#[test]
fn every_default_is_understood() {
    for setting in PLUGINS.iter().flat_map(|plugin| plugin.settings) {
        let session = Session::new(1);
        let warning = match setting.kind {
            Kind::Number => setting.number(&session).warning,
            Kind::Switch => setting.switch(&session).warning,
            Kind::Reply => setting.reply(&session).warning,
            Kind::Text
            | Kind::File
            | Kind::Characters
            | Kind::Delay
            | Kind::List => None,
        };
        assert_eq!(warning, None, "{}", setting.name);
    }
}
