//! `ra tour`: one real session for every plugin, told as it happens.
//!
//! The tour starts a server of its own for each stop, on a free port of this
//! machine, in a world that stands still: no file outside is read, no delay
//! takes time. DNS is a zone that the stop writes down, the rater and the
//! neighbour's server are real ones. What is printed is what went over the
//! socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Args, FromArgMatches};
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::cli::stops::{NEIGHBOUR, STOPS, Stop};
use crate::cli::{Command, Outcome, complain, print, print_json};
use crate::dns::zone::Zone;
use crate::frozen::Frozen;
use crate::host::chain::Chain;
use crate::host::conversation::House;
use crate::host::journal::{Journal, Note, Notebook};
use crate::host::policy::{Domains, Policy};
use crate::host::script::Outbox;
use crate::host::server::{Capacity, Server};
use crate::network::Tcp;
use crate::rater;
use crate::rater::clock::Clock;
use crate::rater::config::Config;
use crate::rater::limiter::Rater;
use crate::rater::listener::Listener;
use crate::rater::log::{Level, Log};
use crate::rater::server::Service;
use crate::rater::store::Store;
use crate::registry::{PLUGINS, find};
use crate::spp::Command as Said;
use crate::world::{SystemClock, World};

/// `ra tour`.
pub const COMMAND: Command = Command {
    name: "tour",
    configure: |command| {
        TourArgs::augment_args(command)
            .about("Shows every plugin at work in a real SMTP session")
            .after_help("Example: ra tour tarpit")
    },
    run,
};

/// What `ra tour` takes.
#[derive(Args, Debug)]
struct TourArgs {
    /// Only this plugin
    plugin: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Goes on the tour.
fn run(matches: &ArgMatches) -> Outcome {
    let Ok(arguments) = TourArgs::from_arg_matches(matches) else {
        return Outcome::Trouble;
    };
    let wanted = arguments.plugin.as_deref();
    let stops: Vec<&Stop> = STOPS
        .iter()
        .filter(|stop| wanted.is_none_or(|name| stop.plugin == name))
        .collect();
    if stops.is_empty() {
        complain("the tour does not stop there");
        return Outcome::No;
    }
    let mut told = Vec::new();
    for (number, stop) in (1..).zip(&stops) {
        let runtime = tokio::runtime::Runtime::new();
        match runtime.and_then(|runtime| runtime.block_on(visit(stop))) {
            Ok(scenes) if arguments.json => {
                told.push(as_json(stop, &scenes));
            }
            Ok(scenes) => tell(number, stop, &scenes),
            Err(error) => {
                complain(format_args!("{}: {error}", stop.plugin));
                return Outcome::Trouble;
            }
        }
    }
    if arguments.json {
        print_json(&told);
    } else {
        let plugins = match stops.len() {
            1 => "one plugin".to_owned(),
            count => format!("{count} plugins"),
        };
        print(format_args!(
            "That was the tour: {plugins}. `ra plugins NAME` tells all \
             about one, `ra smtpd` starts a server to play with."
        ));
    }
    Outcome::Yes
}

/// One exchange: what the client said, what it heard, what happened inside.
struct Scene {
    /// The client's line; empty before the greeting.
    said: String,
    /// The server's lines.
    heard: Vec<String>,
    /// What the plugin did, in words.
    inside: Vec<String>,
}

/// The world of a stop: its files, its zone, the network of this machine.
fn world_of(stop: &Stop) -> io::Result<Frozen> {
    let zone = Zone::read(stop.zone).map_err(io::Error::other)?;
    let mut world = Frozen::new().dns(zone).network(Tcp);
    for (path, text) in stop.files {
        world = match text.strip_prefix("CDB:") {
            Some(keys) => world.cdb(path, keys.split(',')),
            None => world.file(path, text),
        };
    }
    Ok(world)
}

/// Starts the rater of a stop, with its limits, and tells where it listens.
async fn start_rater(limits: &str) -> io::Result<SocketAddr> {
    let config = Config::parse(limits).map_err(io::Error::other)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = Service {
        rules: RwLock::new(config.rules),
        store: Mutex::new(Store::new(config.settings.max_keys.get())),
        shared: None,
        clock: Clock::set(0),
        answers: Default::default(),
        log: Log::new(Level::Error),
    };
    let listener = Listener::Tcp(listener);
    tokio::spawn(rater::server::serve(listener, Arc::new(service)));
    Ok(address)
}

/// Starts a server for a domain, and tells where it listens.
async fn start_server(
    domain: &str,
    chain: &str,
    world: World,
    journal: Arc<dyn Journal>,
    outbox: &Outbox,
    variables: &[(&str, &str)],
) -> io::Result<SocketAddr> {
    let domains = Domains::These(vec![domain.to_owned()]);
    let policy = Policy::new(&format!("mx.{domain}"), domains);
    let chain = Chain::parse(chain.as_bytes(), PLUGINS);
    let destination = Box::new(outbox.clone());
    let house = House::new(world, policy, chain, destination, journal);
    let mut server = Server::new(Arc::new(house), Capacity::default());
    for (name, value) in variables {
        server.session.set(name, value);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let (_end, ended) = watch::channel(false);
        server.serve(listener, ended).await;
    });
    Ok(address)
}

