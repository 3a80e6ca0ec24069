//! `ra smtpd`: the server, from the command line.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Args, FromArgMatches};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::{Command, Outcome, complain, print};
use crate::control::RCPTHOSTS;
use crate::host::auth::{self, Users};
use crate::host::chain::{Chain, SMTPPLUGINS};
use crate::host::conversation::{Conversation, House};
use crate::host::deliver::{Destination, Mailbox, outlive_file_limit};
use crate::host::journal::StandardError;
use crate::host::policy::{Domains, Policy};
use crate::host::process::Log;
use crate::host::queue::Queue;
use crate::host::server::{Capacity, MESSAGES, Server};
use crate::host::smtpd::Ended;
use crate::host::tls::acceptor;
use crate::machine;
use crate::registry::PLUGINS;
use crate::session::Session;
use crate::world::{QMAIL, World};

/// `ra smtpd`.
pub const COMMAND: Command = Command {
    name: "smtpd",
    configure: |command| {
        SmtpdArgs::augment_args(command)
            .about("An SMTP server with plugins, for tests and small sites")
            .after_help(
                "Examples:\n  ra smtpd\n  ra smtpd --domain example.org \
                 --deliver maildir:/home/joe/Maildir\n  tcpserver 0 25 env \
                 ENABLE_SPP=1 ra smtpd --stdio",
            )
    },
    run,
};

/// What `ra smtpd` takes.
#[derive(Args, Debug)]
struct SmtpdArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2525")]
    listen: SocketAddr,
    /// Hold one session on standard input and output
    #[arg(long, conflicts_with = "listen")]
    stdio: bool,
    /// The plugins, in the form of smtpplugins
    #[arg(long, value_name = "FILE")]
    plugins: Option<PathBuf>,
    /// Where mail goes: maildir:FOLDER or program:COMMAND
    #[arg(long, value_name = "DEST")]
    deliver: Option<String>,
    /// A domain to take mail for instead of those of rcpthosts (repeatable)
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
    /// Who may log in: lines user:hash
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Let passwords travel without TLS
    #[arg(long)]
    clear_passwords: bool,
    /// The certificate for STARTTLS, with its chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The largest message in bytes, 0 for any
    #[arg(long, value_name = "BYTES")]
    size: Option<u64>,
    /// Recipients of one message
    #[arg(long, value_name = "N")]
    recipients: Option<usize>,
    /// Seconds for one command, or for 256 bytes of a message
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,
    /// Seconds that a session may last
    #[arg(long, value_name = "SECONDS")]
    session_time: Option<u64>,
    /// Seconds after which a plugin that is a program is killed
    #[arg(long, value_name = "SECONDS")]
    plugin_time: Option<u64>,
    /// Sessions at once
    #[arg(long, value_name = "N")]
    sessions: Option<usize>,
    /// Sessions at once of one address; of an IPv6 client, of its /64
    #[arg(long, value_name = "N")]
    per_ip: Option<usize>,
    /// Print what the server can say in its log, and on a plugin's behalf
    #[arg(long)]
    messages: bool,
    /// Read a password from standard input, print a line for --users
    #[arg(long, value_name = "USER")]
    hash_password: Option<String>,
}

/// The plugins of a server that nobody has given any: those that need no
/// files and refuse nobody by themselves.
const BUILT_IN: &str = "\
[auth]
authlogger
[mail]
overload
[rcpt]
tarpit
plusaliases
dotblind
";

/// The domains of a server that only this machine can reach.
const OWN: [&str; 2] = ["example.org", "localhost"];

/// What a server says that would take mail for nobody or everybody.
const WHOSE_MAIL: &str = "no --domain, and no control/rcpthosts below the \
    qmail folder (RA_QMAIL): a server that others can reach has to know whom \
    it takes mail for";

/// What the client is told when the server's own files cannot be read.
const NO_CONTROLS: &str = "421 unable to read controls (#4.3.0)\r";

/// Does what the arguments say.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(arguments) = SmtpdArgs::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    let done = if let Some(user) = &arguments.hash_password {
        hash_password(user)
    } else if arguments.messages {
        MESSAGES.iter().for_each(|message| print(message.template));
        Ok(Outcome::Yes)
    } else if arguments.stdio {
        hold_one(&arguments)
    } else {
        listen(&arguments)
    };
    done.unwrap_or_else(|error| {
        complain(error);
        Outcome::Trouble
    })
}

