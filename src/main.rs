//! `ra`: arguments in, one call, exit status out.

use std::path::Path;
use std::process::ExitCode;

use ra_plugins::cli::{self, Command, Outcome};
use ra_plugins::spp::clean;
use ra_plugins::{machine, registry};

/// Every command, in the order of the help.
const COMMANDS: &[&Command] = &[
    &cli::plugins::COMMAND,
    &cli::install::COMMAND,
    &cli::alias::COMMAND,
    &cli::overload::COMMAND,
    &cli::addresses::COMMAND,
    &cli::rbl::COMMAND,
    &cli::tour::COMMAND,
    &cli::smtpd::COMMAND,
    &cli::replay::COMMAND,
    &cli::record::COMMAND,
    &cli::spf::COMMAND,
    &cli::rater::COMMAND,
];

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
        return machine::run(plugin);
    }
    if program == "spfquery" {
        let words = words.map(|word| word.to_string_lossy().into_owned());
        return cli::spfquery::run(words).into();
    }
    if words.next().is_none_or(|word| word != "plugin") {
        return run_command().into();
    }
    let name = words.next().unwrap_or_default();
    if let Some(plugin) = name.to_str().and_then(registry::find) {
        return machine::run(plugin);
    }
    let name = name.to_string_lossy();
    let name = clean(&name);
    cli::complain(format_args!("no plugin {name:?}: see `ra plugins`"));
    Outcome::Trouble.into()
}

/// Declares every command.
fn parser() -> clap::Command {
    let mut parser = clap::Command::new("ra")
        .about("Decides about mail while the SMTP session is open")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true);
    for command in COMMANDS {
        let declared = clap::Command::new(command.name);
        parser = parser.subcommand((command.configure)(declared));
    }
    let man = cli::man::configure(clap::Command::new(cli::man::NAME));
    parser.subcommand(man)
}

/// Finds the command and runs it.
fn run_command() -> Outcome {
    let matches = parser().get_matches();
    let Some((name, arguments)) = matches.subcommand() else {
        return Outcome::Trouble;
    };
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(arguments),
        None => cli::man::run(arguments, parser()),
    }
}