/// Holds the session of a stop over a real socket. The servers go with the
/// runtime.
async fn visit(stop: &Stop) -> io::Result<Vec<Scene>> {
    let frozen = world_of(stop)?;
    let mut world = frozen.world();
    if stop.takes_time {
        world.clock = Arc::new(SystemClock);
    }
    if !stop.limits.is_empty() {
        let address = start_rater(stop.limits).await?;
        world.limiter = Arc::new(Rater::new(&address.to_string()));
    }
    let mut variables = stop.variables.to_vec();
    let (domain, chain, files) = NEIGHBOUR;
    let there = files
        .iter()
        .fold(Frozen::new(), |world, (path, text)| world.file(path, text));
    let silent: Arc<dyn Journal> = Arc::new(Notebook::default());
    let nobody = Outbox::default();
    let neighbour =
        start_server(domain, chain, there.world(), silent, &nobody, &[]);
    let port = neighbour.await?.port().to_string();
    variables.push(("CHECKBACK_PORT", &port));
    let notebook = Arc::new(Notebook::default());
    let journal: Arc<dyn Journal> = notebook.clone();
    let outbox = Outbox::default();
    let server = start_server(
        "example.org",
        stop.chain,
        world,
        journal,
        &outbox,
        &variables,
    );
    let address = server.await?;
    let client = BufReader::new(TcpStream::connect(address).await?);
    let talk = converse(client, stop, &frozen, &notebook, &outbox);
    timeout(Duration::from_secs(30), talk).await?
}

/// Says the client's lines, and notes what comes of each.
async fn converse(
    mut client: BufReader<TcpStream>,
    stop: &Stop,
    world: &Frozen,
    notebook: &Notebook,
    outbox: &Outbox,
) -> io::Result<Vec<Scene>> {
    let mut scenes = Vec::new();
    let (mut slept, mut taken) = (Duration::ZERO, 0);
    let greeting_and_lines = ["", "EHLO client.example.com"]
        .iter()
        .chain(stop.client)
        .chain(&["QUIT"]);
    for said in greeting_and_lines {
        if !said.is_empty() {
            client.write_all(format!("{said}\r\n").as_bytes()).await?;
        }
        let heard = answer(&mut client).await?;
        let mut inside = Vec::new();
        inside.extend(notebook.take().iter().filter_map(describe));
        inside.extend(waited(world, &mut slept));
        for (envelope, _) in outbox.taken().iter().skip(taken) {
            taken += 1;
            let recipients = envelope.recipients.iter();
            let recipients: Vec<_> =
                recipients.map(|it| String::from_utf8_lossy(it)).collect();
            inside.push(format!("delivered to {}", recipients.join(", ")));
        }
        let is_over = heard.is_empty();
        let said = (*said).to_owned();
        scenes.push(Scene { said, heard, inside });
        if is_over {
            break;
        }
    }
    Ok(scenes)
}

