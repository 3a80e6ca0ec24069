//! ipthrottle, userthrottle and rater in a frozen world, beyond what was
//! recorded.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use ra_plugins::frozen::Frozen;
use ra_plugins::plugin::Verdict;
use ra_plugins::registry::find;
use ra_plugins::session::Session;
use ra_plugins::world::{Limit, Limiter, Waiting, World};
use rstest::rstest;

/// What a plugin decides in a world.
fn judge(plugin: &str, session: &Session, world: &Frozen) -> Verdict {
    let plugin = find(plugin).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(plugin.judge(session, &world.world()))
}

/// A verdict as the server and the log see it.
fn shown(name: &str, verdict: &Verdict) -> String {
    format!("{}--\n{}", verdict.output(), verdict.log_lines(name, 4711))
}

/// Compares with snapshots/PLUGIN__CASE.snap.
fn snapshot(name: &str, shown: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

#[test]
fn the_block_is_a_file_that_only_its_owner_may_delete() {
    let world = Frozen::new().limit(Limit::Over);
    let session = Session::new(4711)
        .with("TCPREMOTEIP", "192.0.2.9")
        .with("IPSVDIR", "control/ipsv")
        .with("IPSVMINUTES", "5");
    let verdict = judge("ipthrottle", &session, &world);
    let reply = "R421 Too many connections. Please reduce connections per \
                 minute. Blocking for 5 minutes.\n";
    assert_eq!(verdict.output(), reply);
    let file = Path::new("/var/qmail/control/ipsv/192.0.2.9");
    assert_eq!(world.created().get(file), Some(&0o200));
    // Once is enough.
    let again = judge("ipthrottle", &session, &world);
    assert_eq!(again.output(), reply);
    assert_eq!(again.log, ["Rate exceeded per IP (192.0.2.9)"]);
}

#[rstest]
#[case::a_path("../../etc/passwd")]
#[case::a_zone("fe80::1%eth0")]
#[case::empty("")]
fn what_is_no_address_names_no_file(#[case] ip: &str) {
    let world = Frozen::new().limit(Limit::Over);
    let session = Session::new(4711)
        .with("TCPREMOTEIP", ip)
        .with("IPSVDIR", "control/ipsv");
    let verdict = judge("ipthrottle", &session, &world);
    assert_eq!(verdict.log, ["No IP address"]);
    assert!(world.created().is_empty());
}

/// A limiter that notes every question: what the plugins ask about.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    /// Notes one.
    fn note(&self, question: String) -> Waiting<'_, Limit> {
        self.0.lock().unwrap().push(question);
        Box::pin(std::future::ready(Limit::Within))
    }
}

impl Limiter for Notes {
    fn mark<'a>(
        &'a self,
        class: &'a str,
        value: &'a str,
    ) -> Waiting<'a, Limit> {
        self.note(format!("{class} {value}"))
    }

    fn peek<'a>(
        &'a self,
        class: &'a str,
        value: &'a str,
    ) -> Waiting<'a, Limit> {
        self.note(format!("?{class} {value}"))
    }
}

#[rstest]
#[case::ipv4("ipthrottle", "", "ip 192.0.2.9")]
#[case::ipv6_network(
    "ipthrottle",
    "TCPREMOTEIP=2001:db8:1:2:3:4:5:6",
    "ip 2001:db8:1:2::/64"
)]
#[case::ipv6_prefix(
    "ipthrottle",
    "TCPREMOTEIP=2001:db8:1:2:3:4:5:6 IPTHROTTLE_V6PREFIX=48",
    "ip 2001:db8:1::/48"
)]
#[case::no_prefix(
    "ipthrottle",
    "TCPREMOTEIP=2001:db8:1:2:3:4:5:6 IPTHROTTLE_V6PREFIX=129",
    "ip 2001:db8:1:2::/64"
)]
#[case::mapped("ipthrottle", "TCPREMOTEIP=::ffff:192.0.2.9", "ip 192.0.2.9")]
#[case::user("userthrottle", "SMTPAUTHUSER=joe", "user joe")]
#[case::rater("rater", "RATER_CLASS=ip", "ip 192.0.2.9")]
#[case::template(
    "rater",
    "RATER_CLASS=pair RATER_KEY=${TCPREMOTEIP}/${SMTPMAILFROM} \
     SMTPMAILFROM=joe@example.org",
    "pair 192.0.2.9/joe@example.org"
)]
#[case::odd_template(
    "rater",
    "RATER_CLASS=x RATER_KEY=a$b${NONE}c${TCPREMOTEIP",
    "x a$bc${TCPREMOTEIP"
)]
#[case::peek("rater", "RATER_CLASS=ip RATER_PEEK=1", "?ip 192.0.2.9")]
#[case::no_class("rater", "", "")]
fn the_key(
    #[case] plugin: &str,
    #[case] variables: &str,
    #[case] expected: &str,
) {
    let mut session = Session::new(1).with("TCPREMOTEIP", "192.0.2.9");
    for (name, value) in
        variables.split_whitespace().filter_map(|it| it.split_once('='))
    {
        session.set(name, value);
    }
    let notes = Arc::new(Notes::default());
    let mut world = World::real("/nowhere");
    world.limiter = Arc::clone(&notes) as Arc<dyn Limiter>;
    let plugin = find(plugin).unwrap();
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(plugin.judge(&session, &world));
    assert_eq!(notes.0.lock().unwrap().join("\n"), expected);
}

#[test]
fn rater_says_what_it_is_told_to_say() {
    let world = Frozen::new().limit(Limit::Over);
    let session = Session::new(4711)
        .with("TCPREMOTEIP", "192.0.2.9")
        .with("RATER_CLASS", "pair")
        .with("RATER_REPLY", "450 4.7.1 Later, please.");
    let verdict = judge("rater", &session, &world);
    snapshot("rater__own-reply", &shown("rater", &verdict));
    let session = session.with("RATER_REPLY", "no");
    let verdict = judge("rater", &session, &world);
    snapshot("rater__odd-reply", &shown("rater", &verdict));
}
