//! `ra alias`: what the alias rules make of an address.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use clap::{ArgMatches, Args, FromArgMatches};
use serde_json::json;

use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::control::takes_mail_for;
use crate::plugin::{Plugin, Verdict};
use crate::plugins::{dotblind, plusaliases};
use crate::session::{Address, Session};
use crate::spp;
use crate::world::{QMAIL, World};

/// `ra alias ADDRESS`.
pub const COMMAND: Command = Command {
    name: "alias",
    configure: |command| {
        AliasArgs::augment_args(command)
            .about("Shows what the alias rules make of an address")
            .after_help("Example: ra alias m.i.ch+shop@example.org")
    },
    run,
};

/// What `ra alias` takes.
#[derive(Args, Debug)]
struct AliasArgs {
    /// The recipient as a client writes it
    address: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The rules, in the order in which smtpplugins should have them.
const RULES: [&Plugin; 2] = [&plusaliases::PLUGIN, &dotblind::PLUGIN];

/// Applies one rule after the other, with the settings of the environment.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(arguments) = AliasArgs::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    if Address::parse(&arguments.address).is_none() {
        complain(format_args!("not an address: {:?}", arguments.address));
        return Outcome::No;
    }
    let mut session = Session::from_environment();
    session.set("SMTPRCPTTO", &arguments.address);
    let world = World::real(session.get("RA_QMAIL").unwrap_or(QMAIL));
    // The server asks rcpthosts before it runs the plugins.
    let domain = session.recipient().map_or("", |it| it.domain).to_owned();
    match takes_mail_for(&world, &domain) {
        Ok(true) => session.set("SMTPRCPTHOSTSOK", "1"),
        Ok(false) => session.set("SMTPRCPTHOSTSOK", "0"),
        Err(error) => complain(error),
    }
    let mut steps = Vec::new();
    for rule in RULES {
        let verdict = at_once((rule.decide)(&session, &world));
        verdict.log.iter().for_each(complain);
        if let Some(spp::Command::Change(address)) = verdict.commands.first() {
            session.set("SMTPRCPTTO", address);
            steps.push((rule.name, address.clone().into_owned()));
        }
    }
    let delivered = session.get("SMTPRCPTTO").unwrap_or_default();
    if arguments.json {
        print_json(&json!({
            "address": arguments.address,
            "delivered_to": delivered,
            "rules": steps,
        }));
    } else {
        print(delivered);
        for (name, address) in &steps {
            print(format_args!("  {name}: {address}"));
        }
    }
    Outcome::Yes
}

/// The verdict of a plugin that waits for nothing. One that did would be
/// taken to agree.
fn at_once(decision: impl Future<Output = Verdict>) -> Verdict {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(decision).poll(&mut context) {
        Poll::Ready(verdict) => verdict,
        Poll::Pending => Verdict::unchanged(),
    }
}
