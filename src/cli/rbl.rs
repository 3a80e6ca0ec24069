//! `ra rbl`: blocklists from outside.

use std::net::IpAddr;
use std::time::Duration;

use clap::{ArgMatches, FromArgMatches, Subcommand};
use serde_json::json;

use crate::blocklist::{List, Opinion, Reply, ask};
use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::machine;
use crate::session::Session;
use crate::world::World;

/// `ra rbl test LIST`.
pub const COMMAND: Command = Command {
    name: "rbl",
    configure: |command| {
        RblCommand::augment_subcommands(command)
            .about("Asks DNS blocklists")
            .subcommand_required(true)
            .after_help("Example: ra rbl test bl.spamcop.net")
    },
    run,
};

/// What `ra rbl` does.
#[derive(Subcommand, Debug)]
enum RblCommand {
    /// Checks that a list works: its test entries are there, and nothing
    /// that must not be
    #[command(after_help = "Example: ra rbl test bl.spamcop.net")]
    Test {
        /// The list, as in RBLSERVERS
        list: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// The addresses that every list has or has not (RFC 5782 5), and whether
/// they must be listed. Few lists know IPv6, so the last two only inform.
const TESTS: [(&str, bool); 4] = [
    ("127.0.0.2", true),
    ("127.0.0.1", false),
    ("::ffff:7f00:2", true),
    ("::ffff:7f00:1", false),
];

/// How long a list may take.
const TIME: Duration = Duration::from_secs(10);

/// Asks for the test entries.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(RblCommand::Test { list, json }) =
        RblCommand::from_arg_matches(matches)
    else {
        return Outcome::Trouble;
    };
    let Some(list) = List::parse(&list) else {
        complain(format_args!("not a list: {list:?}"));
        return Outcome::Trouble;
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build();
    let world = machine::world(&Session::from_environment());
    let replies = match runtime {
        Ok(runtime) => runtime.block_on(test(&world, &list)),
        Err(error) => {
            complain(error);
            return Outcome::Trouble;
        }
    };
    let lines: Vec<_> = replies.iter().map(line).collect();
    if json {
        print_json(&lines.iter().map(|(address, found, fine)| {
            json!({ "address": address, "found": found, "as_it_should": fine })
        }).collect::<Vec<_>>());
    } else {
        for (address, found, fine) in &lines {
            let verdict = match (*fine, address.contains(':')) {
                (true, _) => "as it should be",
                (false, true) => "knows no IPv6",
                (false, false) => "WRONG",
            };
            print(format_args!("{address:<16} {found:<40} {verdict}"));
        }
    }
    outcome(&replies)
}

/// The replies of a list to all tests, asked one after the other.
pub async fn test(world: &World, list: &List) -> Vec<(&'static str, Reply)> {
    let mut replies = Vec::new();
    for (text, _) in TESTS {
        if let Ok(address) = text.parse::<IpAddr>() {
            replies.push((text, ask(world, list, address, TIME).await));
        }
    }
    replies
}

/// Whether an address must be listed.
fn must_be_listed(address: &str) -> bool {
    TESTS.contains(&(address, true))
}

/// What to tell about a reply: the address, what came, whether it is right.
fn line((address, reply): &(&'static str, Reply)) -> (String, String, bool) {
    let found = match (&reply.opinion, reply.errors.first()) {
        (Opinion::Listed, _) => match &reply.reason {
            Some(reason) => format!("listed: {}", crate::spp::clean(reason)),
            None => "listed".to_owned(),
        },
        (Opinion::Clear, Some(error)) => format!("error {error}"),
        (Opinion::Clear, None) => "not listed".to_owned(),
        (Opinion::Silent(error), _) => format!("no answer: {error}"),
    };
    let listed = reply.is_listed();
    let fine = !reply.is_silent() && listed == must_be_listed(address);
    ((*address).to_owned(), found, fine)
}

/// Yes if the IPv4 entries are right; trouble if nobody answered.
fn outcome(replies: &[(&'static str, Reply)]) -> Outcome {
    let (v4, _) = replies.split_at_checked(2).unwrap_or((replies, &[]));
    if v4.iter().any(|(_, it)| it.is_silent()) {
        return Outcome::Trouble;
    }
    if v4.iter().map(line).all(|(_, _, fine)| fine) {
        Outcome::Yes
    } else {
        Outcome::No
    }
}
