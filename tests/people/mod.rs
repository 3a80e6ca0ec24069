//! What several tests share: recordings, and a DNS that a test writes down.

#![allow(dead_code, reason = "each test uses its own share of it")]

use std::collections::BTreeMap;

use ra_plugins::dns::zone::Zone;
use ra_plugins::world::{Asked, Dns, RecordType};
use serde_json::Value;

/// A zone that grows line by line.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestZone {
    owners: BTreeMap<String, Vec<String>>,
    zone: Zone,
}

impl TestZone {
    /// The zone of the recordings.
    pub(crate) fn recorded() -> Self {
        let mut zone = Self::default();
        let mut owner = String::new();
        for line in include_str!("../sessions/zone.yml").lines() {
            let line = line.trim();
            if let Some(record) = line.strip_prefix("- {") {
                let records = zone.owners.entry(owner.clone()).or_default();
                records.push(format!("{{{record}"));
            } else if let Some(name) = line.strip_suffix(':') {
                owner = name.trim_matches('"').to_owned();
            }
        }
        zone.owners.remove("zone");
        zone.owners.remove("scenarios");
        zone.read()
    }

    /// Adds a record.
    pub(crate) fn with(
        mut self,
        owner: &str,
        kind: &str,
        value: impl Into<Value>,
    ) -> Self {
        let records = self.owners.entry(owner.to_owned()).or_default();
        records.push(format!("{{\"{kind}\": {}}}", value.into()));
        self.read()
    }

    /// Adds a mail exchanger.
    pub(crate) fn mx(self, owner: &str, preference: u16, host: &str) -> Self {
        self.with(owner, "MX", serde_json::json!([preference, host]))
    }

    /// Reads the zone anew.
    fn read(mut self) -> Self {
        let mut text = "scenarios:\n- name: \"t\"\n  zone:\n".to_owned();
        for (owner, records) in &self.owners {
            text += &format!("    \"{owner}\":\n");
            for record in records {
                text += &format!("    - {record}\n");
            }
        }
        self.zone = Zone::read(&text).unwrap();
        self
    }
}

impl Dns for TestZone {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        self.zone.ask(name, wanted)
    }
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
