//! The adapters of DNS: a zone, and a real server on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

mod dns_server;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dns_server::Server;
use ra_plugins::dns::system::open;
use ra_plugins::dns::zone::Zone;
use ra_plugins::frozen::Frozen;
use ra_plugins::spf::check::{Checker, Query};
use ra_plugins::world::{Answer, Asked, Dns, DnsError, RecordType, Records};
use rstest::rstest;

/// DNS, written down.
fn zone() -> Arc<Zone> {
    let long = "v=spf1 ip4:192.0.2.0/24 ".repeat(200);
    let text = format!(
        r#"
scenarios:
- name: "small"
  zone:
    "example.org":
    - {{"A": "192.0.2.1"}}
    - {{"A": "192.0.2.2"}}
    - {{"AAAA": "2001:db8::1"}}
    - {{"MX": [20, "b.example.org."]}}
    - {{"MX": [10, "a.example.org"]}}
    - {{"TXT": ["v=spf1 ", "-all"]}}
    "long.example.org":
    - {{"TXT": "{long}"}}
    "1.2.0.192.in-addr.arpa":
    - {{"PTR": "example.org."}}
    "alias.example.org":
    - {{"CNAME": "example.org."}}
    "failing.example.org":
    - {{"A": "SERVFAIL"}}
    "silent.example.org":
    - "TIMEOUT"
    "hex.example.org":
    - {{"TXTHEX": "00ff0D0a"}}
    "a.loop.example.org":
    - {{"CNAME": "b.loop.example.org"}}
    "b.loop.example.org":
    - {{"CNAME": "a.loop.example.org"}}
    "null.example.org":
    - {{"MX": [0, "."]}}
"#
    );
    Arc::new(Zone::read(&text).unwrap())
}

/// The answer to a question.
async fn ask(dns: &dyn Dns, name: &str, wanted: RecordType) -> Answer {
    dns.ask(name, wanted).answer().await
}

#[rstest]
#[case::a("example.org", RecordType::A, "192.0.2.1, 192.0.2.2")]
#[case::aaaa("example.org", RecordType::Aaaa, "2001:db8::1")]
#[case::mx("example.org", RecordType::Mx, "20 b.example.org, 10 a.example.org")]
#[case::txt("example.org", RecordType::Txt, "\"v=spf1 -all\"")]
#[case::ptr("1.2.0.192.in-addr.arpa", RecordType::Ptr, "example.org")]
#[case::capitals("EXAMPLE.Org", RecordType::Aaaa, "2001:db8::1")]
#[case::alias("alias.example.org", RecordType::Aaaa, "2001:db8::1")]
#[case::no_record("long.example.org", RecordType::A, "no such record")]
#[case::empty_name("2.0.192.in-addr.arpa", RecordType::Ptr, "no such record")]
#[case::no_name("nowhere.example", RecordType::A, "no such name")]
#[case::below("x.example.org", RecordType::A, "no such name")]
#[case::failing("failing.example.org", RecordType::A, "server failure")]
#[case::failing_only_for_a(
    "failing.example.org",
    RecordType::Mx,
    "no such record"
)]
#[case::silent("silent.example.org", RecordType::Txt, "timeout")]
#[case::alias_loop("a.loop.example.org", RecordType::A, "server failure")]
#[case::hex("hex.example.org", RecordType::Txt, "\"\\0\u{fffd}\\r\\n\"")]
#[case::null_mx("null.example.org", RecordType::Mx, "0 ")]
#[tokio::test]
async fn a_zone_answers(
    #[case] name: &str,
    #[case] wanted: RecordType,
    #[case] expected: &str,
) {
    assert_eq!(shown(ask(&zone(), name, wanted).await), expected);
}

/// Sixteen aliases are followed, and not one more.
#[rstest]
#[case::sixteen("16.a", "192.0.2.1")]
#[case::seventeen("17.a", "server failure")]
#[case::out_of_the_zone("b", "no such name")]
#[tokio::test]
async fn a_chain_of_aliases_has_an_end(
    #[case] name: &str,
    #[case] expected: &str,
) {
    let mut text = "  zone:\n".to_owned();
    let mut put = |owner: &str, record: serde_json::Value| {
        text += &format!("    \"{owner}\":\n    - {record}\n");
    };
    put("0.a", serde_json::json!({ "A": "192.0.2.1" }));
    put("b", serde_json::json!({ "CNAME": "outside" }));
    for link in 0..17 {
        let next = serde_json::json!({ "CNAME": format!("{link}.a") });
        put(&format!("{}.a", link + 1), next);
    }
    let zone = Zone::read(&text).unwrap();
    assert_eq!(shown(ask(&zone, name, RecordType::A).await), expected);
}

/// An answer in words.
fn shown(answer: Answer) -> String {
    match answer {
        Ok(records) => records.to_string(),
        Err(error) => error.to_string(),
    }
}

