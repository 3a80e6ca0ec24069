//! Blocklists and the sender's domain, beyond what was recorded.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic, and its helpers too"
)]

mod people;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use people::{TestZone, block_on};
use ra_plugins::blocklist::{List, query_name};
use ra_plugins::exchangers::{exchangers, is_domain_name, is_public};
use ra_plugins::frozen::Frozen;
use ra_plugins::plugin::Verdict;
use ra_plugins::registry;
use ra_plugins::session::Session;
use ra_plugins::world::{Asked, Dns, DnsError, RecordType};
use rstest::rstest;

/// Runs a plugin in a world with this DNS.
fn ask(
    plugin: &str,
    dns: impl Dns + 'static,
    variables: &[(&str, &str)],
) -> Verdict {
    ask_in(plugin, Frozen::new().dns(dns), variables)
}

/// Runs a plugin in a world.
fn ask_in(plugin: &str, frozen: Frozen, variables: &[(&str, &str)]) -> Verdict {
    let mut session = Session::new(1);
    for (name, value) in variables {
        session.set(name, value);
    }
    let plugin = registry::find(plugin).unwrap();
    block_on(plugin.judge(&session, &frozen.world()))
}

/// A zone in which lists a, b and w have 192.0.2.9, and list a another too.
fn zone() -> TestZone {
    TestZone::default()
        .with("9.2.0.192.a.example", "A", "127.0.0.2")
        .with("9.2.0.192.b.example", "A", "127.0.0.10")
        .with("9.2.0.192.b.example", "TXT", "dynamic")
        .with("9.2.0.192.w.example", "A", "127.0.0.1")
        .with("9.2.0.192.sold.example", "A", "198.51.100.7")
        .with("9.2.0.192.mixed.example", "A", "127.255.255.252")
        .with("9.2.0.192.mixed.example", "A", "127.0.0.3")
        .with(
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2\
             .a.example",
            "A",
            "127.0.0.2",
        )
}

#[rstest]
#[case::one(
    "a.example",
    "",
    "R541 Your IP (192.0.2.9) is blocked, more information at \
     http://a.example\n"
)]
#[case::the_first_that_has_it(
    "b.example:a.example",
    "",
    "R451 Your IP (192.0.2.9) is blocked. Reason: dynamic\n"
)]
#[case::answers_that_count(
    "b.example=127.0.0.10",
    "",
    "R451 Your IP (192.0.2.9) is blocked. Reason: dynamic\n"
)]
#[case::a_range_that_counts(
    "b.example=127.0.0.2,127.0.0.4-11",
    "",
    "R451 Your IP (192.0.2.9) is blocked. Reason: dynamic\n"
)]
#[case::answers_that_do_not("b.example=127.0.0.2-9", "", "")]
#[case::too_light("a.example*2:none.example", "3", "")]
#[case::heavy_enough_together(
    "a.example*2:b.example",
    "3",
    "R541 Your IP (192.0.2.9) is blocked, more information at \
     http://a.example\n"
)]
#[case::no_answer_in_127("sold.example", "", "")]
#[case::an_error_and_a_listing(
    "mixed.example",
    "",
    "R541 Your IP (192.0.2.9) is blocked, more information at \
     http://mixed.example\n"
)]
#[case::no_list("a/example:-", "", "")]
fn lists_are_weighed(
    #[case] servers: &str,
    #[case] threshold: &str,
    #[case] output: &str,
) {
    let verdict = ask(
        "rblchecks",
        zone(),
        &[
            ("TCPREMOTEIP", "192.0.2.9"),
            ("RBLSERVERS", servers),
            ("RBLTHRESHOLD", threshold),
        ],
    );
    assert_eq!(verdict.output(), output);
}

#[test]
fn an_answer_outside_127_is_an_error_of_the_list() {
    let verdict = ask(
        "rblchecks",
        zone(),
        &[("TCPREMOTEIP", "192.0.2.9"), ("RBLSERVERS", "sold.example")],
    );
    assert_eq!(verdict.log[0], "sold.example answered with error 198.51.100.7");
}

