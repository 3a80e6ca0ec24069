//! Checks written down so that the book can draw them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should say so and fail"
)]

use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ra_plugins::dns::zone::Zone;
use ra_plugins::spf::check::Checker;
use ra_plugins::spf::outcome::Outcome;
use ra_plugins::spf::suite::Suite;
use ra_plugins::world::{Asked, Dns, RecordType, World};
use rstest::rstest;
use tokio::time::Instant;

/// How long every answer takes.
const PAUSE: Duration = Duration::from_millis(20);

/// A DNS that takes its time, and writes down who asked when.
struct Watched {
    zone: Arc<Zone>,
    start: Instant,
    /// The questions in their order; when they were asked and answered.
    seen: Mutex<Vec<(String, u128, u128)>>,
}

impl Dns for Watched {
    fn ask<'a>(&'a self, name: &str, wanted: RecordType) -> Asked<'a> {
        let answer = self.zone.ask(name, wanted);
        let asked = self.start.elapsed().as_millis();
        let mut seen = self.seen.lock().unwrap();
        let index = seen.len();
        seen.push((format!("{wanted} {name}"), asked, asked));
        Asked::Waiting(Box::pin(async move {
            tokio::time::sleep(PAUSE).await;
            let answered = self.start.elapsed().as_millis();
            self.seen.lock().unwrap()[index].2 = answered;
            answer.answer().await
        }))
    }
}

/// Makes the check of this name from tests/spf/realistic.yml: what is found,
/// and the questions.
fn check(id: &str, look_ahead: bool) -> (String, Outcome, Vec<String>) {
    let path = "tests/spf/realistic.yml";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let suite = Suite::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut all = suite.scenarios.iter().flat_map(|scenario| {
        scenario.tests.iter().map(|test| (&scenario.zone, test))
    });
    let (zone, test) = all.find(|(_, test)| test.id == id).unwrap();
    let query = test.query();
    let title = format!("{} for {}", query.client_ip, query.mail_from);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let zone = Arc::clone(zone);
        let (start, seen) = (Instant::now(), Mutex::default());
        let dns = Arc::new(Watched { zone, start, seen });
        let world_dns: Arc<dyn Dns> = dns.clone();
        let world = World { dns: world_dns, ..World::real("/") };
        let checker =
            Checker { look_ahead, tracing: true, ..Checker::new(&world) };
        let outcome = checker.check(&query).await;
        let seen = std::mem::take(&mut *dns.seen.lock().unwrap());
        let line = |(question, asked, answered): &(String, u128, u128)| {
            format!("{asked:>5} {answered:>5}  {question}")
        };
        (title, outcome, seen.iter().map(line).collect())
    })
}

/// Compares with snapshots/NAME.snap.
fn snapshot(name: &str, description: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(description);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The result and its reason, then the trace.
#[rstest]
#[case::included("smb-10-lookups-3")]
#[case::redirected("google-4")]
fn a_check_is_written_down_as_a_tree(#[case] id: &str) {
    let (title, outcome, _) = check(id, true);
    let mut text = format!("{}: {}\n", outcome.result, outcome.reason());
    for step in &outcome.trace {
        writeln!(text, "{step}").unwrap();
    }
    let name = id.trim_end_matches(|it| !char::is_alphabetic(it));
    let name = name.split('-').next().unwrap();
    snapshot(&format!("spf_tree__{name}"), &title, &text);
}

/// Every question: when it was asked, when it was answered, in
/// milliseconds.
#[test]
fn questions_are_written_down_in_time() {
    let mut text = String::new();
    let mut title = String::new();
    for (how, look_ahead) in [("one by one", false), ("asked ahead", true)] {
        let (checked, _, seen) = check("smb-10-lookups-5", look_ahead);
        writeln!(text, "{how}").unwrap();
        for line in seen {
            writeln!(text, "{line}").unwrap();
        }
        title = checked;
    }
    snapshot("spf__questions_in_time", &title, &text);
}
