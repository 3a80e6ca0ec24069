//! The SPF suites: every case under its own name.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

use std::path::Path;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use ra_plugins::frozen::Frozen;
use ra_plugins::spf::suite::{Scenario, Suite, Test};

/// The suites, and how many cases each of them has.
const SUITES: [(&str, usize); 4] =
    [("rfc7208", 203), ("rfc4408", 191), ("corner", 1015), ("realistic", 52)];

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, count) in SUITES {
        let suite = read(name);
        let before = trials.len();
        for scenario in suite.scenarios {
            let scenario = Arc::new(scenario);
            for test in scenario.tests.clone() {
                let title = format!("{name}::{}::{}", scenario.name, test.id);
                let (scenario, edition) =
                    (Arc::clone(&scenario), suite.edition);
                trials.push(Trial::test(title, move || {
                    run(&scenario, &test, edition).map_err(Into::into)
                }));
            }
        }
        assert_eq!(trials.len() - before, count, "cases of {name}");
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Reads a suite of tests/spf.
fn read(name: &str) -> Suite {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spf");
    let text = std::fs::read_to_string(folder.join(name).with_extension("yml"));
    Suite::read(&text.unwrap()).unwrap()
}

/// Runs one case. Where a suite allows several results, ours is the first.
fn run(
    scenario: &Scenario,
    test: &Test,
    edition: ra_plugins::spf::outcome::Edition,
) -> Result<(), String> {
    let world = Frozen::new().dns(Arc::clone(&scenario.zone)).world();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let outcome = runtime.unwrap().block_on(test.run(&world, edition));
    match test.mismatch(&outcome, true) {
        Some(mismatch) => Err(format!("{mismatch}: {outcome:?}")),
        None => Ok(()),
    }
}
