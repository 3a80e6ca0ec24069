//! Look-ahead: the same outcome, sooner.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest,
};
use ra_plugins::dns::zone::Zone;
use ra_plugins::spf::check::{Checker, Query};
use ra_plugins::spf::outcome::Outcome;
use ra_plugins::spf::suite::Suite;
use ra_plugins::world::{Asked, Dns, RecordType, World};
use serde_json::Value;

/// A DNS that answers after a pause, or after several if `uneven`.
struct Slow {
    zone: Arc<Zone>,
    asked: AtomicUsize,
    pause: Duration,
    uneven: bool,
}

impl Slow {
    /// A DNS that has not been asked yet.
    fn new(zone: Arc<Zone>, uneven: bool) -> Arc<Self> {
        let pause = Duration::from_millis(20);
        Arc::new(Self { zone, asked: AtomicUsize::new(0), pause, uneven })
    }
}

impl Dns for Slow {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        let before = self.asked.fetch_add(1, Ordering::Relaxed);
        let asked = self.zone.ask(name, wanted);
        if self.uneven && name.len().is_multiple_of(3) {
            return asked;
        }
        let times = if self.uneven { 1 + (before * 7) % 5 } else { 1 };
        let pause = self.pause * u32::try_from(times).unwrap();
        Asked::Waiting(Box::pin(async move {
            tokio::time::sleep(pause).await;
            asked.answer().await
        }))
    }
}

/// A check with a trace, how long it took, and how much it asked.
fn check(
    dns: &Arc<Slow>,
    query: &Query<'_>,
    look_ahead: bool,
) -> (Outcome, Duration, usize) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let before = dns.asked.load(Ordering::Relaxed);
        let world_dns: Arc<dyn Dns> = dns.clone();
        let world = World { dns: world_dns, ..World::real("/") };
        let checker =
            Checker { look_ahead, tracing: true, ..Checker::new(&world) };
        let start = tokio::time::Instant::now();
        let outcome = checker.check(query).await;
        let asked = dns.asked.load(Ordering::Relaxed) - before;
        (outcome, start.elapsed(), asked)
    })
}

/// The text of a file in tests/spf.
fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spf");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn every_realistic_check_takes_its_depth_and_no_more() {
    let depths: BTreeMap<String, Value> =
        serde_json::from_str(&read("realistic-depth.json")).unwrap();
    let suite = Suite::read(&read("realistic.yml")).unwrap();
    let (mut sum, mut sum_without) = (Duration::ZERO, Duration::ZERO);
    let mut late = String::new();
    for scenario in &suite.scenarios {
        for test in &scenario.tests {
            let dns = Slow::new(Arc::clone(&scenario.zone), false);
            let (ahead, time, _) = check(&dns, &test.query(), true);
            let (without, long, _) = check(&dns, &test.query(), false);
            assert_eq!(ahead, without, "{}", test.id);
            (sum, sum_without) = (sum + time, sum_without + long);
            let steps = time.as_millis() / 20;
            let depth = depths[&test.id]["depth"].as_u64().unwrap();
            if steps > u128::from(depth) {
                writeln!(late, "{}: {steps}, not {depth}", test.id).unwrap();
            }
        }
    }
    println!("with look-ahead {sum:?}, without {sum_without:?}");
    assert_eq!(late, "");
    assert!(sum <= Duration::from_millis(2700), "{sum:?}");
}

/// A term of a generated record, about names of the generated zone.
fn term() -> impl Strategy<Value = String> {
    let name = || (0..8_u8).prop_map(|it| format!("n{it}.example"));
    prop_oneof![
        4 => name().prop_map(|name| format!("include:{name}")),
        2 => name().prop_map(|name| format!("?include:{name}")),
        2 => name().prop_map(|name| format!("a:{name}")),
        2 => name().prop_map(|name| format!("mx:{name}")),
        1 => name().prop_map(|name| format!("exists:{name}")),
        1 => name().prop_map(|name| format!("exists:%{{p}}.{name}")),
        1 => name().prop_map(|name| format!("a:%{{l1r+-}}.{name}")),
        1 => name().prop_map(|name| format!("ptr:{name}")),
        1 => name().prop_map(|name| format!("redirect={name}")),
        1 => name().prop_map(|name| format!("exp={name}")),
        1 => Just("ip4:192.0.2.0/24".to_owned()),
        1 => Just("ip4:10.0.0.0/8".to_owned()),
        1 => Just("-all".to_owned()),
        1 => Just("~all".to_owned()),
    ]
}

/// What stands at an owner of the generated zone.
fn item() -> impl Strategy<Value = String> {
    let name = || (0..9_u8).prop_map(|it| format!("n{it}.example"));
    let record = vec(term(), 0..7).prop_map(|terms| {
        format!("{{\"TXT\": \"v=spf1 {}\"}}", terms.join(" "))
    });
    prop_oneof![
        6 => record,
        1 => Just("{\"A\": \"192.0.2.1\"}".to_owned()),
        2 => Just("{\"A\": \"198.51.100.1\"}".to_owned()),
        3 => name().prop_map(|name| format!("{{\"MX\": [10, \"{name}\"]}}")),
        1 => Just("{\"TXT\": \"go away, %{s}\"}".to_owned()),
        1 => Just("\"TIMEOUT\"".to_owned()),
        1 => Just("{\"A\": \"SERVFAIL\"}".to_owned()),
        1 => name().prop_map(|name| format!("{{\"CNAME\": \"{name}\"}}")),
    ]
}

/// A whole zone.
fn zone() -> impl Strategy<Value = String> {
    let owner = vec(item(), 0..4);
    vec(owner, 8).prop_map(|owners| {
        let mut text = "scenarios:\n- name: \"x\"\n  zone:\n".to_owned();
        for (index, items) in owners.iter().enumerate() {
            writeln!(text, "    \"n{index}.example\":").unwrap();
            for item in items {
                writeln!(text, "    - {item}").unwrap();
            }
        }
        text += "    \"1.2.0.192.in-addr.arpa\":\n";
        text += "    - {\"PTR\": \"n3.example\"}\n";
        text += "    - {\"PTR\": \"n4.example\"}\n";
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Whether answers are there at once or come late and in any order,
    /// whether we ask ahead or not: the outcome and every step are the same.
    #[test]
    fn look_ahead_changes_nothing_but_the_time(text in zone()) {
        let zone = Arc::new(Zone::read(&text).unwrap());
        let query = Query {
            client_ip: "192.0.2.1".parse().unwrap(),
            mail_from: "joe+tag@n0.example",
            helo: "n1.example",
            receiver: "mx.example",
        };
        let even = Slow::new(Arc::clone(&zone), false);
        let (without, long, sequential) = check(&even, &query, false);
        let (ahead, short, asked) = check(&even, &query, true);
        prop_assert_eq!(&ahead, &without);
        assert!(short <= long, "{short:?}, but {long:?} without");
        assert!(asked <= sequential + 10, "{asked} for {sequential}");
        let uneven = Slow::new(Arc::clone(&zone), true);
        let (uneven, _, _) = check(&uneven, &query, true);
        prop_assert_eq!(&uneven, &without);
    }
}
