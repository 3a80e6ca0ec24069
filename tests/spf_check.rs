//! `check_host()`: what the RFC says where the suites are silent, and the
//! traps that others have fallen into.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ra_plugins::dns::zone::Zone;
use ra_plugins::frozen::Frozen;
use ra_plugins::spf::check::{Checker, Query};
use ra_plugins::spf::outcome::{Outcome, Problem, SpfResult};
use ra_plugins::world::{Asked, Dns, RecordType, World};
use rstest::rstest;

/// A zone from its owners.
fn zone(owners: &str) -> Zone {
    let text = format!("scenarios:\n- name: \"test\"\n  zone:\n{owners}");
    Zone::read(&text).unwrap()
}

/// A zone with one record at example.org, and more.
fn with_record(record: &str, more: &str) -> Zone {
    let record = serde_json::json!({ "TXT": record });
    zone(&format!("    \"example.org\":\n    - {record}\n{more}"))
}

/// A check of a client at 192.0.2.1 for joe@example.org.
fn check(zone: Zone) -> Outcome {
    check_as(zone, "192.0.2.1", "joe@example.org", "mx.example.com")
}

/// A check.
fn check_as(zone: Zone, ip: &str, mail_from: &str, helo: &str) -> Outcome {
    let world = Frozen::new().dns(zone).world();
    let receiver = "";
    let client_ip = ip.parse().unwrap();
    let query = Query { client_ip, mail_from, helo, receiver };
    run(async { Checker::new(&world).check(&query).await })
}

/// Waits for something.
fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}

