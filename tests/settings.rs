//! Settings: what is understood, and what is said when it is not.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::borrow::Cow;

use people::{TestZone, block_on};
use ra_plugins::frozen::Frozen;
use ra_plugins::plugin::{DEADLINE, Plugin};
use ra_plugins::registry::PLUGINS;
use ra_plugins::session::Session;
use ra_plugins::settings::{Kind, Setting};
use ra_plugins::world::Limit;
use rstest::rstest;

mod people;

/// A setting of each kind that parses.
const NUMBER: Setting = Setting::new("N", Kind::Number, "10");
const SWITCH: Setting = Setting::new("S", Kind::Switch, "0");
const REPLY: Setting = Setting::new("R", Kind::Reply, "550 no");
const TEXT: Setting = Setting::new("T", Kind::Text, "default");
const SET: Setting = Setting::new("C", Kind::Characters, "+");

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

/// What a plugin says of a setting's value, where it has to look at all of
/// its settings: somebody whom it would refuse is there.
fn warning(plugin: &Plugin, setting: &Setting, value: &str) -> Option<String> {
    let world = Frozen::new()
        .file("control/rcpthosts", "example.org\n")
        .file("control/addresslist", "")
        .file("control/overloaded", "")
        .limit(Limit::Over)
        .dns(TestZone::recorded())
        .world();
    let mut session = Session::new(1)
        .with("TCPREMOTEIP", "192.0.2.9")
        .with("SMTPHELOHOST", "fail.example")
        .with("SMTPMAILFROM", "nobody@fail.example")
        .with("SMTPRCPTTO", "nobody@example.org")
        .with("SMTPRCPTCOUNTALL", "60")
        .with("RATER_CLASS", "user")
        .with("IPSVDIR", "busy");
    session.set(setting.name, value);
    let verdict = block_on(plugin.judge(&session, &world));
    let begins = format!("{}: not a", setting.name);
    let mut log = verdict.log.into_iter();
    log.find(|line| line.starts_with(&begins)).map(Cow::into_owned)
}

#[test]
fn every_plugin_understands_its_defaults_and_mentions_nonsense() {
    for plugin in PLUGINS {
        for setting in plugin.settings.iter().chain([&DEADLINE]) {
            let name = setting.name;
            let said = warning(plugin, setting, setting.default);
            assert_eq!(said, None, "{}", plugin.name);
            let said = warning(plugin, setting, "fe\u{7}w");
            // Any word can be in a list, but for one that has two.
            let is_picky = match setting.kind {
                Kind::Number
                | Kind::Switch
                | Kind::Delay
                | Kind::Reply
                | Kind::Choice => true,
                Kind::List => name == "TARPITSPARE",
                Kind::Text | Kind::Word | Kind::File | Kind::Characters => {
                    continue;
                }
            };
            assert_eq!(said.is_some(), is_picky, "{}: {name}", plugin.name);
        }
    }
}

#[test]
fn no_default_is_called_so() {
    let list = Setting::new("L", Kind::List, "");
    let session = Session::new(1).with("L", "x");
    let reading = list.parsed(&session, |text| text.is_empty().then_some(()));
    assert_eq!(reading.warning.unwrap(), "L: not a list: x; using none");
}
