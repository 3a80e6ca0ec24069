//! `ra`: arguments in, one call, exit status out.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ra_plugins::cli::{self, Command, Outcome, complain};
use ra_plugins::plugin::Plugin;
use ra_plugins::rater::limiter::Rater;
use ra_plugins::registry;
use ra_plugins::session::Session;
use ra_plugins::world::{QMAIL, World};

/// Every command, in the order of the help.
const COMMANDS: &[&Command] = &[&cli::plugins::COMMAND, &cli::rater::COMMAND];

/// A plugin is recognised before the arguments are looked at in earnest:
/// the argument parser costs more than most plugins do.
fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_name().unwrap_or_default();
    let program = program.to_str().unwrap_or_default();
    if let Some(outcome) = cli::rater::run_as(program) {
        return outcome.into();
    }
    if let Some(plugin) = registry::find(program) {
        return run_plugin(plugin);
    }
    if words.next().is_some_and(|word| word == "plugin")
        && let Some(name) = words.next()
        && let Some(plugin) = name.to_str().and_then(registry::find)
    {
        return run_plugin(plugin);
    }
    run_command().into()
}

/// Runs one plugin as qmail-smtpd expects it.
fn run_plugin(plugin: &Plugin) -> ExitCode {
    let session = Session::from_environment();
    let mut world = World::real(session.get("RA_QMAIL").unwrap_or(QMAIL));
    world.limiter = Arc::new(Rater::of(session.get("RATER")));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(plugin.run(&session, &world)),
        Err(error) => {
            complain(error);
            ExitCode::SUCCESS
        }
    }
}

/// Finds the command and runs it.
fn run_command() -> Outcome {
    let mut parser = clap::Command::new("ra")
        .about("Decides about mail while the SMTP session is open")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true);
    for command in COMMANDS {
        let declared = clap::Command::new(command.name);
        parser = parser.subcommand((command.configure)(declared));
    }
    let matches = parser.get_matches();
    let Some((name, arguments)) = matches.subcommand() else {
        return Outcome::Trouble;
    };
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(arguments),
        None => Outcome::Trouble,
    }
}
