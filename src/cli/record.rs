//! `ra record`: what a plugin of any origin does, kept for later.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::{ArgMatches, Args, FromArgMatches};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::host::recording::{Answer, Case};
use crate::world::QMAIL;

/// `ra record`.
pub const COMMAND: Command = Command {
    name: "record",
    configure: |command| {
        RecordArgs::augment_args(command)
            .about("Runs a plugin of any origin and records what it did")
            .after_help(
                "Example: env -i SMTPRCPTTO=joe+x@example.org ra record \
                 --name plus -- /var/qmail/plugins/plusaliases\n\nThe \
                 environment becomes part of the recording: env -i gives a \
                 clean one.",
            )
    },
    run,
};

/// What `ra record` takes.
#[derive(Args, Debug)]
struct RecordArgs {
    /// The recording to add to
    #[arg(long, value_name = "FILE", default_value = "recording.json")]
    out: PathBuf,
    /// The name of the case
    #[arg(long)]
    name: Option<String>,
    /// A file below the qmail folder that belongs to the case (repeatable)
    #[arg(long, value_name = "PATH")]
    file: Vec<String>,
    /// Seconds after which the program is killed and nothing is recorded
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    time: u64,
    /// Print the case as JSON
    #[arg(long)]
    json: bool,
    /// The plugin and its arguments
    #[arg(required = true, last = true)]
    program: Vec<String>,
}

/// Variables that belong to a person's shell and not to a mail session.
const SHELL: [&str; 17] = [
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "TERM", "_",
    "SHLVL", "LANG", "LANGUAGE", "MAIL", "EDITOR", "PAGER", "HOSTNAME",
    "DISPLAY",
];

/// How further variables of this kind begin.
const SHELL_PREFIXES: [&str; 8] =
    ["LC_", "LS_", "XDG_", "SSH_", "DBUS_", "CARGO", "RUST", "GIT_"];

/// Parts of names whose values nobody should find in a recording.
const SECRETS: [&str; 5] = ["TOKEN", "SECRET", "PASSW", "CREDENTIAL", "_KEY"];

/// Runs the program and appends the case.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(arguments) = RecordArgs::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    match record(&arguments) {
        Ok(case) => {
            if arguments.json {
                print_json(&case);
            } else {
                let (plugin, name) = (&case.plugin, &case.name);
                let out = arguments.out.display();
                print(format_args!("recorded {plugin}/{name} in {out}"));
            }
            Outcome::Yes
        }
        Err(error) => {
            complain(error);
            Outcome::Trouble
        }
    }
}

/// Makes the case. The recording is read first: if it cannot be added to,
/// nothing runs.
fn record(arguments: &RecordArgs) -> io::Result<Case> {
    let mut cases = read(&arguments.out)?;
    let plugin = plugin_name(&arguments.program);
    let number = cases.len() + 1;
    let name = arguments.name.clone();
    let name = name.unwrap_or_else(|| format!("recorded-{number}"));
    let is_this = |case: &Value| {
        case.get("plugin").is_some_and(|it| *it == plugin)
            && case.get("name").is_some_and(|it| *it == name)
    };
    if cases.iter().any(is_this) {
        return Err(io::Error::other(format!(
            "there is a case {plugin}/{name} already: choose a --name"
        )));
    }
    let mut files = BTreeMap::new();
    let qmail = std::env::var("RA_QMAIL").unwrap_or(QMAIL.to_owned());
    for file in &arguments.file {
        let text = std::fs::read_to_string(Path::new(&qmail).join(file))?;
        files.insert(file.clone(), text);
    }
    let env = environment();
    let limit = Duration::from_secs(arguments.time);
    let (output, time) = run_program(&arguments.program, &env, limit)?;
    let original = answer(&output, time);
    let env =
        env.into_iter().map(|(name, value)| (name, Some(value))).collect();
    let case = Case {
        plugin,
        name,
        env,
        files,
        original,
        bug: None,
        expected: None,
        zone: None,
        compare: None,
        note: None,
    };
    cases.push(serde_json::to_value(&case)?);
    write(&arguments.out, &cases)?;
    Ok(case)
}

/// The plugin's name: that of its program, or behind `ra plugin`.
fn plugin_name(program: &[String]) -> String {
    if let [_, word, name, ..] = program
        && word == "plugin"
    {
        return name.clone();
    }
    let path = Path::new(program.first().map_or("", String::as_str));
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The variables of the session: all but those of the shell, and those that
/// may hold secrets. The plugin gets the same, so a recording says the truth.
fn environment() -> BTreeMap<String, String> {
    let is_ours = |name: &str| {
        !SHELL.contains(&name)
            && !SHELL_PREFIXES.iter().any(|it| name.starts_with(it))
            && !SECRETS.iter().any(|it| name.contains(it))
    };
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    });
    variables.filter(|(name, _)| is_ours(name)).collect()
}

/// Runs the plugin as a server would: in what will be recorded, and PATH. A
/// plugin that hangs, or leaves something running that holds its output open,
/// is killed with all it has started.
fn run_program(
    words: &[String],
    env: &BTreeMap<String, String>,
    limit: Duration,
) -> io::Result<(Output, Duration)> {
    let mut words = words.iter();
    let program = words.next().map_or("", String::as_str);
    let mut command = Program::new(program);
    command.args(words).env_clear().envs(env);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    let told = |text: String| io::Error::other(format!("{program}: {text}"));
    let start = Instant::now();
    let child = command.process_group(0).spawn();
    let child = child.map_err(|error| told(error.to_string()))?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (send, ended) = mpsc::channel();
    std::thread::spawn(move || send.send(child.wait_with_output()));
    let output = ended.recv_timeout(limit).map_err(|_| {
        if let Some(group) = group {
            _ = kill_process_group(group, Signal::KILL);
        }
        told(format!("not done within {} s; killed", limit.as_secs()))
    })?;
    Ok((output?, start.elapsed()))
}

/// What the plugin did, in the form of a recording: we are its parent, so
/// our process id is the one in its log lines.
fn answer(output: &Output, time: Duration) -> Answer {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let pid = format!(" pid {} - ", std::process::id());
    let seconds = time.as_secs();
    let signal = output.status.signal().map(|signal| -signal);
    Answer {
        stdout: text(&output.stdout),
        stderr: text(&output.stderr).replace(&pid, " pid PID - "),
        exit: output.status.code().or(signal).unwrap_or_default(),
        seconds: (seconds > 0)
            .then(|| Duration::from_secs(seconds).as_secs_f64()),
    }
}

/// The cases that are there already.
fn read(path: &Path) -> io::Result<Vec<Value>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let cases = serde_json::from_slice(&text);
    let told = |error| format!("{}: not a recording: {error}", path.display());
    cases.map_err(|error| io::Error::other(told(error)))
}

/// Writes all cases anew, one a line, and puts them in the place of the old
/// file at once: nobody ever reads half a recording.
fn write(path: &Path, cases: &[Value]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder)?;
    let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
    write!(file, "[\n{}\n]\n", lines.join(",\n"))?;
    if let Ok(old) = std::fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
