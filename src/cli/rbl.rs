//! `ra rbl`: blocklists from outside.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::time::Duration;

use clap::{ArgMatches, FromArgMatches, Subcommand};
use serde_json::json;

use crate::blocklist::{List, Opinion, Reply, ask};
use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::machine;
use crate::session::Session;
use crate::spp::clean;
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
/// they must be listed.
const TESTS: [(&str, bool); 4] = [
    ("127.0.0.2", true),
    ("127.0.0.1", false),
    ("::ffff:7f00:2", true),
    ("::ffff:7f00:1", false),
];

/// How long a list may take.
const TIME: Duration = Duration::from_secs(10);

/// What a test entry tells about its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// It is as it should be.
    Fine,
    /// It is not.
    Wrong,
    /// The list has no IPv6 addresses, as most have not.
    NoIpv6,
    /// Nobody has answered.
    Unknown,
}

/// One test entry, asked for.
pub struct Entry {
    address: &'static str,
    found: String,
    means: Means,
}

impl Entry {
    /// What has become of a test.
    fn new(address: &'static str, must_be_listed: bool, reply: &Reply) -> Self {
        let found = match (&reply.opinion, reply.errors.first()) {
            (Opinion::Listed, _) => match &reply.reason {
                Some(reason) => format!("listed: {}", clean(reason)),
                None => "listed".to_owned(),
            },
            (Opinion::Clear, Some(error)) => format!("error {error}"),
            (Opinion::Clear, None) => "not listed".to_owned(),
            (Opinion::Silent(error), _) => format!("no answer: {error}"),
        };
        let means = if reply.is_silent() {
            Means::Unknown
        } else if reply.is_listed() == must_be_listed {
            Means::Fine
        } else if must_be_listed && address.contains(':') {
            Means::NoIpv6
        } else {
            Means::Wrong
        };
        Self { address, found, means }
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let means = match self.means {
            Means::Fine => "as it should be",
            Means::Wrong => "WRONG",
            Means::NoIpv6 => "the list has no IPv6 addresses",
            Means::Unknown => "cannot be told",
        };
        write!(f, "{:<16} {:<40} {means}", self.address, self.found)
    }
}

/// Asks for the test entries.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(RblCommand::Test { list, json }) =
        RblCommand::from_arg_matches(matches)
    else {
        return Outcome::Trouble;
    };
    if list.parse::<IpAddr>().is_ok() {
        complain(format_args!("a list has a name, not an address: {list}"));
        return Outcome::Trouble;
    }
    let Some(list) = List::parse(&list) else {
        complain(format_args!("not a list: {list:?}"));
        return Outcome::Trouble;
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build();
    let world = machine::world(&Session::from_environment());
    let entries = match runtime {
        Ok(runtime) => runtime.block_on(test(&world, &list)),
        Err(error) => {
            complain(error);
            return Outcome::Trouble;
        }
    };
    if json {
        print_json(&entries.iter().map(|Entry { address, found, means }| {
            let fine = *means == Means::Fine;
            json!({ "address": address, "found": found, "as_it_should": fine })
        }).collect::<Vec<_>>());
    } else {
        entries.iter().for_each(print);
    }
    outcome(&entries)
}

/// A list's test entries, asked for one after the other.
pub async fn test(world: &World, list: &List) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (text, must_be_listed) in TESTS {
        if let Ok(address) = text.parse::<IpAddr>() {
            let reply = ask(world, list, address, TIME).await;
            entries.push(Entry::new(text, must_be_listed, &reply));
        }
    }
    entries
}

/// No if anything is wrong; trouble if nobody has answered for IPv4.
fn outcome(entries: &[Entry]) -> Outcome {
    let silent = |it: &&Entry| it.means == Means::Unknown;
    if entries.iter().filter(silent).any(|it| !it.address.contains(':')) {
        return Outcome::Trouble;
    }
    if entries.iter().any(|it| it.means == Means::Wrong) {
        Outcome::No
    } else {
        Outcome::Yes
    }
}
