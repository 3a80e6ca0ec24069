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

use crate::dns::lines::{Line, Unreadable, lines};
use crate::dns::zone::{Builder, Type99, Zone};
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

/// A scenario while it is being read.
#[derive(Default)]
struct Draft {
    name: String,
    zone: Builder,
    tests: Vec<Test>,
}

impl Suite {
    /// Reads a suite.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let mut drafts: Vec<Draft> = Vec::new();
        let mut in_tests = false;
        for line in lines(text) {
            let (number, line) = line?;
            let flawed = |what: &str| Unreadable::new(number, what);
            if let Line::Scenario(name) = line {
                drafts.push(Draft { name, ..Draft::default() });
                continue;
            }
            let missing = || flawed("no scenario has begun");
            let draft = drafts.last_mut().ok_or_else(missing)?;
            match line {
                Line::Scenario(_) => {}
                Line::Zone => in_tests = false,
                Line::Tests => in_tests = true,
                Line::Owner(owner) => draft.zone.owner(&owner),
                Line::Item(item) if in_tests => {
                    let test = serde_json::from_value(item);
                    draft.tests.push(test.map_err(|e| flawed(&e.to_string()))?);
                }
                Line::Item(item) => draft.zone.record(number, &item)?,
            }
        }
        let edition = edition(&drafts);
        let type99 = match edition {
            Edition::Rfc4408 => Type99::Preferred,
            Edition::Rfc7208 => Type99::Ignored,
        };
        let scenarios = drafts.into_iter().map(|draft| Scenario {
            name: draft.name,
            zone: Arc::new(draft.zone.build(type99)),
            tests: draft.tests,
        });
        Ok(Self { scenarios: scenarios.collect(), edition })
    }
}

/// The RFC that a suite is about. RFC 4408 has its limits in section 10.1,
/// RFC 7208 in 4.6.4, and what one has in the other's place is not for us.
fn edition(drafts: &[Draft]) -> Edition {
    let cited = |section: &str| {
        let tests = drafts.iter().flat_map(|draft| &draft.tests);
        let mut cited = tests.flat_map(|test| &test.spec);
        cited.any(|it| it == section || it.starts_with(&format!("{section}/")))
    };
    if cited("10.1") && !cited("4.6.4") {
        Edition::Rfc4408
    } else {
        Edition::Rfc7208
    }
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
        let expected = match self.explanation.as_deref() {
            Some(_) if outcome.result != SpfResult::Fail => return None,
            None => return None,
            Some("DEFAULT") => None,
            Some(text) => Some(text),
        };
        let got = outcome.explanation.as_deref();
        let same = match (expected, got) {
            (Some(expected), Some(got)) => expected.eq_ignore_ascii_case(got),
            (expected, got) => expected == got,
        };
        let words = |text: Option<&str>| text.unwrap_or("DEFAULT").to_owned();
        (!same).then(|| {
            let (expected, got) = (words(expected), words(got));
            format!("expected explanation {expected:?}, got {got:?}")
        })
    }
}
