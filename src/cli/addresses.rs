//! `ra addresses`: lists of addresses for the plugins.

use std::path::PathBuf;

use clap::{ArgMatches, FromArgMatches, Subcommand};
use serde_json::json;

use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::mailboxes::addresses::build;

/// `ra addresses build LIST CDB`.
pub const COMMAND: Command = Command {
    name: "addresses",
    configure: |command| {
        AddressesCommand::augment_subcommands(command)
            .about("Makes lists of addresses ready for the plugins")
            .subcommand_required(true)
            .after_help(
                "Example: ra addresses build \
                 control/addresslist control/addresslist.cdb",
            )
    },
    run,
};

/// What `ra addresses` does.
#[derive(Subcommand, Debug)]
enum AddressesCommand {
    /// Makes a CDB of a list: sorted, in lower case, replaced at once
    #[command(after_help = "Example: ra addresses build \
        control/addresslist control/addresslist.cdb")]
    Build {
        /// The list: an address or a domain a line, # for comments
        list: PathBuf,
        /// The CDB to make or replace
        cdb: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Builds, and says how much.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(command) = AddressesCommand::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    let AddressesCommand::Build { list, cdb, json } = command;
    match build(&list, &cdb) {
        Ok(entries) if json => {
            print_json(&json!({ "cdb": cdb, "entries": entries }));
            Outcome::Yes
        }
        Ok(entries) => {
            print(format_args!("{}: {entries} entries", cdb.display()));
            Outcome::Yes
        }
        Err(error) => {
            complain(error);
            Outcome::Trouble
        }
    }
}
