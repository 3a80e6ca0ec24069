//! `ra replay`: recordings of the originals, held against us.

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::json;

use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::host::recording::{Recording, Replayed};
use crate::host::replay::{Entry, replay};
use crate::registry::PLUGINS;

/// `ra replay FILE…`.
pub const COMMAND: Command = Command {
    name: "replay",
    configure: |command| {
        ReplayArgs::augment_args(command)
            .about("Replays recordings and compares")
            .after_help("Example: ra replay tests/sessions/sessions.json")
    },
    run,
};

/// What `ra replay` takes.
#[derive(Args, Debug)]
struct ReplayArgs {
    /// Recordings, of single plugins or of whole sessions
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Replays all files. A failure is a no, a file that cannot be read trouble.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(arguments) = ReplayArgs::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(error);
            return Outcome::Trouble;
        }
    };
    let mut entries = Vec::new();
    for file in &arguments.files {
        let text = std::fs::read(file).map_err(|error| error.to_string());
        let recording = text.and_then(|text| {
            Recording::parse(&text).map_err(|error| error.to_string())
        });
        match recording {
            Ok(recording) => {
                entries.extend(runtime.block_on(replay(&recording, PLUGINS)));
            }
            Err(error) => {
                complain(format_args!("{}: {error}", file.display()));
                return Outcome::Trouble;
            }
        }
    }
    report(&entries, arguments.json)
}

/// Prints what became of everything.
fn report(entries: &[Entry], as_json: bool) -> Outcome {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut lines = Vec::new();
    for Entry { name, replayed } in entries {
        let (result, detail) = match replayed {
            Replayed::Passed => {
                passed += 1;
                ("passed", String::new())
            }
            Replayed::Failed(differences) => {
                failed += 1;
                let detail = differences.join("; ");
                if !as_json {
                    print(format_args!("FAIL {name}: {detail}"));
                }
                ("failed", detail)
            }
            Replayed::Skipped(why) => {
                skipped += 1;
                ("skipped", why.clone())
            }
        };
        lines.push(json!({"name": name, "result": result, "detail": detail}));
    }
    if as_json {
        print_json(&json!({
            "passed": passed,
            "failed": failed,
            "skipped": skipped,
            "entries": lines,
        }));
    } else {
        if skipped > 0 {
            print(format_args!(
                "{skipped} skipped: their plugins are not here yet"
            ));
        }
        print(format_args!("{passed} passed, {failed} failed"));
    }
    if failed == 0 { Outcome::Yes } else { Outcome::No }
}