#[rstest]
#[case::number(
    "    \"a\":\n    - {\"A\": 1}",
    "line 3: not a record: {\"A\":1}"
)]
#[case::address(
    "    \"a\":\n    - {\"A\": \"x\"}",
    "line 3: not a record: {\"A\":\"x\"}"
)]
#[case::kind(
    "    \"a\":\n    - {\"NS\": \"x\"}",
    "line 3: not a record: {\"NS\":\"x\"}"
)]
#[case::preference(
    "    \"a\":\n    - {\"MX\": [70000, \"x\"]}",
    "line 3: not a record: {\"MX\":[70000,\"x\"]}"
)]
#[case::hex(
    "    \"a\":\n    - {\"TXTHEX\": \"0x\"}",
    "line 3: not a record: {\"TXTHEX\":\"0x\"}"
)]
#[case::bare("    \"a\":\n    - \"LATER\"", "line 3: not a record: \"LATER\"")]
#[case::words("    hello", "line 2: neither a key nor an item: hello")]
fn a_broken_zone_is_refused(#[case] text: &str, #[case] expected: &str) {
    let error = Zone::read(&format!("  zone:\n{text}\n")).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[rstest]
#[case::a("example.org", RecordType::A)]
#[case::aaaa("example.org", RecordType::Aaaa)]
#[case::mx("example.org", RecordType::Mx)]
#[case::txt("example.org", RecordType::Txt)]
#[case::ptr("1.2.0.192.in-addr.arpa", RecordType::Ptr)]
#[case::no_record("long.example.org", RecordType::A)]
#[case::no_name("nowhere.example", RecordType::A)]
#[case::failing("failing.example.org", RecordType::A)]
#[tokio::test]
async fn a_server_answers_like_its_zone(
    #[case] name: &str,
    #[case] wanted: RecordType,
) {
    let zone = zone();
    let server = Server::start(Arc::clone(&zone), Duration::ZERO).await;
    let dns = open(&server.address.to_string()).unwrap();
    let expected = ask(&zone, name, wanted).await;
    assert_eq!(ask(&*dns, name, wanted).await, expected);
}

#[test]
fn the_last_scenario_of_a_zone_counts() {
    let zone = Zone::read(
        r#"
- name: "one"
  zone:
    "example.org":
    - {"A": "192.0.2.1"}
    - {"A": "192.0.2.2"}
- name: "two"
  zone:
    "example.org":
    - {"A": "192.0.2.3"}
"#,
    );
    let zone = zone.unwrap();
    let Asked::Lent(answer) = zone.ask("example.org", RecordType::A) else {
        panic!("a zone knows everything");
    };
    assert_eq!(shown(answer.clone()), "192.0.2.3");
}

#[tokio::test]
async fn a_long_answer_comes_by_tcp() {
    let zone = zone();
    let server = Server::start(Arc::clone(&zone), Duration::ZERO).await;
    let dns = open(&server.address.to_string()).unwrap();
    let name = "long.example.org";
    let answer = ask(&*dns, name, RecordType::Txt).await;
    let Ok(Records::Txt(texts)) = answer else { panic!("{answer:?}") };
    assert_eq!(texts[0].len(), 4800);
    assert_eq!(server.by_tcp.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_is_only_asked_for_once() {
    let server = Server::start(zone(), Duration::ZERO).await;
    let dns = open(&server.address.to_string()).unwrap();
    for name in ["example.org", "Example.org", "nowhere.example"] {
        _ = ask(&*dns, name, RecordType::A).await;
        assert!(matches!(dns.ask(name, RecordType::A), Asked::Known(_)));
    }
    assert_eq!(server.by_udp.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn what_dns_cannot_carry_is_not_asked() {
    let server = Server::start(zone(), Duration::ZERO).await;
    let dns = open(&server.address.to_string()).unwrap();
    let label = "x".repeat(64);
    let name = "x.".repeat(127) + "x";
    for name in ["", ".", "a..b", ".a", "ä.example", &label, &name] {
        let answer = ask(&*dns, name, RecordType::A).await;
        assert_eq!(answer, Err(DnsError::NoName), "{name}");
    }
    assert_eq!(server.by_udp.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn strange_names_are_asked_as_they_are() {
    let server = Server::start(zone(), Duration::ZERO).await;
    let dns = open(&server.address.to_string()).unwrap();
    for name in ["a b.example", "a\\b.example", "a\"(;@.example", "*.example"] {
        let answer = ask(&*dns, name, RecordType::A).await;
        assert_eq!(answer, Err(DnsError::NoName), "{name}");
    }
    assert_eq!(server.by_udp.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_silent_server_is_a_timeout_in_time() {
    let server = Server::start(zone(), Duration::ZERO).await;
    let dns = open(&server.address.to_string()).unwrap();
    // Nobody answers, so the clock may run ahead to the time limits.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let answer = ask(&*dns, "silent.example.org", RecordType::A).await;
    assert_eq!(answer, Err(DnsError::Timeout));
    assert!(start.elapsed() < Duration::from_secs(12));
}

#[tokio::test]
async fn a_check_asks_a_real_server() {
    let server = Server::start(zone(), Duration::ZERO).await;
    let dns = open(&server.address.to_string()).unwrap();
    let world = Frozen::new().dns(dns).world();
    let clock = ra_plugins::world::SystemClock;
    let checker = Checker { clock: &clock, ..Checker::new(&world) };
    let query = Query {
        client_ip: "192.0.2.1".parse().unwrap(),
        mail_from: "joe@example.org",
        helo: "mx.example.com",
        receiver: "",
    };
    let outcome = checker.check(&query).await;
    assert_eq!(outcome.reason(), "mechanism -all of example.org");
}

#[rstest]
#[case("8.8.8.8:0x35", "RA_DNS: neither IP:PORT nor zone:FILE: 8.8.8.8:0x35")]
#[case("dns.example", "RA_DNS: neither IP:PORT nor zone:FILE: dns.example")]
fn a_setting_that_is_none_is_refused(#[case] text: &str, #[case] words: &str) {
    assert_eq!(open(text).err().unwrap().to_string(), words);
}

#[rstest]
#[case("127.0.0.1")]
#[case("127.0.0.1:5353")]
#[case("::1")]
#[case("[::1]:5353")]
#[case("")]
fn a_setting_is_understood(#[case] text: &str) {
    assert!(open(text).is_ok());
}