/// The traps: one line each.
#[rstest]
#[case::prefix_0("v=spf1 ip4:10.0.0.0/0 -all", "pass")]
#[case::prefix_0_of_a("v=spf1 a:a.example.org/0 -all", "pass")]
#[case::prefix_6_0_is_not_for_ip4("v=spf1 ip6:::/0 -all", "fail")]
#[case::prefix_huge("v=spf1 ip4:192.0.2.0/4294967328 -all", "permerror")]
#[case::prefix_leading_zero("v=spf1 ip4:192.0.2.0/024 -all", "permerror")]
#[case::prefix_empty("v=spf1 a/ -all", "permerror")]
#[case::prefix_triple("v=spf1 a///64 -all", "permerror")]
#[case::prefix_alone_6("v=spf1 a:a.example.org//64 -all", "pass")]
#[case::zone_index("v=spf1 ip6:fe80::1%eth0 -all", "permerror")]
#[case::macro_digit_0("v=spf1 a:%{d0} -all", "permerror")]
#[case::macro_digit_00("v=spf1 a:%{d00} -all", "permerror")]
#[case::macro_digit_huge("v=spf1 a:%{d99999999999999999999} -all", "fail")]
#[case::macro_unclosed("v=spf1 a:%{d -all", "permerror")]
#[case::macro_bare_percent("v=spf1 a:100%.example.org -all", "permerror")]
#[case::macro_delimiter("v=spf1 a:%{d:}.example.org -all", "permerror")]
#[case::macro_delimiters("v=spf1 a:%{d.-+,/_=} -all", "fail")]
#[case::macro_only_in_exp("v=spf1 a:%{c}.example.org -all", "permerror")]
#[case::macro_time_in_name("v=spf1 exists:%{t}.example.org -all", "permerror")]
#[case::macro_reverse_capital("v=spf1 a:%{dR}.example.org -all", "fail")]
#[case::redirect_in_capitals("v=spf1 REDIRECT=pass.example.org", "pass")]
#[case::mechanism_in_capitals("v=spf1 IP4:192.0.2.1 -ALL", "pass")]
#[case::version_in_capitals("V=SPF1 +all", "pass")]
#[case::modifier_twice("v=spf1 x=1 x=1 X=2 +all", "pass")]
#[case::exp_twice(
    "v=spf1 exp=a.example.org exp=a.example.org +all",
    "permerror"
)]
#[case::redirect_twice(
    "v=spf1 redirect=pass.example.org +all Redirect=pass.example.org",
    "permerror"
)]
#[case::redirect_with_all("v=spf1 redirect=none.example.org ?all", "neutral")]
#[case::redirect_before_match(
    "v=spf1 redirect=none.example.org ip4:192.0.2.1",
    "pass"
)]
#[case::redirect_nowhere("v=spf1 redirect=none.example.org", "permerror")]
#[case::redirect_to_a_tld("v=spf1 redirect=%{d1r}", "permerror")]
#[case::modifier_with_qualifier(
    "v=spf1 -redirect=pass.example.org",
    "permerror"
)]
#[case::behind_all("v=spf1 +all ip4:nonsense", "permerror")]
#[case::tab("v=spf1\tip4:192.0.2.1 -all", "none")]
#[case::tab_between("v=spf1 ip4:192.0.2.1\t-all", "permerror")]
#[case::many_spaces("v=spf1    +all   ", "pass")]
#[case::nul("v=spf1 a:a.example.org\0 -all", "permerror")]
#[case::carriage_return("v=spf1 +all\r", "permerror")]
#[case::newline("v=spf1 +all\n", "permerror")]
#[case::escape("v=spf1 x=\u{1b}[2J +all", "permerror")]
#[case::eight_bit("v=spf1 x=ä +all", "permerror")]
#[case::delete("v=spf1 x=\u{7f} +all", "permerror")]
#[case::exists_with_only_aaaa("v=spf1 exists:six.example.org -all", "fail")]
#[case::exists_ignores_the_address("v=spf1 exists:a.example.org -all", "pass")]
#[case::a_cname_loop("v=spf1 a:loop.example.org -all", "temperror")]
#[case::a_cname_chain("v=spf1 a:alias.example.org -all", "pass")]
#[case::include_cname("v=spf1 include:alias.pass.example.org -all", "pass")]
#[case::include_none("v=spf1 include:none.example.org +all", "permerror")]
#[case::include_neutral("v=spf1 include:neutral.example.org +all", "pass")]
#[case::include_permerror("v=spf1 include:wrong.example.org +all", "permerror")]
#[case::include_temperror("v=spf1 include:late.example.org +all", "temperror")]
#[case::include_after_match(
    "v=spf1 ip4:192.0.2.1 include:late.example.org",
    "pass"
)]
#[case::two_records_included(
    "v=spf1 include:two.example.org +all",
    "permerror"
)]
#[case::mx_null("v=spf1 mx:null.example.org -all", "fail")]
#[case::mx_no_fallback_to_a("v=spf1 mx:a.example.org -all", "fail")]
#[case::mx_late_after_match("v=spf1 mx:late-mx.example.org -all", "pass")]
#[case::mx_late_before_match(
    "v=spf1 mx:early-late.example.org -all",
    "temperror"
)]
#[case::mx_eleven("v=spf1 mx:eleven.example.org -all", "permerror")]
#[case::mx_servers_fail("v=spf1 mx:failing.example.org -all", "temperror")]
#[case::ptr_late("v=spf1 ptr:late.example.org -all", "fail")]
#[case::empty_label("v=spf1 a:a..example.org -all", "fail")]
#[case::long_label(
    "v=spf1 a:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
     aaaaaaaaaaaaaaaaaa.example.org -all",
    "fail"
)]
#[case::trailing_dot("v=spf1 a:a.example.org. -all", "pass")]
#[case::trailing_dots("v=spf1 a:a.example.org.. -all", "permerror")]
#[case::top_label_numeric("v=spf1 a:a.example.123 -all", "permerror")]
#[case::top_label_hyphen("v=spf1 a:a.example.org- -all", "permerror")]
#[case::top_label_only("v=spf1 a:org -all", "permerror")]
#[case::macro_then_letters("v=spf1 a:%{d}org -all", "permerror")]
#[case::macro_then_dot("v=spf1 a:%{d}. -all", "permerror")]
#[case::macro_at_the_end("v=spf1 a:a.%{d} -all", "pass")]
#[case::percent_percent("v=spf1 a:x%%y.example.org -all", "pass")]
#[case::slash_in_name("v=spf1 a:x/y.example.org -all", "pass")]
#[case::slash_and_prefix("v=spf1 a:x/y.example.org/32//128 -all", "pass")]
#[case::void_twice("v=spf1 a:no1.example.org a:no2.example.org +all", "pass")]
#[case::void_thrice(
    "v=spf1 a:no1.example.org a:no2.example.org a:no3.example.org +all",
    "permerror"
)]
#[case::void_with_only_aaaa(
    "v=spf1 a:six.example.org exists:six.example.org mx:six.example.org +all",
    "permerror"
)]
#[case::void_not_asked(
    "v=spf1 a:a..b.example.org a:a..c.example.org a:a..d.example.org +all",
    "pass"
)]
#[case::no_mechanism("v=spf1", "neutral")]
#[case::no_match("v=spf1 ip4:10.0.0.1", "neutral")]
#[case::ip4_with_port("v=spf1 ip4:192.0.2.1:25 -all", "permerror")]
#[case::ip4_short("v=spf1 ip4:192.0.2 -all", "permerror")]
#[case::ip4_large("v=spf1 ip4:192.0.2.256 -all", "permerror")]
#[case::ip4_leading_zero("v=spf1 ip4:192.0.2.01 -all", "permerror")]
#[case::ip6_in_ip4("v=spf1 ip4:::1 -all", "permerror")]
#[case::ip6_mapped("v=spf1 ip6:::ffff:192.0.2.1 -all", "fail")]
#[case::all_with_argument("v=spf1 +all:x", "permerror")]
#[case::include_without_name("v=spf1 include", "permerror")]
#[case::two_qualifiers("v=spf1 +-all", "permerror")]
#[case::equals_alone("v=spf1 =x", "permerror")]
fn record_gives_result(#[case] record: &str, #[case] expected: &str) {
    let outcome = check(with_record(record, SURROUNDINGS));
    assert_eq!(outcome.result.name(), expected, "{outcome:?}");
}

