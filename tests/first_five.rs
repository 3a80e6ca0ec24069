//! The first five plugins, beyond what was recorded.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use ra_plugins::frozen::Frozen;
use ra_plugins::plugin::Verdict;
use ra_plugins::registry::find;
use ra_plugins::session::Session;
use rstest::rstest;

/// What a plugin decides about a session with these variables.
async fn decide(
    plugin: &str,
    frozen: &Frozen,
    variables: &[(&str, &str)],
) -> Verdict {
    let mut session = Session::new(7);
    for (name, value) in variables {
        session.set(name, value);
    }
    find(plugin).unwrap().judge(&session, &frozen.world()).await
}

#[tokio::test]
async fn a_forged_user_name_is_one_log_line() {
    let user = "joe\nauthlogger: pid 1 - authenticated as root";
    let variables = [("SMTPAUTHUSER", user)];
    let verdict = decide("authlogger", &Frozen::new(), &variables).await;
    assert_eq!(
        verdict.log_lines("authlogger", 7),
        "authlogger: pid 7 - authenticated as \
         joe?authlogger: pid 1 - authenticated as root\n"
    );
}

#[rstest]
#[case::default("", "E550 You should be authenticated\n")]
#[case::rfc_4954(
    "530 5.7.0 Authentication required",
    "E530 5.7.0 Authentication required\n"
)]
#[case::nonsense("go away", "E550 You should be authenticated\n")]
#[tokio::test]
async fn strangers_are_told_to_authenticate(
    #[case] reply: &str,
    #[case] output: &str,
) {
    let variables = [("MSA_REPLY", reply)];
    let verdict = decide("msa", &Frozen::new(), &variables).await;
    assert_eq!(verdict.output(), output);
}

/// What the list of the next test says.
const RESTRICTED: &str = "\
# interns, and one whole domain
temp
@interns.example.org
hr@example.org: lawyer@law.example @agency.example
";

#[rstest]
#[case::boss("boss@example.org", "a@free.example", false)]
#[case::user("temp", "a@free.example", true)]
#[case::user_inside("temp", "a@example.org", false)]
#[case::domain("jo@interns.example.org", "a@free.example", true)]
#[case::domain_case("jo@INTERNS.example.org", "a@free.example", true)]
#[case::not_the_parent("jo@example.org", "a@free.example", false)]
#[case::no_friend("hr@example.org", "a@free.example", true)]
#[case::friend("hr@example.org", "Lawyer@Law.example", false)]
#[case::friends("hr@example.org", "anybody@agency.example", false)]
#[case::local_name("temp", "postmaster", false)]
#[case::quoted("temp", "\"a@b\"@example.org", false)]
#[case::quoted_outside("temp", "\"a@example.org\"@free.example", true)]
#[case::no_address("temp", "a@example.org@free.example", true)]
#[tokio::test]
async fn some_users_only_write_to_colleagues(
    #[case] user: &str,
    #[case] recipient: &str,
    #[case] refused: bool,
) {
    let frozen = Frozen::new()
        .file("control/localonly", RESTRICTED)
        .file("control/rcpthosts", "example.org\n");
    let variables = [
        ("SMTPAUTHUSER", user),
        ("SMTPRCPTTO", recipient),
        ("SMTPRCPTHOSTSOK", "1"),
    ];
    let verdict = decide("localmail", &frozen, &variables).await;
    assert_eq!(!verdict.commands.is_empty(), refused);
    assert_eq!(!verdict.log.is_empty(), refused);
}

#[rstest]
#[case::locked(
    Frozen::new().locked("control/localonly"),
    "error opening /var/qmail/control/localonly: permission denied"
)]
#[case::not_utf8(
    Frozen::new().file("control/localonly", b"t\xe9mp\njoe\n"),
    "control/localonly: line 1 is not UTF-8"
)]
#[case::no_rcpthosts(
    Frozen::new().file("control/localonly", "x\n"),
    "error opening /var/qmail/control/rcpthosts"
)]
#[tokio::test]
async fn a_list_with_a_flaw_is_mentioned(
    #[case] frozen: Frozen,
    #[case] words: &str,
) {
    let variables = [
        ("SMTPAUTHUSER", "x"),
        ("SMTPRCPTTO", "a@free.example"),
        ("SMTPRCPTHOSTSOK", "1"),
        ("RELAYCLIENT", ""),
    ];
    let verdict = decide("localmail", &frozen, &variables).await;
    assert_eq!((verdict.output(), verdict.log[0].as_ref()), ("".into(), words));
}

#[tokio::test]
async fn two_users_whose_names_are_damaged_are_not_the_same() {
    let frozen = Frozen::new().file("control/localonly", b"t\xe9mp\n");
    // What the environment's bytes "t\xeamp" have become.
    let variables =
        [("SMTPAUTHUSER", "t\u{fffd}mp"), ("SMTPRCPTTO", "a@free.example")];
    assert_eq!(decide("localmail", &frozen, &variables).await.output(), "");
}

