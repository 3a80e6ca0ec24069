//! `ra overload`: looks at the queue and raises or lowers the flag that the
//! overload plugin acts on.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::json;

use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::flag::{FILE, MARK};
use crate::session::Session;
use crate::world::{QMAIL, World};

/// `ra overload`.
pub const COMMAND: Command = Command {
    name: "overload",
    configure: |command| {
        OverloadArgs::augment_args(command)
            .about("Raises the overload flag while too much mail is waiting")
            .after_help(
                "Example: ra overload --limit 100 --clear 50 --watch 10\n\
                 Exit status: 0 not overloaded, 1 overloaded, 2 trouble",
            )
    },
    run,
};

/// What `ra overload` takes.
#[derive(Args, Debug)]
struct OverloadArgs {
    /// The queue; what lies below its folder todo is waiting (mail that is
    /// sorted, and waits for other servers, is no reason)
    #[arg(long, value_name = "DIR")]
    queue: Option<PathBuf>,
    /// More waiting messages than this are an overload
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// The overload ends at this many or fewer [default: the limit]
    #[arg(long, value_name = "COUNT")]
    clear: Option<usize>,
    /// So is a load average above this one
    #[arg(long, value_name = "LOAD")]
    load: Option<f64>,
    /// So is a share of time lost waiting for CPU, memory or disk (PSI,
    /// some avg10) above this one
    #[arg(long, value_name = "PERCENT")]
    psi: Option<f64>,
    /// Look again after so many seconds (300 at most), for ever
    #[arg(long, value_name = "SECONDS")]
    watch: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The longest time between two looks in seconds: a flag that is not renewed
/// within OVERLOADSTALE does not count, and one look may fail.
const PAUSE_MAX: u64 = 300;

/// Looks once, or again and again.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(arguments) = OverloadArgs::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    let session = Session::from_environment();
    let world = World::real(session.get("RA_QMAIL").unwrap_or(QMAIL));
    let flag = world.path(FILE.text(&session));
    let queue = arguments.queue.clone();
    let todo = queue.unwrap_or_else(|| world.path("queue")).join("todo");
    loop {
        let outcome = match look(&arguments, &todo, &flag) {
            Ok(true) => Outcome::No,
            Ok(false) => Outcome::Yes,
            Err(error) => {
                complain(error);
                Outcome::Trouble
            }
        };
        match arguments.watch {
            Some(pause) => {
                let pause = pause.clamp(1, PAUSE_MAX);
                std::thread::sleep(Duration::from_secs(pause));
            }
            None => return outcome,
        }
    }
}

/// Looks at all signs, puts the flag where it belongs, and says so when it
/// moved. One that stays up is raised anew, so that the plugin sees that
/// somebody still looks. A sign that cannot be read leaves the flag as it is.
fn look(
    arguments: &OverloadArgs,
    todo: &Path,
    flag: &Path,
) -> io::Result<bool> {
    let waiting = count_files(todo).map_err(|error| {
        io::Error::other(format!("{}: {error}", todo.display()))
    })?;
    let was_raised = flag.try_exists()?;
    let limit = match arguments.clear {
        Some(clear) if was_raised => clear.min(arguments.limit),
        Some(_) | None => arguments.limit,
    };
    let mut reasons = Vec::new();
    if waiting > limit {
        reasons.push(format!("{waiting} messages waiting"));
    }
    if let Some(limit) = arguments.load {
        let load = number_in("/proc/loadavg", "")?;
        reasons.extend(over("load", load, limit));
    }
    if let Some(limit) = arguments.psi {
        for resource in ["cpu", "memory", "io"] {
            let path = format!("/proc/pressure/{resource}");
            let lost = number_in(&path, "some avg10=")?;
            reasons.extend(over(resource, lost, limit));
        }
    }
    let is_by_hand = was_raised && !is_ours(flag);
    if reasons.is_empty() && is_by_hand {
        reasons.push("the flag was raised by hand".to_owned());
    }
    let raised = !reasons.is_empty();
    let reason = reasons.join(", ");
    if raised && !is_by_hand {
        raise(flag, &reason)?;
    } else if was_raised && !raised {
        fs::remove_file(flag)?;
    }
    if arguments.json {
        print_json(&json!({
            "overloaded": raised, "waiting": waiting, "reasons": reasons,
        }));
    } else if arguments.watch.is_none() || raised != was_raised {
        let state = if raised { "overloaded: " } else { "not overloaded" };
        print(format_args!("{state}{reason}"));
    }
    Ok(raised)
}

/// The reason that a figure over its limit is.
fn over(name: &str, figure: f64, limit: f64) -> Option<String> {
    (figure > limit).then(|| format!("{name} at {figure}"))
}

/// The number behind a prefix at the beginning of a file.
fn number_in(path: &str, prefix: &str) -> io::Result<f64> {
    let text = fs::read_to_string(path)?;
    let behind = text.strip_prefix(prefix);
    let word = behind.and_then(|text| text.split_whitespace().next());
    word.and_then(|word| word.parse().ok())
        .ok_or_else(|| io::Error::other(format!("{path}: no number")))
}

/// How many files lie below a folder. Some builds of qmail split todo into
/// numbered folders. What vanishes while we count has been preprocessed.
fn count_files(folder: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => count += count_files(&entry.path())?,
            Ok(_) => count += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// Whether a flag is one that we have raised. Somebody may have raised it by
/// hand, and then he has to lower it.
fn is_ours(flag: &Path) -> bool {
    fs::read_to_string(flag).is_ok_and(|text| text.starts_with(MARK))
}

/// Makes the flag, with the reason in it for whoever looks. It appears by a
/// rename, whole or not at all.
fn raise(flag: &Path, reason: &str) -> io::Result<()> {
    let name = flag.file_name().unwrap_or_default().to_string_lossy();
    let draft = flag.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut file = fs::File::create(&draft)?;
    writeln!(file, "{MARK}{reason}")?;
    fs::rename(&draft, flag)
}