/// What the records above refer to.
const SURROUNDINGS: &str = r#"
    "a.example.org":
    - {"A": "192.0.2.1"}
    "x%y.example.org":
    - {"A": "192.0.2.1"}
    "x/y.example.org":
    - {"A": "192.0.2.1"}
    "six.example.org":
    - {"AAAA": "2001:db8::1"}
    "alias.example.org":
    - {"CNAME": "alias2.example.org."}
    "alias2.example.org":
    - {"CNAME": "a.example.org"}
    "loop.example.org":
    - {"CNAME": "loop2.example.org"}
    "loop2.example.org":
    - {"CNAME": "loop.example.org"}
    "pass.example.org":
    - {"TXT": "v=spf1 ip4:192.0.2.1 -all"}
    "alias.pass.example.org":
    - {"CNAME": "pass.example.org"}
    "none.example.org":
    - {"TXT": "hello"}
    "neutral.example.org":
    - {"TXT": "v=spf1 ?all"}
    "wrong.example.org":
    - {"TXT": "v=spf1 nonsense"}
    "late.example.org":
    - "TIMEOUT"
    "two.example.org":
    - {"TXT": "v=spf1 +all"}
    - {"TXT": "v=spf1 -all"}
    "null.example.org":
    - {"MX": [0, "."]}
    "late-mx.example.org":
    - {"MX": [20, "late.example.org"]}
    - {"MX": [10, "a.example.org"]}
    "early-late.example.org":
    - {"MX": [10, "late.example.org"]}
    - {"MX": [20, "a.example.org"]}
    "failing.example.org":
    - {"MX": "SERVFAIL"}
    "1.2.0.192.in-addr.arpa":
    - {"PTR": "late.example.org"}
    "eleven.example.org":
    - {"MX": [1, "a.example.org"]}
    - {"MX": [2, "b.example.org"]}
    - {"MX": [3, "b.example.org"]}
    - {"MX": [4, "b.example.org"]}
    - {"MX": [5, "b.example.org"]}
    - {"MX": [6, "b.example.org"]}
    - {"MX": [7, "b.example.org"]}
    - {"MX": [8, "b.example.org"]}
    - {"MX": [9, "b.example.org"]}
    - {"MX": [10, "b.example.org"]}
    - {"MX": [11, "b.example.org"]}
"#;

