//! Test suites: scenarios of a zone and of what a check must say.
//!
//! ```
//! use ra_plugins::spf::suite::Suite;
//!
//! let suite = Suite::read(r#"
//! scenarios:
//! - name: "small"
//!   zone:
//!     "example.org":
//!     - {"TXT": "v=spf1 -all"}
//!   tests:
//!   - {"id": "nobody", "ip": "192.0.2.1", "helo": "mx.example.com",
//! "#.trim_end());
//! assert!(suite.unwrap_err().to_string().starts_with("line 8: EOF"));
//! ```

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;

use crate::dns::lines::Unreadable;
use crate::dns::zone::{Type99, Zone, scenarios};
use crate::spf::check::{Checker, Query};
use crate::spf::outcome::{Edition, Limits, Outcome, SpfResult};
use crate::world::World;

/// One test as it is written down.
#[derive(Clone, Debug, Deserialize)]
pub struct Test {
    /// Its name.
    pub id: String,
    /// The sections of the RFC that it is about.
    #[serde(default)]
    pub spec: Vec<String>,
    /// HELO or EHLO.
    #[serde(default)]
    pub helo: String,
    /// The client.
    pub ip: IpAddr,
    /// MAIL FROM; empty for a bounce.
    #[serde(default)]
    pub mailfrom: String,
    /// The name of the receiving host.
    #[serde(default)]
    pub receiver: String,
    /// All results that are right, the best first.
    pub results: Vec<String>,
    /// The explanation of a fail, or `DEFAULT`.
    pub explanation: Option<String>,
}

/// A zone and its tests.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// All of DNS.
    pub zone: Arc<Zone>,
    /// What is to be tried.
    pub tests: Vec<Test>,
}

/// A file of scenarios.
#[derive(Clone, Debug)]
pub struct Suite {
    /// In the order of the file.
    pub scenarios: Vec<Scenario>,
    /// The RFC whose sections the tests name.
    pub edition: Edition,
}

impl Suite {
    /// Reads a suite.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let mut read = Vec::new();
        for scenario in scenarios(text)? {
            let tests = scenario.tests.into_iter().map(|(line, test)| {
                let flawed = |e| Unreadable::new(line, format!("{e}"));
                serde_json::from_value(test).map_err(flawed)
            });
            let tests: Vec<Test> = tests.collect::<Result<_, _>>()?;
            read.push((scenario.name, scenario.zone, tests));
        }
        let edition = edition(read.iter().flat_map(|(_, _, tests)| tests));
        let type99 = match edition {
            Edition::Rfc4408 => Type99::Preferred,
            Edition::Rfc7208 => Type99::Ignored,
        };
        let scenarios = read.into_iter().map(|(name, zone, tests)| Scenario {
            name,
            zone: Arc::new(zone.build(type99)),
            tests,
        });
        Ok(Self { scenarios: scenarios.collect(), edition })
    }
}

/// The RFC that tests are about. RFC 4408 has its limits in section 10.1,
/// RFC 7208 in 4.6.4, and what one has in the other's place is not for us.
fn edition<'a>(tests: impl Iterator<Item = &'a Test>) -> Edition {
    let is = |it: &str, section: &str| it.split('/').next() == Some(section);
    let (mut old, mut new) = (false, false);
    for cited in tests.flat_map(|test| &test.spec) {
        old |= is(cited, "10.1");
        new |= is(cited, "4.6.4");
    }
    if old && !new { Edition::Rfc4408 } else { Edition::Rfc7208 }
}

impl Test {
    /// The test as a query.
    pub fn query(&self) -> Query<'_> {
        Query {
            client_ip: self.ip,
            mail_from: &self.mailfrom,
            helo: &self.helo,
            receiver: &self.receiver,
        }
    }

    /// Runs the test in a world whose DNS is the scenario's zone.
    pub async fn run(&self, world: &World, edition: Edition) -> Outcome {
        let limits = Limits { edition, ..Limits::default() };
        let checker = Checker { limits, ..Checker::new(world) };
        checker.check(&self.query()).await
    }

    /// What is wrong with an outcome. With `strict`, only the result that
    /// the suite lists first is right.
    pub fn mismatch(&self, outcome: &Outcome, strict: bool) -> Option<String> {
        let right = if strict { 1 } else { self.results.len() };
        let mut right = self.results.iter().take(right);
        let got = outcome.result.name();
        if !right.any(|expected| expected == got) {
            let expected = self.results.join(" or ");
            return Some(format!("expected {expected}, got {got}"));
        }
        let expected = self.explanation.as_deref()?;
        let got = outcome.explanation.as_deref().unwrap_or("DEFAULT");
        let same = expected.eq_ignore_ascii_case(got);
        (outcome.result == SpfResult::Fail && !same)
            .then(|| format!("expected explanation {expected:?}, got {got:?}"))
    }
}