/// One whole answer: lines up to the one whose code is followed by a space.
/// Nothing when the server has closed.
async fn answer(client: &mut BufReader<TcpStream>) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = match client.read_line(&mut line).await {
            Ok(read) => read,
            // A server that closes with something unread resets the line.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error),
        };
        if read == 0 {
            return Ok(lines);
        }
        let is_last = line.get(3..4) != Some("-");
        lines.push(line.trim_end().to_owned());
        if is_last {
            return Ok(lines);
        }
    }
}

/// How long the frozen clock has moved since the last look.
fn waited(world: &Frozen, before: &mut Duration) -> Option<String> {
    let now = world.slept();
    let delay = now.saturating_sub(*before);
    *before = now;
    let seconds = delay.as_secs();
    (seconds > 0).then(|| format!("waits {seconds} s (by the tour's clock)"))
}

/// What a note says, in words.
fn describe(note: &Note) -> Option<String> {
    match note {
        Note::Ran(section, line, _) => {
            Some(format!("{line} runs in section {}", section.name()))
        }
        Note::Said(_, command) => {
            let means = meaning(command);
            Some(format!("prints {command:<30}  {means}"))
        }
        Note::Logged(line) => Some(format!("log: {line}")),
        Note::Sent(_) => None,
    }
}

/// What a command asks of the server.
fn meaning(command: &Said) -> &'static str {
    match command {
        Said::Accept => "no more plugins for this session",
        Said::Next => "no more plugins for this command",
        Said::Okay => "no more plugins, and skip your own check",
        Said::Error(_) => "refuse",
        Said::Reject(_) => "refuse and close",
        Said::Drop => "close",
        Said::Print(_) => "say this too",
        Said::Later(..) => "refuse later",
        Said::Header(_) => "add to the header",
        Said::Set(..) => "set a variable",
        Said::Unset(_) => "unset a variable",
        Said::Change(_) => "take this address instead",
    }
}

/// Prints a stop.
fn tell(number: usize, stop: &Stop, scenes: &[Scene]) {
    let Stop { plugin, scene, variables, files, .. } = stop;
    let purpose = find(plugin).map_or("", |plugin| plugin.purpose);
    print(format_args!("{number}. {plugin}: {purpose}"));
    print(format_args!("   Scene: {scene}."));
    for (name, value) in *variables {
        print(format_args!("   with {name}={value}"));
    }
    for (name, text) in *files {
        let text = text.trim_end().replace('\n', " | ");
        print(format_args!("   with {name}: {text}"));
    }
    // A zone begins with three lines that only say that it is one.
    for line in stop.zone.lines().skip(3).chain(stop.limits.lines()) {
        print(format_args!("   with {}", line.trim()));
    }
    print("");
    for Scene { said, heard, inside } in scenes {
        if heard.is_empty() {
            print("      (the server has closed the connection)");
            break;
        }
        for line in said.lines() {
            print(format_args!("   C: {line}"));
        }
        for line in inside {
            print(format_args!("          | {line}"));
        }
        for line in heard {
            print(format_args!("   S: {line}"));
        }
    }
    print("");
}

/// A stop for programs.
fn as_json(stop: &Stop, scenes: &[Scene]) -> Value {
    let scenes = scenes.iter().map(|Scene { said, heard, inside }| {
        json!({"client": said, "server": heard, "inside": inside})
    });
    json!({
        "plugin": stop.plugin,
        "scene": stop.scene,
        "dialogue": scenes.collect::<Vec<_>>(),
    })
}