/// Who is checked (4.1 to 4.3).
#[rstest]
#[case::plain("a@fail.example", "mx.example.com", "fail")]
#[case::empty_sender_takes_helo("", "fail.example", "fail")]
#[case::no_at_is_a_domain("fail.example", "mx.example.com", "fail")]
#[case::no_local_part("@fail.example", "mx.example.com", "fail")]
#[case::two_ats("a@b@fail.example", "mx.example.com", "fail")]
#[case::trailing_dot("a@fail.example.", "mx.example.com", "fail")]
#[case::capitals("a@FAIL.Example", "mx.example.com", "fail")]
#[case::literal("a@[192.0.2.1]", "mx.example.com", "none")]
#[case::one_label("a@localhost", "mx.example.com", "none")]
#[case::helo_of_one_label("", "localhost", "none")]
#[case::helo_literal("", "[192.0.2.1]", "none")]
#[case::nothing("", "", "none")]
#[case::empty_label("a@b..fail.example", "mx.example.com", "none")]
#[case::unicode("a@bücher.example", "mx.example.com", "fail")]
#[case::a_label("a@xn--bcher-kva.example", "mx.example.com", "fail")]
#[case::no_such_name("a@nowhere.example", "mx.example.com", "none")]
#[case::silent("a@silent.example", "mx.example.com", "temperror")]
#[case::failing("a@failing.example", "mx.example.com", "temperror")]
fn identity_gives_result(
    #[case] mail_from: &str,
    #[case] helo: &str,
    #[case] expected: &str,
) {
    let zone = zone(
        r#"
    "fail.example":
    - {"TXT": "v=spf1 -all"}
    "xn--bcher-kva.example":
    - {"TXT": "v=spf1 -all"}
    "silent.example":
    - "TIMEOUT"
    "failing.example":
    - {"TXT": "SERVFAIL"}
"#,
    );
    let outcome = check_as(zone, "192.0.2.1", mail_from, helo);
    assert_eq!(outcome.result.name(), expected, "{outcome:?}");
}

/// Whoever cuts a long name makes another of it (4.3: malformed, so none).
#[test]
fn a_domain_that_is_too_long_is_not_another_domain() {
    let short = "b.".repeat(120) + "fail.example";
    let zone = zone(&format!(
        "    \"{short}\":\n    - {{\"TXT\": \"v=spf1 -all\"}}\n"
    ));
    let sender = format!("a@b.{short}");
    let outcome = check_as(zone, "192.0.2.1", &sender, "mx.example.com");
    assert_eq!(outcome.result, SpfResult::None, "{outcome:?}");
}

/// Macros, by the name that `exists` then asks for (7.4, and more).
#[rstest]
#[case("%{s}", "strong-bad@email.example.com")]
#[case("%{o}", "email.example.com")]
#[case("%{d4}", "email.example.com")]
#[case("%{d2}", "example.com")]
#[case("%{d1}", "com")]
#[case("%{dr}", "com.example.email")]
#[case("%{d2r}", "example.email")]
#[case("%{l}", "strong-bad")]
#[case("%{l-}", "strong.bad")]
#[case("%{lr-}", "bad.strong")]
#[case("%{l1r-}", "strong")]
#[case("%{l1-}", "bad")]
#[case("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com")]
#[case("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com")]
#[case("%{h}", "mx.example.org")]
#[case("%{h1r}", "mx")]
#[case("%{L}", "strong-bad")]
#[case("%{S}", "strong-bad%40email.example.com")]
#[case("%{D}", "email.example.com")]
#[case("%{p}", "unknown")]
#[case("a%%b%_c%-d", "a%b c%20d")]
fn macros_expand(#[case] spec: &str, #[case] expected: &str) {
    let record = format!("v=spf1 exists:x.{spec}.q.example -all");
    let owner = format!("x.{expected}.q.example");
    let zone = zone(&format!(
        "    \"email.example.com\":\n    - {}\n    {}:\n    - {}\n",
        serde_json::json!({ "TXT": record }),
        serde_json::json!(owner),
        serde_json::json!({ "A": "127.0.0.2" }),
    ));
    let sender = "strong-bad@email.example.com";
    let outcome = check_as(zone, "192.0.2.3", sender, "mx.example.org");
    assert_eq!(outcome.result, SpfResult::Pass, "{outcome:?}");
}

#[test]
fn ip6_macros_are_nibbles() {
    let owner =
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2";
    let more = format!(
        "    \"{owner}.ip6._spf.example.org\":\n\
         \x20   - {{\"A\": \"127.0.0.2\"}}\n"
    );
    let zone = with_record("v=spf1 exists:%{ir}.%{v}._spf.%{d} -all", &more);
    let outcome =
        check_as(zone, "2001:db8::cb01", "joe@example.org", "mx.example.com");
    assert_eq!(outcome.result, SpfResult::Pass, "{outcome:?}");
}

#[test]
fn a_mapped_client_is_an_ip4_client() {
    let zone = with_record("v=spf1 ip4:192.0.2.1 -all", "");
    let outcome =
        check_as(zone, "::ffff:192.0.2.1", "joe@example.org", "mx.example.com");
    assert_eq!(outcome.result, SpfResult::Pass);
}

