//! `spfquery`: the classic program, by its name.
//!
//! Scripts have called it for twenty years with options of one dash, and
//! read four lines: the result, a comment for the SMTP reply, a comment for
//! the header, and the header.

use std::net::IpAddr;

use crate::cli::spf::{exit_status, in_world};
use crate::cli::{Outcome, complain, print};
use crate::spf::check::{Checker, Query};
use crate::spf::explain::explanation;
use crate::spf::header::{Checked, Report};
use crate::spf::outcome::SpfResult;

/// What is printed for `-help` and for what nobody understands.
const USAGE: &str = "\
Usage: spfquery -ip=ADDRESS -sender=ADDRESS -helo=NAME [-local=NAME]
Example: spfquery -ip=192.0.2.1 -sender=joe@example.org -helo=mx.example.org

  -ip, -i       the client's address
  -sender, -s   the envelope sender (also -mail-from, -m)
  -helo, -h     the name in HELO
  -receiver, -r the name of the receiving host (also -local, -name)
  -debug        every step, too
  -version      the version

One dash or two, the value behind = or a space. Prints the result, a comment
for the SMTP reply, a comment for the header, and the header. Exit status 1
for fail, 2 for trouble, else 0.";

/// What has been asked for.
#[derive(Debug, Default)]
struct Wanted {
    ip: Option<IpAddr>,
    sender: String,
    helo: String,
    receiver: String,
    debug: bool,
}

/// Runs `spfquery` with its arguments.
pub fn run(arguments: impl Iterator<Item = String>) -> Outcome {
    let wanted = match read(arguments) {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return Outcome::Yes,
        Err(trouble) => {
            complain(trouble);
            complain(USAGE);
            return Outcome::Trouble;
        }
    };
    let Some(client_ip) = wanted.ip else {
        complain("-ip is missing");
        return Outcome::Trouble;
    };
    in_world(async |world| {
        let query = Query {
            client_ip,
            mail_from: &wanted.sender,
            helo: &wanted.helo,
            receiver: &wanted.receiver,
        };
        let tracing = wanted.debug;
        let outcome =
            Checker { tracing, ..Checker::new(world) }.check(&query).await;
        let checked = Checked::MailFrom;
        let report = Report { query: &query, checked, outcome: &outcome };
        for step in &outcome.trace {
            complain(step.escape_default());
        }
        print(outcome.result);
        print(match outcome.result {
            SpfResult::Pass => String::new(),
            SpfResult::None
            | SpfResult::Neutral
            | SpfResult::Fail
            | SpfResult::SoftFail
            | SpfResult::TempError
            | SpfResult::PermError => {
                explanation(&outcome).unwrap_or_else(|| report.comment())
            }
        });
        print(report.comment());
        print(report.received_spf());
        exit_status(outcome.result)
    })
}

/// Reads the options; nothing if they ask for words only, which have been
/// said.
fn read(
    arguments: impl Iterator<Item = String>,
) -> Result<Option<Wanted>, String> {
    let mut wanted = Wanted::default();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let option = argument.trim_start_matches('-');
        if option.len() == argument.len() || option.is_empty() {
            return Err(format!("not an option: {argument:?}"));
        }
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option, None),
        };
        match name {
            "debug" | "v" | "verbose" => wanted.debug = true,
            "help" | "?" => {
                print(USAGE);
                return Ok(None);
            }
            "version" => {
                print(concat!("spfquery (ra) ", env!("CARGO_PKG_VERSION")));
                return Ok(None);
            }
            _ => {
                let value = value.or_else(|| arguments.next());
                let value =
                    value.ok_or_else(|| format!("{argument} needs a value"))?;
                wanted.set(name, value)?;
            }
        }
    }
    Ok(Some(wanted))
}

impl Wanted {
    /// Takes one option with its value.
    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "ip" | "i" | "ipv4" | "ipv6" => {
                let ip = value.parse();
                let wrong = |_| format!("not an address: {value:?}");
                self.ip = Some(ip.map_err(wrong)?);
            }
            "sender" | "s" | "mail-from" | "mfrom" | "m" => self.sender = value,
            "helo" | "h" | "ehlo" => self.helo = value,
            "receiver" | "local" | "name" | "r" => self.receiver = value,
            // What other spfquery programs take and we have no use for.
            "rcpt-to"
            | "guess"
            | "default-explanation"
            | "max-lookup"
            | "sanitize" => {}
            _ => return Err(format!("no such option: -{name}")),
        }
        Ok(())
    }
}
