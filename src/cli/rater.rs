//! `ra rater`: the daemon, its client, and its administrator.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, FromArgMatches, Parser, Subcommand};
use serde_json::json;

use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::rater::address::{Address, RATER};
use crate::rater::client::{self, Reply};
use crate::rater::config::Config;
use crate::rater::daemon;

/// `ra rater …`.
pub const COMMAND: Command = Command {
    name: "rater",
    configure: |command| {
        RaterArgs::augment_args(command)
            .about("The rate limiter: daemon, client, administration")
            .after_help("Example: ra rater check ip 192.0.2.9")
    },
    run: |matches| match RaterArgs::from_arg_matches(matches) {
        Ok(arguments) => run(arguments.action),
        Err(_) => Outcome::Trouble,
    },
};

/// What `ra rater` takes.
#[derive(Args, Debug)]
struct RaterArgs {
    #[command(subcommand)]
    action: Action,
}

/// What can be done.
#[derive(Subcommand, Debug)]
enum Action {
    /// Run the daemon
    #[command(after_help = "Example: ra rater serve --config rater.toml")]
    Serve(Serve),
    /// Mark a value and print how it stands; the status is 0 (within the
    /// limit), 1 (over) or 2 (nobody knows)
    #[command(after_help = "Example: ra rater check ip 192.0.2.9")]
    Check(Question),
    /// As check, without marking
    #[command(after_help = "Example: ra rater peek ip 192.0.2.9")]
    Peek(Question),
    /// The keys with the most marks
    #[command(after_help = "Example: ra rater top ip")]
    Top {
        /// Only this class
        class: Option<String>,
        #[command(flatten)]
        control: ControlAddress,
    },
    /// How the daemon is
    #[command(after_help = "Example: ra rater status --json")]
    Status(ControlAddress),
    /// Forget the marks of a value
    #[command(after_help = "Example: ra rater reset user joe")]
    Reset {
        /// The class
        class: String,
        /// The value
        value: String,
        #[command(flatten)]
        control: ControlAddress,
    },
    /// Read the configuration again
    #[command(after_help = "Example: ra rater reload")]
    Reload(ControlAddress),
}

/// What `ra rater serve` takes.
#[derive(Args, Debug)]
struct Serve {
    /// The configuration (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, in place of the configuration's addresses
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    listen: Vec<Address>,
}

/// What `ra rater check` takes.
#[derive(Args, Debug)]
struct Question {
    /// The class
    class: String,
    /// The value
    value: String,
    /// Where rater is
    #[arg(long, env = "RATER", default_value = RATER)]
    server: String,
    /// How long to wait, in milliseconds
    #[arg(long, default_value_t = 2000)]
    timeout: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Where the administrator is heard.
#[derive(Args, Debug)]
struct ControlAddress {
    /// The daemon's control address
    #[arg(long, env = "RATER_CONTROL", value_name = "ADDR")]
    control: Option<Address>,
    /// The daemon's configuration, to find the address there
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A program that is one of the subcommands: `rater`, `raterclient`.
#[derive(Parser, Debug)]
#[command(name = "rater", after_help = "Example: rater --config rater.toml")]
struct ServeProgram {
    #[command(flatten)]
    serve: Serve,
}

/// As [`ServeProgram`].
#[derive(Parser, Debug)]
#[command(after_help = "Example: raterclient ip 192.0.2.9")]
#[command(name = "raterclient")]
struct CheckProgram {
    #[command(flatten)]
    question: Question,
}

/// Runs as the program of this name, if it is one of ours.
pub fn run_as(program: &str) -> Option<Outcome> {
    match program {
        "rater" => Some(run(Action::Serve(ServeProgram::parse().serve))),
        "raterclient" => {
            Some(run(Action::Check(CheckProgram::parse().question)))
        }
        _ => None,
    }
}

/// Does it.
fn run(action: Action) -> Outcome {
    match action {
        Action::Serve(Serve { config, listen }) => {
            match daemon::run(config, listen) {
                Ok(()) => Outcome::Yes,
                Err(error) => {
                    complain(error);
                    Outcome::Trouble
                }
            }
        }
        Action::Check(question) => tell(&question, client::check),
        Action::Peek(question) => tell(&question, client::peek),
        Action::Top { class, control } => {
            let class = class.map_or(String::new(), |it| format!(" {it}"));
            order(&control, &format!("top{class}"))
        }
        Action::Status(control) => order(&control, "status"),
        Action::Reset { class, value, control } => {
            order(&control, &format!("reset {class} {value}"))
        }
        Action::Reload(control) => order(&control, "reload"),
    }
}

/// Asks, and prints what is answered.
fn tell(
    question: &Question,
    ask: fn(&str, &str, &str, Duration) -> Reply,
) -> Outcome {
    let Question { class, value, server, timeout, json } = question;
    let reply = ask(server, class, value, Duration::from_millis(*timeout));
    let Reply { number, count, limit, text } = reply;
    if *json {
        print_json(&json!({
            "answer": number, "count": count, "limit": limit, "text": text,
        }));
    } else {
        print(text);
    }
    match number {
        0 => Outcome::Yes,
        1 => Outcome::No,
        _ => Outcome::Trouble,
    }
}

/// Gives an order, and prints what comes of it.
fn order(control: &ControlAddress, line: &str) -> Outcome {
    let answer = match find(control).and_then(|it| exchange(&it, line)) {
        Ok(answer) => answer,
        Err(error) => {
            complain(error);
            return Outcome::Trouble;
        }
    };
    let lines = answer.lines().filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    match (control.json, lines.as_slice()) {
        (_, [line]) if line.starts_with("error: ") => {
            complain(line.trim_start_matches("error: "));
            return Outcome::Trouble;
        }
        (true, lines) => print_json(&lines),
        (false, lines) => lines.iter().for_each(print),
    }
    let unknown = lines.first().is_some_and(|line| *line == "not known");
    if unknown { Outcome::No } else { Outcome::Yes }
}

/// The control address: as given, or as the configuration has it.
fn find(control: &ControlAddress) -> Result<Address, String> {
    if let Some(address) = &control.control {
        return Ok(address.clone());
    }
    let file = control.config.as_deref();
    let config = Config::read(file).map_err(|error| error.to_string())?;
    config.settings.control.ok_or_else(|| {
        "no control address: give --control, --config or RATER_CONTROL"
            .to_owned()
    })
}

/// Sends a line, and reads up to the empty one.
fn exchange(address: &Address, line: &str) -> Result<String, String> {
    let trouble = |error| format!("{address}: {error}");
    let time = Some(Duration::from_secs(10));
    let line = format!("{line}\n");
    let mut answer = String::new();
    match address {
        Address::Tcp(to) => TcpStream::connect(to).and_then(|mut stream| {
            stream.set_read_timeout(time)?;
            stream.write_all(line.as_bytes())?;
            stream.shutdown(std::net::Shutdown::Write)?;
            stream.read_to_string(&mut answer)
        }),
        Address::Unix(to) => UnixStream::connect(to).and_then(|mut stream| {
            stream.set_read_timeout(time)?;
            stream.write_all(line.as_bytes())?;
            stream.shutdown(std::net::Shutdown::Write)?;
            stream.read_to_string(&mut answer)
        }),
    }
    .map_err(trouble)?;
    Ok(answer)
}