/// Explanations (6.2): the text at the name, and what we say then.
#[rstest]
#[case::plain(r#"{"TXT": "go away"}"#, Some("go away"))]
#[case::strings(r#"{"TXT": ["go ", "away"]}"#, Some("go away"))]
#[case::letters(
    r#"{"TXT": "%{i}/%{c} %{s} %{h} %{r} %{d}"}"#,
    Some(
        "192.0.2.1/192.0.2.1 joe@example.org mx.example.com unknown example.org"
    )
)]
#[case::time(r#"{"TXT": "at %{t}"}"#, Some("at 0"))]
#[case::bad_macro(r#"{"TXT": "%{x}"}"#, None)]
#[case::unclosed(r#"{"TXT": "%{s"}"#, None)]
#[case::percent_at_the_end(r#"{"TXT": "100%"}"#, None)]
#[case::control(r#"{"TXT": "a\u001b[2J"}"#, None)]
#[case::line_end(r#"{"TXT": "a\r\n250 ok"}"#, None)]
#[case::nul(r#"{"TXT": "a\u0000"}"#, None)]
#[case::eight_bit(r#"{"TXTHEX": "61ff"}"#, None)]
#[case::late(r#""TIMEOUT""#, None)]
#[case::none(r#"{"A": "192.0.2.1"}"#, None)]
#[case::empty(r#"{"TXT": ""}"#, Some(""))]
fn explanation_is(#[case] text: &str, #[case] expected: Option<&str>) {
    let more = format!("    \"why.example.org\":\n    - {text}\n");
    let outcome = check(with_record("v=spf1 -all exp=why.%{d}", &more));
    assert_eq!(outcome.result, SpfResult::Fail);
    assert_eq!(outcome.explanation.as_deref(), expected);
}

/// The name of this host in an explanation, where a full name is wanted
/// (7.3).
#[rstest]
#[case::full("mx.example.net", "mx.example.net")]
#[case::one_label("mailhost", "unknown")]
#[case::none("", "unknown")]
fn this_host_is_told_by_its_full_name(
    #[case] receiver: &str,
    #[case] expected: &str,
) {
    let more = "    \"why.example.org\":\n    - {\"TXT\": \"%{r}\"}\n";
    let zone = with_record("v=spf1 -all exp=why.example.org", more);
    let world = Frozen::new().dns(zone).world();
    let client_ip = "192.0.2.1".parse().unwrap();
    let (mail_from, helo) = ("joe@example.org", "mx.example.com");
    let query = Query { client_ip, mail_from, helo, receiver };
    let outcome = run(async { Checker::new(&world).check(&query).await });
    assert_eq!(outcome.explanation.as_deref(), Some(expected));
}

#[test]
fn a_huge_explanation_made_of_macros_stays_small() {
    let text = serde_json::json!({ "TXT": "%{l}%{S}".repeat(7500) });
    let more = format!("    \"why.example.org\":\n    - {text}\n");
    let zone = with_record("v=spf1 -all exp=why.example.org", &more);
    let sender = format!("{}@example.org", "x.y-".repeat(250_000));
    let start = Instant::now();
    let outcome = check_as(zone, "192.0.2.1", &sender, "mx.example.com");
    assert_eq!(outcome.result, SpfResult::Fail);
    assert!(outcome.explanation.unwrap().len() <= 1000);
    assert!(start.elapsed() < Duration::from_secs(20), "not linear");
}

#[test]
fn a_huge_local_part_is_cut_from_the_left() {
    let record = "v=spf1 exists:%{l}.%{lr-}.%{l1r-}.found.example.org -all";
    let more = "    \"found.example.org\":\n    - {\"A\": \"127.0.0.2\"}\n";
    let sender = format!("{}@example.org", "x".repeat(1_000_000));
    let zone = with_record(record, more);
    let outcome = check_as(zone, "192.0.2.1", &sender, "mx.example.com");
    assert_eq!(outcome.result, SpfResult::Pass, "{outcome:?}");
}

#[test]
fn a_record_full_of_macros_costs_no_more_than_its_length() {
    let record =
        format!("v=spf1 exists:{}.example.org -all", "%{l}%{lr-}".repeat(6000));
    let sender = format!("{}@example.org", "-.x".repeat(300_000));
    let start = Instant::now();
    let outcome = check_as(
        with_record(&record, ""),
        "192.0.2.1",
        &sender,
        "mx.example.com",
    );
    assert_eq!(outcome.result, SpfResult::Fail);
    assert!(start.elapsed() < Duration::from_secs(20), "not linear");
}

