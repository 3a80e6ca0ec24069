//! What several tests share: recordings, and a DNS that a test writes down.

#![allow(dead_code, reason = "each test uses its own share of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use ra_plugins::world::{Answer, Asked, Dns, DnsError, RecordType, Records};
use serde_json::Value;

/// A zone: owner and type to records, as zone.yml writes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestZone {
    owners: BTreeMap<String, Vec<(String, Value)>>,
}

impl TestZone {
    /// Reads the one scenario of a zone file line by line.
    pub(crate) fn recorded() -> Self {
        let mut zone = Self::default();
        let mut owner = String::new();
        for line in include_str!("../sessions/zone.yml").lines() {
            let line = line.trim();
            if let Some(record) = line.strip_prefix("- {") {
                let record = format!("{{{record}");
                let record: Value = serde_json::from_str(&record).unwrap();
                for (kind, value) in record.as_object().unwrap() {
                    zone = zone.with(&owner, kind, value.clone());
                }
            } else if let Some(name) = line.strip_suffix(':') {
                owner = name.trim_matches('"').to_owned();
            }
        }
        zone
    }

    /// Adds a record.
    pub(crate) fn with(
        mut self,
        owner: &str,
        kind: &str,
        value: impl Into<Value>,
    ) -> Self {
        let records = self.owners.entry(owner.to_owned()).or_default();
        records.push((kind.to_owned(), value.into()));
        self
    }

    /// Adds a mail exchanger.
    pub(crate) fn mx(self, owner: &str, preference: u16, host: &str) -> Self {
        self.with(owner, "MX", serde_json::json!([preference, host]))
    }
}

impl Dns for TestZone {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        Asked::Known(self.look_up(name, wanted))
    }
}

impl TestZone {
    /// The answer, which is always known.
    fn look_up(&self, name: &str, wanted: RecordType) -> Answer {
        let name = name.to_ascii_lowercase();
        let records = self.owners.get(&name).ok_or(DnsError::NoName)?;
        let kind = match wanted {
            RecordType::Txt => "TXT",
            RecordType::A => "A",
            RecordType::Aaaa => "AAAA",
            RecordType::Mx => "MX",
            RecordType::Ptr => "PTR",
        };
        let values: Vec<&Value> = records
            .iter()
            .filter(|(it, _)| it == kind)
            .map(|(_, value)| value)
            .collect();
        if values.is_empty() {
            return Err(DnsError::NoRecord);
        }
        if values.iter().any(|value| **value == "SERVFAIL") {
            return Err(DnsError::Failure);
        }
        if values.iter().any(|value| **value == "TIMEOUT") {
            return Err(DnsError::Timeout);
        }
        let texts = || values.iter().map(|value| value.as_str().unwrap());
        Ok(match wanted {
            RecordType::Txt => {
                let texts = texts().map(|it| it.as_bytes().into());
                Records::Txt(Arc::new(texts.collect()))
            }
            RecordType::A => {
                Records::A(texts().map(|it| it.parse().unwrap()).collect())
            }
            RecordType::Aaaa => {
                Records::Aaaa(texts().map(|it| it.parse().unwrap()).collect())
            }
            RecordType::Mx => Records::Mx(values.iter().map(mx).collect()),
            RecordType::Ptr => Records::Ptr(texts().map(Box::from).collect()),
        })
    }
}

/// Preference and name of an MX record.
fn mx(value: &&Value) -> (u16, Box<str>) {
    let preference = value[0].as_u64().unwrap().try_into().unwrap();
    (preference, value[1].as_str().unwrap().into())
}

/// Runs something that waits.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Runs something on a clock that jumps to the next moment at which
/// something is due, and tells how many seconds it took there.
pub(crate) fn block_on_paused<T>(future: impl Future<Output = T>) -> (T, u64) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(async {
            let start = tokio::time::Instant::now();
            let result = future.await;
            (result, start.elapsed().as_secs())
        })
}

/// Snapshots lie beside the source, under their own names.
pub(crate) fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