#[rstest]
#[case::below("1", "H", 0, &[])]
#[case::first("2", "H", 1, &["started tarpitting"])]
#[case::second("3", "hard", 4, &[])]
#[case::third_normal("4", "n", 6, &[])]
#[case::eleventh("12", "H", 120, &["delays have reached TARPITMAX (120 s)"])]
#[case::later("40", "H", 120, &[])]
#[case::no_end("18446744073709551615", "H", 120, &[])]
#[tokio::test]
async fn each_recipient_waits_longer_up_to_a_cap(
    #[case] asked: &str,
    #[case] delay: &str,
    #[case] seconds: u64,
    #[case] log: &[&str],
) {
    let variables = [
        ("SMTPRCPTCOUNTALL", asked),
        ("TARPITCOUNT", "2"),
        ("TARPITDELAY", delay),
    ];
    let verdict = decide("tarpit", &Frozen::new(), &variables).await;
    assert_eq!(verdict.delay.as_secs(), seconds);
    assert_eq!(verdict.log, log);
}

#[rstest]
#[case::from_the_first_on("1", "1", "N", 2, &["started tarpitting"])]
#[case::none_is_a_later_start("0", "1", "N", 4, &[])]
#[case::at_the_cap_at_once(
    "-20",
    "1",
    "H",
    120,
    &["delays have reached TARPITMAX (120 s)"]
)]
#[tokio::test]
async fn a_threshold_may_lie_before_the_first_recipient(
    #[case] count: &str,
    #[case] asked: &str,
    #[case] delay: &str,
    #[case] seconds: u64,
    #[case] log: &[&str],
) {
    let variables = [
        ("SMTPRCPTCOUNTALL", asked),
        ("TARPITCOUNT", count),
        ("TARPITDELAY", delay),
    ];
    let verdict = decide("tarpit", &Frozen::new(), &variables).await;
    assert_eq!(verdict.delay.as_secs(), seconds);
    assert_eq!(verdict.log, log);
}

#[rstest]
#[case::small_letter("m", 5)]
#[case::any_word("heavily", 1)]
#[case::other_word("slow", 2)]
#[case::unit("7s", 2)]
#[case::negative("-7", 2)]
#[case::spaces(" 7 ", 7)]
#[case::no_letter("ħ", 2)]
#[tokio::test]
async fn a_delay_is_a_number_or_one_of_three_letters(
    #[case] delay: &str,
    #[case] seconds: u64,
) {
    let variables = [("SMTPRCPTCOUNTALL", "50"), ("TARPITDELAY", delay)];
    let verdict = decide("tarpit", &Frozen::new(), &variables).await;
    assert_eq!(verdict.delay.as_secs(), seconds);
    let warns = verdict.log.iter().any(|it| it.contains("not a delay"));
    assert_eq!(warns, seconds == 2);
}

#[rstest]
#[case::nobody("", 2)]
#[case::users("auth", 0)]
#[case::relays("relay", 0)]
#[case::both("auth, relay", 0)]
#[case::others("root", 2)]
#[tokio::test]
async fn our_own_are_spared(#[case] spare: &str, #[case] seconds: u64) {
    let variables = [
        ("SMTPRCPTCOUNTALL", "51"),
        ("SMTPAUTHUSER", "joe"),
        ("RELAYCLIENT", ""),
        ("TARPITSPARE", spare),
    ];
    let verdict = decide("tarpit", &Frozen::new(), &variables).await;
    assert_eq!(verdict.delay.as_secs(), seconds);
}

#[rstest]
#[case::idle(None, "", "")]
#[case::busy(Some("control/overloaded"), "", REFUSED)]
#[case::elsewhere(Some("/run/busy"), "/run/busy", REFUSED)]
#[case::other_file(Some("control/overloaded"), "/run/busy", "")]
#[tokio::test]
async fn strangers_come_back_when_we_are_busy(
    #[case] file: Option<&str>,
    #[case] setting: &str,
    #[case] output: &str,
) {
    let empty = Frozen::new();
    let frozen = file.map_or(empty, |path| Frozen::new().file(path, ""));
    let stranger = [("OVERLOADFILE", setting)];
    let verdict = decide("overload", &frozen, &stranger).await;
    assert_eq!(verdict.output(), output);
    let user = [("OVERLOADFILE", setting), ("SMTPAUTHUSER", "joe")];
    assert_eq!(decide("overload", &frozen, &user).await.output(), "");
}

/// The flag is as old as the world, which is an hour.
#[rstest]
#[case::by_hand("moving to the new disk, jane", "", true)]
#[case::abandoned("ra overload: 4 messages waiting\n", "", false)]
#[case::fresh_enough("ra overload: load at 9\n", "7200", true)]
#[case::for_ever("ra overload: load at 9\n", "0", true)]
#[tokio::test]
async fn a_flag_that_nobody_renews_does_not_count(
    #[case] text: &str,
    #[case] setting: &str,
    #[case] refuses: bool,
) {
    let world = Frozen::new().file("control/overloaded", text).world();
    world.clock.sleep(Duration::from_secs(3600)).await;
    let session = Session::new(7).with("OVERLOADSTALE", setting);
    let verdict = find("overload").unwrap().judge(&session, &world).await;
    let log = verdict.log_lines("overload", 7);
    if refuses {
        assert_eq!(verdict.output(), REFUSED);
    } else {
        assert_eq!(verdict.output(), "");
        assert!(log.contains("not renewed for 900 s, ignored"), "{log}");
    }
}

/// How the overload plugin refuses.
const REFUSED: &str = "R451 Temporary Failure: Server overload\n";