#[test]
fn a_white_list_wins() {
    let verdict = ask(
        "rblchecks",
        zone(),
        &[
            ("TCPREMOTEIP", "192.0.2.9"),
            ("RBLSERVERS", "a.example"),
            ("RBLWHITELISTS", "none.example:w.example"),
        ],
    );
    assert_eq!(verdict.commands, []);
    assert_eq!(verdict.log, ["Whitelisted by w.example (192.0.2.9)"]);
}

#[rstest]
#[case::ipv6("2001:db8::1", "R541 ")]
#[case::ipv4_in_ipv6("::ffff:192.0.2.9", "R541 ")]
#[case::another("2001:db8::2", "")]
#[case::nonsense("192.0.2", "")]
fn every_kind_of_address_is_asked_for(#[case] ip: &str, #[case] start: &str) {
    let verdict = ask(
        "rblchecks",
        zone(),
        &[("TCPREMOTEIP", ip), ("RBLSERVERS", "a.example")],
    );
    assert!(verdict.output().starts_with(start));
    assert_eq!(verdict.output().is_empty(), start.is_empty());
}

/// A DNS that counts how many questions are open at once, and never answers
/// those about one list.
struct Counting {
    zone: TestZone,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Dns for Counting {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        let hung = name.ends_with("hung.example");
        let asked = self.zone.ask(name, wanted);
        Asked::Waiting(Box::pin(async move {
            let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(open, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if hung {
                std::future::pending::<()>().await;
            }
            self.open.fetch_sub(1, Ordering::SeqCst);
            asked.answer().await
        }))
    }
}

#[test]
fn all_lists_are_asked_at_once_and_a_hung_one_costs_its_timeout() {
    let most = Arc::<AtomicUsize>::default();
    let dns = Counting {
        zone: zone(),
        open: Arc::default(),
        most: Arc::clone(&most),
    };
    let frozen = Frozen::new().dns(dns);
    let verdict = ask_on_a_real_clock(
        &frozen,
        &[
            ("TCPREMOTEIP", "192.0.2.9"),
            ("RBLSERVERS", "hung.example:none.example:b.example:c.example"),
            ("RBLTIMEOUT", "1"),
        ],
    );
    assert_eq!(most.load(Ordering::SeqCst), 4);
    assert_eq!(
        verdict.log,
        [
            "hung.example did not answer: timeout",
            "541 Blocked by b.example (192.0.2.9)",
        ]
    );
}

/// Runs rblchecks in a frozen world whose clock is the machine's.
fn ask_on_a_real_clock(frozen: &Frozen, variables: &[(&str, &str)]) -> Verdict {
    let mut world = frozen.world();
    world.clock = Arc::new(ra_plugins::world::SystemClock);
    let mut session = Session::new(1);
    for (name, value) in variables {
        session.set(name, value);
    }
    let plugin = registry::find("rblchecks").unwrap();
    block_on(plugin.judge(&session, &world))
}

#[rstest]
#[case::whole("bl.example=127.0.0.2,127.0.0.4-8*2", true)]
#[case::no_name("", false)]
#[case::no_weight("bl.example*", false)]
#[case::a_weight_of_words("bl.example*two", false)]
#[case::no_address("bl.example=2", false)]
#[case::backwards("bl.example=127.0.0.8-4", false)]
#[case::too_far("bl.example=127.0.0.8-256", false)]
#[case::not_a_name("bl example", false)]
fn a_list_is_read_or_refused(#[case] entry: &str, #[case] fine: bool) {
    assert_eq!(List::parse(entry).is_some(), fine);
}

#[test]
fn the_test_entry_of_ipv6_lists_is_written_in_nibbles() {
    let test = "::ffff:7f00:2".parse().unwrap();
    let name = query_name(test, "bl.example");
    assert_eq!(
        name,
        "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0\
         .bl.example"
    );
}

/// Domains with every kind of mail server.
fn domains() -> TestZone {
    TestZone::default()
        .mx("two.example", 20, "b.two.example")
        .mx("two.example", 10, "a.two.example")
        .with("a.two.example", "A", "10.0.0.1")
        .with("b.two.example", "AAAA", "::1")
        .mx("mixed.example", 10, "b.two.example")
        .mx("mixed.example", 20, "aonly.example")
        .with("aonly.example", "A", "192.0.2.30")
        .mx("null.example", 0, ".")
        .with("null.example", "A", "192.0.2.31")
        .with("half.example", "A", "SERVFAIL")
        .with("half.example", "AAAA", "2001:db8::1")
        .with("broken.example", "A", "SERVFAIL")
        .with("broken.example", "TXT", "x")
}

#[rstest]
#[case::preferred_first(
    "two.example", Ok(vec!["a.two.example", "b.two.example"]))]