#[rstest]
#[case::sixty_four(64)]
#[case::three_thousand(3000)]
fn many_mechanisms_are_no_trouble(#[case] count: usize) {
    let networks = " ip4:10.0.0.1".repeat(count);
    let outcome = check(with_record(&format!("v=spf1{networks} +all"), ""));
    assert_eq!(outcome.result, SpfResult::Pass);
}

#[test]
fn a_record_longer_than_dns_can_carry_is_a_permerror() {
    let networks = " ip4:10.0.0.1".repeat(10_000);
    let outcome = check(with_record(&format!("v=spf1{networks} +all"), ""));
    assert_eq!(outcome.result, SpfResult::PermError);
}

#[test]
fn the_reason_names_term_and_record() {
    let outcome = check(with_record(
        "v=spf1 redirect=there.example.org",
        "    \"there.example.org\":\n    - {\"TXT\": \"v=spf1 ~all\"}\n",
    ));
    assert_eq!(outcome.reason(), "mechanism ~all of there.example.org");
}

/// A DNS that counts questions, and answers each a little later.
struct Slow {
    zone: Zone,
    asked: AtomicUsize,
    pause: Duration,
}

impl Dns for Slow {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let asked = self.zone.ask(name, wanted);
        Asked::Waiting(Box::pin(async move {
            tokio::time::sleep(self.pause).await;
            asked.answer().await
        }))
    }
}

/// The hostile tree: ten includes of ten includes of ten includes.
fn tree() -> Zone {
    let includes = |path: &str| -> String {
        (0..10).map(|it| format!(" include:{path}{it}.tree.example")).collect()
    };
    let mut owners = String::new();
    let mut add = |name: &str, record: String| {
        let record = serde_json::json!({ "TXT": record });
        owners += &format!("    \"{name}.tree.example\":\n    - {record}\n");
    };
    add("root", format!("v=spf1{} -all", includes("n")));
    for i in 0..10 {
        add(
            &format!("n{i}"),
            format!("v=spf1{} -all", includes(&format!("n{i}"))),
        );
        for j in 0..10 {
            let path = format!("n{i}{j}");
            add(&path, format!("v=spf1{} -all", includes(&path)));
            for k in 0..10 {
                add(&format!("{path}{k}"), "v=spf1 -all".to_owned());
            }
        }
    }
    zone(&owners)
}

#[tokio::test(start_paused = true)]
async fn a_hostile_tree_multiplies_no_questions() {
    let pause = Duration::from_millis(20);
    let slow =
        Arc::new(Slow { zone: tree(), asked: AtomicUsize::new(0), pause });
    let dns: Arc<dyn Dns> = slow.clone();
    let world = World { dns, ..World::real("/") };
    let query = Query {
        client_ip: "192.0.2.1".parse().unwrap(),
        mail_from: "joe@root.tree.example",
        helo: "mx.example.com",
        receiver: "",
    };
    let outcome = Checker::new(&world).check(&query).await;
    assert_eq!(outcome.problem, Some(Problem::TooManyLookups));
    let asked = slow.asked.load(Ordering::Relaxed);
    assert!(asked <= 21, "{asked} questions");
}

#[tokio::test(start_paused = true)]
async fn time_is_limited() {
    let pause = Duration::from_secs(7);
    let record = "v=spf1 include:a.example.org +all";
    let zone = with_record(
        record,
        r#"
    "a.example.org":
    - {"TXT": "v=spf1 include:b.example.org -all"}
    "b.example.org":
    - {"TXT": "v=spf1 -all"}
"#,
    );
    let slow = Arc::new(Slow { zone, asked: AtomicUsize::new(0), pause });
    let dns: Arc<dyn Dns> = slow.clone();
    let world = World { dns, ..World::real("/") };
    let query = Query {
        client_ip: "192.0.2.1".parse().unwrap(),
        mail_from: "joe@example.org",
        helo: "mx.example.com",
        receiver: "",
    };
    let checker = Checker { tracing: true, ..Checker::new(&world) };
    let outcome = checker.check(&query).await;
    assert_eq!(outcome.problem, Some(Problem::Late));
    assert_eq!(outcome.result, SpfResult::TempError);
    // The trace ends with the term whose answer did not come.
    let last = outcome.trace.last().map(String::as_str);
    assert_eq!(last, Some("a.example.org: try include:b.example.org"));
}
