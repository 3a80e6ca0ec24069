//! What all of them work on: the cases of a suite, each with its zone.

use std::net::IpAddr;
use std::sync::Arc;

use ra_plugins::blocklist::query_name;
use ra_plugins::dns::lines::{Line, lines};
use ra_plugins::dns::zone::Zone;
use ra_plugins::spf::suite::{Suite, Test};
use ra_plugins::world::{Asked, Dns, RecordType, Records};

/// A case and the zone it is tried in.
pub struct Case {
    /// The case.
    pub test: Test,
    /// Its DNS.
    pub zone: Arc<Zone>,
    /// The owners of its zone.
    pub owners: Arc<Vec<String>>,
}

/// The cases of a suite in tests/spf.
pub fn cases(name: &str) -> Vec<Case> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/spf/");
    let text = std::fs::read_to_string(format!("{root}{name}.yml")).unwrap();
    let mut owners: Vec<Vec<String>> = Vec::new();
    for line in lines(&text) {
        match line.unwrap().1 {
            Line::Scenario(_) => owners.push(Vec::new()),
            Line::Owner(owner) => owners.last_mut().unwrap().push(owner),
            Line::Zone | Line::Tests | Line::Item(_) => {}
        }
    }
    let suite = Suite::read(&text).unwrap();
    let scenarios = suite.scenarios.into_iter().zip(owners);
    scenarios
        .flat_map(|(scenario, owners)| {
            let owners = Arc::new(owners);
            scenario.tests.into_iter().map(move |test| Case {
                test,
                zone: Arc::clone(&scenario.zone),
                owners: Arc::clone(&owners),
            })
        })
        .collect()
}

/// Every SPF record of the cases, once.
pub fn records(cases: &[Case]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for case in cases {
        for owner in case.owners.iter() {
            if let Some(Records::Txt(texts)) =
                answer(&case.zone, owner, RecordType::Txt)
            {
                let spf = texts.iter().filter(|it| it.starts_with(b"v=spf1"));
                records.extend(spf.map(|text| text.to_vec()));
            }
        }
    }
    records.sort();
    records.dedup();
    records
}

/// What a zone has at a name.
pub fn answer(zone: &Zone, name: &str, wanted: RecordType) -> Option<Records> {
    match zone.ask(name, wanted) {
        Asked::Known(answer) => answer.ok(),
        Asked::Lent(answer) => answer.clone().ok(),
        Asked::Waiting(_) => None,
    }
}

/// The name under which DNS keeps the names of an address.
pub fn reverse_name(ip: IpAddr) -> String {
    let zone = if ip.is_ipv4() { "in-addr.arpa" } else { "ip6.arpa" };
    query_name(ip, zone)
}