#[case::itself("aonly.example", Ok(vec!["aonly.example"]))]
#[case::nobody_at_all("null.example", Ok(vec![]))]
#[case::no_such_domain("nx.example", Ok(vec![]))]
#[case::half_an_answer_is_enough("half.example", Ok(vec!["half.example"]))]
#[case::none_is_not("broken.example", Err(DnsError::Failure))]
#[case::a_literal("[192.0.2.1]", Ok(vec![]))]
#[case::too_much("a\u{20}b", Ok(vec![]))]
fn a_domain_has_servers(
    #[case] domain: &str,
    #[case] expected: Result<Vec<&str>, DnsError>,
) {
    let world = Frozen::new().dns(domains()).world();
    let found = block_on(exchangers(&world, domain));
    let expected =
        expected.map(|hosts| hosts.into_iter().map(Box::from).collect());
    assert_eq!(found, expected);
}

#[rstest]
#[case::only_private("two.example", true)]
#[case::one_public("mixed.example", false)]
#[case::public("aonly.example", false)]
fn servers_on_private_addresses_are_bogus(
    #[case] domain: &str,
    #[case] refused: bool,
) {
    let from = format!("joe@{domain}");
    let variables =
        |bogons| [("SMTPMAILFROM", from.as_str()), ("MFDNS_BOGONS", bogons)];
    let verdict = ask("mfdnschecks", domains(), &variables("1"));
    assert_eq!(!verdict.commands.is_empty(), refused);
    let verdict = ask("mfdnschecks", domains(), &variables("0"));
    assert!(verdict.commands.is_empty());
}

#[test]
fn a_slow_answer_is_a_temporary_failure_only_within_the_deadline() {
    let hung = Counting {
        zone: TestZone::default(),
        open: Arc::default(),
        most: Arc::default(),
    };
    let frozen = Frozen::new().dns(hung);
    let variables = [("SMTPMAILFROM", "joe@hung.example")];
    let verdict = ask_in("mfdnschecks", frozen.clone(), &variables);
    assert_eq!(verdict.log, ["no decision within 25 s"]);
    assert_eq!(frozen.slept(), Duration::from_secs(25));
}

#[rstest]
#[case::usual("example.org", true)]
#[case::underscore("_dmarc.example.org", true)]
#[case::empty("", false)]
#[case::empty_label("a..b", false)]
#[case::trailing_dot("a.", false)]
#[case::slash("a/b", false)]
#[case::long_label(&format!("{}.org", "x".repeat(64)), false)]
#[case::beyond_ascii("b\u{fc}cher.example", false)]
fn only_names_are_asked_for(#[case] name: &str, #[case] fine: bool) {
    assert_eq!(is_domain_name(name), fine);
}

#[rstest]
#[case::public("192.0.2.1", true)]
#[case::public_v6("2001:db8::1", true)]
#[case::private("10.1.2.3", false)]
#[case::private_too("172.31.0.1", false)]
#[case::shared("100.64.0.1", false)]
#[case::loopback("127.0.0.2", false)]
#[case::nothing("0.0.0.0", false)]
#[case::loopback_v6("::1", false)]
#[case::loopback_in_v6("::ffff:127.0.0.1", false)]
#[case::unique_local("fd00::1", false)]
#[case::link_local("fe80::1", false)]
fn an_address_is_public_or_not(#[case] address: &str, #[case] public: bool) {
    assert_eq!(is_public(address.parse().unwrap()), public);
}