/// Prints a line for the user file.
fn hash_password(user: &str) -> io::Result<Outcome> {
    let mut password = String::new();
    io::stdin().take(1024).read_to_string(&mut password)?;
    let password = password.lines().next().unwrap_or_default();
    if user.is_empty() || user.contains([':', '\n']) || password.is_empty() {
        return Err(io::Error::other("a user without colon and a password"));
    }
    print(auth::line(user, password).map_err(other)?);
    Ok(Outcome::Yes)
}

/// Holds one session on standard input and output.
fn hold_one(arguments: &SmtpdArgs) -> io::Result<Outcome> {
    let mut session = Session::new(std::process::id());
    for (name, value) in Session::from_environment().variables() {
        session.set(name, value);
    }
    let qmail = session.get("RA_QMAIL").unwrap_or(QMAIL).to_owned();
    let house = match stdio_house(arguments, &session, Path::new(&qmail)) {
        Ok(house) => house,
        Err(error) => {
            // The client has to hear something, as from qmail-smtpd.
            print(NO_CONTROLS);
            complain(error);
            return Ok(Outcome::No);
        }
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let wire = tokio::io::join(tokio::io::stdin(), tokio::io::stdout());
    let conversation = Conversation::new(Arc::new(house), wire, session);
    let ended = runtime.block_on(async {
        outlive_file_limit()?;
        io::Result::Ok(conversation.hold().await)
    })?;
    // A read of standard input cannot be taken back; do not wait for it.
    runtime.shutdown_background();
    Ok(match ended {
        Ended::Well => Outcome::Yes,
        Ended::Badly => Outcome::No,
    })
}

/// The house of a session under tcpserver: qmail's files and variables.
fn stdio_house(
    arguments: &SmtpdArgs,
    session: &Session,
    qmail: &Path,
) -> io::Result<House> {
    let world = machine::world(session);
    let mut policy = Policy::read(&world).map_err(other)?;
    // tcprules may set it for some clients, as qmail-smtpd's manual says.
    let databytes = session.get("DATABYTES").and_then(|it| it.parse().ok());
    if let Some(bytes) = databytes {
        policy.limit_size(bytes);
    }
    if !arguments.domain.is_empty() {
        policy.domains = Domains::These(arguments.domain.clone());
    }
    let file = match (&arguments.plugins, session.get("ENABLE_SPP")) {
        (Some(file), _) => Some(file.clone()),
        (None, Some(_)) => {
            let name = session.get("SPPCONFFILE").unwrap_or(SMTPPLUGINS);
            Some(world.path(name))
        }
        (None, None) => None,
    };
    let chain = match file {
        Some(file) => read_chain(&world, &file)?,
        None => Chain::default(),
    };
    let queue = session.get("QMAILQUEUE").unwrap_or("bin/qmail-queue");
    let queue = format!("program:{queue}");
    let deliver = arguments.deliver.as_deref().unwrap_or(&queue);
    let mut house = furnish(arguments, world, policy, chain, deliver, qmail)?;
    house.log = Log::Inherited;
    Ok(house)
}

/// Listens until it is told to stop.
fn listen(arguments: &SmtpdArgs) -> io::Result<Outcome> {
    let world = machine::world(&Session::from_environment());
    let policy = daemon_policy(arguments, &world)?;
    let chain = match &arguments.plugins {
        Some(file) => read_chain(&world, file)?,
        None => Chain::parse(BUILT_IN.as_bytes(), PLUGINS),
    };
    let deliver = arguments.deliver.as_deref().unwrap_or("maildir:./Maildir");
    let here = std::env::current_dir()?;
    let mut house = furnish(arguments, world, policy, chain, deliver, &here)?;
    if !house.folder.is_dir() {
        // Without a qmail folder, programs run where we do.
        house.folder = here;
    }
    let mut capacity = Capacity::default();
    capacity.sessions = arguments.sessions.unwrap_or(capacity.sessions);
    capacity.of_one_address =
        arguments.per_ip.unwrap_or(capacity.of_one_address);
    Runtime::new()?.block_on(async {
        outlive_file_limit()?;
        let stop = stop_signal()?;
        let listener = TcpListener::bind(arguments.listen).await?;
        introduce(&house.policy, deliver, listener.local_addr()?);
        let server = Server::new(Arc::new(house), capacity);
        server.serve(listener, stop).await;
        Ok(Outcome::Yes)
    })
}

/// What a listening server allows. One that strangers can reach has to know
/// its domains: it must not be an open relay, not even by mistake.
fn daemon_policy(arguments: &SmtpdArgs, world: &World) -> io::Result<Policy> {
    let own = || OWN.iter().map(|name| (*name).to_owned()).collect();
    let domains = if !arguments.domain.is_empty() {
        Domains::These(arguments.domain.clone())
    } else if world.files.exists(&world.path(RCPTHOSTS)) {
        Domains::Rcpthosts
    } else if arguments.listen.ip().to_canonical().is_loopback() {
        Domains::These(own())
    } else {
        return Err(io::Error::other(WHOSE_MAIL));
    };
    let mut policy = if world.files.exists(&world.path("control/me")) {
        Policy::read(world).map_err(other)?
    } else {
        let name = arguments.domain.first().map_or("localhost", String::as_str);
        Policy::new(name, domains.clone())
    };
    policy.domains = domains;
    Ok(policy)
}

/// Puts into a house what the arguments say about both kinds of servers.
fn furnish(
    arguments: &SmtpdArgs,
    world: World,
    mut policy: Policy,
    chain: Chain,
    deliver: &str,
    folder: &Path,
) -> io::Result<House> {
    let bounds = &mut policy.bounds;
    bounds.recipients = arguments.recipients.unwrap_or(bounds.recipients);
    bounds.idle = arguments.idle.map_or(bounds.idle, Duration::from_secs);
    bounds.session =
        arguments.session_time.map_or(bounds.session, Duration::from_secs);
    if let Some(bytes) = arguments.size {
        policy.limit_size(bytes);
    }
    let destination = destination(deliver, folder)?;
    let journal = Arc::new(StandardError);
    let mut house = House::new(world, policy, chain, destination, journal);
    let limits = &mut house.limits;
    limits.time =
        arguments.plugin_time.map_or(limits.time, Duration::from_secs);
    if let Some(file) = &arguments.users {
        let text = std::fs::read_to_string(file)
            .map_err(|error| named(file, &error))?;
        house.users = Arc::new(Users::parse(&text));
    }
    house.clear_passwords = arguments.clear_passwords;
    if let (Some(certificate), Some(key)) =
        (&arguments.tls_cert, &arguments.tls_key)
    {
        let tls = acceptor(certificate, key);
        house.tls = Some(tls.map_err(|error| named(certificate, &error))?);
    }
    Ok(house)
}

/// Reads `maildir:FOLDER` or `program:COMMAND`.
fn destination(text: &str, folder: &Path) -> io::Result<Box<dyn Destination>> {
    if let Some(path) = text.strip_prefix("maildir:") {
        let path = folder.join(path);
        let mailbox = Mailbox::open(&path);
        return Ok(Box::new(mailbox.map_err(|error| named(&path, &error))?));
    }
    let command = text.strip_prefix("program:");
    match command.and_then(|command| Queue::new(command, folder)) {
        Some(queue) => Ok(Box::new(queue)),
        None => Err(io::Error::other(format!(
            "{text:?} is neither maildir:FOLDER nor program:COMMAND"
        ))),
    }
}

/// Reads smtpplugins. Without it there is no session, as in qmail.
fn read_chain(world: &World, file: &Path) -> io::Result<Chain> {
    let text = world.files.read(file).map_err(|error| named(file, &error))?;
    Ok(Chain::parse(&text, PLUGINS))
}

/// Says what to type next.
fn introduce(policy: &Policy, deliver: &str, address: SocketAddr) {
    let (domains, domain) = match &policy.domains {
        Domains::These(domains) => {
            (domains.join(", "), domains.first().map_or("", String::as_str))
        }
        Domains::Rcpthosts | Domains::RcpthostsOrAll => {
            ("the domains of control/rcpthosts".to_owned(), "example.org")
        }
    };
    let (ip, port) = (address.ip(), address.port());
    complain(format_args!("listening on {address}"));
    complain(format_args!("mail for {domains} goes to {deliver}"));
    complain(format_args!(
        "try: swaks --server {address} --from me@example.com \
         --to you+shop@{domain}"
    ));
    complain(format_args!(
        "or:  python3 -c \"import smtplib; smtplib.SMTP('{ip}', {port})\
         .sendmail('me@example.com', 'you+shop@{domain}', \
         'Subject: hello\\n\\nworld\\n')\""
    ));
}

/// Says true when SIGTERM or SIGINT comes.
fn stop_signal() -> io::Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        complain("stopping: messages on their way may still arrive");
        stop.send_replace(true);
        // Nobody may drop the sender: its receivers would take that for an
        // error and not for a wish.
        stop.closed().await;
    });
    Ok(stopped)
}

/// An error with the file that it is about.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

/// An error of another kind.
fn other(error: impl ToString) -> io::Error {
    io::Error::other(error.to_string())
}
