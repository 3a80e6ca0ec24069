//! `ra spf`: one check, whole test suites, a record under the lens.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgMatches, Args, FromArgMatches, Subcommand};
use serde_json::{Value, json};

use crate::cli::spf_lint::lint;
use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::dns::system::open;
use crate::frozen::Frozen;
use crate::spf::check::{Checker, Query};
use crate::spf::explain::{explanation, printable};
use crate::spf::header::{Checked, Report};
use crate::spf::outcome::SpfResult;
use crate::spf::suite::Suite;
use crate::world::{QMAIL, World};

/// `ra spf …`.
pub const COMMAND: Command = Command {
    name: "spf",
    configure: |command| {
        SpfCommand::augment_subcommands(command)
            .about("Checks SPF, runs its test suites, examines records")
            .subcommand_required(true)
            .after_help(
                "Example: ra spf query --ip 192.0.2.1 --sender a@example.org",
            )
    },
    run,
};

/// What `ra spf` can do.
#[derive(Subcommand, Debug)]
enum SpfCommand {
    /// Checks one client: may it send in the name of this sender?
    #[command(after_help = "Example: ra spf query --ip 192.0.2.1 \
        --sender a@example.org --trace\n\
        Exit status: 1 for fail, 2 for temperror and permerror, else 0")]
    Query(QueryArgs),
    /// Runs test suites, each with a DNS of its own
    #[command(after_help = "Example: ra spf test tests/spf/rfc7208.yml")]
    Test(TestArgs),
    /// Examines the record of a domain, or a record that is given
    #[command(after_help = "Example: ra spf lint 'v=spf1 mx -all'")]
    Lint(LintArgs),
}

/// What `ra spf query` takes.
#[derive(Args, Debug)]
pub struct QueryArgs {
    /// The client's address
    #[arg(long)]
    pub ip: IpAddr,
    /// The envelope sender; empty for a bounce
    #[arg(long, default_value = "")]
    pub sender: String,
    /// The name in HELO
    #[arg(long, default_value = "")]
    pub helo: String,
    /// The name of the receiving host
    #[arg(long, default_value = "")]
    pub receiver: String,
    /// Print every step
    #[arg(long)]
    pub trace: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `ra spf test` takes.
#[derive(Args, Debug)]
struct TestArgs {
    /// Suites in the YAML form
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only the result that a test lists first is right
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `ra spf lint` takes.
#[derive(Args, Debug)]
struct LintArgs {
    /// A domain, or a record that begins with v=spf1
    subject: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does what is asked.
fn run(matches: &ArgMatches) -> Outcome {
    match SpfCommand::from_arg_matches(matches) {
        Ok(SpfCommand::Query(arguments)) => query(&arguments),
        Ok(SpfCommand::Test(arguments)) => test(&arguments),
        Ok(SpfCommand::Lint(arguments)) => in_world(async |world| {
            lint(world, &arguments.subject, arguments.json).await
        }),
        Err(error) => {
            complain(error);
            Outcome::Trouble
        }
    }
}

/// Runs something in the world of this machine, with the DNS that `RA_DNS`
/// names.
pub fn in_world(work: impl AsyncFnOnce(&World) -> Outcome) -> Outcome {
    let setting = std::env::var("RA_DNS").unwrap_or_default();
    let dns = match open(&setting) {
        Ok(dns) => dns,
        Err(error) => {
            complain(error);
            return Outcome::Trouble;
        }
    };
    let qmail = std::env::var("RA_QMAIL").unwrap_or(QMAIL.to_owned());
    let world = World { dns, ..World::real(qmail) };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(work(&world)),
        Err(error) => {
            complain(error);
            Outcome::Trouble
        }
    }
}

/// `ra spf query`.
fn query(arguments: &QueryArgs) -> Outcome {
    in_world(async |world| {
        let query = Query {
            client_ip: arguments.ip,
            mail_from: &arguments.sender,
            helo: &arguments.helo,
            receiver: &arguments.receiver,
        };
        let tracing = arguments.trace;
        let checker = Checker { tracing, ..Checker::new(world) };
        let outcome = checker.check(&query).await;
        let checked = Checked::MailFrom;
        let report = Report { query: &query, checked, outcome: &outcome };
        if arguments.json {
            print_json(&as_json(&report));
        } else {
            show(&report);
        }
        exit_status(outcome.result)
    })
}

/// What a result means to a shell.
pub fn exit_status(result: SpfResult) -> Outcome {
    match result {
        SpfResult::Pass
        | SpfResult::Neutral
        | SpfResult::None
        | SpfResult::SoftFail => Outcome::Yes,
        SpfResult::Fail => Outcome::No,
        SpfResult::TempError | SpfResult::PermError => Outcome::Trouble,
    }
}

/// Prints a report for people: the word first. What strangers have written
/// loses its control characters.
fn show(report: &Report<'_>) {
    let outcome = report.outcome;
    print(outcome.result);
    if let Some(words) = explanation(outcome) {
        print(format_args!("explanation: {words}"));
    }
    print(format_args!("reason: {}", printable(&outcome.reason(), LINE_MAX)));
    print(report.received_spf());
    for step in &outcome.trace {
        print(printable(step, LINE_MAX));
    }
}

/// The longest line of a trace.
const LINE_MAX: usize = 4000;

/// A report for programs.
fn as_json(report: &Report<'_>) -> Value {
    let outcome = report.outcome;
    json!({
        "result": outcome.result.name(),
        "explanation": outcome.explanation,
        "reason": outcome.reason(),
        "received_spf": report.received_spf(),
        "authentication_results": report.authentication_results(),
        "trace": outcome.trace,
    })
}

/// `ra spf test`.
fn test(arguments: &TestArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let Ok(runtime) = runtime else { return Outcome::Trouble };
    let (mut passed, mut failures, mut trouble) = (0, Vec::new(), false);
    for file in &arguments.files {
        let text = std::fs::read(file).map_err(|error| error.to_string());
        let suite = text.and_then(|text| {
            Suite::read(&String::from_utf8_lossy(&text))
                .map_err(|error| error.to_string())
        });
        let suite = match suite {
            Ok(suite) => suite,
            Err(error) => {
                complain(format_args!("{}: {error}", file.display()));
                trouble = true;
                continue;
            }
        };
        for scenario in &suite.scenarios {
            let zone = Arc::clone(&scenario.zone);
            let world = Frozen::new().dns(zone).world();
            for test in &scenario.tests {
                let outcome = test.run(&world, suite.edition);
                let outcome = runtime.block_on(outcome);
                match test.mismatch(&outcome, arguments.strict) {
                    None => passed += 1,
                    Some(mismatch) => failures.push((
                        format!("{}/{}", scenario.name, test.id),
                        mismatch,
                    )),
                }
            }
        }
    }
    if arguments.json {
        print_json(&json!({
            "passed": passed,
            "failed": failures.len(),
            "failures": failures,
        }));
    } else {
        for (test, mismatch) in &failures {
            print(format_args!("FAIL {test}: {mismatch}"));
        }
        print(format_args!("{passed} passed, {} failed", failures.len()));
    }
    match (trouble, failures.is_empty()) {
        (true, _) => Outcome::Trouble,
        (false, true) => Outcome::Yes,
        (false, false) => Outcome::No,
    }
}
